"""The forms of the agents' pages, and how the fields of a version are named and read out."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from agents.errors import UnknownModel
from agents.model_directory import resolve
from agents.model_list import model_choices, usable_lines
from agents.models import Agent, AgentVersion, LanguageModel
from agents.templatetags.tandem import usd
from agents.versions import FIELDS, Change
from guardrails.choices import guardrail_choices, name_of
from memory.models import Strategy
from tools.models import Tool

if TYPE_CHECKING:
    FormOfAgent = forms.ModelForm[Agent]
    FormOfVersion = forms.ModelForm[AgentVersion]
else:  # Django's class takes no parameter while the program runs
    FormOfAgent = FormOfVersion = forms.ModelForm

LABELS = {
    "instructions": "Instructions",
    "model": "Model",
    "fallback_model": "Fall-back model",
    "tools": "Tools",
    "guardrail": "Guardrail",
    "greeting": "Greeting",
    "handoff_text": "Hand-over text",
    "max_output_tokens": "Longest answer",
    "window_exchanges": "Exchanges",
    "window_tokens": "Tokens",
    "window_hours": "Hours",
    "max_model_calls": "Model calls",
    "max_tool_calls": "Tool calls",
    "max_seconds": "Seconds",
    "max_tokens": "Tokens in all",
    "max_usd": "US dollars",
    "max_same_call": "Same call",
    "merge_waiting": "Answer waiting messages together",
    "memory_strategies": "What is remembered",
    "recall_memories": "Memories",
    "recall_passages": "Passages",
    "recall_tokens": "Room",
    "recall_own_only": "Only what this agent has learnt",
}
HELP = {
    "model": "Prices are US dollars per million tokens.",
    "fallback_model": "Answers where the model is overloaded or cannot be reached.",
    "guardrail": "Checks every message, tool call and reply. A named version stays; otherwise the newest one holds.",
    "greeting": "The first thing that a customer sees. Without one the page is empty until they write.",
    "handoff_text": "What the customer reads when the agent cannot go on and a person takes the conversation.",
    "max_output_tokens": "Tokens that one model call may write, 64 to 32,000.",
    "window_exchanges": "1 to 200",
    "window_tokens": "200 to 500,000",
    "window_hours": "1 to 8,760",
    "max_model_calls": "In one turn, 1 to 50.",
    "max_tool_calls": "In one turn, 0 to 100.",
    "max_seconds": "For one turn, 5 to 540.",
    "max_tokens": "Of all model calls of a turn, from 1,000.",
    "max_usd": "For one turn, from 0.0001.",
    "max_same_call": "How often a turn may make one call with the same arguments, 1 to 20.",
    "merge_waiting": "What a customer writes while a turn runs is answered in one turn, instead of one after another.",
    "recall_memories": "Of the customer, in one turn; 0 recalls none, 50 at most.",
    "recall_passages": "Of source documents, in one turn; 0 gives none, 20 at most.",
    "recall_tokens": "For both together, 50 to 20,000.",
    "recall_own_only": "And what a person wrote. Otherwise the agent is given what every agent has learnt.",
}
STRATEGIES = (
    (Strategy.EPISODES, "Episodes: what was asked, what was done, how it ended"),
    (Strategy.FACTS, "Facts: what the customer says of themselves"),
    (Strategy.PREFERENCES, "Preferences: how they want to be served"),
    (Strategy.SUMMARY, "Summary: a short profile"),
)
UNITS = {
    "max_output_tokens": "tokens",
    "window_exchanges": "exchanges",
    "window_tokens": "tokens",
    "window_hours": "hours",
    "max_model_calls": "model calls a turn",
    "max_tool_calls": "tool calls a turn",
    "max_seconds": "seconds a turn",
    "max_tokens": "tokens a turn",
    "max_same_call": "times a turn",
    "recall_memories": "memories a turn",
    "recall_passages": "passages a turn",
    "recall_tokens": "tokens a turn",
}
GROUPS = {
    "window_exchanges": "Memory window",
    "window_tokens": "Memory window",
    "window_hours": "Memory window",
    "recall_memories": "Long-term memory",
    "recall_passages": "Long-term memory",
    "recall_tokens": "Long-term memory",
    "recall_own_only": "Long-term memory",
    "memory_strategies": "Long-term memory",
    "max_output_tokens": "Limits",
    "max_model_calls": "Limits",
    "max_tool_calls": "Limits",
    "max_seconds": "Limits",
    "max_tokens": "Limits",
    "max_usd": "Limits",
    "max_same_call": "Limits",
}
PROSE = ("instructions", "greeting", "handoff_text")
LONGEST_INSTRUCTIONS = 100_000
CHARACTERS_PER_TOKEN = 4
WORDS_PER_TOKEN = 0.75
# What an address below /agents/ means already.
RESERVED_SLUGS = ("new", "id")


class AgentForm(FormOfAgent):
    """A new agent; its behaviour is edited afterwards, in its draft."""

    like = forms.ModelChoiceField(
        Agent.objects.filter(live_version__isnull=False),
        required=False,
        label="Begin with",
        empty_label="An empty draft",
        help_text="Or with a copy of what another agent does now.",
    )

    class Meta:
        model = Agent
        fields = ("name", "slug", "description")
        labels = {"slug": "Address"}
        help_texts = {
            "name": "Customers see it above each reply.",
            "slug": "Lower-case letters, digits and hyphens. Customers reach the agent at /chat/ and this; it stays.",
            "description": "For the team: what this agent is for.",
        }

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if slug in RESERVED_SLUGS:
            raise ValidationError(f"{slug!r} is taken by a page of the desk.")
        if Agent.objects.filter(slug=slug).exists():
            raise ValidationError(f"Another agent has the address {slug!r}.")
        return slug


class DraftForm(FormOfVersion):
    """Everything that a version decides. Its values are saved by `configure.save_draft`, never by the form."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    instructions = forms.CharField(
        strip=False,
        max_length=LONGEST_INSTRUCTIONS,
        widget=forms.Textarea(attrs={"rows": 22, "spellcheck": "true"}),
        label=LABELS["instructions"],
    )
    model = forms.ChoiceField(
        label=LABELS["model"],
        help_text=HELP["model"],
        error_messages={"invalid_choice": "No model that takes calls is named %(value)s."},
    )
    fallback_model = forms.ChoiceField(
        required=False,
        label=LABELS["fallback_model"],
        help_text=HELP["fallback_model"],
        error_messages={"invalid_choice": "No model that takes calls is named %(value)s."},
    )
    tools = forms.MultipleChoiceField(
        required=False,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "There is no tool named %(value)s."},
    )
    guardrail = forms.ChoiceField(
        required=False,
        label=LABELS["guardrail"],
        help_text=HELP["guardrail"],
        error_messages={"invalid_choice": "There is no guardrail %(value)s."},
    )
    memory_strategies = forms.MultipleChoiceField(
        required=False,
        label=LABELS["memory_strategies"],
        choices=STRATEGIES,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"invalid_choice": "%(value)s is no way to remember."},
    )

    class Meta:
        model = AgentVersion
        fields = FIELDS
        labels = LABELS
        help_texts = HELP
        widgets = {
            "greeting": forms.Textarea(attrs={"rows": 2}),
            "handoff_text": forms.Textarea(attrs={"rows": 2}),
        }

    def __init__(self, *args: Any, tools: list[Tool], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The order of the tools decides nothing: what is stored keeps its own, so that it does not count as a change.
        self._stored_tools = list(self.instance.tools)
        self.fields["tools"].choices = [(tool.name, tool.name) for tool in tools]  # type: ignore[attr-defined]
        self.fields["guardrail"].choices = guardrail_choices(self.instance.guardrail)  # type: ignore[attr-defined]
        self.model_lines = usable_lines()
        models, fallbacks = self.fields["model"], self.fields["fallback_model"]
        models.choices = model_choices(self.model_lines, self.instance.model)  # type: ignore[attr-defined]
        others = model_choices(self.model_lines, self.instance.fallback_model)
        fallbacks.choices = [("", "None"), *others]  # type: ignore[attr-defined]

    def clean_instructions(self) -> str:
        """With the line ends of the stored text: a browser sends CRLF."""
        text = str(self.cleaned_data["instructions"]).replace("\r\n", "\n")
        if not text.strip():
            raise ValidationError("Say who the agent is and how it works.")
        return text

    def clean_greeting(self) -> str:
        return str(self.cleaned_data["greeting"]).replace("\r\n", "\n")

    def clean_handoff_text(self) -> str:
        return str(self.cleaned_data["handoff_text"]).replace("\r\n", "\n")

    def clean_tools(self) -> list[str]:
        chosen = self.cleaned_data["tools"]
        kept = [name for name in self._stored_tools if name in chosen]
        return kept + [name for name in chosen if name not in kept]

    def clean_memory_strategies(self) -> list[str]:
        """In one order: it decides nothing, so it is no change."""
        return [value for value, _ in STRATEGIES if value in self.cleaned_data["memory_strategies"]]

    def clean_seen(self) -> dict[str, str]:
        """The fingerprint that the page was made with; one that cannot be read matches nothing, so nothing is lost."""
        try:
            seen = json.loads(self.cleaned_data["seen"] or "{}")
        except ValueError:
            return {}
        return {str(name): str(value) for name, value in seen.items()} if isinstance(seen, dict) else {}

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        model, fallback = row_of(data.get("model")), row_of(data.get("fallback_model"))
        if fallback and fallback == model:
            self.add_error("fallback_model", "It has to be another model: where one is down, so is the same one again.")
        longest = min((row.max_output_tokens for row in (model, fallback) if row), default=None)
        if longest is not None and (data.get("max_output_tokens") or 0) > longest:
            self.add_error("max_output_tokens", f"The model writes at most {longest:,} tokens in one call.")
        return data

    def values(self) -> dict[str, Any]:
        return {name: self.cleaned_data[name] for name in FIELDS}


class WindowForm(FormOfVersion):
    """The three limits of the memory window alone, for the sentence that is read out while they are edited."""

    class Meta:
        model = AgentVersion
        fields = ("window_exchanges", "window_tokens", "window_hours")
        labels = LABELS

    def sentence(self) -> str:
        return window_sentence(**{name: self.cleaned_data[name] for name in self.Meta.fields})


class PublishForm(forms.Form):
    """What is published is what was reviewed: `mark` is its digest."""

    note = forms.CharField(
        max_length=200,
        required=False,
        label="What changed, and why",
        help_text="One line, for whoever looks at this version later.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    mark = forms.CharField(widget=forms.HiddenInput, required=False)


def window_sentence(*, window_exchanges: int, window_tokens: int, window_hours: int) -> str:
    """What the three limits keep, in words."""
    exchanges = "exchange" if window_exchanges == 1 else f"{window_exchanges:,} exchanges"
    words = round(window_tokens * WORDS_PER_TOKEN, -1)
    return (
        f"Beside the customer's new message, the model is given the last {exchanges}, as far as they are no older "
        f"than {hours_in_words(window_hours)} and together no longer than {window_tokens:,} tokens (about "
        f"{words:,.0f} words). The tightest of the three decides; an exchange is kept whole or left out whole."
    )


def hours_in_words(hours: int) -> str:
    if hours >= 48 and hours % 24 == 0:
        return f"{hours // 24:,} days"
    return "1 hour" if hours == 1 else f"{hours:,} hours"


def row_of(name: str | None) -> LanguageModel | None:
    """The model that answers under a name, if one does."""
    try:
        return resolve(name).model if name else None
    except UnknownModel:
        return None


def tokens_of(text: str) -> int:
    """An estimate: four characters a token."""
    return round(len(text) / CHARACTERS_PER_TOKEN)


@dataclass(frozen=True, kw_only=True)
class ShownChange:
    """A changed field as a reader sees it. `kind` is prose (a diff), tools (added and removed), or value."""

    field: str
    label: str
    kind: str
    before: str
    after: str
    added: list[str]
    removed: list[str]
    kept: int


def show_changes(changes: list[Change]) -> list[ShownChange]:
    return [show_change(change) for change in changes]


def show_change(change: Change) -> ShownChange:
    before, after = change.before, change.after
    is_tools = change.field == "tools"
    old, new = (set(before or ()), set(after or ())) if is_tools else (set(), set())
    label = LABELS[change.field]
    return ShownChange(
        field=change.field,
        label=f"{GROUPS[change.field]}: {label.lower()}" if change.field in GROUPS else label,
        kind="prose" if change.field in PROSE else "tools" if is_tools else "value",
        before=read_out(change.field, before),
        after=read_out(change.field, after),
        added=sorted(new - old),
        removed=sorted(old - new),
        kept=len(old & new),
    )


FLAGS = {
    "recall_own_only": ("What every agent has learnt", "Only its own"),
    "merge_waiting": ("One after another", "Together"),
}


READINGS: dict[str, Callable[[Any], str]] = {"guardrail": name_of, "max_usd": lambda value: f"{usd(value)} a turn"}


def read_out(field: str, value: Any) -> str:
    """A value with its unit; nothing for nothing."""
    if value is None:
        return ""
    if isinstance(value, list):
        return ", ".join(value) or ("Nothing" if field == "memory_strategies" else "")
    if field in READINGS:
        return READINGS[field](value)
    if field in FLAGS:
        return FLAGS[field][bool(value)]
    if field in UNITS:
        return f"{value:,} {UNITS[field]}"
    return str(value)
