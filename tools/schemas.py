"""Checks a tool's arguments against its input schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema_rs

from tools.errors import ToolRefused

MAX_PROBLEMS = 5
MAX_ARGUMENT_CHARACTERS = 20_000
# A schema that refers to itself in two places takes time that doubles with each level.
MAX_DEPTH = 10


@lru_cache(maxsize=512)
def validator_of(schema: str) -> Any:
    """Compiled once per schema text. Offline: a `$ref` to another host is an error, not a request; linear-time
    regular expressions: a hostile pattern cannot hang a worker."""
    return jsonschema_rs.validator_for(json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions())


def check_arguments(schema: dict[str, Any], arguments: dict[str, Any]) -> None:
    """Raises `ToolRefused` that names each offending argument, so that the model can mend its call."""
    text = json.dumps(arguments)
    if len(text) > MAX_ARGUMENT_CHARACTERS:
        raise ToolRefused("arguments_too_long", f"The arguments exceed {MAX_ARGUMENT_CHARACTERS} characters.")
    if depth_of(arguments) > MAX_DEPTH:
        raise ToolRefused("invalid_arguments", f"The arguments are nested deeper than {MAX_DEPTH} levels.")
    if "\\u0000" in text:
        raise ToolRefused("invalid_arguments", "An argument holds a NUL character.")
    errors = list(validator_of(json.dumps(schema, sort_keys=True)).iter_errors(arguments))
    if errors:
        problems = "; ".join(
            f"{'/'.join(str(step) for step in error.instance_path) or 'arguments'}: {error.message}"
            for error in errors[:MAX_PROBLEMS]
        )
        raise ToolRefused("invalid_arguments", problems)


def depth_of(value: Any) -> int:
    """How deep lists and objects stand in each other; looked at no deeper than is allowed."""
    depth, level = 0, [value]
    while level and depth <= MAX_DEPTH:
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += bool(level)
    return depth


def check_schema(schema: object) -> list[str]:
    """What is wrong with a tool's input schema; nothing for a good one."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return ["The schema must be an object schema."]
    try:
        jsonschema_rs.validator_for(schema, offline=True, pattern_options=jsonschema_rs.RegexOptions())
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return [str(error).splitlines()[0]]
    return []
