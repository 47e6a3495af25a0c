"""A query to one SELECT over the events."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from lark import Token, Tree

from observability.query.arguments import Node, error_at
from observability.query.errors import QueryError
from observability.query.expressions import Expressions, Parameters, name_of, nodes_of, tokens_of, unticked
from observability.query.fields import BY_SMALL_NAME, FIELDS
from observability.query.patterns import named, regex_of_glob, unquoted
from observability.query.reading import read
from observability.query.values import Type, Value

MOST_ROWS = 10_000
USUAL_ROWS = 1_000
# With a join each; and with the names that come before a row's own.
MOST_COLUMNS = 200
TRACE = " LEFT JOIN observability_trace AS t ON t.id = e.trace_id"
NEWEST = (("e.at", "DESC"), ("e.id", "DESC"))


@dataclass(frozen=True, kw_only=True)
class Column:
    """`type` is text, number, time, boolean, or any: an attribute, which is text that may be a number."""

    name: str
    type: str


@dataclass(frozen=True, kw_only=True)
class Compiled:
    """One SELECT. Where `has_places`, three more columns follow: trace, span (None for a turn as a whole), instant.

    `limit` rows are wanted; where `is_bounded`, nobody asked for so few, and the SELECT gives one more to show it.
    """

    sql: str
    params: dict[str, object]
    columns: list[Column]
    limit: int
    is_bounded: bool
    has_places: bool
    patterns: list[tuple[str, Token]]


@dataclass(kw_only=True)
class Stage:
    """One SELECT being built. While `is_open` its rows are events, and every name is a field."""

    source: str
    is_open: bool
    has_trace: bool = False
    names: dict[str, Value] = field(default_factory=dict)
    #: SQL and direction. `ties` order the rows that are equal otherwise.
    order: list[tuple[str, str]] = field(default_factory=list)
    ties: list[tuple[str, str]] = field(default_factory=list)
    where: list[str] = field(default_factory=list)
    limit: int | None = None
    #: The names that `fields` and `display` have listed; None before the first.
    listed: list[str] | None = None
    displayed: list[str] | None = None

    @property
    def shown(self) -> list[str]:
        if self.displayed is not None:
            return self.displayed
        if self.listed is not None:
            return self.listed
        return ["@timestamp", "@message"] if self.is_open else list(self.names)


def compile_query(text: str, *, start: datetime, end: datetime, now: datetime, limit: int | None = None) -> Compiled:
    """The events that began from `start` on and before `end`. `limit` is the most rows that are wanted; it is 10,000
    at most, and 1,000 where events are listed and nothing else is said. Raises `QueryError`."""
    compiler = Compiler(text, start=start, end=end, now=now)
    for command in nodes_of(read(text)):
        getattr(compiler, f"on_{command.data}")(command)
    return compiler.finished(limit)


class Compiler:
    def __init__(self, text: str, *, start: datetime, end: datetime, now: datetime) -> None:
        self.parameters = Parameters()
        since, until = self.parameters.bind(start), self.parameters.bind(end)
        self.stage = Stage(
            source="observability_event AS e",
            is_open=True,
            ties=list(NEWEST),
            where=[f"e.at >= {since}::timestamptz", f"e.at < {until}::timestamptz"],
        )
        clock = Value(sql=f"{self.parameters.bind(now)}::timestamptz", type=Type.CLOCK)
        self.expressions = Expressions(
            source=text, parameters=self.parameters, now=clock, find=self.find, find_whole=self.find_whole
        )
        self._made = 0

    # -- names

    def find(self, name: str, node: Node) -> Value:
        if name in self.stage.names:
            return self.stage.names[name]
        if not self.stage.is_open:
            left = ", ".join(f"`{each}`" for each in self.stage.names)
            raise error_at(node, f"There is no `{name}` any more: `stats` has left {left}.")
        if name not in FIELDS:
            meant = BY_SMALL_NAME.get(name.lower())
            if meant:
                raise error_at(node, f"There is no `{name}`, but `{meant}`; an attribute would be `attributes.{name}`.")
            return self.attribute(name)
        if FIELDS[name].is_of_trace and not self.stage.has_trace:
            self.stage.source += TRACE
            self.stage.has_trace = True
        return FIELDS[name].value

    def attribute(self, name: str) -> Value:
        """By its name, or by the path that its dots make."""
        path = name.removeprefix("attributes.")
        whole = f"e.attributes ->> {self.parameters.bind(path)}::text"
        if "." not in path:
            return Value(sql=f"({whole})", type=Type.ANY)
        inner = f"e.attributes #>> {self.parameters.bind(path.split('.'))}::text[]"
        return Value(sql=f"coalesce({whole}, {inner})", type=Type.ANY)

    def find_whole(self, text: str, node: Node) -> Value | None:
        """`sort count() desc` after `stats count()`: the column of that name."""
        if self.stage.is_open or node.data == "name":
            return None
        wanted = squeezed(text)
        return next((value for name, value in self.stage.names.items() if squeezed(name) == wanted), None)

    def column(self) -> str:
        self._made += 1
        return f"c{self._made - 1}"

    # -- commands

    def on_fields(self, command: Node) -> None:
        listed = [self.define(item) for item in nodes_of(command)]
        earlier = self.stage.listed or []
        self.stage.listed = earlier + [name for name in dict.fromkeys(listed) if name not in earlier]

    def on_display(self, command: Node) -> None:
        self.stage.displayed = list(dict.fromkeys([self.define(item) for item in nodes_of(command)]))

    def define(self, item: Node) -> str:
        """An item of a list and its name: that behind `as`, its own where it is a field, else its text."""
        expression, *alias = nodes_of(item)
        value = self.expressions.value(expression)
        name = self.name_of(item)
        is_itself = expression.data == "name" and not alias and name not in self.stage.names
        if not is_itself:
            self.stage.names[name] = value
        return name

    def name_of(self, item: Node) -> str:
        expression, *alias = nodes_of(item)
        if alias:
            return name_of(alias[0])
        return name_of(expression) if expression.data == "name" else self.expressions.text_of(expression)

    def on_filter(self, command: Node) -> None:
        self.close_limit()
        self.stage.where.append(self.expressions.condition(nodes_of(command)[0]))

    def on_sort(self, command: Node) -> None:
        self.close_limit()
        order: list[tuple[str, str]] = []
        for item in nodes_of(command):
            is_down = any(token.type == "DESC" for token in tokens_of(item))
            order += order_of(self.expressions.value(nodes_of(item)[0]), is_down=is_down)
        self.stage.order = order

    def on_limit(self, command: Node) -> None:
        token = tokens_of(command)[1]
        if not token.isdecimal() or not 1 <= len(token) <= 9 or not 1 <= int(token) <= MOST_ROWS:
            raise error_at(token, f"A limit is a whole number from 1 to {MOST_ROWS:,}.")
        self.stage.limit = min(int(token), self.stage.limit or MOST_ROWS)

    def on_dedup(self, command: Node) -> None:
        """Of equal rows the first in order. A row that lacks one of the values is equal to none."""
        self.close_limit()
        keys = [self.expressions.value(name).sql for name in nodes_of(command)]
        lacks = " OR ".join(f"{key} IS NULL" for key in keys)
        order = ", ".join(f"{sql} {way}" for sql, way in (*self.stage.order, *self.stage.ties))
        rank = f"row_number() OVER (PARTITION BY {', '.join(keys)}{f' ORDER BY {order}' if order else ''})"
        place = self.close(also=f"CASE WHEN {lacks} THEN 1 ELSE {rank} END")
        self.stage.where.append(f"{place} = 1")

    def on_stats(self, command: Node) -> None:
        self.close_limit()
        by = next((place for place, child in enumerate(command.children) if is_by(child)), len(command.children))
        items = nodes_of(Tree("items", command.children[:by]))
        keys = nodes_of(Tree("keys", command.children[by:]))
        columns = [(self.name_of(key), self.expressions.value(nodes_of(key)[0]), key) for key in keys]
        columns += [(self.name_of(item), self.expressions.aggregate(nodes_of(item)[0]), item) for item in items]
        names: dict[str, Value] = {}
        selected = []
        for name, value, node in columns:
            if name in names:
                raise error_at(node, f"Two columns are called `{name}`; name one of them with `as`.")
            made = self.column()
            selected.append(f"{value.sql} AS {made}")
            names[name] = replace(value, sql=f"e.{made}", uuid="", column="", literal=None)
        group = f" GROUP BY {', '.join(str(place + 1) for place in range(len(keys)))}" if keys else ""
        self.stage.order, self.stage.ties = [], []
        inner = self.select(selected, group=group)
        ties = [each for value in list(names.values())[: len(keys)] for each in order_of(value, is_down=False)]
        self.stage = Stage(source=f"({inner}) AS e", is_open=False, names=names, ties=ties)

    def on_parse_glob(self, command: Node) -> None:
        token = next(token for token in tokens_of(command) if token.type == "STRING")
        glob = unquoted(token)
        given, names = self.parsed(command)
        if glob.count("*") != len(names):
            raise error_at(token, f"Expected a name for each star, so {glob.count('*')} behind `as`, not {len(names)}.")
        self.capture(given, regex_of_glob(glob), token, names)

    def on_parse_regex(self, command: Node) -> None:
        token = next(token for token in tokens_of(command) if token.type == "REGEX")
        pattern, groups = named(token[1:-1].replace("\\/", "/"))
        given, names = self.parsed(command)
        if not groups:
            raise error_at(token, "The pattern has no named group, such as (?<user>[a-z]+).")
        if names and len(names) != len(groups):
            raise error_at(token, f"Expected a name for each group, so {len(groups)} behind `as`, not {len(names)}.")
        self.capture(given, pattern, token, names or groups)

    def parsed(self, command: Node) -> tuple[Value, list[str]]:
        """What is taken apart, and the names behind `as`."""
        subject = next((token for token in tokens_of(command) if token.type == "SUBJECT"), "@message")
        return self.find(unticked(subject), command), [name_of(node) for node in nodes_of(command)]

    def capture(self, given: Value, pattern: str, token: Token, names: list[str]) -> None:
        """Behind OFFSET 0 the pattern is matched once a row; without, once a column and once a use."""
        self._made += 1
        alias = f"r{self._made}"
        bound = self.parameters.pattern(pattern, token)
        self.stage.source += (
            f" CROSS JOIN LATERAL (SELECT regexp_match({given.text}, {bound}) AS m OFFSET 0) AS {alias}"
        )
        for place, name in enumerate(names):
            self.stage.names[name] = Value(sql=f"{alias}.m[{place + 1}]", type=Type.ANY)
        if self.stage.listed is not None:
            self.stage.listed = list(dict.fromkeys([*self.stage.listed, *names]))

    # -- SELECTs within each other

    def close_limit(self) -> None:
        """What comes after `limit` concerns the rows that it has left."""
        if self.stage.limit is not None:
            self.close()

    def close(self, *, also: str = "") -> str:
        """The next command works on this one's rows. Returns the name of a column more."""
        stage = self.stage
        selected = ["e.*"] if stage.is_open else []

        def kept(sql: str) -> str:
            made = self.column()
            selected.append(f"{sql} AS {made}")
            return f"e.{made}"

        names = {name: replace(value, sql=kept(value.sql), uuid="", column="") for name, value in stage.names.items()}
        order = [(kept(sql), way) for sql, way in stage.order]
        ties = stage.ties if stage.is_open else [(kept(sql), way) for sql, way in stage.ties]
        more = kept(also) if also else ""
        inner = self.select(selected)
        self.stage = replace(
            stage,
            source=f"({inner}) AS e",
            has_trace=False,
            names=names,
            order=order,
            ties=ties,
            where=[],
            limit=None,
        )
        return more

    def select(self, selected: list[str], *, group: str = "", limit: str = "") -> str:
        stage = self.stage
        where = f" WHERE {' AND '.join(stage.where)}" if stage.where else ""
        keys = ", ".join(f"{sql} {way}" for sql, way in (*stage.order, *stage.ties))
        is_ordered = bool(keys) and not group and (stage.limit is not None or bool(limit))
        order = f" ORDER BY {keys}" if is_ordered else ""
        most = limit or (f" LIMIT {stage.limit}" if stage.limit is not None else "")
        # No text of a query is in these: names are numbered, values are parameters.
        return f"SELECT {', '.join(selected) or '1'} FROM {stage.source}{where}{group}{order}{most}"  # noqa: S608

    def finished(self, limit: int | None) -> Compiled:
        stage = self.stage
        usual = USUAL_ROWS if stage.is_open else MOST_ROWS
        most = min(limit or usual, MOST_ROWS)
        is_bounded = stage.limit is None or stage.limit > most
        rows = most if stage.limit is None else min(stage.limit, most)
        shown = {name: self.shown_value(name) for name in stage.shown}
        if len(shown) > MOST_COLUMNS:
            raise QueryError(f"A result has {MOST_COLUMNS} columns at most.", 0, len(self.expressions.source))
        selected = [f"{result_of(value)} AS c{place}" for place, value in enumerate(shown.values())]
        if stage.is_open:
            selected += ["e.trace_id", "CASE WHEN e.kind <> 'invocation' THEN e.id END", "e.at"]
        return Compiled(
            sql=self.select(selected, limit=f" LIMIT {rows + 1 if is_bounded else rows}"),
            params=self.parameters.values,
            columns=[Column(name=name, type=public_type(value)) for name, value in shown.items()],
            limit=rows,
            is_bounded=is_bounded,
            has_places=stage.is_open,
            patterns=self.parameters.patterns,
        )

    def shown_value(self, name: str) -> Value:
        return self.find(name, Tree("name", []))


def is_by(child: object) -> bool:
    return isinstance(child, Token) and child.type == "BY"


def squeezed(text: str) -> str:
    return "".join(text.split())


def order_of(value: Value, *, is_down: bool) -> list[tuple[str, str]]:
    """As CloudWatch sorts: texts before numbers, and backwards; what is missing comes last either way."""
    way = "DESC" if is_down else "ASC"
    match value.type:
        case Type.ANY:
            numbers = "DESC NULLS LAST" if is_down else "ASC NULLS FIRST"
            return [
                (f"({value.sql} IS NULL)", "ASC"),
                (value.number, numbers),
                (f'{value.sql} COLLATE "C"', f"{way} NULLS LAST"),
            ]
        case Type.TEXT:
            return [(f'{value.sql} COLLATE "C"', f"{way} NULLS LAST")]
    return [(value.sql, f"{way} NULLS LAST")]


def result_of(value: Value) -> str:
    return f"({value.sql})::text" if value.type in {Type.TEXT, Type.ANY} else value.sql


def public_type(value: Value) -> str:
    return Type.TIME.value if value.type is Type.CLOCK else value.type.value
