"""A street with its number, as it is written in English, and the commonest forms of the Continent. Weak: not every
address has one of these forms."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from guardrails.findings import Confidence
from guardrails.pii.candidates import WEAK, Candidate
from guardrails.pii.passage import Passage, words_of

ADDRESS = "ADDRESS"
TYPES = frozenset({ADDRESS})
STREETS = words_of(
    "street st avenue ave road rd boulevard blvd lane ln drive dr court ct place pl square squares sq terrace ter "
    "highway hwy parkway pkwy circle cir trail trl close crescent garden gardens grove mews row walk way plaza alley "
    "loop crest station junction passage ridge meadow meadows heights park hill green view wharf quay parade rise"
)
HOUSE = re.compile(r"(?<![A-Za-z0-9.,/#$€£\-])[0-9]{1,6}(?![0-9])")
WORD = r"[A-Za-z\u00c0-\u024f'.\-]{1,18}"
LETTER = r"[A-Za-z\u00c0-\u024f'\-]"
CAPITAL = r"[A-Z\u00c0-\u024f]"
# "12 Baker Street", "1987 74 Diakou Street": up to four words between the number and the kind of street.
STREET = re.compile(
    rf"[0-9]{{1,6}}[A-Za-z]?(?:[ -]{{1,3}}[0-9]{{1,4}}[A-Za-z]?)?,? ((?:{WORD} ){{1,4}}?)"
    rf"(?:{'|'.join(sorted(STREETS, key=len, reverse=True))})(?![A-Za-z0-9])\.?",
    re.IGNORECASE,
)
# "Hauptstraße ", "Rue de Rivoli, " before a number.
FOREIGN = re.compile(
    rf"(?<![A-Za-z0-9])(?:{CAPITAL}{LETTER}{{2,24}}(?:stra(?:ß|ss)e|str\.|gasse|weg|platz|allee|gatan|v[äa]gen|gade|vej|"
    r"katu|tie|laan|straat|plein|gracht|utca|veien|gata)|(?:Rue|Via|Calle|Avenida|Piazza|Rua|Place|Plaza|ul\.)"
    rf"(?: {LETTER}{{1,18}}){{1,3}}),? \Z"
)
FOREIGN_REACH = 90
FOREIGN_NUMBER = re.compile(r"[0-9]{1,4} ?(?:[a-zA-Z](?![A-Za-z0-9]))?")
BOX = re.compile(r"\b(?:P\.? ?O\.? ?Box|PSC [0-9]{1,5},? Box|Unit [0-9]{1,5} Box) [0-9]{1,6}", re.IGNORECASE)
UNIT = r"(?:apt|apartment|suite|ste|unit|flat|floor|fl|room|rm|building|bldg)\.? ?#?[0-9]{1,5}[A-Za-z]?"
POSTCODE = (
    r"(?:[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[0-9]{5}(?:-[0-9]{4})?|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]|"
    r"[0-9]{4} [A-Z]{2})"
)
TOWN = rf"{CAPITAL}[A-Za-z\u00c0-\u024f.'\-]{{1,18}}(?: {CAPITAL}[A-Za-z\u00c0-\u024f.'\-]{{1,18}}){{0,2}}"
# One more part of an address: a flat, a postcode, a town behind a comma or on the next line, a state.
MORE = re.compile(
    rf"(?:[ \n,]{{1,3}}(?i:{UNIT})|[ \n,]{{1,3}}{POSTCODE}|, ?{TOWN}(?!:)|,? [A-Z]{{2}}|"
    rf",? ?\n ?(?![A-Z]{{1,3}}(?![A-Za-z])){TOWN}(?= ?(?:[,\n0-9]|$)))(?![A-Za-z0-9])"
)
# Words that no street's name has: "2 of my items on the way".
NO_STREET = re.compile(
    r"\b(?:days?|hours?|minutes?|weeks?|months?|years?|items?|pieces|box(?:es)?|orders?|times|percent|dollars?|of|to|in|"
    r"at|is|was|for|on|the|and|or|with|my|your|left|right|units?|more|than|per|by|from|you|i|we|it|am|pm|has|have|will|"
    r"a|an|this|that|off|stars?)\b",
    re.IGNORECASE,
)


def find_addresses(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    if not passage.has_digits:
        return
    for start, end in streets(passage):
        last = end
        while more := MORE.match(passage.text, last):
            last = more.end()
        yield Candidate(ADDRESS, start, last, WEAK + 5, "The form of a street and a number.", Confidence.LOW)


def streets(passage: Passage) -> Iterator[tuple[int, int]]:
    """Where a street and its number stand."""
    text, is_likely = passage.text, not passage.words.isdisjoint(STREETS)
    for house in HOUSE.finditer(text, passage.base):
        match = STREET.match(text, house.start()) if is_likely else None
        if match and not NO_STREET.search(match.group(1)):
            yield match.span()
        street = FOREIGN.search(text, max(passage.base, house.start() - FOREIGN_REACH), house.start())
        number = FOREIGN_NUMBER.match(text, house.start())
        if street and number:
            yield street.start(), number.end()
    if "box" in passage.words:
        yield from (match.span() for match in BOX.finditer(text, passage.base))
