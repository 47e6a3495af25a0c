"""The form of a tool: what the model reads of it, what it does, and how it is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator

from tools.binding import PLACEHOLDER
from tools.definitions import DefinitionsRefused, parse
from tools.models import Target, Tool
from tools.routes import RouteRefused, check_lookup, check_routes
from tools.schemas import check_schema

if TYPE_CHECKING:
    FormOfTool = forms.ModelForm[Tool]
else:  # Django's class takes no parameter while the program runs
    FormOfTool = forms.ModelForm

CODE = {"spellcheck": "false", "autocapitalize": "off", "autocomplete": "off", "class": "is-code"}
MAX_JSON = 200_000
MIN_DEADLINE_MS, MAX_DEADLINE_MS, MAX_RETRIES = 100, 120_000, 5
EFFECTS = (
    (Tool.Effect.READ, "Read: it changes nothing, and may be repeated"),
    (Tool.Effect.WRITE, "Write: it changes something that can be changed back"),
    (Tool.Effect.MONEY, "Money: it moves money"),
    (Tool.Effect.IRREVERSIBLE, "Irreversible: what it does cannot be undone"),
)


class JsonField(forms.CharField):
    """JSON as text, indented when it is shown first; what was typed stays as it was. Empty is None."""

    def __init__(self, *, rows: int = 10, **kwargs: Any) -> None:
        widget = forms.Textarea(attrs={**CODE, "rows": rows, "wrap": "off"})
        super().__init__(strip=True, max_length=MAX_JSON, widget=widget, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, str):
            return value
        return "" if value in (None, [], {}) else json.dumps(value, indent=2, ensure_ascii=False)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse(text)
        except DefinitionsRefused as error:
            raise ValidationError(str(error)) from error


class ToolForm(FormOfTool):
    input_schema = JsonField(rows=14, label="Input schema", help_text="A JSON Schema of type object.")
    routes = JsonField(
        rows=10,
        required=False,
        label="Routes",
        help_text="A list; the first route whose path can be filled is taken. Each has method and path, and may have "
        "query, body, headers and result (a path into the answer, or names with their paths). A value is plain, "
        "or one placeholder: {order_id} is an argument; the gateway gives "
        "{customer.email}, {customer.id}, {customer.name}, {session.id} and {idempotency_key}.",
    )
    lookup = JsonField(
        rows=5,
        required=False,
        label="Look-up",
        help_text="Asked what was done of a call whose answer was lost: a route with GET, or a tool of this target as "
        '{"tool": …, "arguments": {…}}. "found" names the path where it must hold something.',
    )

    class Meta:
        model = Tool
        fields = (
            "description",
            "input_schema",
            "progress",
            "effect",
            "risk",
            "idempotency",
            "lookup",
            "deadline_ms",
            "retries",
            "cost_usd",
            "routes",
        )
        labels = {
            "progress": "While it runs",
            "deadline_ms": "Deadline, ms",
            "cost_usd": "Cost of a call, USD",
            "idempotency": "What protects it from being done twice",
        }
        help_texts = {
            "description": "The model reads it, and chooses the tool by it.",
            "progress": "The customer reads it: Looking up order {order_id}|Looking up your orders. The first "
            "alternative whose arguments are all given is shown.",
            "effect": "A read is repeated when its answer is lost. Everything else is sent at most once.",
            "idempotency": "A write without a key and without a look-up whose answer is lost goes to a person.",
            "deadline_ms": "For one request.",
            "retries": "Further requests of a read, or of a look-up.",
            "cost_usd": "What the backend charges; it counts against limits.",
        }
        widgets = {
            "description": forms.Textarea(attrs={"rows": 4}),
            "progress": forms.TextInput(attrs={"autocomplete": "off"}),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.target.kind != Target.Kind.HTTP:
            del self.fields["routes"]
        # Without the zeros that the column adds.
        self.initial["cost_usd"] = f"{self.instance.cost_usd.normalize():f}"
        self.fields["effect"].choices = EFFECTS  # type: ignore[attr-defined]  # of a ChoiceField
        self.fields["deadline_ms"].validators += [
            MinValueValidator(MIN_DEADLINE_MS),
            MaxValueValidator(MAX_DEADLINE_MS),
        ]
        self.fields["retries"].validators.append(MaxValueValidator(MAX_RETRIES))
        self.fields["cost_usd"].validators.append(MinValueValidator(0))

    def clean_input_schema(self) -> Any:
        schema = self.cleaned_data["input_schema"]
        if problems := check_schema(schema):
            raise ValidationError(problems[0][:500])
        if not isinstance(schema.get("properties", {}), dict):
            raise ValidationError("properties is an object.")
        return schema

    def clean_progress(self) -> str:
        text = str(self.cleaned_data["progress"]).strip()
        if PLACEHOLDER.sub("", text).count("{"):
            raise ValidationError("A placeholder is the name of an argument in braces.")
        return text

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        names = names_of(values.get("input_schema", self.instance.input_schema))
        if values.get("routes") is not None:
            self.check("routes", lambda: check_routes(values["routes"], names))
        elif "routes" in values:
            values["routes"] = []
        if values.get("lookup") is not None:
            self.check("lookup", lambda: check_lookup(values["lookup"], self.instance, names))
        needs = values.get("idempotency") == Tool.Idempotency.LOOK_UP
        if needs and values.get("lookup") is None and "lookup" not in self.errors:
            self.add_error("lookup", "Say how it is looked up.")
        return values

    def check(self, name: str, judge: Any) -> None:
        try:
            judge()
        except RouteRefused as error:
            text = str(error)
            self.add_error(name, text[:1].upper() + text[1:])

    def columns(self) -> dict[str, Any]:
        """From cleaned values."""
        return {name: self.cleaned_data[name] for name in self.fields}


def names_of(schema: Mapping[str, Any]) -> list[str]:
    """The arguments that a schema names."""
    properties = schema.get("properties", {})
    return [str(name) for name in properties] if isinstance(properties, dict) else []
