"""Documents: what answers rest on, which answers did, and what a question would be given."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_GET

from agents.document_forms import QuestionForm
from agents.document_list import VIEWS, documents_of, embedding_state, uses_page, view_counts, with_sessions
from agents.document_sources import addresses_are_read, folder_is_read
from memory.embeddings import EmbeddingFailed, embedder, why_lexical
from memory.models import Document, DocumentVersion
from memory.recall import FARTHEST, embedded, search_passages
from observability.access import Role, has_role, staff_required

INVALID = 422
UNAVAILABLE = 503
MOST_FOUND = 10
FEW_USES = 5


class DeskRequest(HttpRequest):
    user: User


@staff_required
@require_GET
def documents(request: DeskRequest) -> HttpResponse:
    chosen = request.GET.get("view", "")
    view = chosen if chosen in VIEWS else "current"
    counts = view_counts()
    context = {
        "documents": documents_of(view),
        "view": view,
        "facets": [
            {
                "name": name,
                "url": "?" if key == "current" else f"?view={key}",
                "current": key == view,
                "count": counts[key],
            }
            for key, name in VIEWS.items()
            if counts[key] or key in {"current", view}
        ],
        "is_first": not any(counts.values()),
        "embedding": embedding_state(),
        "has_folder": bool(settings.DOCUMENTS_FOLDER),
        "addresses_are_read": addresses_are_read(),
        "folder_is_read": folder_is_read(),
        "may_edit": may_edit(request.user),
    }
    return render(request, "agents/documents/documents.html", context)


@staff_required
@require_GET
def embedding_progress(request: DeskRequest) -> HttpResponse:
    """The progress alone, asked again and again while a job runs."""
    context = {"embedding": embedding_state(), "may_edit": may_edit(request.user)}
    return render(request, "agents/documents/_embedding.html", context)


@staff_required
@require_GET
def document(request: DeskRequest, document_id: UUID) -> HttpResponse:
    found = get_document(document_id)
    uses = uses_page(found, "1")
    context = {
        "document": found,
        "version": found.live_version,
        "passages": list(found.live_version.passages.all()) if found.live_version else [],
        "versions": found.versions.select_related("created_by").defer("text"),
        "uses": with_sessions(list(uses)[:FEW_USES]),
        "use_count": uses.paginator.count,
        "may_edit": may_edit(request.user),
    }
    return render(request, "agents/documents/document.html", context)


@staff_required
@require_GET
def document_uses(request: DeskRequest, document_id: UUID) -> HttpResponse:
    """The answers that were given passages of the document, newest first."""
    found = get_document(document_id)
    page = uses_page(found, request.GET.get("page", "1"))
    context = {"document": found, "page": page, "uses": with_sessions(list(page))}
    return render(request, "agents/documents/document_uses.html", context)


@staff_required
@require_GET
def document_version(request: DeskRequest, document_id: UUID, number: int) -> HttpResponse:
    """A version whole, and how it differs from the one before."""
    found = get_document(document_id)
    version = get_object_or_404(DocumentVersion.objects.select_related("created_by"), document=found, number=number)
    context = {
        "document": found,
        "version": version,
        "is_live": version.pk == found.live_version_id,
        "before": found.versions.filter(number__lt=number).order_by("-number").first(),
        "after": found.versions.filter(number__gt=number).order_by("number").first(),
        "passages": list(version.passages.all()),
    }
    return render(request, "agents/documents/document_version.html", context)


@staff_required
@require_GET
def document_test(request: DeskRequest) -> HttpResponse:
    """What a turn would be given for a question, and how it was found."""
    form = QuestionForm(request.GET if "q" in request.GET else None)
    context: dict[str, Any] = {
        "form": form,
        "model": embedder().name,
        "is_semantic": embedder().is_semantic,
        "why_lexical": why_lexical(),
        "farthest": FARTHEST,
        "most": MOST_FOUND,
        "has_documents": Document.objects.filter(archived_at=None).exclude(live_version=None).exists(),
        "may_edit": may_edit(request.user),
    }
    status = None
    if form.is_bound and form.is_valid():
        try:
            context["found"] = search_passages(embedded(form.cleaned_data["q"]), MOST_FOUND)
        except EmbeddingFailed as error:
            context["problem"], status = str(error), UNAVAILABLE
    elif form.is_bound:
        status = INVALID
    return render(request, "agents/documents/document_test.html", context, status=status)


def get_document(document_id: UUID) -> Document:
    return get_object_or_404(Document.objects.select_related("live_version"), pk=document_id)


def may_edit(user: User) -> bool:
    return has_role(user, Role.ADMIN)
