"""A call that is made up, to see what the policies say to it: a form made from the tool's own schema."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import forms

from tools.binding import with_bound
from tools.errors import ToolRefused
from tools.models import Tool
from tools.outside import CHANNEL
from tools.policy.authorize import Principal, Request
from tools.policy.values import Customer
from tools.policy_sources import KnownCaller
from tools.prechecks import AMOUNT, fact_types
from tools.schemas import check_arguments

ARGUMENT, FACT = "a.", "f."
CHANNELS = ("chat", "email", "shell", CHANNEL)
BOOLEANS = [("", "Not given"), ("true", "True"), ("false", "False")]
MAX_VALUE = 10_000


class CallForm(forms.Form):
    """Arguments are named `a.NAME`, what the gateway would have looked up `f.NAME`; what is empty is not given."""

    caller = forms.CharField(max_length=200)
    channel = forms.CharField(required=False, max_length=20, initial="chat")
    verified = forms.BooleanField(required=False, initial=True, label="The customer is verified")
    email = forms.CharField(required=False, max_length=254, label="Customer's email")
    customer_id = forms.CharField(required=False, max_length=64, label="Customer's id")
    tainted = forms.BooleanField(
        required=False,
        label="Untrusted text may have put the arguments there",
        help_text="Then a write waits for a person even where the policies allow it.",
    )

    def __init__(self, data: Mapping[str, Any] | None, *, tool: Tool, callers: Sequence[KnownCaller]) -> None:
        super().__init__(data)
        self.tool = tool
        self.callers = {caller.principal.id: caller for caller in callers}
        known = [(caller.principal.id, caller.label) for caller in callers]
        self.fields["caller"] = forms.ChoiceField(
            choices=known, error_messages={"invalid_choice": "There is no such caller any more."}
        )
        self.fields["channel"].widget = forms.Select(choices=[(name, name) for name in CHANNELS])
        properties = tool.input_schema.get("properties", {})
        required = tool.input_schema.get("required", [])
        for name, schema in properties.items():
            if name not in tool.bindings:
                self.fields[ARGUMENT + name] = field = argument_field(name, schema)
                # Said beside it, and not insisted on: what happens without it is worth trying, too.
                field.is_asked = name in required  # type: ignore[attr-defined]  # for the template
        for name, kind in fact_types(tool).items():
            self.fields[FACT + name] = argument_field(name, {"type": kind})
        argument = (tool.amount or {}).get("argument")
        if FACT + AMOUNT in self.fields and argument:
            self.fields[FACT + AMOUNT].help_text = f"Empty: what the argument {argument} says."

    def parts(self, prefix: str) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name.startswith(prefix)]

    def arguments(self) -> list[forms.BoundField]:
        return self.parts(ARGUMENT)

    def facts(self) -> list[forms.BoundField]:
        return self.parts(FACT)

    def values(self, prefix: str) -> dict[str, Any]:
        """Of cleaned fields, those that are given."""
        return {
            name.removeprefix(prefix): value
            for name, value in self.cleaned_data.items()
            if name.startswith(prefix) and value not in (None, "")
        }

    def call(self) -> tuple[Request, str]:
        """The call as the policies would see it, and why the gateway would not even ask them; of a valid form."""
        values = self.cleaned_data
        given, facts = self.values(ARGUMENT), self.values(FACT)
        argument = (self.tool.amount or {}).get("argument", "")
        if AMOUNT not in facts and given.get(argument) is not None:
            facts[AMOUNT] = given[argument]
        email, customer_id = (values["email"], values["customer_id"]) if values["verified"] else ("", "")
        bound = {"customer.email": email, "customer.id": customer_id, "customer.name": "", "session.id": "session"}
        refusal = refusal_of(self.tool, given, is_verified=values["verified"])
        try:
            given = with_bound(self.tool, given, bound)
        except ToolRefused as error:
            refusal = refusal or str(error)
        caller = self.callers[values["caller"]].principal
        channel = values["channel"] or CHANNELS[0]
        request = Request(
            principal=on_channel(caller, channel),
            tool=self.tool.key,
            input=given,
            customer=Customer(verified=values["verified"], id=customer_id, email=email),
            channel=channel,
            tainted=values["tainted"],
            facts=facts,
        )
        return request, refusal


def on_channel(caller: Principal, channel: str) -> Principal:
    """An agent bears its channel as a tag."""
    tags = {**caller.tags, "channel": channel} if caller.tags.get("kind") == "agent" else caller.tags
    return Principal(id=caller.id, tags=tags)


def refusal_of(tool: Tool, given: Mapping[str, Any], *, is_verified: bool) -> str:
    if tool.needs_customer and not is_verified:
        return "This tool is only for a verified customer."
    # What is bound is filled in later, so it cannot be missing here.
    required = [name for name in tool.input_schema.get("required", []) if name not in tool.bindings]
    try:
        check_arguments({**tool.input_schema, "required": required}, dict(given))
    except ToolRefused as error:
        return str(error)
    return ""


def argument_field(name: str, schema: Any) -> forms.Field:
    """After its JSON type; none is required."""
    schema = schema if isinstance(schema, dict) else {}
    kind = schema.get("type")
    help_text = str(schema.get("description", ""))[:200]
    words = name.replace("_", " ").capitalize()
    options: dict[str, Any] = {
        "required": False,
        "label": words,
        "help_text": help_text,
    }
    if isinstance(schema.get("enum"), list):
        values = {str(value): value for value in schema["enum"]}
        choices = [("", "Not given"), *((text, text) for text in values)]
        return forms.TypedChoiceField(choices=choices, coerce=values.__getitem__, empty_value=None, **options)
    if kind == "boolean":
        return forms.TypedChoiceField(
            choices=BOOLEANS, coerce=lambda value: value == "true", empty_value=None, **options
        )
    if kind == "integer":
        return forms.IntegerField(**options)
    if kind == "number":
        return NumberField(max_length=40, **options)
    if kind in {"object", "array"} or kind is None or isinstance(kind, list):
        options["help_text"] = f"{help_text} As JSON.".strip()
        return JsonField(max_length=MAX_VALUE, widget=forms.Textarea(attrs={"rows": 3, "class": "is-code"}), **options)
    return forms.CharField(max_length=MAX_VALUE, strip=False, **options)


class NumberField(forms.CharField):
    """A number as JSON has it."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            found = json.loads(text)
        except ValueError:
            found = None
        if isinstance(found, bool) or not isinstance(found, int | float):
            raise forms.ValidationError("Give a number, such as 42.50.")
        return found


class JsonField(forms.CharField):
    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise forms.ValidationError('This is not JSON. A text stands in quotes: "like this".') from None
