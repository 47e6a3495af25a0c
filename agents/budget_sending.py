"""What a person does with a draft: send it as it is, send it changed, discard it. Once, whoever is quicker."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import Http404

from agents.access import get_session_for
from agents.budget_drafts import State, decide, state_of
from agents.decisions import Conflict
from agents.handling import answer, locked
from agents.models import Message
from agents.sessions import label_of

DECIDED = "Somebody has decided on this draft already. Nothing was sent."


def get_draft_for(user: User, turn_id: UUID) -> Message:
    """The draft of a turn. Raises `Http404`."""
    found = drafts_of(turn_id).first()
    if found is None:
        raise Http404("There is no such draft.")
    get_session_for(user, found.session_id)
    return found


def send_draft(draft: Message, *, user: User, text: str, seen: int) -> None:
    """Send `text`, which takes the conversation over as any answer does.

    Raises `Conflict` where it was decided on or the conversation is closed, `handling.Stale` where something was said
    after number `seen`.
    """
    with locked(draft.session):
        now = still_open(draft)
        is_same = text.strip() == now.text.strip()
        # Before the answer, which leaves every open draft unsent.
        decide(now, State.SENT if is_same else State.CHANGED, by=label_of(user))
        answer(draft.session, user=user, text=text, seen=seen)


def discard_draft(draft: Message, *, user: User) -> None:
    """Raises `Conflict` where it was decided on."""
    with locked(draft.session):
        decide(still_open(draft), State.DISCARDED, by=label_of(user))


def still_open(draft: Message) -> Message:
    now = Message.objects.get(pk=draft.pk)
    if state_of(now) is not State.OPEN:
        raise Conflict(DECIDED)
    return now


def drafts_of(turn_id: UUID) -> QuerySet[Message]:
    notes = Message.objects.filter(turn_id=turn_id, author=Message.Author.AGENT, visibility=Message.Visibility.NOTE)
    return notes.select_related("session")
