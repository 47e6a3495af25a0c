"""Insights: a query over the traces, its answer as a table and a chart, and queries that are kept."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST
from django_htmx.http import push_url
from django_htmx.middleware import HtmxDetails

from observability.access import Role, role_required
from observability.cost_streams import csv_response
from observability.insight_export import csv_lines
from observability.insight_range import RANGES, Asked, BadRange
from observability.insights import Busy, ask, bars_of, chart_of
from observability.models import SavedQuery, Trace
from observability.query import COMMANDS, FIELDS, FUNCTIONS, QueryError
from observability.saved_queries import (
    DESCRIPTION_LENGTH,
    NAME_LENGTH,
    NotSaved,
    change_query,
    delete_query,
    may_change,
    save_query,
    saved_queries,
)

BUSY, INVALID = 429, 422
DOCUMENT_AGENT = "my-support-agent"
readers = role_required(Role.ANALYST)


class DeskRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


@readers
@require_GET
def insights(request: DeskRequest) -> HttpResponse:
    try:
        asked = Asked.read(request.GET.dict())
    except BadRange as error:
        return page(request, Asked(text=request.GET.get("q", "")), saved=None, wrong=str(error))
    return page(request, asked, saved=None)


@readers
@require_GET
def insight(request: DeskRequest, query_id: UUID) -> HttpResponse:
    """A saved query, asked at once; a text in the address goes before its own."""
    saved = get_object_or_404(SavedQuery, pk=query_id)
    asked = asked_of(request)
    if not asked.text:
        own = Asked.of_hours(saved.text, saved.range_hours)
        asked = replace(asked if {"range", "from"} & set(request.GET) else own, text=saved.text)
    return page(request, asked, saved=saved)


@readers
@require_GET
def insights_export(request: DeskRequest) -> HttpResponseBase:
    asked = asked_of(request)
    try:
        result = ask(asked, request.user)
    except (QueryError, Busy) as error:
        status = BUSY if isinstance(error, Busy) else INVALID
        return HttpResponse(f"{error}\n", status=status, content_type="text/plain; charset=utf-8")
    return csv_response(request, f"insights-{timezone.now():%Y-%m-%d-%H%M}.csv", csv_lines(result, request.user))


@readers
@require_POST
def insight_save(request: DeskRequest) -> HttpResponse:
    """Under a new name, or, where `query` names one, over it."""
    asked = read_asked({**request.POST.dict(), "q": request.POST.get("q", "")})
    said = {"name": request.POST.get("name", ""), "description": request.POST.get("description", "")}
    try:
        if over := request.POST.get("query", ""):
            saved = change_query(request.user, find(over), asked=asked, **said)
        else:
            saved = save_query(request.user, asked=asked, **said)
    except NotSaved as error:
        messages.error(request, f"{error} Nothing was saved.")
        return redirect(reverse("observability:insights") + asked.query())
    messages.success(request, f"Saved as {saved.name}.")
    return redirect("observability:insight", saved.pk)


@readers
@require_POST
def insight_delete(request: DeskRequest, query_id: UUID) -> HttpResponse:
    saved = get_object_or_404(SavedQuery, pk=query_id)
    try:
        delete_query(request.user, saved)
    except NotSaved as error:
        messages.error(request, str(error))
        return redirect("observability:insight", saved.pk)
    messages.success(request, f"{saved.name} is deleted.")
    return redirect("observability:insights")


# -- the page


def page(request: DeskRequest, asked: Asked, *, saved: SavedQuery | None, wrong: str = "") -> HttpResponse:
    """`wrong` is what is wrong with the span: nothing is asked then."""
    context: dict[str, Any] = {
        "wrong": wrong,
        "asked": asked,
        "query": asked.query(),
        "saved": saved,
        "may_change": saved is not None and may_change(request.user, saved),
        "ranges": [(key, name) for key, (name, _) in RANGES.items()],
        "name_length": NAME_LENGTH,
        "description_length": DESCRIPTION_LENGTH,
    }
    status = INVALID if wrong else 200
    if asked.text and not wrong:
        answered, status = answer(asked, request.user)
        context |= answered
    if request.htmx:
        response = render(request, "observability/insights.html#insight-answer", context, status=status)
        return push_url(response, request.path + asked.query())
    context |= {
        "saved_queries": saved_queries(),
        "commands": COMMANDS.values(),
        "functions": sorted(FUNCTIONS.values(), key=lambda each: each.name.lower()),
        "fields": FIELDS.values(),
        "words": words(),
    }
    return render(request, "observability/insights.html", context, status=status)


def answer(asked: Asked, user: User) -> tuple[dict[str, Any], int]:
    try:
        result = ask(asked, user)
    except QueryError as error:
        return {"error": error, "place": error.place(asked.text), "marked": marked(asked.text, error)}, INVALID
    except Busy as error:
        return {"busy": str(error)}, INVALID
    chart = chart_of(result, asked.text)
    found: dict[str, Any] = {"result": result, "chart": chart, "bars": [] if chart else bars_of(result)}
    if not result.count:
        found["other_agents"] = other_agents(asked)
    return found, 200


def marked(text: str, error: QueryError) -> dict[str, str]:
    """The text before, at and behind the place that is meant; a place without a width is the character there."""
    end = max(error.end, min(error.start + 1, len(text)))
    return {"before": text[: error.start], "at": text[error.start : end] or " ", "after": text[end:]}


def other_agents(asked: Asked) -> list[tuple[str, str]]:
    """The first shipped queries name an agent that may not be: those that are, with the address of a query for them."""
    if (named := f'"{DOCUMENT_AGENT}"') not in asked.text or Trace.objects.filter(agent_slug=DOCUMENT_AGENT).exists():
        return []
    newest = Trace.objects.exclude(agent_slug="").order_by("-started_at", "-id").values_list("agent_slug", flat=True)
    return [(slug, asked.query(q=asked.text.replace(named, f'"{slug}"'))) for slug in sorted(set(newest[:200]))[:5]]


def words() -> dict[str, list[tuple[str, str]]]:
    """For completion: name and what it is."""
    return {
        "commands": [(each.name, each.text) for each in COMMANDS.values()],
        "functions": [(each.name, each.text) for each in FUNCTIONS.values()],
        "fields": [(each.name, each.text) for each in FIELDS.values()],
    }


# -- requests


def asked_of(request: HttpRequest) -> Asked:
    return read_asked(request.GET.dict())


def read_asked(params: dict[str, Any]) -> Asked:
    """Raises `Http404` for a span that no form of ours gives."""
    try:
        return Asked.read({name: str(value) for name, value in params.items()})
    except BadRange as error:
        raise Http404(str(error)) from error


def find(query_id: str) -> SavedQuery:
    try:
        return get_object_or_404(SavedQuery, pk=UUID(query_id))
    except ValueError as error:
        raise Http404("There is no such query.") from error
