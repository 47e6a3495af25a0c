"""The one writer of memories. Each function is one transaction, bound to the customer and alone in writing theirs."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NotRequired, TypedDict, Unpack
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from memory import consolidate
from memory.consolidate import REJECTED, SAME_BY_MEANING, SAME_BY_WORDS, WRONG, Statement, Told
from memory.embeddings import EmbeddingFailed, Vector, embedder
from memory.models import TEXT_LENGTH, Memory, Strategy
from memory.reach import bound_to
from memory.retention import lifetime

logger = logging.getLogger(__name__)
# Of what was said so often no more is compared: the newest.
MOST_COMPARED = 500
# Columns that may be null, or an empty object: the database says the rest of them.
MAY_BE_EMPTY = frozenset(
    {"agent_id", "author_user_id", "session_id", "message_id", "superseded_by", "embedding", "expires_at", "metadata"}
)
ACCOUNTS = frozenset({Strategy.EPISODES, Strategy.SUMMARY})
CORRECTED = "A person corrected it."
REPLACED = "A person accepted another in its place."


class Columns(TypedDict):
    """What a memory is made of. `said_at` is when it was said, now if not given; a contradiction goes by it."""

    agent_id: UUID | None
    strategy: str
    topic: str
    text: str
    metadata: dict[str, Any]
    session_id: UUID | None
    message_id: UUID | None
    author: str
    confidence: float
    author_user_id: NotRequired[int | None]
    state: NotRequired[str]
    reason: NotRequired[str]
    expires_at: NotRequired[datetime | None]
    said_at: NotRequired[datetime]


@dataclass(frozen=True, kw_only=True)
class Embedded:
    """A text's vector with the name of its model; nothing and "" where it could not be embedded."""

    vector: Vector | None = None
    model: str = ""
    # From which cosine on two texts are the same to this model.
    threshold: float = SAME_BY_MEANING


# -- what is known of a customer


def remember(customer_id: UUID, **columns: Unpack[Columns]) -> Memory:
    """Write down one statement, or note that it was said again; the row that now bears it.

    Raises `ValidationError` for what no memory can be. What cannot be embedded is found by its words alone.
    """
    embedded = embed_if_possible(columns["text"])
    with writing_for(customer_id):
        return write_down(customer_id, columns, embedded)


def remember_all(customer_id: UUID, statements: Sequence[Columns], embedded: Sequence[Embedded]) -> list[Memory]:
    """All of them, in their order and in one transaction; embedded before, as that may go over a network."""
    with writing_for(customer_id):
        return [write_down(customer_id, columns, vector) for columns, vector in zip(statements, embedded, strict=True)]


def embed_all(texts: Sequence[str]) -> list[Embedded]:
    """Raises `EmbeddingFailed`. Not within a transaction: it may go over a network."""
    if not texts:
        return []
    embed = embedder()
    threshold = SAME_BY_MEANING if embed.is_semantic else SAME_BY_WORDS
    return [Embedded(vector=vector, model=embed.name, threshold=threshold) for vector in embed.embed(texts)]


# -- what people do with a memory; each raises `Memory.DoesNotExist` where it was erased meanwhile


def correct(memory: Memory, text: str, user_id: int) -> Memory:
    """The person's words in its place, which it keeps as history; what was active or held is active afterwards.

    Raises `ValidationError`.
    """
    embedded = embed_if_possible(text)
    with writing(memory) as old:
        if old.state not in (Memory.State.ACTIVE, Memory.State.PROPOSED):
            raise ValidationError("Only what holds, or waits for a decision, can be corrected.")
        new = Memory(
            customer_id=old.customer_id,
            agent_id=old.agent_id,
            strategy=old.strategy,
            topic=old.topic,
            text=text,
            metadata={name: value for name, value in old.metadata.items() if name != "value"},
            embedding=embedded.vector,
            embedding_model=embedded.model,
            session_id=old.session_id,
            message_id=old.message_id,
            author=Memory.Author.PERSON,
            author_user_id=user_id,
            confidence=1.0,
            is_pinned=old.is_pinned,
        )
        check(new)
        standing = active_of_topic(old).exclude(pk=old.pk)
        replaced = [old.pk, *standing.values_list("pk", flat=True)]
        supersede(replaced, by=new, reason=CORRECTED)
        return new


def pin(memory: Memory, on: bool) -> Memory:  # noqa: FBT001  the verb's one object
    """A pinned one is always recalled and never expires; only an active one can be."""
    with writing(memory) as row:
        if row.state == Memory.State.ACTIVE and row.is_pinned != on:
            change(row, is_pinned=on, updated_at=row.updated_at)
        return row


def mark_wrong(memory: Memory, user_id: int) -> Memory:
    """It holds no longer, and the same proposed again waits for a person."""
    with writing(memory) as row:
        if row.state in (Memory.State.ACTIVE, Memory.State.PROPOSED):
            turn_down(row, reason=WRONG, user_id=user_id)
        return row


def forget(memory: Memory) -> Memory:
    """Empty it: what is left says only that there was one."""
    with writing(memory) as row:
        change(
            row,
            state=Memory.State.FORGOTTEN,
            text="",
            topic="",
            metadata={},
            reason="",
            embedding=None,
            embedding_model="",
            session_id=None,
            message_id=None,
            is_pinned=False,
        )
        return row


def accept(memory: Memory, user_id: int) -> Memory:
    """What was held holds, in the place of what held on its topic. One that is not held any more stays as it is."""
    with writing(memory) as row:
        if row.state == Memory.State.PROPOSED:
            active_of_topic(row).update(
                state=Memory.State.SUPERSEDED, superseded_by=row, reason=REPLACED, is_pinned=False
            )
            change(row, state=Memory.State.ACTIVE, reason="", confidence=1.0, author_user_id=user_id)
        return row


def reject(memory: Memory, user_id: int) -> Memory:
    """What was held is never proposed again. One that is not held any more stays as it is."""
    with writing(memory) as row:
        if row.state == Memory.State.PROPOSED:
            turn_down(row, reason=REJECTED, user_id=user_id)
        return row


# -- within the transaction


@contextmanager
def writing_for(customer_id: UUID) -> Iterator[None]:
    """Bound to the customer, and the only one who writes what is known of them until the transaction ends."""
    with bound_to(customer_id):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"memory of {customer_id}"])
        yield


@contextmanager
def writing(memory: Memory) -> Iterator[Memory]:
    """Its row as it is now."""
    with writing_for(memory.customer_id):
        yield Memory.objects.get(pk=memory.pk, customer_id=memory.customer_id)


def write_down(customer_id: UUID, columns: Columns, embedded: Embedded) -> Memory:
    new = memory_of(customer_id, columns, embedded)
    check(new)
    told = Told(
        statement=statement_of(new, embedded),
        by_agent=new.author == Memory.Author.AGENT,
        held=new.state == Memory.State.PROPOSED,
        said_at=new.created_at,
        session_id=new.session_id,
        is_account=new.strategy in ACCOUNTS,
    )
    match consolidate.decide(told, known_of(new)):
        case consolidate.Again(memory=known):
            return say_again(known, new)
        case consolidate.Instead(memory=known):
            supersede([known.pk], by=new, reason=f"Said otherwise on {new.created_at:%d %B %Y}."[:200])
        case consolidate.Extended(memory=known):
            return tell_further(known, new)
        case consolidate.Outdated(memory=known):
            new.state, new.superseded_by = Memory.State.SUPERSEDED, known
            new.save(force_insert=True)
        case consolidate.Held(reason=reason):
            new.state, new.reason = Memory.State.PROPOSED, new.reason or reason
            new.save(force_insert=True)
        case consolidate.New():
            new.save(force_insert=True)
    return new


def memory_of(customer_id: UUID, columns: Columns, embedded: Embedded) -> Memory:
    said_at = columns.get("said_at") or timezone.now()
    return Memory(
        customer_id=customer_id,
        agent_id=columns["agent_id"],
        strategy=columns["strategy"],
        topic=columns["topic"],
        text=columns["text"].strip(),
        metadata=columns["metadata"],
        embedding=embedded.vector,
        embedding_model=embedded.model,
        session_id=columns["session_id"],
        message_id=columns["message_id"],
        author=columns["author"],
        author_user_id=columns.get("author_user_id"),
        confidence=columns["confidence"],
        state=columns.get("state", Memory.State.ACTIVE),
        reason=columns.get("reason", ""),
        expires_at=columns["expires_at"] if "expires_at" in columns else expiry(),
        created_at=said_at,
        updated_at=said_at,
    )


def expiry() -> datetime | None:
    """As Retention has it now; None for ever."""
    holds = lifetime()
    return None if holds is None else timezone.now() + holds


def check(memory: Memory) -> None:
    if not memory.text.strip():
        raise ValidationError("There is nothing to remember.")
    if len(memory.text) > TEXT_LENGTH:
        raise ValidationError(f"It is longer than {TEXT_LENGTH} characters.")
    memory.clean_fields(exclude=MAY_BE_EMPTY)


def statement_of(memory: Memory, embedded: Embedded) -> Statement:
    return Statement(
        topic=memory.topic,
        text=memory.text,
        value=str(memory.metadata.get("value", "")),
        vector=embedded.vector,
        model=embedded.model,
        threshold=embedded.threshold,
    )


def known_of(memory: Memory) -> list[Memory]:
    """What the new one is compared with: of its topic, or of its strategy where it has none."""
    compared = Memory.objects.filter(
        Q(state__in=[Memory.State.ACTIVE, Memory.State.PROPOSED])
        | Q(state=Memory.State.SUPERSEDED, reason__in=[WRONG, REJECTED]),
        customer_id=memory.customer_id,
        strategy=memory.strategy,
    )
    if memory.topic:
        compared = compared.filter(topic__in=[memory.topic, ""])
    return list(compared.order_by("-created_at")[:MOST_COMPARED])


def active_of_topic(memory: Memory) -> QuerySet[Memory]:
    topic = memory.topic
    active = Memory.objects.filter(
        customer_id=memory.customer_id, strategy=memory.strategy, topic=topic, state=Memory.State.ACTIVE
    )
    return active if topic else active.none()


def say_again(known: Memory, new: Memory) -> Memory:
    """The same message is the same word, however often it is read."""
    if new.message_id is not None and new.message_id == known.message_id:
        return known
    if known.state != Memory.State.ACTIVE:
        return change(known, times=known.times + 1)
    person = new.author == Memory.Author.PERSON
    return change(
        known,
        times=known.times + 1,
        confidence=1.0 if person else consolidate.surer(max(known.confidence, new.confidence)),
        updated_at=max(known.updated_at, new.updated_at),
        expires_at=later(known.expires_at, new.expires_at),
    )


def tell_further(known: Memory, new: Memory) -> Memory:
    return change(
        known,
        text=new.text,
        metadata=new.metadata,
        embedding=new.embedding,
        embedding_model=new.embedding_model,
        updated_at=max(known.updated_at, new.updated_at),
        expires_at=later(known.expires_at, new.expires_at),
    )


def later(one: datetime | None, other: datetime | None) -> datetime | None:
    """Nothing is never, and the latest of all."""
    return None if one is None or other is None else max(one, other)


def supersede(replaced: Sequence[UUID], *, by: Memory, reason: str) -> None:
    """First the old ones go, then the new one comes: of a topic one is active. Then they name it."""
    rows = Memory.objects.filter(pk__in=replaced, customer_id=by.customer_id)
    rows.update(state=Memory.State.SUPERSEDED, reason=reason, is_pinned=False)
    by.save(force_insert=True)
    rows.update(superseded_by=by)


def turn_down(memory: Memory, *, reason: str, user_id: int) -> None:
    metadata = {**memory.metadata, "turnedDownBy": user_id}
    change(memory, state=Memory.State.SUPERSEDED, reason=reason, metadata=metadata, is_pinned=False)


def change(memory: Memory, **values: Any) -> Memory:
    values.setdefault("updated_at", timezone.now())
    for name, value in values.items():
        setattr(memory, name, value)
    memory.save(update_fields=list(values))
    return memory


def embed_if_possible(text: str) -> Embedded:
    try:
        return embed_all([text])[0]
    except EmbeddingFailed as error:
        logger.warning("a memory was written without its vector: %s", error)
        return Embedded()
