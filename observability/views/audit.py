"""The audit trail: who did what, what changed, and whether the chain still holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods
from django_htmx.http import push_url

from observability import audit as trail
from observability.access import Role, role_required
from observability.audit_list import Change, Wanted, changes_of, choices_of, csv_lines, list_entries, read_place
from observability.models import AuditEntry
from observability.trace_filter import RANGES
from observability.traces import BadQuery
from observability.views.trace_lines import DeskRequest, params_of

readers_only = role_required(Role.ANALYST)


@dataclass(frozen=True, kw_only=True)
class Line:
    entry: AuditEntry
    changes: list[Change]


@readers_only
@require_http_methods(["GET", "HEAD", "POST"])
def audit(request: DeskRequest) -> HttpResponse:
    """A POST checks the chain: it reads every entry, so no link does it."""
    try:
        wanted = Wanted.read(params_of(request))
        before, after = (read_place(request.GET[name]) if name in request.GET else None for name in ("before", "after"))
    except BadQuery as error:
        raise Http404(str(error)) from error
    page = list_entries(wanted, before=before, after=after)
    context: dict[str, Any] = {
        "lines": [Line(entry=entry, changes=changes_of(entry)) for entry in page.entries],
        "wanted": wanted,
        "query": wanted.query(),
        "newer": wanted.query(after=str(page.newer)) if page.newer is not None else "",
        "older": wanted.query(before=str(page.older)) if page.older is not None else "",
        "choices": choices_of(wanted),
        "ranges": [
            {"name": each.name, "url": wanted.query(range=key), "current": each == wanted.range}
            for key, each in RANGES.items()
        ],
        "head": trail.head(),
        "one_thing": wanted.query(subject=""),
    }
    if request.method == "POST":
        context |= {"checked_at": timezone.now(), "broken": trail.verify(), "count": AuditEntry.objects.count()}
    template = "observability/audit.html"
    response = render(request, f"{template}#audit-list" if request.htmx else template, context)
    return push_url(response, request.path + wanted.query()) if request.htmx and request.method == "GET" else response


@readers_only
@require_GET
def audit_export(request: DeskRequest) -> HttpResponseBase:
    try:
        wanted = Wanted.read(params_of(request))
    except BadQuery as error:
        raise Http404(str(error)) from error
    name = f"audit-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        csv_lines(wanted),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )
