"""Documents as pages show them: with their passages, their uses, and the conversations that they were used in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.core.paginator import Page, Paginator
from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from agents.models import Session
from memory.embeddings import why_lexical
from memory.models import Document, DocumentUse, EmbeddingJob, Passage
from memory.reembedding import Differs, what_differs

USES_PAGE = 50
VIEWS = {"current": "In use", "problem": "With a problem", "archived": "Archived"}


@dataclass(frozen=True, kw_only=True)
class Use:
    """One answer that was given passages of a document; `session` is None where the conversation was deleted."""

    use: DocumentUse
    session: Session | None
    passages: list[Passage]


@dataclass(frozen=True, kw_only=True)
class Embedding:
    """How far the vectors are those of the present model. `percent` is 0 to 100."""

    differs: Differs
    job: EmbeddingJob | None
    why_lexical: str

    @property
    def is_running(self) -> bool:
        return self.job is not None and self.job.state == EmbeddingJob.State.RUNNING

    @property
    def percent(self) -> int:
        return round(100 * self.job.done / self.job.total) if self.job and self.job.total else 0


def embedding_state() -> Embedding:
    return Embedding(
        differs=what_differs(),
        job=EmbeddingJob.objects.order_by("-started_at").first(),
        why_lexical=why_lexical(),
    )


def documents_of(view: str) -> QuerySet[Document, Any]:
    """With `passage_count` of the live version and `use_count`, by title."""
    documents = Document.objects.select_related("live_version").annotate(
        passage_count=counted(Passage.objects.filter(version=OuterRef("live_version"))),
        use_count=counted(DocumentUse.objects.filter(document=OuterRef("pk"))),
    )
    if view == "archived":
        return documents.exclude(archived_at=None)
    documents = documents.filter(archived_at=None)
    return documents.exclude(problem="") if view == "problem" else documents


def counted(rows: QuerySet[Any, Any]) -> Coalesce:
    """How many of these rows there are, as a column."""
    counts = rows.order_by().values("document").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


def view_counts() -> dict[str, int]:
    current = Document.objects.filter(archived_at=None)
    return {
        "current": current.count(),
        "problem": current.exclude(problem="").count(),
        "archived": Document.objects.exclude(archived_at=None).count(),
    }


def uses_page(document: Document, number: str) -> Page[DocumentUse]:
    return Paginator(document.uses.order_by("-at", "-id"), USES_PAGE).get_page(number)


def with_sessions(uses: Sequence[DocumentUse]) -> list[Use]:
    """Sessions are plain ids to `memory`: looked up here, for one page."""
    sessions = Session.objects.select_related("customer").in_bulk({use.session_id for use in uses})
    passages = Passage.objects.select_related("version").in_bulk({pk for use in uses for pk in use.passages})
    return [
        Use(
            use=use,
            session=sessions.get(use.session_id),
            passages=[passages[pk] for pk in use.passages if pk in passages],
        )
        for use in uses
    ]
