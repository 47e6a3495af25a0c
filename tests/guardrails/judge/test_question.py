"""What is asked: one category for each rule that holds in the direction."""

from __future__ import annotations

from guardrails.config import OFF, Config
from guardrails.findings import Confidence, Context, Direction, Policy
from guardrails.judge import question_of, question_of_result
from tests.guardrails.judge.cases import SAID, SENT, config, content, grounding, reading_results, topic


def labels(given: Config, context: Context) -> list[str]:
    question = question_of(given, context)
    return [category.label for category in question.categories] if question else []


def test_each_rule_of_the_direction_is_a_category() -> None:
    given = config(
        filters=[content("HATE"), content("INSULTS", output=OFF), content("PROMPT_ATTACK")],
        topics=[topic("A", input=OFF), topic("B")],
        grounding=[grounding()],
    )
    assert labels(given, SENT) == ["HATE", "INSULTS", "PROMPT_ATTACK", "TOPIC_2"]
    assert labels(given, SAID) == ["HATE", "TOPIC_1", "TOPIC_2"]


def test_a_filter_without_strength_is_not_asked_about() -> None:
    given = config(filters=[content("HATE", Confidence.NONE)])
    assert labels(given, SENT) == []
    assert question_of(given, SENT) is None


def test_grounding_is_asked_of_what_is_said_and_has_something_to_be_held_against() -> None:
    given = config(grounding=[grounding(), grounding("RELEVANCE"), grounding("GROUNDING", enabled=False)])
    assert labels(given, SAID) == []
    assert labels(given, Context(direction=Direction.OUTPUT, sources=["A source."])) == ["GROUNDING"]
    assert labels(given, Context(direction=Direction.OUTPUT, query="When?")) == ["RELEVANCE"]
    assert labels(given, Context(direction=Direction.INPUT, sources=["A source."], query="When?")) == []


def test_sources_are_given_only_where_they_are_asked_about() -> None:
    context = Context(direction=Direction.OUTPUT, sources=["A source."], query="When?")
    question = question_of(config(filters=[content("HATE")]), context)
    assert question is not None
    assert (question.sources, question.query) == ((), "")


def test_a_result_is_asked_whether_it_speaks_to_the_agent() -> None:
    question = question_of_result(reading_results())
    assert question is not None
    (category,) = question.categories
    assert (category.label, category.policy, category.type) == ("INJECTION", Policy.CONTENT, "PROMPT_ATTACK")
    assert question_of_result(config(filters=[content("PROMPT_ATTACK")])) is None
