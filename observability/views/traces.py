"""Traces: what every turn did, how long it took, and what it cost. The list; one of them is in `trace_page.py`."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import push_url

from observability import trace_saved
from observability.access import has_role, staff_required
from observability.models import Trace
from observability.trace_export import csv_lines, json_lines
from observability.trace_filter import RANGES, Wanted
from observability.trace_list import Page, count_new, facets_of, list_page, most_read, place_of, read_place
from observability.trace_words import FIELDS
from observability.traces import BadQuery, Cursor, read_uuid
from observability.views.trace_lines import (
    PEEK,
    DeskRequest,
    Line,
    lines_of,
    mask_for,
    params_of,
    read_wanted,
)
from observability.views.trace_page import get_trace, peek_of, trace, trace_span

__all__ = ["trace", "trace_span", "traces", "traces_new"]

INVALID = 422
MOST_REFRESHED = 50
NOTHING_YET = "The newest {most:,} traces of this time were read, back to {back:%d %b %Y, %H:%M} UTC. None fits."
COLUMNS = {"time": "Time", "duration": "Duration", "tokens": "Tokens in · cached · out", "cost": "Cost"}
FIRST = {"time": "Newest", "duration": "Slowest", "tokens": "Most tokens", "cost": "Most expensive"}


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def traces(request: DeskRequest) -> HttpResponseBase:
    wanted = read_wanted(params_of(request))
    if request.method == "POST":
        return change_views(request, wanted)
    if "format" in request.GET:
        return export(request, wanted)
    context = describe(request, wanted)
    template = "observability/traces.html"
    status = INVALID if wanted.error else 200
    response = render(request, f"{template}#trace-list" if request.htmx else template, context, status=status)
    # A form sends every field; the address that is kept names only what is set.
    return push_url(response, request.path + wanted.query()) if request.htmx else response


def describe(request: DeskRequest, wanted: Wanted) -> dict[str, Any]:
    before, after = places_of(request, wanted)
    page = list_page(wanted, before=before, after=after)
    lines = lines_of(page.traces, request.user)
    facets, counted = facets_of(wanted)
    peeked = request.GET.get(PEEK)
    views = views_of(request, wanted)
    return {
        "lines": lines,
        "wanted": wanted,
        "query": wanted.query(),
        "newer": wanted.query(after=str(page.newer)) if page.newer else "",
        "older": wanted.query(before=str(page.older)) if page.older else "",
        "on": wanted.query(before=str(page.on)) if page.on else "",
        "read_back_to": page.read_back_to,
        "most_read": most_read(wanted),
        "nothing_yet": nothing_yet(wanted, page),
        "first": FIRST[wanted.sort],
        "views": views,
        "own_views": [each for each in views if each.get("view")],
        "without_words": wanted.query(q=""),
        "without_span": wanted.query(since="", until=""),
        "as_csv": wanted.query(format="csv"),
        "as_jsonl": wanted.query(format="jsonl"),
        "may_share": has_role(request.user),
        "facets": facets,
        "counted": counted,
        "ranges": [
            {"name": each.name, "url": wanted.query(range=key, since="", until=""), "current": is_range(wanted, key)}
            for key, each in RANGES.items()
        ],
        "sorts": {key: sort_link(wanted, key) for key in COLUMNS},
        "fields": list(FIELDS.values()),
        "fault": fault_of(wanted),
        "watch": watch_of(wanted, lines, page),
        **(peek_of(request, get_trace(read_id(peeked))) if peeked else {}),
    }


def nothing_yet(wanted: Wanted, page: Page) -> str:
    return NOTHING_YET.format(most=most_read(wanted), back=page.read_back_to) if page.read_back_to else ""


def places_of(request: DeskRequest, wanted: Wanted) -> tuple[Cursor | None, Cursor | None]:
    """The place before or after which to list. Raises `Http404`."""
    try:
        before, after = (
            read_place(wanted, request.GET[name]) if name in request.GET else None for name in ("before", "after")
        )
    except BadQuery as error:
        raise Http404(str(error)) from error
    return before, after


def is_range(wanted: Wanted, key: str) -> bool:
    return wanted.range.key == key and not (wanted.since or wanted.until)


def sort_link(wanted: Wanted, key: str) -> dict[str, Any]:
    return {"name": COLUMNS[key], "url": wanted.query(sort=key), "current": wanted.sort == key}


def fault_of(wanted: Wanted) -> dict[str, str]:
    """The words with the part that is not understood."""
    if wanted.error is None:
        return {}
    start, end = wanted.error.start, wanted.error.end
    words = wanted.words
    return {"before": words[:start], "part": words[start:end], "after": words[end:], "message": str(wanted.error)}


def watch_of(wanted: Wanted, lines: list[Line], page: Page) -> str:
    """On the first page, the query that asks for what is new; empty elsewhere."""
    if wanted.error or not wanted.by_time or page.newer is not None:
        return ""
    since = place_of(wanted, lines[0].trace) if lines else Cursor(key=timezone.now(), id=UUID(int=0))
    running = [str(line.trace.pk) for line in lines if line.trace.status == Trace.Status.RUNNING]
    return wanted.query(since_place=str(since), running=",".join(running))


def views_of(request: DeskRequest, wanted: Wanted) -> list[dict[str, Any]]:
    """Those that are shipped, then everybody's, then one's own."""
    now = wanted.query()
    links: list[dict[str, Any]] = [
        {"name": name, "url": view.query(), "current": view.query() == now} for name, view in trace_saved.shipped()
    ]
    for view in trace_saved.views_for(request.user):
        may_delete = view.owner_id is not None or has_role(request.user)
        url = f"?{view.query}"
        links.append({"name": view.name, "url": url, "current": url == now, "view": view, "may_delete": may_delete})
    return links


def read_id(text: str) -> UUID:
    """Raises `Http404`."""
    try:
        return read_uuid(text)
    except BadQuery as error:
        raise Http404(str(error)) from error


@staff_required
@require_GET
def traces_new(request: DeskRequest) -> HttpResponse:
    """How many traces have come since the page was made, and the rows on it that were still running."""
    wanted = read_wanted(params_of(request))
    try:
        since = read_place(wanted, request.GET.get("since_place", ""))
        ids = [read_uuid(text) for text in request.GET.get("running", "").split(",")[:MOST_REFRESHED] if text]
    except BadQuery as error:
        raise Http404(str(error)) from error
    ended = Trace.objects.filter(pk__in=ids).exclude(status=Trace.Status.RUNNING) if ids else Trace.objects.none()
    lines = lines_of(list(ended), request.user)
    done = {line.trace.pk for line in lines}
    running = ",".join(str(trace_id) for trace_id in ids if trace_id not in done)
    context = {
        "count": count_new(wanted, than=since),
        "newest": wanted.query(),
        "query": wanted.query(),
        "watch": wanted.query(since_place=str(since), running=running),
        "lines": lines,
    }
    return render(request, "observability/traces_new.html", context)


# -- files, and views under a name


def export(request: DeskRequest, wanted: Wanted) -> HttpResponseBase:
    """Raises `Http404` for a format that there is not."""
    kind = request.GET["format"]
    if kind not in {"csv", "jsonl"}:
        raise Http404("There is no such format.")
    mask = mask_for(request.user)
    name = f"traces-{timezone.now():%Y-%m-%d}.{kind}"
    return StreamingHttpResponse(
        csv_lines(wanted, mask) if kind == "csv" else json_lines(wanted, mask),
        content_type="text/csv; charset=utf-8" if kind == "csv" else "application/jsonl; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def change_views(request: DeskRequest, wanted: Wanted) -> HttpResponse:
    """Save what the list shows under a name, or delete such a view; said on the page that follows."""
    try:
        if gone := request.POST.get("delete"):
            view = trace_saved.find(request.user, gone)
            trace_saved.delete(request.user, view)
            messages.success(request, f"The view {view.name} is deleted.")
        else:
            name, everybody = request.POST.get("name", ""), request.POST.get("everybody") == "1"
            saved = trace_saved.save(request.user, name=name, wanted=wanted, for_everybody=everybody)
            messages.success(request, f"Saved as {saved.name}.")
    except trace_saved.NotSaved as error:
        messages.error(request, str(error))
    except BadQuery as error:
        raise Http404(str(error)) from error
    return redirect(request.path + wanted.query())
