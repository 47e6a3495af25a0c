"""The functions of `stats`: one value for many events. None of them keeps more than a sort of what it is given."""

from __future__ import annotations

from dataclasses import replace

from observability.query.arguments import Call
from observability.query.functions import ALL as SCALARS
from observability.query.functions import Build, FunctionDoc, entry
from observability.query.values import TIMES, Type, Value, number, text, time

# A time that sorts as text: of a fixed width, and microseconds, which is all that the database keeps.
SORTABLE = "to_char(extract(epoch from {}) * 1000000, 'FM0000000000000000000')"


def count(call: Call) -> Value:
    return number(f"count({call.values[0].sql})" if call.values else "count(*)", is_integer=True)


def count_distinct(call: Call) -> Value:
    return number(f"count(DISTINCT {call.values[0].sql})", is_integer=True)


def of_number(sql: str) -> Build:
    return lambda call: number(f"{sql}({call.numbers[0]})")


def extreme(call: Call) -> Value:
    """Of a time the first or last; of a text that can be nothing else by its characters; else of numbers."""
    given = call.values[0]
    if given.type in TIMES:
        return time(f"{call.name}({given.sql})")
    if given.type is Type.TEXT:
        return text(f'{call.name}({given.text} COLLATE "C")')
    return number(f"{call.name}({given.number})", is_integer=given.is_integer)


def pct(call: Call) -> Value:
    share = call.literal_number(1) / 100
    if not 0 <= share <= 1:
        raise call.fail("A percentile is between 0 and 100.", call.nodes[1])
    return percentile(call, share)


def median(call: Call) -> Value:
    return percentile(call, 0.5)


def percentile(call: Call, share: float) -> Value:
    place = call.query.bound(share)
    return number(
        f"(percentile_cont({place}::float8) WITHIN GROUP (ORDER BY ({call.numbers[0]})::float8))::numeric",
    )


def of_order(call: Call) -> Value:
    """`earliest` and `latest`: of the events that have a value, that of the first or last; of two at one instant the
    lesser or greater. An aggregate of pairs keeps one pair, where collecting and sorting would keep all."""
    given, when = call.values[0], call.query.field("@timestamp", call.node)
    sql = {"earliest": "min", "latest": "max"}[call.name]
    exact = f"({given.sql})::text"
    pair = f'ARRAY[{SORTABLE.format(when.time)}, {exact}] COLLATE "C"'
    found = f"({sql}({pair}) FILTER (WHERE {exact} IS NOT NULL))[2]"
    match given.type:
        case Type.TIME | Type.CLOCK:
            return time(f"({found})::timestamptz")
        case Type.NUMBER:
            return number(f"({found})::numeric")
        case Type.TRUTH:
            return Value(sql=f"({found})::boolean", type=Type.TRUTH)
    return Value(sql=found, type=given.type)


def of_characters(call: Call) -> Value:
    sql = {"sortsfirst": "min", "sortslast": "max"}[call.name]
    return text(f'{sql}({call.texts[0]} COLLATE "C")')


def aggregate(name: str, arguments: str, text: str, count: int | tuple[int, int], build: Build) -> FunctionDoc:
    return replace(entry(name, arguments, text, count, build), is_aggregate=True)


AGGREGATES = (
    aggregate("count", "[field]", "How many events, or how many with a value; count(*) is count().", (0, 1), count),
    aggregate("count_distinct", "field", "How many different values, exactly.", 1, count_distinct),
    aggregate("sum", "field", "The sum.", 1, of_number("sum")),
    aggregate("avg", "field", "The mean.", 1, of_number("avg")),
    aggregate("min", "field", "The least number, or the first time.", 1, extreme),
    aggregate("max", "field", "The greatest number, or the last time.", 1, extreme),
    aggregate("pct", "field, percent", "A percentile; between two values where none is in its place.", 2, pct),
    aggregate("median", "field", "The same as pct(field, 50).", 1, median),
    aggregate("stddev", "field", "The standard deviation of a sample.", 1, of_number("stddev_samp")),
    aggregate("earliest", "field", "The value of the first event that has one.", 1, of_order),
    aggregate("latest", "field", "The value of the last event that has one.", 1, of_order),
    aggregate("sortsFirst", "field", "The first in the order of characters.", 1, of_characters),
    aggregate("sortsLast", "field", "The last in the order of characters.", 1, of_characters),
)  # fmt: skip
FUNCTIONS: dict[str, FunctionDoc] = {each.name: each for each in (*AGGREGATES, *SCALARS)}
BY_NAME = {name.lower(): each for name, each in FUNCTIONS.items()}
