"""Prices from a file, CSV or JSON, of models and of units; all of it or nothing, with what is wrong by its line.

CSV has a header, commas or semicolons between the cells and a point in numbers. A row with a `kind` is a unit's price,
any other a model's. JSON is a list of objects with the same names, or an object of such lists. Without `valid_from` a
price begins today; without prices of its own for the cache, a model's cached tokens cost what its input costs.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from observability.audit import record
from observability.models import Price, UnitPrice
from observability.price_adding import KEYS, Added, Row, RowsRefused, add_all, values_of
from observability.prices import PriceStands

MOST_BYTES = 1_000_000
MOST_ROWS = 5_000
MOST_ERRORS = 50
BELOW_USD = 10**8
PLACES = 8
MODEL_COLUMNS = (
    "model",
    "valid_from",
    "above_input_tokens",
    "input_usd",
    "output_usd",
    "cache_read_usd",
    "cache_write_usd",
    "cache_write_1h_usd",
)
UNIT_COLUMNS = ("kind", "subject", "valid_from", "usd", "per")
COLUMNS = frozenset({*MODEL_COLUMNS, *UNIT_COLUMNS})
BETWEEN = re.compile(r"[\s,:]*")
Entry = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class LineError:
    """`line` counts from 1; 0 is the file as a whole."""

    line: int
    message: str

    def __str__(self) -> str:
        return f"Line {self.line}: {self.message}" if self.line else self.message


@dataclass(frozen=True, kw_only=True)
class PriceFile:
    """What was read, and from which line each row; `errors` is not empty where the file cannot be imported."""

    name: str
    rows: list[Row] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    errors: list[LineError] = field(default_factory=list)

    @property
    def models(self) -> list[Price]:
        return [row for row in self.rows if isinstance(row, Price)]

    @property
    def units(self) -> list[UnitPrice]:
        return [row for row in self.rows if isinstance(row, UnitPrice)]


class Unreadable(ValueError):
    """A value or a file that is not in the form; the message says what would be."""


class ImportRefused(Exception):
    """Nothing was imported; `errors` say why, by line."""

    def __init__(self, errors: list[LineError]) -> None:
        super().__init__("; ".join(map(str, errors)))
        self.errors = errors


def import_prices(file: PriceFile, user: User | None) -> Added:
    """Store what the file says, in one transaction; what is in force changes nothing. Raises `ImportRefused`."""
    if file.errors:
        raise ImportRefused(file.errors)
    try:
        with transaction.atomic():
            added = add_all(file.rows)
            if added.rows:
                after = {"added": [str(row) for row in added.rows[:100]], "rows": added.added}
                record(user, "price.import", kind="price file", name=file.name, after=after)
    except RowsRefused as refused:
        errors = [LineError(line=file.lines[place], message=message) for place, message in refused.errors.items()]
        raise ImportRefused(sorted(errors, key=lambda each: each.line)[:MOST_ERRORS]) from refused
    except PriceStands as error:
        raise ImportRefused([LineError(line=0, message=str(error))]) from error
    return added


def read_prices(data: bytes, name: str) -> PriceFile:
    """The rows of a file, not stored. `name` ends with .csv or .json; what is wrong is in `errors`."""
    try:
        entries = list(entries_of(data, name))
    except Unreadable as error:
        return PriceFile(name=name, errors=[LineError(line=0, message=str(error))])
    if not entries:
        return PriceFile(name=name, errors=[LineError(line=0, message="There is no price in the file.")])
    found = PriceFile(name=name)
    seen: dict[tuple[Any, ...], int] = {}
    for line, entry in entries:
        try:
            row = row_of(entry)
            note(row, line, seen)
        except Unreadable as error:
            found.errors.append(LineError(line=line, message=str(error)))
        else:
            found.rows.append(row)
            found.lines.append(line)
    del found.errors[MOST_ERRORS:]
    return found


def note(row: Row, line: int, seen: dict[tuple[Any, ...], int]) -> None:
    first = seen.setdefault((type(row), row.valid_from, *values_of(row, KEYS).values()), line)
    if first != line:
        raise Unreadable(f"Line {first} has a price of the same from the same day.")


# -- the two forms


def entries_of(data: bytes, name: str) -> Iterator[tuple[int, Entry]]:
    """Each row by the line that it begins in. Raises `Unreadable`."""
    if len(data) > MOST_BYTES:
        raise Unreadable(f"The file is larger than {MOST_BYTES:,} bytes.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("The file is not in UTF-8.") from error
    if "\0" in text:
        raise Unreadable("The file holds a null character.")
    ending = name.lower().rpartition(".")[2]
    if ending not in ("csv", "json"):
        raise Unreadable("The file's name ends neither with .csv nor with .json.")
    for number, entry in enumerate(csv_entries(text) if ending == "csv" else json_entries(text)):
        if number == MOST_ROWS:
            raise Unreadable(f"The file has more than {MOST_ROWS:,} rows.")
        yield entry


def csv_entries(text: str) -> Iterator[tuple[int, Entry]]:
    header = text.lstrip().partition("\n")[0]
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in header else ",", strict=True)
    columns: list[str] | None = None
    begun = 1
    try:
        for cells in reader:
            line, begun = begun, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if columns is None:
                columns = columns_of(cells)
            elif len(cells) > len(columns):
                yield line, {"": f"There are {len(cells)} cells under {len(columns)} columns."}
            else:
                named = zip(columns, cells, strict=False)
                yield line, {column: cell.strip() for column, cell in named if cell.strip()}
    except csv.Error as error:
        raise Unreadable(f"Line {reader.line_num} cannot be read: {error}.") from error


def columns_of(cells: list[str]) -> list[str]:
    columns = [cell.strip().lower() for cell in cells]
    if len({*columns}) < len(columns):
        raise Unreadable("The header names a column twice.")
    if not {"model", "kind"} & {*columns}:
        raise Unreadable("The header has neither a column model nor a column kind.")
    return columns


def json_entries(text: str) -> Iterator[tuple[int, Entry]]:
    """The objects of a list, or of the lists in an object. Read one by one, for the line that each begins in."""
    decoder = json.JSONDecoder(parse_float=Decimal, parse_constant=no_constant, object_pairs_hook=once_each)
    try:
        whole = decoder.decode(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"The file is no JSON: {error}.") from error
    lists = list(whole.values()) if isinstance(whole, dict) else [whole]
    if not all(isinstance(each, list) for each in lists):
        raise Unreadable("The file is neither a list of prices nor an object of such lists.")
    place = skip(text, text.index("[" if isinstance(whole, list) else "{") + 1)
    counted, line = 0, 1
    for prices in lists:
        if isinstance(whole, dict):
            _, place = decoder.raw_decode(text, place)  # the list's name
            place = skip(text, skip(text, place) + 1)  # behind its bracket
        for entry in prices:
            line, counted = line + text.count("\n", counted, place), place
            yield line, entry if isinstance(entry, dict) else {"": "A price is an object."}
            place = skip(text, decoder.raw_decode(text, place)[1])
        place = skip(text, place + 1)


def skip(text: str, place: int) -> int:
    """The place of the next thing that is neither blank nor a mark between two."""
    found = BETWEEN.match(text, place)
    return found.end() if found else place


def once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object has the same name twice")
    return found


def no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


# -- one row


def row_of(entry: Entry) -> Row:
    """Raises `Unreadable`."""
    if "" in entry:
        raise Unreadable(entry[""])
    row = unit_price_of(entry) if entry.get("kind") else price_of(entry)
    unknown = {*entry} - {*(UNIT_COLUMNS if entry.get("kind") else MODEL_COLUMNS)}
    if unknown:
        raise Unreadable(f"A price of this kind has no {', '.join(sorted(unknown))!s}.")
    return row


def price_of(entry: Entry) -> Price:
    given = usd_of(entry, "input_usd")
    return Price(
        model=text_of(entry, "model", most=120),
        valid_from=day_of(entry),
        above_input_tokens=whole_of(entry, "above_input_tokens", 0),
        input_usd=given,
        output_usd=usd_of(entry, "output_usd"),
        cache_read_usd=usd_of(entry, "cache_read_usd", given),
        cache_write_usd=usd_of(entry, "cache_write_usd", given),
        cache_write_1h_usd=usd_of(entry, "cache_write_1h_usd", usd_of(entry, "cache_write_usd", given)),
    )


def unit_price_of(entry: Entry) -> UnitPrice:
    kind = text_of(entry, "kind", most=20)
    if kind not in UnitPrice.Kind.values:
        raise Unreadable(f"There is no kind {kind!r}; there are {', '.join(UnitPrice.Kind.values)}.")
    per = whole_of(entry, "per", 1)
    if per < 1:
        raise Unreadable("per is 0; a price is for 1 unit or more.")
    return UnitPrice(
        kind=kind,
        subject=text_of(entry, "subject", most=120, default=""),
        valid_from=day_of(entry),
        usd=usd_of(entry, "usd"),
        per=per,
    )


def text_of(entry: Entry, name: str, *, most: int, default: str | None = None) -> str:
    value = entry.get(name, default)
    if not isinstance(value, str) or (not value.strip() and default is None):
        raise Unreadable(f"{name} is missing." if name not in entry else f"{name} is no text.")
    if len(value.strip()) > most:
        raise Unreadable(f"{name} is longer than {most} characters.")
    return value.strip()


def usd_of(entry: Entry, name: str, default: Decimal | None = None) -> Decimal:
    value = entry.get(name, default)
    if value is None:
        raise Unreadable(f"{name} is missing.")
    try:
        amount = Decimal(str(value))
    except InvalidOperation as error:
        raise Unreadable(f"{name} is {str(value)[:40]!r}, which is no number (a point parts the places).") from error
    if isinstance(value, bool) or not amount.is_finite() or not 0 <= amount < BELOW_USD:
        raise Unreadable(f"{name} is {str(value)[:40]!r}; a price is 0 or more, and below {BELOW_USD:,}.")
    if amount != round(amount, PLACES):
        raise Unreadable(f"{name} is {str(value)[:40]!r}; a price has at most {PLACES} places.")
    return round(amount, PLACES)


def whole_of(entry: Entry, name: str, default: int) -> int:
    value = str(entry.get(name, default))
    if not (value.isascii() and value.isdecimal() and int(value[:12]) < 2**31 and len(value) <= 10):
        raise Unreadable(f"{name} is {value[:40]!r}, which is no whole number that fits.")
    return int(value)


def day_of(entry: Entry) -> date:
    value = entry.get("valid_from")
    if value is None:
        return timezone.now().date()
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError) as error:
        raise Unreadable(f"valid_from is {str(value)[:40]!r}; a day is written like 2026-12-31.") from error
