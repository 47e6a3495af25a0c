"""A form's rule as it is stored beside its Cedar text, so that it can be opened in the form again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any

from tools.policy.forms import Condition, FormRule

NAMES = {field.name for field in fields(FormRule)}


def form_to_json(form: FormRule) -> dict[str, Any]:
    """`{"effect", "scope", …, "conditions": [{"of", "name", "operator", "value"}]}`; the value is a list for one_of."""
    stored = asdict(form)
    stored["conditions"] = [
        {**condition, "value": list(value) if isinstance(value := condition["value"], tuple) else value}
        for condition in stored["conditions"]
    ]
    return stored


def form_from_json(stored: object) -> FormRule | None:
    """None for what is no form: then the rule is its text."""
    if not isinstance(stored, Mapping) or not isinstance(stored.get("effect"), str):
        return None
    try:
        conditions = tuple(condition_from_json(each) for each in stored.get("conditions") or ())
        return FormRule(**{**{name: stored[name] for name in NAMES if name in stored}, "conditions": conditions})
    except (TypeError, KeyError, ValueError):
        return None


def condition_from_json(stored: Mapping[str, Any]) -> Condition:
    """Raises `KeyError` and `TypeError` for what is no condition."""
    value = stored.get("value", "")
    return Condition(
        of=stored.get("of", "argument"),
        name=stored["name"],
        operator=stored["operator"],
        value=tuple(value) if isinstance(value, list) else value,
    )
