"""The inbox: which conversations there are, and which of them need somebody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET

from agents.inbox import (
    COUNT_LIMIT,
    PAGE_SIZE,
    VIEWS,
    Cursor,
    Filters,
    count_new,
    count_views,
    page_of,
    read_cursor,
    rows_by_id,
)
from agents.models import Agent
from agents.views.requests import StaffRequest
from observability.access import staff_required

LONGEST_SEARCH = 120
# A list asks for its own rows again; the pane beside a conversation is drawn in another shape.
SHAPES = {"table", "pane"}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """A view or an agent to choose, as a link."""

    name: str
    url: str
    current: bool
    count: str | None = None


@staff_required
@require_GET
def inbox(request: StaffRequest) -> HttpResponse:
    now = timezone.now()
    counts = count_views(filters_of(request, default="open"), user=request.user)
    filters = filters_of(request, default="waiting" if counts["waiting"] else "open")
    page = page_of(filters, user=request.user, after=cursor_of(request))
    context = {
        "filters": filters,
        "views": view_choices(filters, counts),
        "agents": agent_choices(filters),
        "page": page,
        "shape": "table",
        "now": now,
        "is_first": "after" not in request.GET,
        "older": filters.query(after=page.next) if page.next else "",
        "shown_query": filters.query(),
        "waiting": counts["waiting"],
        "with_agent": counts["agent"],
    }
    return render(request, "agents/inbox.html", context)


@staff_required
@require_GET
def inbox_changes(request: StaffRequest) -> HttpResponse:
    """Rows that a list shows, as they are now, and how many it does not show yet.

    `row` is repeated, each "id.number of the newest event" as the page has it: only changed rows are sent.
    """
    filters = filters_of(request, default="open")
    shown = shown_rows(request)
    shape = request.GET.get("shape", "table")
    if shape not in SHAPES:
        raise BadRequest("A list is a table or a pane.")
    rows = rows_by_id(list(shown), filters, user=request.user)
    context = {
        "filters": filters,
        "rows": [row for row in rows if row.has_left or shown[row.session.pk] != row.session.event_seq],
        "fresh": count_new(filters, user=request.user, since=since_of(request), shown=list(shown)),
        "fresh_href": filters.query(),
        "shape": shape,
        "shown_query": filters.query(),
    }
    return render(request, "agents/inbox.html#changes", context)


def filters_of(request: HttpRequest, *, default: str) -> Filters:
    """What the query string asks for. Raises `Http404` for a view that there is not."""
    key = request.GET.get("view") or default
    if key not in VIEWS:
        raise Http404("There is no such view.")
    return Filters(
        view=VIEWS[key],
        agent=request.GET.get("agent", "")[:60],
        q=" ".join(request.GET.get("q", "").replace("\x00", "").split())[:LONGEST_SEARCH],
    )


def cursor_of(request: HttpRequest) -> Cursor | None:
    """Where the page begins. Raises `Http404`."""
    text = request.GET.get("after", "")
    try:
        return read_cursor(text) if text else None
    except ValueError as error:
        raise Http404("There is no such page.") from error


def shown_rows(request: HttpRequest) -> dict[UUID, int]:
    """The conversations that a list shows, each with the event number that it knows. Raises `BadRequest`."""
    shown = {}
    for text in request.GET.getlist("row")[:PAGE_SIZE]:
        session, _, seq = text.partition(".")
        try:
            shown[UUID(session)] = int(seq)
        except ValueError as error:
            raise BadRequest("A row is named by its id and its newest event.") from error
    return shown


def since_of(request: HttpRequest) -> datetime:
    """When the list was made. Raises `BadRequest`."""
    try:
        since = parse_datetime(request.GET.get("since", ""))
    except ValueError:
        since = None
    if since is None or timezone.is_naive(since):
        raise BadRequest("A list says when it was made.")
    return since


def view_choices(filters: Filters, counts: dict[str, int] | None = None) -> list[Choice]:
    return [
        Choice(
            name=view.name,
            url=Filters(view=view, agent=filters.agent, q=filters.q).query(),
            current=view is filters.view,
            count=words_for(counts[view.key]) if counts and view.key in counts else None,
        )
        for view in VIEWS.values()
    ]


def words_for(count: int) -> str:
    return f"{COUNT_LIMIT}+" if count > COUNT_LIMIT else str(count)


def agent_choices(filters: Filters) -> list[Choice]:
    """Every agent, after "All agents"; nothing to choose where there is one."""
    agents = list(Agent.objects.only("slug", "name"))
    if len(agents) < 2 and not filters.agent:
        return []
    choices = [("", "All agents"), *((agent.slug, agent.name) for agent in agents)]
    return [
        Choice(
            name=name,
            url=Filters(view=filters.view, agent=slug, q=filters.q).query(),
            current=slug == filters.agent,
        )
        for slug, name in choices
    ]
