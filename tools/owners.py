"""Whose a result is: what belongs to somebody else is dropped before the model sees it.

A tool's rules say where its results name their owner: `{"path": "customer", "is": "customer.email"}`, or, for a list,
`{"path": "orders.*.customer", "is": "customer.email"}`. A rule fits where the path leads up to its first `*`, or to its
end. All rules that fit are kept; a result that none fits is nobody's, and as good as somebody else's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tools.errors import ToolFailed
from tools.paths import EVERY, Missing, names_of, step

NOT_FOUND = 404


def own_part(result: Any, owners: Sequence[Mapping[str, str]], values: Mapping[str, Any]) -> Any:
    """The result without the items of others. Raises `ToolFailed` where nothing of it may be seen.

    `values` holds what the rules compare with, such as "customer.email".
    """
    if not owners:
        return result
    fitting = [rule for rule in owners if fits(result, names_of(rule["path"]))]
    if not fitting:
        raise not_found()
    for rule in fitting:
        result = filtered(result, names_of(rule["path"]), normal(values.get(rule["is"])))
    return result


def not_found() -> ToolFailed:
    """The same answer for what is somebody else's and for what does not exist: neither is for this customer to know."""
    return ToolFailed("not_found", "There is nothing of this customer's under that name.", status=NOT_FOUND)


def alike(error: ToolFailed, owners: Sequence[Mapping[str, str]]) -> ToolFailed:
    """A backend's own "there is none" in the words of the above, where results have owners: else the difference would
    tell that somebody has it."""
    return not_found() if owners and error.status == NOT_FOUND else error


def fits(value: Any, names: list[str]) -> bool:
    try:
        for name in names:
            if name == EVERY:
                return isinstance(value, list)
            value = step(value, name)
    except Missing:
        return False
    return True


def filtered(value: Any, names: list[str], owner: str) -> Any:
    """Raises `ToolFailed` where the value at the path, outside of any list, is not the owner's."""
    if not names:
        if not owner or normal(value) != owner:
            raise not_found()
        return value
    name, rest = names[0], names[1:]
    if name == EVERY:
        if not isinstance(value, list):
            raise not_found()
        kept = []
        for item in value:
            try:
                kept.append(filtered(item, rest, owner))
            except ToolFailed:
                continue
        return kept
    try:
        inner = filtered(step(value, name), rest, owner)
    except Missing:
        raise not_found() from None
    return {**value, name: inner} if isinstance(value, dict) else [*value[: int(name)], inner, *value[int(name) + 1 :]]


def normal(value: Any) -> str:
    """Addresses differ in case only by accident."""
    return str(value).strip().casefold() if isinstance(value, str | int) and not isinstance(value, bool) else ""
