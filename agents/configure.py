"""What an admin does to an agent: make one, edit its draft, publish what was reviewed, pause it.

Two people may edit the same draft. What a person sends bears the fingerprint of what they saw, field by field: a field
that only one of them changed is taken from that one, a field that both changed is given back to the second.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction

from agents.models import Agent, AgentVersion
from agents.versions import FIELDS, NothingToPublish, discard_draft, draft_version, publish_version, roll_back
from observability.audit import record

FIRST_MODEL = "claude-sonnet-5-5"


class DraftChanged(Exception):
    """Somebody else changed the draft meanwhile; nothing was saved.

    `saved` is the draft as it stands, `fields` what both changed, `merged` the values sent, with the other person's in
    the fields that only they changed.
    """

    def __init__(self, saved: AgentVersion | None, fields: Iterable[str] = (), merged: Mapping[str, Any] | None = None):
        super().__init__("The draft was changed meanwhile.")
        self.saved = saved
        self.fields = list(fields)
        self.merged = dict(merged or {})


class LiveChanged(Exception):
    """Another version went live meanwhile; nothing was done."""


def create_agent(*, name: str, slug: str, description: str = "", like: Agent | None = None) -> Agent:
    """An agent with a draft and no live version, so that it answers nobody yet; `like` another's live version."""
    with transaction.atomic():
        agent = Agent.objects.create(name=name, slug=slug, description=description)
        draft = draft_version(agent)
        if like is not None and like.live_version is not None:
            for field in FIELDS:
                setattr(draft, field, getattr(like.live_version, field))
            draft.save(update_fields=list(FIELDS))
    return agent


def stored_draft(agent: Agent) -> AgentVersion | None:
    return agent.versions.filter(state=AgentVersion.State.DRAFT).first()


def editable_version(agent: Agent) -> AgentVersion:
    """The draft or, where there is none, one like the live version that is not stored until it is saved."""
    return stored_draft(agent) or unsaved_draft(agent)


def unsaved_draft(agent: Agent) -> AgentVersion:
    values = {name: getattr(agent.live_version, name) for name in FIELDS} if agent.live_version else {}
    return AgentVersion(agent=agent, state=AgentVersion.State.DRAFT, **{"model": FIRST_MODEL, **values})


def digest(value: object) -> str:
    """48 bits are plenty to notice a change; they are compared with one other value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=plain).encode()).hexdigest()[:12]


def plain(value: object) -> str:
    """An amount without the zeros that only its column adds."""
    if not isinstance(value, Decimal):
        raise TypeError(f"{value!r} has no digest.")
    return f"{value.normalize():f}"


def fingerprint(version: AgentVersion) -> dict[str, str]:
    """A digest of each field."""
    return {name: digest(getattr(version, name)) for name in FIELDS}


def review_mark(agent: Agent, draft: AgentVersion) -> str:
    """A digest of all that a review of changes shows: the draft, and the version that it is compared with."""
    return digest([str(agent.live_version_id), fingerprint(draft)])


@transaction.atomic
def save_draft(agent: Agent, *, values: Mapping[str, Any], seen: Mapping[str, str]) -> list[str]:
    """Store the fields that were changed; the names of those that somebody else changed and that are kept as theirs.

    `values` has all of `FIELDS`, `seen` is the fingerprint of what the person began with. Raises `DraftChanged`, and
    `ValidationError` for values that no version may have.
    """
    agent = lock(agent)
    saved = editable_version(agent)
    mine = [name for name in FIELDS if digest(values[name]) != seen.get(name)]
    theirs = [name for name, now in fingerprint(saved).items() if now != seen.get(name)]
    both = [name for name in mine if name in theirs and values[name] != getattr(saved, name)]
    kept = [name for name in theirs if name not in mine]
    if both:
        merged = {name: getattr(saved, name) if name in kept else values[name] for name in FIELDS}
        raise DraftChanged(saved, both, merged)
    if mine:
        draft = draft_version(agent)
        for name in mine:
            setattr(draft, name, values[name])
        draft.clean_fields(exclude=["agent", "number", "published_at", "published_by"])
        draft.save(update_fields=mine)
    return kept


@transaction.atomic
def publish_reviewed(agent: Agent, *, user: User, note: str, mark: str) -> AgentVersion:
    """Publish the draft if it, and what it replaces, are still what was reviewed.

    Raises `DraftChanged`, `NothingToPublish`, and `ValidationError` for a draft that is not complete.
    """
    agent = lock(agent)
    draft = stored_draft(agent)
    if draft is None:
        raise NothingToPublish("There is no draft.")
    if review_mark(agent, draft) != mark:
        raise DraftChanged(draft)
    return publish_version(agent, user=user, note=note)


@transaction.atomic
def discard_reviewed(agent: Agent, *, mark: str) -> None:
    """Throw the draft away if it is still what the person saw. Raises `DraftChanged`."""
    agent = lock(agent)
    draft = stored_draft(agent)
    if draft is not None and review_mark(agent, draft) != mark:
        raise DraftChanged(draft)
    discard_draft(agent)


@transaction.atomic
def roll_back_reviewed(agent: Agent, *, to: AgentVersion, live: str, user: User) -> None:
    """Make `to` live if the version with the id `live` still is. Raises `LiveChanged`."""
    agent = lock(agent)
    if str(agent.live_version_id) != live:
        raise LiveChanged
    roll_back(agent, to=to, user=user)


@transaction.atomic
def set_status(agent: Agent, status: Agent.Status, *, user: User | None) -> bool:
    """Pause or resume; False where it already was so. A turn that has begun runs to its end."""
    if not Agent.objects.filter(pk=agent.pk).exclude(status=status).update(status=status):
        return False
    record(user, "agent.status", kind="agent", id=agent.pk, name=agent.name, after={"status": str(status)})
    return True


def lock(agent: Agent) -> Agent:
    """The row that all edits of one agent queue up behind."""
    return Agent.objects.select_for_update(no_key=True, of=("self",)).select_related("live_version").get(pk=agent.pk)
