"""What a list of traces shows, as its address says it: words, a span of time, an order. And that as a condition."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Exists, F, IntegerField, Lookup, OuterRef, Q, QuerySet
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact, GreaterThan, GreaterThanOrEqual, LessThan, LessThanOrEqual
from django.utils import timezone

from observability.models import Span, Trace
from observability.trace_words import Term, WordError, is_beginning_of_id, read_words, with_value, written
from observability.traces import FAILED, SLOW_MS, BadQuery, read_instant

ALL = "all"
# What a select or an older link says by itself becomes a word.
CHOSEN = ("status", "outcome", "agent", "channel", "model", "tool", "guardrail")
SIGNS = {"": "exact", ">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}
COMPARED: dict[str, type[Lookup[bool]]] = {
    "": Exact,
    ">": GreaterThan,
    ">=": GreaterThanOrEqual,
    "<": LessThan,
    "<=": LessThanOrEqual,
}
TOKENS = F("input_tokens") + F("output_tokens") + F("cache_read_tokens") + F("cache_write_tokens")
COLUMNS: dict[str, str | Combinable] = {
    "duration": "duration_ms",
    "cost": "cost_usd",
    "tokens": TOKENS,
    "version": "agent_version",
    "model_calls": "model_calls",
    "tool_calls": "tool_calls",
}
# By what a list is sorted, the greatest first.
SORTS: dict[str, Combinable] = {
    "time": F("started_at"),
    "duration": Coalesce("duration_ms", 0, output_field=IntegerField()),
    "cost": F("cost_usd"),
    "tokens": TOKENS,
}
# Of a check: what was done. Any other word is of a rule.
ACTIONS = frozenset({"none", "masked", "blocked", "repaired", "handed_over"})


@dataclass(frozen=True, kw_only=True)
class Range:
    """A span of time up to now; without a length from the beginning, or since midnight (UTC)."""

    key: str
    name: str
    length: timedelta | None = None

    def begin(self, now: datetime) -> datetime | None:
        if self.key == "today":
            return now.replace(hour=0, minute=0, second=0, microsecond=0)
        return now - self.length if self.length else None


RANGES = {
    each.key: each
    for each in (
        Range(key="1h", name="1 hour", length=timedelta(hours=1)),
        Range(key="today", name="Today"),
        Range(key="24h", name="24 hours", length=timedelta(hours=24)),
        Range(key="7d", name="7 days", length=timedelta(days=7)),
        Range(key="30d", name="30 days", length=timedelta(days=30)),
        Range(key=ALL, name="All time"),
    )
}


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`words` as they were typed, `terms` as they were understood; `error` where they were not, and then nothing is
    found. `since` and `until` go before the range."""

    terms: tuple[Term, ...] = ()
    words: str = ""
    error: WordError | None = None
    range: Range = RANGES[ALL]
    since: datetime | None = None
    until: datetime | None = None
    sort: str = "time"

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Wanted:
        """From a query string. Raises `BadQuery` for what no page of ours has written; an error in the words is told
        in the answer."""
        words = " ".join(params.get("q", "").replace("\0", "").split())
        sort = params.get("sort") or "time"
        # The most expensive ones were those of today before there was a range to choose.
        key = params.get("range") or ("today" if sort == "cost" and "since" not in params else ALL)
        if sort not in SORTS or key not in RANGES:
            raise BadQuery(f"There is no order {sort!r} or no range {key!r}.")
        since, until = params.get("since", ""), params.get("until", "")
        wanted = cls(
            range=RANGES[key],
            since=read_instant(since.replace(" ", "+")) if since else None,
            until=read_instant(until.replace(" ", "+")) if until else None,
            sort=sort,
        )
        try:
            terms = read_words(words)
        except WordError as error:
            return replace(wanted, words=words, error=error)
        terms = with_chosen(terms, params)
        return replace(wanted, terms=terms, words=written(terms))

    def params(self, **changed: str) -> dict[str, str]:
        """The query parameters that say the same, with some changed; what is usual is left out."""
        usual = "today" if changed.get("sort", self.sort) == "cost" and not self.since else ALL
        now = {
            "q": self.words,
            "range": self.range.key,
            "since": self.since.isoformat() if self.since else "",
            "until": self.until.isoformat() if self.until else "",
            "sort": self.sort,
            **changed,
        }
        without = {"range": usual, "sort": "time"}
        return {name: value for name, value in now.items() if value and value != without.get(name)}

    def query(self, **changed: str) -> str:
        """A URL's query part, with its question mark."""
        return f"?{urlencode(self.params(**changed))}"

    @property
    def is_narrowed(self) -> bool:
        return bool(self.params(sort=""))

    @property
    def by_time(self) -> bool:
        return self.sort == "time"

    def chosen(self, field: str, value: str) -> str:
        """The address with this field chosen."""
        return self.query(q=written(with_value(self.terms, field, value)))

    # -- as a condition

    def in_time(self, traces: QuerySet[Trace]) -> QuerySet[Trace]:
        since = self.since or (None if self.until else self.range.begin(timezone.now()))
        if since is not None:
            traces = traces.filter(started_at__gte=since)
        return traces.filter(started_at__lt=self.until) if self.until is not None else traces

    def by_index(self, traces: QuerySet[Trace]) -> QuerySet[Trace]:
        """Time, and those words that an index answers in the order of time."""
        for term in self.terms:
            if is_indexed(term):
                traces = traces.filter(condition(term))
        return self.in_time(traces)

    def by_reading(self, traces: QuerySet[Trace]) -> QuerySet[Trace]:
        """The other words: each row has to be read for them."""
        for term in self.terms:
            if not is_indexed(term):
                traces = traces.filter(condition(term))
        return traces

    def apply(self, traces: QuerySet[Trace]) -> QuerySet[Trace]:
        return self.by_reading(self.by_index(traces))

    @property
    def reads_rows(self) -> bool:
        return any(not is_indexed(term) for term in self.terms)

    @property
    def reads_spans(self) -> bool:
        return any(term.field in SPANS for term in self.terms)


def with_chosen(terms: tuple[Term, ...], params: Mapping[str, str]) -> tuple[Term, ...]:
    """With what selects and older links say by themselves. Raises `BadQuery`."""
    try:
        for field in CHOSEN:
            if field in params:
                terms = with_value(terms, field, params[field].replace("\0", "").strip()[:254])
        if params.get("slow") == "1":
            terms = (*terms, *read_words(f"duration:>{SLOW_MS // 1000}s"))
    except WordError as error:
        raise BadQuery(str(error)) from error
    return terms


def is_indexed(term: Term) -> bool:
    if term.is_negated:
        return False
    match term.field:
        case "customer" | "conversation" | "trace":
            return True
        case "status":
            return term.values == (Trace.Status.ERROR,)
        case "agent":
            return all(is_uuid(value) for value in term.values)
        case "text":
            return is_name_of_something(term.values[0])
    return False


def condition(term: Term) -> Q:
    made = reduce(or_, (condition_of(term, value) for value in term.values))
    return ~made if term.is_negated else made


def condition_of(term: Term, value: str) -> Q:
    if term.field in SPANS:
        return Q(Exists(Span.objects.filter(SPANS[term.field](value), trace_id=OuterRef("pk"))))
    return ROWS[term.field](value) if term.field in ROWS else number_of(term)


def status_is(value: str) -> Q:
    return FAILED if value == Trace.Status.ERROR else Q(status=value)


def agent_is(value: str) -> Q:
    return Q(agent_id=UUID(value)) if is_uuid(value) else Q(agent_slug=value.lower()) | Q(agent_name=value)


def model_is(value: str) -> Q:
    return Q(model__startswith=value[:-1]) if value.endswith("*") else Q(model=value)


def number_of(term: Term) -> Q:
    column, number = COLUMNS[term.field], term.number
    if isinstance(column, str):
        # Of a turn that runs there is no duration yet, so it is neither longer nor shorter.
        return Q(**{f"{column}__{SIGNS[term.sign]}": number})
    return Q(COMPARED[term.sign](column, number))


def text_within(value: str) -> Q:
    """The beginning of an id or of a customer's address, each a range of an index; any other text is also looked for in
    what was said first and last."""
    found = Q(customer__startswith=value.lower())
    if is_beginning_of_id(value):
        return found | Q(pk__range=range_of(value)) | Q(session_id__range=range_of(value))
    if is_name_of_something(value):
        return found
    return found | Q(input_text__icontains=value) | Q(output_text__icontains=value)


def is_name_of_something(value: str) -> bool:
    return is_beginning_of_id(value) or ("@" in value and " " not in value)


def range_of(value: str) -> tuple[UUID, UUID]:
    digits = value.lower().replace("-", "")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def is_uuid(value: str) -> bool:
    return is_beginning_of_id(value) and len(value.replace("-", "")) == 32


ROWS: dict[str, Callable[[str], Q]] = {
    "status": status_is,
    "outcome": lambda value: Q(outcome=value.lower()),
    "channel": lambda value: Q(channel=value.lower()),
    "agent": agent_is,
    "model": model_is,
    "customer": lambda value: Q(customer__startswith=value),
    "conversation": lambda value: Q(session_id__range=range_of(value)),
    "trace": lambda value: Q(pk__range=range_of(value)),
    "error": lambda value: Q(error__icontains=value),
    "text": text_within,
}


# -- steps


def called(name: str) -> Q:
    """A tool by its name, with its target's name before it or without."""
    return Q(kind=Span.Kind.TOOL) & (Q(name=name) | Q(name__endswith=f"___{name}"))


def failed(name: str) -> Q:
    return called(name) & Q(status=Span.Status.ERROR)


def checked(word: str) -> Q:
    fits = Q(action=word) if word in ACTIONS else Q(category__icontains=word)
    return Q(kind=Span.Kind.GUARDRAIL) & fits


def of_kind(kind: str) -> Q:
    return Q(kind=kind)


SPANS: dict[str, Callable[[str], Q]] = {"tool": called, "failed": failed, "guardrail": checked, "kind": of_kind}
