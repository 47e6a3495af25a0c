"""Everything embedded anew: counted, in batches, resumed, stopped; and answers that go on meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from memory import reembedding
from memory.documents.store import add_document, archive
from memory.embeddings import DIMENSIONS, EmbeddingFailed, Vector
from memory.embeddings.registry import Choice, choices, close_embedders
from memory.models import EmbeddingJob, Memory, Passage
from memory.reach import bound_to, everyone
from memory.recall import recall
from memory.reembedding import (
    claim_job,
    put_memories,
    run_batch,
    run_claimed,
    run_job,
    start_reembedding,
    stop_reembedding,
    what_differs,
)
from tests.memory.cases import add_memory
from tests.memory.documents.files import read_text

pytestmark = pytest.mark.django_db
State = EmbeddingJob.State


class Other:
    """Another model: it counts letters, and can fail."""

    name = "letters-384"
    is_semantic = False

    def __init__(self) -> None:
        self.embedded: list[str] = []
        self.failure: EmbeddingFailed | None = None

    def embed(self, texts: Sequence[str]) -> list[Vector]:
        if self.failure:
            raise self.failure
        self.embedded += texts
        return [[1.0 if place == len(text) % DIMENSIONS else 0.0 for place in range(DIMENSIONS)] for text in texts]

    def close(self) -> None:
        pass


@pytest.fixture
def stored(settings: Any) -> None:
    """Four live passages, two that are not, three memories and a forgotten one, with the vectors of one model."""
    settings.EMBEDDINGS = "lexical"
    text = "\n\n".join(f"# Part {number}\n\nText of part {number}." for number in range(4))
    add_document(read_text(text), source="text")
    archive(add_document(read_text("# A\n\na\n\n# B\n\nb"), source="text"))
    for number in range(3):
        add_memory(uuid4(), f"They like number {number}.")
    gone = uuid4()
    add_memory(gone, "Forgotten.")
    with bound_to(gone):
        Memory.objects.update(state="forgotten", text="", embedding=None, topic="")


@pytest.fixture
def other(stored: None, settings: Any) -> Any:
    """The setting is changed to another model."""
    model = Other()
    settings.EMBEDDINGS = "other"
    choices["other"] = Choice(embedder=model, why_lexical="")
    yield model
    close_embedders()


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reembedding, "BATCH", 2)


def job() -> EmbeddingJob:
    return EmbeddingJob.objects.latest("started_at")


def started() -> EmbeddingJob:
    begun = start_reembedding()
    assert begun
    return begun


def test_nothing_differs_where_nothing_was_changed(stored: None) -> None:
    assert what_differs().total == 0
    assert start_reembedding() is None


def test_it_counts_what_is_live_and_not_forgotten(other: Other) -> None:
    differs = what_differs()
    assert (differs.model, differs.passages, differs.memories, differs.total) == (other.name, 4, 3, 7)


def test_it_is_done_in_batches_with_progress(other: Other) -> None:
    begun = started()
    assert (begun.model, begun.total, begun.done, begun.state) == (other.name, 7, 0, State.RUNNING)
    seen = []
    while run_batch(begun):
        seen.append(job().done)
    assert seen == [2, 4, 6, 7]
    assert (job().state, job().done) == (State.DONE, 7)
    assert job().finished_at
    assert what_differs().total == 0
    assert other.embedded[0] == "Part 0\nText of part 0.", "with the heading, as the first time"
    with everyone():
        assert set(Memory.objects.exclude(state="forgotten").values_list("embedding_model", flat=True)) == {other.name}
        assert Memory.objects.get(state="forgotten").embedding is None
    assert not Passage.objects.filter(is_live=False).exclude(embedding=None).exists()


def test_answers_go_on_by_words_meanwhile(other: Other) -> None:
    found = recall("the text of part 3", customer_id=None, agent_id=None, memories=0, passages=3, tokens=800)
    assert found.passages[0].text == "Text of part 3."
    assert found.passages[0].rank.meaning_rank is None, "vectors of two models are not compared"
    run_job(started())
    found = recall("Part 3\nText of part 3.", customer_id=None, agent_id=None, memories=0, passages=3, tokens=800)
    assert found.passages[0].rank.meaning_rank is not None


def test_a_killed_one_is_resumed_where_it_stood(other: Other) -> None:
    begun = started()
    assert claim_job() == begun
    run_batch(begun)
    assert claim_job() is None, "its worker moved just now"
    other.embedded.clear()
    EmbeddingJob.objects.update(moved_at=timezone.now() - timedelta(minutes=2))
    run_claimed()
    assert (job().state, job().done) == (State.DONE, 7)
    assert len(other.embedded) == 5


def test_a_new_one_is_claimed_at_once_and_by_one(other: Other) -> None:
    started()
    assert claim_job()
    assert claim_job() is None


def test_one_at_a_time(other: Other) -> None:
    assert start_reembedding() == start_reembedding()
    assert EmbeddingJob.objects.count() == 1


def test_it_can_be_stopped_and_begun_again(other: Other) -> None:
    begun = started()
    run_batch(begun)
    assert stop_reembedding()
    assert not stop_reembedding()
    assert not run_batch(begun)
    assert (job().state, job().done) == (State.STOPPED, 2)
    again = started()
    assert again.total == 5
    run_job(again)
    assert job().state == State.DONE


def test_the_model_is_changed_in_the_middle(other: Other, settings: Any) -> None:
    begun = started()
    run_batch(begun)
    settings.EMBEDDINGS = "lexical"
    run_job(begun)
    assert (job().state, job().error) == (State.STOPPED, "The model was changed again.")
    assert started().total == 2
    run_claimed()
    assert what_differs().total == 0


def test_a_job_for_another_model_is_stopped_by_the_next(other: Other, settings: Any) -> None:
    begun = started()
    run_batch(begun)
    settings.EMBEDDINGS = "lexical"
    after = started()
    begun.refresh_from_db()
    assert (begun.state, after.state, after.total) == (State.STOPPED, State.RUNNING, 2)


def test_a_model_that_does_not_answer_for_a_moment(other: Other) -> None:
    begun = started()
    other.failure = EmbeddingFailed("503: overloaded", retryable=True)
    run_job(begun)
    assert (job().state, job().error, job().done) == (State.RUNNING, "503: overloaded", 0)
    other.failure = None
    run_claimed()
    assert (job().state, job().error, job().done) == (State.DONE, "", 7)


def test_a_model_that_refuses(other: Other) -> None:
    begun = started()
    other.failure = EmbeddingFailed("401: who are you", retryable=False)
    run_job(begun)
    assert (job().state, job().error) == (State.FAILED, "401: who are you")
    assert job().finished_at


def test_what_was_changed_meanwhile_does_not_get_the_vector_of_what_it_said(other: Other) -> None:
    with everyone():
        corrected, forgotten, _ = list(Memory.objects.exclude(state="forgotten").order_by("id"))
        rows = [(row.pk, row.text) for row in (corrected, forgotten)]
        Memory.objects.filter(pk=corrected.pk).update(text="Something else.")
        Memory.objects.filter(pk=forgotten.pk).update(state="forgotten", text="", embedding=None)
    assert put_memories(rows, other.embed(["a", "b"]), other.name) == 0
    with everyone():
        assert Memory.objects.get(pk=forgotten.pk).embedding is None


def test_there_is_nothing_to_claim(stored: None) -> None:
    run_claimed()
    assert not EmbeddingJob.objects.exists()
