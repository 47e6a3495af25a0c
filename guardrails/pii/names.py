"""A person's name where a title, a greeting, a signature or "my name is" says that it is one. Weak: values that are
known (`known.py`) are the sure way."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from guardrails.findings import Confidence
from guardrails.pii.candidates import WEAK, Candidate
from guardrails.pii.passage import Passage, words_of

NAME = "NAME"
TYPES = frozenset({NAME})
CAPITAL = r"[A-Z\u00c0-\u00de\u0100-\u024f]"
LETTER = r"[A-Za-z\u00c0-\u024f'\-]"
PART = rf"{CAPITAL}{LETTER}{{1,24}}"
PARTICLE = r"(?:van|von|de|der|den|del|della|di|da|dos|la|le|el|al|bin|ibn|ten|ter|zu)"
FULL = rf"{PART}(?: (?:{CAPITAL}\.|{PARTICLE}(?: {PARTICLE})?)(?= {CAPITAL}))?(?: {PART}){{0,2}}"
REACH = 40
FORMS = (
    (
        words_of("mr mrs ms miss mx dr prof sir herr frau"),
        re.compile(rf"(?<![A-Za-z])(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Sir|Herr|Frau)\.? ({FULL})"),
        "A title stands before it.",
    ),
    (
        words_of("name surname called truly speaking customer recipient cardholder holder named signed this"),
        re.compile(
            r"\b(?:[Mm]y (?:full |first |last )?name(?:'s| is)|[Nn]ame ?(?:is|:)|[Ii] am called|[Tt]his is|"
            r"[Yy]ours truly,|[Ss]peaking (?:with|to)|(?:first|last|full|given|family|sur) ?name(?: is|:|\?)|"
            r"[Cc]ustomer:|[Rr]ecipient:|[Cc]ardholder:?|[Aa]ccount holder:?|[Nn]amed|[Ss]igned,?)"
            rf"[ \n]({FULL})"
        ),
        "It is said to be a name.",
    ),
    (
        words_of("dear hi hello hey good"),
        re.compile(
            rf"(?:^|\n)(?:Dear|Hi|Hello|Hey|Good (?:morning|afternoon|evening)) ({FULL})(?=[,!.:\n])",
        ),
        "It is greeted.",
    ),
    (
        words_of("regards sincerely best cheers thanks thank yours love respectfully"),
        re.compile(
            r"(?:[Rr]egards|[Ss]incerely|[Bb]est(?: wishes)?|[Cc]heers|[Tt]hanks|[Tt]hank you|[Yy]ours|[Ll]ove|"
            rf"[Rr]espectfully),?\n{{1,2}}({FULL})(?=\n|$|,)"
        ),
        "It stands under the message.",
    ),
)
# Capitals that begin something else.
NO_NAMES = words_of(
    "the a an i you we they he she it this that customer support team sir madam all everyone there both again friend "
    "order your our my not very great good thank thanks please hello hi dear service agent someone what where when how "
    "yes no just still also regarding about for in on at to from with and or but so monday tuesday wednesday thursday "
    "friday saturday sunday january february march april june july august september october november december"
)


def find_names(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    begin = max(0, passage.base - REACH)
    for triggers, form, why in FORMS:
        if passage.words.isdisjoint(triggers):
            continue
        for match in form.finditer(passage.text, begin):
            start, end = match.span(1)
            first = match.group(1).split()[0].casefold().strip(".,")
            if start >= passage.base and first not in NO_NAMES:
                yield Candidate(NAME, start, end, WEAK, why, Confidence.LOW)
