"""ApplyGuardrail: what it does about a text, and what it tells of it."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.apply import apply_guardrail
from guardrails.assessments import Checked, Report, Scored
from guardrails.checks import Hit
from guardrails.compiled import Guard, guard_for
from guardrails.config import Action, Grounding
from guardrails.findings import Confidence, Direction, Finding, Policy
from tests.guardrails.apply_cases import ATTACK, CONFIG, MAIL, assessment, block, held, request


@pytest.fixture(scope="module")
def guard() -> Guard:
    return guard_for(CONFIG)


# -- what is done


@pytest.mark.parametrize(
    ("given", "action", "reason", "outputs"),
    [
        (request("Where is my order?"), "NONE", "No action.", []),
        (request("See you soon."), "NONE", "No action.", []),
        (request(ATTACK), "GUARDRAIL_INTERVENED", "Guardrail blocked.", ["Not that."]),
        (request(ATTACK, source="OUTPUT"), "NONE", "No action.", []),
        (request("On Project Athena.", source="OUTPUT"), "GUARDRAIL_INTERVENED", "Guardrail blocked.", ["Not this."]),
        (request(MAIL), "GUARDRAIL_INTERVENED", "Guardrail masked.", ["Write to {EMAIL} please."]),
        (
            request("Yes.", "TCK-1234 it is."),
            "GUARDRAIL_INTERVENED",
            "Guardrail masked.",
            ["Yes.", "{TicketId} it is."],
        ),
        (request(MAIL, "SSN 536-90-4399"), "GUARDRAIL_INTERVENED", "Guardrail blocked.", ["Not that."]),
    ],
    ids=["nothing", "shadow", "attack", "attack said", "word said", "masked", "two blocks", "block beats mask"],
)
def test_what_is_done(guard: Guard, given: dict[str, Any], action: str, reason: str, outputs: list[str]) -> None:
    response = apply_guardrail(guard, given)
    assert (response["action"], response["actionReason"]) == (action, reason)
    assert [output["text"] for output in response["outputs"]] == outputs


def test_only_what_is_marked_is_screened(guard: Guard) -> None:
    marked = request(ATTACK, block("Where is my order?", "guard_content"), block(MAIL, "query"))
    response = apply_guardrail(guard, marked)
    assert response["action"] == "NONE"
    assert response["guardrailCoverage"]["textCharacters"] == {
        "guarded": len("Where is my order?"),
        "total": len(ATTACK) + len("Where is my order?") + len(MAIL),
    }
    assert apply_guardrail(guard, request(block(MAIL, "query")))["action"] == "NONE"
    assert apply_guardrail(guard, request(block(MAIL, "query", "guard_content")))["action"] != "NONE"


def test_what_a_reply_states_takes_no_part(guard: Guard) -> None:
    response = apply_guardrail(guard, request("I have refunded 512.00 EUR to you.", source="OUTPUT"))
    assert response["action"] == "NONE"
    assert assessment(response) == {}


# -- what is told


def test_each_policy_tells_what_it_saw(guard: Guard) -> None:
    said = f"{ATTACK} Project Athena, soon. {MAIL} TCK-1234 10.0.0.7"
    told = assessment(apply_guardrail(guard, request(said)))
    assert told["contentPolicy"]["filters"][0] | {"confidence": ""} == {
        "type": "PROMPT_ATTACK",
        "confidence": "",
        "filterStrength": "MEDIUM",
        "action": "BLOCKED",
        "detected": True,
    }
    assert told["wordPolicy"] == {
        "customWords": [
            {"match": "Project Athena", "action": "BLOCKED", "detected": True},
            {"match": "soon", "action": "NONE", "detected": True},
        ],
        "managedWordLists": [],
    }
    assert told["sensitiveInformationPolicy"] == {
        "piiEntities": [
            {"match": "ada@example.com", "type": "EMAIL", "action": "NONE", "detected": True},
            {"match": "10.0.0.7", "type": "IP_ADDRESS", "action": "NONE", "detected": True},
        ],
        "regexes": [
            {"name": "TicketId", "match": "TCK-1234", "regex": r"TCK-\d{4}", "action": "NONE", "detected": True}
        ],
    }


def test_what_is_masked_is_told_so(guard: Guard) -> None:
    told = assessment(apply_guardrail(guard, request(f"{MAIL} TCK-1234 {MAIL}")))
    found = told["sensitiveInformationPolicy"]
    assert [(row["match"], row["action"]) for row in found["piiEntities"]] == [("ada@example.com", "ANONYMIZED")]
    assert [(row["match"], row["action"]) for row in found["regexes"]] == [("TCK-1234", "ANONYMIZED")]


def test_a_topic_is_told_by_its_name(guard: Guard) -> None:
    asked = "Which shares should I buy?"
    response = apply_guardrail(guard, request(asked))
    assert assessment(response)["topicPolicy"]["topics"] == [
        {"name": "Investments", "type": "DENY", "action": "BLOCKED", "detected": True}
    ]
    assert apply_guardrail(guard, request(asked, source="OUTPUT"))["action"] == "NONE"


def test_a_managed_word_is_told_as_one(guard: Guard) -> None:
    response = apply_guardrail(guard, request("This is bullshit."))
    assert assessment(response)["wordPolicy"]["managedWordLists"] == [
        {"match": "bullshit", "type": "PROFANITY", "action": "BLOCKED", "detected": True}
    ]


def test_the_full_scope_tells_what_was_not_found_too(guard: Guard) -> None:
    asked = request("Where is my order?")
    assert assessment(apply_guardrail(guard, asked)) == {}
    told = assessment(apply_guardrail(guard, {**asked, "outputScope": "FULL"}))
    nothing = {"action": "NONE", "detected": False}
    assert told == {
        "contentPolicy": {
            "filters": [
                {"type": name, "confidence": "NONE", "filterStrength": "MEDIUM", **nothing}
                for name in ("INSULTS", "PROMPT_ATTACK")
            ]
        },
        "topicPolicy": {"topics": [{"name": "Investments", "type": "DENY", **nothing}]},
        "sensitiveInformationPolicy": {
            "piiEntities": [
                {"match": "", "type": name, **nothing} for name in ("EMAIL", "US_SOCIAL_SECURITY_NUMBER", "IP_ADDRESS")
            ],
            "regexes": [],
        },
    }


def test_a_filter_tells_the_highest_confidence_and_in_full_what_stayed_below(guard: Guard) -> None:
    def seen(confidence: Confidence) -> Finding:
        return Finding(policy=Policy.CONTENT, type="INSULTS", confidence=confidence)

    def told(*, is_full: bool, doubts: tuple[Finding, ...] = (), hits: tuple[Hit, ...] = ()) -> list[tuple[Any, ...]]:
        checked = Checked(text="x", hits=hits, doubts=doubts)
        report = Report(
            guard=guard,
            direction=Direction.OUTPUT,
            checked=[checked],
            scored=[],
            is_blocked=bool(hits),
            is_full=is_full,
        )
        rows = report.form().get("contentPolicy", {"filters": []})["filters"]
        return [(row["confidence"], row["action"], row["detected"]) for row in rows]

    doubts = (seen(Confidence.LOW),)
    hits = tuple(Hit(finding=seen(grade), action=Action.BLOCK) for grade in (Confidence.MEDIUM, Confidence.HIGH))
    assert told(is_full=False, doubts=doubts) == []
    assert told(is_full=True, doubts=doubts) == [("LOW", "NONE", False)]
    assert told(is_full=False, doubts=doubts, hits=hits) == [("HIGH", "BLOCKED", True)]


# -- grounding


def test_an_answer_is_scored_against_its_sources_and_its_query(guard: Guard) -> None:
    good = apply_guardrail(guard, held("Our shops open at nine in the morning.", outputScope="FULL"))
    assert good["action"] == "NONE"
    rows = assessment(good)["contextualGroundingPolicy"]["filters"]
    assert [(row["type"], row["threshold"], row["detected"]) for row in rows] == [
        ("GROUNDING", 0.6, False),
        ("RELEVANCE", 0.3, False),
    ]
    assert all(row["score"] >= row["threshold"] for row in rows)


def test_an_answer_that_is_not_borne_out_is_blocked(guard: Guard) -> None:
    response = apply_guardrail(guard, held("Elephants juggle purple oranges behind volcanoes."))
    assert (response["action"], response["outputs"]) == ("GUARDRAIL_INTERVENED", [{"text": "Not this."}])
    row = assessment(response)["contextualGroundingPolicy"]["filters"][0]
    assert (row["type"], row["action"], row["detected"]) == ("GROUNDING", "BLOCKED", True)
    assert row["score"] < 0.6


def test_a_grounding_in_shadow_is_told_and_not_done() -> None:
    rule = Grounding(type="GROUNDING", threshold=0.6, action=Action.NONE)
    scored = Scored(rule=rule, score=0.2)
    assert (scored.is_below, scored.blocks) == (True, False)


@pytest.mark.parametrize(
    "given",
    [held("Elephants.") | {"source": "INPUT"}, request("Elephants.", source="OUTPUT")],
    ids=["what comes in", "without sources"],
)
def test_nothing_is_scored_without_need(guard: Guard, given: dict[str, Any]) -> None:
    response = apply_guardrail(guard, {**given, "outputScope": "FULL"})
    assert "contextualGroundingPolicy" not in assessment(response)
    assert response["usage"]["contextualGroundingPolicyUnits"] == 0
