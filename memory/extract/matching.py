"""How a table of patterns is read against what a customer says."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from memory.extract.conversation import Proposal, Said
from memory.extract.sentences import statements_of

# Beginnings of what people say of themselves, and of what they ask of us.
ADVERBS = (
    r"(?:[ ,]+(?:really|just|much|also|only|always|usually|generally|normally|definitely|still|now|rather|actually|"
    r"strongly|mostly|honestly))*"
)
WANT = (
    rf"\bi(?:'d|'ll| would| will| do)?{ADVERBS} "
    r"(?:like|love|want|prefer|need|wish|appreciate|rather|ask)(?: it)?(?: if| to| for| that| only| just| rather| "
    r"you| we| could| would| can| have| get| "
    r"receive| be| being| getting| receiving| having| my| all| the| your| me| as| please)*"
)
ASK = (
    r"(?:\bplease,?|\b(?:can|could|would|will) you(?: all)?(?: please| kindly)?|^|[,:] (?:so |and )?|\band |\bjust |"
    r"\bonly |\balways |\bfrom now on,? |\bin future,? )"
)
# A denial of what follows within the same clause.
NEGATED = re.compile(
    r"(?:\b(?:not|never|neither|nor|without|cannot)|n't|\bno longer|\bno more)\b[^,.;:]{0,30}$", re.IGNORECASE
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What a match means: of a topic a value, and a sentence in the third person; all may name its groups."""

    topic: str
    value: str
    text: str
    pattern: re.Pattern[str]
    confidence: float = 0.7


def rule(topic: str, value: str, text: str, *patterns: str, exact: bool = False) -> Rule:
    """`exact` where capitals count, as in names."""
    joined = "|".join(f"(?:{pattern})" for pattern in patterns)
    flags = re.RegexFlag(0) if exact else re.IGNORECASE
    return Rule(topic=topic, value=value, text=text, pattern=re.compile(joined, flags))


def read(messages: Sequence[Said], rules: Sequence[Rule], strategy: str) -> Iterator[Proposal]:
    """In the order in which it was said; of one sentence, a topic is read by the first rule of it that matches."""
    for said in messages:
        for sentence in statements_of(said.text):
            topics: set[str] = set()
            for one in rules:
                found = match_of(one, sentence)
                if found is None:
                    continue
                topic, value, text = (fill(form, found) for form in (one.topic, one.value, one.text))
                if topic in topics:
                    continue
                topics.add(topic)
                yield Proposal(
                    strategy=strategy,
                    topic=topic[:80],
                    text=text,
                    message_id=said.id,
                    said_at=said.at,
                    confidence=one.confidence,
                    metadata={"value": value.casefold(), "said": sentence[:300]},
                )


def match_of(one: Rule, sentence: str) -> re.Match[str] | None:
    found = one.pattern.search(sentence)
    return None if found is None or NEGATED.search(sentence[: found.start()]) else found


def fill(form: str, found: re.Match[str]) -> str:
    """A group may stand in several ways of saying it, as `time` and `time_2`: one of them has found something."""
    groups = {
        name.partition("_")[0]: " ".join(value.split()).rstrip(".,-'")
        for name, value in found.groupdict().items()
        if value
    }
    return form.format(**groups) if "{" in form else form
