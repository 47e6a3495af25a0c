"""A form made from a tool's input schema, to fill its arguments by hand."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from tools.binding import Customer, visible_schema
from tools.definitions import plain_text
from tools.models import Tool
from tools.tool_forms import JsonField

MAX_FIELDS = 40
LONG_TEXT = 200
PLAIN = {"autocomplete": "off", "spellcheck": "false"}
HELP = 300
NUMBERS = {"integer": int, "number": float}


class ArgumentForm(forms.Form):
    """One field for each argument that the model sees, or one of JSON for all where they are too many. An optional
    field that is left empty is not sent."""

    customer_email = forms.CharField(
        required=False, max_length=200, label="E-mail address", widget=forms.TextInput(attrs=PLAIN)
    )
    customer_id = forms.CharField(required=False, max_length=100, label="Id", widget=forms.TextInput(attrs=PLAIN))
    customer_name = forms.CharField(required=False, max_length=200, label="Name", widget=forms.TextInput(attrs=PLAIN))

    def __init__(self, data: Any = None, *, tool: Tool, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        self.tool = tool
        schema = visible_schema(tool)
        properties = schema.get("properties") or {}
        self.names = shown_names(schema)
        required = required_of(schema)
        for number, name in enumerate(self.names):
            self.fields[f"argument_{number}"] = field_for(name, properties[name], required=name in required)
        if not self.names and schema.get("additionalProperties") is not False:
            self.fields["whole"] = JsonField(rows=8, required=False, label="Arguments", initial={})

    def argument_fields(self) -> list[forms.BoundField]:
        names = [f"argument_{number}" for number in range(len(self.names))]
        return [self[name] for name in (*names, *(("whole",) if "whole" in self.fields else ()))]

    def arguments(self) -> dict[str, Any]:
        """From cleaned values."""
        if "whole" in self.fields:
            whole = self.cleaned_data["whole"]
            return whole if isinstance(whole, dict) else {}
        given = {name: self.cleaned_data[f"argument_{number}"] for number, name in enumerate(self.names)}
        return {name: value for name, value in given.items() if value not in (None, "")}

    def customer(self) -> Customer:
        """Verified where the admin names somebody."""
        values = [self.cleaned_data[f"customer_{part}"].strip() for part in ("id", "email", "name")]
        return Customer(id=values[0], email=values[1], name=values[2], is_verified=any(values[:2]))


def shown_names(schema: Mapping[str, Any]) -> list[str]:
    """Those that must be given first; the column that the schema comes from keeps no order."""
    names = [str(name) for name in schema.get("properties") or {}]
    required = required_of(schema)
    return sorted(names, key=lambda name: name not in required) if len(names) <= MAX_FIELDS else []


def required_of(schema: Mapping[str, Any]) -> list[str]:
    names = schema.get("required")
    return [str(name) for name in names] if isinstance(names, list) else []


def initial_from(tool: Tool, arguments: Mapping[str, Any], customer: Customer) -> dict[str, Any]:
    """The form's fields for a call that was made."""
    names = shown_names(visible_schema(tool))
    fields = {f"argument_{number}": text_of(arguments[name]) for number, name in enumerate(names) if name in arguments}
    person = {"customer_email": customer.email, "customer_id": customer.id, "customer_name": customer.name}
    return {**fields, **person, "whole": dict(arguments)}


def text_of(value: Any) -> Any:
    """As it is written into its field; lists and objects are written by theirs."""
    return json.dumps(value) if isinstance(value, bool | int | float) else value


class BooleanText(forms.TypedChoiceField):
    def __init__(self, **kwargs: Any) -> None:
        choices = [("", "Not given"), ("true", "true"), ("false", "false")]
        super().__init__(choices=choices, coerce=lambda text: text == "true", empty_value=None, **kwargs)


def field_for(name: str, schema: Any, *, required: bool) -> forms.Field:
    """By the type that the schema names; of several types, or none, JSON or plain text is taken."""
    schema = schema if isinstance(schema, Mapping) else {}
    kind = schema.get("type")
    usual: dict[str, Any] = {
        "label": plain_text(name, 80),
        "required": required,
        "help_text": plain_text(schema.get("description"), HELP),
    }
    choices = schema.get("enum")
    if isinstance(choices, list) and choices and all(isinstance(choice, str) for choice in choices):
        return forms.ChoiceField(choices=[("", "Not given"), *((choice, choice) for choice in choices)], **usual)
    if kind == "boolean":
        return BooleanText(**usual)
    if kind in NUMBERS:
        return NumberText(kind=kind, **usual)
    if kind == "string":
        is_long = isinstance(schema.get("maxLength"), int) and schema["maxLength"] > LONG_TEXT
        widget = forms.Textarea(attrs={"rows": 3}) if is_long else forms.TextInput(attrs=PLAIN)
        return forms.CharField(strip=False, widget=widget, **usual)
    return JsonField(rows=4, **usual)


class NumberText(forms.CharField):
    """A JSON number. What it may be is for the schema to say."""

    def __init__(self, *, kind: str, **kwargs: Any) -> None:
        self.kind = kind
        widget = forms.TextInput(attrs={**PLAIN, "inputmode": "decimal"})
        super().__init__(max_length=40, widget=widget, **kwargs)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            number = json.loads(text)
        except ValueError:
            number = None
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            raise ValidationError("A whole number is expected." if self.kind == "integer" else "A number is expected.")
        return number
