"""What the chat's templates are given: for a page, for its composer, and for the line that says who answers."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from django.urls import reverse
from django.utils import timezone

from agents.channels.chat.conversation import Thread, read_live, read_thread
from agents.channels.chat.identity import ChatIdentity, new_form_token
from agents.models import Agent, Message, Session
from agents.shell import is_scripted


class Standing(StrEnum):
    """What the customer may say, or has said, of the matter."""

    OPEN = "open"
    ANSWERED = "answered"
    SOLVED = "solved"


WISH = "I would like to talk to a person."
ANSWERERS = (Message.Author.AGENT, Message.Author.PERSON)
# Above what intake takes, so that a longer text reaches its clear answer instead of being cut by the browser.
MOST_TYPED = 100_000


def chat_context(
    identity: ChatIdentity, agent: Agent, session: Session | None, *, before: int | None = None
) -> dict[str, Any]:
    """A whole page; without a session, one that the first message will open; with `before`, older entries only."""
    is_closed = session is not None and session.is_closed
    thread, live, events_url = Thread(items=[]), None, ""
    if session:
        thread = read_thread(session, before=before)
        if before is None:
            live = read_live(session.pk)
            events_url = f"{reverse('agents:chat_events', args=[agent.slug, session.pk])}?after={session.event_seq}"
    return {
        **compose_context(agent.slug, identity, None if is_closed else session),
        **talk_context(agent.slug, identity, session),
        "agent": agent,
        "greeted_at": session.opened_at if session else timezone.now(),
        "greeting": agent.live_version.greeting if agent.live_version else "",
        "items": thread.items,
        "earlier": thread.earlier,
        "before": before,
        "live": live,
        "events_url": events_url,
        "is_closed": is_closed,
    }


def compose_context(slug: str, identity: ChatIdentity, session: Session | None) -> dict[str, Any]:
    """A composer for this conversation; None for a new one."""
    return {
        "slug": slug,
        "send_url": reverse("agents:chat_messages", args=[slug]),
        "identity": identity,
        "session_id": session.pk if session else "",
        "form_token": new_form_token(identity),
        "most_typed": MOST_TYPED,
    }


def standing_of(session: Session | None) -> Standing:
    """A matter can be called solved once somebody has answered."""
    if session is None or session.is_closed:
        return Standing.OPEN
    if session.solved_at:
        return Standing.SOLVED
    is_answered = session.waiting_since is None and session.preview_author in ANSWERERS
    return Standing.ANSWERED if is_answered else Standing.OPEN


def talk_context(slug: str, identity: ChatIdentity, session: Session | None) -> dict[str, Any]:
    """Who answers, the way to a person, and whether the matter is solved."""
    return {
        "slug": slug,
        "send_url": reverse("agents:chat_messages", args=[slug]),
        "controller": session.controller if session else Session.Controller.AGENT,
        "standing": standing_of(session),
        "solved_url": reverse("agents:chat_solved", args=[slug, session.pk]) if session else "",
        "talk_session_id": session.pk if session else "",
        "talk_token": new_form_token(identity),
        "wish": WISH,
        "scripted": is_scripted(),
    }
