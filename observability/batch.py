"""Several tables' rows in one statement, behind a fence.

A step of a turn writes a message, its tool calls, a span, a charge and an event. Sent one by one that is a dozen round
trips and a transaction; as one statement of common table expressions it is one round trip and one commit, and it is
all or nothing: every part selects from the fence, so where the fence finds no row nothing is written.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from uuid import UUID

import orjson
from django.db import connection, models


@dataclass(frozen=True, kw_only=True)
class Part:
    """One common table expression: SQL that may select from the fences, and its parameters."""

    sql: str
    params: tuple[object, ...]


def encode(value: object, *, sort_keys: bool = False) -> str:
    """JSON that `jsonb_populate_recordset` reads back without loss: decimals, ids and times as text."""
    try:
        return orjson.dumps(value, default=as_text, option=orjson.OPT_SORT_KEYS if sort_keys else None).decode()
    except orjson.JSONEncodeError:
        # Numbers beyond 64 bits and lone surrogates, which only the standard library writes.
        return json.dumps(value, default=as_text, separators=(",", ":"), sort_keys=sort_keys)


def as_text(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


@cache
def columns_of(model: type[models.Model]) -> tuple[str, ...]:
    return tuple(field.column for field in model._meta.concrete_fields if field.column)  # noqa: SLF001


def insert(
    model: type[models.Model],
    rows: Sequence[Mapping[str, object]],
    *,
    fence: str,
    seq: bool = False,
    skip_conflicts: bool = False,
) -> Part:
    """Rows for one table, each a mapping of the same columns; the columns left out take the database's default.

    With `seq`, a row's `seq` is its offset (1, 2, …) from the number that the fence's `base` column holds.
    """
    return Part(sql=insert_sql(model, tuple(rows[0]), fence, seq, skip_conflicts), params=(encode(rows),))


@cache
def insert_sql(model: type[models.Model], columns: tuple[str, ...], fence: str, seq: bool, skip_conflicts: bool) -> str:  # noqa: FBT001
    """The same few texts over and over: made once, and prepared once by the database."""
    unknown = set(columns) - set(columns_of(model))
    if unknown:
        raise ValueError(f"{model.__name__} has no columns {sorted(unknown)!r}")
    quote = connection.ops.quote_name
    table = quote(model._meta.db_table)  # noqa: SLF001
    chosen = ", ".join(f"{fence}.base + r.seq" if seq and name == "seq" else f"r.{quote(name)}" for name in columns)
    names = ", ".join(quote(name) for name in columns)
    return (
        f"INSERT INTO {table} ({names}) SELECT {chosen} "  # noqa: S608  names come from the model, values are bound
        f"FROM {fence}, jsonb_populate_recordset(NULL::{table}, %s::jsonb) AS r"
        f"{' ON CONFLICT DO NOTHING' if skip_conflicts else ''}"
    )


def update(
    model: type[models.Model], key: UUID, values: Mapping[str, object], *, fence: str, condition: str = "TRUE"
) -> Part:
    """New values for the row whose primary key is `key`; `condition` may speak of the row as `r`."""
    json_columns = json_columns_of(model)
    params = [encode(value) if name in json_columns and value is not None else value for name, value in values.items()]
    return Part(sql=update_sql(model, tuple(values), fence, condition), params=(*params, key))


@cache
def json_columns_of(model: type[models.Model]) -> frozenset[str]:
    fields = model._meta.concrete_fields  # noqa: SLF001
    return frozenset(field.column for field in fields if field.column and isinstance(field, models.JSONField))


@cache
def update_sql(model: type[models.Model], columns: tuple[str, ...], fence: str, condition: str) -> str:
    quote = connection.ops.quote_name
    sets = ", ".join(f"{quote(name)} = %s" for name in columns)
    primary = quote(str(model._meta.pk.column))  # noqa: SLF001
    table = quote(model._meta.db_table)  # noqa: SLF001
    return (
        f"UPDATE {table} AS r SET {sets} FROM {fence} "  # noqa: S608  names come from the model
        f"WHERE r.{primary} = %s AND {condition}"
    )
