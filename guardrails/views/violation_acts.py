"""What people do about a violation: judge it, look at what is hidden, and make a case of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from guardrails.excerpts import JUDGES
from guardrails.labelled import ImportRefused
from guardrails.models import LabelledSet, Violation
from guardrails.triage import NOTE_LENGTH, REASON_LENGTH, Conflict, Triage, add_to_set, judge, reveal
from guardrails.views.guardrail_lines import CONFLICT, INVALID, DeskRequest
from guardrails.views.violation_lines import (
    get_violation,
    is_peek,
    lines_of,
    panel_of,
    params_of_page,
    read_wanted,
)
from guardrails.views.violations import page_of
from guardrails.violation_words import TRIAGES
from observability.access import role_required

judge_required = role_required(*JUDGES)


class TriageForm(forms.Form):
    verdict = forms.ChoiceField(choices=Triage.choices, error_messages={"required": "Say what it is."})
    seen = forms.ChoiceField(choices=Triage.choices)
    note = forms.CharField(
        max_length=NOTE_LENGTH,
        required=False,
        error_messages={"max_length": f"A note has at most {NOTE_LENGTH} characters. Nothing was changed."},
    )


class RevealForm(forms.Form):
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        error_messages={
            "required": "Say why you look at it. Nothing was shown.",
            "max_length": f"A reason has at most {REASON_LENGTH} characters. Nothing was shown.",
        },
    )


class CaseForm(forms.Form):
    labelled_set = forms.ModelChoiceField(
        LabelledSet.objects.all(),
        error_messages={"required": "Choose a set.", "invalid_choice": "This set is gone."},
    )
    label = forms.ChoiceField(
        choices=[("yes", "Right"), ("no", "False alarm")],
        error_messages={"required": "Say whether the filter was right."},
    )


@judge_required
@require_POST
def violation_triage(request: DeskRequest, violation_id: UUID) -> HttpResponse:
    found = get_violation(violation_id)
    form = TriageForm(request.POST)
    if not form.is_valid():
        return answer(request, found, status=INVALID, notice=first_error(form), tone="bad", kept=note_of(request))
    said = form.cleaned_data
    verdict = Triage(said["verdict"])
    try:
        fresh = judge(found, user=request.user, verdict=verdict, note=said["note"], seen=said["seen"])
    except Conflict as error:
        return answer(
            request, get_violation(found.pk), status=CONFLICT, notice=str(error), tone="warn", kept=said["note"]
        )
    return done(request, fresh, "Open again." if verdict == Triage.OPEN else f"{TRIAGES[verdict].word}.")


@judge_required
@require_POST
@never_cache
def violation_reveal(request: DeskRequest, violation_id: UUID) -> HttpResponse:
    """Answered with the page itself, so that what is shown is gone with the next look."""
    found = get_violation(violation_id)
    form = RevealForm(request.POST)
    if not form.is_valid():
        return answer(request, found, status=INVALID, notice=first_error(form), tone="bad")
    reveal(found, user=request.user, reason=form.cleaned_data["reason"])
    return answer(request, found, revealed=True)


@judge_required
@require_POST
def violation_case(request: DeskRequest, violation_id: UUID) -> HttpResponse:
    found = get_violation(violation_id)
    form = CaseForm(request.POST)
    if not form.is_valid():
        return answer(request, found, status=INVALID, notice=first_error(form), tone="bad")
    wanted: LabelledSet = form.cleaned_data["labelled_set"]
    try:
        is_new = add_to_set(found, wanted, label=form.cleaned_data["label"] == "yes")
    except ImportRefused as error:
        return answer(request, found, status=INVALID, notice=f"{error} Nothing was added.", tone="bad")
    return done(request, found, f"Added to {wanted.name}." if is_new else f"{wanted.name} has it already.")


# -- answers


def answer(request: DeskRequest, found: Violation, *, status: int = 200, **more: Any) -> HttpResponse:
    """The panel, wherever it stands, or the whole page."""
    if not request.htmx:
        return render(request, "guardrails/violation.html", page_of(request, found, **more), status=status)
    in_list = is_peek(request)
    wanted = read_wanted(params_of_page(request))
    context = {
        **panel_of(found, request.user, is_peek=in_list, **more),
        "query": wanted.query(),
        "row": lines_of([found], request.user)[0] if in_list else None,
        "chosen": found.pk,
    }
    part = "violation-peek" if in_list else "violation-panel"
    return render(request, f"guardrails/violation.html#{part}", context, status=status)


def done(request: DeskRequest, found: Violation, text: str) -> HttpResponse:
    """Said once: in the panel, or on the page that the browser is sent to."""
    if request.htmx:
        return answer(request, found, notice=text, tone="good")
    messages.success(request, text)
    return redirect(reverse("guardrails:violation", args=[found.pk]) + read_wanted(request.GET).query())


def note_of(request: DeskRequest) -> str:
    return request.POST.get("note", "")


def first_error(form: forms.Form) -> str:
    return str(next(iter(form.errors.values()))[0])
