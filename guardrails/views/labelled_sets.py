"""Labelled sets: made, looked through, added to, taken out, deleted."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import slugify
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.middleware import HtmxDetails

from guardrails.labelled import Imported, ImportRefused, export_lines, import_lines
from guardrails.models import LabelledCase, LabelledSet
from guardrails.workbench_forms import MeasureForm, MoreLinesForm, NewSetForm
from guardrails.workbench_lists import SHOWS, Judged, case_page, label_of, last_judged, measurements_of, show_words
from observability.access import Role, has_role, role_required

INVALID = 422


class WorkbenchRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


def may_edit(user: User) -> bool:
    """Whether they decide what the sets hold; whoever may read may measure."""
    return has_role(user, Role.REVIEWER)


@role_required(Role.REVIEWER, Role.ANALYST)
@require_GET
def labelled_sets(_request: WorkbenchRequest) -> HttpResponse:
    """The list is the workbench's first page; this is where an address of one set leads upwards."""
    return redirect("guardrails:workbench")


@role_required(Role.REVIEWER)
@require_http_methods(["GET", "HEAD", "POST"])
def labelled_set_new(request: WorkbenchRequest) -> HttpResponse:
    form = NewSetForm(request.POST or None, request.FILES or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        try:
            made, imported = make_set(form)
        except ImportRefused as refused:
            form.add_error("file", str(refused))
            context["refused"] = refused
        else:
            messages.success(request, f"{made.name} is made. {words_of(imported)}")
            return redirect("guardrails:labelled_set", made.pk)
    return render(request, "guardrails/labelled_set_new.html", context, status=INVALID if form.errors else None)


@transaction.atomic
def make_set(form: NewSetForm) -> tuple[LabelledSet, Imported]:
    """Raises `ImportRefused`, and then there is no set either."""
    made = form.save()
    file = form.cleaned_data["file"]
    return made, import_lines(made, file.file) if file else Imported(added=0)


def words_of(imported: Imported) -> str:
    if not imported.added and not imported.skipped:
        return "It holds no case yet."
    words = f"{imported.added:,} case{'' if imported.added == 1 else 's'} came in"
    if imported.skipped:
        words += f", {imported.skipped:,} were there already"
    return f"{words}, all as ordinary messages: no line has a label." if imported.ordinary else f"{words}."


@role_required(Role.REVIEWER, Role.ANALYST)
@require_GET
def labelled_set(request: WorkbenchRequest, set_id: UUID) -> HttpResponse:
    return set_page(request, get_object_or_404(LabelledSet, pk=set_id), MoreLinesForm())


@role_required(Role.REVIEWER)
@require_POST
def labelled_set_add(request: WorkbenchRequest, set_id: UUID) -> HttpResponse:
    found = get_object_or_404(LabelledSet, pk=set_id)
    form = MoreLinesForm(request.POST, request.FILES)
    if not form.is_valid():
        return set_page(request, found, form)
    try:
        imported = import_lines(found, form.cleaned_data["file"].file)
    except ImportRefused as refused:
        form.add_error("file", str(refused))
        return set_page(request, found, form, refused)
    messages.success(request, words_of(imported))
    return redirect("guardrails:labelled_set", found.pk)


def set_page(
    request: WorkbenchRequest, found: LabelledSet, form: MoreLinesForm, refused: ImportRefused | None = None
) -> HttpResponse:
    judged = last_judged(found)
    show = request.GET.get("show", "all")
    if show not in SHOWS or (show in {"wrong", "right"} and judged is None):
        raise Http404("There is no such list.")
    page = case_page(found, show=show, after=read_after(request), judged=judged)
    counts = {label: found.cases.filter(label=label).count() for label in (True, False)}
    runs = measurements_of(found)
    context = {
        "set": found,
        "positives": counts[True],
        "case_count": sum(counts.values()),
        "page": page,
        "show": show,
        "facets": facets(found, counts, show, judged),
        "judged": judged,
        "judged_label": label_of(judged.measurement) if judged else "",
        "newer": bool(request.GET.get("after")),
        "runs": runs,
        "done_count": sum(line["figures"] is not None for line in runs),
        "measure_form": MeasureForm(),
        "form": form,
        "refused": refused,
        "may_edit": may_edit(request.user),
    }
    return render(request, "guardrails/labelled_set.html", context, status=INVALID if form.errors else None)


def read_after(request: WorkbenchRequest) -> UUID | None:
    after = request.GET.get("after")
    try:
        return UUID(after) if after else None
    except ValueError as error:
        raise Http404("There is no such page.") from error


def facets(found: LabelledSet, counts: dict[bool, int], show: str, judged: Judged | None) -> list[dict[str, Any]]:
    wrong = judged.measurement.result.get("wrongCount") if judged else None
    numbers = {"all": sum(counts.values()), "positive": counts[True], "negative": counts[False], "wrong": wrong}
    url = reverse("guardrails:labelled_set", args=[found.pk])
    return [
        {
            "name": name,
            "url": url if key == "all" else f"{url}?show={key}",
            "current": key == show,
            "count": numbers.get(key),
        }
        for key, name in show_words(found).items()
        if judged or key not in {"wrong", "right"}
    ]


@role_required(Role.REVIEWER, Role.ANALYST)
@require_GET
def labelled_set_download(_request: WorkbenchRequest, set_id: UUID) -> HttpResponseBase:
    found = get_object_or_404(LabelledSet, pk=set_id)
    name = slugify(found.name) or "labelled-set"
    return StreamingHttpResponse(
        export_lines(found),
        content_type="application/jsonl; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.jsonl"', "Cache-Control": "no-store"},
    )


@role_required(Role.REVIEWER)
@require_POST
def labelled_set_delete(request: WorkbenchRequest, set_id: UUID) -> HttpResponse:
    found = get_object_or_404(LabelledSet, pk=set_id)
    found.delete()
    messages.success(request, f"{found.name} is deleted, with its cases and its measurements.")
    return redirect("guardrails:workbench")


@role_required(Role.REVIEWER)
@require_POST
def labelled_case_delete(request: WorkbenchRequest, case_id: UUID) -> HttpResponse:
    found = get_object_or_404(LabelledCase, pk=case_id)
    found.delete()
    messages.success(request, "The case is deleted. Measurements that were made with it stay as they are.")
    return redirect("guardrails:labelled_set", found.labelled_set_id)
