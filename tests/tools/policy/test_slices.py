"""A slice decides as the whole set would, and is shared by threads."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import cedarpy
import pytest

from tests.tools.policy.randoms import random_request, random_rule
from tests.tools.policy.shapes import CHARGE, GET, REFUND, SEND, TOOLS, compiled
from tools.policy.authorize import Decision, Request, decide, question_of
from tools.policy.check import compile_rules
from tools.policy.listing import possible_tools
from tools.policy.schema import cedar_schema
from tools.policy.slices import Compiled
from tools.policy.statements import Rule

SEEDS = range(40)


def whole_set_decides(rules: list[Rule], request: Request, given: Compiled) -> str:
    """The engine's own answer over the text of all rules that are enforced, with the schema of all tools."""
    schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(TOOLS)))
    caller: list[dict[str, Any]] = [
        {
            "uid": {"type": "AgentCore::OAuthUser", "id": request.principal.id},
            "attrs": {"id": request.principal.id},
            "parents": [],
            "tags": dict(request.principal.tags),
        }
    ]
    entities = cedarpy.Entities.from_json_str(json.dumps(caller), schema)
    text = "\n".join(rule.text for rule in rules if rule.mode == "enforce")
    question = question_of(request, given.slice_of(request.tool))
    result = cedarpy.is_authorized(question, text, entities, schema)
    if result.decision is not cedarpy.Decision.Allow:
        return "deny"
    permits = json.loads(cedarpy.policies_to_json_str(text))["staticPolicies"]
    asked = ["approval" in permits[name].get("annotations", {}) for name in result.diagnostics.reasons]
    return "approval" if all(asked) else "allow"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_slice_decides_as_the_whole_set_does(seed: int) -> None:
    chance = random.Random(seed)
    rules = [random_rule(chance, f"rule-{n}") for n in range(chance.randint(1, 12))]
    given = compile_rules(rules, TOOLS)
    for _ in range(25):
        request = random_request(chance)
        decision = decide(given, request)
        if decision.errors:
            assert {error.code for error in decision.errors} == {"unfit_request"}
        else:
            assert decision.outcome == whole_set_decides(rules, request, given), (rules, request)


@pytest.mark.parametrize("seed", SEEDS)
def test_shadow_tells_what_enforcing_would_decide(seed: int) -> None:
    chance = random.Random(seed)
    rules = [random_rule(chance, f"rule-{n}") for n in range(8)]
    given = compile_rules(rules, TOOLS)
    enforced = compile_rules([Rule(name=rule.name, text=rule.text) for rule in rules], TOOLS)
    for _ in range(25):
        request = random_request(chance)
        decision, after = decide(given, request), decide(enforced, request)
        told = decision.shadow.outcome if decision.shadow else decision.outcome
        assert told == after.outcome


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tool_that_is_never_listed_is_never_allowed(seed: int) -> None:
    chance = random.Random(seed)
    given = compile_rules([random_rule(chance, f"rule-{n}") for n in range(6)], TOOLS)
    for _ in range(25):
        request = random_request(chance)
        listed = possible_tools(given, request.principal, [request.tool])[request.tool]
        decision = decide(given, request)
        if listed == "never":
            assert decision.outcome == "deny"
        if listed == "always" and not decision.errors:
            assert decision.outcome == "allow"


def test_a_slice_holds_only_what_touches_its_tool() -> None:
    rules = compiled(
        "forbid(principal, action, resource) when { context.tainted };",
        'permit(principal, action in AgentCore::Action::"shop", resource);',
        'permit(principal, action == AgentCore::Action::"mail___send", resource);',
        'permit(principal, action in [AgentCore::Action::"shop___charge", AgentCore::Action::"mail"], resource);',
    )
    held = {tool.target + tool.key[-4:]: [each.id for each in rules.touching(tool.key)] for tool in TOOLS}
    assert held == {
        "shopfund": ["rule-1", "rule-2"],
        "shoprder": ["rule-1", "rule-2"],
        "shoparge": ["rule-1", "rule-2", "rule-4"],
        "mailsend": ["rule-1", "rule-3", "rule-4"],
    }
    assert len(rules.slice_of(SEND.key).enforced) == 3


def test_tools_that_the_same_rules_touch_share_a_set() -> None:
    rules = compiled('permit(principal, action in AgentCore::Action::"shop", resource);')
    assert rules.slice_of(REFUND.key).enforced is rules.slice_of(GET.key).enforced
    assert rules.slice_of(REFUND.key).enforced is not rules.slice_of(SEND.key).enforced
    assert rules.slice_of(CHARGE.key) is rules.slice_of(CHARGE.key)


def test_the_ids_are_ours_whatever_an_annotation_says() -> None:
    rules = compiled('@id("rule-2") permit(principal, action, resource);', "forbid(principal, action, resource);")
    assert list(rules.statements) == ["rule-1", "rule-2"]
    decision = decide(rules, random_request(random.Random(1)))
    assert decision.rules == ("rule-2",)


def test_threads_share_what_is_compiled() -> None:
    chance = random.Random(7)
    rules = [random_rule(chance, f"rule-{n}") for n in range(20)]
    requests = [random_request(chance) for _ in range(60)]
    alone = compile_rules(rules, TOOLS)
    expected = [decide(alone, request) for request in requests]
    shared = compile_rules(rules, TOOLS)

    def all_of(_: int) -> list[Decision]:
        return [decide(shared, request) for request in requests]

    with ThreadPoolExecutor(16) as pool:
        assert all(decisions == expected for decisions in pool.map(all_of, range(16)))
