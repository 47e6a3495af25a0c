"""Customers: the list, one of them with everything that the desk knows, and that as a file."""

from __future__ import annotations

import logging
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from agents.customer_export import file_name, streamed
from agents.customer_list import COUNT_LIMIT, count_held, page_of
from agents.customer_memories import get_customer_for, read_known, remembered_of
from agents.customer_profile import read_identities, read_money, read_talks, read_things, session_page
from agents.inbox import Cursor, read_cursor
from agents.models import Customer
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, role_required, staff_required

logger = logging.getLogger(__name__)
LONGEST_SEARCH = 120
# Who may change what is remembered.
EDITORS = (Role.SUPPORT, Role.REVIEWER)


@staff_required
@require_GET
def customers(request: StaffRequest) -> HttpResponse:
    q = " ".join(request.GET.get("q", "").replace("\x00", "").split())[:LONGEST_SEARCH]
    page = page_of(q, after=customer_after(request))
    context = {
        "q": q,
        "page": page,
        "is_first": "after" not in request.GET,
        "facets": facets(held=count_held(), current="customers"),
    }
    return render(request, "agents/customers/customers.html", context)


@staff_required
@require_GET
def customer(request: StaffRequest, customer_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    identities = read_identities(found)
    context = {
        **memories_context(request, found),
        "identities": identities,
        "is_verified": any(one.is_verified for one in identities),
        "talks": read_talks(found),
        "things": read_things(found),
        "money": read_money(found),
        "may_export": has_role(request.user),
    }
    return render(request, "agents/customers/customer.html", context)


@staff_required
@require_GET
def customer_conversations(request: StaffRequest, customer_id: UUID) -> HttpResponse:
    found = get_customer_for(request.user, customer_id)
    context = {
        "customer": found,
        "page": session_page(found, after=cursor_of(request)),
        "is_first": "after" not in request.GET,
    }
    return render(request, "agents/customers/customer_conversations.html", context)


@staff_required
@require_GET
def customer_remembered(request: StaffRequest, customer_id: UUID) -> HttpResponse:
    """What stands beside a conversation, which asks for it when it is open; otherwise the customer's page."""
    found = get_customer_for(request.user, customer_id)
    if not request.htmx:
        return redirect("agents:customer", found.pk)
    context = {"remembered": remembered_of(found.pk)}
    return render(request, "agents/customers/customer_remembered.html", context)


@role_required(Role.ADMIN)
@require_GET
def customer_export(request: StaffRequest, customer_id: UUID) -> HttpResponseBase:
    found = get_customer_for(request.user, customer_id)
    logger.info("customer %s exported by user %s", found.pk, request.user.pk)
    return StreamingHttpResponse(
        streamed(found),
        content_type="application/json; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file_name(found)}"', "Cache-Control": "no-store"},
    )


# -- what the pages show


def memories_context(request: StaffRequest, found: Customer) -> dict[str, Any]:
    """For the part of the page that a change draws again."""
    return {
        "customer": found,
        "known": read_known(found.pk),
        "may_edit": has_role(request.user, *EDITORS),
    }


def facets(*, held: int, current: str) -> list[dict[str, Any]]:
    words = f"{COUNT_LIMIT}+" if held > COUNT_LIMIT else str(held)
    return [
        {"name": "All customers", "route": "agents:customers", "current": current == "customers", "count": None},
        {"name": "Held memories", "route": "agents:memories_held", "current": current == "held", "count": words},
    ]


# -- what a request says


def customer_after(request: StaffRequest) -> UUID | None:
    """Behind whom the page begins. Raises `Http404`."""
    text = request.GET.get("after", "")
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise Http404("There is no such page.") from error


def cursor_of(request: StaffRequest) -> Cursor | None:
    """Where the page begins. Raises `Http404`."""
    text = request.GET.get("after", "")
    try:
        return read_cursor(text) if text else None
    except ValueError as error:
        raise Http404("There is no such page.") from error
