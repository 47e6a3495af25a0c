"""Checks a tool's arguments against its input schema."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import jsonschema_rs

from tools.errors import ToolRefused

MAX_PROBLEMS = 5
MAX_ARGUMENT_CHARACTERS = 20_000


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
    if "\\u0000" in text:
        raise ToolRefused("invalid_arguments", "An argument holds a NUL character.")
    errors = list(validator_of(json.dumps(schema, sort_keys=True)).iter_errors(arguments))
    if errors:
        problems = "; ".join(
            f"{'/'.join(str(step) for step in error.instance_path) or 'arguments'}: {error.message}"
            for error in errors[:MAX_PROBLEMS]
        )
        raise ToolRefused("invalid_arguments", problems)


def check_schema(schema: object) -> list[str]:
    """What is wrong with a tool's input schema; nothing for a good one."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return ["The schema must be an object schema."]
    try:
        jsonschema_rs.validator_for(schema, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as error:
        return [str(error).splitlines()[0]]
    return []
