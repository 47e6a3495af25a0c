"""A person's age: a number beside the words that make it one."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from guardrails.findings import Confidence
from guardrails.pii.candidates import NAMED, Candidate
from guardrails.pii.passage import Passage

AGE = "AGE"
TYPES = frozenset({AGE})
ADULT = 16  # below that "years old" is as often said of a thing
YEARS_OLD = re.compile(r"(?<![0-9a-z.,$€£\-])([1-9][0-9]?|1[01][0-9])(?:[ -]?(?:years?|yrs?)[ -]?old|[ -]?y/?o)\b")
MONTHS_OLD = re.compile(
    r"(?<![0-9a-z.,])([1-9]|[1-3][0-9])[ -](?:months?|weeks?)[ -]old"
    r"(?=[ -](?:baby|son|daughter|boy|girl|child|infant|twins))"
)
# "He just turned 69", "when she was 40", "aged 71". What follows must not make it another number: "turned 90 degrees".
TURNED = re.compile(
    r"\b(?:(?:i|he|she|they|we|who|i'll|he'll|she'll|just|will|i've|son|daughter|mother|father|wife|husband)"
    r"(?: have| has| just| will| is| am)? (?:turn(?:ed|s|ing)?|be turning)"
    r"|when (?:he|she|i|they|we) (?:was|were|is|am|are)|aged?(?: is|:| of)?|my age is) ([1-9][0-9]?|1[01][0-9])"
    r"(?![0-9]|[.,:/][0-9])(?=[.,!?;)\"'\n]|$| (?:years?|yrs?|and|or|this|last|next|in|on|today|yesterday|tomorrow|"
    r"when|but|so|now|soon|i|he|she)\b)"
)
TURNED_REACH = 40
PERSON = re.compile(
    r"\b(?:i|i'm|im|he|he's|she|she's|who|my|our|his|her|son|daughter|child|kid|kids|boy|girl|man|woman|lady|gentleman|"
    r"person|mr|mrs|ms|dr|mother|father|mum|mom|dad|wife|husband|brother|sister|niece|nephew|baby|grand[a-z]+|customer|"
    r"patient|student|aunt|uncle|friend|people|guy|toddler|teenager)\b[^.!?]{0,30}$"
)
PERSON_BEHIND = re.compile(
    r"[ -](?:man|woman|lady|gentleman|boy|girl|son|daughter|child|kid|person|student|patient|male|female|mother|father|"
    r"niece|nephew|baby|toddler|teenager|customer|grand[a-z]+|guy)\b"
)
THING = re.compile(
    r"\b(?:laptop|phone|tv|television|computer|car|printer|machine|device|product|item|tablet|watch|washer|fridge|oven|"
    r"house|account|order|battery|it|it's|its|that's|this|which|warranty|shoes|jacket|model|camera|bike|mattress|"
    r"sofa)\b[^.!?]{0,20}$"
)


def find_ages(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    if not passage.has_digits:
        return
    lower = passage.lower
    if not passage.words.isdisjoint({"old", "yo", "yrs"}) or "y/o" in lower:
        found = (match for match in YEARS_OLD.finditer(lower, passage.base) if is_of_a_person(passage, match))
        yield from map(age, found)
        yield from map(age, MONTHS_OLD.finditer(lower, passage.base))
    if not passage.words.isdisjoint({"turn", "turned", "turns", "turning", "when", "age", "aged"}):
        nearby = TURNED.finditer(lower, max(0, passage.base - TURNED_REACH))
        yield from map(age, (match for match in nearby if match.start(1) >= passage.base))


def is_of_a_person(passage: Passage, match: re.Match[str]) -> bool:
    if PERSON_BEHIND.match(passage.lower, match.end()):
        return True
    around = passage.near(match.start())
    if THING.search(around):
        return False
    return int(match.group(1)) >= ADULT or PERSON.search(around) is not None


def age(match: re.Match[str]) -> Candidate:
    why = "Words for an age stand beside it."
    return Candidate(AGE, match.start(1), match.end(1), NAMED - 5, why, Confidence.MEDIUM)
