"""The retention settings as a form, what they would delete in words and figures, and names for what was deleted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from django import forms
from django.contrib.auth.models import User
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from agents.retention import Times, count_ended, ended_sessions, open_turns
from agents.sessions import label_of
from memory.models import Erasure, Retention, RetentionRun
from memory.retention import count_old_memories, kept, some_old_memories
from observability.audit import record_changes
from observability.retention import count_old_traces, old_traces

if TYPE_CHECKING:
    FormOfRetention = forms.ModelForm[Retention]
else:  # Django's class takes no parameter while the program runs
    FormOfRetention = forms.ModelForm

# Counted up to here; then it says "more than".
MOST_COUNTED = 100_000
SAMPLE = 10
RUNS = 14
MOST_DAYS = 36_500
WRONG_DAYS = f"Give a whole number of days from 1 to {MOST_DAYS:,}, or leave it empty."
# In the order in which a person asks: what was said, what was done, what is known, what was recorded.
WORDS = {
    "agents_customer": "Customer",
    "agents_session": "Conversations",
    "agents_message": "Messages and steps",
    "agents_turn": "Turns",
    "agents_turnevent": "Events",
    "agents_escalation": "Escalations",
    "tools_toolcall": "Tool calls",
    "tools_approval": "Approvals",
    "tools_approvalvote": "Votes on approvals",
    "tools_moneyuse": "Entries for money limits",
    "tools_gatewaykey": "Gateway keys that acted for them",
    "memory_memory": "Memories",
    "memory_sessionsummary": "Summaries of conversations",
    "memory_reading": "Readings of conversations",
    "memory_documentuse": "Uses of documents",
    "observability_trace": "Traces",
    "observability_span": "Steps of traces",
    "guardrails_violation": "Violations",
    "guardrails_labelledcase": "Labelled cases",
    "agents_usage": "Usage of limits",
    "agents_reservation": "Amounts set aside",
    "agents_stop": "Stops",
    "tools_targethealth": "Errors of backends that named them",
}


def counted(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """In words and in order; a table that has no words yet under its own name."""
    known = [(words, counts[table]) for table, words in WORDS.items() if table in counts]
    return [*known, *((table, count) for table, count in sorted(counts.items()) if table not in WORDS)]


# -- the form


class RetentionForm(FormOfRetention):
    """`confirmed` bears the values that the person was shown the consequence of."""

    confirmed = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Retention
        fields = ("conversations", "memories", "traces")
        labels = {"conversations": "Conversations", "memories": "Memories", "traces": "Traces"}
        help_texts = {
            "conversations": "Days after a conversation was closed. Open ones stay, and those in which a person or an "
            "approval is still waited for.",
            "memories": "Days after something was last said. Pinned ones stay. One with an earlier end of its own goes "
            "at that.",
            "traces": "Days after a turn began. What it cost stays in the books.",
        }

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # handed on as they are
        self.before = {name: getattr(self.instance, name) for name in self.Meta.fields}
        for name in self.Meta.fields:
            self.fields[name] = forms.IntegerField(
                label=self.Meta.labels[name],
                help_text=self.Meta.help_texts[name],
                required=False,
                min_value=1,
                max_value=MOST_DAYS,
                error_messages=dict.fromkeys(("invalid", "min_value", "max_value"), WRONG_DAYS),
                widget=forms.NumberInput(
                    attrs={"inputmode": "numeric", "autocomplete": "off", "placeholder": "for ever"}
                ),
            )

    @property
    def token(self) -> str:
        return "/".join(str(self.cleaned_data[name] or "") for name in self.Meta.fields)

    def shortened(self) -> list[str]:
        """What would be kept for less time than now."""
        return [
            name
            for name in self.Meta.fields
            if (days := self.cleaned_data[name]) is not None and (self.before[name] is None or days < self.before[name])
        ]

    @property
    def is_confirmed(self) -> bool:
        return not self.shortened() or self.cleaned_data["confirmed"] == self.token

    def save_by(self, user: User) -> Retention:
        row = self.save(commit=False)
        row.changed_at, row.changed_by = timezone.now(), user
        with transaction.atomic():
            row.save()
            after = {name: getattr(row, name) for name in self.Meta.fields}
            record_changes(
                user, "retention.change", kind="retention", name="Retention", before=self.before, after=after
            )
        return row


# -- what would be deleted tonight


@dataclass(frozen=True, kw_only=True)
class Example:
    """A row that goes; `href` where it has a page."""

    words: str
    at: datetime
    href: str = ""


@dataclass(frozen=True, kw_only=True)
class Due:
    """What of one kind goes; `count` at most `MOST_COUNTED`, and one more where there are more."""

    name: str
    title: str
    days: int | None
    since: str
    count: int = 0
    examples: list[Example] = field(default_factory=list)

    @property
    def is_more(self) -> bool:
        return self.count > MOST_COUNTED

    @property
    def figure(self) -> str:
        return f"more than {MOST_COUNTED:,}" if self.is_more else f"{self.count:,}"


def due(setting: Retention, now: datetime) -> list[Due]:
    """By the very conditions of the deletion."""
    times = Times.of(setting, now)
    return [due_conversations(setting, times), due_memories(setting, times), due_traces(setting, times)]


def due_conversations(setting: Retention, times: Times) -> Due:
    count, examples = 0, []
    if times.conversations is not None:
        count = count_ended(times.conversations, most=MOST_COUNTED + 1)
        examples = [
            Example(
                words=f"{session.customer}: {session.preview}" if session.preview else str(session.customer),
                at=session.closed_at or session.opened_at,
                href=reverse("agents:conversation", args=[session.pk]),
            )
            for session in ended_sessions(times.conversations, most=SAMPLE)
        ]
    return Due(
        name="conversations",
        title="Conversations",
        days=setting.conversations,
        since="closed",
        count=count,
        examples=examples,
    )


def due_memories(setting: Retention, times: Times) -> Due:
    days, count, examples = times.memories, 0, []
    if days is not None:
        count = count_old_memories(days, times.now, most=MOST_COUNTED + 1)
        examples = [
            Example(
                words=memory.text or "A forgotten memory",
                at=memory.updated_at,
                href=reverse("agents:customer", args=[memory.customer_id]),
            )
            for memory in some_old_memories(days, times.now, most=SAMPLE)
        ]
    return Due(name="memories", title="Memories", days=days, since="last said", count=count, examples=examples)


def due_traces(setting: Retention, times: Times) -> Due:
    count, examples = 0, []
    if times.traces is not None:
        still_open = open_turns(times.traces)
        count = count_old_traces(before=times.traces, still_open=still_open, most=MOST_COUNTED + 1)
        examples = [
            Example(
                words=f"{trace.customer}: {trace.input_text}",
                at=trace.started_at,
                href=reverse("observability:trace", args=[trace.pk]),
            )
            for trace in old_traces(before=times.traces, still_open=still_open, most=SAMPLE)
        ]
    return Due(name="traces", title="Traces", days=setting.traces, since="begun", count=count, examples=examples)


# -- what was deleted


@dataclass(frozen=True, kw_only=True)
class Night:
    """A run; `counts` in words. Without an end it was stopped, and the next one went on."""

    run: RetentionRun
    counts: list[tuple[str, int]]

    @property
    def rows(self) -> int:
        return sum(count for _, count in self.counts)


def nights() -> list[Night]:
    return [
        Night(run=run, counts=counted(run.counts)) for run in RetentionRun.objects.order_by("-started_at", "-pk")[:RUNS]
    ]


def changed_by(setting: Retention) -> str:
    return label_of(setting.changed_by) if setting.changed_by else ""


def person_of(receipt: Erasure) -> str:
    return label_of(receipt.user) if receipt.user else "somebody who is no longer here"


def current() -> Retention:
    row = kept()
    return Retention.objects.select_related("changed_by").get(pk=row.pk)
