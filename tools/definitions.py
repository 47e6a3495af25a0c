"""What a target says its tools are, whatever its kind: read from tool JSON, told apart from what it said before.

A target that changes a tool after an admin has looked at it changes what the agents do. Its definitions are therefore
kept under a digest, and what differs is shown before anything of it is used.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tools.schemas import check_schema

MAX_NAME = 64
MAX_DESCRIPTION = 1_000
MAX_SOURCE_CHARACTERS = 1_000_000
MAX_TOOLS = 2_000
PYTHON = re.compile(r"[{\[,]\s*'|:\s*(True|False|None)\b")
COMPARED = ("name", "description", "input_schema", "recipe", "annotations")
UNORDERED = ("required", "type")
WRAPPERS = ("tools", "toolConfig", "toolSchema", "inlinePayload")


class DefinitionsRefused(ValueError):
    """These are no tool definitions; the text is meant for whoever gave them."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """One tool as its target declares it. `effect` is a proposal (a value of `Tool.Effect`), `recipe` says how the
    call is made and is empty where the target's kind says it all, `annotations` are the target's own hints."""

    name: str
    description: str
    input_schema: dict[str, Any]
    effect: str
    recipe: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Changes:
    """`changed` holds each tool as it was and as it is."""

    added: list[Definition]
    removed: list[Definition]
    changed: list[tuple[Definition, Definition]]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changed)


def digest_of(definition: Definition) -> str:
    """64 hexadecimal digits, the same for the same tool whatever the order of its keys.

    The effect is left out: it follows from the rest, and an admin may have set another.
    """
    return _sha256([getattr(definition, name) for name in COMPARED])


def digest(definitions: Iterable[Definition]) -> str:
    """Of a whole target; the order of its tools does not matter."""
    return _sha256(sorted((definition.name, digest_of(definition)) for definition in definitions))


def compare(before: Sequence[Definition], after: Sequence[Definition]) -> Changes:
    """By name: a tool that is renamed goes and another comes. Raises `DefinitionsRefused` for a name used twice."""
    old, new = by_name(before), by_name(after)
    return Changes(
        added=[new[name] for name in sorted(new.keys() - old.keys())],
        removed=[old[name] for name in sorted(old.keys() - new.keys())],
        changed=[
            (old[name], new[name])
            for name in sorted(old.keys() & new.keys())
            if digest_of(old[name]) != digest_of(new[name])
        ],
    )


def changed_parts(before: Definition, after: Definition) -> list[str]:
    """Which of a tool's parts differ: "description", "input_schema", "recipe", "annotations"."""
    return [name for name in COMPARED if _sha256(getattr(before, name)) != _sha256(getattr(after, name))]


def by_name(definitions: Iterable[Definition]) -> dict[str, Definition]:
    named: dict[str, Definition] = {}
    for definition in definitions:
        if definition.name in named:
            raise DefinitionsRefused(f"Two tools are named {definition.name!r}.")
        named[definition.name] = definition
    return named


def _sha256(value: object) -> str:
    text = json.dumps(_ordered(value), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _ordered(value: Any) -> Any:
    """With the lists sorted whose order says nothing: servers that build them from sets shuffle them."""
    if isinstance(value, Mapping):
        return {
            key: sorted(item, key=repr) if key in UNORDERED and isinstance(item, list) else _ordered(item)
            for key, item in value.items()
        }
    return [_ordered(item) for item in value] if isinstance(value, list | tuple) else value


# -- names and texts from outside


def fit_name(text: str) -> str:
    """The nearest name that a tool may have: `^[a-zA-Z][a-zA-Z0-9_]{0,63}$`."""
    name = re.sub(r"[^a-zA-Z0-9]+", "_", text).strip("_")
    # A name with nothing to change keeps its underscores.
    name = text if re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", text) else name
    if not name[:1].isalpha():
        name = f"tool_{name}" if name else "tool"
    return name[:MAX_NAME]


def plain_text(text: object, limit: int) -> str:
    """A description without what a person would not see and a model would read (control and format characters, tag
    characters, private use), clipped at a word."""
    visible = "".join(
        letter
        for letter in str(text or "")[: limit * 4]
        if letter in "\n\t" or not unicodedata.category(letter).startswith("C")
    )
    lines = [" ".join(line.split()) for line in visible.splitlines()]
    clean = re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
    if len(clean) <= limit:
        return clean
    words = re.sub(r"\s+\S*$", "", clean[:limit])
    return f"{words[: limit - 1]}…"


def effect_of_hints(annotations: Mapping[str, Any]) -> str:
    """The effect that MCP's annotations propose; without a word from them, a write. They are hints of the target's,
    not facts: https://modelcontextprotocol.io/specification, tool annotations."""
    if annotations.get("readOnlyHint") is True:
        return "read"
    return "irreversible" if annotations.get("destructiveHint") is True else "write"


# -- tool JSON, as it is pasted


def tools_of_source(source: Any) -> list[Definition]:
    """The tools of pasted JSON, as text or already parsed: the forms of Anthropic, OpenAI, Bedrock, AgentCore and MCP,
    one tool, a list, or a list under a wrapper. Raises `DefinitionsRefused`, which says which tool is wrong and why.
    """
    value = parse(source) if isinstance(source, str | bytes) else source
    tools = unwrap(value)
    if not tools:
        raise DefinitionsRefused("There is no tool in it.")
    if len(tools) > MAX_TOOLS:
        raise DefinitionsRefused(f"There are {len(tools)} tools, more than {MAX_TOOLS}.")
    definitions = [definition_of_source(tool, number) for number, tool in enumerate(tools, start=1)]
    by_name(definitions)
    return definitions


def parse(source: str | bytes) -> Any:
    if len(source) > MAX_SOURCE_CHARACTERS:
        raise DefinitionsRefused(f"The text exceeds {MAX_SOURCE_CHARACTERS:,} characters.")
    text = source.decode(errors="replace") if isinstance(source, bytes) else source
    if "\\u0000" in text:
        raise DefinitionsRefused("A text in it holds a NUL character.")
    try:
        value = json.loads(text)
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except json.JSONDecodeError as error:
        raise DefinitionsRefused(why_not_json(text, error)) from error
    except (ValueError, RecursionError) as error:
        raise DefinitionsRefused("This is no JSON that can be stored: bad characters, numbers or nesting.") from error
    return value


def why_not_json(text: str, error: json.JSONDecodeError) -> str:
    if re.search("[\u201c\u201d\u2018\u2019]", text):
        return f"Line {error.lineno}: not JSON; it has curly quotation marks. Replace them by straight double ones."
    if PYTHON.search(text):
        return (
            f"Line {error.lineno}: this is Python, not JSON. Use double quotation marks, true, false and null, and no "
            "comma before a closing bracket, or print it with json.dumps()."
        )
    return f"Line {error.lineno}: not JSON: {error.msg}."


def unwrap(value: Any) -> list[Any]:
    """The list of tools within what was pasted."""
    for _ in WRAPPERS:
        key = next((key for key in WRAPPERS if isinstance(value, dict) and key in value and "name" not in value), None)
        if key is None:
            break
        value = value[key]
    return value if isinstance(value, list) else [value]


def definition_of_source(tool: Any, number: int) -> Definition:
    place = f"Tool {number}"
    if not isinstance(tool, dict):
        raise DefinitionsRefused(f"{place}: an object is expected.")
    body = next((tool[key] for key in ("toolSpec", "function") if isinstance(tool.get(key), dict)), tool)
    name = body.get("name")
    if not isinstance(name, str) or not name.strip():
        raise DefinitionsRefused(f"{place} has no name.")
    place = f"{place} ({name[:80]!r})"
    schema = schema_of_source(body)
    if schema is None:
        raise DefinitionsRefused(f"{place} has no input schema: input_schema, inputSchema or parameters is expected.")
    if problems := check_schema(schema):
        raise DefinitionsRefused(f"{place}: {problems[0][:300]}")
    fitted = fit_name(name)
    hints = body.get("annotations")
    annotations = hints if isinstance(hints, dict) else {}
    return Definition(
        name=fitted,
        description=plain_text(body.get("description"), MAX_DESCRIPTION),
        input_schema=schema,
        effect=effect_of_hints(annotations),
        recipe={} if fitted == name else {"source_name": name},
        annotations=annotations,
    )


def schema_of_source(body: dict[str, Any]) -> Any:
    """Under any of its names; Bedrock wraps it once more, in `json`."""
    for key in ("input_schema", "inputSchema", "parameters"):
        if key in body:
            schema = body[key]
            if isinstance(schema, dict) and "type" not in schema and isinstance(schema.get("json"), dict):
                return schema["json"]
            return schema
    return None
