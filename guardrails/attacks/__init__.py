"""Prompt attacks: texts that would take the agent away from whoever set it up.

Wording, not intent: an order that reads like any sentence is not seen by this, nor by anything local. See
docs/guardrails.md
for what that means.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import re2

from guardrails.attacks.patterns import PATTERNS
from guardrails.findings import Confidence, Finding, Policy
from guardrails.normal import Normal, normal

TYPE = "PROMPT_ATTACK"
# Two families within so many characters are one attempt.
NEAR = 700
# A longer text is read to here and again from its end: what is in the middle of a book speaks to nobody.
LONGEST = 60_000
FEW_CHARACTERS = 8
# "What is the password reset page?", "show me your return policy rules": asked of a shop, not of a prompt.
OF_A_SHOP = re.compile(
    r"pass(?:word|code)(?:s| reset| recovery| page| link)|(?:my|forgot\w*|lost|change|reset|new|old) pass(?:word|code)|"
    r"\b(?:shipping|delivery|return|refund|washing|care|assembly|installation|payment|privacy|user|setup|cooking|safety|"
    r"manual|track(?:ing)?|discount|voucher|promo(?:tion)?|gift|post(?:al)?|zip|order|item|security) (?:instructions?|"
    r"rules|guidelines?|code|polic\w+)"
)
COMPILED = tuple((family, confidence, why, re2.compile(pattern)) for family, confidence, why, pattern in PATTERNS)
TOGETHER = re2.Set.SearchSet()
for *_, pattern in PATTERNS:
    TOGETHER.Add(pattern)
TOGETHER.Compile()


def find_attacks(text: str) -> list[Finding]:
    """At most one finding: the surest, with the words that it rests on. `why` names all that was seen."""
    if len(text) < FEW_CHARACTERS:
        return []
    read = normal(text if len(text) <= LONGEST else f"{text[: LONGEST // 2]}\n{text[-LONGEST // 2 :]}")
    seen = [*wordings(read), *oddities(read)]
    if not seen:
        return []
    families = closest(seen)
    surest = max(seen, key=lambda each: (each[1], -each[3]))
    confidence = surest[1]
    if len({family for family in families if family != "task"}) > 1 and confidence >= Confidence.MEDIUM:
        confidence = Confidence.HIGH
    elif len(families) > 1:
        confidence = max(confidence, Confidence.MEDIUM)
    start, end = read.span(surest[3], surest[4]) if len(text) <= LONGEST else (-1, -1)
    why = "It " + ", and ".join(dict.fromkeys(each[2] for each in sorted(seen, key=lambda each: -each[1]))) + "."
    return [Finding(policy=Policy.CONTENT, type=TYPE, confidence=confidence, start=start, end=end, why=why[:300])]


Seen = tuple[str, Confidence, str, int, int]


def wordings(read: Normal) -> Iterator[Seen]:
    for place in sorted(TOGETHER.Match(read.text) or ()):
        family, confidence, why, pattern = COMPILED[place]
        match = pattern.search(read.text)
        if match is None or OF_A_SHOP.search(read.text, max(0, match.start() - 12), match.end() + 12):
            continue
        yield family, confidence, why, match.start(), match.end()


def oddities(read: Normal) -> Iterator[Seen]:
    """What is no wording: words that cannot be seen, and words that only fill."""
    if read.tags:
        yield "hidden", Confidence.HIGH, "holds words that cannot be seen", 0, 0
    elif read.hidden > 3 and read.hidden * 30 > len(read.text):
        yield "hidden", Confidence.MEDIUM, "holds characters that cannot be seen", 0, 0
    words = read.text.split()
    if len(words) > 60:
        _, most = Counter(words).most_common(1)[0]
        if most * 2 > len(words):
            yield "flood", Confidence.MEDIUM, "repeats one word over and over", 0, min(len(read.text), 200)


def closest(seen: list[Seen]) -> set[str]:
    """The families of the place where most of them meet."""
    places = [[other[0] for other in seen if abs(other[3] - each[3]) <= NEAR] for each in seen]
    return set(max(places, key=lambda families: len(set(families))))


def find_attacks_in(value: Any) -> list[tuple[tuple[str | int, ...], Finding]]:
    """Of a JSON value: its texts, each with the path to it; keys and structure are no words."""
    return [(path, finding) for path, text in leaves(value, ()) for finding in find_attacks(text)]


def leaves(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            yield from leaves(inner, (*path, place))
