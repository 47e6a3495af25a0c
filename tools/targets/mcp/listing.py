"""The tools that an MCP server lists, as definitions.

What a server writes there is read by models. It is cut to size, and rid of what a person who looks at it would not see.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

import mcp_types

from tools.definitions import MAX_NAME, Definition, DefinitionsRefused, effect_of_hints, fit_name, plain_text
from tools.schemas import check_schema

logger = logging.getLogger(__name__)
MAX_DESCRIPTION = 4_000
MAX_SCHEMA_CHARACTERS = 50_000
MAX_SCHEMA_TEXT = 1_000
SUFFIX_DIGITS = 6
HINTS = ("readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint")
# Keywords of JSON Schema whose values are words for people.
WORDS = frozenset({"description", "title", "$comment"})
# Those under which the keys are names.
NAMED = frozenset({"properties", "patternProperties", "$defs", "definitions"})


def definitions_of(tools: Iterable[mcp_types.Tool]) -> list[Definition]:
    """Raises `DefinitionsRefused` where two have the same name: which one a call would reach is anybody's guess. One
    whose schema cannot be used is left out."""
    tools = list(tools)
    twice = [name for name, times in Counter(tool.name for tool in tools).items() if times > 1]
    if twice:
        raise DefinitionsRefused(f"The server lists two tools named {twice[0][:80]!r}.")
    names = names_of([tool.name for tool in tools])
    return [definition for tool in tools if (definition := definition_of(tool, names[tool.name])) is not None]


def names_of(listed: list[str]) -> dict[str, str]:
    """A name that a tool may have here for each that is listed. Where two come to the same, the one that is spelled so
    keeps it, and the others are told apart by a digest: no name moves to another tool when one is added."""
    times = Counter(fit_name(name) for name in listed)
    return {
        name: fitted if fitted == name or times[fitted] == 1 else told_apart(fitted, name)
        for name in listed
        for fitted in [fit_name(name)]
    }


def told_apart(fitted: str, name: str) -> str:
    digits = hashlib.sha256(name.encode()).hexdigest()[:SUFFIX_DIGITS]
    return f"{fitted[: MAX_NAME - 1 - SUFFIX_DIGITS]}_{digits}"


def definition_of(tool: mcp_types.Tool, name: str) -> Definition | None:
    schema = cleaned(tool.input_schema)
    problems = check_schema(schema)
    if problems or len(json.dumps(schema)) > MAX_SCHEMA_CHARACTERS:
        logger.warning("the MCP tool %r is left out: %s", name, problems[0][:200] if problems else "a huge schema")
        return None
    given = tool.annotations.model_dump(by_alias=True, exclude_none=True) if tool.annotations else {}
    annotations = {hint: given[hint] for hint in HINTS if isinstance(given.get(hint), bool)}
    return Definition(
        name=name,
        description=plain_text(tool.description or tool.title or tool.name, MAX_DESCRIPTION),
        input_schema=schema,
        effect=effect_of_hints(annotations),
        recipe={} if name == tool.name else {"source_name": tool.name},
        annotations=annotations,
    )


def cleaned(node: Any, *, holds_names: bool = False) -> Any:
    """A schema with its words for people cut to size."""
    if isinstance(node, list):
        return [cleaned(item) for item in node]
    if not isinstance(node, dict):
        return node
    if holds_names:
        return {name: cleaned(value) for name, value in node.items()}
    return {
        key: plain_text(value, MAX_SCHEMA_TEXT)
        if key in WORDS and isinstance(value, str)
        else cleaned(value, holds_names=key in NAMED)
        for key, value in node.items()
    }
