"""Hours out of the way: their list, one with its baseline and its drivers, and what people think of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from observability.access import Role, role_required
from observability.anomaly_chart import chart_of
from observability.anomaly_hours import Metric
from observability.anomaly_words import UNITS, amount, names_of, turns_url
from observability.audit import record
from observability.models import Anomaly

PAGE_SIZE = 50
SHOWS = {"open": "Open", "expected": "Expected", "fixed": "Fixed", "all": "All"}


class DeskRequest(HttpRequest):
    user: User


class JudgeForm(forms.Form):
    state = forms.ChoiceField(choices=Anomaly.State.choices)
    note = forms.CharField(max_length=300, error_messages={"required": "Say in a few words why. Nothing was changed."})


@role_required(Role.ANALYST)
@require_GET
def anomalies(request: HttpRequest) -> HttpResponse:
    show = request.GET.get("show", "open")
    show = show if show in SHOWS else "open"
    found = Anomaly.objects.select_related("judged_by").order_by("-hour", "-id")
    if show != "all":
        found = found.filter(state=show)
    before = request.GET.get("before", "")
    rows = list(older_than(found, before)[: PAGE_SIZE + 1])
    shown = rows[:PAGE_SIZE]
    context = {
        "lines": lines_of(shown),
        "facets": [{"name": name, "url": f"?show={key}", "current": key == show} for key, name in SHOWS.items()],
        "show": show,
        "older": f"?show={show}&before={shown[-1].pk}" if len(rows) > PAGE_SIZE else "",
        "newest": f"?show={show}" if before else "",
        "is_any": bool(shown) or Anomaly.objects.exists(),
    }
    return render(request, "observability/anomalies.html", context)


@role_required(Role.ANALYST)
@require_GET
def anomaly(request: HttpRequest, anomaly_id: UUID) -> HttpResponse:
    found = get_object_or_404(Anomaly.objects.select_related("judged_by"), pk=anomaly_id)
    return render(request, "observability/anomaly.html", context_of(found, JudgeForm()))


@role_required(Role.ANALYST)
@require_POST
def anomaly_judge(request: DeskRequest, anomaly_id: UUID) -> HttpResponse:
    found = get_object_or_404(Anomaly, pk=anomaly_id)
    form = JudgeForm(request.POST)
    if not form.is_valid():
        return render(request, "observability/anomaly.html", context_of(found, form), status=422)
    with transaction.atomic():
        before = found.state
        found.state, found.note = form.cleaned_data["state"], form.cleaned_data["note"]
        is_open = found.state == Anomaly.State.OPEN
        found.judged_by, found.judged_at = (None, None) if is_open else (request.user, timezone.now())
        found.save(update_fields=["state", "note", "judged_by", "judged_at"])
        record(
            request.user,
            "anomaly.judge",
            kind="anomaly",
            id=found.pk,
            name=f"{Metric(found.metric).label}, {found.hour:%Y-%m-%d %H:%M} UTC",
            reason=found.note,
            before={"state": before},
            after={"state": found.state},
        )
    messages.success(request, f"Noted as {found.state}.")
    return redirect("observability:anomaly", anomaly_id)


# -- what the pages show


def older_than(found: Any, before: str) -> Any:
    """After the row of that id; from the beginning where there is none."""
    try:
        last = Anomaly.objects.get(pk=UUID(before)) if before else None
    except (ValueError, Anomaly.DoesNotExist):
        last = None
    if last is None:
        return found
    same_hour = found.model.objects.filter(hour=last.hour, pk__lt=last.pk).values("pk")
    return found.filter(hour__lt=last.hour) | found.filter(pk__in=same_hour)


def lines_of(rows: list[Anomaly]) -> list[dict[str, Any]]:
    names = names_of({row.agent_id for row in rows} | agents_in(rows))
    return [line_of(row, names) for row in rows]


def agents_in(rows: list[Anomaly]) -> set[UUID | None]:
    return {UUID(each["name"]) for row in rows for each in row.drivers if each["by"] == "agent"}


def line_of(row: Anomaly, names: dict[UUID | None, str]) -> dict[str, Any]:
    metric = Metric(row.metric)
    drivers = [each for each in row.drivers if each["by"] != "baseline"]
    return {
        "anomaly": row,
        "metric": metric.label,
        "agent": names[row.agent_id],
        "value": amount(metric, row.value),
        "expected": amount(metric, row.expected),
        "times": row.value / row.expected if row.expected else None,
        "baseline": next((each for each in row.drivers if each["by"] == "baseline"), {}),
        "drivers": [
            {
                "by": each["by"].capitalize(),
                "name": names.get(UUID(each["name"]), each["name"]) if each["by"] == "agent" else each["name"],
                "percent": round(100 * each["share"]),
                "was": amount(metric, each["was"]),
                "is": amount(metric, each["is"]),
                "url": turns_url(row, each["by"], each["name"]),
            }
            for each in drivers
        ],
    }


def context_of(found: Anomaly, form: JudgeForm) -> dict[str, Any]:
    return {
        **lines_of([found])[0],
        "form": form,
        "chart": chart_of(found),
        "unit": UNITS[Metric(found.metric)],
        "turns": turns_url(found),
        "verdicts": [
            (value, word) for value, word in (("expected", "Expected"), ("fixed", "Fixed")) if value != found.state
        ],
    }
