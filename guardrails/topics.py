"""Denied topics as far as words go: how much of a topic's vocabulary a text uses.

A topic is about meaning, and this counts stems: it sees a text that speaks of a topic in the topic's own words, and
misses one that goes around them. The judge reads the definition itself; where it is asked, this only finds the doubt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from guardrails.config import Topic
from guardrails.content.lexicon import listed
from guardrails.findings import Confidence, Finding, Policy
from guardrails.normal import normal
from guardrails.stems import stem_of

WORD = re.compile(r"[^\W\d_]{3,}")
COMMON = frozenset(
    listed(
        "about advice after again all also and any anything are ask asked asking asks because been before being "
        "between both but can could customer customers did does doing during each for from get give had has have help "
        "her here him his how including information into its just let made make many may more most much need needs "
        "new not now old once one only other our out over please put question questions regarding related say see she "
        "should some something such tell than that the their them then there these they this those too topic two "
        "under use user users very want wants was were what when where which while who why will with would you your"
    )
)
# Of an example's words: so many make it the same question. Of the definition's: a text of a few of them is near it.
SAME, MANY, SOME = 0.66, 0.6, 0.2
FEWEST = 2


def stems_of(text: str) -> frozenset[str]:
    return frozenset(stem_of(word) for word in WORD.findall(normal(text).text) if word not in COMMON)


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    name: str
    definition: frozenset[str]
    examples: tuple[frozenset[str], ...]

    def confidence(self, said: frozenset[str]) -> Confidence:
        if any(len(example & said) >= max(FEWEST, SAME * len(example)) for example in self.examples):
            return Confidence.MEDIUM
        shared = len(self.definition & said)
        if shared >= max(FEWEST, MANY * len(self.definition)):
            return Confidence.MEDIUM
        near = any(len(example & said) >= max(FEWEST, SOME * len(example)) for example in self.examples)
        return Confidence.LOW if near or shared >= max(FEWEST, SOME * len(self.definition)) else Confidence.NONE


class Topics:
    def __init__(self, topics: Sequence[Topic]) -> None:
        self._vocabularies = [
            Vocabulary(
                name=topic.name,
                definition=stems_of(f"{topic.name} {topic.definition}"),
                examples=tuple(stems for example in topic.examples if (stems := stems_of(example))),
            )
            for topic in topics
        ]

    def find(self, text: str) -> list[Finding]:
        """At most one finding a topic, of the whole text."""
        if not self._vocabularies:
            return []
        said = stems_of(text)
        found = [(vocabulary.name, vocabulary.confidence(said)) for vocabulary in self._vocabularies]
        return [
            Finding(
                policy=Policy.TOPIC,
                type=name,
                confidence=confidence,
                why="It uses the words of the topic's definition.",
            )
            for name, confidence in found
            if confidence > Confidence.NONE
        ]
