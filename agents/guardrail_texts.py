"""What was said, for the back-test of a guardrail: customers' messages and agents' replies that were published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID

from django.db.models import QuerySet

from agents.models import Message
from guardrails.backtest import MOST_TEXTS, Said
from guardrails.findings import Direction

DIRECTIONS = {Message.Author.CUSTOMER: Direction.INPUT, Message.Author.AGENT: Direction.OUTPUT}


def said_since(since: datetime) -> Iterator[Said]:
    """The newest first. Ids bear the time at which they were made (observability/ids.py), so their index serves."""
    oldest = UUID(int=int(since.timestamp() * 1000) << 80)
    rows = messages().filter(pk__gte=oldest, created_at__gte=since).order_by("-pk")
    return (said_of(*row) for row in rows[: MOST_TEXTS + 1])


def said_in(ids: Iterable[UUID]) -> dict[UUID, Said]:
    return {row[1]: said_of(*row) for row in messages().filter(pk__in=list(ids))}


def messages() -> QuerySet[Message, tuple[UUID, UUID, str, str, datetime]]:
    said = Message.objects.filter(visibility=Message.Visibility.PUBLIC, author__in=list(DIRECTIONS)).exclude(text="")
    return said.values_list("session_id", "id", "author", "text", "created_at")


def said_of(session_id: UUID, message_id: UUID, author: str, text: str, at: datetime) -> Said:
    return Said(
        session_id=session_id, message_id=message_id, direction=DIRECTIONS[Message.Author(author)], text=text, at=at
    )
