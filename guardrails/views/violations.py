"""Violations: what the guardrails saw, the list with its trend and rules, and one of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET
from django_htmx.http import push_url, replace_url

from guardrails.findings import Tier
from guardrails.models import Violation
from guardrails.views.guardrail_lines import DeskRequest, areas
from guardrails.views.violation_lines import (
    PEEK,
    get_violation,
    is_peek,
    lines_of,
    panel_of,
    params_of_page,
    peeked,
    read_wanted,
)
from guardrails.violation_export import csv_lines
from guardrails.violation_figures import figures_of
from guardrails.violation_words import ACTIONS, TRIAGES, Triage, category_of_rule
from guardrails.violations import (
    ALL,
    DAY,
    MOST_COUNTED,
    RANGES,
    BadQuery,
    Cursor,
    Facets,
    Wanted,
    count,
    list_violations,
    neighbours,
    read_facets,
)
from guardrails.wording import POLICIES
from observability.access import staff_required

TIERS = [(str(Tier.LOCAL), "Local"), (str(Tier.JUDGE), "Judge")]


@staff_required
@require_GET
def violations(request: DeskRequest) -> HttpResponse:
    wanted = read_wanted(request.GET)
    before, after = cursors_of(request)
    page = list_violations(wanted, before=before, after=after)
    chosen = peeked(request.GET)
    facets = read_facets(wanted)
    context = {
        "areas": areas("guardrails:violations"),
        "lines": lines_of(page.violations, request.user),
        "chosen": chosen,
        "wanted": wanted,
        "query": wanted.query(),
        "is_narrowed": wanted.is_narrowed,
        "newer": wanted.query(after=str(page.newer)) if page.newer else "",
        "older": wanted.query(before=str(page.older)) if page.older else "",
        "triages": triage_links(wanted),
        "choices": choices_of(wanted, facets),
        "ranges": range_links(wanted),
        "narrowing": narrowing(wanted, facets),
        "figures": figures_of(wanted),
        "plain": Wanted(triage=wanted.triage, range=wanted.range).query(),
        **(panel_of(get_violation(chosen), request.user, is_peek=True) if chosen else {}),
    }
    template = "guardrails/violations.html"
    response = render(request, f"{template}#violation-list" if request.htmx else template, context)
    # A form sends every field; the address that is kept names only what is set.
    return push_url(response, request.path + wanted.query()) if request.htmx else response


@staff_required
@require_GET
def violations_export(request: DeskRequest) -> HttpResponseBase:
    name = f"violations-{timezone.now():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        csv_lines(read_wanted(request.GET), reader=request.user),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


@staff_required
@require_GET
def violation(request: DeskRequest, violation_id: UUID) -> HttpResponse:
    """The page of one, between those above and below it in the list that it was opened from."""
    found = get_violation(violation_id)
    if is_peek(request):
        params = {**params_of_page(request), PEEK: str(found.pk)}
        wanted = read_wanted(params)
        response = render(
            request,
            "guardrails/violation.html#violation-peek",
            {**panel_of(found, request.user, is_peek=True), "query": wanted.query()},
        )
        return replace_url(response, reverse("guardrails:violations") + wanted.query(**places(params)))
    return render(request, "guardrails/violation.html", page_of(request, found))


def page_of(request: DeskRequest, found: Violation, **more: Any) -> dict[str, Any]:
    wanted = read_wanted(request.GET)
    above, below = neighbours(wanted, found)
    return {**panel_of(found, request.user, **more), "query": wanted.query(), "above": above, "below": below}


# -- what a request says


def cursors_of(request: DeskRequest) -> tuple[Cursor | None, Cursor | None]:
    """The place before or after which to list. Raises `Http404`."""
    try:
        before, after = (
            Cursor.read(request.GET[name]) if request.GET.get(name) else None for name in ("before", "after")
        )
    except BadQuery as error:
        raise Http404(str(error)) from error
    return before, after


def places(params: dict[str, str]) -> dict[str, str]:
    """What of an address says which page of the list is open, and what beside it."""
    return {name: params[name] for name in ("before", "after", PEEK) if name in params}


# -- filters


def triage_links(wanted: Wanted) -> list[dict[str, Any]]:
    """What waits is counted, and so is what is shown; the others would be counted for nobody."""
    choices = [*((value, look.word) for value, look in TRIAGES.items()), (ALL, "All")]
    return [
        {
            "name": name,
            "url": wanted.query(triage=value),
            "current": value == (wanted.triage or ALL),
            "count": capped(count(read_as(wanted, value))) if value in {Triage.OPEN, wanted.triage or ALL} else None,
        }
        for value, name in choices
    ]


def range_links(wanted: Wanted) -> list[dict[str, Any]]:
    return [
        {"name": each.name, "url": wanted.query(range=each.key, since="", until=""), "current": each == wanted.range}
        for each in RANGES.values()
    ]


def read_as(wanted: Wanted, triage: str) -> Wanted:
    return Wanted.read(wanted.params(triage=triage))


def capped(number: int) -> str:
    return f"{number - 1:,}+" if number >= MOST_COUNTED else f"{number:,}"


def choices_of(wanted: Wanted, facets: Facets) -> list[dict[str, Any]]:
    """The selects: name, label, the words for all, and value with name of each choice."""
    actions = [(str(value), look.word) for value, look in ACTIONS.items()]
    policies = [(str(policy), name) for policy, name in POLICIES.items()]
    rules = sorted(((rule, category_of_rule(rule)) for rule in facets.rules), key=lambda pair: pair[1])
    agents = [(str(pk), name) for pk, name in facets.agents]
    guardrails = [(str(pk), name) for pk, name in facets.guardrails]
    selects: list[tuple[str, str, str, list[tuple[str, str]], bool]] = [
        ("action", "Action", "Any action", actions, False),
        ("rule", "Rule", "All rules", rules, False),
        ("agent", "Agent", "All agents", agents, False),
        ("stage", "Stage", "All stages", list(Violation.Stage.choices), False),
        ("policy", "Policy", "All policies", policies, True),
        ("guardrail", "Guardrail", "All guardrails", guardrails, True),
        ("tier", "Tier", "Both tiers", TIERS, True),
    ]
    return [
        {
            "name": name,
            "label": label,
            "all": all_words,
            "options": options,
            "chosen": str(getattr(wanted, name) or ""),
            "is_rare": is_rare,
        }
        for name, label, all_words, options, is_rare in selects
    ]


def narrowing(wanted: Wanted, facets: Facets) -> list[dict[str, str]]:
    """What the list is narrowed by, each with the way to take it away."""
    choices = {each["name"]: dict(each["options"]) for each in choices_of(wanted, facets)}
    labels = {each["name"]: each["label"] for each in choices_of(wanted, facets)}
    found = [
        {"word": f"{label}: {choices[name].get(str(getattr(wanted, name)), getattr(wanted, name))}", "name": name}
        for name, label in labels.items()
        if getattr(wanted, name)
    ]
    links = [{"word": each["word"], "url": wanted.query(**{each["name"]: ""})} for each in found]
    if wanted.session:
        links.append({"word": "One conversation", "url": wanted.query(session="")})
    if wanted.since and wanted.until:
        links.append({"word": f"Only {span_words(wanted)}", "url": wanted.query(since="", until="")})
    return links


def span_words(wanted: Wanted) -> str:
    since, until = wanted.since, wanted.until
    if since is None or until is None:
        return ""
    day = f"{since.day} {since:%b}"
    return day if until - since == DAY else f"{day}, {since:%H:%M} to {until:%H:%M}"
