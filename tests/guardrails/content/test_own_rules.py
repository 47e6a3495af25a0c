"""Words, topics and patterns that an admin writes."""

from __future__ import annotations

import pytest

from guardrails.config import Regex, Topic
from guardrails.findings import Confidence
from guardrails.regexes import Regexes, check_pattern
from guardrails.topics import Topics
from guardrails.words import Words

ADVICE = Topic(
    name="Investment advice",
    definition="Recommending stocks, bonds, funds or other investments, or predicting their prices.",
    examples=("Which stocks should I buy this year?", "Will the bitcoin price go up?"),
)


def test_words_are_whole_and_however_they_are_written() -> None:
    words = Words(["Acme", "price match", "straße"])
    wide = "\uff21\uff23\uff2d\uff25"
    text = f"Does ACME do a Price  Match? {wide} acmeish STRASSE"
    assert [(finding.type, finding.text_of(text)) for finding in words.find(text)] == [
        ("Acme", "ACME"),
        ("price match", "Price  Match"),
        ("Acme", wide),
        ("straße", "STRASSE"),
    ]


def test_of_two_phrases_the_longer_one_is_named() -> None:
    text = "a gift card please"
    assert [finding.type for finding in Words(["gift", "gift card"]).find(text)] == ["gift card"]


def test_ten_thousand_words() -> None:
    words = Words([f"word{number}" for number in range(10_000)])
    assert [finding.type for finding in words.find("here is word9999, and word10000")] == ["word9999"]


def test_profanity_bears_the_name_of_its_list() -> None:
    text = "What a bullshit"
    (finding,) = Words([], is_profanity=True).find(text)
    assert (finding.rule, finding.text_of(text)) == ("word:PROFANITY", "bullshit")
    assert Words([], is_profanity=False).find(text) == []


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("Which stocks should I buy?", Confidence.MEDIUM),
        ("do you think the bitcoin price will go up", Confidence.MEDIUM),
        ("Do you sell funds or bonds?", Confidence.LOW),
        ("Is the kettle in stock?", Confidence.NONE),
        ("Where is my order?", Confidence.NONE),
    ],
)
def test_a_topic_is_seen_by_its_words(text: str, confidence: Confidence) -> None:
    found = Topics([ADVICE]).find(text)
    assert max((finding.confidence for finding in found), default=Confidence.NONE) == confidence


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        (r"(?=x)", "Look-ahead"),
        (r"(?<!a)b", "Look-ahead"),
        (r"(a)\1", "cannot be read"),
        (r"(unclosed", "cannot be read"),
        ("", "empty"),
        ("x" * 501, "501 characters"),
    ],
)
def test_a_pattern_that_cannot_be_used_says_why(pattern: str, why: str) -> None:
    assert why in check_pattern(pattern)


def test_matches_are_in_characters() -> None:
    regexes = Regexes([Regex(name="order", pattern=r"(?i)\bORD-\d{4}\b"), Regex(name="nothing", pattern="x*")])
    text = "Größe 🙂 ord-1042 und ORD-7"
    (finding,) = regexes.find(text)
    assert (finding.rule, finding.text_of(text)) == ("regex:order", "ord-1042")
    assert check_pattern(r"(?i)\bORD-\d{4}\b") == ""


def test_a_pattern_that_would_never_end_elsewhere_ends() -> None:
    assert Regexes([Regex(name="slow", pattern=r"(a+)+$")]).find("a" * 20_000 + "b") == []
