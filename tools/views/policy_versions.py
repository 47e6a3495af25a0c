"""The draft against what is in force, the versions, and the way back to one of them."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, role_required, staff_required
from tools.models import PolicyVersion
from tools.policies import (
    Changed,
    NothingToPublish,
    changes,
    discard,
    in_force,
    problems_of,
    publish,
    roll_back,
    stored_draft,
    waiting_approvals,
)
from tools.policy.statements import Problem, RulesRefused
from tools.views.policies import draft_bar
from tools.views.policy_lines import CONFLICT, INVALID, DeskRequest, lines_of, may_configure, tabs

MOST_VERSIONS = 200


class PublishForm(forms.Form):
    note = forms.CharField(
        max_length=200,
        required=False,
        label="Note",
        widget=forms.TextInput(attrs={"placeholder": "What changes, and why"}),
    )
    mark = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)


# -- the draft


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def policy_draft(request: DeskRequest) -> HttpResponse:
    """How the draft differs from what is in force; an admin publishes it from here."""
    if request.method != "POST":
        return render(request, "tools/policy_draft.html", review(request, PublishForm()))
    if not may_configure(request.user):
        raise PermissionDenied("Only an admin publishes policies.")
    form = PublishForm(request.POST)
    status = INVALID
    if form.is_valid():
        try:
            version = publish(user=request.user, note=form.cleaned_data["note"], mark=form.cleaned_data["mark"])
        except Changed as error:
            form.add_error(None, f"{error} Below is how it is now.")
            status = CONFLICT
        except NothingToPublish as error:
            form.add_error(None, str(error))
            status = CONFLICT
        except RulesRefused:
            form.add_error(None, "The draft does not fit the tools.")
        else:
            messages.success(request, f"Version {version.number} is in force.")
            return redirect("tools:policies")
    return render(request, "tools/policy_draft.html", review(request, form), status=status)


def review(request: DeskRequest, form: PublishForm) -> dict[str, Any]:
    newest, draft = in_force(), stored_draft()
    bar = draft_bar(newest, draft)
    changed = {change.name: change.kind for change in bar["draft_changes"]}
    return {
        "tabs": tabs("tools:policy_draft"),
        "version": newest,
        "changes": bar["draft_changes"],
        "lines": lines_of(draft, changed=changed) if draft else [],
        "problems": problems_of(draft) if draft else [],
        "waiting": waiting_approvals(),
        "form": form,
        "may_configure": may_configure(request.user),
        **bar,
    }


@role_required(Role.ADMIN)
@require_POST
def policy_discard(request: DeskRequest) -> HttpResponse:
    try:
        discard(mark=request.POST.get("mark", ""))
    except Changed as error:
        messages.error(request, f"{error} Look at it first.")
        return redirect("tools:policy_draft")
    messages.success(request, "The draft is discarded.")
    return redirect("tools:policies")


# -- versions


@staff_required
@require_GET
def policy_versions(request: DeskRequest) -> HttpResponse:
    published = PolicyVersion.objects.filter(number__isnull=False).select_related("published_by")
    found = list(published.prefetch_related("rules").order_by("-number")[:MOST_VERSIONS])
    context = {
        "tabs": tabs("tools:policy_versions"),
        "versions": found,
        "live": found[0].number if found else None,
        "draft": stored_draft(),
        "may_configure": may_configure(request.user),
    }
    return render(request, "tools/policy_versions.html", context)


@staff_required
@require_GET
def policy_version(request: DeskRequest, number: int) -> HttpResponse:
    """One version whole, and how it differs from the one before; it never changes."""
    found, newest = get_version(number), in_force()
    before = PolicyVersion.objects.filter(number__lt=number).order_by("-number").first()
    context = {
        "version": found,
        "lines": lines_of(found),
        "before": before,
        "after": PolicyVersion.objects.filter(number__gt=number).order_by("number").first(),
        "changes": changes(found, before) if before else [],
        "is_live": newest is not None and newest.number == number,
        "live": newest,
        "may_configure": may_configure(request.user),
    }
    return render(request, "tools/policy_version.html", context)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def policy_roll_back(request: DeskRequest, number: int) -> HttpResponse:
    """Earlier rules as a new version, after a page that says what that changes."""
    found = get_version(number)
    status, notice = None, ""
    problems: list[Problem] = []
    if request.method == "POST":
        seen = request.POST.get("live", "")
        try:
            made = roll_back(number, user=request.user, seen=int(seen) if seen.isdecimal() and len(seen) < 10 else None)
        except (Changed, NothingToPublish) as error:
            status, notice = CONFLICT, str(error)
        except RulesRefused as refused:
            status, problems = INVALID, refused.problems
        else:
            messages.success(request, f"Version {made.number} is in force, with the rules of version {number}.")
            return redirect("tools:policies")
    newest = in_force()
    context = {
        "version": found,
        "live": newest,
        "next_number": (newest.number or 0) + 1 if newest else 1,
        "changes": changes(found, newest),
        "problems": problems or problems_of(found),
        "notice": notice,
        "waiting": waiting_approvals(),
        "draft": stored_draft(),
    }
    return render(request, "tools/policy_roll_back.html", context, status=status)


def get_version(number: int) -> PolicyVersion:
    # Beyond what the column can hold there is none.
    return get_object_or_404(PolicyVersion.objects.select_related("published_by"), number=min(number, 2**31 - 1))
