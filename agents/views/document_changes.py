"""Documents come in, are read again, archived and restored; everything is embedded anew. All of it by admins."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from agents.document_forms import BY_FILE, BY_TEXT, BY_URL, FORMS, SOURCES, WAYS, AddressForm, FileForm, TextForm
from agents.document_sources import read_address_again, read_documents_folder
from agents.views.documents import INVALID, DeskRequest, get_document
from memory import reembedding
from memory.documents import store
from memory.documents.addresses import Outcome
from memory.documents.folder import FolderReading, FolderUnusable
from memory.documents.limits import Unreadable
from memory.documents.store import AlreadyThere, Archived, add_document, add_version
from memory.models import Document
from observability.access import Role, role_required

CONFLICT = 409
NAMED = 3


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def document_upload(request: DeskRequest) -> HttpResponse:
    """A new document: a file, pasted text, or an address."""
    way = chosen_way(request)
    form = form_of(request, way)
    if request.method == "POST" and form.is_valid():
        try:
            made = add_document(
                form.read,
                source=SOURCES[way],
                location=form.location,
                title=form.cleaned_data.get("title", ""),
                user=request.user,
            )
        except (AlreadyThere, Unreadable) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{made.title} is in use from now on.")
            return redirect("agents:document", made.pk)
    context = {
        "form": form,
        "way": way,
        "tabs": [
            {"name": name, "url": f"?by={key}", "current": key == way, "count": None} for key, name in WAYS.items()
        ],
    }
    return render(request, "agents/documents/document_upload.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def document_version_new(request: DeskRequest, document_id: UUID) -> HttpResponse:
    """What the document says from now on; for one that is not read from somewhere."""
    found = get_document(document_id)
    if found.source in (Document.Source.URL, Document.Source.FOLDER):
        raise Http404("It is read from its address or its file.")
    way = BY_TEXT if found.source == Document.Source.TEXT and "by" not in request.GET else chosen_way(request)
    way = way if way != BY_URL else BY_FILE
    form = form_of(request, way, document=found)
    status = INVALID if form.errors else None
    if request.method == "POST" and form.is_valid():
        try:
            version = add_version(found, form.read, user=request.user)
        except Archived:
            form.add_error(None, "The document is archived. Restore it first.")
            status = CONFLICT
        except Unreadable as error:
            form.add_error(None, str(error))
            status = INVALID
        else:
            said = f"Version {version.number} is in use from now on." if version else "It says this already."
            messages.success(request, said)
            return redirect("agents:document", found.pk)
    context = {
        "document": found,
        "form": form,
        "way": way,
        "tabs": [
            {"name": WAYS[key], "url": f"?by={key}", "current": key == way, "count": None} for key in (BY_FILE, BY_TEXT)
        ],
    }
    return render(request, "agents/documents/document_version_new.html", context, status=status)


def chosen_way(request: DeskRequest) -> str:
    way = request.GET.get("by", "")
    return way if way in WAYS else BY_FILE


def form_of(request: DeskRequest, way: str, document: Document | None = None) -> FileForm | TextForm | AddressForm:
    text = document.live_version.text if document and document.live_version and way == BY_TEXT else ""
    is_posted = request.method == "POST"
    return FORMS[way](
        request.POST if is_posted else None,
        request.FILES if is_posted else None,
        initial={"text": text},
        is_new=document is None,
    )


@role_required(Role.ADMIN)
@require_POST
def document_read(request: DeskRequest, document_id: UUID) -> HttpResponse:
    """Read its address again, now."""
    found = get_document(document_id)
    if found.source != Document.Source.URL or found.archived_at:
        raise Http404("It has no address that is read.")
    outcome = read_address_again(found, user=request.user)
    if outcome is Outcome.FAILED:
        messages.error(request, f"It could not be read, and says what it said before. {found.problem}")
    elif outcome is Outcome.CHANGED:
        messages.success(request, "It was read, and says something else now. A new version is in use.")
    else:
        messages.success(request, "It was read, and says the same as before.")
    return redirect("agents:document", found.pk)


@role_required(Role.ADMIN)
@require_POST
def document_folder(request: DeskRequest) -> HttpResponse:
    """Read the folder again, now."""
    try:
        reading = read_documents_folder(user=request.user)
    except FolderUnusable as error:
        messages.error(request, str(error))
    else:
        messages.success(request, summary_of(reading))
        if reading.problems:
            named = "; ".join(f"{name}: {problem}" for name, problem in reading.problems[:NAMED])
            more = f" And {len(reading.problems) - NAMED} more." if len(reading.problems) > NAMED else ""
            messages.warning(request, f"Not read: {named}{more}")
    return redirect("agents:documents")


def summary_of(reading: FolderReading) -> str:
    counts = [
        (len(reading.added), "new"),
        (len(reading.changed), "changed"),
        (reading.same, "unchanged"),
        (len(reading.gone), "gone"),
    ]
    said = ", ".join(f"{count} {what}" for count, what in counts if count)
    return f"The folder was read: {said or 'no documents'}."


@role_required(Role.ADMIN)
@require_POST
def document_archive(request: DeskRequest, document_id: UUID) -> HttpResponse:
    found = get_document(document_id)
    store.archive(found)
    messages.success(request, f"{found.title} is archived: no answer rests on it any more.")
    return redirect("agents:document", found.pk)


@role_required(Role.ADMIN)
@require_POST
def document_restore(request: DeskRequest, document_id: UUID) -> HttpResponse:
    found = get_document(document_id)
    store.restore(found)
    messages.success(request, f"{found.title} is in use again.")
    return redirect("agents:document", found.pk)


@role_required(Role.ADMIN)
@require_POST
def embedding_start(request: DeskRequest) -> HttpResponse:
    """The beat's next round takes it up."""
    if not reembedding.start_reembedding():
        messages.success(request, "Everything is embedded with this model already.")
    return redirect("agents:documents")


@role_required(Role.ADMIN)
@require_POST
def embedding_stop(request: DeskRequest) -> HttpResponse:
    if reembedding.stop_reembedding():
        messages.success(request, "Stopped. What is not embedded yet is found by its words.")
    return redirect("agents:documents")
