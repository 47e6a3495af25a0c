"""The functions: each takes a call and gives SQL from a fixed text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from observability.query.arguments import CALENDAR, MILLISECONDS, Call, Node, error_at
from observability.query.values import TIMES, Type, Value, number, text, time, truth

Build = Callable[[Call], Value]

# Of the functions that take any number. Texts can only grow within `observability_bounded`.
MOST_ARGUMENTS = 32


@dataclass(frozen=True, kw_only=True)
class FunctionDoc:
    """`least` and `most` count the arguments; `is_aggregate` functions stand in `stats`."""

    name: str
    signature: str
    text: str
    least: int
    most: int
    build: Build
    is_aggregate: bool = False


# -- time


def bin_(call: Call) -> Value:
    return floor_of(call.query.field("@timestamp", call.node), call, index=0)


def datefloor(call: Call) -> Value:
    return floor_of(call.values[0], call, index=1)


def dateceil(call: Call) -> Value:
    amount, unit = call.period(1)
    # The floor of a hair less, one period on: an instant on a boundary stays.
    before = f"({call.values[0].time} - interval '1 microsecond')"
    if unit in CALENDAR:
        floor = calendar_floor(before, amount, unit, call.nodes[1])
        step = {"month": "1 month", "quarter": "3 months", "year": "1 year"}[CALENDAR[unit]]
        return time(f"(({floor} AT TIME ZONE 'UTC' + interval '{step}') AT TIME ZONE 'UTC')")
    period = interval_of(amount * MILLISECONDS[unit], call)
    return time(f"({binned(before, period, unit)} + {period})")


def floor_of(given: Value, call: Call, *, index: int) -> Value:
    """In UTC. Weeks begin on Mondays, other periods are counted from 1970."""
    amount, unit = call.period(index)
    if unit in CALENDAR:
        return time(calendar_floor(given.time, amount, unit, call.nodes[index]))
    return time(binned(given.time, interval_of(amount * MILLISECONDS[unit], call), unit))


def calendar_floor(given: str, amount: int, unit: str, node: Node) -> str:
    if amount != 1:
        raise error_at(node, f"Only one {CALENDAR[unit]} can be a period.")
    return f"date_trunc('{CALENDAR[unit]}', {given}, 'UTC')"


def interval_of(milliseconds: int, call: Call) -> str:
    return f"make_interval(secs => {call.query.bound(milliseconds / 1000)}::float8)"


def binned(given: str, period: str, unit: str) -> str:
    origin = "1970-01-05" if unit == "w" else "1970-01-01"
    return f"date_bin({period}, {given}, timestamptz '{origin} 00:00Z')"


def from_millis(call: Call) -> Value:
    return time(f"to_timestamp(({call.numerics[0]} / 1000)::float8)")


def to_millis(call: Call) -> Value:
    given = call.values[0]
    return number(f"floor(extract(epoch from {given.time}) * 1000)" if given.type in TIMES else given.number)


# -- texts


def substr(call: Call) -> Value:
    places = [f"least(greatest(trunc({each}), 0), 1000000)::int" for each in call.numbers[1:]]
    length = f", {places[1]}" if len(places) > 1 else ""
    return text(f"substr({call.texts[0]}, {places[0]} + 1{length})")


def trimmed(call: Call) -> Value:
    sql = {"trim": "btrim", "ltrim": "ltrim", "rtrim": "rtrim"}[call.name]
    return text(f"{sql}({', '.join(call.texts)})")


def strlen(call: Call) -> Value:
    return number(f"length({call.texts[0]})", is_integer=True)


def strcontains(call: Call) -> Value:
    return truth(f"(strpos({call.texts[0]}, {call.texts[1]}) > 0)")


def concat(call: Call) -> Value:
    return text(f"observability_bounded(concat({', '.join(call.texts)}))")


def of_texts(sql: str) -> Build:
    return lambda call: text(f"{sql}({', '.join(call.texts)})")


# -- whether, and which


def ispresent(call: Call) -> Value:
    return truth(f"({call.values[0].sql} IS NOT NULL)")


def isempty(call: Call) -> Value:
    return truth(f"(coalesce({call.texts[0]}, '') = '')")


def isblank(call: Call) -> Value:
    return truth(f"(coalesce({call.texts[0]}, '') !~ '[^[:space:]]')")


def coalesce(call: Call) -> Value:
    return common(call.values, lambda parts: f"coalesce({', '.join(parts)})")


def if_(call: Call) -> Value:
    condition = call.values[0].truth
    return common(call.values[1:], lambda parts: f"CASE WHEN {condition} THEN {parts[0]} ELSE {parts[1]} END")


def common(given: Sequence[Value], join: Callable[[list[str]], str]) -> Value:
    """Of one type where all are of one, else an unknown one's."""
    types = {value.type for value in given}
    if types == {Type.NUMBER}:
        return number(f"({join([value.numeric for value in given])})")
    if types <= TIMES:
        return time(f"({join([value.time for value in given])})")
    if types == {Type.TRUTH}:
        return truth(f"({join([value.truth for value in given])})")
    sql = f"({join([value.text for value in given])})"
    return text(sql) if types == {Type.TEXT} else Value(sql=sql, type=Type.ANY)


# -- numbers


def of_numbers(sql: str) -> Build:
    return lambda call: number(f"{sql}({', '.join(call.numerics)})")


def entry(name: str, arguments: str, text: str, count: int | tuple[int, int], build: Build) -> FunctionDoc:
    least, most = count if isinstance(count, tuple) else (count, count)
    signature = f"{name}({arguments})"
    return FunctionDoc(name=name, signature=signature, text=text, least=least, most=most, build=build)


ALL = (
    entry("now", "", "When the query began.", 0, lambda call: call.query.now),
    entry("bin", "period", "@timestamp, rounded down to a period such as 5m, 1h or 1d.", 1, bin_),
    entry("datefloor", "time, period", "The time, rounded down.", 2, datefloor),
    entry("dateceil", "time, period", "The time, rounded up.", 2, dateceil),
    entry("toMillis", "time", "Milliseconds since 1970.", 1, to_millis),
    entry("fromMillis", "number", "The time, of milliseconds since 1970.", 1, from_millis),
    entry("strlen", "text", "How many characters.", 1, strlen),
    entry("tolower", "text", "In small letters.", 1, of_texts("lower")),
    entry("lower", "text", "In small letters.", 1, of_texts("lower")),
    entry("toupper", "text", "In capitals.", 1, of_texts("upper")),
    entry("upper", "text", "In capitals.", 1, of_texts("upper")),
    entry("concat", "text, …", "The texts as one.", (1, MOST_ARGUMENTS), concat),
    entry("trim", "text[, characters]", "Without spaces, or these characters, at both ends.", (1, 2), trimmed),
    entry("ltrim", "text[, characters]", "The same at the beginning.", (1, 2), trimmed),
    entry("rtrim", "text[, characters]", "The same at the end.", (1, 2), trimmed),
    entry("substr", "text, start[, length]", "A part of the text; the first character is 0.", (2, 3), substr),
    entry("replace", "text, old, new", "With every occurrence replaced.", 3, of_texts("observability_replaced")),
    entry("strcontains", "text, part", "Whether the text contains the part.", 2, strcontains),
    entry("ispresent", "field", "Whether there is a value.", 1, ispresent),
    entry("isempty", "field", "Whether it is missing or has no characters.", 1, isempty),
    entry("isblank", "field", "Whether it is missing or has spaces only.", 1, isblank),
    entry("coalesce", "field, …", "The first that is not missing.", (1, MOST_ARGUMENTS), coalesce),
    entry("if", "condition, then, else", "One of two values.", 3, if_),
    entry("abs", "number", "Without its sign.", 1, of_numbers("abs")),
    entry("ceil", "number", "Rounded up.", 1, of_numbers("ceil")),
    entry("floor", "number", "Rounded down.", 1, of_numbers("floor")),
    entry("sqrt", "number", "The square root.", 1, of_numbers("observability_root")),
    entry("log", "number", "The natural logarithm.", 1, of_numbers("observability_logarithm")),
    entry("greatest", "number, …", "The largest.", (1, MOST_ARGUMENTS), of_numbers("greatest")),
    entry("least", "number, …", "The smallest.", (1, MOST_ARGUMENTS), of_numbers("least")),
)  # fmt: skip
