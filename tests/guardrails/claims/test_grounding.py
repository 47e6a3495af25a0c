from __future__ import annotations

import pytest

from guardrails.evidence import Verdict
from guardrails.grounding import Sources, grounding_of, relevance_of

TOWER = (
    "The Eiffel Tower is a wrought-iron lattice tower on the Champ de Mars in Paris. It is named after the engineer "
    "Gustave Eiffel, whose company built the tower from 1887 to 1889."
)


@pytest.mark.parametrize(
    "text",
    [
        "The tower in Paris was named after its engineer, Gustave Eiffel.",
        "It was built from 1887 to 1889 of wrought iron.",
        "Sure! The tower stands on the Champ de Mars.",
        "Hello. Have you been to Berlin?",
        "I am sorry for the trouble.",
        "I cannot find that.",
        "",
    ],
)
def test_what_the_source_says_is_grounded(text: str) -> None:
    assert grounding_of(text, [TOWER]).value >= 0.5


@pytest.mark.parametrize(
    "text",
    [
        "The tower was painted green by a mayor of London.",
        "It was built in 1910.",
        "The tower is on the Champ de Mars. Its restaurants serve seafood from Brittany every evening.",
        "Great question! Napoleon ordered a marble column for his wedding.",
    ],
)
def test_what_it_does_not_say_is_not(text: str) -> None:
    assert grounding_of(text, [TOWER]).value < 0.3


def test_the_worst_sentence_counts_and_says_what_is_missing() -> None:
    score = grounding_of("The tower is in Paris. Its lifts were replaced by Otis.", [TOWER])
    assert [each.verdict for each in score.sentences] == [Verdict.SUPPORTED, Verdict.UNSUPPORTED]
    assert score.value == min(each.score or 0 for each in score.sentences)
    assert "Otis" in score.sentences[1].why


def test_a_result_is_a_source_with_its_dates_in_words() -> None:
    result = {"order_id": "1042", "status": "delivered", "delivered_on": "2026-11-14", "total": "42.00"}
    sources = Sources([result])
    assert grounding_of("Order 1042 was delivered on Saturday, 14 November 2026.", sources).value == 1
    assert grounding_of("Order 1042 was delivered on 15 November 2026.", sources).value == 0


def test_relevance_is_the_question_taken_up() -> None:
    assert relevance_of("Delivery to Norway takes 7 to 12 days.", "How long is delivery to Norway?") == 1
    assert relevance_of("You can pay by card.", "How long is delivery to Norway?") == 0
    assert relevance_of("Anything.", "And then?") == 1


@pytest.mark.parametrize("bit", ["a", "-", "a-", " \n", "1,", "I think ", "yes "])
def test_an_endless_text_comes_to_an_end(bit: str) -> None:
    assert 0 <= grounding_of((bit * 20_000)[:20_000], [TOWER]).value <= 1
