"""The one door in: every channel hands its messages to `receive`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from agents.errors import Rejected
from agents.incoming import as_kept
from agents.journal import Event, event_parts, execute, message_event, preview_of, session_fence, write_session
from agents.limit_words import refusal_for_customer
from agents.models import Agent, Limit, Message, Session
from agents.models.sessions import Channel
from agents.sessions import find_or_add_customer, open_session
from agents.tasks import nudge
from agents.usage import MESSAGE_MEASURES, applicable
from observability.batch import Part, encode
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

    Raises `Rejected` with a sentence for the sender; nothing is stored or counted then.
    """
    text = check_text(inbound.text)
    for _ in range(SAME_MESSAGE_TRIES):
        found = find(inbound)
        if found.duplicate:
            return found.duplicate
        try:
            received = store(found.session, inbound, text) if found.session else begin(inbound, text)
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
SELECT s.id, s.agent_id, s.customer_id, s.controller, c.email, a.slug, m.id, m.session_id, t.id
FROM (VALUES (1)) AS always
LEFT JOIN agents_session AS s ON s.id = %s
LEFT JOIN agents_customer AS c ON c.id = s.customer_id
LEFT JOIN agents_agent AS a ON a.id = s.agent_id
LEFT JOIN agents_message AS m ON m.channel = %s AND m.external_id = %s
LEFT JOIN agents_turn AS t ON t.session_id = m.session_id AND t.seq = m.seq
"""


@dataclass(frozen=True, kw_only=True)
class Place:
    """The session that a message goes into, with whose it is."""

    session_id: UUID
    agent_id: UUID
    customer_id: UUID


@dataclass(frozen=True, kw_only=True)
class Found:
    """The session that the message belongs to, if there is one yet; and the same message, if it came before."""

    session: Place | None = None
    duplicate: Received | None = None


def find(inbound: Inbound) -> Found:
    """What is known of the message, in one query. A customer reaches only their own sessions; else `Rejected`."""
    with connection.cursor() as cursor:
        cursor.execute(FIND, [inbound.session_id, inbound.channel, inbound.external_id])
        row = cursor.fetchone()
    session_id, agent_id, customer_id, controller, email, slug, message_id, message_session_id, turn_id = row
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
    return Found(session=Place(session_id=session_id, agent_id=agent_id, customer_id=customer_id))


def begin(inbound: Inbound, text: str) -> Received:
    """A conversation's first message. Where messages are limited, one that is refused opens no conversation."""
    agent = Agent.objects.filter(slug=inbound.agent_slug).first()
    if agent is None or agent.live_version_id is None:
        raise Rejected("unknown_agent", f"There is no agent {inbound.agent_slug[:60]!r} that can answer.")
    try:
        validate_email(inbound.customer_email)
    except ValidationError as error:
        raise Rejected("bad_address", f"{inbound.customer_email[:80]!r} is not an e-mail address.") from error
    is_limited = bool(applicable(agent_id=agent.pk, measures=MESSAGE_MEASURES))
    with transaction.atomic() if is_limited else nullcontext():
        return store(begin_session(inbound, agent), inbound, text)


def begin_session(inbound: Inbound, agent: Agent) -> Place:
    customer = find_or_add_customer(email=inbound.customer_email, name=inbound.customer_name[:120])
    session = open_session(
        customer=customer,
        agent=agent,
        channel=inbound.channel,
        identity=inbound.identity,
        session_id=inbound.session_id,
    )
    return Place(session_id=session.pk, agent_id=agent.pk, customer_id=customer.pk)


def store(place: Place, inbound: Inbound, text: str) -> Received:
    """Message, event and turn in one statement. Where a person speaks, the message waits for them without a turn."""
    now, turn_id = timezone.now(), uuid7()
    message_id = uuid7()
    text, noted = as_kept(
        text, agent_id=place.agent_id, session_id=place.session_id, message_id=message_id, turn_id=turn_id
    )
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
    values = {"last_message_at": now, "preview": preview_of(text), "preview_author": Message.Author.CUSTOMER}
    first_values = {"waiting_since": now}
    if applicable(agent_id=place.agent_id, measures=MESSAGE_MEASURES):
        controller = write_counted(place, event, [turn, *noted], values=values, first_values=first_values)
    else:
        written = write_session(
            place.session_id,
            events=[event],
            condition="s.controller <> 'closed'",
            values=values,
            first_values=first_values,
            parts=[turn, *noted],
        )
        controller = written.controller if written else None
    if controller is None:
        raise Rejected("closed", CLOSED)
    return Received(
        session_id=place.session_id,
        message_id=message_id,
        turn_id=turn_id if controller == Session.Controller.AGENT else None,
    )


def write_counted(
    place: Place,
    event: Event,
    parts: Sequence[Part],
    *,
    values: Mapping[str, object],
    first_values: Mapping[str, object],
) -> str | None:
    """Count the message against its limits and store it, in one statement: both or neither.

    Returns who speaks, None where the session is closed. Raises `Rejected` where a limit is reached.
    """
    request: dict[str, Any] = {
        "agent_id": place.agent_id,
        "customer_id": place.customer_id,
        "session_id": place.session_id,
        "amounts": {Limit.Measure.MESSAGES: 1},
    }
    fences = [
        (
            "open_session AS (SELECT s.id FROM agents_session AS s WHERE s.id = %s AND s.controller <> 'closed' "
            "FOR NO KEY UPDATE)",
            (place.session_id,),
        ),
        ("counted AS (SELECT agents_take_usage(%s::jsonb) AS answer FROM open_session)", (encode(request),)),
        session_fence(
            place.session_id,
            events=[event],
            values=values,
            first_values=first_values,
            condition="EXISTS (SELECT FROM counted WHERE counted.answer ? 'taken')",
        ),
    ]
    row = execute(
        place.session_id,
        fences,
        [*event_parts(place.session_id, [event], fence="session"), *parts],
        fence="session",
        source="counted LEFT JOIN session ON TRUE",
        extra=("counted.answer::text", ()),
    )
    if row is None:
        return None
    answer = json.loads(row[3])
    if "refused" in answer:
        raise Rejected("too_many", refusal_for_customer(answer["refused"]))
    return str(row[1])
