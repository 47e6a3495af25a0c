from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from observability.calculator import Inputs, Said, against_staff, agentcore_bill, bill, plain


def amounts(inputs: Inputs) -> dict[str, Decimal]:
    return {line.key: line.usd for line in bill(inputs).lines}


def test_the_documents_numbers_give_the_right_sum() -> None:
    made = bill(Inputs())
    # 500 x $3 / 1M + 200 x $15 / 1M; 3 x $0.0001; 1 x $0.00002; 1 x $0.00001; no price for checks.
    assert amounts(Inputs()) == {
        "model": Decimal("0.0045"),
        "tools": Decimal("0.0003"),
        "writes": Decimal("0.00002"),
        "searches": Decimal("0.00001"),
        "guardrail": Decimal(0),
    }
    assert made.each == Decimal("0.00483")
    assert made.day == Decimal("48.30")
    assert made.month == Decimal(1449)


def test_what_the_document_says_is_told_apart_from_it() -> None:
    said = {line.key: line.said for line in bill(Inputs()).lines}
    assert said["model"] == Decimal("0.002")
    assert said["guardrail"] is None
    assert (Said().each, Said().day, Said().month) == (Decimal("0.0024"), Decimal(24), Decimal(720))
    assert Inputs().is_document
    assert not replace(Inputs(), tool_calls=Decimal(4)).is_document


def test_cached_tokens_and_checks_count_once_each_by_their_own_price() -> None:
    inputs = replace(
        Inputs(),
        cached_tokens=Decimal(4_000),
        written_tokens=Decimal(1_000),
        unit_price=Decimal("0.00025"),
    )
    found = amounts(inputs)
    # 0.0045 + 4,000 x $0.30 / 1M + 1,000 x $3.75 / 1M
    assert found["model"] == Decimal("0.00945")
    assert found["guardrail"] == Decimal("0.00075")


def test_agentcore_at_its_published_prices() -> None:
    found = {line.key: line.usd * 10_000 for line in agentcore_bill(Inputs()).lines}
    # A day of 10,000, as reckoned by hand.
    assert found["model"] == Decimal(45)
    assert found["tools"] == Decimal("0.15")
    assert found["policy"] == Decimal("0.75")
    assert found["writes"] == Decimal(5)
    assert found["searches"] == Decimal(5)
    assert found["guardrail"] == Decimal("7.50")
    # 0.5 GB x 16 min x $0.00945 / 60 + 5 s x $0.0895 / 3,600, that is 0.00126 + 0.0001243…
    assert found["runtime"].quantize(Decimal("0.001")) == Decimal("13.843")
    assert agentcore_bill(Inputs()).day.quantize(Decimal("0.01")) == Decimal("77.24")


def test_against_people() -> None:
    staff = against_staff(bill(Inputs()), Inputs())
    assert staff.resolved == 75_000
    # 1,449 / 75,000
    assert staff.usd_a_resolved == Decimal("0.01932")
    assert staff.people_low == Decimal(1449) / 5000
    assert staff.people_high == Decimal("0.483")
    assert staff.break_even_low is not None
    assert staff.break_even_low.quantize(Decimal(1)) == 155_280


def test_nothing_resolved_and_nothing_spent_divide_by_nothing() -> None:
    nothing = replace(Inputs(), resolved_percent=Decimal(0), staff_low=Decimal(0), staff_high=Decimal(0))
    staff = against_staff(bill(nothing), nothing)
    assert (staff.usd_a_resolved, staff.people_low, staff.people_high) == (None, None, None)
    free = Inputs(**dict.fromkeys(vars(Inputs()), Decimal(0)))
    assert bill(free).month == 0
    assert against_staff(bill(free), replace(Inputs())).break_even_low is None


def test_numbers_as_people_write_them() -> None:
    assert plain(Decimal("1E-8")) == "0.00000001"
    assert plain(Decimal("500.00")) == "500"
    assert plain(Decimal(10_000)) == "10,000"
    assert plain(Decimal(100)) == "100"
