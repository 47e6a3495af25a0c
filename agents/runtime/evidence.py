"""What a turn is given beside its conversation: memories of the customer and passages of documents, and what is noted
of it: the documents' use, and that the conversation is to be read for memories."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents.models import AgentVersion
from agents.turns import Claim
from memory import recall
from memory.embeddings.base import EmbeddingFailed
from memory.models import DocumentUse, Passage
from memory.recall import Evidence, summary_of
from observability.batch import Part, insert
from observability.ids import uuid7
from observability.tracing import Recorder

logger = logging.getLogger(__name__)

# For how long a process believes what it saw of the documents: a turn must not ask each time whether there are any.
BELIEVED_SECONDS = 5.0


class Library:
    """Whether there is any live passage, asked once in a while."""

    def __init__(self) -> None:
        self._is_there = False
        self._asked_at = float("-inf")

    def has_passages(self) -> bool:
        if time.monotonic() > self._asked_at + BELIEVED_SECONDS:
            self._is_there = Passage.objects.filter(is_live=True).exists()
            self._asked_at = time.monotonic()
        return self._is_there

    def forget(self) -> None:
        self._asked_at = float("-inf")


library = Library()


def gather(
    claim: Claim, version: AgentVersion, current: Sequence[Mapping[str, Any]], recorder: Recorder, *, dropped: int
) -> Evidence:
    """Recalled for what the customer says in this turn, and the summary of the `dropped` exchanges, if any; recorded
    in the trace.

    Where nothing is stored nothing is embedded and nothing asked. Where it fails the turn goes on without: the trace
    says so.
    """
    started_at = timezone.now()
    summary = summary_of(claim.session_id, claim.customer_id) if dropped and claim.is_verified else ""
    memories = version.recall_memories if claim.is_remembered else 0
    passages = version.recall_passages if version.recall_passages and library.has_passages() else 0
    question = words_of(current)
    if not question or not (memories or passages or summary):
        return Evidence()
    try:
        found = recall.recall(
            question,
            customer_id=claim.customer_id if claim.is_verified else None,
            agent_id=claim.agent_id if version.recall_own_only else None,
            memories=memories,
            passages=passages,
            tokens=version.recall_tokens,
        )
    except EmbeddingFailed as error:
        logger.warning("nothing was recalled for turn %s: %s", claim.turn_id, error)
        attributes = {"question": question, "summary": summary}
        recorder.memory("recall", started_at=started_at, attributes=attributes, error=str(error))
        return Evidence(summary=summary)
    evidence = replace(found, summary=summary)
    recorder.memory("recall", started_at=started_at, attributes=recall.as_attributes(evidence))
    return evidence


def words_of(messages: Sequence[Mapping[str, Any]]) -> str:
    """What the customer says in this turn; tool results are not their words."""
    return "\n".join(
        block["text"]
        for message in messages
        if message["role"] == "user"
        for block in message["content"]
        if block["type"] == "text"
    )


def with_evidence(messages: list[dict[str, Any]], evidence: Evidence, place: int) -> list[dict[str, Any]]:
    """The evidence before the customer's words in the message at `place`: what precedes stays in the prompt cache.

    Where the customer had the last word before, too, both became one message, the one before.
    """
    text = recall.as_text(evidence)
    if not text:
        return messages
    if place == len(messages) or messages[place]["role"] != "user":
        place -= 1
    asked = messages[place]
    given = {**asked, "content": [{"type": "text", "text": text}, *asked["content"]]}
    return [*messages[:place], given, *messages[place + 1 :]]


# -- noted at the turn's end


def uses_of(evidence: Evidence, claim: Claim, *, fence: str) -> list[Part]:
    """That this turn was given passages of these documents."""
    by_document: dict[Any, list[Any]] = {}
    for passage in evidence.passages:
        by_document.setdefault(passage.document_id, []).append(passage.id)
    rows = [
        {
            "id": uuid7(),
            "document_id": document_id,
            "turn_id": claim.turn_id,
            "session_id": claim.session_id,
            "passages": passages,
            "at": timezone.now(),
        }
        for document_id, passages in by_document.items()
    ]
    return [insert(DocumentUse, rows, fence=fence, skip_conflicts=True)] if rows else []


READ_LATER = """INSERT INTO memory_reading (session_id, customer_id, seq, due_at, attempts, error)
  SELECT %s, %s, 0, %s, 0, '' FROM {fence}
  ON CONFLICT (session_id) DO UPDATE SET due_at = excluded.due_at, attempts = 0, error = ''"""


def read_later(claim: Claim, version: AgentVersion, *, fence: str) -> list[Part]:
    """That the conversation is to be read for memories, once it has been quiet for a while."""
    if not claim.is_verified or not version.memory_strategies:
        return []
    due_at = timezone.now() + timedelta(seconds=settings.REMEMBER_AFTER_SECONDS)
    return [Part(sql=READ_LATER.format(fence=fence), params=(claim.session_id, claim.customer_id, due_at))]
