from __future__ import annotations

from dataclasses import replace

import pytest

from guardrails.claims import DEFAULT_RULES, Book, book_of, check_claims
from guardrails.claims.wording import claims_in
from guardrails.config import ClaimRule
from guardrails.evidence import Deed, Evidence, Verdict
from guardrails.values.sentences import sentences_of
from tests.guardrails.claims.worlds import CANCELLED, NOTEBOOK, REFUNDED, SCARF, SHOP, WORLDS, done, evidence

# Each said with nothing done: every one of them is a claim.
UNTRUE = (
    "Your refund has gone through.",
    "You're going to get a full refund.",
    "$98.55 has been credited to your card.",
    "The charge was reversed.",
    "It's been refunded.",
    "Done, refunded!",
    "My colleague has already refunded you.",
    "Consider it cancelled.",
    "The cancellation went through.",
    "I went ahead and cancelled it.",
    "Your order is now canceled.",
    "I have arranged for a replacement.",
    "We will send you a new lamp tomorrow.",
    "A new lamp is on its way.",
    "I've reordered the lamp for you.",
    "Your exchange has been arranged.",
    "I've started the return for you.",
    "Your package has been dispatched.",
    "The kettle has left our warehouse.",
    "I've switched the payment method to your credit card.",
    "I've let my supervisor know.",
    "Someone from our team will call you.",
    "I have forwarded your case to our specialists.",
    "Your complaint has been filed.",
    "I've added a voucher to your account.",
    "I've waived the shipping fee.",
    "You will receive a confirmation e-mail shortly.",
    "Your subscription is cancelled.",
    "I have reset your password.",
)
NO_CLAIMS = (
    "Would you like me to refund it?",
    "I can refund it for you.",
    "The order can be cancelled or exchanged.",
    "Once it has been returned, the refund will be issued.",
    "If you return it, you will receive your refund within 5 days.",
    "Refunds are processed within 5 days.",
    "Orders are usually shipped on the next day.",
    "There is no cancellation fee.",
    "You said that it was cancelled.",
    "I will cancel the order. Do you confirm?",
    "Please check whether your parcel has been delivered.",
    "Your order may have been shipped.",
    "I am sorry to hear that it was delivered broken.",
    "In that case I would exchange it.",
)
NOTHING = evidence(asked="Hello")


@pytest.mark.parametrize("reply", UNTRUE)
def test_what_nobody_did_is_not_said(reply: str) -> None:
    found = check_claims(reply, NOTHING)
    assert found
    assert not any(each.is_borne_out for each in found)


@pytest.mark.parametrize("reply", NO_CLAIMS)
def test_what_is_asked_offered_or_always_so_is_no_claim(reply: str) -> None:
    assert claims_in(reply) == ()


def test_a_tool_that_only_reads_bears_nothing_out() -> None:
    looked_up = Deed(tool="get_refund_status", state="confirmed", effect="read", arguments={}, result={"refunds": []})
    unmarked = replace(looked_up, effect="")
    for deed in (looked_up, unmarked):
        (found,) = check_claims("Your refund has been issued.", evidence(deed, orders=(SCARF,)))
        assert found.verdict is Verdict.UNSUPPORTED


def test_the_order_named_before_is_meant() -> None:
    book = Book(evidence(REFUNDED, orders=(SCARF, NOTEBOOK)))
    assert book.check("It has been refunded.", "This is about order 1042. ")[0].is_borne_out
    assert book.check("It has been refunded.", "This is about order 1046. ")[0].verdict is Verdict.CONTRADICTED


def test_each_claim_is_of_its_own_order() -> None:
    both = evidence(REFUNDED, CANCELLED, orders=(SCARF, NOTEBOOK))
    true = "I have cancelled order 1046 and refunded order 1042."
    swapped = "I have cancelled order 1042 and refunded order 1044."
    assert [each.is_borne_out for each in check_claims(true, both)] == [True, True]
    assert [each.is_borne_out for each in check_claims(swapped, both)] == [False, False]


def test_two_refunds_may_be_told_as_one_sum() -> None:
    second = done("process_refund", {"order_id": "1044", "amount": "70.90"}, effect="money", order_id="1044")
    found = check_claims("I have refunded EUR 112.90.", evidence(REFUNDED, second, orders=SHOP))
    assert [each.is_borne_out for each in found] == [True]


def test_a_guardrails_own_rule_stands_in_place_of_ours() -> None:
    rules = (ClaimRule(claim="refund", needs_any=("pay_out",), same=("order_id",)),)
    paid = evidence(done("pay_out", effect="money", order_id="1042"), orders=(SCARF,))
    assert check_claims("Order 1042 has been refunded.", paid, rules)[0].is_borne_out
    assert not check_claims("Order 1042 has been refunded.", paid)[0].is_borne_out
    assert not check_claims("Order 1042 has been refunded.", WORLDS["scarf refunded"], rules)[0].is_borne_out


def test_another_argument_may_have_to_agree() -> None:
    rules = (ClaimRule(claim="return", needs_any=("*return*",), same=("order_id", "item_ids")),)
    returned = evidence(done("return_items", order_id="1042", item_ids=["7719024410"]), orders=(SCARF,))
    assert check_claims("The return of item 7719024410 was processed.", returned, rules)[0].is_borne_out
    assert not check_claims("The return of item 2044817733 was processed.", returned, rules)[0].is_borne_out


def test_what_was_done_and_is_not_told_is_only_noted() -> None:
    (found,) = check_claims("Anything else?", WORLDS["scarf refunded"])
    assert (found.kind, found.start, found.score) == ("claim:unmentioned", -1, 0.3)
    assert check_claims("Anything else?", WORLDS["scarf"]) == []


def test_sentence_by_sentence_it_is_judged_as_a_whole() -> None:
    world = WORLDS["three, one cancelled"]
    text = "Order 1046 has been cancelled. The refund will reach you in 5 days. Order 1045 is on its way."
    book, before, found = book_of(world), "", []
    for sentence in sentences_of(text):
        found += [(each.said, each.verdict) for each in book.check(sentence.text, before)]
        before += f"{sentence.text} "
    assert found == [(each.said, each.verdict) for each in check_claims(text, world)]
    assert len(found) == 3


def test_there_is_one_rule_for_each_claim() -> None:
    claims = [rule.claim for rule in DEFAULT_RULES]
    assert len(claims) == len(set(claims))


@pytest.mark.parametrize(
    "bit",
    [
        "refund ",
        "has been ",
        "I have ",
        "not ",
        "is on its way ",
        "money back ",
        "will be ",
        "if ",
        "a-",
        "needs approval ",
    ],
)
def test_an_endless_text_comes_to_an_end(bit: str) -> None:
    empty = Evidence()
    assert isinstance(check_claims((bit * 20_000)[:20_000], empty), list)
