"""The one door in: every channel hands its messages to `receive`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from agents.errors import Rejected
from agents.journal import message_event, preview_of, write_session
from agents.models import Agent, Message, Session
from agents.models.sessions import Channel
from agents.sessions import find_or_add_customer, open_session
from agents.tasks import nudge
from observability.batch import Part
from observability.ids import uuid7

MAX_CHARACTERS = 20_000
SAME_MESSAGE_TRIES = 3
CLOSED = "This conversation is closed. Start a new one; what was said here is kept."
CONTROL_CHARACTERS = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """A customer's message as a channel read it. `session_id` None opens a conversation.

    `identity` is how sure the channel is of the address; it never comes from the message itself. `external_id` is the
    channel's own id of the message: the same one twice is one message.
    """

    agent_slug: str
    channel: Channel
    customer_email: str
    text: str
    customer_name: str = ""
    identity: Session.Identity = Session.Identity.CLAIMED
    session_id: UUID | None = None
    external_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Received:
    """`turn_id` is None where a person speaks and no turn was queued."""

    session_id: UUID
    message_id: UUID
    turn_id: UUID | None
    is_duplicate: bool = False


def receive(inbound: Inbound) -> Received:
    """Take a customer's message: stored, and a turn queued for it, in one statement; the worker is nudged after.

    Raises `Rejected` with a sentence for the sender; nothing is stored then.
    """
    text = check_text(inbound.text)
    for _ in range(SAME_MESSAGE_TRIES):
        found = find(inbound)
        if found.duplicate:
            return found.duplicate
        try:
            received = store(found.session_id or begin_session(inbound), inbound, text)
        except IntegrityError:
            # The same message came in twice at the same moment; now the other one is stored.
            continue
        if received.turn_id:
            transaction.on_commit(partial(nudge, received.turn_id))
        return received
    raise Rejected("busy", "This message is being taken already. Try again in a moment.")


def check_text(text: str) -> str:
    """The text as it is stored. Raises `Rejected` for what is empty, too long, or no text."""
    if "\x00" in text or "\ufffd" in text:
        raise Rejected("not_text", "This message is not text. Write it as text, or attach nothing but text.")
    text = CONTROL_CHARACTERS.sub("", text).strip()
    if not text:
        raise Rejected("empty", "The message is empty. Write what you need.")
    if len(text) > MAX_CHARACTERS:
        raise Rejected(
            "too_long",
            f"The message has {len(text):,} characters; at most {MAX_CHARACTERS:,} can be taken. Shorten it.",
        )
    return text


FIND = """
SELECT s.id, s.controller, c.email, a.slug, m.id, m.session_id, t.id
FROM (VALUES (1)) AS always
LEFT JOIN agents_session AS s ON s.id = %s
LEFT JOIN agents_customer AS c ON c.id = s.customer_id
LEFT JOIN agents_agent AS a ON a.id = s.agent_id
LEFT JOIN agents_message AS m ON m.channel = %s AND m.external_id = %s
LEFT JOIN agents_turn AS t ON t.session_id = m.session_id AND t.seq = m.seq
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """The session that the message belongs to, if there is one yet; and the same message, if it came before."""

    session_id: UUID | None = None
    duplicate: Received | None = None


def find(inbound: Inbound) -> Found:
    """What is known of the message, in one query. A customer reaches only their own sessions; else `Rejected`."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, [inbound.session_id, inbound.channel, inbound.external_id])
        session_id, controller, email, slug, message_id, message_session_id, turn_id = cursor.fetchone()
    if message_id is not None:
        return Found(
            duplicate=Received(session_id=message_session_id, message_id=message_id, turn_id=turn_id, is_duplicate=True)
        )
    if session_id is None:
        return Found()
    if email.lower() != inbound.customer_email.lower():
        raise Rejected("not_yours", "This conversation belongs to somebody else.")
    if slug != inbound.agent_slug:
        raise Rejected("other_agent", "This conversation is with another agent.")
    if controller == Session.Controller.CLOSED:
        raise Rejected("closed", CLOSED)
    return Found(session_id=session_id)


def begin_session(inbound: Inbound) -> UUID:
    agent = Agent.objects.filter(slug=inbound.agent_slug).first()
    if agent is None or agent.live_version_id is None:
        raise Rejected("unknown_agent", f"There is no agent {inbound.agent_slug[:60]!r} that can answer.")
    try:
        validate_email(inbound.customer_email)
    except ValidationError as error:
        raise Rejected("bad_address", f"{inbound.customer_email[:80]!r} is not an e-mail address.") from error
    customer = find_or_add_customer(email=inbound.customer_email, name=inbound.customer_name[:120])
    session = open_session(
        customer=customer,
        agent=agent,
        channel=inbound.channel,
        identity=inbound.identity,
        session_id=inbound.session_id,
    )
    return session.pk


def store(session_id: UUID, inbound: Inbound, text: str) -> Received:
    """Message, event and turn in one statement. Where a person speaks, the message waits for them without a turn."""
    now, turn_id = timezone.now(), uuid7()
    message_id = uuid7()
    event = message_event(
        author=Message.Author.CUSTOMER,
        channel=inbound.channel,
        text=text,
        external_id=inbound.external_id,
        message_id=message_id,
    )
    turn = Part(
        sql="INSERT INTO agents_turn (id, session_id, seq, status, attempts, queued_at, failure) "
        "SELECT %s, session.id, session.base + 1, 'queued', 0, %s, '' FROM session WHERE controller = 'agent' "
        "RETURNING id",
        params=(turn_id, now),
    )
    written = write_session(
        session_id,
        events=[event],
        condition="s.controller <> 'closed'",
        values={
            "last_message_at": now,
            "preview": preview_of(text),
            "preview_author": Message.Author.CUSTOMER,
        },
        first_values={"waiting_since": now},
        parts=[turn],
    )
    if written is None:
        raise Rejected("closed", CLOSED)
    return Received(
        session_id=session_id,
        message_id=message_id,
        turn_id=turn_id if written.controller == Session.Controller.AGENT else None,
    )
