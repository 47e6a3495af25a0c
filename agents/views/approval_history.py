"""What was decided on approvals, and by whom."""

from __future__ import annotations

from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.approval_history import DECISIONS, Wanted, csv_lines, deciders, page_of, read_wanted, tools_decided
from agents.queue import BadCursor
from agents.views.requests import StaffRequest
from observability.access import staff_required


@staff_required
@require_GET
def approval_history(request: StaffRequest) -> HttpResponse:
    try:
        wanted = read_wanted(request.GET)
        page = page_of(wanted, after=request.GET.get("after", ""))
    except BadCursor as error:
        raise Http404(str(error)) from error
    tools = tools_decided()
    context = {
        "wanted": wanted,
        "facets": facets(wanted),
        "rows": page.rows,
        "tools": [(key, key.rpartition("___")[2]) for key in tools],
        "deciders": deciders(),
        "is_narrowed": bool(wanted.query()),
        "query": wanted.query(),
        "older": f"?{wanted.query(after=page.after)}" if page.after else "",
        "newest": f"?{wanted.query()}" if request.GET.get("after") else "",
    }
    return render(request, "agents/approval_history.html", context)


@staff_required
@require_GET
def approval_history_csv(request: StaffRequest) -> HttpResponseBase:
    try:
        wanted = read_wanted(request.GET)
    except BadCursor as error:
        raise Http404(str(error)) from error
    name = f"approvals-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        csv_lines(wanted),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def facets(wanted: Wanted) -> list[dict[str, Any]]:
    choices = [("", "All"), *((key, label) for key, (label, _) in DECISIONS.items())]
    return [
        {
            "name": label,
            "url": f"?{Wanted(decision=key, tool=wanted.tool, user=wanted.user).query()}",
            "current": key == wanted.decision,
            "count": None,
        }
        for key, label in choices
    ]
