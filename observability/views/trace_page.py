"""One trace: its steps as a tree, in time and as a log, the panel of one of them, and all of it as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from django import forms
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import HttpResponseStopPolling, replace_url

from observability import audit
from observability.access import staff_required
from observability.batch import encode
from observability.masking import may_reveal
from observability.models import Charge, Price, Span, Trace
from observability.trace_panel import cost_lines, panel_of_span
from observability.trace_whole import span_as_json, trace_as_json
from observability.traces import charges_of, neighbours, notes_of, prices_of, spans_of
from observability.views.trace_lines import (
    PEEK,
    DeskRequest,
    is_peek,
    lines_of,
    mask_for,
    mask_json_for,
    params_of_page,
    read_wanted,
)
from observability.waterfall import Row, draw, figures_of, version_label

INVALID = 422
NOTHING_NEW = 204
REASON_LENGTH = 300
VIEWS = ("timeline", "tree", "log")


class RevealForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        error_messages={
            "required": "Say why you look at it. Nothing was shown.",
            "max_length": f"A reason has at most {REASON_LENGTH} characters. Nothing was shown.",
        },
    )


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def trace(request: DeskRequest, trace_id: UUID) -> HttpResponse:
    found = get_trace(trace_id)
    if request.method == "POST":
        return reveal(request, found)
    if request.GET.get("format") == "json":
        return whole(request, found)
    if is_peek(request):
        return peek(request, found)
    spans = spans_of(found)
    is_running = found.status == Trace.Status.RUNNING
    if request.htmx and is_running and request.GET.get("seen") == str(len(spans)):
        return HttpResponse(status=NOTHING_NEW)
    context = describe(request, found, spans, chosen=chosen_span(request))
    template = "observability/trace.html"
    response = render(request, f"{template}#trace" if request.htmx else template, context)
    if request.htmx and not is_running:
        response.status_code = HttpResponseStopPolling.status_code
    return response


@staff_required
@require_GET
@never_cache
def trace_span(request: DeskRequest, trace_id: UUID, span_id: UUID) -> HttpResponse:
    """The panel of one span, and the two rows of the tree that are no longer and newly the current one."""
    found = get_trace(trace_id)
    view = view_of(request)
    address = address_of(found, span=str(span_id), view=view)
    if request.GET.get("format") == "json":
        return whole_span(request, found, span_id)
    if not request.htmx:
        return redirect(address)
    context = describe(request, found, spans_of(found), chosen=str(span_id))
    shown = {chosen_span(request) or str(found.pk), str(span_id)}
    changed = [row for row in context["rows"] if row.id is not None and str(row.id) in shown]
    return replace_url(render(request, "observability/trace_span.html", {**context, "changed": changed}), address)


def get_trace(trace_id: UUID) -> Trace:
    return get_object_or_404(Trace, pk=trace_id)


# -- what a request says


def page_params(request: DeskRequest) -> Mapping[str, str]:
    """Of a fragment's request, its page's address knows which step and which view are shown."""
    if not request.htmx:
        return {name: str(value) for name, value in request.GET.items()}
    page = parse_qs(urlsplit(request.htmx.current_url or "").query)
    return {name: values[0] for name, values in page.items()}


def chosen_span(request: DeskRequest) -> str:
    return page_params(request).get("span", "")


def view_of(request: DeskRequest) -> str:
    wanted = request.GET.get("view") or page_params(request).get("view", "")
    return wanted if wanted in VIEWS else VIEWS[0]


def address_of(found: Trace, *, span: str = "", view: str = VIEWS[0]) -> str:
    parts = [f"span={span}"] if span else []
    parts += [f"view={view}"] if view != VIEWS[0] else []
    query = f"?{'&'.join(parts)}" if parts else ""
    return f"{reverse('observability:trace', args=[found.pk])}{query}"


# -- the page


def describe(
    request: DeskRequest, found: Trace, spans: list[Span], *, chosen: str, revealed: bool = False
) -> dict[str, Any]:
    """Everything that a page of this trace shows. `revealed` is of what is chosen alone. Raises `Http404` for a span of
    another trace."""
    now, view = timezone.now(), view_of(request)
    shown, rows = rows_as_read(request, found, spans, now=now)
    charges = charges_of(spans)
    prices = prices_of(charges.values())
    links = [row for row in rows if row.id is not None]
    place = place_of(links, chosen or str(found.pk))
    current = links[place]
    span = next((span for span in spans if span.pk == current.id), None)
    before, after = neighbours(found)
    return {
        "trace": shown,
        "version": version_label(found.agent_version),
        "is_running": found.status == Trace.Status.RUNNING,
        "view": view,
        "views": [(name, address_of(found, span=str(span.pk) if span else "", view=name)) for name in VIEWS],
        "view_query": "" if view == VIEWS[0] else f"&view={view}",
        "turn_query": "" if view == VIEWS[0] else f"?view={view}",
        "span_id": str(current.id),
        "has_violations": any(span.action not in {"", "none"} for span in spans),
        "rows": rows,
        "total_ms": max(row.start_ms + (row.ms or 0) for row in rows if not row.is_after),
        "span_count": len(spans),
        "earlier_trace": before,
        "later_trace": after,
        "current": current,
        "turn": turn_texts(request, found, revealed=revealed and span is None),
        "panel": panel_of(request, span, charges, prices, revealed=revealed) if span else {},
        "revealed": revealed,
        "may_reveal": may_reveal(request.user),
        "above": links[place - 1] if place else None,
        "below": links[place + 1] if place + 1 < len(links) else None,
        "next_error": next_error(links, place),
        "first_error": next_error(links, 0),
        **money(found, spans, charges, prices, now=now),
    }


def money(
    found: Trace, spans: list[Span], charges: Mapping[UUID, Charge], prices: Mapping[int, Price], *, now: datetime
) -> dict[str, Any]:
    figures = figures_of(found, spans, now=now)
    lines = cost_lines(spans, charges, prices)
    charged = sum((line.usd for line in lines), start=figures.cost_usd * 0)
    return {
        "figures": figures,
        "cost_lines": lines,
        "charged": charged,
        "is_balanced": charged == figures.cost_usd,
    }


def rows_as_read(request: DeskRequest, found: Trace, spans: list[Span], *, now: datetime) -> tuple[Trace, list[Row]]:
    """The trace and its rows with their texts as the reader may see them; copies, without what each step recorded."""
    # There are few different words in a trace of many steps.
    mask, mask_policy = cache(mask_for(request.user)), mask_json_for(request.user)
    shown = copy(found)
    shown.input_text, shown.output_text, shown.error = (
        mask(found.input_text),
        mask(found.output_text),
        mask(found.error),
    )
    steps = []
    for span in spans:
        step = copy(span) if span.error else span
        step.error = mask(span.error)
        steps.append(step)
    notes = {
        pk: replace(
            note,
            state=mask(note.state),
            failure=mask(note.failure),
            category=mask(note.category),
            summary=mask(note.summary),
            policy=mask_policy(note.policy) if note.policy else {},
        )
        for pk, note in notes_of(found).items()
    }
    return shown, draw(shown, steps, notes, now=now)


def turn_texts(request: DeskRequest, found: Trace, *, revealed: bool) -> dict[str, Any]:
    mask = mask_for(request.user, revealed=revealed)
    said, answered = mask(found.input_text), mask(found.output_text)
    return {
        "said": said,
        "answered": answered,
        "is_hidden": (said, answered) != (found.input_text, found.output_text),
    }


def panel_of(
    request: DeskRequest,
    span: Span,
    charges: Mapping[UUID, Charge],
    prices: Mapping[int, Price],
    *,
    revealed: bool,
) -> dict[str, Any]:
    """What the panel of one span shows, and whether there is more of it than its reader sees."""
    shown = copy(span)
    mask = mask_json_for(request.user, revealed=revealed)
    recorded = span.attributes
    shown.attributes, shown.error = mask(recorded), mask(span.error)
    is_hidden = (shown.attributes, shown.error) != (recorded, span.error)
    return {**panel_of_span(shown, charges.get(span.pk), prices), "is_hidden": is_hidden}


def next_error(links: list[Row], place: int) -> Row | None:
    """The first failed step below this one, or else above it: stepping through the errors goes round."""
    others = [*links[place + 1 :], *links[:place]]
    return next((row for row in others if row.span and row.state == Span.Status.ERROR), None)


def place_of(links: list[Row], chosen: str) -> int:
    for number, row in enumerate(links):
        if str(row.id) == chosen:
            return number
    raise Http404("This trace has no such span.")


# -- beside the list


def peek(request: DeskRequest, found: Trace) -> HttpResponse:
    wanted = read_wanted(params_of_page(request))
    kept = {name: value for name, value in params_of_page(request).items() if name in {"before", "after"}}
    response = render(request, "observability/_trace_peek.html", {**peek_of(request, found), "query": wanted.query()})
    address = reverse("observability:traces") + wanted.query(**kept, **{PEEK: str(found.pk)})
    return replace_url(response, address)


def peek_of(request: DeskRequest, found: Trace) -> dict[str, Any]:
    spans = spans_of(found)
    now = timezone.now()
    _, rows = rows_as_read(request, found, spans, now=now)
    return {
        "chosen": found.pk,
        "peek": lines_of([found], request.user)[0],
        "peek_rows": [row for row in rows if row.kind != "gap"],
        "peek_figures": figures_of(found, spans, now=now),
        "total_ms": max(row.start_ms + (row.ms or 0) for row in rows if not row.is_after),
    }


# -- what is hidden


def reveal(request: DeskRequest, found: Trace) -> HttpResponse:
    """Answered with the page itself, so that what is shown is gone with the next look."""
    if not may_reveal(request.user):
        raise PermissionDenied("What is hidden is shown to support, reviewers and admins.")
    spans = spans_of(found)
    chosen = request.GET.get("span", "")
    span = next((span for span in spans if str(span.pk) == chosen), None)
    if chosen and span is None and chosen != str(found.pk):
        raise Http404("This trace has no such span.")
    form = RevealForm(request.POST)
    if not form.is_valid():
        fault = str(next(iter(form.errors.values()))[0])
        context = {**describe(request, found, spans, chosen=chosen), "reveal_fault": fault}
        return answer(request, context, status=INVALID)
    with transaction.atomic():
        reason = form.cleaned_data["reason"]
        if span is None:
            audit.record(request.user, "trace.reveal", kind="trace", id=found.pk, reason=reason)
        else:
            told = {"trace": str(found.pk), "conversation": str(found.session_id)}
            audit.record(
                request.user, "span.reveal", kind="span", id=span.pk, name=span.name, reason=reason, after=told
            )
    return answer(request, describe(request, found, spans, chosen=chosen, revealed=True))


def answer(request: DeskRequest, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    template = "observability/trace_span.html" if request.htmx else "observability/trace.html"
    return render(request, template, context, status=status)


# -- as JSON


def whole(request: DeskRequest, found: Trace) -> HttpResponse:
    spans = list(found.spans.order_by("started_at", "id"))
    told = trace_as_json(found, spans, charges_of(spans), mask_json_for(request.user))
    return as_file(told, f"trace-{found.pk}.json")


def whole_span(request: DeskRequest, found: Trace, span_id: UUID) -> HttpResponse:
    span = get_object_or_404(found.spans.all(), pk=span_id)
    return as_file(span_as_json(span, charges_of([span]), mask_json_for(request.user)), f"span-{span.pk}.json")


def as_file(told: dict[str, Any], name: str) -> HttpResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return HttpResponse(encode(told), content_type="application/json; charset=utf-8", headers=headers)
