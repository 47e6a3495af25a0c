"""The form that says for whom a tool is called, what it is told before, and what money it moves."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django import forms
from django.forms.boundfield import BoundField

from tools.binding import visible_schema
from tools.definitions import MAX_NAME
from tools.models import Tool
from tools.paths import names_of as steps_of
from tools.prechecks import AMOUNT
from tools.tool_forms import JsonField, names_of

SOURCES = (
    ("", "The model"),
    ("customer.email", "The customer's e-mail address"),
    ("customer.id", "The customer's id"),
    ("customer.name", "The customer's name"),
    ("session.id", "The id of the conversation"),
)
OWNERS = (("", "Choose"), ("customer.email", "the customer's e-mail address"), ("customer.id", "the customer's id"))
TYPES = (("string", "text"), ("number", "number"), ("integer", "whole number"), ("boolean", "true or false"))
FACT = re.compile(r"[a-z_][a-z0-9_]{0,63}")
STEP = re.compile(r"[^.\s]{1,100}")
CURRENCY = re.compile(r"[A-Z]{3}")
SPARE, MOST_ROWS, MOST_STEPS = 1, 12, 12
# Rows of the form: the parts of one, in order.
ROWS: dict[str, tuple[str, ...]] = {
    "owner": ("path", "is"),
    "ask": ("theirs", "ours"),
    "fact": ("name", "path", "type"),
}
PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}


def path_field(label: str) -> forms.CharField:
    return forms.CharField(required=False, max_length=300, label=label, widget=forms.TextInput(attrs=PLAIN))


class BindingForm(forms.Form):
    needs_customer = forms.BooleanField(
        required=False,
        label="Only for a verified customer",
        help_text="Without a verified customer the call is refused before anything is sent.",
    )
    asks = forms.ChoiceField(required=False, label="Tool that is asked first")
    moves_money = forms.BooleanField(
        required=False,
        label="It moves money",
        help_text="The amount is known before the call is decided; policies and limits count it. A call whose amount "
        "cannot be told is refused.",
    )
    amount_argument = forms.ChoiceField(required=False, label="Argument with the amount")
    amount_path = path_field("Else: path of the whole amount")
    amount_less = path_field("Less: path of what is gone already")
    currency = forms.CharField(required=False, max_length=3, label="Currency", widget=forms.TextInput(attrs=PLAIN))
    subject_argument = forms.ChoiceField(
        required=False, label="What the money belongs to", help_text="Limits for each order count by this argument."
    )
    free_text = forms.MultipleChoiceField(
        required=False,
        label="Words for people",
        help_text="Arguments that nothing is done by, such as a reason. They may come from untrusted text without a "
        "person's yes.",
        widget=forms.CheckboxSelectMultiple,
    )
    example = JsonField(
        rows=8, required=False, label="A result to try", help_text="Paste one. Nothing of it is stored."
    )
    example_email = forms.CharField(required=False, max_length=200, label="E-mail address of the customer")
    example_id = forms.CharField(required=False, max_length=100, label="Id of the customer")

    def __init__(self, data: Any = None, *, tool: Tool, siblings: Sequence[Tool]) -> None:
        super().__init__(data, initial=initial_of(tool))
        self.tool = tool
        self.siblings = {other.name: other for other in siblings}
        self.names = names_of(tool.input_schema)
        arguments = [("", "None"), *((name, name) for name in self.names)]
        self.fields["amount_argument"].choices = arguments  # type: ignore[attr-defined]  # of a ChoiceField
        # The column holds no longer name.
        self.fields["subject_argument"].choices = [pair for pair in arguments if len(pair[0]) <= MAX_NAME]  # type: ignore[attr-defined]  # as above
        self.fields["free_text"].choices = arguments[1:]  # type: ignore[attr-defined]  # as above
        kept = str(self.initial.get("asks") or "")
        gone = [(kept, f"{kept} (no longer there)")] if kept and kept not in self.siblings else []
        self.fields["asks"].choices = [("", "None"), *((name, name) for name in self.siblings), *gone]  # type: ignore[attr-defined]  # as above
        for number, name in enumerate(self.names):
            self.fields[f"bind_{number}"] = forms.ChoiceField(label=name, choices=SOURCES, required=False)
        self.counts = {kind: self.count_of(kind) for kind in ROWS}
        for kind, count in self.counts.items():
            for number in range(count):
                self.add_row(kind, number)

    # -- rows

    def count_of(self, kind: str) -> int:
        """As many as were sent or are stored, and one to write into."""
        source: Any = self.data if self.is_bound else self.initial
        places = [int(match[1]) for key in source if (match := re.fullmatch(rf"{kind}_([0-9]{{1,2}})_\w+", str(key)))]
        filled = [place for place in places if any(source.get(f"{kind}_{place}_{part}") for part in ROWS[kind])]
        return min(max(filled, default=-1) + 1 + SPARE, MOST_ROWS)

    def add_row(self, kind: str, number: int) -> None:
        asked = self.asked_tool()
        theirs = names_of(asked.input_schema) if asked else []
        made: dict[str, forms.Field] = {
            "path": path_field("Path"),
            "is": forms.ChoiceField(required=False, label="is", choices=OWNERS),
            "name": path_field("Name"),
            "type": forms.ChoiceField(required=False, label="Type", choices=TYPES),
            "theirs": forms.ChoiceField(
                required=False, label="Its argument", choices=[("", "Choose"), *((name, name) for name in theirs)]
            ),
            "ours": forms.ChoiceField(
                required=False, label="is filled with", choices=[("", "Choose"), *((n, n) for n in self.names)]
            ),
        }
        for part in ROWS[kind]:
            self.fields[f"{kind}_{number}_{part}"] = made[part]

    def asked_tool(self) -> Tool | None:
        name = self.data.get("asks", "") if self.is_bound else self.initial.get("asks", "")
        return self.siblings.get(str(name))

    def row_fields(self, kind: str) -> Iterator[list[BoundField]]:
        for number in range(self.counts[kind]):
            yield [self[f"{kind}_{number}_{part}"] for part in ROWS[kind]]

    def owner_rows(self) -> list[list[BoundField]]:
        return list(self.row_fields("owner"))

    def ask_rows(self) -> list[list[BoundField]]:
        return list(self.row_fields("ask"))

    def fact_rows(self) -> list[list[BoundField]]:
        return list(self.row_fields("fact"))

    def bound_rows(self) -> list[tuple[str, BoundField]]:
        return [(name, self[f"bind_{number}"]) for number, name in enumerate(self.names)]

    def filled_rows(self, kind: str, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
        """Those of which something was written, the parts that it needs checked."""
        found = []
        for number in range(self.counts[kind]):
            row = {part: str(self.cleaned_data.get(f"{kind}_{number}_{part}") or "") for part in ROWS[kind]}
            if not any(row[part] for part in needed):
                continue
            for part in needed:
                if not row[part] and f"{kind}_{number}_{part}" not in self.errors:
                    self.add_error(f"{kind}_{number}_{part}", "It is missing.")
            found.append((number, row))
        return found

    # -- cleaned

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        values["bindings"] = {
            name: values[f"bind_{number}"] for number, name in enumerate(self.names) if values.get(f"bind_{number}")
        }
        values["owners"] = self.clean_owners()
        values["precheck"] = self.clean_precheck()
        values["amount"] = self.clean_amount()
        return values

    def clean_owners(self) -> list[dict[str, str]]:
        rows = self.filled_rows("owner", ("path", "is"))
        for number, row in rows:
            self.check_path(f"owner_{number}_path", row["path"])
        return [row for _, row in rows]

    def clean_precheck(self) -> dict[str, Any] | None:
        asked, mapping = self.cleaned_data.get("asks"), self.filled_rows("ask", ("theirs", "ours"))
        facts = self.filled_rows("fact", ("name", "path"))
        for number, row in facts:
            self.check_path(f"fact_{number}_path", row["path"])
            if row["name"] and (not FACT.fullmatch(row["name"]) or row["name"] == AMOUNT):
                words = "Small letters, digits and _; amount is the money's own name."
                self.add_error(f"fact_{number}_name", words)
        if not asked:
            if facts:
                self.add_error("asks", "Facts come from a tool that is asked first: choose it.")
            return None
        if asked not in self.siblings:
            self.add_error("asks", "It is no tool of this target that only reads any more.")
        if not mapping and "ask_0_theirs" not in self.errors:
            self.add_error("ask_0_theirs", "Say which of its arguments is filled with which of ours.")
        rule: dict[str, Any] = {"tool": asked, "arguments": {row["theirs"]: row["ours"] for _, row in mapping}}
        if facts:
            rule["facts"] = {row["name"]: {"path": row["path"], "type": row["type"] or "string"} for _, row in facts}
        return rule

    def clean_amount(self) -> dict[str, str] | None:
        values = self.cleaned_data
        if not values.get("moves_money"):
            return None
        if not values.get("amount_argument") and not values.get("amount_path"):
            self.add_error("amount_argument", "Name the argument with the amount, or the path where it is found.")
        for name in ("amount_path", "amount_less"):
            self.check_path(name, values.get(name, ""))
            if values.get(name) and not values.get("asks"):
                self.add_error(name, "A path is one of what the tool answers that is asked first: choose it.")
        if not CURRENCY.fullmatch(values.get("currency") or ""):
            self.add_error("currency", "Three capitals, such as EUR.")
        parts = {"argument": "amount_argument", "path": "amount_path", "less": "amount_less", "currency": "currency"}
        return {key: values[name] for key, name in parts.items() if values.get(name)}

    def check_path(self, name: str, path: str) -> None:
        steps = steps_of(path)
        if path and (len(steps) > MOST_STEPS or not all(STEP.fullmatch(step) for step in steps)):
            self.add_error(name, "Names with dots between them, such as order.total; * is every item of a list.")
        elif "*" in steps and not name.startswith("owner_"):
            self.add_error(name, "One value is meant: no * here.")

    def clean_currency(self) -> str:
        return str(self.cleaned_data["currency"]).strip().upper()

    def columns(self) -> dict[str, Any]:
        """From cleaned values."""
        names = ("needs_customer", "bindings", "owners", "precheck", "amount", "subject_argument", "free_text")
        return {name: self.cleaned_data[name] for name in names}

    def seen_by_model(self) -> dict[str, Any]:
        """The schema without what is bound, as far as the form says by now."""
        chosen = {name: field.value() for name, field in self.bound_rows()}
        bindings = {name: source for name, source in chosen.items() if source}
        return visible_schema(Tool(input_schema=self.tool.input_schema, bindings=bindings))

    def owners_written(self) -> list[dict[str, str]]:
        """The rules that are whole, for a try; the form need not be."""
        rows = [[str(field.value() or "").strip() for field in row] for row in self.row_fields("owner")]
        known = {value for value, _ in OWNERS if value}
        return [{"path": path, "is": source} for path, source in rows if path and source in known]


COLUMNS = ("needs_customer", "bindings", "owners", "precheck", "amount", "subject_argument", "free_text")


def initial_of(tool: Tool) -> dict[str, Any]:
    """What is stored, as the form's own fields."""
    amount: Mapping[str, Any] = tool.amount or {}
    precheck: Mapping[str, Any] = tool.precheck or {}
    initial: dict[str, Any] = {
        "needs_customer": tool.needs_customer,
        "asks": precheck.get("tool", ""),
        "moves_money": tool.amount is not None,
        "amount_argument": amount.get("argument", ""),
        "amount_path": amount.get("path", ""),
        "amount_less": amount.get("less", ""),
        "currency": amount.get("currency", ""),
        "subject_argument": tool.subject_argument,
        "free_text": tool.free_text,
    }
    for number, name in enumerate(names_of(tool.input_schema)):
        initial[f"bind_{number}"] = tool.bindings.get(name, "")
    for number, rule in enumerate(tool.owners):
        initial |= {f"owner_{number}_path": rule["path"], f"owner_{number}_is": rule["is"]}
    for number, (theirs, ours) in enumerate(precheck.get("arguments", {}).items()):
        initial |= {f"ask_{number}_theirs": theirs, f"ask_{number}_ours": ours}
    for number, (name, fact) in enumerate(precheck.get("facts", {}).items()):
        initial |= {f"fact_{number}_name": name, f"fact_{number}_path": fact["path"]}
        initial[f"fact_{number}_type"] = fact["type"]
    return initial
