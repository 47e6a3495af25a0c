"""Everything embedded anew after the model was changed: one job at a time, in batches, from where it stood.

Until a row has its new vector it is found by its words alone, for vectors of two models cannot be compared: answers go
on meanwhile. What is wanting is seen in the rows themselves, so a job that is killed loses nothing but its batch.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from memory.documents.passages import Part
from memory.embeddings import EmbeddingFailed, Vector, embedder
from memory.models import EmbeddingJob, Memory, Passage
from memory.reach import everyone

logger = logging.getLogger(__name__)

BATCH = 32
# A worker that has made no batch for so long is dead, or its model does not answer: another may go on.
STALE = timedelta(seconds=60)
ERROR_LENGTH = 300
STATES = (Memory.State.ACTIVE, Memory.State.PROPOSED)


@dataclass(frozen=True, kw_only=True)
class Differs:
    """How many passages and memories carry no vector of `model`."""

    model: str
    passages: int
    memories: int

    @property
    def total(self) -> int:
        return self.passages + self.memories


def what_differs() -> Differs:
    name = embedder().name
    passages = passages_without(name).count()
    with everyone():
        return Differs(model=name, passages=passages, memories=memories_without(name).count())


def start_reembedding() -> EmbeddingJob | None:
    """The job that is running now, a new one if there was none; None where nothing differs.

    One for another model is stopped. Nothing is embedded yet: see `run_job`.
    """
    differs = what_differs()
    EmbeddingJob.objects.filter(state=EmbeddingJob.State.RUNNING).exclude(model=differs.model).update(
        state=EmbeddingJob.State.STOPPED, finished_at=timezone.now()
    )
    running = running_job()
    if running or not differs.total:
        return running
    try:
        with transaction.atomic():
            # As if its worker were lost: whoever comes first may take it up at once.
            return EmbeddingJob.objects.create(
                model=differs.model, total=differs.total, moved_at=timezone.now() - STALE - timedelta(seconds=1)
            )
    except IntegrityError:
        return running_job()


def stop_reembedding() -> bool:
    """Whether there was one. Its worker notices before its next batch."""
    return bool(
        EmbeddingJob.objects.filter(state=EmbeddingJob.State.RUNNING).update(
            state=EmbeddingJob.State.STOPPED, finished_at=timezone.now()
        )
    )


def running_job() -> EmbeddingJob | None:
    return EmbeddingJob.objects.filter(state=EmbeddingJob.State.RUNNING).first()


def claim_job() -> EmbeddingJob | None:
    """The running job, if no worker is at it; from then on it is the caller's."""
    now = timezone.now()
    claimed = EmbeddingJob.objects.filter(state=EmbeddingJob.State.RUNNING, moved_at__lt=now - STALE)
    return running_job() if claimed.update(moved_at=now) else None


def run_job(job: EmbeddingJob) -> None:
    """Batch after batch, until it is done, stopped or failed. A model that does not answer for a moment ends this run;
    the next that claims the job goes on."""
    while run_batch(job):
        pass


def run_claimed() -> None:
    """For the beat: nothing where there is no job, or a worker is at it."""
    job = claim_job()
    if job:
        run_job(job)


def run_batch(job: EmbeddingJob) -> bool:
    """Embeds up to `BATCH` rows and notes the progress; whether to go on. No transaction is open meanwhile."""
    job.refresh_from_db()
    if job.state != EmbeddingJob.State.RUNNING:
        return False
    if embedder().name != job.model:
        return finish(job, EmbeddingJob.State.STOPPED, "The model was changed again.")
    try:
        done = embed_passages(job.model)
        if done is None:
            done = embed_memories(job.model)
    except EmbeddingFailed as error:
        logger.warning("embedding job %s: %s", job.pk, error)
        if not error.retryable:
            return finish(job, EmbeddingJob.State.FAILED, str(error))
        EmbeddingJob.objects.filter(pk=job.pk).update(error=str(error)[:ERROR_LENGTH])
        return False
    if done is None:
        return finish(job, EmbeddingJob.State.DONE)
    EmbeddingJob.objects.filter(pk=job.pk).update(
        done=F("done") + done, total=Greatest(F("total"), F("done") + done), moved_at=timezone.now(), error=""
    )
    return True


def finish(job: EmbeddingJob, state: EmbeddingJob.State, error: str = "") -> bool:
    now = timezone.now()
    EmbeddingJob.objects.filter(pk=job.pk, state=EmbeddingJob.State.RUNNING).update(
        state=state, error=error[:ERROR_LENGTH], moved_at=now, finished_at=now
    )
    job.refresh_from_db()
    return False


# -- one batch


def passages_without(model: str) -> QuerySet[Passage]:
    return Passage.objects.filter(is_live=True).filter(Q(embedding=None) | ~Q(embedding_model=model))


def memories_without(model: str) -> QuerySet[Memory]:
    """To be asked within `everyone()`."""
    return Memory.objects.filter(state__in=STATES).filter(Q(embedding=None) | ~Q(embedding_model=model))


def embed_passages(model: str) -> int | None:
    """How many were embedded; None where none was wanting. One that went out of use meanwhile is left alone."""
    rows = list(passages_without(model).order_by("id").values_list("id", "heading", "text")[:BATCH])
    if not rows:
        return None
    vectors = embedder().embed([Part(heading=heading, text=text).as_embedded for _, heading, text in rows])
    with transaction.atomic():
        return sum(
            Passage.objects.filter(pk=row[0], is_live=True).update(embedding=vector, embedding_model=model)
            for row, vector in zip(rows, vectors, strict=True)
        )


def embed_memories(model: str) -> int | None:
    with everyone():
        rows = list(memories_without(model).order_by("id").values_list("id", "text")[:BATCH])
    if not rows:
        return None
    vectors = embedder().embed([text for _, text in rows])
    return put_memories(rows, vectors, model)


def put_memories(rows: Sequence[tuple[UUID, str]], vectors: Sequence[Vector], model: str) -> int:
    """One that was corrected or forgotten meanwhile is left alone: it must not get the vector of what it said."""
    with everyone():
        return sum(
            Memory.objects.filter(pk=pk, text=text, state__in=STATES).update(embedding=vector, embedding_model=model)
            for (pk, text), vector in zip(rows, vectors, strict=True)
        )
