"""How far a reply's words are those of its sources: word coverage, which measured better than embeddings.

The value of a text is that of its worst factual sentence: the share of its content words, as stems, that occur in the
sources (a name counts twice); 0 for a sentence with a number or an id that no source has. Greetings, questions, offers
and sympathy state nothing and are left out. English stems; a text of another language is compared word by word.
"""

from __future__ import annotations

import json
import re
import weakref
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

from guardrails.claims.wording import claims_in
from guardrails.evidence import Evidence, Statement, Verdict
from guardrails.stems import stem_of
from guardrails.values.sentences import Sentence, sentences_of
from guardrails.values.words import NUMBERS

_SUPPORTED_FROM = 0.5  # of the reference's two thresholds the upper one, at which a judge would be asked
# What an agent says that it does with the conversation; the ledger judges it, no document speaks of it.
_ACTS = frozenset({"escalation", "ticket", "email"})
_FEWEST_WORDS = 2  # content words; a sentence of fewer states nothing that could be looked up
_NAME_WEIGHT = 2.0
_SMALL = 10  # numbers below it are written as they come: "these 2 orders"


@dataclass(frozen=True, kw_only=True)
class Score:
    """0 to 1; `sentences` are the factual ones, of kind `prose`, each with its own score."""

    value: float
    sentences: list[Statement]


@dataclass(frozen=True, slots=True)
class _Words:
    """The words and the numbers of one source, as a reply's are compared."""

    words: frozenset[str]
    stems: frozenset[str]
    numbers: frozenset[str]


class Sources:
    """What a reply must rest on: texts, or values of tools' results. Made once for all the sentences of a turn."""

    def __init__(self, sources: Iterable[Any]) -> None:
        parts = [_words_of(source if isinstance(source, str) else _as_text(source)) for source in sources]
        self._words = frozenset().union(*(part.words for part in parts))
        self._stems = frozenset().union(*(part.stems for part in parts))
        self._numbers = frozenset().union(*(part.numbers for part in parts))

    @classmethod
    def of(cls, evidence: Evidence) -> Sources:
        """All that a turn may rest on, deeds included."""
        deeds = [[deed.tool, deed.arguments, deed.result] for deed in evidence.deeds]
        return cls([*(source.value for source in evidence.sources), evidence.query, *deeds])

    def score(self, text: str, values: Sequence[Statement] = ()) -> Score:
        """`values`: what `check_values` says of the same text; a number that it bears out, or works out, is known."""
        found = []
        acts = {said.sentence.start for said in claims_in(text) if said.claim in _ACTS}
        for sentence in sentences_of(text):
            if sentence.start in acts:
                continue
            coverage = self._coverage(sentence, values)
            if coverage is not None:
                found.append(_statement(sentence, *coverage))
        return Score(value=min((each.score or 0.0 for each in found), default=1.0), sentences=found)

    def _coverage(self, sentence: Sentence, values: Sequence[Statement]) -> tuple[float, list[str]] | None:
        """The share, and the words that no source has; None where nothing is stated."""
        opener = _OPENER.match(sentence.text)
        stated = sentence.text[opener.end() :] if opener else sentence.text
        if sentence.is_question or _EXEMPT.search(sentence.text):
            return None
        unknown = [number for number in _numbers_in(stated) if not self._has_number(number, sentence, values)]
        if unknown:
            return 0.0, unknown
        weighed = [(word, _weight(word, at)) for at, word in enumerate(_WORD.findall(stated))]
        weighed = [(word, weight) for word, weight in weighed if _is_content(word)]
        if len(weighed) < _FEWEST_WORDS + bool(opener):
            return None
        missing = [word for word, _ in weighed if not self._has_word(word.lower())]
        total = sum(weight for _, weight in weighed)
        lost = sum(weight for word, weight in weighed if word in missing)
        return 1 - lost / total, missing

    def _has_word(self, word: str) -> bool:
        return word in self._words or stem_of(word) in self._stems

    def _has_number(self, number: str, sentence: Sentence, values: Sequence[Statement]) -> bool:
        if number in self._numbers:
            return True
        if number.isdigit() and int(number) < _SMALL:
            return True
        return any(
            value.is_borne_out and sentence.start <= value.start < sentence.end and number in _numbers_in(value.said)
            for value in values
        )


def grounding_of(text: str, sources: Sequence[Any] | Sources, *, values: Sequence[Statement] = ()) -> Score:
    """1 where nothing is stated. `sources` are texts or JSON values; given as `Sources` they are not read again."""
    made = sources if isinstance(sources, Sources) else Sources(sources)
    return made.score(text, values)


def relevance_of(text: str, query: str) -> float:
    """The share of the question's content words that the answer takes up; 1 where the question has none."""
    asked = {stem_of(word.lower()) for word in _WORD.findall(query) if _is_content(word)} | set(_numbers_in(query))
    if not asked:
        return 1.0
    words = _words_of(text)
    return len(asked & (words.stems | words.numbers)) / len(asked)


_sources: dict[int, Sources] = {}


def sources_of(evidence: Evidence) -> Sources:
    """The same evidence is read once, and forgotten with it."""
    found = _sources.get(id(evidence))
    if found is None:
        found = _sources[id(evidence)] = Sources.of(evidence)
        weakref.finalize(evidence, _sources.pop, id(evidence), None)
    return found


# -- reading


@lru_cache(maxsize=512)
def _words_of(text: str) -> _Words:
    words = frozenset(word.lower() for word in _WORD.findall(text))
    numbers = set(_numbers_in(text))
    for at in _ISO.finditer(text):
        numbers |= set(_numbers_in(f"{int(at[1])} {int(at[2])} {int(at[3])}"))
        words |= _day_words(int(at[1]), int(at[2]), int(at[3]))
    numbers |= {str(NUMBERS[word]) for word in words & NUMBERS.keys()}
    return _Words(words, frozenset(stem_of(word) for word in words), frozenset(numbers))


def _day_words(year: int, month: int, day: int) -> frozenset[str]:
    """A reply writes "Saturday, 14 November" where a result says 2026-11-14."""
    try:
        when = date(year, month, day)
    except ValueError:
        return frozenset()
    return frozenset({when.strftime("%B").lower(), when.strftime("%b").lower(), when.strftime("%A").lower()})


def _as_text(value: Any) -> str:
    """Names and values of a result; `order_id` as two words."""
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str).replace("_", " ")
    return str(value)


def _numbers_in(text: str) -> list[str]:
    """Numbers as they compare: without signs, separators and idle zeros; of a token with letters its runs of digits."""
    found = []
    for token in _TOKEN.findall(_LIST_NUMBER.sub(" ", text)):
        plain = token.strip("-_.,#").casefold()
        if plain.replace(".", "").replace(",", "").isdigit():
            found.append(_canonical(plain))
        else:
            found += [_canonical(run) for run in _RUN.findall(plain)]
    return found


def _canonical(number: str) -> str:
    whole = (
        number.replace(",", "") if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", number) else number.replace(",", ".")
    )
    if whole.count(".") == 1:
        whole = whole.rstrip("0").rstrip(".")
    return whole.lstrip("0") or "0"


def _weight(word: str, at: int) -> float:
    """A name is told by its capital inside a sentence."""
    return _NAME_WEIGHT if at and word[0].isupper() and word[1:].islower() else 1.0


def _is_content(word: str) -> bool:
    return len(word) > 1 and word.lower() not in _STOP


def _statement(sentence: Sentence, score: float, missing: Sequence[str]) -> Statement:
    is_known = score >= _SUPPORTED_FROM
    return Statement(
        kind="prose",
        said=sentence.text,
        start=sentence.start,
        end=sentence.end,
        verdict=Verdict.SUPPORTED if is_known else Verdict.UNSUPPORTED,
        why="" if is_known else f"No source has: {', '.join(dict.fromkeys(missing))}.",
        score=score,
    )


_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)?")
_TOKEN = re.compile(r"(?<![\w#-])#?[A-Za-z_-]*+\d[\w.,-]*")
_RUN = re.compile(r"\d+")
_ISO = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)")
_LIST_NUMBER = re.compile(r"^[ \t]*\d{1,2}[.)]\s", re.MULTILINE)
# A sentence that states nothing of the matter: greeting, thanks, sympathy, offer, request, what was not understood.
_EXEMPT = re.compile(
    r"^\W*(?:hello|hi|hey|dear|good (?:morning|afternoon|evening|day)|welcome|thank|thanks|you(?:'re|"
    r" are) (?:very |most )?"
    r"welcome|(?:i(?:'m| am) |we(?:'re| are) )?(?:so |very |really |truly |terribly )*sorry|"
    r"(?:i |we |my |our )?(?:sincere(?:ly)? )?apolog|please|let me|feel free|if you |is there|goodbye|"
    r"bye\b|have a |take care|"
    r"i(?:'m| am) (?:here|happy|glad)|i(?:'d| would) be (?:happy|glad)|happy to|glad to|i hope|i understand|"
    r"i can (?:imagine|see|help|look|check|also|certainly|assist|do)|one moment|just a moment|to (?:help|"
    r"assist|proceed)|"
    r"could you|would you|i (?:will|can) (?:gladly|happily)|tell me|write to me|i have not understood|"
    r"(?:i|we) (?:cannot|can't|could not|couldn't|am unable|are unable|was unable|were unable|have changed nothing))\b",
    re.IGNORECASE,
)
# Manners of speaking at a sentence's beginning, before what it states.
_OPENER = re.compile(
    r"^\W*(?:(?:yes|no|well|oh|so|also|and|but|unfortunately|actually|sure|great|certainly|of course|"
    r"absolutely|no problem|"
    r"all right|alright|okay|ok|wow|haha|lol|nice|cool|interesting|i (?:think|believe|guess|know|see|"
    r"heard|agree|love|like|enjoy)|"
    r"as far as i know|did you know|it seems|perhaps|maybe|that(?:'s| is| sounds) (?:great|good|nice|"
    r"interesting|cool|awesome|"
    r"amazing|fun|true|right))\b[\s,!.]*(?:that\b\s*)?)+",
    re.IGNORECASE,
)
_STOP_WORDS = """
a about above after again against all also am an and any are aren't as at be because been before being below between
both but by can can't cannot could couldn't did didn't do does doesn't doing don't down during each either else ever
every few for from further get gets getting go goes going got had hadn't has hasn't have haven't having he he's her here
here's hers herself him himself his how i i'd i'll i'm i've if in into is isn't it it's its itself just know let let's
like lot lots made make makes many may maybe me might more most much must my myself need needs no nor not now of off on
once one ones only or other our ours ourselves out over own per please quite really same say see seem seems she should
shouldn't so some something still such take than that that's the their theirs them themselves then there there's these
they they're they've thing things this those though through to too under until up upon us very want was wasn't way we
we'd we'll we're we've well were weren't what what's when where which while who whom whose why will with within without
won't would wouldn't yes yet you you'd you'll you're you've your yours yourself
actually already always although another anything around away back become better big came come comes day different
enough even everything find first give given good great however kind last least less little long new next often part
possible put since sometimes sort sure tell thank thanks think today together try two use used using usually
different various several
""".strip()
_STOP = frozenset(_STOP_WORDS.split())
