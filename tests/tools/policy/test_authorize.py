"""Default deny, a forbid wins, and whatever is not a clean Allow is a denial."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, cast

import pytest

from observability.access import Role
from tests.tools.policy.shapes import ADA, AGENT, CHARGE, CHARGING, GET, REFUND, REFUNDING, SEND, ask, compiled
from tools.policy.authorize import Principal, Request, decide
from tools.policy.schema import ToolShape
from tools.policy.statements import APPROVER_ROLES, Approvers
from tools.policy.values import Customer

ANY = "permit(principal, action, resource);"
SMALL = (
    f"permit(principal, {REFUNDING}, resource) when {{ context.customer.verified && context.facts has amount && "
    'context.facts.amount.lessThanOrEqual(decimal("50.00")) };'
)
REVIEWED = f'@approval("reviewer") permit(principal, {REFUNDING}, resource);'


def test_nothing_is_allowed_by_default() -> None:
    decision = ask(compiled())
    assert (decision.outcome, decision.rules, decision.errors) == ("deny", (), ())


def test_a_permit_allows_and_is_named() -> None:
    rules = compiled(ANY, f"permit(principal, {CHARGING}, resource);")
    assert ask(rules).rules == ("rule-1",)
    assert ask(rules, CHARGE, input={"amount": 1}).rules == ("rule-1", "rule-2")


def test_a_forbid_wins_and_tells_its_reason() -> None:
    rules = compiled(
        ANY,
        f'permit(principal, {REFUNDING}, resource);@reason("Not by chat.") forbid(principal, {REFUNDING}, resource)'
        ' when { context.channel == "chat" };',
    )
    decision = ask(rules)
    assert (decision.outcome, decision.rules, decision.statements) == ("deny", ("rule-2",), ("rule-2.2",))
    assert decision.reason == "Not by chat."
    assert ask(rules, channel="email").outcome == "allow"


@pytest.mark.parametrize(
    ("amount", "outcome"),
    [
        ("50.00", "allow"),
        (Decimal(50), "allow"),
        (50, "allow"),
        (49.9999, "allow"),
        ("50.01", "deny"),
        ("50.0001", "deny"),
        (None, "deny"),
        ("-1.00", "allow"),
        (-0.0, "allow"),
        (Decimal("922337203685477.5807"), "deny"),
    ],
    ids=str,
)
def test_amounts_are_compared_exactly(amount: object, outcome: str) -> None:
    decision = ask(compiled(SMALL), facts={"amount": amount})
    assert (decision.outcome, decision.errors) == (outcome, ())


def test_a_missing_fact_opens_nothing() -> None:
    assert ask(compiled(SMALL)).outcome == "deny"
    assert ask(compiled(SMALL), facts={"amount": "1.00"}, customer=Customer()).outcome == "deny"


def test_a_group_holds_its_tools_only() -> None:
    rules = compiled('permit(principal, action in AgentCore::Action::"shop", resource);')
    assert [ask(rules, tool).outcome for tool in (REFUND, GET)] == ["allow", "allow"]
    assert ask(rules, SEND, input={"to": "ada"}).outcome == "deny"
    everything = compiled('permit(principal, action in AgentCore::Action::"Mcp", resource);')
    assert ask(everything, SEND, input={"to": "ada"}).outcome == "allow"


def test_a_group_can_be_named_in_a_condition() -> None:
    rules = compiled(ANY, 'forbid(principal, action, resource) unless { action in AgentCore::Action::"shop" };')
    assert ask(rules).outcome == "allow"
    assert ask(rules, SEND, input={"to": "ada"}).rules == ("rule-2",)


def test_a_policy_as_agentcore_documents_it_fits() -> None:
    rules = compiled(
        'permit(principal is AgentCore::OAuthUser, action == AgentCore::Action::"shop___charge", '
        'resource == AgentCore::Gateway::"tandem") when { principal.hasTag("role") && '
        'principal.getTag("role") == "support" && context.input.amount.lessThan(decimal("500.0")) };'
    )
    assert ask(rules, CHARGE, input={"amount": 499.99}).outcome == "allow"
    assert ask(rules, CHARGE, input={"amount": 500}).outcome == "deny"
    assert ask(rules, CHARGE, input={"amount": 1}, principal=Principal(id="a")).outcome == "deny"


def test_the_whole_context_can_be_read() -> None:
    rules = compiled(
        f'permit(principal == AgentCore::OAuthUser::"shop-assistant", {CHARGING}, resource) when {{ '
        'principal.id == "shop-assistant" && context.customer has email && '
        'context.customer.email == "ada@example.com" && context.channel == "chat" && !context.tainted && '
        "context.input has address && context.input.address.country == "
        '"FR" && context.input has tags && context.input.tags.contains("vip") && context.input has "weird-name" };'
    )
    full = {"amount": 1, "address": {"country": "FR"}, "tags": ["vip", "vip"], "weird-name": "x"}
    assert ask(rules, CHARGE, input=full).outcome == "allow"
    assert ask(rules, CHARGE, input=full, tainted=True).outcome == "deny"
    assert ask(rules, CHARGE, input={**full, "tags": []}).outcome == "deny"
    assert ask(rules, CHARGE, input={**full, "weird-name": None}).outcome == "deny"


# -- approval


def test_a_permit_that_asks_for_approval_parks_the_call() -> None:
    decision = ask(compiled(REVIEWED))
    assert (decision.outcome, decision.rules) == ("approval", ("rule-1",))
    assert decision.approvers == Approvers(role="reviewer", number=1)


def test_a_plain_permit_wins_over_one_with_approval_and_a_forbid_over_both() -> None:
    rules = compiled(REVIEWED, SMALL)
    small = ask(rules, facts={"amount": "10.00"})
    assert (small.outcome, small.rules, small.approvers) == ("allow", ("rule-2",), None)
    assert ask(rules, facts={"amount": "50.01"}).outcome == "approval"
    rules = compiled(REVIEWED, SMALL, f"forbid(principal, {REFUNDING}, resource) when {{ context.tainted }};")
    assert ask(rules, facts={"amount": "10.00"}, tainted=True).outcome == "deny"


def test_of_several_approvals_the_strictest_is_asked() -> None:
    rules = compiled(
        f'@approval("support") @approvals("3") permit(principal, {REFUNDING}, resource);',
        f'@approval("admin") permit(principal, {REFUNDING}, resource);',
        REVIEWED,
    )
    assert ask(rules).approvers == Approvers(role="admin", number=3)


def test_the_roles_that_approve_are_the_products() -> None:
    assert set(APPROVER_ROLES) <= set(Role)


# -- shadow


def test_shadow_rules_decide_nothing_and_are_told() -> None:
    forbid = f"forbid(principal, {REFUNDING}, resource);"
    decision = ask(compiled(ANY, shadow=(forbid,)))
    assert decision.outcome == "allow"
    assert decision.shadow is not None
    assert (decision.shadow.outcome, decision.shadow.rules) == ("deny", ("shadow-1",))


def test_a_shadow_rule_that_changes_nothing_is_told_as_well() -> None:
    never = f'forbid(principal, {REFUNDING}, resource) when {{ context.channel == "email" }};'
    decision = ask(compiled(ANY, shadow=(never,)))
    assert decision.shadow is not None
    assert (decision.shadow.outcome, decision.shadow.rules) == ("allow", ())


def test_a_tool_without_shadow_rules_has_no_shadow() -> None:
    assert ask(compiled(ANY, shadow=(f"forbid(principal, {CHARGING}, resource);",))).shadow is None


def test_a_shadow_permit_shows_what_it_would_open() -> None:
    decision = ask(compiled(shadow=(REVIEWED,)))
    assert decision.outcome == "deny"
    assert decision.shadow is not None
    assert (decision.shadow.outcome, decision.shadow.rules) == ("approval", ("shadow-1",))


# -- nothing but a clean Allow

DEEP: Any = "x"
for _ in range(5_000):
    DEEP = {"country": DEEP}
HOSTILE = {
    "no input": None,
    "a list for an input": ["amount"],
    "missing": {},
    "null": {"amount": None},
    "text": {"amount": "one"},
    "text with a space": {"amount": "1 "},
    "other digits": {"amount": "\u0661"},
    "boolean": {"amount": True},
    "list": {"amount": [1]},
    "an extension's call": {"amount": {"__extn": {"fn": "decimal", "arg": "1.0"}}},
    "an entity": {"amount": 1, "weird-name": {"__entity": {"type": "AgentCore::OAuthUser", "id": "x"}}},
    "five decimals": {"amount": 0.00001},
    "many decimals": {"amount": Decimal("1." + "0" * 60 + "1")},
    "not a number": {"amount": float("nan")},
    "a signalling one": {"amount": Decimal("sNaN")},
    "infinite": {"amount": float("-inf")},
    "too large a float": {"amount": 1e300},
    "too large a decimal": {"amount": Decimal("1e999999")},
    "too small a decimal": {"amount": Decimal("1e-999999")},
    "a number of 10,000 digits": {"amount": 10**10_000},
    "beyond the decimal": {"amount": Decimal("922337203685477.5808")},
    "beyond the long": {"amount": 1, "count": 2**63},
    "a long of 10,000 digits": {"amount": 1, "count": -(10**10_000)},
    "a fraction": {"amount": 1, "count": 1.5},
    "infinitely many": {"amount": 1, "count": float("inf")},
    "a lone surrogate": {"amount": 1, "weird-name": "\ud800"},
    "a lone surrogate within": {"amount": 1, "tags": ["a", "x\udfff"]},
    "null within": {"amount": 1, "tags": [None]},
    "a set of records": {"amount": 1, "tags": [{}]},
    "deep": {"amount": 1, "address": DEEP},
    "half an address": {"amount": 1, "address": {"in": "x"}},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_does_not_fit_is_denied(name: str) -> None:
    decision = ask(compiled(ANY), CHARGE, input=HOSTILE[name])
    assert decision.outcome == "deny"
    assert [error.code for error in decision.errors] == ["unfit_request"]
    assert decision.errors[0].message.startswith("context.input")


def test_what_no_policy_can_name_does_not_matter() -> None:
    given = {"amount": 1, "unknown": DEEP, "__entity": "x", "weird-name": '\x00\n"\\ é \U0001f600'}
    assert ask(compiled(ANY), CHARGE, input=given).outcome == "allow"
    assert ask(compiled(ANY), CHARGE, input={"amount": 1, "count": 3.0}).outcome == "allow"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"facts": {"amount": "1.00001"}}, "unfit_request"),
        ({"facts": {"refunds": "3"}}, "unfit_request"),
        ({"facts": {"in_window": 1}}, "unfit_request"),
        ({"facts": None}, "unfit_request"),
        ({"channel": None}, "unfit_request"),
        ({"channel": "\udc80"}, "unfit_request"),
        ({"tainted": "no"}, "unfit_request"),
        ({"customer": Customer(verified=True, id="\ud800")}, "unfit_request"),
        ({"principal": Principal(id="")}, "unfit_caller"),
        ({"principal": Principal(id='a" || "b')}, "unfit_caller"),
        ({"principal": Principal(id="a\x00")}, "unfit_caller"),
        ({"principal": Principal(id="\ud800")}, "unfit_caller"),
        ({"principal": Principal(id="a" * 201)}, "unfit_caller"),
        ({"principal": Principal(id="a", tags={"role": "\ud800"})}, "unfit_caller"),
        ({"principal": Principal(id="a", tags={"role": cast("str", 3)})}, "unfit_caller"),
    ],
    ids=str,
)
def test_a_hostile_caller_or_context_is_denied(given: dict[str, Any], code: str) -> None:
    decision = ask(compiled(ANY), **given)
    assert (decision.outcome, [error.code for error in decision.errors]) == ("deny", [code])


@pytest.mark.parametrize("tool", ["shop___nothing", "", "shop", "\ud800", None, []], ids=repr)
def test_an_unknown_tool_is_denied(tool: Any) -> None:
    decision = decide(compiled(ANY), Request(principal=AGENT, tool=tool, input={}, customer=ADA))
    assert (decision.outcome, [error.code for error in decision.errors]) == ("deny", ["unknown_tool"])


def test_an_engine_that_decides_nothing_denies() -> None:
    """The request fits its type but not the schema: as if the tool had changed between the two."""
    rules = compiled(ANY)
    cut = rules.slice_of(CHARGE.key)
    changed = ToolShape(key=CHARGE.key, target="shop", input_schema={"type": "object"})
    other = compiled(ANY)
    other.shapes = {**other.shapes, CHARGE.key: changed}
    object.__setattr__(cut, "schema", other.slice_of(CHARGE.key).schema)
    decision = ask(rules, CHARGE, input={"amount": 1})
    assert (decision.outcome, [error.code for error in decision.errors]) == ("deny", ["undecided"])


def test_a_statement_that_fails_denies_though_a_permit_allows() -> None:
    """Compiling refuses such a forbid; here it is let in by hand, since the engine would only skip it."""
    rules = compiled(ANY, f"forbid(principal, {CHARGING}, resource);")
    failing = rules.statements["rule-2"]
    overflow = {"+": {"left": {"Value": 2**63 - 1}, "right": {"Value": 1}}}
    body = json.dumps({"kind": "when", "body": {"==": {"left": overflow, "right": {"Value": 1}}}})
    object.__setattr__(failing, "body", failing.body.replace('"conditions": []', f'"conditions": [{body}]'))
    decision = ask(rules, CHARGE, input={"amount": 1})
    assert (decision.outcome, [error.code for error in decision.errors]) == ("deny", ["rule_failed"])
