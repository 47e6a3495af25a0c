"""Commands of the language in plain Python: each takes a table and gives one."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tests.observability.query.evaluator import Aggregate, Expression, Name, Row, quoted, to_number, to_text


@dataclass
class Table:
    """Rows in order, the columns to show, and the types of names that were made."""

    rows: list[Row]
    shown: list[str]
    is_open: bool = True


class Command(ABC):
    text: str

    @abstractmethod
    def on(self, table: Table) -> Table: ...


@dataclass
class Filter(Command):
    condition: Expression

    def __post_init__(self) -> None:
        self.text = f"filter {self.condition.text}"

    def on(self, table: Table) -> Table:
        return Table([row for row in table.rows if self.condition.of(row) is True], table.shown, table.is_open)


@dataclass
class Fields(Command):
    items: list[tuple[Expression, str]]

    def __post_init__(self) -> None:
        named = [part.text if part.text == alias else f"{part.text} as {alias}" for part, alias in self.items]
        self.text = f"fields {', '.join(named)}"

    def on(self, table: Table) -> Table:
        rows = table.rows
        for part, alias in self.items:
            rows = [{**row, alias: part.of(row)} for row in rows]
        return Table(rows, list(dict.fromkeys([*table.shown, *(alias for _, alias in self.items)])), table.is_open)


@dataclass
class Sort(Command):
    keys: list[tuple[Expression, bool]]

    def __post_init__(self) -> None:
        named = [f"{part.text} {'desc' if is_down else 'asc'}" for part, is_down in self.keys]
        self.text = f"sort {', '.join(named)}"

    def on(self, table: Table) -> Table:
        rows = sorted(table.rows, key=lambda row: row["\0tie"])
        for part, is_down in reversed(self.keys):
            there = [row for row in rows if part.of(row) is not None]
            there.sort(key=lambda row: order_of(part.type, part.of(row)), reverse=is_down)
            rows = there + [row for row in rows if part.of(row) is None]
        return Table(rows, table.shown, table.is_open)


def order_of(type_: str, value: Any) -> Any:
    """Loose texts: those that are no numbers, then numbers."""
    if type_ != "L":
        return value
    found = to_number("L", value)
    return (found is not None, found or Decimal(0), value)


@dataclass
class Limit(Command):
    count: int

    def __post_init__(self) -> None:
        self.text = f"limit {self.count}"

    def on(self, table: Table) -> Table:
        return Table(table.rows[: self.count], table.shown, table.is_open)


@dataclass
class Dedup(Command):
    names: list[Name]

    def __post_init__(self) -> None:
        self.text = f"dedup {', '.join(name.text for name in self.names)}"

    def on(self, table: Table) -> Table:
        seen, rows = set(), []
        for row in table.rows:
            key = tuple(name.of(row) for name in self.names)
            if None in key or key not in seen:
                rows.append(row)
            seen.add(key)
        return Table(rows, table.shown, table.is_open)


@dataclass
class Parse(Command):
    given: Expression
    parts: list[str]
    names: list[str]

    def __post_init__(self) -> None:
        self.text = f"parse {self.given.text} {quoted('*'.join(self.parts))} as {', '.join(self.names)}"

    def on(self, table: Table) -> Table:
        rows = [{**row, **self.found(to_text(self.given.type, self.given.of(row)))} for row in table.rows]
        shown = list(dict.fromkeys([*table.shown, *self.names])) if table.shown else []
        return Table(rows, shown, table.is_open)

    def found(self, text: str | None) -> Row:
        """From where it begins, each star as little as can be; the last to the end if nothing follows."""
        nothing = dict.fromkeys(self.names)
        place = -1 if text is None else text.find(self.parts[0])
        if text is None or place < 0:
            return nothing
        place += len(self.parts[0])
        values = []
        for number, part in enumerate(self.parts[1:], start=1):
            end = len(text) if not part and number == len(self.parts) - 1 else text.find(part, place)
            if end < 0:
                return nothing
            values.append(text[place:end])
            place = end + len(part)
        return dict(zip(self.names, values, strict=True))


@dataclass
class Stats(Command):
    items: list[tuple[Aggregate, str]]
    keys: list[tuple[Expression, str]]

    def __post_init__(self) -> None:
        items = ", ".join(f"{aggregate.text} as {alias}" for aggregate, alias in self.items)
        keys = ", ".join(part.text if part.text == alias else f"{part.text} as {alias}" for part, alias in self.keys)
        self.text = f"stats {items}{f' by {keys}' if keys else ''}"

    def on(self, table: Table) -> Table:
        groups: dict[tuple[Any, ...], list[Row]] = {} if self.keys else {(): []}
        for row in table.rows:
            groups.setdefault(tuple(part.of(row) for part, _ in self.keys), []).append(row)
        names = [alias for _, alias in self.keys]
        rows = []
        for key, members in groups.items():
            found = {alias: aggregate.of(members) for aggregate, alias in self.items}
            tie = [
                (value is None, None if value is None else order_of(part.type, value))
                for (part, _), value in zip(self.keys, key, strict=True)
            ]
            rows.append({**dict(zip(names, key, strict=True)), **found, "\0tie": tie})
        rows.sort(key=lambda row: row["\0tie"])
        return Table(rows, [*names, *(alias for _, alias in self.items)], is_open=False)


def text_of(commands: Iterable[Command]) -> str:
    return "\n| ".join(command.text for command in commands)
