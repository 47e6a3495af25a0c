"""The workbench: versions measured on labelled sets, drafts on what was said, and two measurements side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guardrails.backtest import CHANGES, read_messages
from guardrails.checks import find_guarded
from guardrails.compiled import Guard, guard_for
from guardrails.config import ConfigRefused
from guardrails.curves import curve_of
from guardrails.models import GuardrailVersion, LabelledSet, Measurement
from guardrails.pii import mask
from guardrails.reading import read_config
from guardrails.views.guardrail_lines import areas
from guardrails.views.labelled_sets import INVALID, WorkbenchRequest, may_edit
from guardrails.workbench import TooMany, request_measurement
from guardrails.workbench_forms import BacktestForm, MeasureForm, drafts
from guardrails.workbench_lists import (
    beside,
    decimal,
    figures_of,
    judged_by,
    label_of,
    lines_of,
    measurements,
    measurements_of,
    milliseconds,
    points_shown,
    recent_measurements,
    set_lines,
    wrong_cases,
)
from observability.access import Role, role_required

AROUND = 60
Status = Measurement.Status
ALARM_WORDS = {"pii": "texts with a wrong finding", "grounding": "answers that are borne out"}
CHANGE_WORDS = {
    "new": ("Newly caught", "The draft sees it, the version in force does not."),
    "gone": ("No longer caught", "The version in force sees it, the draft does not."),
    "changed": ("Another action", "Both see it and do something else about it."),
}


@role_required(Role.REVIEWER, Role.ANALYST)
@require_GET
def workbench(request: WorkbenchRequest) -> HttpResponse:
    context = {
        "areas": areas("guardrails:workbench"),
        "lines": set_lines(),
        "runs": recent_measurements(),
        "may_edit": may_edit(request.user),
    }
    return render(request, "guardrails/workbench.html", context)


@role_required(Role.REVIEWER, Role.ANALYST)
@require_POST
def measure(request: WorkbenchRequest, set_id: UUID) -> HttpResponse:
    found = get_object_or_404(LabelledSet, pk=set_id)
    form = MeasureForm(request.POST)
    if not form.is_valid():
        raise Http404("There is no such version.")
    if not found.cases.exists():
        messages.error(request, "Nothing to measure: the set holds no case yet.")
        return redirect("guardrails:labelled_set", found.pk)
    try:
        job = request_measurement(user=request.user, version=form.chosen(), labelled_set=found)
    except (TooMany, GuardrailVersion.DoesNotExist) as error:
        messages.error(request, str(error))
        return redirect("guardrails:labelled_set", found.pk)
    return redirect("guardrails:measurement", job.pk)


@role_required(Role.REVIEWER, Role.ANALYST)
@require_GET
def measurement(request: WorkbenchRequest, measurement_id: UUID) -> HttpResponse:
    """What came of it; while it is still to be run, the page asks for its progress."""
    rows = Measurement.objects.select_related("guardrail", "labelled_set", "requested_by")
    found = get_object_or_404(rows, pk=measurement_id)
    is_open = found.status in (Status.QUEUED, Status.RUNNING)
    context = {"measurement": found, "label": label_of(found), "is_open": is_open, "percent": percent_done(found)}
    if request.htmx:
        response = render(request, "guardrails/measurement.html#measurement-progress", context)
        if not is_open:
            response["HX-Refresh"] = "true"
        return response
    if found.status == Status.DONE:
        context |= backtest_context(found) if found.kind == Measurement.Kind.BACKTEST else set_context(found)
    return render(request, "guardrails/measurement.html", context)


def percent_done(found: Measurement) -> int:
    return round(100 * found.done / found.total) if found.total else 0


def set_context(found: Measurement) -> dict[str, Any]:
    result = found.result
    judged = judged_by(found)
    curve = result.get("curve", [])
    return {
        "result": result,
        "figures": figures_of(result["configured"]),
        "ms": milliseconds(result.get("ms")),
        "alarm_words": ALARM_WORDS.get(result["measures"], "harmless texts"),
        "auc": decimal(result["auc"]) if "auc" in result else "",
        "curve": curve_of(curve, mark=result.get("threshold")) if curve else None,
        "points": points_shown(curve),
        "entities": [
            {**figures_of(entity), "recall_width": round(100 * (entity["recall"] or 0), 1)}
            for entity in result.get("entities", [])
        ],
        "left_out": sorted(result.get("leftOut", {}).items()),
        "wrong": wrong_cases(found, judged.wrong),
        "wrong_count": result["wrongCount"],
        "others": [
            line
            for line in measurements_of(found.labelled_set)  # type: ignore[arg-type]  # of kind `set`
            if line["figures"] and line["row"].pk != found.pk
        ],
    }


# -- back-test


@role_required(Role.REVIEWER, Role.ANALYST)
@require_http_methods(["GET", "HEAD", "POST"])
def backtest(request: WorkbenchRequest) -> HttpResponse:
    form = BacktestForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            job = request_measurement(
                user=request.user, version=form.cleaned_data["draft"], days=form.cleaned_data["days"]
            )
        except TooMany as error:
            messages.error(request, str(error))
        else:
            return redirect("guardrails:measurement", job.pk)
    earlier = measurements().filter(kind=Measurement.Kind.BACKTEST).order_by("-requested_at")[:15]
    context = {"form": form, "has_drafts": drafts().exists(), "runs": lines_of(list(earlier))}
    return render(request, "guardrails/workbench_backtest.html", context, status=INVALID if form.errors else None)


def backtest_context(found: Measurement) -> dict[str, Any]:
    result = found.result
    try:
        guard = guard_for(read_config(found.config))
    except ConfigRefused:  # a rule that was taken out of the product since
        guard = None
    texts = read_messages(UUID(example["message"]) for example in result["examples"])
    groups = []
    for change in CHANGES:
        examples = [example for example in result["examples"] if example["change"] == change]
        lines = [
            {**example, "said": said, **excerpt_of(said.text, example, guard)}
            for example in examples
            if (said := texts.get(UUID(example["message"])))
        ]
        name, words = CHANGE_WORDS[change]
        groups.append(
            {
                "name": name,
                "words": words,
                "count": result[change],
                "lines": lines,
                "gone": len(examples) - len(lines),
            }
        )
    return {
        "result": {**result, "texts_words": f"{result['texts']:,} texts"},
        "groups": groups,
        "rules": [rule for rule in result["rules"] if any(rule[change] for change in CHANGES)],
        "unchanged": sum(not any(rule[change] for change in CHANGES) for rule in result["rules"]),
    }


def excerpt_of(text: str, example: Mapping[str, Any], guard: Guard | None) -> dict[str, str]:
    """The words around the match, without what the draft would mask on its way in."""
    start, end = example["start"], example["end"]
    if start < 0:
        return {"before": masked(text[: 2 * AROUND], guard), "match": "", "after": ""}
    policy, _, name = example["rule"].partition(":")
    begin = max(0, start - AROUND)
    return {
        "before": ("…" if begin else "") + masked(text[begin:start], guard),
        "match": f"{{{name}}}" if policy in {"pii", "secret"} else masked(text[start:end], guard),
        "after": masked(text[end : end + AROUND], guard) + ("…" if end + AROUND < len(text) else ""),
    }


def masked(text: str, guard: Guard | None) -> str:
    return mask(text, find_guarded(guard, text)) if guard else ""


# -- two side by side


@role_required(Role.REVIEWER, Role.ANALYST)
@require_GET
def measurement_compare(request: WorkbenchRequest, set_id: UUID) -> HttpResponse:
    """`a` and `b` are measurements of the set; without them the two newest, the older one first."""
    found = get_object_or_404(LabelledSet, pk=set_id)
    rows = Measurement.objects.filter(labelled_set=found, status=Status.DONE).select_related("guardrail")
    newest = list(rows.order_by("-requested_at").defer("config")[:30])
    before, after = chosen(request, "a", newest, 1), chosen(request, "b", newest, 0)
    context: dict[str, Any] = {"set": found, "runs": newest, "before": before, "after": after}
    if before is not None and after is not None:
        old, new = judged_by(before), judged_by(after)
        context |= {
            "before_label": label_of(before),
            "after_label": label_of(after),
            "rows": beside(before, after),
            "mended": wrong_cases(before, old.wrong.keys() - new.wrong.keys()),
            "mended_count": len(old.wrong.keys() - new.wrong.keys()),
            "broken": wrong_cases(after, new.wrong.keys() - old.wrong.keys()),
            "broken_count": len(new.wrong.keys() - old.wrong.keys()),
            "is_cut": old.is_cut or new.is_cut,
        }
    return render(request, "guardrails/workbench_compare.html", context)


def chosen(request: WorkbenchRequest, name: str, newest: list[Measurement], otherwise: int) -> Measurement | None:
    wanted = request.GET.get(name)
    if not wanted:
        return newest[otherwise] if len(newest) > otherwise else None
    found = next((row for row in newest if str(row.pk) == wanted), None)
    if found is None:
        raise Http404("There is no such measurement of this set.")
    return found
