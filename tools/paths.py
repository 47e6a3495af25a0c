"""Dotted paths into JSON: `order.total`, `orders.*.customer`; a `*` stands for every item of a list."""

from __future__ import annotations

from typing import Any

EVERY = "*"


class Missing(Exception):
    """There is nothing at a path."""


def value_at(value: Any, path: str) -> Any:
    """The one value at a path without `*`; an empty path is the value itself. Raises `Missing`."""
    for name in names_of(path):
        value = step(value, name)
    return value


def step(value: Any, name: str) -> Any:
    if isinstance(value, dict) and name in value:
        return value[name]
    if isinstance(value, list) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    raise Missing(name)


def names_of(path: str) -> list[str]:
    return path.split(".") if path else []
