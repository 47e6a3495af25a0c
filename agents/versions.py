"""Drafts and published versions behind a live pointer; a published version never changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from agents.models import Agent, AgentVersion
from observability.audit import record

# What a version decides, in the order in which a reader looks for it.
FIELDS = (
    "instructions",
    "model",
    "fallback_model",
    "tools",
    "guardrail",
    "greeting",
    "handoff_text",
    "max_output_tokens",
    "window_exchanges",
    "window_tokens",
    "window_hours",
    "merge_waiting",
    "memory_strategies",
    "recall_memories",
    "recall_passages",
    "recall_tokens",
    "recall_own_only",
    "max_model_calls",
    "max_tool_calls",
    "max_seconds",
    "max_tokens",
    "max_usd",
    "max_same_call",
)


class NothingToPublish(Exception):
    """The draft says the same as the live version, or there is no draft."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field that differs between two versions."""

    field: str
    before: Any
    after: Any


def draft_version(agent: Agent) -> AgentVersion:
    """The agent's draft; made from the live version where there is none."""
    existing = agent.versions.filter(state=AgentVersion.State.DRAFT).first()
    if existing is not None:
        return existing
    values = {name: getattr(agent.live_version, name) for name in FIELDS} if agent.live_version else {}
    draft, _ = AgentVersion.objects.get_or_create(
        agent=agent, state=AgentVersion.State.DRAFT, defaults={"model": "claude-sonnet-5-5", **values}
    )
    return draft


def changes_between(before: AgentVersion | None, after: AgentVersion) -> list[Change]:
    """The fields that differ, in reading order; against nothing, all of them."""
    return [
        Change(field=name, before=getattr(before, name, None), after=getattr(after, name))
        for name in FIELDS
        if before is None or getattr(before, name) != getattr(after, name)
    ]


@transaction.atomic
def publish_version(agent: Agent, *, user: User | None, note: str = "") -> AgentVersion:
    """The draft becomes the next numbered version and is live at once. Raises `NothingToPublish`.

    Turns that already run keep the version that they began with.
    """
    agent = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
    draft = agent.versions.filter(state=AgentVersion.State.DRAFT).first()
    if draft is None or not changes_between(agent.live_version, draft):
        raise NothingToPublish("The draft is the same as the live version.")
    newest = agent.versions.aggregate(newest=Max("number"))["newest"] or 0
    draft.number = newest + 1
    draft.state = AgentVersion.State.PUBLISHED
    draft.note = note
    draft.published_at = timezone.now()
    draft.published_by = user
    draft.full_clean(exclude=["agent", "published_by"])
    draft.save(update_fields=["number", "state", "note", "published_at", "published_by"])
    go_live(agent, draft, user=user, action="agent.publish", reason=note)
    return draft


@transaction.atomic
def roll_back(agent: Agent, *, to: AgentVersion, user: User | None) -> AgentVersion:
    """Make an earlier published version live again. Raises `ValueError` for a draft or another agent's version."""
    agent = Agent.objects.select_for_update(no_key=True).get(pk=agent.pk)
    if to.agent_id != agent.pk or to.state != AgentVersion.State.PUBLISHED:
        raise ValueError("Only a published version of this agent can be made live.")
    go_live(agent, to, user=user, action="agent.roll_back")
    return to


def go_live(agent: Agent, version: AgentVersion, *, user: User | None, action: str, reason: str = "") -> None:
    """The audit trail names what changed; the texts themselves stand in the versions."""
    before = agent.live_version
    told = {"version": version.number, "changed": [change.field for change in changes_between(before, version)]}
    agent.live_version = version
    agent.save(update_fields=["live_version"])
    was = {"version": before.number} if before else None
    record(user, action, kind="agent", id=agent.pk, name=agent.name, reason=reason, before=was, after=told)


def discard_draft(agent: Agent) -> None:
    agent.versions.filter(state=AgentVersion.State.DRAFT).delete()
