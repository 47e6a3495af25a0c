"""One object of a JSON document read field by field, and everything that is wrong in it noted with its place."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from guardrails.config import Problem

MISSING = object()


class Fields:
    """`data` should be an object with these `keys` alone. What cannot be read is noted in `problems`, and something
    harmless is given in its place, so that one reading finds all of them."""

    def __init__(self, data: Any, path: str, problems: list[Problem], keys: Collection[str]) -> None:
        self.path = path
        self.problems = problems
        self.is_there = data is not MISSING
        self.data: Mapping[str, Any] = data if isinstance(data, Mapping) else {}
        self.is_object = isinstance(data, Mapping)
        if self.is_there and not self.is_object:
            problems.append(Problem(path=path, message="An object is wanted here."))
        for key in self.data:
            if key not in keys:
                self.refuse(str(key), "There is no such setting.")

    def refuse(self, name: str, message: str) -> None:
        self.problems.append(Problem(path=f"{self.path}.{name}" if self.path else name, message=message))

    # -- what is in it

    def section(self, name: str, keys: Collection[str]) -> Fields:
        return Fields(self.data.get(name, MISSING), self._path_of(name), self.problems, keys)

    def objects(self, name: str, keys: Collection[str], *, most: int) -> list[Fields]:
        path = self._path_of(name)
        items = self._list(name, most)
        return [Fields(item, f"{path}[{place}]", self.problems, keys) for place, item in enumerate(items)]

    def texts(self, name: str, *, most: int, length: int) -> tuple[str, ...]:
        """Texts that are all different, none of them empty."""
        read = [
            self._checked_text(item, f"{name}[{place}]", length) for place, item in enumerate(self._list(name, most))
        ]
        for place, text in enumerate(read):
            if text and text in read[:place]:
                self.refuse(f"{name}[{place}]", f"{text!r} stands here twice.")
        return tuple(read)

    def text(self, name: str, length: int, *, default: str | None = None, may_be_empty: bool = False) -> str:
        """At most `length` characters, and at least one that is no blank."""
        value = self.data.get(name, MISSING)
        if value is MISSING:
            return self._left_out(name, default)
        if value == "" and may_be_empty:
            return ""
        return self._checked_text(value, name, length)

    def choice(self, name: str, choices: Sequence[str], *, default: str | None = None) -> str:
        """One of `choices`; "" where it is none of them."""
        value = self.data.get(name, MISSING)
        if value is MISSING:
            return self._left_out(name, default)
        if isinstance(value, str) and value in choices:
            return value
        self.refuse(name, f"{shown(value)} is none of {', '.join(choices)}.")
        return ""

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.data.get(name, default)
        if isinstance(value, bool):
            return value
        self.refuse(name, f"{shown(value)} is neither true nor false.")
        return default

    def number(self, name: str, low: float, high: float, *, default: float | None = None) -> float:
        value = self.data.get(name, MISSING)
        if value is MISSING:
            self._left_out(name, None if default is None else "")
            return default or 0.0
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            self.refuse(name, f"{shown(value)} is no number.")
        elif not low <= value <= high:
            self.refuse(name, f"{value} is not between {low} and {high}.")
        else:
            return float(value)
        return low

    def refuse_twice(self, name: str, key: str) -> None:
        """Two of the objects under `name` may not have the same `key`, however it is written."""
        seen: set[str] = set()
        for place, item in enumerate(self._list(name, None)):
            value = item.get(key) if isinstance(item, Mapping) else None
            if not isinstance(value, str) or not value.strip():
                continue
            if (folded := " ".join(value.casefold().split())) in seen:
                self.refuse(f"{name}[{place}].{key}", f"{value!r} stands here twice.")
            seen.add(folded)

    # -- how

    def _list(self, name: str, most: int | None) -> list[Any]:
        """`most` None where it was looked at before."""
        items = self.data.get(name, [])
        if not isinstance(items, list):
            if most is not None:
                self.refuse(name, "A list is wanted here.")
            return []
        if most is not None and len(items) > most:
            self.refuse(name, f"{len(items)} are too many: at most {most}.")
            return items[:most]
        return items

    def _checked_text(self, value: Any, name: str, length: int) -> str:
        if not isinstance(value, str):
            self.refuse(name, f"{shown(value)} is no text.")
        elif not value.strip():
            self.refuse(name, "This may not be empty.")
        elif len(value) > length:
            self.refuse(name, f"{len(value)} characters are too many: at most {length}.")
        elif not is_storable(value):
            self.refuse(name, "It holds a character that cannot be kept.")
        else:
            return value
        return ""

    def _left_out(self, name: str, default: str | None) -> str:
        if default is None and self.is_object:
            self.refuse(name, "This is missing.")
        return default or ""

    def _path_of(self, name: str) -> str:
        return f"{self.path}.{name}" if self.path else name


def is_storable(text: str) -> bool:
    """PostgreSQL keeps neither NUL nor half a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= character <= "\udfff" for character in text)


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
