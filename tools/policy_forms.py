"""The form in which the common rules are written, and what the conditions of one can be about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict

from tools.models import PolicyRule
from tools.policy.forms import Condition, FormRefused, FormRule, to_cedar
from tools.policy.schema import CedarType, ToolShape, context_type, groups_of
from tools.policy.sentences import COMPARED
from tools.policy.statements import APPROVER_ROLES, MAX_APPROVALS, MAX_REASON, MAX_TEXT, RULE_NAME
from tools.policy_sources import KnownCaller

EFFECTS = (
    ("permit", "Allow"),
    ("approval", "Allow once a person approves"),
    ("forbid", "Forbid, whatever else allows it"),
)
KINDS = (("", "Agents and outside callers"), ("agent", "Agents only"), ("key", "Outside callers only"))
NAME_HELP = "Small letters, digits and hyphens, such as small-refunds. Decisions are recorded under it."
NO_ROLES = "No caller has a role, so a rule that asks for one never matches. Leave it empty for any caller."
TYPES = {"String": "text", "Long": "whole number", "decimal": "number", "Boolean": "true or false", "Set": "list"}
SEPARATOR = ","


class NameAndMode(forms.Form):
    """What a rule has however it is written."""

    name = forms.CharField(max_length=64, help_text=NAME_HELP, widget=forms.TextInput(attrs={"autocomplete": "off"}))
    mode = forms.ChoiceField(
        label="What it does",
        choices=[(PolicyRule.Mode.ENFORCE, "It decides"), (PolicyRule.Mode.SHADOW, "Shadow: it is only recorded")],
        initial=PolicyRule.Mode.ENFORCE,
        help_text="A rule in shadow changes no call; what it would have done is counted.",
    )

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if name and not RULE_NAME.fullmatch(name):
            raise forms.ValidationError("Small letters, digits and hyphens, beginning with a letter.")
        return name


class TextForm(NameAndMode):
    text = forms.CharField(
        max_length=MAX_TEXT,
        strip=False,
        label="Cedar",
        widget=forms.Textarea(attrs={"spellcheck": "false", "autocapitalize": "off", "wrap": "off"}),
        error_messages={"required": "Write a statement first."},
    )

    def clean_text(self) -> str:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n").replace("\r", "\n").rstrip() + "\n"


class BuilderForm(NameAndMode):
    """The fields of a `FormRule`; its conditions come as the repeated names operand, operator and value."""

    effect = forms.ChoiceField(choices=EFFECTS, label="Effect", initial="permit")
    scope = forms.ChoiceField(required=False, label="Tool")
    verified_customer = forms.BooleanField(required=False, label="Only for a verified customer")
    agent = forms.ChoiceField(required=False, label="Caller")
    kind = forms.ChoiceField(required=False, choices=KINDS, label="Kind of caller")
    # Only for a rule that asks for one already: it is not offered.
    role = forms.CharField(required=False, max_length=64, label="Role of the caller", help_text=NO_ROLES)
    approver = forms.ChoiceField(
        required=False,
        label="Who approves",
        choices=[("", "Nobody"), *((role, role.capitalize()) for role in APPROVER_ROLES)],
        help_text="With Allow and a condition: what the condition does not let through waits for this person's yes.",
    )
    approvals = forms.IntegerField(
        required=False, min_value=1, max_value=MAX_APPROVALS, initial=1, label="How many people"
    )
    reason = forms.CharField(
        required=False, max_length=MAX_REASON, help_text="Only where it forbids: the agent is told.", label="Reason"
    )

    def __init__(self, *args: Any, shapes: Sequence[ToolShape], callers: Sequence[KnownCaller], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shapes = shapes
        scope, agent = self.fields["scope"], self.fields["agent"]
        kept = [str(self[name].value() or "") for name in ("scope", "agent")]
        scope.choices = with_kept(scope_choices(shapes), kept[0])  # type: ignore[attr-defined]  # of a ChoiceField
        known = [(caller.principal.id, caller.label) for caller in callers]
        agent.choices = with_kept([("", "Any caller"), *known], kept[1])  # type: ignore[attr-defined]  # as above
        if not (self.data if self.is_bound else self.initial).get("role"):
            role = self.fields["role"]
            role.widget, role.label, role.help_text = forms.HiddenInput(), "", ""

    def clean_role(self) -> str:
        if self.cleaned_data["role"]:
            raise forms.ValidationError(NO_ROLES)
        return ""

    def clean_approvals(self) -> int:
        return int(self.cleaned_data.get("approvals") or 1)

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                to_cedar(self.rule(), self.shapes)
            except FormRefused as refused:
                self.add_error(refused.field if refused.field in self.fields else None, str(refused))
        return values

    def rule(self) -> FormRule:
        """From cleaned values."""
        values = self.cleaned_data
        names = ("effect", "scope", "agent", "kind", "verified_customer", "approver", "approvals", "reason")
        return FormRule(
            **{name: values[name] for name in names},
            conditions=tuple(condition_of(row) for row in rows_of(self.data) if row.operand),
        )


def scope_choices(shapes: Sequence[ToolShape]) -> list[Any]:
    targets = sorted({shape.target for shape in shapes})
    tools = [
        (target, [(shape.key, shape.key.removeprefix(f"{target}___")) for shape in shapes if shape.target == target])
        for target in targets
    ]
    whole = [(target, f"Every tool of {target}") for target in targets]
    return [("", "Every tool"), *tools, ("Whole targets", whole)]


def with_kept(choices: list[Any], value: str) -> list[Any]:
    """A value that is chosen stays a choice when it is no longer there, and is said to be so."""
    known = [choice for choice, inner in choices if not isinstance(inner, list)]
    known += [choice for _, inner in choices if isinstance(inner, list) for choice, _ in inner]
    return choices if value in known else [*choices, (value, f"{value} (no longer there)")]


# -- conditions


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the conditions. `operand` is `argument:amount` or `fact:amount`."""

    operand: str = ""
    operator: str = "is"
    value: str = ""


@dataclass(frozen=True, kw_only=True)
class Operand:
    key: str
    label: str


OPERATORS = [(name, words) for name, words in COMPARED.items()]


def rows_of(data: Any) -> list[Row]:
    """The rows that were sent, the empty ones among them left out."""
    if not isinstance(data, QueryDict):
        return list(data.get("rows", [])) if isinstance(data, dict) else []
    values = data.getlist("value")
    operators = data.getlist("operator")
    rows = [
        Row(
            operand=operand,
            operator=operators[place] if place < len(operators) else "is",
            value=values[place] if place < len(values) else "",
        )
        for place, operand in enumerate(data.getlist("operand"))
    ]
    return [row for row in rows if row.operand]


def rows_of_rule(rule: FormRule) -> list[Row]:
    return [
        Row(
            operand=f"{condition.of}:{condition.name}",
            operator=condition.operator,
            value=f"{SEPARATOR} ".join(map(str, condition.value))
            if isinstance(condition.value, tuple)
            else str(condition.value),
        )
        for condition in rule.conditions
    ]


def condition_of(row: Row) -> Condition:
    of, _, name = row.operand.partition(":")
    value: str | tuple[str, ...] = row.value.strip()
    if row.operator == "one_of":
        value = tuple(part.strip() for part in row.value.split(SEPARATOR) if part.strip())
    return Condition(
        of="fact" if of == "fact" else "argument",
        name=name,
        operator=row.operator,  # type: ignore[arg-type]  # one that does not exist is refused by the form's rule
        value=value,
    )


def operands_of(scope: str, shapes: Sequence[ToolShape]) -> dict[str, list[Operand]]:
    """What all the tools in scope have: arguments, and facts that the gateway looks up; by the heading of each."""
    chosen = [shape for shape in shapes if scope in {"", shape.key, *groups_of(shape)}]
    if not chosen:
        return {}
    found = [dict(operands_of_tool(shape)) for shape in chosen]
    common = {key: words for key, words in found[0].items() if all(words == other.get(key) for other in found)}
    headings = {"Arguments": "argument", "Looked up before the call": "fact"}
    grouped = {
        heading: [
            Operand(key=key, label=f"{key.partition(':')[2].replace('_', ' ')} ({words})")
            for key, words in common.items()
            if key.startswith(f"{kind}:")
        ]
        for heading, kind in headings.items()
    }
    return {heading: operands for heading, operands in grouped.items() if operands}


def operands_of_tool(shape: ToolShape) -> Iterator[tuple[str, str]]:
    context = context_type(shape)["attributes"]
    for kind, part in (("argument", "input"), ("fact", "facts")):
        for name, words in leaves(context[part], ()):
            yield f"{kind}:{name}", words


def leaves(kind: CedarType, path: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Attributes by their dotted path, each with the words for its type."""
    for name, inner in kind["attributes"].items():
        steps = (*path, name)
        if inner["type"] == "Record":
            yield from leaves(inner, steps)
        else:
            yield ".".join(steps), TYPES.get(str(inner.get("name", inner["type"])), "value")
