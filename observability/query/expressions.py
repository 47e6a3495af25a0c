"""Expressions to SQL. No text of the query enters it: names, literals, patterns and periods are parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from uuid import UUID

from lark import Token, Tree

from observability.query.aggregates import BY_NAME
from observability.query.arguments import Call, Node, error_at, milliseconds_of, token_of
from observability.query.functions import FunctionDoc
from observability.query.patterns import regex_of, translated, unquoted
from observability.query.values import TIMES, WORDS, Type, Value, compared, number, truth

DEEPEST = 60
# Of one expression's SQL: names stand for what they were defined as, so each can double it.
LONGEST_SQL = 100_000
LONGEST_NUMBER = 30
OPERATORS = {"PLUS": "+", "MINUS": "-", "STAR": "*", "SLASH": "/", "PERCENT": "%%"}


@dataclass(kw_only=True)
class Parameters:
    """The values that go beside the SQL, named p0, p1 and so on; the same value twice is one."""

    values: dict[str, object] = field(default_factory=dict)
    #: The patterns among them, and where each stands in the query.
    patterns: list[tuple[str, Token]] = field(default_factory=list)

    def bind(self, value: object) -> str:
        name = f"p{len(self.values)}"
        self.values[name] = value
        return f"%({name})s"

    def pattern(self, pattern: str, token: Token) -> str:
        self.patterns.append((pattern, token))
        return f"{self.bind(pattern)}::text"


@dataclass(kw_only=True)
class Expressions:
    """Compiles one expression after another. `find` gives a name's value; it raises `QueryError` for none."""

    source: str
    parameters: Parameters
    now: Value
    find: Callable[[str, Node], Value]
    #: What the stage calls a whole expression, by its text without spaces; "" for nothing.
    find_whole: Callable[[str, Node], Value | None]
    _depth: int = 0
    #: In `stats`: whether fields may be named at this place, which they may within an aggregate.
    _is_aggregating: bool = False
    _is_within: bool = False

    # -- what commands ask for

    def value(self, node: Node) -> Value:
        return self.visit(node)

    def condition(self, node: Node) -> str:
        value = self.visit(node)
        if value.type in TIMES:
            raise error_at(node, "Expected a condition, such as a comparison.")
        return value.truth

    def aggregate(self, node: Node) -> Value:
        """An expression of `stats`: fields stand within functions such as count()."""
        self._is_aggregating, self._is_within = True, False
        try:
            return self.visit(node)
        finally:
            self._is_aggregating = False

    def text_of(self, node: Node) -> str:
        return " ".join(self.source[node.meta.start_pos : node.meta.end_pos].split())

    # -- what functions ask for

    def bound(self, value: object) -> str:
        return self.parameters.bind(value)

    def field(self, name: str, node: Node) -> Value:
        if self._is_aggregating and not self._is_within:
            raise error_at(node, f"`{name}` is neither within a function such as count() nor behind `by`.")
        return self.find(name, node)

    # -- the tree

    def visit(self, node: Node) -> Value:
        known = self.find_whole(self.text_of(node), node) if node.data != "literal" else None
        if known is not None:
            return known
        self._depth += 1
        if self._depth > DEEPEST:
            raise error_at(node, "The query is nested too deeply.")
        try:
            value: Value = getattr(self, f"on_{node.data}")(node)
        finally:
            self._depth -= 1
        if len(value.sql) > LONGEST_SQL:
            raise error_at(node, "This expression is too long once its names are written out.")
        return value

    def on_name(self, node: Node) -> Value:
        return self.field(name_of(node), node)

    def on_literal(self, node: Node) -> Value:
        (token,) = tokens_of(node)
        match token.type:
            case "STRING":
                given = unquoted(token)
                return Value(sql=f"{self.bound(given)}::text", type=Type.TEXT, literal=given)
            case "DURATION":
                return number(f"{self.bound(milliseconds_of(token))}::bigint", is_integer=True, is_duration=True)
            case "NUMBER":
                return self.number_of(token)
        return truth(token.lower())

    def number_of(self, token: Token) -> Value:
        if len(token) > LONGEST_NUMBER:
            raise error_at(token, f"A number has {LONGEST_NUMBER} characters at most.")
        if token.isdecimal() and int(token) < 2**63:
            return number(f"{self.bound(int(token))}::bigint", is_integer=True)
        exact = Decimal(str(token))
        if exact.adjusted() > 99 or exact.adjusted() < -99:
            raise error_at(token, "This number is too large or too small.")
        return number(f"{self.bound(exact)}::numeric")

    def on_either(self, node: Node) -> Value:
        return truth(f"({' OR '.join(self.conditions(node))})")

    def on_both(self, node: Node) -> Value:
        return truth(f"({' AND '.join(self.conditions(node))})")

    def conditions(self, node: Node) -> list[str]:
        return [self.condition(child) for child in nodes_of(node)]

    def on_negated(self, node: Node) -> Value:
        return truth(f"(NOT coalesce({self.condition(nodes_of(node)[0])}, false))")

    def on_comparison(self, node: Node) -> Value:
        left, right = nodes_of(node)
        operator = str(tokens_of(node)[0])
        return truth(self.comparison(self.visit(left), operator, self.visit(right)))

    def comparison(self, left: Value, operator: str, right: Value) -> str:
        for one, other in ((left, right), (right, left)):
            id_ = uuid_of(other) if one.uuid and operator in {"=", "!="} else None
            if id_ is not None:
                sign = "=" if operator == "=" else "IS DISTINCT FROM"
                return f"({one.uuid} {sign} {self.bound(id_)}::uuid)"
        return compared(left, operator, right)

    def on_like(self, node: Node) -> Value:
        """A text is a part of it, a pattern is found in it."""
        token = next(token for token in tokens_of(node) if token.type in {"REGEX", "STRING"})
        given = self.visit(nodes_of(node)[0]).text
        if token.type == "REGEX":
            sql = f"{given} ~ {self.parameters.pattern(regex_of(token), token)}"
        else:
            sql = f"strpos({given}, {self.bound(unquoted(token))}::text) > 0"
        return self.perhaps_not(sql, node)

    def on_match(self, node: Node) -> Value:
        token = next(token for token in tokens_of(node) if token.type in {"REGEX", "STRING"})
        pattern = regex_of(token) if token.type == "REGEX" else translated(unquoted(token))
        given = self.visit(nodes_of(node)[0]).text
        return self.perhaps_not(f"{given} ~ {self.parameters.pattern(pattern, token)}", node)

    def on_among(self, node: Node) -> Value:
        given, *members = [self.visit(child) for child in nodes_of(node)]
        return self.perhaps_not(self.among(given, members), node)

    def among(self, given: Value, members: Sequence[Value]) -> str:
        types = {member.type for member in members}
        ids = [uuid_of(member) for member in members] if given.uuid else [None]
        if not members:
            return "false"
        if all(ids):
            return f"{given.uuid} IN ({', '.join(f'{self.bound(each)}::uuid' for each in ids)})"
        if types == {Type.NUMBER}:
            return f"{given.number} IN ({', '.join(member.number for member in members)})"
        if types == {Type.TEXT} and given.type in WORDS:
            sought = given.column if given.column and all(member.literal for member in members) else given.text
            return f"{sought} IN ({', '.join(member.text for member in members)})"
        return " OR ".join(compared(given, "=", member) for member in members)

    def perhaps_not(self, sql: str, node: Node) -> Value:
        """What is missing is like nothing and among nothing, so it is `not like` everything."""
        is_not = any(token.type == "NOT" for token in tokens_of(node))
        return truth(f"(NOT coalesce({sql}, false))" if is_not else f"coalesce({sql}, false)")

    # -- numbers

    def on_arithmetic(self, node: Node) -> Value:
        first, *others = nodes_of(node)
        result = self.visit(first)
        for token, other in zip(tokens_of(node), others, strict=True):
            result = calculated(result, OPERATORS[token.type], self.visit(other))
            if len(result.sql) > LONGEST_SQL:
                raise error_at(node, "This expression is too long once its names are written out.")
        return result

    def on_power(self, node: Node) -> Value:
        base, exponent = (self.visit(child).numeric for child in nodes_of(node))
        return number(f"observability_power({base}, {exponent})")

    def on_minus(self, node: Node) -> Value:
        value = self.visit(nodes_of(node)[0])
        return number(f"(-{value.numeric})", is_duration=value.is_duration)

    # -- functions

    def on_call(self, node: Node) -> Value:
        name = str(tokens_of(node)[0])
        function = BY_NAME.get(name.lower())
        if function is None:
            token = tokens_of(node)[0]
            raise error_at(token, f"There is no function `{name}`.")
        arguments, stars = nodes_of(node), tokens_of(node)[1:]
        if stars and (function.name != "count" or arguments):
            raise error_at(stars[0], "Only count(*) takes a star.")
        if not function.least <= len(arguments) <= function.most:
            raise error_at(node, f"It is written {function.signature}.")
        if function.is_aggregate:
            self.check_aggregate(function, node)
        return self.built(function, arguments, node)

    def check_aggregate(self, function: FunctionDoc, node: Node) -> None:
        if not self._is_aggregating:
            raise error_at(node, f"{function.name}() belongs in a `stats` command.")
        if self._is_within:
            raise error_at(node, f"{function.name}() cannot stand within another function of `stats`.")

    def built(self, function: FunctionDoc, arguments: Sequence[Node], node: Node) -> Value:
        was_within = self._is_within
        self._is_within = was_within or function.is_aggregate
        try:
            # A period is no number where a period is wanted, and some have no length.
            values = [number("0") if token_of(each, "DURATION") else self.visit(each) for each in arguments]
            name = function.name.lower()
            call = Call(name=name, node=node, values=values, nodes=arguments, query=self)
            return function.build(call)
        finally:
            self._is_within = was_within


def nodes_of(node: Node) -> list[Node]:
    return [child for child in node.children if isinstance(child, Tree)]


def tokens_of(node: Node) -> list[Token]:
    return [child for child in node.children if isinstance(child, Token)]


def name_of(node: Node) -> str:
    return unticked(str(node.children[0]))


def unticked(name: str) -> str:
    return name[1:-1] if name.startswith("`") else name


def uuid_of(value: Value) -> UUID | None:
    """Of a literal that is one."""
    try:
        return UUID(value.literal) if value.literal is not None and len(value.literal) == 36 else None
    except ValueError:
        return None


def calculated(left: Value, operator: str, right: Value) -> Value:
    """One of + - * / %%. A time moves by a number: milliseconds, and of `now()` seconds unless it says otherwise."""
    if operator == "-" and left.type in TIMES and right.type in TIMES:
        return number(f"(extract(epoch from ({left.sql} - {right.sql})) * 1000)", is_duration=True)
    if operator in {"+", "-"} and left.type in TIMES:
        return moved(left, operator, right)
    if operator == "+" and right.type in TIMES:
        return moved(right, operator, left)
    divisor = f"nullif({right.numeric}, 0)" if operator in {"/", "%%"} else right.numeric
    is_duration = left.is_duration or right.is_duration
    return number(f"({left.numeric} {operator} {divisor})", is_duration=is_duration)


def moved(instant: Value, operator: str, by: Value) -> Value:
    in_seconds = instant.type is Type.CLOCK and not by.is_duration
    seconds = by.numeric if in_seconds else f"({by.numeric} / 1000)"
    sql = f"({instant.sql} {operator} make_interval(secs => ({seconds})::float8))"
    return Value(sql=sql, type=instant.type)
