"""What the chat's templates are given: for a page, for its composer, and for the line that says who answers."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils import timezone

from agents.channels.chat.conversation import Thread, read_live, read_thread
from agents.channels.chat.identity import ChatIdentity, new_form_token
from agents.models import Agent, Session
from agents.shell import is_scripted

WISH = "I would like to talk to a person."
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


def talk_context(slug: str, identity: ChatIdentity, session: Session | None) -> dict[str, Any]:
    """Who answers, and the way to a person."""
    return {
        "slug": slug,
        "send_url": reverse("agents:chat_messages", args=[slug]),
        "controller": session.controller if session else Session.Controller.AGENT,
        "talk_session_id": session.pk if session else "",
        "talk_token": new_form_token(identity),
        "wish": WISH,
        "scripted": is_scripted(),
    }
