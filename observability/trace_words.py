"""The words of the query bar over the traces: `status:error tool:process_refund duration:>2s -channel:api "my order"`.

A word is `field:value`, or a text that is looked for. A minus before it means the opposite, a comma between values
either, quotes keep a value together, and numbers may be compared.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from observability.models import Span, Trace

LONGEST = 1_000
MOST_WORDS = 30
TEXT = "text"
# What is not said otherwise is a text.
WORD = re.compile(
    r"""(?P<minus>-?)
        (?:(?P<field>[A-Za-z_]+):)?
        (?P<sign>>=|<=|>|<)?
        (?P<value>"(?:[^"\\]|\\.)*"|[^\s"]+)?
        (?P<rest>[^\s]*)""",
    re.VERBOSE,
)
PLAIN = re.compile(r"[^\s\",:<>=\\-][^\s\",:\\]*")
NUMBER = re.compile(r"\$?(?P<number>\d+(?:\.\d+)?)(?P<unit>[a-z]*)")
# Milliseconds in each.
DURATIONS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000}
THOUSANDS = {"": 1, "k": 1_000, "m": 1_000_000}
MOST = 10**12


class WordError(ValueError):
    """A word that is not understood: what is the matter, and where it stands in the text."""

    def __init__(self, message: str, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


KINDS = tuple(Span.Kind.values)


@dataclass(frozen=True, kw_only=True)
class Field:
    """`kind`: one of a few words, any word, the beginning of a text or an id, text within, or a number of a unit; or
    that there is a step which fits."""

    name: str
    kind: str
    help: str
    words: tuple[str, ...] = ()


FIELDS = {
    field.name: field
    for field in (
        Field(name="status", kind="choice", help="running, ok, error", words=tuple(Trace.Status.values)),
        Field(name="outcome", kind="word", help="replied, escalated, …"),
        Field(name="agent", kind="word", help="its short name, its name or its id"),
        Field(name="version", kind="count", help="of the agent"),
        Field(name="channel", kind="word", help="chat, email, …"),
        Field(name="model", kind="word", help="whole, or with * at the end"),
        Field(name="customer", kind="begin", help="how the address begins"),
        Field(name="conversation", kind="id", help="its id, or the beginning"),
        Field(name="trace", kind="id", help="its id, or the beginning"),
        Field(name="error", kind="within", help="words of the turn's error"),
        Field(name="tool", kind="step", help="the turn called it"),
        Field(name="failed", kind="step", help="a call of this tool failed"),
        Field(name="guardrail", kind="step", help="blocked, masked, … or a word of the rule"),
        Field(
            name="kind",
            kind="choice",
            help=f"has such a step: {', '.join(Span.Kind.values)}",
            words=(*Span.Kind.values,),
        ),
        Field(name="duration", kind="duration", help=">2s, <500ms"),
        Field(name="cost", kind="usd", help=">0.01, in US dollars"),
        Field(name="tokens", kind="count", help=">5000 of all four kinds"),
        Field(name="model_calls", kind="count", help=">3"),
        Field(name="tool_calls", kind="count", help=">3"),
    )
}
OTHER_NAMES = {"latency": "duration", "session": "conversation", "id": "trace", "slug": "agent", "calls": "model_calls"}
NUMBERS = frozenset({"duration", "usd", "count"})


@dataclass(frozen=True, kw_only=True)
class Term:
    """One word. `values` are those of which one has to fit, `number` what a number is compared to (milliseconds, US
    dollars, or how many) by `sign`."""

    field: str
    values: tuple[str, ...]
    is_negated: bool = False
    sign: str = ""
    number: Decimal = Decimal(0)

    def __str__(self) -> str:
        values = ",".join(quoted(value, is_text=self.field == TEXT) for value in self.values)
        name = "" if self.field == TEXT else f"{self.field}:"
        return f"{'-' if self.is_negated else ''}{name}{self.sign}{values}"


def quoted(value: str, *, is_text: bool = False) -> str:
    if PLAIN.fullmatch(value) or (is_text and not re.search(r'[\s":\\]|^-', value)):
        return value
    inner = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{inner}"'


def read_words(text: str) -> tuple[Term, ...]:
    """Raises `WordError`."""
    text = text.replace("\0", "")
    if len(text) > LONGEST:
        raise WordError(f"A query has at most {LONGEST:,} characters.", LONGEST, len(text))
    terms, place = [], 0
    while match := re.compile(r"\S").search(text, place):
        word = WORD.match(text, match.start())
        if word is None or word.end() == match.start():
            raise WordError("This is not understood.", match.start(), match.end())
        place = word.end()
        terms.append(term_of(word))
        if len(terms) > MOST_WORDS:
            raise WordError(f"A query has at most {MOST_WORDS} words.", match.start(), len(text))
    return tuple(terms)


def written(terms: Sequence[Term]) -> str:
    return " ".join(str(term) for term in terms)


def term_of(word: re.Match[str]) -> Term:
    start, end = word.span()
    given, name, sign = word["value"] or "", (word["field"] or "").lower(), word["sign"] or ""
    if '"' in word["rest"] or given == '"':
        raise WordError("A quotation mark has no other one.", end - len(word["rest"]), end)
    if word["rest"]:
        raise WordError("After a quoted text comes a blank.", end - len(word["rest"]), end)
    if not name:
        if not given:
            raise WordError("There is nothing after it.", start, end)
        # A sign without a field is a letter like others.
        return Term(field=TEXT, values=(f"{sign}{unquoted(given)}",), is_negated=bool(word["minus"]))
    field = FIELDS.get(OTHER_NAMES.get(name, name))
    if field is None:
        raise WordError(f"There is no field {name!r}. To look for the text itself, put it in quotes.", start, end)
    if not given:
        raise WordError(f"After {name}: comes a value.", start, end)
    values = values_of(given)
    if not all(values):
        raise WordError(f"After {name}: comes a value.", start, end)
    term = Term(field=field.name, values=values, is_negated=bool(word["minus"]), sign=sign)
    return checked(term, field, start, end)


def values_of(given: str) -> tuple[str, ...]:
    return (unquoted(given),) if given.startswith('"') else tuple(given.split(","))


def unquoted(given: str) -> str:
    return re.sub(r"\\(.)", r"\1", given[1:-1], flags=re.DOTALL) if given.startswith('"') else given


def checked(term: Term, field: Field, start: int, end: int) -> Term:
    """The term as its field wants it. Raises `WordError`."""
    if field.kind in NUMBERS:
        if len(term.values) > 1:
            raise WordError(f"{field.name} is compared to one number.", start, end)
        number = read_number(term.values[0], field, start, end)
        return Term(field=term.field, values=term.values, is_negated=term.is_negated, sign=term.sign, number=number)
    if term.sign:
        raise WordError(f"{field.name} is no number, so it cannot be compared.", start, end)
    values = tuple(value.lower() for value in term.values) if field.kind in {"choice", "begin", "id"} else term.values
    for value in values:
        if field.kind == "choice" and value not in field.words:
            raise WordError(f"{field.name} is one of {', '.join(field.words)}.", start, end)
        if field.kind == "id" and not is_beginning_of_id(value):
            raise WordError("An id begins with at least 8 of the digits 0 to 9 and a to f.", start, end)
    return Term(field=term.field, values=values, is_negated=term.is_negated)


def read_number(value: str, field: Field, start: int, end: int) -> Decimal:
    match = NUMBER.fullmatch(value.lower().replace("_", ""))
    if match is None or Decimal(match["number"]) > MOST:
        raise WordError(f"{field.name} is compared to a number: {field.help}.", start, end)
    number, unit = Decimal(match["number"]), match["unit"]
    if field.kind == "duration":
        if unit not in DURATIONS:
            raise WordError("A duration has its unit: 500ms, 2s, 5m or 1h.", start, end)
        return number * DURATIONS[unit]
    if field.kind == "usd" and not unit:
        return number
    if field.kind == "count" and unit in THOUSANDS:
        return number * THOUSANDS[unit]
    raise WordError(f"{field.name} has no unit {unit!r}: {field.help}.", start, end)


SHORTEST_ID = 8
HEX_DIGITS = frozenset("0123456789abcdef")


def is_beginning_of_id(text: str) -> bool:
    digits = text.lower().replace("-", "")
    return SHORTEST_ID <= len(digits) <= 32 and HEX_DIGITS.issuperset(digits)


# -- the bar and the selects say the same


def chosen(terms: Sequence[Term], field: str) -> str:
    """What a select of this field shows: the first word that is of it and not negated."""
    found = next((term for term in terms if term.field == field and not term.is_negated), None)
    return ",".join(found.values) if found else ""


def with_value(terms: Sequence[Term], field: str, value: str) -> tuple[Term, ...]:
    """The words with this field chosen anew; "" takes it away. Those that are negated stay. Raises `WordError`."""
    if value == chosen(terms, field):
        return tuple(terms)
    kept = tuple(term for term in terms if term.field != field or term.is_negated)
    return (*kept, *read_words(f"{field}:{quoted(value)}")) if value else kept
