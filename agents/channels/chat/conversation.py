"""A conversation as its customer sees it: what was said to them and by them, and what the agent is doing now.

A page and its stream show the same stored rows through the same functions, so a reload at any moment shows the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.http import Http404

from agents.channels.chat.identity import ChatIdentity
from agents.models import Agent, Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from guardrails.markup import render_markdown

ITEMS = 100
SESSIONS = 50
# What a customer sees of the agent's steps is what it said on the way; of people's notes, nothing.
SAID = Q(visibility=Message.Visibility.PUBLIC) | (Q(visibility=Message.Visibility.STEP) & ~Q(text=""))
LINE_KINDS = (TurnEvent.Kind.CONTROLLER, TurnEvent.Kind.ESCALATION)
CONTROLLER_LINES = {
    Session.Controller.HUMAN: ("user-round", "A person has taken over"),
    Session.Controller.AGENT: ("bot", "The AI assistant answers again"),
    Session.Controller.PAUSED: ("pause", "The AI assistant is paused; a person will answer"),
    Session.Controller.CLOSED: ("check", "The conversation was closed"),
}
# The states in which a step is not at its end: on its way, and waiting for a colleague's approval.
GOES_ON = ("reserved", "waiting")
ESCALATED_LINE = ("headset", "Passed to a person, who will answer here")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry of the thread: something said (kind `customer`, `agent`, `person`) or a `line` between.

    `html` is already harmless; where it is empty, `text` is shown as it stands.
    """

    kind: str
    seq: int
    at: datetime
    text: str
    html: str = ""
    name: str = ""
    label: str = ""
    icon: str = ""


@dataclass(frozen=True, kw_only=True)
class Live:
    """What a turn has shown so far: the sentences released, and in words what it does now."""

    html: str
    progress: str
    since: datetime


@dataclass(frozen=True, kw_only=True)
class Thread:
    """`earlier` is the number before which there is more; None at the beginning."""

    items: list[Item]
    earlier: int | None = None


# -- whose


def get_session_for_customer(identity: ChatIdentity, slug: str, session_id: UUID) -> Session:
    """An own conversation with this agent. Raises `Http404`, whatever the reason."""
    found = own_sessions(identity).filter(pk=session_id, agent__slug=slug).first()
    if found is None:
        raise Http404("There is no such conversation.")
    return found


def own_sessions(identity: ChatIdentity) -> QuerySet[Session]:
    """A verified customer's, on whatever browser they began; under a claimed address those of this browser."""
    sessions = (
        Session.objects.select_related("customer", "agent__live_version")
        .alias(address=Lower("customer__email"))
        .filter(address=identity.email, channel=Channel.CHAT, identity=identity.level)
    )
    return sessions if identity.is_verified else sessions.filter(pk__in=identity.sessions)


# -- what was said


def read_thread(session: Session, *, before: int | None = None) -> Thread:
    """The newest entries up to the session's `event_seq` as it was read, or those before a number."""
    last = session.event_seq if before is None else min(before - 1, session.event_seq)
    newest = list(said(session.pk).filter(seq__lte=last).order_by("-seq")[: ITEMS + 1])
    shown = newest[:ITEMS]
    first = shown[-1].seq if len(newest) > ITEMS else 0
    events = TurnEvent.objects.filter(session_id=session.pk, seq__gte=first, seq__lte=last, kind__in=LINE_KINDS)
    return Thread(items=in_order(shown, events, session.agent), earlier=first or None)


def read_new_items(session: Session, events: Sequence[TurnEvent]) -> list[Item]:
    """The entries that these events announce."""
    seqs = [event.seq for event in events if event.kind in TurnEvent.ANNOUNCING]
    messages = said(session.pk).filter(seq__in=seqs) if seqs else []
    return in_order(messages, events, session.agent)


def said(session_id: UUID) -> QuerySet[Message]:
    return (
        Message.objects.filter(SAID, session_id=session_id)
        .exclude(author=Message.Author.SYSTEM)
        .select_related("user")
        .only("seq", "author", "text", "created_at", "user", "user__first_name")
    )


def in_order(messages: Iterable[Message], events: Iterable[TurnEvent], agent: Agent) -> list[Item]:
    lines = (line_of(event) for event in events)
    items = [*(item_of(message, agent) for message in messages), *(line for line in lines if line)]
    return sorted(items, key=lambda item: item.seq)


def item_of(message: Message, agent: Agent) -> Item:
    """Of a person of the desk a customer learns the given name, and no address."""
    html, name, label = "", "You", ""
    if message.author == Message.Author.AGENT:
        html, name, label = render_markdown(message.text), agent.name, "AI assistant"
    elif message.author == Message.Author.PERSON:
        given = message.user.first_name if message.user else ""
        html, name, label = render_markdown(message.text), given or "Support team", "Answered by a person"
    return Item(
        kind=message.author,
        seq=message.seq,
        at=message.created_at,
        text=message.text,
        html=html,
        name=name,
        label=label,
    )


def line_of(event: TurnEvent) -> Item | None:
    """A line for whoever speaks from here on; an escalation counts when it is opened."""
    if event.kind == TurnEvent.Kind.CONTROLLER:
        icon, text = CONTROLLER_LINES[event.data["controller"]]
    elif event.kind == TurnEvent.Kind.ESCALATION and "reason" in event.data:
        icon, text = ESCALATED_LINE
    else:
        return None
    return Item(kind="line", seq=event.seq, at=event.at, text=text, icon=icon)


# -- what happens now


def read_live(session_id: UUID) -> Live | None:
    """The turn that is being answered; None where there is none, or a person speaks."""
    turn = (
        Turn.objects.filter(session_id=session_id, status__in=Turn.OPEN, session__controller=Session.Controller.AGENT)
        .order_by("seq")
        .first()
    )
    if turn is None:
        return None
    events = TurnEvent.objects.filter(session_id=session_id, turn_id=turn.pk, seq__gt=turn.seq).order_by("seq")
    text, progress = live_of(events)
    return Live(html=render_markdown(text), progress=progress, since=turn.started_at or turn.queued_at)


def live_of(events: Iterable[TurnEvent]) -> tuple[str, str]:
    """The text released and not yet stored as a message, and what the agent does now, of one turn's events in order.

    A message of the turn holds all text released before it; a later attempt of a model call voids an earlier one's.
    """
    released: dict[int, tuple[int, str]] = {}
    running: dict[str, str] = {}
    begun = False
    for event in events:
        begun, data = True, event.data
        if event.kind == TurnEvent.Kind.MESSAGE:
            released.clear()
        elif event.kind == TurnEvent.Kind.TEXT:
            attempt, text = released.get(data["call"], (-1, ""))
            if data["attempt"] >= attempt:
                before = text if data["attempt"] == attempt else ""
                released[data["call"]] = (data["attempt"], before + data["text"])
        elif event.kind == TurnEvent.Kind.STEP:
            if data["state"] in GOES_ON:
                # Without words of its own: a colleague has decided, and the agent goes on with it.
                released.clear()
                running[data["tool_call_id"]] = data.get("progress", "Working on an answer")
            else:
                running.pop(data["tool_call_id"], None)
    text = "".join(text for _, text in released.values())
    return text, progress_of(running.values(), is_writing=bool(text), is_begun=begun)


def progress_of(running: Collection[str], *, is_writing: bool, is_begun: bool) -> str:
    if running:
        return list(running)[-1]
    if is_writing:
        return "Writing"
    return "Working on an answer" if is_begun else "Reading your message"
