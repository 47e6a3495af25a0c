"""Traces: what every turn did, how long it took, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import HttpResponseStopPolling, push_url, replace_url
from django_htmx.middleware import HtmxDetails

from observability.access import staff_required
from observability.models import Charge, Price, Span, Trace
from observability.traces import (
    SLOW_MS,
    BadQuery,
    Cursor,
    Facets,
    TraceFilter,
    charges_of,
    count_new,
    list_traces,
    neighbours,
    notes_of,
    prices_of,
    read_facets,
    read_uuid,
    spans_of,
)
from observability.waterfall import (
    Row,
    cost_lines,
    draw,
    elapsed_ms,
    figures_of,
    mapping_of,
    output_blocks,
    price_lines,
    version_label,
)

NOTHING_NEW = 204
MOST_REFRESHED = 50
STATUSES = [(Trace.Status.RUNNING, "Running"), (Trace.Status.OK, "OK"), (Trace.Status.ERROR, "Error")]


class DeskRequest(HttpRequest):
    htmx: HtmxDetails


@dataclass(frozen=True, kw_only=True)
class Line:
    """A trace as a row of the list; `ms` counts on while it runs."""

    trace: Trace
    ms: int
    version: str
    # The length of a full bar: the same on every page, so that two pages can be compared.
    bar_ms: int = 2 * SLOW_MS

    @property
    def is_slow(self) -> bool:
        return self.ms > SLOW_MS

    @property
    def tokens_in(self) -> int:
        """What the model was given afresh, that is, not from the prompt cache."""
        return self.trace.input_tokens + self.trace.cache_write_tokens


@staff_required
@require_GET
def traces(request: DeskRequest) -> HttpResponse:
    wanted, before, after = read_query(request)
    page = list_traces(wanted, before=before, after=after)
    lines = lines_of(page.traces)
    is_first = not wanted.by_cost and page.newer is None
    running = [str(line.trace.pk) for line in lines if line.trace.status == Trace.Status.RUNNING]
    facets = read_facets(wanted)
    context = {
        "lines": lines,
        "wanted": wanted,
        "is_narrowed": bool(wanted.params()),
        "newer": wanted.query(after=str(page.newer)) if page.newer else "",
        "older": wanted.query(before=str(page.older)) if page.older else "",
        "newest": wanted.query(),
        "views": saved_views(wanted),
        "statuses": STATUSES,
        "facets": facets,
        "narrowing": narrowing(wanted, facets),
        "watch": wanted.query(since=str(place_of_newest(wanted, lines)), running=",".join(running)) if is_first else "",
    }
    template = "observability/traces.html"
    response = render(request, f"{template}#trace-list" if request.htmx else template, context)
    # A form sends every field; the address that is kept names only what is set.
    return push_url(response, request.path + wanted.query()) if request.htmx else response


@staff_required
@require_GET
def traces_new(request: DeskRequest) -> HttpResponse:
    """How many traces have come since the page was made, and the rows on it that were still running."""
    wanted, *_ = read_query(request)
    try:
        since = wanted.read_cursor(request.GET.get("since", ""))
        ids = [read_uuid(text) for text in request.GET.get("running", "").split(",")[:MOST_REFRESHED] if text]
    except BadQuery as error:
        raise Http404(str(error)) from error
    ended = Trace.objects.filter(pk__in=ids).exclude(status=Trace.Status.RUNNING) if ids else Trace.objects.none()
    lines = lines_of(list(ended))
    done = {line.trace.pk for line in lines}
    running = ",".join(str(trace_id) for trace_id in ids if trace_id not in done)
    context = {
        "count": count_new(wanted, than=since),
        "newest": wanted.query(),
        "watch": wanted.query(since=str(since), running=running),
        "lines": lines,
    }
    return render(request, "observability/traces_new.html", context)


def read_query(request: HttpRequest) -> tuple[TraceFilter, Cursor | None, Cursor | None]:
    """The filter, and the place before or after which to list. Raises `Http404` for what no page of ours links to."""
    params = {name: str(value) for name, value in request.GET.items()}
    try:
        wanted = TraceFilter.read(params)
        before, after = (wanted.read_cursor(params[key]) if key in params else None for key in ("before", "after"))
    except BadQuery as error:
        raise Http404(str(error)) from error
    return wanted, before, after


def lines_of(found: list[Trace]) -> list[Line]:
    now = timezone.now()
    return [
        Line(trace=trace, ms=elapsed_ms(trace, now=now), version=version_label(trace.agent_version)) for trace in found
    ]


def place_of_newest(wanted: TraceFilter, lines: list[Line]) -> Cursor:
    """Where new traces begin: above the first row or, where there is none, now."""
    return wanted.cursor_of(lines[0].trace) if lines else Cursor(key=timezone.now(), id=UUID(int=0))


def saved_views(wanted: TraceFilter) -> list[dict[str, Any]]:
    views = [
        ("All", TraceFilter()),
        ("Errors", TraceFilter(status=Trace.Status.ERROR)),
        (f"Slower than {SLOW_MS // 1000} s", TraceFilter(slow=True)),
        ("Escalated", TraceFilter(outcome="escalated")),
        ("Most expensive today", TraceFilter(by_cost=True)),
    ]
    return [{"name": name, "url": view.query(), "current": view == wanted, "count": None} for name, view in views]


def narrowing(wanted: TraceFilter, facets: Facets) -> list[dict[str, str]]:
    """What the list is narrowed by, each with the way to take it away."""
    agents = dict(facets.agents)
    words = {
        "status": f"Status: {wanted.status}",
        "agent": f"Agent: {agents.get(wanted.agent, '')}" if wanted.agent else "",
        "outcome": f"Outcome: {wanted.outcome}",
        "channel": f"Channel: {wanted.channel}",
        "slow": f"Slower than {SLOW_MS // 1000} s",
        "q": f"Begins with: {wanted.q}",
        "sort": "Today, most expensive first",
    }
    return [{"word": words[name], "url": wanted.query(**{name: ""})} for name in wanted.params()]


# -- one trace


@staff_required
@require_GET
def trace(request: DeskRequest, trace_id: UUID) -> HttpResponse:
    found = get_object_or_404(Trace, pk=trace_id)
    spans = spans_of(found)
    is_running = found.status == Trace.Status.RUNNING
    if request.htmx and is_running and request.GET.get("seen") == str(len(spans)):
        return HttpResponse(status=NOTHING_NEW)
    context = describe(found, spans, chosen=chosen_span(request), now=timezone.now())
    context["view"] = "log" if request.GET.get("view") == "log" else "tree"
    template = "observability/trace.html"
    response = render(request, f"{template}#trace" if request.htmx else template, context)
    if request.htmx and not is_running:
        response.status_code = HttpResponseStopPolling.status_code
    return response


@staff_required
@require_GET
def trace_span(request: DeskRequest, trace_id: UUID, span_id: UUID) -> HttpResponse:
    """The panel of one span, and the two rows of the tree that are no longer and newly the current one."""
    found = get_object_or_404(Trace, pk=trace_id)
    address = f"{reverse('observability:trace', args=[trace_id])}?span={span_id}"
    if not request.htmx:
        return redirect(address)
    context = describe(found, spans_of(found), chosen=str(span_id), now=timezone.now())
    shown = {chosen_span(request) or str(found.pk), str(span_id)}
    changed = [row for row in context["rows"] if row.id is not None and str(row.id) in shown]
    return replace_url(render(request, "observability/trace_span.html", {**context, "changed": changed}), address)


def chosen_span(request: DeskRequest) -> str:
    """The span that the page shows: of a fragment's request, its page's address knows."""
    if request.htmx:
        return parse_qs(urlsplit(request.htmx.current_url or "").query).get("span", [""])[0]
    return request.GET.get("span", "")


def describe(found: Trace, spans: list[Span], *, chosen: str, now: datetime) -> dict[str, Any]:
    """Everything that a page of this trace shows. Raises `Http404` for a span of another trace."""
    rows = draw(found, spans, notes_of(found), now=now)
    charges = charges_of(spans)
    prices = prices_of(charges.values())
    figures = figures_of(found, spans, now=now)
    lines = cost_lines(spans, charges, prices)
    charged = sum((line.usd for line in lines), start=figures.cost_usd * 0)
    before, after = neighbours(found)
    links = [row for row in rows if row.id is not None]
    place = place_of(links, chosen or str(found.pk))
    return {
        "trace": found,
        "version": version_label(found.agent_version),
        "is_running": found.status == Trace.Status.RUNNING,
        "figures": figures,
        "rows": rows,
        "total_ms": max([figures.duration_ms, *(row.start_ms + (row.ms or 0) for row in rows)]),
        "span_count": len(spans),
        "cost_lines": lines,
        "charged": charged,
        "is_balanced": charged == figures.cost_usd,
        "earlier_trace": before,
        "later_trace": after,
        "current": links[place],
        "panel": panel_of(links[place], charges, prices),
        "above": links[place - 1] if place else None,
        "below": links[place + 1] if place + 1 < len(links) else None,
        "next_error": next_error(links, place),
        "first_error": next_error(links, 0),
    }


def next_error(links: list[Row], place: int) -> Row | None:
    """The first failed step below this one, or else above it: stepping through the errors goes round."""
    others = [*links[place + 1 :], *links[:place]]
    return next((row for row in others if row.span and row.state == Span.Status.ERROR), None)


def place_of(links: list[Row], chosen: str) -> int:
    for number, row in enumerate(links):
        if str(row.id) == chosen:
            return number
    raise Http404("This trace has no such span.")


def panel_of(row: Row, charges: Mapping[UUID, Charge], prices: Mapping[int, Price]) -> dict[str, Any]:
    """What the panel of one span shows; empty for the turn itself."""
    if row.span is None:
        return {}
    attributes = mapping_of(row.span.attributes)
    charge = charges.get(row.span.pk)
    price = prices.get(charge.price_id) if charge and charge.price_id is not None else None
    return {
        "span": row.span,
        "attributes": attributes,
        "blocks": output_blocks(row.span),
        "has_inputs": "toolInputs" in attributes,
        "has_output": "toolOutput" in attributes,
        "charge": charge,
        "price": price,
        "price_lines": price_lines(row.span, price) if row.span.kind == Span.Kind.MODEL else [],
    }
