"""From a customer's typing to words and concepts: mends spelling, splits glued words, finds concepts.

Deterministic and quick: spelling is mended through an index of deletions (the idea of SymSpell, Wolf Garbe 2012),
so a word costs a few dictionary look-ups, not a comparison with the whole vocabulary.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from agents.scripted.vocabulary import CONCEPTS, CONTRACTIONS, EVERYDAY, PHRASES

# What is read of one message; a longer one has said what it wants by then, and the time stays bounded.
READ_CHARACTERS = 3_000

_TOKEN = re.compile(r"[a-z]+(?:['-][a-z]+)*|\d+")
_LONG_WORD = 8
# Beyond this a word is no slip of the fingers, and its deletions would be too many.
_LONGEST_MENDED = 24


@dataclass(frozen=True, kw_only=True)
class Words:
    """One message, read: mended tokens, the same as one text, and the concepts in it."""

    tokens: tuple[str, ...]
    text: str
    concepts: frozenset[str]
    known: float
    """Share of the alphabetic tokens that are known words, 0 to 1; 0 for a message without any."""


@lru_cache(maxsize=2_048)
def read_words(text: str) -> Words:
    """Read one message (or one line of policy text)."""
    plain = plain_text(text[:READ_CHARACTERS])
    tokens: list[str] = []
    alphabetic = recognised = 0
    for raw in _TOKEN.findall(plain):
        if raw.isdigit():
            tokens.append(raw)
            continue
        mended = mend(raw)
        alphabetic += 1
        recognised += all(is_known(word) for word in mended)
        tokens.extend(mended)
    joined = _without_refused(" ".join(tokens))
    concepts = {concept for token in joined.split() for concept in _CONCEPTS_OF.get(token, ())}
    concepts.update(concept for concept, pattern in _PHRASES.items() if pattern.search(joined))
    return Words(
        tokens=tuple(tokens),
        text=joined,
        concepts=frozenset(concepts),
        known=recognised / alphabetic if alphabetic else 0.0,
    )


def plain_text(text: str) -> str:
    """Lower case, accents and typographic quotes made plain."""
    decomposed = unicodedata.normalize("NFKD", text.replace("\u2019", "'").replace("\u2018", "'"))
    return "".join(c for c in decomposed if not unicodedata.combining(c)).lower()


@lru_cache(maxsize=8_192)
def mend(word: str) -> tuple[str, ...]:
    """The word as it was meant: itself, a contraction written out, a corrected spelling, or the two words it glues."""
    if word in CONTRACTIONS:
        return tuple(CONTRACTIONS[word].split())
    if is_known(word):
        return (word,)
    if word.endswith("'s") and is_known(word[:-2]):
        return (word[:-2],)
    if "-" in word:
        return tuple(part for piece in word.split("-") if piece for part in mend(piece))
    word = word.replace("'", "")
    closest = _closest(word)
    if closest and closest[0] == 1:
        return (closest[1],)
    return _split(word) or ((closest[1],) if closest else (word,))


def is_known(word: str) -> bool:
    return word in _CONCEPTS_OF or word in EVERYDAY


def is_common(word: str) -> bool:
    """Whether a word is too usual in questions to tell one from another; topics of a shop are not."""
    return word in EVERYDAY or any(concept != "TOPIC" for concept in _CONCEPTS_OF.get(word, ()))


def base_of(word: str) -> str:
    """The base of an inflected known word; of any other word a crude singular."""
    if word in _BASE_OF:
        return _BASE_OF[word]
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word


def alike(left: str, right: str) -> bool:
    """Whether two words are the same but for number or one slip of the fingers."""
    left, right = base_of(left), base_of(right)
    if left == right:
        return True
    if min(len(left), len(right)) < 4 or abs(len(left) - len(right)) > 1:
        return False
    return distance(left, right) <= 1


def distance(left: str, right: str) -> int:
    """Edit distance with transposed neighbours counted as one (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, 1):
        following = [i]
        for j, b in enumerate(right, 1):
            cost = min(row[j] + 1, following[j - 1] + 1, row[j - 1] + (a != b))
            if i > 1 and j > 1 and a == right[j - 2] and left[i - 2] == b:
                cost = min(cost, before[j - 2] + 1)
            following.append(cost)
        before, row = row, following
    return row[-1]


def _closest(word: str) -> tuple[int, str] | None:
    """(edit distance, word) of the best known spelling, or None when nothing is near enough."""
    if len(word) == 3:
        # So short a word is only taken for one that lacks a vowel in its middle: "edt" for "edit".
        fuller = sorted(w for w in _SPELLINGS.get(word, ()) if _lacks_vowel(word, w))
        wanted = [w for w in fuller if w in _CONCEPTS_OF]
        return (1, wanted[0]) if wanted else None
    if not 3 < len(word) <= _LONGEST_MENDED:
        return None
    reach = 2 if len(word) >= _LONG_WORD else 1
    found: set[str] = set()
    for key in _deletions(word, reach):
        found.update(_SPELLINGS.get(key, ()))
    ranked = sorted(
        (distance(word, known), sorted(word) != sorted(known), word[0] != known[0], known in EVERYDAY, known)
        for known in found
    )
    if not ranked or ranked[0][0] > reach:
        return None
    return ranked[0][0], ranked[0][-1]


def _lacks_vowel(word: str, fuller: str) -> bool:
    return any(word[:at] + vowel + word[at:] == fuller for at in (1, 2) for vowel in "aeiou")


def _split(word: str) -> tuple[str, ...]:
    """Two known words that were typed without the blank between them."""
    best: tuple[str, ...] = ()
    for at in range(1, min(len(word), 2 * _LONGEST_MENDED) - 1):
        left, right = word[:at], word[at:]
        if at == 1 and left not in "uia":
            continue
        if not (is_known(left) or left in CONTRACTIONS) or not (is_known(right) and len(right) > 1):
            continue
        if not best or min(at, len(right)) > min(len(best[0]), len(best[-1])):
            best = (left, right)
    return tuple(part for piece in best for part in mend(piece))


def _without_refused(text: str) -> str:
    """The text without what the customer says they do not want: "I do not want a refund, I want ..." """
    return _REFUSED.sub("do not", text)


_REFUSED = re.compile(
    r"\b(?:do not|not) (?:(?:want|need|wish|asking|looking|after|like) )(?:to |for |a |any |my |the |get |have |your )*"
    r"(?:refund|return|reimbursement|rebate|human|person|agent|cancel|complain|replacement)(?:s|ed|ing)?\b"
    r"|\bdo not (?:cancel|refund|return|escalate)\b"
)


def _inflections(base: str) -> Iterator[str]:
    yield base
    if len(base) < 3:
        return
    yield from (base + "s", base + "ed", base + "ing")
    if base.endswith("e"):
        yield from (base + "d", base[:-1] + "ing")
    elif base.endswith("y"):
        yield from (base[:-1] + "ies", base[:-1] + "ied")
    elif base.endswith(("s", "x", "ch", "sh")):
        yield base + "es"
    elif base[-1] in "bdglmnprt":
        yield from (base + base[-1] + "ing", base + base[-1] + "ed")


def _deletions(word: str, reach: int) -> Iterator[str]:
    yield word
    for count in range(1, reach + 1):
        for gaps in combinations(range(len(word)), count):
            yield "".join(c for at, c in enumerate(word) if at not in gaps)


def _index_concepts() -> tuple[dict[str, tuple[str, ...]], dict[str, str]]:
    concepts: dict[str, set[str]] = defaultdict(set)
    bases: dict[str, str] = {}
    for concept, line in CONCEPTS.items():
        for base in line.split():
            for form in _inflections(base):
                concepts[form].add(concept)
                bases.setdefault(form, base)
    return {form: tuple(sorted(names)) for form, names in concepts.items()}, bases


def _index_spellings() -> dict[str, tuple[str, ...]]:
    index: dict[str, set[str]] = defaultdict(set)
    for word in sorted(set(_CONCEPTS_OF) | EVERYDAY):
        if len(word) >= 3:
            for key in _deletions(word, 2 if len(word) >= _LONG_WORD - 1 else 1):
                index[key].add(word)
    return {key: tuple(words) for key, words in index.items()}


_CONCEPTS_OF, _BASE_OF = _index_concepts()
_SPELLINGS = _index_spellings()
_PHRASES = {concept: re.compile(rf"\b(?:{pattern})") for concept, pattern in PHRASES.items()}
