"""What changes on a conversation's page while it stands open: stored events become the HTML of that page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Self, cast
from uuid import UUID

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string

from agents.access import get_session_for
from agents.channels.stream import ServerEvent, in_thread
from agents.conversation import (
    Entry,
    TurnFacts,
    entries_of,
    escalation_lines,
    is_spoken,
    messages_of,
    read_escalations,
    read_turn,
    steps_of,
    with_days,
)
from agents.models import Escalation, Message, Session, TurnEvent
from agents.sessions import label_of
from agents.views.requests import StaffRequest
from observability.access import Role, has_role
from tools.models import ToolCall

ANSWERERS = (Role.SUPPORT, Role.REVIEWER)
# How a conversation may be closed; the first is the usual way.
UNSOLVED = "unsolved"
CLOSE_OUTCOMES = [("solved", "Solved"), (UNSOLVED, "Not solved")]
# Which line of the thread an escalation's event stands for; without a status it has just been opened.
LINE_OF = {"": "opened", Escalation.Status.CLAIMED: "claimed", Escalation.Status.RESOLVED: "resolved"}


class ThreadStream:
    """One reader's page of one conversation; `last` is the day that its thread ends with."""

    def __init__(self, request: StaffRequest, session_id: UUID, last: date | None) -> None:
        self.request = request
        self.session_id = session_id
        self.last = last

    @classmethod
    def open(cls, request: HttpRequest, session_id: UUID, after: int) -> Self:
        """For a page that shows the events up to `after`. Raises `Http404` where there is no such session."""
        staff_request = cast("StaffRequest", request)
        session = get_session_for(staff_request.user, session_id)
        shown = messages_of(session).filter(seq__lte=after).order_by("-seq").first()
        return cls(staff_request, session_id, shown.created_at.date() if shown else None)

    async def render(self, events: list[TurnEvent]) -> list[ServerEvent]:
        html = await in_thread(self.html_of, events)
        return [ServerEvent(event="thread", data=html, seq=events[-1].seq)]

    def html_of(self, events: Sequence[TurnEvent]) -> str:
        """What is added to the thread, and what replaces its equal elsewhere on the page."""
        session = get_session_for(self.request.user, self.session_id)
        kinds = {event.kind for event in events}
        told = [event.seq for event in events if event.kind in TurnEvent.ANNOUNCING]
        said = list(messages_of(session).filter(seq__in=told).order_by("seq")) if told else []
        only_text = kinds == {TurnEvent.Kind.TEXT}
        escalations = [] if only_text else read_escalations(session)
        context = {
            "session": session,
            "entries": self.new_entries(session, said, events, escalations),
            "steps": ended_steps(events),
            "is_turning_point": not only_text,
            "seen": max((message.seq for message in said if is_spoken(message)), default=0),
            "oob": True,
            **state_context(self.request, session, escalations, read_turn(session)),
        }
        return render_to_string("agents/conversation.html#updates", context, request=self.request)

    def new_entries(
        self,
        session: Session,
        said: Sequence[Message],
        events: Sequence[TurnEvent],
        escalations: Sequence[Escalation],
    ) -> list[Entry]:
        entries = entries_of(said, session=session, reader=self.request.user)
        statuses = [event.data.get("status", "") for event in events if event.kind == TurnEvent.Kind.ESCALATION]
        if statuses and escalations:
            wanted = {f"e-{escalations[0].number}-{LINE_OF.get(status)}" for status in statuses}
            entries += [line for line in escalation_lines(escalations[:1]) if line.key in wanted]
        entries = with_days(sorted(entries, key=lambda entry: entry.at), last=self.last)
        self.last = entries[-1].at.date() if entries else self.last
        return entries


def ended_steps(events: Sequence[TurnEvent]) -> list[Any]:
    """The tool calls that ended or were decided, which stand in the thread already."""
    steps = [event.data for event in events if event.kind == TurnEvent.Kind.STEP]
    ended = [
        UUID(step["tool_call_id"]) for step in steps if step["state"] not in ToolCall.OPEN or "progress" not in step
    ]
    return steps_of(Q(pk__in=ended)) if ended else []


def state_context(
    request: StaffRequest, session: Session, escalations: Sequence[Escalation], turn: TurnFacts | None
) -> dict[str, Any]:
    """Who answers, what may be done about it, and the facts that change with it."""
    escalation = escalations[0] if escalations else None
    is_open = escalation is not None and escalation.status == Escalation.Status.OPEN
    may_act = has_role(request.user, *ANSWERERS)
    by_person = session.controller == Session.Controller.HUMAN
    is_nobodys = session.assignee is None
    return {
        "reader": request.user,
        "assignee": label_of(session.assignee) if session.assignee else "",
        "escalation": escalation,
        "turn": turn,
        "may_act": may_act,
        "may_take": may_act and not session.is_closed and (not by_person or (is_nobodys and is_open)),
        "take_verb": f"Claim {escalation.label}" if escalation and is_open and by_person else "Take over",
        "may_hand_back": may_act and by_person and (is_nobodys or session.assignee == request.user),
        "hand_back_text": hand_back_text(session, escalation),
        "close_text": close_text(session, escalation),
        "close_outcomes": CLOSE_OUTCOMES,
    }


def hand_back_text(session: Session, escalation: Escalation | None) -> str:
    ends = resolving_words(escalation)
    if session.waiting_since:
        return f"{session.customer} waits for an answer, so the agent answers at once.{ends}"
    return f"The agent answers what {session.customer} writes next.{ends}"


def close_text(session: Session, escalation: Escalation | None) -> str:
    waits = f"{session.customer} still waits for an answer. " if session.waiting_since else ""
    return f"{waits}What the customer writes next opens a new conversation.{resolving_words(escalation)}"


def resolving_words(escalation: Escalation | None) -> str:
    return f" {escalation.label} is resolved by it." if escalation and escalation.resolved_at is None else ""
