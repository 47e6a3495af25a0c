"""The answer of a query as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User

from observability.access import has_role
from observability.insights import Result, readable
from observability.query import as_text

# A table program takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(result: Result, user: User) -> Iterator[str]:
    """A header and every row, masked as on the page."""
    sees_all = has_role(user)
    yield line([written(column.name, sees_all=True) for column in result.columns])
    for row in result.answer.rows:
        yield line([written(value, sees_all=sees_all) for value in row])


def written(value: Any, *, sees_all: bool) -> str:
    text = as_text(readable(value, sees_all=sees_all))
    if not isinstance(value, str):
        return text
    return f"'{text}" if text.startswith(FORMULA) else text


def line(values: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(values)
    return out.getvalue()
