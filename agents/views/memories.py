"""What people do with a memory: add, edit, pin, mark wrong, forget; and accept or reject what waits for them.

Each works as a page and a form, and by htmx in place: then the answer is the customer's memories as they are now.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from django import forms
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import retarget

from agents.customer_list import count_held, customer_of, held_page
from agents.customer_memories import chain_of, get_customer_for, get_memory_for, read_one
from agents.forgetting import forget_with_history
from agents.models import Customer
from agents.views.customers import EDITORS, cursor_of, facets, memories_context
from agents.views.requests import StaffRequest
from memory import writing
from memory.consolidate import REJECTED, WRONG
from memory.models import LIFETIME, TEXT_LENGTH, Memory, Strategy
from observability.access import has_role, role_required, staff_required

T = TypeVar("T")

INVALID = 422
PAGE = "agents/customers/customer.html"
HELD_PAGE = "agents/customers/memories_held.html"
WRITTEN_BY_HAND = {"by": "hand"}
CHANGED_MEANWHILE = "Somebody changed it meanwhile. Nothing was done."
editor_required = role_required(*EDITORS)


class TextForm(forms.Form):
    text = forms.CharField(
        label="What is remembered",
        max_length=TEXT_LENGTH,
        widget=forms.Textarea(attrs={"rows": 3, "autofocus": True}),
        error_messages={"required": "Write what is remembered, or forget it."},
    )


class MemoryForm(TextForm):
    """One written by hand."""

    strategy = forms.ChoiceField(
        label="Kind",
        choices=[
            (Strategy.PREFERENCES, "Preference: how they want to be served, recalled in every conversation"),
            (Strategy.FACTS, "Fact: what is so about them, recalled where it matters"),
        ],
        initial=Strategy.PREFERENCES,
        widget=forms.RadioSelect,
    )
    expires = forms.ChoiceField(
        label="Keep it",
        choices=[("life", "Two years after it was last said"), ("never", "Until somebody forgets it")],
        initial="life",
        widget=forms.RadioSelect,
    )
    field_order = ("text", "strategy", "expires")


# -- one memory


@staff_required
@require_GET
def memory(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    """Its row again, for who leaves the form; otherwise the customer's page at its place."""
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    if not request.htmx:
        return redirect(place_of(row))
    context = {"customer": found, "one": read_one(row), "may_edit": has_role(request.user, *EDITORS), "focus": row.pk}
    return render(request, "agents/customers/_memory.html", context)


@staff_required
@require_GET
def memory_by_id(request: StaffRequest, memory_id: UUID) -> HttpResponse:
    """A trace names the memory alone; this finds its customer's page."""
    customer_id = customer_of(memory_id)
    if customer_id is None:
        raise Http404("Nothing of that kind is remembered.")
    return redirect("agents:memory", customer_id, memory_id)


@editor_required
@require_http_methods(["GET", "HEAD", "POST"])
def memory_add(request: StaffRequest, customer_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    form = MemoryForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            written = add(found, form, user_id=request.user.pk)
        except ValidationError as error:
            form.add_error("text", error)
        else:
            is_new = written.times == 1
            messages.success(request, "Remembered." if is_new else "It was known already, and is surer now.")
            return redirect(place_of(written))
    context = {"customer": found, "form": form}
    return render(request, "agents/customers/memory_add.html", context, status=INVALID if form.errors else None)


def add(customer: Customer, form: MemoryForm, *, user_id: int) -> Memory:
    """Raises `ValidationError`."""
    return writing.remember(
        customer.pk,
        agent_id=None,
        strategy=form.cleaned_data["strategy"],
        topic="",
        text=form.cleaned_data["text"],
        metadata=WRITTEN_BY_HAND,
        session_id=None,
        message_id=None,
        author=Memory.Author.PERSON,
        author_user_id=user_id,
        confidence=1.0,
        expires_at=timezone.now() + LIFETIME if form.cleaned_data["expires"] == "life" else None,
    )


@editor_required
@require_http_methods(["GET", "HEAD", "POST"])
def memory_edit(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    """The person's words take its place. What was changed meanwhile is shown, and nothing is written."""
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    form = TextForm(request.POST if request.method == "POST" else None, initial={"text": row.text})
    if request.method == "POST" and form.is_valid():
        if form.cleaned_data["text"] == row.text and row.state == Memory.State.ACTIVE:
            return changed(request, found, row, "Nothing was changed.")
        try:
            written = unless_erased(lambda: writing.correct(row, form.cleaned_data["text"], request.user.pk))
        except ValidationError as error:
            row = get_memory_for(request.user, found, memory_id)
            form.add_error("text", error if is_open(row) else CHANGED_MEANWHILE)
        else:
            return changed(request, found, written, "Corrected.")
    context = {
        "customer": found,
        "one": read_one(row),
        "form": form,
        "is_open": is_open(row),
        "origin": origin(request),
    }
    template = "agents/customers/memory_edit.html"
    status = INVALID if form.errors else None
    return render(request, f"{template}#memory-form" if request.htmx else template, context, status=status)


@editor_required
@require_POST
def memory_pin(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    on = request.POST.get("on") == "on"
    row = unless_erased(lambda: writing.pin(row, on))
    if row.state != Memory.State.ACTIVE:
        return changed(request, found, row, CHANGED_MEANWHILE)
    return changed(request, found, row, "Pinned: it is always recalled, and never expires." if on else "Not pinned.")


@editor_required
@require_POST
def memory_wrong(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    was_open = is_open(row)
    row = unless_erased(lambda: writing.mark_wrong(row, request.user.pk))
    is_done = was_open and row.reason == WRONG
    said = "Marked wrong. If it is said again, a person is asked." if is_done else CHANGED_MEANWHILE
    return changed(request, found, row, said)


@editor_required
@require_http_methods(["GET", "HEAD", "POST"])
def memory_forget(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    """Asks, naming it; posted, it and what it took the place of are emptied."""
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    if request.method == "POST":
        unless_erased(lambda: forget_with_history(row))
        return changed(request, found, row, "Forgotten. What is left says only that there was one.")
    earlier = len(chain_of(row)) - 1
    context = {"customer": found, "one": read_one(row), "earlier": earlier, "origin": origin(request)}
    template = "agents/customers/memory_forget.html"
    # Asked for by a link of a page, it is the inside of that page's dialog.
    return render(request, f"{template}#forget-form" if request.htmx else template, context)


@editor_required
@require_POST
def memory_accept(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    was_held = row.state == Memory.State.PROPOSED
    row = unless_erased(lambda: writing.accept(row, request.user.pk))
    is_done = was_held and row.state == Memory.State.ACTIVE
    return changed(request, found, row, "Accepted: it is recalled from now on." if is_done else CHANGED_MEANWHILE)


@editor_required
@require_POST
def memory_reject(request: StaffRequest, customer_id: UUID, memory_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    row = get_memory_for(request.user, found, memory_id)
    was_held = row.state == Memory.State.PROPOSED
    row = unless_erased(lambda: writing.reject(row, request.user.pk))
    is_done = was_held and row.reason == REJECTED
    return changed(request, found, row, "Rejected: it is not proposed again." if is_done else CHANGED_MEANWHILE)


# -- what waits for a person


@staff_required
@require_GET
def memories_held(request: StaffRequest) -> HttpResponse:
    """Of every customer, the longest waiting first."""
    return render(request, HELD_PAGE, held_context(request))


def held_context(request: StaffRequest) -> dict[str, Any]:
    return {
        "page": held_page(after=cursor_of(request)),
        "is_first": "after" not in request.GET,
        "facets": facets(held=count_held(), current="held"),
        "may_edit": has_role(request.user, *EDITORS),
    }


# -- answers


def changed(request: StaffRequest, customer: Customer, row: Memory, said: str) -> HttpResponse:
    """Back to where it was asked, with what became of it."""
    is_held_list = origin(request) == "held"
    if request.htmx and is_held_list:
        return render(request, f"{HELD_PAGE}#held", {**held_context(request), "said": said})
    if request.htmx:
        context = {**memories_context(request, customer), "said": said, "focus": row.pk}
        return retarget(render(request, f"{PAGE}#memories", context), "#memories")
    (messages.warning if said == CHANGED_MEANWHILE else messages.success)(request, said)
    return redirect("agents:memories_held") if is_held_list else redirect(place_of(row))


def place_of(row: Memory) -> str:
    """The memory on its customer's page."""
    return f"{reverse('agents:customer', args=[row.customer_id])}#memory-{row.pk}"


def origin(request: StaffRequest) -> str:
    return "held" if (request.POST.get("from") or request.GET.get("from")) == "held" else ""


def is_open(row: Memory) -> bool:
    """Whether it holds or waits: only then can it be changed."""
    return row.state in (Memory.State.ACTIVE, Memory.State.PROPOSED)


def unless_erased(change: Callable[[], T]) -> T:
    """Raises `Http404` where the customer was erased in this very moment."""
    try:
        return change()
    except Memory.DoesNotExist as error:
        raise Http404("It was erased meanwhile.") from error
