"""The one door in: every channel hands its messages to `receive`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils import timezone

from agents.errors import Rejected
from agents.journal import message_event, preview_of, write_session
from agents.models import Agent, Message, Session, Turn
from agents.models.sessions import Channel
from agents.sessions import find_or_add_customer, open_session
from agents.tasks import nudge
from observability.batch import Part
from observability.ids import uuid7

MAX_CHARACTERS = 20_000
SAME_MESSAGE_TRIES = 3
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
        duplicate = find_duplicate(inbound)
        if duplicate:
            return duplicate
        try:
            received = store(find_or_open_session(inbound), inbound, text)
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


def find_duplicate(inbound: Inbound) -> Received | None:
    if inbound.external_id is None:
        return None
    message = Message.objects.filter(channel=inbound.channel, external_id=inbound.external_id).first()
    if message is None:
        return None
    turn = Turn.objects.filter(session_id=message.session_id, seq=message.seq).only("pk").first()
    return Received(
        session_id=message.session_id, message_id=message.pk, turn_id=turn.pk if turn else None, is_duplicate=True
    )


def find_or_open_session(inbound: Inbound) -> Session:
    """The session that the message belongs to; a customer reaches only their own."""
    if inbound.session_id is not None:
        session = Session.objects.select_related("customer", "agent").filter(pk=inbound.session_id).first()
        if session is not None:
            if session.customer.email.lower() != inbound.customer_email.lower():
                raise Rejected("not_yours", "This conversation belongs to somebody else.")
            if session.agent.slug != inbound.agent_slug:
                raise Rejected("other_agent", "This conversation is with another agent.")
            if session.is_closed:
                raise Rejected("closed", "This conversation is closed. Start a new one; what was said here is kept.")
            return session
    agent = Agent.objects.filter(slug=inbound.agent_slug).first()
    if agent is None or agent.live_version_id is None:
        raise Rejected("unknown_agent", f"There is no agent {inbound.agent_slug[:60]!r} that can answer.")
    try:
        validate_email(inbound.customer_email)
    except ValidationError as error:
        raise Rejected("bad_address", f"{inbound.customer_email[:80]!r} is not an e-mail address.") from error
    customer = find_or_add_customer(email=inbound.customer_email, name=inbound.customer_name[:120])
    return open_session(
        customer=customer,
        agent=agent,
        channel=inbound.channel,
        identity=inbound.identity,
        session_id=inbound.session_id,
    )


def store(session: Session, inbound: Inbound, text: str) -> Received:
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
        session.pk,
        events=[event],
        condition="s.controller <> 'closed'",
        values={
            "last_message_at": now,
            "waiting_since": session.waiting_since or now,
            "preview": preview_of(text),
            "preview_author": Message.Author.CUSTOMER,
        },
        parts=[turn],
    )
    if written is None:
        raise Rejected("closed", "This conversation is closed. Start a new one; what was said here is kept.")
    return Received(
        session_id=session.pk,
        message_id=message_id,
        turn_id=turn_id if written.controller == Session.Controller.AGENT else None,
    )
