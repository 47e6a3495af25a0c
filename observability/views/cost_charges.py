"""The charges: every amount with the price that it used, the newest first."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import push_url

from observability.access import Role, role_required
from observability.cost_areas import areas
from observability.cost_export import charge_lines
from observability.cost_figures import ZERO, exact
from observability.cost_ledger import Place, lines_of, list_charges
from observability.cost_streams import csv_response
from observability.cost_words import choices_of, names_for, narrowing
from observability.figures import spending
from observability.traces import BadQuery
from observability.views.cost_requests import DeskRequest, range_links, read_wanted


@role_required(Role.ANALYST)
@require_GET
def cost_charges(request: DeskRequest) -> HttpResponse:
    now, wanted = timezone.now(), read_wanted(request)
    period = wanted.period(now)
    before, after = (place_of(request, name) for name in ("before", "after"))
    page = list_charges(wanted, period, now=now, before=before, after=after)
    there = spending(since=period.since, until=period.until, by=("agent_id", "channel", "subject"))
    spent = spending(since=period.since, until=period.until, where=wanted.where())
    usd = spent[0].usd if spent else ZERO
    context = {
        "areas": areas("observability:cost_charges"),
        "wanted": wanted,
        "span": wanted.name(now),
        "query": wanted.query(),
        "ranges": range_links(wanted),
        "lines": lines_of(page.charges),
        "count": spent[0].charges if spent else 0,
        "usd": usd,
        "exact": exact(usd),
        "choices": choices_of(wanted, there),
        "narrowing": narrowing(wanted, names_for(wanted)),
        "plain": wanted.query(**dict.fromkeys(wanted.narrowed(), ""), since="", until=""),
        "newer": wanted.query(after=str(page.newer)) if page.newer else "",
        "older": wanted.query(before=str(page.older)) if page.older else "",
        "whole_query": wanted.query(),
    }
    template = "observability/cost_charges.html"
    response = render(request, f"{template}#charge-list" if request.htmx else template, context)
    # A form sends every field; the address that is kept names only what is set.
    return push_url(response, request.path + wanted.query()) if request.htmx else response


@role_required(Role.ANALYST)
@require_GET
def cost_charges_export(request: DeskRequest) -> HttpResponseBase:
    now, wanted = timezone.now(), read_wanted(request)
    return csv_response(request, f"charges-{now:%Y-%m-%d}.csv", charge_lines(wanted, wanted.period(now), now=now))


def place_of(request: DeskRequest, name: str) -> Place | None:
    """Raises `Http404`."""
    text = request.GET.get(name)
    try:
        return Place.read(text) if text else None
    except BadQuery as error:
        raise Http404(str(error)) from error
