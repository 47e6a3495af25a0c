"""A guardrail's draft against what is in force, its versions, and the way back to one of them."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from guardrails.config import ConfigRefused
from guardrails.guardrail_forms import PublishForm
from guardrails.models import Guardrail, GuardrailVersion
from guardrails.sentences import notices_of, sections_of
from guardrails.versions import (
    Changed,
    NothingToPublish,
    changes,
    config_of,
    discard,
    draft_of,
    newest_version,
    present_judges,
    publish,
    roll_back,
    uses_of,
)
from guardrails.views.guardrail_lines import (
    CONFLICT,
    INVALID,
    DeskRequest,
    frame,
    get_guardrail,
    get_version,
)
from observability.access import Role, role_required, staff_required

MOST_VERSIONS = 200
DRAFT = "draft"


# -- the draft


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_publish(request: DeskRequest, slug: str) -> HttpResponse:
    """How the draft differs from what is in force, and the button that puts it in force."""
    found = get_guardrail(slug)
    form, status = PublishForm(), None
    if request.method == "POST":
        form, status = PublishForm(request.POST), INVALID
        if form.is_valid():
            try:
                made = publish(found, user=request.user, note=form.cleaned_data["note"], mark=form.cleaned_data["mark"])
            except Changed as error:
                form.add_error(None, f"{error} Below is how it is now.")
                status = CONFLICT
            except NothingToPublish as error:
                form.add_error(None, str(error))
                status = CONFLICT
            except ConfigRefused:
                form.add_error(None, "The draft is no guardrail any more: open it and mend what it says.")
            else:
                messages.success(request, f"Version {made.number} of {found.name} is in force.")
                return redirect("guardrails:guardrail", found.slug)
    context = frame(found, request.user, "guardrails:guardrail_draft")
    draft, ready = context["draft"], [model.id for model in present_judges() if model.is_ready]
    context |= {
        "form": form,
        "changes": context["draft_changes"],
        "uses": [use for use in uses_of(found) if use.number is None and not use.is_draft],
        "notices": notices_of(config_of(draft), ready) if draft else [],
    }
    return render(request, "guardrails/guardrail_publish.html", context, status=status)


@role_required(Role.ADMIN)
@require_POST
def guardrail_discard(request: DeskRequest, slug: str) -> HttpResponse:
    found = get_guardrail(slug)
    try:
        discard(found, mark=request.POST.get("mark", ""))
    except Changed as error:
        messages.error(request, f"{error} Look at it first.")
        return redirect("guardrails:guardrail_publish", found.slug)
    messages.success(request, "The draft is discarded.")
    return redirect("guardrails:guardrail", found.slug)


# -- versions


@staff_required
@require_GET
def guardrail_versions(request: DeskRequest, slug: str) -> HttpResponse:
    found = get_guardrail(slug)
    published = found.versions.filter(number__isnull=False).select_related("published_by").defer("config")
    versions = list(published.order_by("-number")[:MOST_VERSIONS])
    context = {
        **frame(found, request.user, "guardrails:guardrail_versions"),
        "versions": versions,
        "a": versions[1].number if len(versions) > 1 else None,
        "b": versions[0].number if versions else None,
    }
    return render(request, "guardrails/guardrail_versions.html", context)


@staff_required
@require_GET
def guardrail_version(request: DeskRequest, slug: str, number: int) -> HttpResponse:
    """One version whole, and how it differs from the one before; it never changes."""
    found = get_guardrail(slug)
    version = get_version(found, number)
    published = found.versions.filter(number__isnull=False)
    before = published.filter(number__lt=version.number).order_by("-number").first()
    config = config_of(version)
    context = {
        **frame(found, request.user, "guardrails:guardrail_versions"),
        "version": version,
        "sections": sections_of(config),
        "before": before,
        "after": published.filter(number__gt=version.number).order_by("number").first(),
        "changes": changes(config_of(before), config) if before else [],
        "uses": [use for use in uses_of(found) if use.number == version.number],
        "json": json.dumps(version.config, ensure_ascii=False, indent=2),
    }
    return render(request, "guardrails/guardrail_version.html", context)


@staff_required
@require_GET
def guardrail_compare(request: DeskRequest, slug: str) -> HttpResponse:
    """Any two versions, the draft among them; what is in force and what came before it unless others are chosen."""
    found = get_guardrail(slug)
    before = chosen(found, request.GET.get("a", ""))
    after = chosen(found, request.GET.get("b", ""))
    published = found.versions.filter(number__isnull=False).order_by("-number")
    context: dict[str, Any] = {
        **frame(found, request.user, "guardrails:guardrail_versions"),
        "before": before,
        "after": after,
        "numbers": list(published.values_list("number", flat=True)[:MOST_VERSIONS]),
        "changes": changes(config_of(before), config_of(after)),
    }
    return render(request, "guardrails/guardrail_compare.html", context)


def chosen(found: Guardrail, text: str) -> GuardrailVersion:
    """By its number, or the draft; the newest where none is named. Raises `Http404`."""
    version = draft_of(found) if text == DRAFT else newest_version(found) if not text else None
    if text.isdecimal() and len(text) < 10:
        version = get_version(found, int(text))
    if version is None:
        raise Http404("There is no such version.")
    return version


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def guardrail_roll_back(request: DeskRequest, slug: str, number: int) -> HttpResponse:
    """Earlier rules as a new version, after a page that says what that changes."""
    found = get_guardrail(slug)
    version = get_version(found, number)
    status, notice = None, ""
    if request.method == "POST":
        seen = request.POST.get("seen", "")
        try:
            made = roll_back(
                found, to=number, user=request.user, seen=int(seen) if seen.isdecimal() and len(seen) < 10 else None
            )
        except (Changed, NothingToPublish) as error:
            status, notice = CONFLICT, str(error)
        except ConfigRefused as refused:
            status, notice = INVALID, f"Version {number} is no guardrail any more: {refused}"
        else:
            messages.success(request, f"Version {made.number} is in force, with the rules of version {number}.")
            return redirect("guardrails:guardrail", found.slug)
    context = frame(found, request.user, "guardrails:guardrail_versions")
    context |= {
        "version": version,
        "changes": changes(config_of(context["newest"]), config_of(version)),
        "notice": notice,
    }
    return render(request, "guardrails/guardrail_roll_back.html", context, status=status)
