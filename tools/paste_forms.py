"""The forms in which pasted tool JSON becomes tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms.boundfield import BoundField

from tools.definitions import MAX_SOURCE_CHARACTERS, Definition, DefinitionsRefused, tools_of_source
from tools.models import Target, Tool
from tools.pasting import Pasted, route_of
from tools.routes import METHODS, RouteRefused
from tools.tool_forms import CODE

MOST = 100
EFFECTS = [(effect, effect.label) for effect in Tool.Effect]
PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
METHOD_OF_EFFECT = {"read": "GET", "irreversible": "DELETE"}


class PasteForm(forms.Form):
    source = forms.CharField(
        max_length=MAX_SOURCE_CHARACTERS,
        strip=True,
        label="Tools as JSON",
        help_text="One tool or a list, as Anthropic, OpenAI, Bedrock (toolSpec), AgentCore or MCP write them.",
        widget=forms.Textarea(attrs={**CODE, "rows": 16, "wrap": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definitions: list[Definition] = []

    def clean_source(self) -> str:
        source = str(self.cleaned_data["source"])
        try:
            found = tools_of_source(source)
        except DefinitionsRefused as error:
            raise ValidationError(str(error)) from error
        if len(found) > MOST:
            raise ValidationError(f"There are {len(found)} tools. Paste at most {MOST} at a time.")
        # A model chooses by the description: where there is none, the name has to do.
        self.definitions = [replace(each, description=each.description or each.name) for each in found]
        return source


class ToolsForm(forms.Form):
    """For each tool its effect, and over HTTP its method and path."""

    def __init__(self, data: Any = None, *, target: Target, definitions: Sequence[Definition]) -> None:
        super().__init__(data)
        self.definitions = list(definitions)
        self.is_http = target.kind == Target.Kind.HTTP
        self.known = {tool.name: tool for tool in Tool.objects.filter(target=target)}
        for number, definition in enumerate(self.definitions):
            tool = self.known.get(definition.name)
            effect = tool.effect if tool else definition.effect
            self.fields[f"effect_{number}"] = forms.ChoiceField(
                label=f"Effect of {definition.name}", choices=EFFECTS, initial=effect
            )
            if self.is_http:
                self.add_route(number, definition, tool, effect)

    def add_route(self, number: int, definition: Definition, tool: Tool | None, effect: str) -> None:
        """One that has routes keeps them where no path is written."""
        has_routes = bool(tool and tool.routes)
        self.fields[f"method_{number}"] = forms.ChoiceField(
            label=f"Method of {definition.name}",
            choices=[(method, method) for method in METHODS],
            initial=METHOD_OF_EFFECT.get(effect, "POST"),
        )
        self.fields[f"path_{number}"] = forms.CharField(
            label=f"Path of {definition.name}",
            max_length=500,
            required=not has_routes,
            widget=forms.TextInput(attrs={**PLAIN, "placeholder": "as it is" if has_routes else "/orders/{order_id}"}),
        )

    def lines(self) -> Iterator[dict[str, Any]]:
        for number, definition in enumerate(self.definitions):
            fields: dict[str, BoundField] = {
                name: self[f"{name}_{number}"]
                for name in ("effect", "method", "path")
                if f"{name}_{number}" in self.fields
            }
            yield {"definition": definition, "is_known": definition.name in self.known, **fields}

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        for number, definition in enumerate(self.definitions):
            path, method = values.get(f"path_{number}"), values.get(f"method_{number}")
            if not path or not method:
                continue
            try:
                route_of(definition.input_schema, method=method, path=path)
            except RouteRefused as error:
                text = str(error)
                self.add_error(f"path_{number}", text[:1].upper() + text[1:])
        return values

    def pasted(self) -> list[Pasted]:
        """From cleaned values."""
        values = self.cleaned_data
        return [
            Pasted(
                definition=definition,
                effect=values[f"effect_{number}"],
                method=values.get(f"method_{number}", ""),
                path=values.get(f"path_{number}", ""),
            )
            for number, definition in enumerate(self.definitions)
        ]
