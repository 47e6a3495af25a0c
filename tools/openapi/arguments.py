"""The arguments of a tool, put together from an operation's parameters and its body."""

from __future__ import annotations

import re
from itertools import chain, count
from typing import Any

from tools.definitions import plain_text
from tools.openapi.bodies import Body, Flat, flatten
from tools.openapi.document import Document
from tools.openapi.parameters import Parameter
from tools.openapi.schemas import MAX_DESCRIPTION, Converter, Found, check_finished

MAX_ARGUMENT_NAME = 64


class Arguments:
    """Collects an object schema and the parts of the recipe that belong to it."""

    def __init__(self, converter: Converter, *, key_header: str, notes: list[str]) -> None:
        self.converter = converter
        self.key_header = key_header
        self.found = Found(notes=list(notes))
        self.properties: dict[str, Any] = {}
        self.required: list[str] = []
        # Of a body that may be left out as a whole: what each of its fields needs beside it.
        self.together: dict[str, list[str]] = {}
        self.rest: Any = False
        self.parameters: dict[str, dict[str, Any]] = {}
        self.body: dict[str, Any] | None = None

    @property
    def notes(self) -> list[str]:
        return self.found.notes

    def add_parameter(self, parameter: Parameter) -> None:
        name = argument_name(parameter.name)
        argument = name if name not in self.properties else self.free_name(f"{parameter.place}_{name}")
        schema = self.converter.convert(parameter.schema, self.found)
        schema = {} if schema is True else schema
        if isinstance(schema, dict):
            description = plain_text(parameter.description, MAX_DESCRIPTION)
            texts: dict[str, Any] = {"description": description} if description else {}
            schema = {**schema, **texts, **({"deprecated": True} if parameter.deprecated else {})}
        self.properties[argument] = schema
        self.required += [argument] if parameter.required else []
        self.parameters[argument] = {
            "in": parameter.place,
            "name": parameter.name,
            "style": parameter.style,
            "explode": parameter.explode,
        }

    def add_body(self, document: Document, body: Body) -> None:
        """As arguments of their own where the body is an object whose names are free, else as one argument."""
        self.body = {
            "content_type": body.content_type,
            "form": body.is_form,
            "required": body.required,
            "whole": None,
            "fields": {},
            "rest": False,
            "withheld": [],
            "encoding": body.encoding,
        }
        flat = flatten(document, body.schema)
        if flat is not None and self.add_fields(self.body, flat, is_required=body.required):
            return
        whole = self.free_name("body")
        self.properties[whole] = self.converter.convert(body.schema, self.found)
        self.required += [whole] if body.required else []
        self.body["whole"] = whole

    def add_fields(self, recipe: dict[str, Any], flat: Flat, *, is_required: bool) -> bool:
        shown = self.converter.shown("properties", flat.properties)
        fields = {argument_name(name): name for name in shown}
        are_alike = len(fields) < len(shown)
        if (
            are_alike
            or not fields
            or fields.keys() & self.properties.keys()
            or set(flat.required) - set(flat.properties)
        ):
            return False
        for argument, name in fields.items():
            self.properties[argument] = self.converter.convert(shown[name], self.found)
        required = [argument for argument, name in fields.items() if name in flat.required]
        if is_required:
            self.required += required
        elif required:
            self.together = {argument: [name for name in required if name != argument] for argument in fields}
        recipe["fields"] = fields
        recipe["withheld"] = [name for name in flat.properties if name not in shown]
        if flat.rest:
            self.rest = self.converter.convert(flat.rest, self.found)
            recipe["rest"] = True
        return True

    def free_name(self, name: str) -> str:
        """The name, or the first with a number that is not taken."""
        names = chain([name[:MAX_ARGUMENT_NAME]], (f"{name[: MAX_ARGUMENT_NAME - 6]}_{number}" for number in count(2)))
        return next(name for name in names if name not in self.properties)

    def finish(self) -> dict[str, Any]:
        """The input schema. Raises `Unusable`."""
        schema: dict[str, Any] = {
            "type": "object",
            "properties": self.properties,
            "required": self.required,
            "additionalProperties": self.rest,
        }
        if self.together:
            schema["dependentRequired"] = self.together
        if definitions := self.converter.definitions(self.found):
            schema["$defs"] = definitions
        if not self.required:
            del schema["required"]
        check_finished(schema)
        return schema


def argument_name(name: str) -> str:
    """Model providers take letters, digits and few signs; Cedar and the bindings read names without any sign."""
    fitted = name if re.fullmatch(r"[A-Za-z0-9_]+", name) else re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_")
    return fitted[:MAX_ARGUMENT_NAME] or "argument"
