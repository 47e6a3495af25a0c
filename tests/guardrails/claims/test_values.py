from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

from guardrails.evidence import Evidence, Source, Statement
from guardrails.values import Ledger, check_values, ledger_of
from guardrails.values.forms import read_amounts, values_in
from guardrails.values.sentences import sentences_of

TODAY = date(2026, 11, 22)


def known(*values: object, kind: str = "result", asked: str = "") -> Evidence:
    sources = tuple(Source(kind=kind, place=f"source {at}", value=value) for at, value in enumerate(values))
    return Evidence(sources=sources, today=TODAY, query=asked)


def failed(text: str, evidence: Evidence) -> list[str]:
    return [each.said for each in check_values(text, evidence) if not each.is_borne_out]


@pytest.mark.parametrize(
    ("written", "amounts"),
    [
        ("42", ["42"]),
        ("42.00", ["42"]),
        ("42,5", ["42.5"]),
        ("1,250.00", ["1250"]),
        ("1.250,00", ["1250"]),
        ("1'250.50", ["1250.5"]),
        ("1,250", ["1250"]),
        ("1.250", ["1.25", "1250"]),
        ("1,250,000", ["1250000"]),
    ],
)
def test_an_amount_is_read_in_both_notations(written: str, amounts: list[str]) -> None:
    assert list(read_amounts(written)) == [Decimal(amount) for amount in amounts]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs EUR 70.90.", [("money", "EUR 70.90")]),
        ("It costs 70,90 € now", [("money", "70,90 €")]),
        ("$1,250.00, please", [("money", "$1,250.00")]),
        ("50 cents", [("money", "50 cents")]),
        ("12.5% off", [("percent", "12.5%")]),
        ("on 3 May", [("date", "3 May")]),
        ("on May 3rd, 2026", [("date", "May 3rd, 2026")]),
        ("on the 3rd of May 2026", [("date", "3rd of May 2026")]),
        ("am 03.05.2026", [("date", "03.05.2026")]),
        ("2026-05-03T10:00:00Z", [("date", "2026-05-03T10:00:00Z")]),
        ("in May 2026", [("date", "May 2026")]),
        ("you may return 3 items", [("count", "3")]),
        ("3 to 5 working days", [("duration", "3 to 5 working days")]),
        ("a 30-day window", [("duration", "30-day")]),
        ("two weeks", [("duration", "two weeks")]),
        ("order number 1042", [("order", "1042")]),
        ("orders 1042, 1043 and 1044", [("order", "1042"), ("order", "1043"), ("order", "1044")]),
        ("#W2378156", [("order", "#W2378156")]),
        ("mei_kovacs_8020", [("id", "mei_kovacs_8020")]),
        ("your card ending in 4417", [("ending", "4417")]),
        ("call +49 30 901820", [("phone", "+49 30 901820")]),
        ("212-555-0147", [("phone", "212-555-0147")]),
        ("at 9:30 am", [("time", "9:30 am")]),
        ("see www.shop.example/a?b=1.", [("link", "www.shop.example/a?b=1")]),
        ("a 200 g pack, 130 x 180 cm, 5000mAh, 1080p, 4K, A5, 64GB, iPhone 13", []),
        ("1. first\n2. second", []),
        ("24/7 in 2026", []),
    ],
)
def test_values_are_told_by_their_form(text: str, found: list[tuple[str, str]]) -> None:
    assert [(value.kind, value.said) for value in values_in(text)] == found


def test_numbers_are_equal_across_formats() -> None:
    evidence = known({"order_id": "1042", "total": 70.9, "currency": "EUR", "tax_percent": 19})
    assert failed("70.90 EUR, 70,90 €, EUR 70.9, €70.90, 70.90 euros, 19 % for order 1042", evidence) == []
    assert failed("70.09 EUR, 79.0 EUR, 91 %", evidence) == ["70.09 EUR", "79.0 EUR", "91 %"]


def test_a_number_of_days_is_no_amount() -> None:
    evidence = known({"return_window_days": 30, "quantity": 3, "price": "12.00"})
    assert failed("It costs 30 EUR.", evidence) == ["30 EUR"]
    assert failed("The three cost EUR 36.00, and 30 days are left.", evidence) == []


def test_a_result_may_be_the_text_of_its_json() -> None:
    assert failed("It is 70.90 for order 1042.", known('{"order_id": "1042", "total": 70.9}')) == []


def test_whole_cents_are_read_as_money() -> None:
    assert failed("It is EUR 12.50.", known({"amount_cents": 1250, "currency": "EUR"})) == []


def test_a_dollar_sign_may_be_any_dollar() -> None:
    assert failed("It is $12.50.", known({"amount": "12.50", "currency": "CAD"})) == []
    assert failed("It is £12.50.", known({"amount": "12.50", "currency": "CAD"})) == ["£12.50"]


def test_links_lead_where_a_source_or_the_guardrail_allows() -> None:
    evidence = known("More on https://help.example/returns.", kind="document")
    text = "See https://help.example/refunds or https://shop.example/x or https://help.example.evil.com/x"
    assert failed(text, evidence) == ["https://shop.example/x", "https://help.example.evil.com/x"]
    allowed = check_values(text, evidence, hosts=["shop.example"])
    assert [each.said for each in allowed if not each.is_borne_out] == ["https://help.example.evil.com/x"]


def test_the_customer_may_name_an_id_and_not_a_price() -> None:
    evidence = known(asked="I paid 500 EUR for parcel AB-998877 on 3 May")
    assert failed("I cannot find AB-998877 of 3 May.", evidence) == []
    assert failed("You paid 500 EUR.", evidence) == ["500 EUR"]
    assert failed("You told me that you paid 500 EUR.", evidence) == []


def test_what_was_let_through_before_is_known() -> None:
    assert failed("As I said, EUR 12.50.", known("It is EUR 12.50.", kind="said")) == []


@pytest.mark.parametrize("word", ["tomorrow", "on Monday"])
def test_a_day_in_words_is_held_against_the_day_of_the_conversation(word: str) -> None:
    reply = f"It will arrive {word}."
    assert failed(reply, known({"expected_on": "2026-11-23"})) == []
    assert len(failed(reply, known({"expected_on": "2026-11-24"}))) == 1


def test_a_date_is_of_what_the_result_says() -> None:
    evidence = known({"order_id": "1042", "placed_on": "2026-11-12", "delivered_on": "2026-11-14"})
    assert failed("It was placed on 12 November and delivered on 14 November.", evidence) == []
    assert failed("It was delivered on 12 November.", evidence) == ["12 November"]


def test_a_time_is_that_of_a_result() -> None:
    evidence = known({"created_at": "2026-11-22T09:30:00Z"})
    assert failed("It was made on 22 November at 9:30.", evidence) == []
    assert failed("It was made on 22 November at 9:50.", evidence) == ["9:50"]


def test_no_calendar_has_it() -> None:
    assert failed("It was delivered on 31 November 2026.", known({"delivered_on": "2026-11-30"})) != []


def test_sentence_by_sentence_it_is_judged_as_a_whole() -> None:
    first, second, third = {"total": "42.00"}, {"total": "69.00"}, {"total": "70.90"}
    orders = [{"order_id": str(1042 + at), **order} for at, order in enumerate((first, second, third))]
    evidence = known({"orders": orders})
    text = "Order 1042 was EUR 42.00. Order 1043 was EUR 69.00. Together that is EUR 111.00. Its total was EUR 42.00."
    ledger, before, found = Ledger(evidence), "", []
    for sentence in sentences_of(text):
        found += [(each.said, each.verdict) for each in ledger.check(sentence.text, before)]
        before += f"{sentence.text} "
    assert found == [(each.said, each.verdict) for each in check_values(text, evidence)]
    assert len(found) == 6


def test_evidence_is_read_once_and_forgotten_with_it() -> None:
    evidence = known({"total": "42.00"})
    ledger = ledger_of(evidence)
    assert ledger_of(evidence) is ledger
    assert ledger_of(known({"total": "42.00"})) is not ledger


@pytest.mark.parametrize(
    "bit",
    ["a", "1", "1.", "a-", "-", "#", "+1 ", "€1", "www.", "a@", "12.", "three ", "order ", "1 day ", " \n", "2026-"],
)
def test_an_endless_text_comes_to_an_end(bit: str) -> None:
    found = check_values((bit * 20_000)[:20_000], known({"total": "42.00"}))
    assert all(isinstance(each, Statement) for each in found)


def test_more_values_than_a_reply_holds_are_not_let_through() -> None:
    found = check_values("It is EUR 42.00. " * 500, known({"total": "42.00"}))
    assert [each.is_borne_out for each in found].count(False) == 1
