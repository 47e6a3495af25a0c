"""The guardrails: the list, one of them read out, new ones, and which of them is the default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guardrails.bedrock import Imported
from guardrails.guardrail_forms import GuardrailForm, ImportForm
from guardrails.models import Guardrail
from guardrails.sentences import notices_of, sections_of
from guardrails.standing import DAYS, Figures, figures_by_guardrail
from guardrails.trying import Try, Whose
from guardrails.versions import (
    Changed,
    NotAllowed,
    Use,
    config_of,
    delete,
    editable,
    make_guardrail,
    mark_of,
    present_judges,
    save_draft,
    set_default,
    uses_by_guardrail,
    uses_of,
    why_it_stays,
)
from guardrails.views.guardrail_lines import CONFLICT, INVALID, DeskRequest, areas, frame, get_guardrail, may_configure
from observability.access import Role, role_required, staff_required


@dataclass(frozen=True, kw_only=True)
class GuardrailLine:
    """A guardrail as a row of the list."""

    guardrail: Guardrail
    number: int | None
    has_draft: bool
    uses: list[Use]
    figures: Figures


@staff_required
@require_GET
def guardrails(request: DeskRequest) -> HttpResponse:
    found = list(Guardrail.objects.annotate(number=Max("versions__number")).order_by("-is_default", "name"))
    drafts = set(Guardrail.objects.filter(versions__number=None).values_list("pk", flat=True))
    uses, figures = uses_by_guardrail(found), figures_by_guardrail()
    lines = [
        GuardrailLine(
            guardrail=each,
            number=each.number,
            has_draft=each.pk in drafts,
            uses=[use for use in uses[each.pk] if not use.is_draft],
            figures=figures.get(each.pk, Figures()),
        )
        for each in found
    ]
    context = {
        "tabs": areas("guardrails:guardrails"),
        "lines": lines,
        "days": DAYS,
        "may_configure": may_configure(request.user),
    }
    return render(request, "guardrails/guardrails.html", context)


@staff_required
@require_GET
def guardrail(request: DeskRequest, slug: str) -> HttpResponse:
    """The newest version, or the draft of one that was never published, rule by rule in words."""
    return render(request, "guardrails/guardrail.html", read_out(request, get_guardrail(slug)))


def read_out(request: DeskRequest, found: Guardrail) -> dict[str, Any]:
    context = frame(found, request.user, "guardrails:guardrail")
    version = context["newest"] or context["draft"]
    config = config_of(version)
    ready = [model.id for model in present_judges() if model.is_ready]
    return {
        **context,
        "version": version,
        "sections": sections_of(config),
        "notices": notices_of(config, ready),
        "uses": uses_of(found),
        "figures": figures_by_guardrail().get(found.pk, Figures()),
        "days": DAYS,
        "stays": why_it_stays(found),
        "try": Try(text=""),
        "whose": list(Whose),
    }


# -- new ones


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_new(request: DeskRequest) -> HttpResponse:
    form = GuardrailForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        like = form.cleaned_data["like"]
        is_copy = form.cleaned_data["begin"] == GuardrailForm.COPY
        try:
            made = make_guardrail(
                name=form.cleaned_data["name"],
                description=form.cleaned_data["description"],
                config=editable(like).config if is_copy else form.config(),
            )
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{made.name} is made. It holds for nobody until its draft is published.")
            say_ignored(request, form.imported)
            return redirect("guardrails:guardrail_draft", made.slug)
    return render(request, "guardrails/guardrail_new.html", {"form": form}, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_import(request: DeskRequest, slug: str) -> HttpResponse:
    """A guardrail of Bedrock in the place of the draft."""
    found = get_guardrail(slug)
    form = ImportForm(request.POST or None, request.FILES or None)
    status = None
    if request.method == "POST":
        status = INVALID
        if form.is_valid():
            try:
                save_draft(found, config=form.imported.config, seen=request.POST.get("seen", ""))
            except Changed as error:
                form.add_error(None, f"{error} Import it again to put it in the place of that.")
                status = CONFLICT
            else:
                messages.success(
                    request, "The draft says what was imported. Nothing is in force before it is published."
                )
                say_ignored(request, form.imported)
                return redirect("guardrails:guardrail_draft", found.slug)
    context = {**frame(found, request.user, ""), "form": form, "seen": mark_of(editable(found))}
    return render(request, "guardrails/guardrail_import.html", context, status=status)


def say_ignored(request: DeskRequest, imported: Imported) -> None:
    if imported.ignored:
        messages.info(request, f"Left out, as there is no use for it here: {', '.join(imported.ignored)}.")


# -- which one holds, and the end of one


@role_required(Role.ADMIN)
@require_POST
def guardrail_default(request: DeskRequest, slug: str) -> HttpResponse:
    found = get_guardrail(slug)
    try:
        set_default(found)
    except (Changed, NotAllowed) as error:
        messages.error(request, f"{error} Nothing was changed.")
    else:
        messages.success(request, f"{found.name} holds for every agent that names no guardrail.")
    return redirect("guardrails:guardrail", found.slug)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_delete(request: DeskRequest, slug: str) -> HttpResponse:
    found = get_guardrail(slug)
    stays, status = why_it_stays(found), None
    if request.method == "POST":
        try:
            delete(found)
        except Changed:
            return redirect("guardrails:guardrails")
        except NotAllowed as error:
            stays, status = str(error), CONFLICT
        else:
            messages.success(request, f"{found.name} is deleted. What it saw stays in the list of violations.")
            return redirect(reverse("guardrails:guardrails"))
    context = {
        "guardrail": found,
        "stays": stays,
        "published": found.versions.filter(number__isnull=False).count(),
    }
    return render(request, "guardrails/guardrail_delete.html", context, status=status)
