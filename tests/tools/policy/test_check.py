"""Rules that cannot be used are refused, each with its place and a way out."""

from __future__ import annotations

import threading

import pytest

from tests.tools.policy.shapes import CHARGING, REFUND, REFUNDING, TOOLS, ask, compiled, problems_of
from tools.policy.check import compile_rules
from tools.policy.schema import ToolShape
from tools.policy.statements import Rule, RulesRefused

# The text with a mark where the problem must be found, words of its message, words of its hint.
REFUSED = {
    "decimal compared": (
        f"permit(principal, {CHARGING}, resource) when {{ context.input.amount ^<= 100 }};",
        "A decimal is not compared with <=.",
        '`context.input.amount.lessThanOrEqual(decimal("100.00"))`',
    ),
    "decimal fact compared with a negative": (
        f"permit(principal, {REFUNDING}, resource) when {{ 1 < 2 && context.facts has amount && "
        "context.facts.amount ^> -5 };",
        "A decimal is not compared with >.",
        '`context.facts.amount.greaterThan(decimal("-5.00"))`',
    ),
    "decimal compared with text": (
        f'permit(principal, {CHARGING}, resource) when {{ context.input.amount.^lessThan("1") }};',
        "A decimal is compared with a String.",
        'decimal("100.00")',
    ),
    "five decimals": (
        f'permit(principal, {CHARGING}, resource) when {{ context.input.amount.lessThan(decimal(^"1.12345")) }};',
        '"1.12345" is not a decimal.',
        "One to four digits",
    ),
    "text converted": (
        f'permit(principal, {REFUNDING}, resource) when {{ ^decimal(context.input.order_id) == decimal("1.0") }};',
        "Only a literal can be converted.",
        "fact",
    ),
    "optional argument": (
        f"permit(principal, {CHARGING}, resource) when {{\n  context.input.^count > 3\n}};",
        "`context.input.count` may be missing.",
        "`context.input has count && context.input.count …`",
    ),
    "optional odd argument": (
        f'permit(principal, {CHARGING}, resource) when {{ context.input[^"weird-name"] == "x" }};',
        "may be missing",
        '`context.input has "weird-name" &&',
    ),
    "optional fact": (
        f'permit(principal, {REFUNDING}, resource) when {{ context.facts.^amount.lessThan(decimal("1.0")) }};',
        "`context.facts.amount` may be missing.",
        "`context.facts has amount &&",
    ),
    "misspelt argument": (
        f'permit(principal, {CHARGING}, resource) when {{ context.input.^amuont == decimal("1.0") }};',
        "shop___charge has no `context.input.amuont`.",
        "`context.input.amount`",
    ),
    "misspelt has": (
        f'forbid(principal, {CHARGING}, resource) when {{ context.input has ^cuont && context.channel == "x" }};',
        "No tool in this scope has `context.input.cuont`.",
        "`context.input.count`",
    ),
    "unguarded tag": (
        'permit(principal, action, resource) when { principal.getTag(^"role") == "x" };',
        'The caller may have no tag "role".',
        'principal.hasTag("role")',
    ),
    "tag read as an attribute": (
        'permit(principal, action, resource) when { principal.^role == "x" };',
        "AgentCore::OAuthUser has no attribute `role`.",
        'principal.hasTag("role")',
    ),
    "tag asked as an attribute": (
        "permit(principal, action, resource) when { principal has ^role };",
        "A caller has no attribute `role`.",
        'principal.hasTag("role")',
    ),
    "unknown tool": (
        'permit(principal, action == AgentCore::Action::^"shop___proces_refund", resource);',
        'There is no tool, target or group "shop___proces_refund".',
        '"shop___process_refund"',
    ),
    "two underscores": (
        'permit(principal, action == AgentCore::Action::^"shop__get_order", resource);',
        "There is no tool",
        '"shop___get_order"',
    ),
    "unknown tool in a list": (
        f'permit(principal, action in [AgentCore::{REFUNDING.partition("::")[2]}, AgentCore::Action::^"x"], resource);',
        'There is no tool, target or group "x".',
        "",
    ),
    "no namespace": (
        'permit(principal, action == Action::^"shop___charge", resource);',
        "There is no action type Action.",
        'AgentCore::Action::"shop___charge"',
    ),
    "a group as a tool": (
        'permit(principal, action ^== AgentCore::Action::"shop", resource);',
        "No tool is within this scope.",
        "`action in",
    ),
    "other callers": (
        "permit(principal is AgentCore::^IamEntity, action, resource);",
        "There is no entity type AgentCore::IamEntity.",
        "AgentCore::OAuthUser",
    ),
    "another gateway": (
        'forbid(principal, action, resource == AgentCore::Gateway::^"arn:aws:x");',
        "another gateway",
        'AgentCore::Gateway::"tandem"',
    ),
    "another gateway in a condition": (
        'forbid(principal, action, resource) when { resource == AgentCore::Gateway::^"x" };',
        "another gateway",
        'AgentCore::Gateway::"tandem"',
    ),
    "does not fit one tool of the group": (
        'permit(principal, action in AgentCore::Action::"shop", resource) when { context.input.^order_id == "1" };',
        "shop___charge has no `context.input.order_id`.",
        "",
    ),
    "types": (
        f"permit(principal, {REFUNDING}, resource) when {{ context.input.order_id ^== 5 }};",
        "Long and String cannot be compared.",
        "double quotes",
    ),
    "contains of text": (
        f'permit(principal, {REFUNDING}, resource) when {{ context.input.order_id.^contains("5") }};',
        "Only a set",
        "like",
    ),
    "a sum": (
        f"forbid(principal, {CHARGING}, resource) when {{ context.input has count && context.input.count ^+ 1 > 3 }};",
        "overflow",
        "Compare with a number",
    ),
    "a product": (
        f"forbid(principal, {CHARGING}, resource) when {{ context.input has count && context.input.count ^* 2 > 3 }};",
        "overflow",
        "",
    ),
    "a negation": (
        f"forbid(principal, {CHARGING}, resource) when {{ context.input has count && ^-context.input.count > 3 }};",
        "overflow",
        "",
    ),
    "another entity's attribute": (
        'forbid(principal, action, resource) when { AgentCore::OAuthUser::"o".^id == "x" };',
        "Only principal and context",
        "",
    ),
    "perhaps another entity's attribute": (
        "forbid(principal, action, resource) when "
        '{ (if context.tainted then principal else AgentCore::OAuthUser::"o").^id == "x" };',
        "Only principal and context",
        "",
    ),
    "another entity's tag": (
        'forbid(principal, action, resource) when { AgentCore::OAuthUser::"o".hasTag("x") && '
        'AgentCore::OAuthUser::"o".^getTag("x") == "y" };',
        "Only the principal is sure to have tags.",
        "",
    ),
    "a missing comma": ("permit(principal, action ^resource);", "Unexpected token `resource`.", ""),
    "a missing semicolon": ("permit(principal, action, resource^)", "Unexpected end of input.", "semicolon"),
    "in the second statement": (
        "permit(principal, action, resource);\n\n// } a comment\nforbid(principal, action, resource)\nwhen { 1 == ^};",
        "Unexpected token `}`.",
        "",
    ),
    "single quotes": (
        "permit(principal, action, resource) when { context.channel == ^'chat' };",
        "Invalid token.",
        "double quotes",
    ),
    "one equals sign": (
        'permit(principal, action, resource) when { context.channel ^= "chat" };',
        "'=' is not a valid operator",
        "==",
    ),
    "and": ("permit(principal, action, resource) when { true ^and true };", "Unexpected token `and`.", "&&"),
    "a number with decimals": ("permit(principal, action, resource) when { 1.^5 < 2 };", "`5`", 'decimal("12.50")'),
    "a misspelt effect": ("^permti(principal, action, resource);", "Invalid policy effect", "permit or forbid"),
    "a misspelt method": (
        'permit(principal, action, resource) when { principal.^hasTg("x") };',
        "`hasTg` is not a valid method",
        "hasTag",
    ),
    "a template": ("permit(principal == ^?principal, action, resource);", "template", "tag"),
    "an annotation twice": (
        '@reason("a")\n@^reason("b") forbid(principal, action, resource);',
        "Duplicate annotation",
        "once",
    ),
    "no statement": ("^// nothing", "There is no statement.", "permit or forbid"),
    "an unknown approver": ('@^approval("boss") permit(principal, action, resource);', "'boss'", "reviewer"),
    "no approver": ("@^approval permit(principal, action, resource);", "is not a role", "reviewer"),
    "an approved forbid": ('@^approval("reviewer") forbid(principal, action, resource);', "Nobody can approve", ""),
    "approvals alone": ('@^approvals("2") permit(principal, action, resource);', "needs @approval", ""),
    "approvals of none": (
        '@approval("admin") @^approvals("0") permit(principal, action, resource);',
        "from 1 to 9",
        "",
    ),
    "too deep": (f"^permit(principal, action, resource) when {{ {'(' * 40}true{')' * 40} }};", "nested", ""),
    "too many conditionals": (
        f"^permit(principal, action, resource) when {{ {'if true then ' * 40}true{' else true' * 40} }};",
        "nested",
        "",
    ),
    "too long a chain": (
        f"^permit(principal, action, resource) when {{ {' && '.join(['context.tainted'] * 70)} }};",
        "nested more than 60",
        "several rules",
    ),
    "too long a path": (
        f"^permit(principal, action, resource) when {{ context{'.a' * 490} }};",
        "nested",
        "",
    ),
    "too many words": (
        f"^permit(principal, action, resource) when {{ [{', '.join(['1'] * 600)}].contains(2) }};",
        "more than 1000 words",
        "Split",
    ),
    "too long": (f"^permit(principal, action, resource); // {'x' * 20_000}", "longer than 20000", "Split"),
    "half a surrogate pair": (
        '^permit(principal, action, resource) when { context.channel == "\ud800" };',
        "surrogate",
        "",
    ),
    "a deadly text": (
        f"^permit(principal, action, resource) when {{ {'(' * 9_000}true{')' * 9_000} }};",
        "more than 1000 words",
        "",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_rule_that_cannot_be_used_is_refused_at_its_place(name: str) -> None:
    marked, message, hint = REFUSED[name]
    before, _, after = marked.partition("^")
    problems = problems_of("permit(principal, action, resource);", before + after)
    found = [(each.line, each.column) for each in problems if message in each.message and hint in each.hint]
    assert found, problems
    assert found[0] == (before.count("\n") + 1, len(before) - (before.rfind("\n") + 1) + 1)
    assert {each.rule for each in problems} == {"rule-2"}


def test_line_endings_of_a_browser_count_as_one() -> None:
    [problem] = problems_of("permit(principal, action, resource);\r\n\r\npermit(principal action, resource);")
    assert (problem.line, problem.column) == (3, 18)


def test_a_bare_carriage_return_ends_a_comment_as_it_does_for_the_engine() -> None:
    assert len(compiled("// a\rpermit(principal, action, resource);").statements) == 1


def test_semicolons_and_slashes_in_text_end_nothing() -> None:
    rules = compiled('permit(principal, action, resource) when { context.channel != "a;// \\" b" }; // ; c\n// d')
    assert list(rules.statements) == ["rule-1"]


def test_all_problems_are_told_in_the_order_of_the_text() -> None:
    problems = problems_of(
        "permit(principal action, resource);\npermit(principal, actio, resource);",
        f"permit(principal, {CHARGING}, resource) when {{ context.input.x == 1 }};",
    )
    assert [(each.rule, each.line) for each in problems] == [("rule-1", 1), ("rule-1", 2), ("rule-2", 1)]


def test_of_a_group_with_many_misfits_the_first_few_are_named() -> None:
    tools = [
        ToolShape(key=f"shop___{n}", target="shop", input_schema={"properties": {"a": {"type": "string"}}})
        for n in range(50)
    ]
    fits = ToolShape(key="shop___x", target="shop", input_schema={"properties": {"a": {"type": "integer"}}})
    text = "permit(principal, action, resource) when { context.input has a && context.input.a == 3 };"
    with pytest.raises(RulesRefused) as raised:
        compile_rules([Rule(name="r", text=text)], [*tools, fits])
    assert [each.message[:14] for each in raised.value.problems] == [
        "For shop___0: ",
        "For shop___1: ",
        "For shop___10:",
    ]


@pytest.mark.parametrize("name", ["", "Refunds", "a b", "1st", "-x", "a" * 65, "a.1", "é"], ids=repr)
def test_a_rule_needs_a_plain_name(name: str) -> None:
    with pytest.raises(RulesRefused, match="is no name"):
        compile_rules([Rule(name=name, text="permit(principal, action, resource);")], TOOLS)


def test_two_rules_of_one_name_are_refused() -> None:
    rule = Rule(name="same", text="permit(principal, action, resource);")
    with pytest.raises(RulesRefused, match="two rules named 'same'"):
        compile_rules([rule, rule], TOOLS)


def test_a_rule_is_checked_again_when_a_tool_changes() -> None:
    text = f'permit(principal, {REFUNDING}, resource) when {{ context.input.order_id == "1042" }};'
    assert compile_rules([Rule(name="r", text=text)], [REFUND]).statements
    renamed = ToolShape(key=REFUND.key, target="shop", input_schema={"properties": {"order": {"type": "string"}}})
    with pytest.raises(RulesRefused, match=r"has no `context\.input\.order_id`"):
        compile_rules([Rule(name="r", text=text)], [renamed])
    with pytest.raises(RulesRefused, match="There is no tool"):
        compile_rules([Rule(name="r", text=text)], TOOLS[1:])


def test_a_general_rule_waits_for_the_first_tool() -> None:
    assert compile_rules([Rule(name="r", text="forbid(principal, action, resource);")], []).statements


def test_has_in_a_group_is_how_a_rule_fits_tools_that_differ() -> None:
    text = (
        'forbid(principal, action in AgentCore::Action::"shop", resource) '
        'when { context.input has order_id && context.input.order_id == "1" };'
    )
    assert problems_of(text) == []


def test_the_deepest_rule_that_is_taken_is_decided_on_a_small_stack() -> None:
    depth = 55
    rules = compiled(
        f"permit(principal, action, resource) when {{ {' && '.join(['!context.tainted'] * depth)} }};",
        f"permit(principal, action, resource) when {{ {'(' * 30}true{')' * 30} }};",
        f"permit(principal, action, resource) when {{ {'if true then ' * 28}true{' else true' * 28} }};",
    )
    from_thread: list[str] = []
    usual = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=lambda: from_thread.extend(ask(rules).rules))
        thread.start()
    finally:
        threading.stack_size(usual)
    thread.join()
    assert from_thread == ["rule-1", "rule-2", "rule-3"]
