"""Alerts: the list with its history strips, one of them, and what people do with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.html import escape
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.middleware import HtmxDetails

from observability import audit
from observability.access import Role, role_required
from observability.alert_forms import AlertForm, preview, preview_of
from observability.alerts import WORDS, find, sentence, thresholds
from observability.insight_range import Asked
from observability.models import Alert, AlertRun

STRIP = 48
RUNS = 100
INVALID = 422
MUTES = {"1": "1 hour", "8": "8 hours", "24": "1 day", "168": "1 week", "0": "not at all"}
readers = role_required(Role.ANALYST)
LOOKS = {
    Alert.State.NEW: ("idle", "circle-dashed"),
    Alert.State.OK: ("good", "circle-check"),
    Alert.State.WARN: ("warn", "triangle-alert"),
    Alert.State.CRITICAL: ("bad", "circle-alert"),
    Alert.State.NO_DATA: ("outline", "circle-dashed"),
    Alert.State.ERROR: ("warn", "unplug"),
}
# Of a form, what its sentence is made of.
SAID = ("column", "every_minutes", "window_minutes", "side", "warn", "critical")
# The bad ones first.
ORDER = ("critical", "warn", "error", "no_data", "new", "ok")


class DeskRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


@dataclass(frozen=True, kw_only=True)
class Run:
    run: AlertRun

    @property
    def tone(self) -> str:
        return LOOKS[Alert.State(self.run.state)][0]

    @property
    def icon(self) -> str:
        return LOOKS[Alert.State(self.run.state)][1]

    @property
    def word(self) -> str:
        return WORDS[Alert.State(self.run.state)]

    @property
    def title(self) -> str:
        value = self.run.error or ("no number" if self.run.value is None else f"{self.run.value:g}")
        return f"{self.run.at:%d %b %H:%M} UTC: {self.word}, {value}"


@dataclass(frozen=True, kw_only=True)
class Line:
    """An alert as a row; its newest runs from the oldest to the newest."""

    alert: Alert
    runs: list[Run]

    @property
    def tone(self) -> str:
        return LOOKS[Alert.State(self.alert.state)][0]

    @property
    def icon(self) -> str:
        return LOOKS[Alert.State(self.alert.state)][1]

    @property
    def word(self) -> str:
        return WORDS[Alert.State(self.alert.state)]

    @property
    def thresholds(self) -> str:
        return thresholds(self.alert)

    @property
    def is_muted(self) -> bool:
        return self.alert.muted_until is not None and self.alert.muted_until > timezone.now()


@readers
@require_GET
def alerts(request: DeskRequest) -> HttpResponse:
    found = sorted(Alert.objects.all(), key=lambda each: (not each.enabled, ORDER.index(each.state), each.name.lower()))
    return render(request, "observability/alerts.html", {"lines": lines_of(found)})


@readers
@require_GET
def alert(request: DeskRequest, alert_id: UUID) -> HttpResponse:
    found = get_object_or_404(Alert.objects.select_related("created_by"), pk=alert_id)
    return render(request, "observability/alert.html", page_of(found))


@readers
@require_http_methods(["GET", "POST"])
def alert_new(request: DeskRequest) -> HttpResponse:
    if request.method == "POST":
        return save(request, AlertForm(request.POST, instance=Alert(created_by=request.user)), is_new=True)
    text = request.GET.get("q", "")
    return form_page(request, AlertForm(initial={"text": text, "column": request.GET.get("column", "")}))


@readers
@require_http_methods(["GET", "POST"])
def alert_edit(request: DeskRequest, alert_id: UUID) -> HttpResponse:
    found = get_object_or_404(Alert, pk=alert_id)
    if request.method == "POST":
        return save(request, AlertForm(request.POST, instance=found), is_new=False)
    return form_page(request, AlertForm(instance=found))


@readers
@require_GET
def alert_sentence(request: DeskRequest) -> HttpResponse:
    """What the form says so far, for its sentence."""
    return HttpResponse(escape(preview_of(request.GET.dict())))


@readers
@require_POST
def alert_try(request: DeskRequest, alert_id: UUID) -> HttpResponse:
    """Ask it now: nothing is written, and nobody told."""
    found = get_object_or_404(Alert, pk=alert_id)
    answer = find(found, timezone.now())
    tried = {"word": WORDS[answer.state], "tone": LOOKS[answer.state][0], "text": sentence(found, answer)}
    return render(request, "observability/alert.html", {**page_of(found), "tried": tried})


@readers
@require_POST
def alert_mute(request: DeskRequest, alert_id: UUID) -> HttpResponse:
    hours = request.POST.get("hours", "")
    if hours not in MUTES:
        return HttpResponse("Choose for how long.", status=INVALID)
    until = timezone.now() + timedelta(hours=int(hours)) if int(hours) else None
    changed(request, alert_id, "alert.mute", muted_until=until)
    messages.success(request, f"Muted for {MUTES[hours]}." if until else "It tells again.")
    return redirect("observability:alert", alert_id)


@readers
@require_POST
def alert_switch(request: DeskRequest, alert_id: UUID) -> HttpResponse:
    is_on = request.POST.get("enabled") == "1"
    now = timezone.now()
    changed(request, alert_id, "alert.switch", enabled=is_on, **({"next_run_at": now} if is_on else {}))
    messages.success(request, "It is asked again." if is_on else "It is off: nobody asks it.")
    return redirect("observability:alert", alert_id)


@readers
@require_POST
def alert_delete(request: DeskRequest, alert_id: UUID) -> HttpResponse:
    found = get_object_or_404(Alert, pk=alert_id)
    with transaction.atomic():
        audit.record(request.user, "alert.delete", kind="alert", id=found.pk, name=found.name, before=as_kept(found))
        found.delete()
    messages.success(request, f"{found.name} is deleted.")
    return redirect("observability:alerts")


# -- what they share


def lines_of(found: Sequence[Alert]) -> list[Line]:
    return [Line(alert=each, runs=newest_runs(each, STRIP)[::-1]) for each in found]


def newest_runs(found: Alert, count: int) -> list[Run]:
    return [Run(run=run) for run in AlertRun.objects.filter(alert=found).order_by("-at")[:count]]


def page_of(found: Alert) -> dict[str, Any]:
    runs = newest_runs(found, RUNS)
    return {
        "line": Line(alert=found, runs=runs[:STRIP][::-1]),
        "alert": found,
        "runs": runs,
        "chart": chart_of(runs[::-1]),
        "asked": reverse("observability:insights") + Asked(text=found.text).query(),
        "preview": preview({name: getattr(found, name) for name in AlertForm.Meta.fields}),
        "mutes": list(MUTES.items()),
    }


def chart_of(runs: Sequence[Run]) -> dict[str, Any] | None:
    """Its number over its newest runs; where there was none, a gap."""
    if sum(each.run.value is not None for each in runs) < 2:
        return None
    return {
        "kind": "lines",
        "points": [{"label": f"{each.run.at:%d %b %H:%M}", "at": each.run.at} for each in runs],
        "series": [{"name": "Value", "colour": "series-1", "values": [each.run.value for each in runs]}],
    }


def form_page(request: DeskRequest, form: AlertForm, *, status: int = 200) -> HttpResponse:
    kept = form.instance if form.instance.name and not form.instance._state.adding else None  # noqa: SLF001
    said = {name: str(form[name].value() or "") for name in SAID}
    context = {"form": form, "alert": kept, "sentence": preview_of(said)}
    return render(request, "observability/alert_form.html", context, status=status)


def save(request: DeskRequest, form: AlertForm, *, is_new: bool) -> HttpResponse:
    before = None if is_new else as_kept(Alert.objects.get(pk=form.instance.pk))
    if not form.is_valid():
        return form_page(request, form, status=INVALID)
    with transaction.atomic():
        form.instance.next_run_at = timezone.now()
        saved = form.save()
        act = "alert.add" if is_new else "alert.change"
        audit.record(request.user, act, kind="alert", id=saved.pk, name=saved.name, before=before, after=as_kept(saved))
    messages.success(request, f"{saved.name} is asked from now on.")
    return redirect("observability:alert", saved.pk)


def as_kept(found: Alert) -> dict[str, Any]:
    return {name: getattr(found, name) for name in (*AlertForm.Meta.fields, "enabled")}


def changed(request: DeskRequest, alert_id: UUID, act: str, **values: Any) -> None:
    """One that is gone meanwhile is a 404."""
    with transaction.atomic():
        found = get_object_or_404(Alert.objects.select_for_update(), pk=alert_id)
        before = {name: getattr(found, name) for name in values}
        Alert.objects.filter(pk=alert_id).update(**values)
        audit.record(request.user, act, kind="alert", id=found.pk, name=found.name, before=before, after=values)
