"""The cost page: what was spent in a span of time, on what, and against which budget."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from observability.access import Role, has_role, role_required
from observability.cost import budgets_now
from observability.cost_areas import areas, url_of
from observability.cost_conversations import conversations_of
from observability.cost_export import figure_lines
from observability.cost_figures import Figures, certainty_of, figures_of, shortened, tokens_of
from observability.cost_pace import Known, budget_of_month, month_against, pace_of
from observability.cost_range import DAY, STACKS, Wanted
from observability.cost_streams import csv_response
from observability.cost_trend import trend_of
from observability.cost_words import names_for, narrowing
from observability.views.cost_requests import DeskRequest, range_links, read_wanted


@role_required(Role.ANALYST)
@require_GET
def cost(request: DeskRequest) -> HttpResponse:
    now = timezone.now()
    wanted = read_wanted(request).without_bar()
    figures = figures_of(wanted, now)
    budgets = budgets_now()
    of_month = budget_of_month(budgets)
    context = {
        "areas": areas("observability:cost"),
        "wanted": wanted,
        "span": wanted.name(now),
        "query": wanted.query(),
        "ranges": range_links(wanted),
        "stacks": [
            {"name": name, "url": wanted.query(stack=key), "current": key == wanted.stack}
            for key, name in STACKS.items()
        ],
        "narrowing": narrowing(wanted, names_for(wanted)),
        "plain": wanted.query(**dict.fromkeys(wanted.narrowed(), "")),
        "figures": figures,
        "trend": trend_of(wanted, figures.period, figures.by_time, now),
        "tables": [shortened(table) for table in figures.tables],
        "certainty": certainty_of(wanted, figures.spent),
        "tokens": tokens_of(figures.turned),
        "paces": [pace_of(line, now) for line in budgets],
        "month": month_against(of_month, now, known=days_known(wanted, figures)) if of_month else None,
        "budgets_url": url_of("agents:budgets"),
        "may_price": has_role(request.user, Role.ADMIN),
        "turns_query": wanted.turns_query(now),
        "now": now,
        **lazily(request, wanted_conversations=request.GET.get("conversations") == "1"),
    }
    return render(request, "observability/cost.html", context)


def days_known(wanted: Wanted, figures: Figures) -> Known | None:
    """What of the month is summed already: nothing where the page is narrowed."""
    is_whole = not wanted.narrowed() and figures.period.step == DAY
    return (figures.period, figures.by_time) if is_whole else None


def lazily(request: DeskRequest, *, wanted_conversations: bool) -> dict[str, Any]:
    """Conversations are counted turn by turn, so the page asks for them when it is there already; without script there
    is a link to this."""
    if not wanted_conversations:
        return {"conversations": None}
    return {"conversations": conversations_of(read_wanted(request), timezone.now())}


@role_required(Role.ANALYST)
@require_GET
def cost_conversations(request: DeskRequest) -> HttpResponse:
    wanted, now = read_wanted(request), timezone.now()
    context = {"conversations": conversations_of(wanted, now), "query": wanted.query(), "wanted": wanted}
    return render(request, "observability/_cost_conversations.html", context)


@role_required(Role.ANALYST)
@require_GET
def cost_export(request: DeskRequest) -> HttpResponseBase:
    now, wanted = timezone.now(), read_wanted(request).without_bar()
    figures = figures_of(wanted, now)
    trend = trend_of(wanted, figures.period, figures.by_time, now)
    return csv_response(request, f"cost-{now:%Y-%m-%d}.csv", figure_lines(figures, trend))
