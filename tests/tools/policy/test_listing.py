"""What a model is shown, and who may call what."""

from __future__ import annotations

import pytest

from tests.tools.policy.shapes import AGENT, CHARGE, CHARGING, GET, REFUND, REFUNDING, SEND, TOOLS, compiled
from tools.policy.authorize import Principal
from tools.policy.listing import matrix, possible_tools

KEYS = [tool.key for tool in TOOLS]
REVIEWED = f'@approval("reviewer") permit(principal, {REFUNDING}, resource);'


def test_only_what_some_input_could_pass_is_listed() -> None:
    rules = compiled(
        'permit(principal, action == AgentCore::Action::"shop___get_order", resource);',
        f"permit(principal, {REFUNDING}, resource) when {{ context.customer.verified }};",
        f'permit(principal, {CHARGING}, resource) when {{ principal.hasTag("role") && '
        'principal.getTag("role") == "sales" && context.input.amount.lessThan(decimal("5.0")) };',
    )
    assert possible_tools(rules, AGENT, KEYS) == {
        REFUND.key: "conditions",
        GET.key: "always",
        CHARGE.key: "never",
        SEND.key: "never",
    }
    sales = Principal(id="b", tags={"role": "sales"})
    assert possible_tools(rules, sales, [CHARGE.key]) == {CHARGE.key: "conditions"}


def test_a_forbid_hides_a_tool_and_a_conditional_one_does_not() -> None:
    anything = "permit(principal, action, resource);"
    rules = compiled(
        anything,
        f"forbid(principal, {CHARGING}, resource);",
        f"forbid(principal, {REFUNDING}, resource) when {{ context.tainted }};",
    )
    listed = possible_tools(rules, AGENT, KEYS)
    assert (listed[CHARGE.key], listed[REFUND.key], listed[GET.key]) == ("never", "conditions", "always")


def test_shadow_rules_change_no_list() -> None:
    permit, forbid = "permit(principal, action, resource);", "forbid(principal, action, resource);"
    assert set(possible_tools(compiled(permit, shadow=(forbid,)), AGENT, KEYS).values()) == {"always"}
    assert set(possible_tools(compiled(shadow=(permit,)), AGENT, KEYS).values()) == {"never"}


@pytest.mark.parametrize(
    ("texts", "cell"),
    [
        ((REVIEWED,), "approval"),
        ((REVIEWED, f"permit(principal, {REFUNDING}, resource);"), "always"),
        ((REVIEWED, f"permit(principal, {REFUNDING}, resource) when {{ context.tainted }};"), "conditions"),
        ((REVIEWED, f"forbid(principal, {REFUNDING}, resource) when {{ context.tainted }};"), "conditions"),
        ((REVIEWED, f"forbid(principal, {REFUNDING}, resource);"), "never"),
        ((), "never"),
    ],
    ids=["approved", "also plain", "also plain under a condition", "forbidden at times", "forbidden", "nothing"],
)
def test_the_matrix_tells_approval_apart(texts: tuple[str, ...], cell: str) -> None:
    assert matrix(compiled(*texts), [AGENT], [REFUND.key]) == {AGENT.id: {REFUND.key: cell}}
    listed = possible_tools(compiled(*texts), AGENT, [REFUND.key])[REFUND.key]
    assert listed == ("conditions" if cell == "approval" else cell)


def test_the_matrix_has_a_row_for_every_caller() -> None:
    rules = compiled(
        'permit(principal == AgentCore::OAuthUser::"key:claude desktop", '
        'action in AgentCore::Action::"mail", resource);'
    )
    key = Principal(id="key:claude desktop", tags={"kind": "key"})
    rows = matrix(rules, [AGENT, key], iter(KEYS))
    assert set(rows[AGENT.id].values()) == {"never"}
    assert rows[key.id] == {**dict.fromkeys(KEYS, "never"), SEND.key: "always"}


@pytest.mark.parametrize("name", ["", 'a"b', "a\\", "\ud800", "x" * 300, "a\n"], ids=repr)
def test_a_caller_that_cannot_be_named_is_shown_nothing(name: str) -> None:
    rules = compiled("permit(principal, action, resource);")
    assert possible_tools(rules, Principal(id=name), [GET.key, "none"]) == {GET.key: "never", "none": "never"}


@pytest.mark.parametrize("name", ["é", "名前", "key:a b.c@d|e/f+1", "e\u0301", "ｶﾞ"])
def test_a_caller_with_other_letters_is_listed_or_shown_nothing(name: str) -> None:
    """Never an error; a mark that Cedar would write as an escape is not the name of a caller."""
    rules = compiled("permit(principal, action, resource);")
    assert possible_tools(rules, Principal(id=name), [GET.key])[GET.key] in {"always", "never"}
    assert possible_tools(rules, Principal(id="é"), [GET.key])[GET.key] == "always"


def test_a_tool_that_is_unknown_is_never_listed() -> None:
    assert possible_tools(compiled("permit(principal, action, resource);"), AGENT, ["x"]) == {"x": "never"}
