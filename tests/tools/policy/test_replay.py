"""What a draft would have decided otherwise."""

from __future__ import annotations

from tests.tools.policy.shapes import REFUNDING, compiled, request
from tools.policy.replay import flips


def refunds_up_to(amount: str, annotation: str = "") -> str:
    return (
        f"{annotation} permit(principal, {REFUNDING}, resource) when {{ context.facts has amount && "
        f'context.facts.amount.lessThanOrEqual(decimal("{amount}")) }};'
    )


def test_flips_are_the_calls_decided_otherwise() -> None:
    calls = [request(facts={"amount": amount}) for amount in ("10.00", "50.00", "75.00", "150.00", None)]
    found = flips(compiled(refunds_up_to("50.00")), compiled(refunds_up_to("100.00")), calls)
    assert [(flip.index, flip.before.outcome, flip.after.outcome) for flip in found] == [(2, "deny", "allow")]
    assert found[0].after.rules == ("rule-1",)


def test_other_approvers_are_a_flip_and_another_rule_is_none() -> None:
    one = refunds_up_to("50.00", '@approval("reviewer")')
    two = refunds_up_to("50.00", '@approval("reviewer") @approvals("2")')
    calls = iter([request(facts={"amount": "1.00"})])
    [flip] = flips(compiled(one), compiled(two), calls)
    assert (flip.before.outcome, flip.after.outcome) == ("approval", "approval")
    assert flips(compiled(one, one), compiled(one), [request(facts={"amount": "1.00"})]) == []
