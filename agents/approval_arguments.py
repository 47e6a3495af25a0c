"""The arguments of a call in a form, typed as the tool's schema types them; and what a person made of them, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from agents.approval_words import currency_of, label_of
from tools.models import Approval, Tool

PREFIX = "argument"
LONG_TEXT = 80
NOT_GIVEN = "–"  # noqa: RUF001  an en dash, as the pages set an absent value
WHOLE = {"integer": forms.IntegerField, "number": forms.DecimalField}


@dataclass(frozen=True, kw_only=True)
class Argument:
    """One argument as a page shows it: as the agent asked, and as it would be executed; `fixed` says why nobody may
    change it."""

    name: str
    label: str
    asked: str
    value: str
    fixed: str = ""

    @property
    def is_changed(self) -> bool:
        return self.asked != self.value


class JsonField(forms.CharField):
    """A list or an object, written as JSON."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        try:
            return json.loads(text) if text else ""
        except ValueError as error:
            raise ValidationError("This is not JSON.") from error


class ArgumentsForm(forms.Form):
    """A field for each argument that a person may change; `changed` are the arguments whole, once it is valid."""

    def __init__(self, data: Mapping[str, Any] | None, *, approval: Approval, tool: Tool) -> None:
        super().__init__(data, prefix=PREFIX)
        self.approval = approval
        self.tool = tool
        required = set(tool.input_schema.get("required", []))
        for name in in_order(tool):
            if name in held(tool):
                continue
            rule = rule_of(tool, name)
            given = approval.arguments.get(name)
            field = field_of(name, rule, tool, is_required=name in required, given=given)
            field.label = label_of(name)
            field.help_text = help_of(name, rule, tool)
            self.fields[name] = field
            self.initial[name] = initial_of(given, rule)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        self.changed = dict(self.approval.arguments)
        for name, value in values.items():
            if not self.is_changed(name):
                continue
            if value in (None, ""):
                self.changed.pop(name, None)
            else:
                self.changed[name] = plain(value, rule_of(self.tool, name))
        return values

    def is_changed(self, name: str) -> bool:
        """Whether it was written anew: what was left alone keeps its value to the byte. A field that the form was
        not sent with is left alone."""
        key = self.add_prefix(name)
        if key not in self.data:
            return False
        return str(self.data[key]).replace("\r\n", "\n") != str(self.initial[name])

    def add_problem(self, name: str, message: str) -> None:
        """Beside the argument where it is one of the form's, else on top."""
        self.add_error(name if name in self.fields else None, message)


def held(tool: Tool) -> dict[str, str]:
    """The arguments that nobody changes, and why: the gateway fills them, or what was looked up is about them."""
    looked_up = (tool.precheck or {}).get("arguments", {})
    return {
        **dict.fromkeys(looked_up.values(), "What was looked up is about this one. For another, reject and say which."),
        **dict.fromkeys(tool.bindings, "Filled in by the gateway."),
    }


def arguments_of(approval: Approval, tool: Tool | None, arguments: Mapping[str, Any] | None = None) -> list[Argument]:
    """All of them, those that the schema names first; as they are, or with `arguments` in place."""
    now = approval.arguments if arguments is None else arguments
    known = in_order(tool) if tool else []
    names = [*known, *sorted({*approval.asked, *now} - set(known))]
    fixed = held(tool) if tool else {}
    return [
        Argument(
            name=name,
            label=label_of(name),
            asked=text_of(approval.asked.get(name)),
            value=text_of(now.get(name)),
            fixed=fixed.get(name, ""),
        )
        for name in names
        if name in approval.asked or name in now
    ]


def in_order(tool: Tool) -> list[str]:
    """What it is done to, the money, what the tool cannot do without, the rest; jsonb keeps no order of its own."""
    required = tool.input_schema.get("required", [])
    money = (tool.amount or {}).get("argument")
    names = list(tool.input_schema.get("properties", {}))
    return sorted(names, key=lambda name: (name != tool.subject_argument, name != money, name not in required))


# -- one field


def rule_of(tool: Tool, name: str) -> dict[str, Any]:
    rule = tool.input_schema.get("properties", {}).get(name, {})
    return rule if isinstance(rule, dict) else {}


def kind_of(rule: Mapping[str, Any]) -> str:
    """`choice`, `date`, or JSON Schema's own names; of several types the first that is not null."""
    if isinstance(rule.get("enum"), list):
        return "choice"
    kinds = rule.get("type", "string")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    kind = next((str(kind) for kind in kinds if kind != "null"), "string")
    return "date" if kind == "string" and rule.get("format") == "date" else kind


def field_of(name: str, rule: dict[str, Any], tool: Tool, *, is_required: bool, given: Any) -> forms.Field:
    match kind_of(rule):
        case "choice":
            choices = [(text_of(value), text_of(value)) for value in rule["enum"] if value is not None]
            return forms.ChoiceField(choices=[*blank(is_required=is_required), *choices], required=is_required)
        case "boolean":
            choices = [*blank(is_required=is_required), ("true", "Yes"), ("false", "No")]
            return forms.ChoiceField(choices=choices, required=is_required)
        case "date":
            return forms.DateField(widget=forms.DateInput(attrs={"type": "date"}), required=is_required)
        case "integer" | "number" as kind:
            return number_field(rule, WHOLE[kind], is_required=is_required)
        case "array" | "object":
            widget = forms.Textarea(attrs={"rows": 5, "class": "is-code", "spellcheck": "false"})
            return JsonField(widget=widget, required=is_required)
    return text_field(name, rule, tool, is_required=is_required, given=given)


def number_field(
    rule: Mapping[str, Any], field: type[forms.IntegerField | forms.DecimalField], *, is_required: bool
) -> forms.Field:
    shown = {"min": rule.get("minimum"), "max": rule.get("maximum")}
    step = "1" if field is forms.IntegerField else "any"
    attrs = {
        "inputmode": "decimal",
        "step": step,
        **{name: value for name, value in shown.items() if value is not None},
    }
    return field(widget=forms.NumberInput(attrs=attrs), required=is_required)


def text_field(name: str, rule: Mapping[str, Any], tool: Tool, *, is_required: bool, given: Any) -> forms.Field:
    """Long, or words for people: an area; with a pattern or an amount: a line that the browser checks too."""
    attrs: dict[str, Any] = {"autocomplete": "off"}
    is_long = name in tool.free_text or int(rule.get("maxLength") or 0) > LONG_TEXT or len(str(given or "")) > LONG_TEXT
    if name == (tool.amount or {}).get("argument"):
        attrs |= {"inputmode": "decimal"}
    elif is_long and "pattern" not in rule:
        return forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=is_required, strip=False)
    return forms.CharField(widget=forms.TextInput(attrs=attrs), required=is_required)


def blank(*, is_required: bool) -> list[tuple[str, str]]:
    return [] if is_required else [("", "Not given")]


def help_of(name: str, rule: Mapping[str, Any], tool: Tool) -> str:
    unit = f"In {currency_of(tool)}. " if name == (tool.amount or {}).get("argument") and currency_of(tool) else ""
    return f"{unit}{rule.get('description', '')}".strip()


# -- values, and how they are written


def initial_of(value: Any, rule: Mapping[str, Any]) -> str:
    if value is None:
        return ""
    if kind_of(rule) in {"array", "object"}:
        return json.dumps(value, indent=2, ensure_ascii=False)
    return text_of(value)


def text_of(value: Any) -> str:
    """A value in words, as the form and the comparison write it."""
    match value:
        case None:
            return NOT_GIVEN
        case bool():
            return "true" if value else "false"
        case str():
            return value
    return json.dumps(value, ensure_ascii=False)


def plain(value: Any, rule: Mapping[str, Any]) -> Any:
    """What a field read, as the JSON that the tool takes."""
    kind = kind_of(rule)
    if kind == "choice":
        return next(one for one in rule["enum"] if text_of(one) == value)
    if kind == "boolean":
        return value == "true"
    if kind == "date":
        return value.isoformat()
    if kind == "number" and isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
