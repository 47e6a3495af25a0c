"""How the desk is doing over a span of time, and the conversations behind each number."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.exceptions import BadRequest
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.dashboard import Dashboard
from agents.dashboard_cards import conversation_cards, cost_cards, speed_cards, work_cards
from agents.dashboard_list import page_of
from agents.dashboard_range import DAY, HOUR, RANGES, Wanted
from agents.models import Agent, Escalation
from agents.models.sessions import Channel
from agents.queue import BadCursor
from agents.resolution import LISTS, Span
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, staff_required
from observability.traces import BadQuery, read_instant


@staff_required
@require_GET
def overview(request: StaffRequest) -> HttpResponse:
    try:
        wanted = Wanted.read(request.GET, now=timezone.now())
    except BadQuery as error:
        raise BadRequest(str(error)) from error
    board = Dashboard(wanted)
    sees_cost = has_role(request.user, Role.ANALYST)
    context = {
        "wanted": wanted,
        "board": board,
        "groups": [
            ("What became of conversations", conversation_cards(board)),
            ("How quick", [*speed_cards(board), *(cost_cards(board) if sees_cost else [])]),
            ("What it took", work_cards(board)),
        ],
        **choices(wanted),
    }
    return render(request, "agents/overview.html", context)


@staff_required
@require_GET
def overview_list(request: StaffRequest, kind: str) -> HttpResponse:
    if kind not in LISTS:
        raise Http404("There is no such list.")
    reason = request.GET.get("reason", "")
    if reason and reason not in Escalation.Reason.values:
        raise BadRequest(f"There is no reason {reason!r}.")
    try:
        wanted = Wanted.read(request.GET, now=timezone.now())
        begin = read_begin(request)
        page = page_of(LISTS[kind][1], span_of(wanted, begin), reason=reason, after=request.GET.get("after", ""))
    except (BadQuery, BadCursor) as error:
        raise BadRequest(str(error)) from error
    more = {"since": begin.isoformat() if begin else "", "reason": reason}
    context = {
        "wanted": wanted,
        "name": LISTS[kind][0],
        "page": page,
        "begin": wanted.label(begin) if begin else "",
        "reason": str(Escalation.Reason(reason).label) if reason else "",
        "facets": [
            {"name": name, "url": wanted.conversations(each, begin), "current": each == kind}
            for each, (name, _) in LISTS.items()
        ],
        "older": wanted.query(after=page.after, **more) if page.after else "",
        "newest": wanted.query(**more) if request.GET.get("after") else "",
    }
    return render(request, "agents/overview_list.html", context)


def read_begin(request: StaffRequest) -> datetime | None:
    since = request.GET.get("since", "")
    return read_instant(since.replace(" ", "+")) if since else None


def span_of(wanted: Wanted, begin: datetime | None) -> Span:
    """The whole range, or one bar of it."""
    if begin is None:
        return wanted.span()
    until = min(begin + (HOUR if wanted.step == "hour" else DAY), wanted.now)
    return Span(since=begin, until=until, agent_id=wanted.agent_id, channel=wanted.channel)


def choices(wanted: Wanted) -> dict[str, Any]:
    return {
        "ranges": [
            {"name": name, "url": wanted.query(range=key), "current": key == wanted.range}
            for key, name in RANGES.items()
        ],
        "agents": list(Agent.objects.order_by("name").values_list("pk", "name")),
        "channels": Channel.choices,
        "compare_url": wanted.query(compare="0" if wanted.compares else ""),
    }
