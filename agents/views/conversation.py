"""One conversation, and what people do in it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from agents import handling
from agents.access import STAFF, get_session_for
from agents.channels import stream
from agents.conversation import (
    Entry,
    Thread,
    entries_of,
    other_sessions,
    read_escalations,
    read_thread,
    read_turn,
)
from agents.decisions import Conflict
from agents.errors import Rejected
from agents.inbox import page_of
from agents.intake import check_text
from agents.models import Message, Session
from agents.views.conversation_live import ANSWERERS, UNSOLVED, ThreadStream, state_context
from agents.views.inbox import filters_of, view_choices
from agents.views.requests import StaffRequest
from observability.access import has_role, public, role_required, staff_required

answerer_required = role_required(*ANSWERERS)
KINDS = {"reply", "note"}
NOTE_LENGTH = 2000
# Of what was said meanwhile, so much is repeated above the composer; the rest stands in the thread.
NEWER_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Composer:
    """The form in which a person writes, with what became of the last try. `newer` was said while they wrote."""

    kind: str = "reply"
    text: str = ""
    error: str = ""
    newer: list[Entry] = field(default_factory=list)
    sent: str = ""


@staff_required
@require_GET
def conversation(request: StaffRequest, session_id: UUID) -> HttpResponse:
    session = get_session_for(request.user, session_id)
    before = before_of(request)
    if request.htmx and before is not None:
        thread = read_thread(session, reader=request.user, before=before, escalations=read_escalations(session))
        context = {"session": session, **thread_context(request, session, thread, before)}
        return render(request, "agents/conversation.html#earlier", context)
    return render(request, "agents/conversation.html", page_context(request, session, before=before))


@answerer_required
@require_POST
def conversation_write(request: StaffRequest, session_id: UUID) -> HttpResponse:
    """A reply or a note. What is refused is answered 422, the text kept."""
    session = get_session_for(request.user, session_id)
    kind, text = request.POST.get("kind", "reply"), request.POST.get("text", "")
    if kind not in KINDS:
        return refuse(request, session, Composer(text=text, error="Choose whether this is a reply or a note."))
    try:
        words = check_text(text)
        if kind == "note":
            handling.note(session, user=request.user, text=words)
        else:
            handling.answer(session, user=request.user, text=words, seen=seen_of(request))
    except (Rejected, Conflict) as error:
        return refuse(request, session, Composer(kind=kind, text=text, error=str(error)))
    except handling.Stale as stale:
        return refuse(request, session, stale_composer(request, session, stale, text=text))
    if not request.htmx:
        return redirect(f"{here(request, session)}#end")
    session.refresh_from_db()
    sent = Composer(sent="Note added" if kind == "note" else "Sent")
    return render(request, "agents/conversation.html#composer", composer_context(request, session, sent))


@answerer_required
@require_POST
def conversation_take_over(request: StaffRequest, session_id: UUID) -> HttpResponse:
    session = get_session_for(request.user, session_id)
    try:
        handling.take(session, user=request.user)
    except Conflict as error:
        messages.warning(request, str(error))
    return redirect(here(request, session))


@answerer_required
@require_POST
def conversation_hand_back(request: StaffRequest, session_id: UUID) -> HttpResponse:
    session = get_session_for(request.user, session_id)
    note = request.POST.get("note", "")[:NOTE_LENGTH]
    try:
        handling.give_back(session, user=request.user, text=check_text(note) if note.strip() else "")
    except (Conflict, Rejected) as error:
        messages.warning(request, f"{error} Nothing was handed back.")
    return redirect(here(request, session))


@answerer_required
@require_POST
def conversation_close(request: StaffRequest, session_id: UUID) -> HttpResponse:
    session = get_session_for(request.user, session_id)
    solved = request.POST.get("outcome") != UNSOLVED
    handling.close(session, user=request.user, solved=solved)
    how = "as solved" if solved else "without being solved"
    messages.success(request, f"The conversation with {session.customer} is closed {how}.")
    return redirect(here(request, session))


@public
@require_GET
async def conversation_events(request: HttpRequest, session_id: UUID) -> HttpResponseBase:
    """The conversation as it goes on, as HTML for its page. Staff only; an async view checks for itself."""
    if not await stream.in_thread(lambda: request.user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    if not await stream.in_thread(has_role, request.user, *STAFF):
        raise PermissionDenied("This stream is for the people of the desk.")
    after = stream.resume_after(request)
    thread = await stream.in_thread(ThreadStream.open, request, session_id, after)
    until = stream.until_signed_out(request, *STAFF)
    return stream.event_stream_response(stream.session_events(session_id, after, thread.render, until))


# -- what the page shows


def page_context(
    request: StaffRequest, session: Session, *, before: int | None = None, composer: Composer | None = None
) -> dict[str, Any]:
    filters = filters_of(request, default="open")
    escalations = read_escalations(session)
    thread = read_thread(session, reader=request.user, before=before, escalations=escalations)
    return {
        "session": session,
        "now": timezone.now(),
        "filters": filters,
        "views": view_choices(filters),
        "list_query": filters.query(),
        "page": page_of(filters, user=request.user),
        "others": other_sessions(session),
        "live_after": session.event_seq if before is None else None,
        **thread_context(request, session, thread, before),
        **state_context(request, session, escalations, read_turn(session)),
        **composer_context(request, session, composer or Composer(), seen=thread.last_seq),
    }


def thread_context(request: StaffRequest, session: Session, thread: Thread, before: int | None) -> dict[str, Any]:
    return {
        "thread": thread,
        "before": before,
        "here": here(request, session),
        "earlier_href": f"{here(request, session)}&before={thread.first_seq}",
    }


def composer_context(
    request: StaffRequest, session: Session, composer: Composer, *, seen: int | None = None
) -> dict[str, Any]:
    return {
        "session": session,
        "composer": composer,
        "may_act": has_role(request.user, *ANSWERERS),
        "seen": newest_said(session) if seen is None else seen,
        "list_query": filters_of(request, default="open").query(),
    }


# -- what a request says


def here(request: HttpRequest, session: Session) -> str:
    """The conversation's page with the list that it was opened from."""
    return reverse("agents:conversation", args=[session.pk]) + filters_of(request, default="open").query()


def before_of(request: HttpRequest) -> int | None:
    """The number before which the thread ends. Raises `Http404`."""
    text = request.GET.get("before", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 18:
        raise Http404("There is no such place in the conversation.")
    return int(text)


def seen_of(request: HttpRequest) -> int:
    """The newest message that the form knew; with none said, everything counts as new."""
    text = request.POST.get("seen", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def newest_said(session: Session) -> int:
    said = Message.objects.filter(session=session, visibility=Message.Visibility.PUBLIC)
    return said.order_by("-seq").values_list("seq", flat=True).first() or 0


# -- refusals


def stale_composer(request: StaffRequest, session: Session, stale: handling.Stale, *, text: str) -> Composer:
    entries = entries_of(stale.newer, session=session, reader=request.user)
    count = len(stale.newer)
    words = f"{count} messages came meanwhile; these are the newest." if count > NEWER_SHOWN else "This came meanwhile."
    return Composer(text=text, error=f"{words} Read it, then send or change your reply.", newer=entries[-NEWER_SHOWN:])


def refuse(request: StaffRequest, session: Session, composer: Composer) -> HttpResponse:
    session = get_session_for(request.user, session.pk)
    if request.htmx:
        context = composer_context(request, session, composer)
        return render(request, "agents/conversation.html#composer", context, status=422)
    return render(request, "agents/conversation.html", page_context(request, session, composer=composer), status=422)
