"""Reading a conversation for things to remember, after the reply and off its path: one job that may run twice.

The row of `Reading` is the job. A reader takes it for `LEASE`; it asks a model and embeds with no transaction open;
then memories, summary and the mark of how far was read are written in one. Who was killed before has left nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Case, Value, When
from django.utils import timezone

from agents.memory_model import Scribe
from agents.models import AgentVersion, Session
from agents.stored_conversation import Stored, load_stored, newest_ended_turn
from memory.extract import Conversation, Known, Proposal, by_rules
from memory.extract.rules import of_the_whole
from memory.models import Memory, Reading, SessionSummary, Strategy
from memory.reach import bound_to
from memory.summarize import EXTRACTIVE, extractive
from memory.suspicion import why_suspicious
from memory.writing import Columns, Embedded, embed_all, remember_all, writing_for
from observability.database import give_back_connection

logger = logging.getLogger(__name__)
# Longer than a model call and an embedding may take together.
LEASE = timedelta(minutes=5)
MOST_ATTEMPTS = 5
FIRST_PAUSE = timedelta(minutes=1)
MOST_KNOWN = 500
OF_WORDS = frozenset({Strategy.FACTS, Strategy.PREFERENCES})


# -- what is due


def mark_due(session_id: UUID, customer_id: UUID, at: datetime) -> None:
    """There is something to read from then on; a conversation that was given up is tried anew."""
    Reading.objects.bulk_create(
        [Reading(session_id=session_id, customer_id=customer_id, due_at=at)],
        update_conflicts=True,
        unique_fields=["session_id"],
        update_fields=["due_at", "attempts", "error"],
    )


def sessions_due(limit: int) -> list[UUID]:
    due = Reading.objects.filter(due_at__lte=timezone.now()).order_by("due_at")
    return list(due.values_list("session_id", flat=True)[:limit])


# -- the job


def remember_session(session_id: UUID) -> int:
    """Read what is new in a conversation that is due; how many memories that gave, or strengthened.

    0 also where it is not due, or somebody else reads it. A failure is noted in the row, which is due again later, and
    after `MOST_ATTEMPTS` no more.
    """
    reading = take(session_id)
    if reading is None:
        return 0
    try:
        return read(reading)
    except Exception as error:
        # The job's boundary: whatever the fault, the row says so, and others are read meanwhile.
        logger.exception("session %s was not read, in attempt %d", session_id, reading.attempts)
        give_up(reading, error)
        return 0


def take(session_id: UUID) -> Reading | None:
    """Ours until `due_at`; attempts count here, so that one which kills its worker ends too."""
    now = timezone.now()
    with transaction.atomic():
        rows = Reading.objects.select_for_update(skip_locked=True).filter(session_id=session_id, due_at__lte=now)
        reading = rows.first()
        if reading is None:
            return None
        reading.attempts += 1
        reading.due_at = now + LEASE
        if reading.attempts > MOST_ATTEMPTS:
            reading.due_at, reading.error = None, reading.error or "Its reader ended without a word."
        reading.save(update_fields=["attempts", "due_at", "error"])
    return reading if reading.due_at else None


def give_up(reading: Reading, error: Exception) -> None:
    """For a while, or for good; where it became due anew meanwhile, that stands."""
    last = reading.attempts >= MOST_ATTEMPTS
    again = None if last else timezone.now() + FIRST_PAUSE * 2 ** (reading.attempts - 1)
    text = f"{type(error).__name__}: {error}"[:300]
    Reading.objects.filter(pk=reading.pk, due_at=reading.due_at).update(due_at=again, error=text)


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The rolling summary as it is to be; `upto_seq` is the last message in it."""

    text: str
    upto_seq: int
    model: str


def read(reading: Reading) -> int:
    session = Session.objects.filter(pk=reading.session_id).select_related("agent").first()
    turn = newest_ended_turn(reading.session_id)
    version = turn.agent_version if turn else None
    if session is None or turn is None or version is None or session.identity != Session.Identity.VERIFIED:
        finish(reading, seq=reading.seq, next_due=None)
        return 0
    stored = load_stored(session, version, after=reading.seq)
    scribe = Scribe(version=version, turn_id=turn.pk, session_id=session.pk, customer_id=session.customer_id)
    try:
        proposals = propose(with_known(stored.conversation, session.customer_id), version, scribe)
        summary = sum_up(session, stored, scribe)
        columns = [columns_of(proposal, session, stored) for proposal in proposals]
        give_back_connection()
        embedded = embed_all([column["text"] for column in columns])
    finally:
        scribe.write_costs()
    started_at = timezone.now()
    written = write(reading, session, stored, list(zip(columns, embedded, strict=True)), summary)
    scribe.wrote(written, started_at=started_at)
    scribe.write_costs()
    return written


# -- what is proposed


def with_known(conversation: Conversation, customer_id: UUID) -> Conversation:
    with bound_to(customer_id):
        active = Memory.objects.filter(customer_id=customer_id, state=Memory.State.ACTIVE).order_by("-updated_at")
        known = [
            Known(
                id=memory.pk,
                strategy=memory.strategy,
                topic=memory.topic,
                text=memory.text,
                session_id=memory.session_id,
                metadata=memory.metadata,
            )
            for memory in active[:MOST_KNOWN]
        ]
    return Conversation(
        session_id=conversation.session_id,
        messages=conversation.messages,
        has_ended=conversation.has_ended,
        calls=conversation.calls,
        handed_over=conversation.handed_over,
        known=known,
    )


def propose(conversation: Conversation, version: AgentVersion, scribe: Scribe) -> list[Proposal]:
    """By the model what the customer said of themselves, else by rules; by rules what the ledger tells."""
    strategies = [strategy for strategy in version.memory_strategies if strategy in Strategy.values]
    if not conversation.new_words:
        return told_anew(conversation, of_the_whole(conversation, strategies))
    if not OF_WORDS & set(strategies):
        return by_rules(conversation, strategies)
    found = scribe.propose(conversation, strategies)
    if found is None:
        return by_rules(conversation, strategies)
    return [*found, *of_the_whole(conversation, strategies)]


def told_anew(conversation: Conversation, proposals: list[Proposal]) -> list[Proposal]:
    """Where the customer said nothing more the account may have changed: a person resolved it. Else it is told."""
    told = {(known.topic, known.text) for known in conversation.known}
    return [] if proposals and (proposals[0].topic, proposals[0].text) in told else proposals


def columns_of(proposal: Proposal, session: Session, stored: Stored) -> Columns:
    """What looks like an order to the agent, or was said in one breath with it, waits for a person."""
    reason = why_suspicious(f"{proposal.text}\n{proposal.metadata.get('said', '')}", stored.tool_names)
    return {
        "agent_id": session.agent_id,
        "strategy": proposal.strategy,
        "topic": proposal.topic,
        "text": proposal.text,
        "metadata": proposal.metadata,
        "session_id": session.pk,
        "message_id": proposal.message_id,
        "author": Memory.Author.AGENT,
        "confidence": proposal.confidence,
        "state": Memory.State.PROPOSED if reason else Memory.State.ACTIVE,
        "reason": reason,
        "said_at": proposal.said_at,
    }


# -- the rolling summary


def sum_up(session: Session, stored: Stored, scribe: Scribe) -> Summary | None:
    """Of the exchanges that have left the window since it was last written; None where there is nothing more."""
    with bound_to(session.customer_id):
        before = SessionSummary.objects.filter(pk=session.pk, customer_id=session.customer_id).first()
    fallen = [exchange for exchange in stored.fallen if before is None or exchange.seq > before.upto_seq]
    if not fallen:
        return None
    text = before.text if before else ""
    written = scribe.sum_up(text, fallen)
    if written:
        return Summary(text=written, upto_seq=fallen[-1].seq, model=scribe.name)
    return Summary(text=extractive(text, fallen), upto_seq=fallen[-1].seq, model=EXTRACTIVE)


# -- written in one


def write(
    reading: Reading,
    session: Session,
    stored: Stored,
    columns: Sequence[tuple[Columns, Embedded]],
    summary: Summary | None,
) -> int:
    """All or nothing. Nothing where another reader was quicker, or what was read is erased by now.

    The customer is locked before the row, as an erasure does.
    """
    with writing_for(session.customer_id):
        mine = Reading.objects.select_for_update().filter(pk=reading.pk, seq=reading.seq).first()
        same_customer = Session.objects.filter(pk=session.pk, customer_id=session.customer_id).exists()
        if mine is None or not same_customer:
            return 0
        written = remember_all(
            session.customer_id, [column for column, _ in columns], [embedded for _, embedded in columns]
        )
        if summary is not None and (summary.text or not written):
            SessionSummary.objects.update_or_create(
                session_id=session.pk,
                defaults={
                    "customer_id": session.customer_id,
                    "upto_seq": summary.upto_seq,
                    "text": summary.text,
                    "model": summary.model[:120],
                    "updated_at": timezone.now(),
                },
            )
        finish(reading, seq=stored.seq, next_due=None if session.is_closed else stored.falls_at)
        return len(written)


def finish(reading: Reading, *, seq: int, next_due: datetime | None) -> None:
    """Read up to there. Due again where more came meanwhile, or when what is in the window has left it by its age."""
    Reading.objects.filter(pk=reading.pk).update(
        seq=seq,
        attempts=0,
        error="",
        due_at=Case(When(due_at=reading.due_at, then=Value(next_due)), default="due_at"),
    )
