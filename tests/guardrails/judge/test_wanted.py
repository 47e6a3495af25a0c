"""When the judge is asked at all."""

from __future__ import annotations

from typing import Any

import pytest

from guardrails.config import OFF, Action, Config, Judge
from guardrails.findings import Confidence, Direction, Finding, Policy
from guardrails.judge import is_wanted, is_wanted_of_result
from tests.guardrails.judge.cases import config, content, reading_results, topic

TEXT = "Where is my order?"


def seen(confidence: Confidence, name: str = "HATE", policy: Policy = Policy.CONTENT) -> Finding:
    return Finding(policy=policy, type=name, confidence=confidence)


def wanted(given: Config, *findings: Finding, text: str = TEXT, direction: Direction = Direction.INPUT) -> bool:
    return is_wanted(given, findings, text=text, direction=direction)


def on(**fields: Any) -> Judge:
    return Judge(**{"enabled": True, "model": "m", **fields})


def test_an_ordinary_text_asks_nobody() -> None:
    assert not wanted(config(filters=[content("HATE"), content("PROMPT_ATTACK", Confidence.HIGH)]))


@pytest.mark.parametrize("judge", [Judge(), Judge(enabled=True), Judge(model="m"), on()], ids=str)
def test_it_has_to_be_switched_on_and_have_a_model(judge: Judge) -> None:
    given = config(filters=[content("HATE", Confidence.HIGH)], judge=judge)
    assert wanted(given) is (judge == on())


@pytest.mark.parametrize("name", ["HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT"])
def test_the_strictest_filters_ask_of_every_text(name: str) -> None:
    given = config(filters=[content(name, Confidence.HIGH, output=OFF)])
    assert wanted(given)
    assert not wanted(given, direction=Direction.OUTPUT)


def test_denied_topics_ask_of_every_text_of_their_direction() -> None:
    given = config(topics=[topic(output=OFF)])
    assert wanted(given)
    assert not wanted(given, direction=Direction.OUTPUT)
    assert not wanted(given, text="  ")


@pytest.mark.parametrize(
    ("strength", "confidence", "is_doubt"),
    [
        (Confidence.LOW, Confidence.LOW, True),
        (Confidence.LOW, Confidence.MEDIUM, True),
        (Confidence.LOW, Confidence.HIGH, False),
        (Confidence.MEDIUM, Confidence.LOW, True),
        (Confidence.MEDIUM, Confidence.MEDIUM, False),
        (Confidence.MEDIUM, Confidence.NONE, False),
    ],
)
def test_it_is_asked_in_doubt(strength: Confidence, confidence: Confidence, is_doubt: bool) -> None:
    filters = [content("HATE", strength)]
    assert wanted(config(filters=filters), seen(confidence)) is is_doubt
    assert not wanted(config(filters=filters, judge=on(on_doubt=False)), seen(confidence))


def test_doubt_is_of_a_filter_that_is_on() -> None:
    given = config(filters=[content("HATE", input=OFF)])
    assert not wanted(given, seen(Confidence.LOW))
    assert not wanted(config(filters=[content("HATE")]), seen(Confidence.LOW, "SEXUAL"))
    assert not wanted(config(filters=[content("HATE")]), seen(Confidence.LOW, policy=Policy.WORD))


def test_a_sample_is_drawn_by_the_text_itself() -> None:
    texts = [f"message {number}" for number in range(4000)]

    def drawn(percent: float) -> set[str]:
        given = config(filters=[content("HATE")], judge=on(sample_percent=percent))
        return {text for text in texts if wanted(given, text=text)}

    assert drawn(0) == set()
    assert drawn(100) == set(texts)
    assert 140 < len(drawn(5)) < 260
    assert drawn(5) == drawn(5)
    assert drawn(5) < drawn(10)


def test_a_result_is_judged_in_doubt_where_its_rule_is_strict_and_for_the_sample() -> None:
    attack = seen(Confidence.LOW, "PROMPT_ATTACK")
    assert not is_wanted_of_result(reading_results(), [], text=TEXT)
    assert is_wanted_of_result(reading_results(), [attack], text=TEXT)
    assert not is_wanted_of_result(reading_results(on_doubt=False), [attack], text=TEXT)
    assert is_wanted_of_result(reading_results(Confidence.HIGH, Action.NONE), [], text=TEXT)
    assert is_wanted_of_result(reading_results(sample_percent=100), [], text=TEXT)
    assert not is_wanted_of_result(config(judge=on(sample_percent=100)), [attack], text=TEXT)
