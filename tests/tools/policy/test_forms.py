"""What the form says is what the rule does, and every text that it writes compiles."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.tools.policy.shapes import ADA, AGENT, CHARGE, GET, REFUND, SEND, TOOLS, ask
from tools.policy.authorize import Principal
from tools.policy.check import compile_rules
from tools.policy.forms import OPERATORS, Condition, FormRefused, FormRule, to_cedar, type_name
from tools.policy.hints import paths_of
from tools.policy.schema import ToolShape, context_type
from tools.policy.sentences import sentence
from tools.policy.slices import Compiled
from tools.policy.statements import APPROVER_ROLES, Approvers, Rule
from tools.policy.values import Customer

ANYTHING = FormRule(effect="permit")
FIFTY = Condition(of="fact", name="amount", operator="at_most", value="50")
REFUNDS = FormRule(
    effect="permit",
    scope=REFUND.key,
    kind="agent",
    verified_customer=True,
    conditions=(FIFTY,),
    approver="reviewer",
)


def rules_from(*forms: FormRule) -> Compiled:
    rules = [Rule(name=f"form-{n}", text=to_cedar(form, TOOLS)) for n, form in enumerate(forms, start=1)]
    return compile_rules(rules, TOOLS)


def test_refunds_up_to_a_limit_and_above_it_a_reviewer() -> None:
    assert (
        to_cedar(REFUNDS, TOOLS)
        == """permit (
  principal is AgentCore::OAuthUser,
  action == AgentCore::Action::"shop___process_refund",
  resource == AgentCore::Gateway::"tandem"
)
when
{
  principal.hasTag("kind") &&
  principal.getTag("kind") == "agent" &&
  context.customer.verified &&
  (context.facts has amount && context.facts.amount.lessThanOrEqual(decimal("50.00")))
};

@approval("reviewer")
permit (
  principal is AgentCore::OAuthUser,
  action == AgentCore::Action::"shop___process_refund",
  resource == AgentCore::Gateway::"tandem"
)
when
{ principal.hasTag("kind") && principal.getTag("kind") == "agent" && context.customer.verified };
"""
    )
    rules = rules_from(REFUNDS)
    assert ask(rules, facts={"amount": "50.00"}).statements == ("form-1.1",)
    above = ask(rules, facts={"amount": "50.01"})
    assert (above.outcome, above.approvers) == ("approval", Approvers(role="reviewer"))
    assert ask(rules).outcome == "approval"
    assert ask(rules, facts={"amount": "1.00"}, customer=Customer()).outcome == "deny"
    assert ask(rules, facts={"amount": "1.00"}, principal=Principal(id="a", tags={"kind": "key"})).outcome == "deny"


def test_what_is_written_is_canonical() -> None:
    text = to_cedar(REFUNDS, TOOLS)
    assert to_cedar(REFUNDS, reversed(TOOLS)) == text


def test_a_forbid_applies_where_its_value_is_missing() -> None:
    above = Condition(of="fact", name="amount", operator="above", value="50")
    rules = rules_from(ANYTHING, FormRule(effect="forbid", scope=REFUND.key, conditions=(above,), reason="Too much."))
    assert ask(rules, facts={"amount": "50.00"}).outcome == "allow"
    assert ask(rules, facts={"amount": "50.01"}).reason == "Too much."
    assert ask(rules).outcome == "deny"


def test_a_forbid_spares_a_verified_customer() -> None:
    rules = rules_from(ANYTHING, FormRule(effect="forbid", scope="shop", verified_customer=True))
    assert ask(rules).outcome == "allow"
    assert ask(rules, customer=Customer(id="42")).outcome == "deny"
    assert ask(rules, SEND, input={"to": "x"}, customer=Customer()).outcome == "allow"


def test_one_agent_and_one_role() -> None:
    rules = rules_from(FormRule(effect="permit", scope=GET.key, agent="shop-assistant", role="support"))
    assert ask(rules, GET).outcome == "allow"
    assert ask(rules, GET, principal=Principal(id="other", tags=AGENT.tags)).outcome == "deny"
    assert ask(rules, GET, principal=Principal(id=AGENT.id)).outcome == "deny"


def test_several_must_approve() -> None:
    rules = rules_from(FormRule(effect="approval", scope="shop", approver="admin", approvals=2))
    assert ask(rules).approvers == Approvers(role="admin", number=2)
    assert ask(rules, SEND, input={"to": "x"}).outcome == "deny"


ADDRESS = {"country": "FR"}
TESTS: list[tuple[Condition, dict[str, Any], bool]] = [
    (Condition(name="amount", operator="is", value="5"), {"amount": 5}, True),
    (Condition(name="amount", operator="is_not", value="5"), {"amount": 5}, False),
    (Condition(name="amount", operator="one_of", value=("5", "6.5")), {"amount": 6.5}, True),
    (Condition(name="amount", operator="below", value="5"), {"amount": 5}, False),
    (Condition(name="amount", operator="at_least", value="5.0001"), {"amount": 5.0001}, True),
    (Condition(name="amount", operator="above", value="-1"), {"amount": 0}, True),
    (Condition(name="count", operator="at_most", value="3"), {"amount": 1, "count": 3}, True),
    (Condition(name="count", operator="at_most", value=3), {"amount": 1, "count": 4}, False),
    (Condition(name="count", operator="at_most", value=3), {"amount": 1}, False),
    (Condition(name="count", operator="one_of", value=(1, -2)), {"amount": 1, "count": -2}, True),
    (Condition(name="count", operator="above", value="-9223372036854775808"), {"amount": 1, "count": 0}, True),
    (Condition(name="count", operator="given"), {"amount": 1}, False),
    (Condition(name="count", operator="missing"), {"amount": 1}, True),
    (Condition(name="amount", operator="given"), {"amount": 1}, True),
    (Condition(name="express", operator="is", value="true"), {"amount": 1, "express": True}, True),
    (Condition(name="express", operator="is", value=False), {"amount": 1, "express": True}, False),
    (Condition(name="tags", operator="contains", value="vip"), {"amount": 1, "tags": ["x", "vip"]}, True),
    (Condition(name="tags", operator="contains", value="vip"), {"amount": 1, "tags": []}, False),
    (Condition(name="address.country", operator="one_of", value=("DE", "FR")), {"amount": 1, "address": ADDRESS}, True),
    (Condition(name="address.country", operator="is", value="FR"), {"amount": 1}, False),
    (Condition(name="address.in", operator="missing"), {"amount": 1, "address": ADDRESS}, True),
    (Condition(name="address.in", operator="is", value="x"), {"amount": 1, "address": {**ADDRESS, "in": "x"}}, True),
    (Condition(name="weird-name", operator="starts_with", value="a*"), {"amount": 1, "weird-name": "a*b"}, True),
    (Condition(name="weird-name", operator="starts_with", value="a*"), {"amount": 1, "weird-name": "ab"}, False),
    (Condition(name="weird-name", operator="contains", value='"\\*'), {"amount": 1, "weird-name": 'x"\\*y'}, True),
    (
        Condition(name="weird-name", operator="is", value='a"\\\n\x00é'),
        {"amount": 1, "weird-name": 'a"\\\n\x00é'},
        True,
    ),
]


@pytest.mark.parametrize("place", range(len(TESTS)))
def test_conditions_mean_what_they_say(place: int) -> None:
    condition, given, met = TESTS[place]
    rules = rules_from(FormRule(effect="permit", scope=CHARGE.key, conditions=(condition,)))
    assert ask(rules, CHARGE, input=given).outcome == ("allow" if met else "deny")


REFUSED: list[tuple[FormRule, str]] = [
    (FormRule(effect="permit", scope="nothing"), "scope"),
    (FormRule(effect="approval"), "approver"),
    (FormRule(effect="approval", approver="boss"), "approver"),
    (FormRule(effect="approval", approver="admin", approvals=0), "approvals"),
    (FormRule(effect="forbid", approver="admin"), "approver"),
    (FormRule(effect="permit", approver="admin"), "conditions"),
    (FormRule(effect="permit", reason="x"), "reason"),
    (FormRule(effect="forbid", reason="\ud800"), "reason"),
    (FormRule(effect="forbid", reason="x" * 301), "reason"),
    (FormRule(effect="permit", agent='a"b'), "agent"),
    (FormRule(effect="permit", role="\ud800"), "role"),
    *(
        (FormRule(effect="permit", scope=CHARGE.key, conditions=(condition,)), "conditions")
        for condition in (
            Condition(name="nothing", operator="is", value="x"),
            Condition(name="amount.cents", operator="is", value="x"),
            Condition(name="amount", operator="is", value="1.00001"),
            Condition(name="amount", operator="is", value="many"),
            Condition(name="amount", operator="starts_with", value="1"),
            Condition(name="amount", operator="is", value=("1",)),
            Condition(name="amount", operator="one_of", value=()),
            Condition(name="amount", operator="one_of", value="5"),
            Condition(name="count", operator="is", value="9223372036854775808"),
            Condition(name="count", operator="is", value="1.5"),
            Condition(name="express", operator="is", value="yes"),
            Condition(name="weird-name", operator="is", value="\udcff"),
            Condition(name="weird-name", operator="is", value=5),
            Condition(name="tags", operator="contains", value=5),
            Condition(name="address", operator="is", value="x"),
            Condition(of="fact", name="amount", operator="is", value="1"),
        )
    ),
    (FormRule(effect="permit", conditions=(Condition(name="order_id", operator="is", value="1"),)), "conditions"),
    (
        FormRule(effect="permit", scope=CHARGE.key, conditions=(Condition(name="count", operator="given"),) * 11),
        "conditions",
    ),
]


@pytest.mark.parametrize("place", range(len(REFUSED)))
def test_a_form_that_says_nothing_sensible_is_refused(place: int) -> None:
    form, field = REFUSED[place]
    with pytest.raises(FormRefused) as raised:
        to_cedar(form, TOOLS)
    assert raised.value.field == field


def test_a_condition_about_a_group_holds_for_all_its_tools() -> None:
    condition = Condition(name="order_id", operator="is", value="1")
    order_tools = (REFUND, GET)
    text = to_cedar(FormRule(effect="permit", scope="shop", conditions=(condition,)), order_tools)
    rules = compile_rules([Rule(name="r", text=text)], order_tools)
    assert ask(rules, GET, input={"order_id": "1"}).outcome == "allow"
    assert ask(rules, GET).outcome == "deny"


# -- whatever the tools are


def random_schema(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    kinds = ["string", "integer", "number", "boolean", "array", "any"] + ["object"] * (depth < 2)
    kind = chance.choice(kinds)
    if kind == "array":
        return {"type": "array", "items": {"type": chance.choice(("string", "integer", "number", "boolean"))}}
    if kind == "object":
        return random_object(chance, depth + 1)
    return {} if kind == "any" else {"type": chance.choice((kind, [kind, "null"]))}


def random_object(chance: random.Random, depth: int = 0) -> dict[str, Any]:
    names = ["a", "amount", "in", "if", "weird-name", "x y", 'q"', "é", "__cedar", "like", "B_2", "\\", ""]
    chosen = chance.sample(names, chance.randint(1, 6))
    properties = {name: random_schema(chance, depth) for name in chosen}
    return {"type": "object", "properties": properties, "required": [n for n in chosen if chance.random() < 0.5]}


def random_value(chance: random.Random, kind: str) -> Any:
    match kind:
        case "String":
            return "".join(chance.choices('ab*"\\\n\t\x00\x7f\u2028é{}%;/', k=chance.randint(0, 6)))
        case "Long":
            return chance.choice((0, -1, 2**63 - 1, -(2**63), "17"))
        case "decimal":
            return chance.choice(("0", "-1.5", "922337203685477.5807", "12.3456", "50.00"))
        case _:
            return chance.choice((True, False, "true"))


def random_condition(chance: random.Random, shape: ToolShape) -> Condition | None:
    of = chance.choice(("argument", "fact"))
    attributes = context_type(shape)["attributes"]["input" if of == "argument" else "facts"]
    options = [(path, kind) for path, kind in paths_of(attributes) if path and not path.endswith(".")]
    options = [(path, kind) for path, kind in options if ".." not in path and not path.startswith(".")]
    if not options:
        return None
    path, kind = chance.choice(options)
    name = type_name(kind)
    operator: Any = chance.choice((*OPERATORS[name], "given", "missing"))
    inner = type_name(kind["element"]) if name == "Set" else name
    value = random_value(chance, inner)
    if operator == "one_of":
        value = tuple(random_value(chance, inner) for _ in range(chance.randint(1, 3)))
    return Condition(of=of, name=path, operator=operator, value=value)


def random_form(chance: random.Random, shape: ToolShape) -> FormRule:
    found = [random_condition(chance, shape) for _ in range(chance.randint(0, 4))]
    conditions = tuple(condition for condition in found if condition)
    effect = chance.choice(("permit", "forbid", "approval"))
    approves = effect == "approval" or (effect == "permit" and conditions and chance.random() < 0.5)
    return FormRule(
        effect=effect,
        scope=chance.choice((shape.key, shape.target, "")),
        agent=chance.choice(("", "shop-assistant", "key:a b")),
        kind=chance.choice(("", "agent", "key")),
        role=chance.choice(("", "support", "é")),
        verified_customer=chance.random() < 0.5,
        conditions=conditions,
        approver=chance.choice(APPROVER_ROLES) if approves else "",
        approvals=chance.randint(1, 9),
        reason=chance.choice(("", 'Not "today"\\\n')) if effect == "forbid" else "",
    )


@pytest.mark.parametrize("seed", range(150))
def test_every_text_that_a_form_writes_compiles(seed: int) -> None:
    chance = random.Random(seed)
    facts = {name: chance.choice(("string", "integer", "number", "boolean")) for name in ("amount", "x-y", "is")}
    shape = ToolShape(key="t___tool", target="t", input_schema=random_object(chance), facts=facts)
    for _ in range(4):
        form = random_form(chance, shape)
        text = to_cedar(form, [shape])
        rules = compile_rules([Rule(name="form", text=text)], [shape])
        assert len(rules.statements) == 1 + (form.effect == "permit" and bool(form.approver))
        assert sentence(form, {}).endswith(".")


# -- sentences

LABELS = {REFUND.key: "refund", "amount": "amount", "mail": "the mailer", "shop-assistant": "The shop assistant"}
SENTENCES: list[tuple[FormRule, str]] = [
    (
        REFUNDS,
        "Agents may refund for a verified customer when the amount is at most 50; above that a reviewer must approve.",
    ),
    (
        FormRule(effect="forbid", scope=REFUND.key, verified_customer=True),
        "Nobody may refund, unless the customer is verified.",
    ),
    (ANYTHING, "Anyone may use any tool."),
    (
        FormRule(effect="approval", scope="mail", kind="key", approver="support", approvals=2),
        "Outside callers may use any tool of the mailer, once 2 members of support approve.",
    ),
    (
        FormRule(effect="approval", scope=GET.key, agent="shop-assistant", approver="admin"),
        "The shop assistant may get order, once an admin approves.",
    ),
    (
        FormRule(
            effect="forbid",
            scope=CHARGE.key,
            role="support",
            conditions=(
                Condition(name="amount", operator="above", value="5"),
                Condition(name="address.country", operator="one_of", value=("DE", "FR")),
                Condition(name="count", operator="missing"),
            ),
        ),
        "Nobody with the role support may charge when the amount is above 5 or is not known and the address country is "
        "one of DE, FR or is not known and the count is not given.",
    ),
    (FormRule(effect="forbid", scope="mail", kind="agent"), "Agents may not use any tool of the mailer."),
]


@pytest.mark.parametrize("place", range(len(SENTENCES)))
def test_a_form_reads_as_a_sentence(place: int) -> None:
    form, expected = SENTENCES[place]
    assert sentence(form, LABELS) == expected


def test_the_sentence_of_a_refund_is_about_the_rule_that_decides() -> None:
    decision = ask(rules_from(REFUNDS), facts={"amount": "49.99"}, customer=ADA)
    assert decision.rules == ("form-1",)
