"""Budgets: what may be spent and what happens on the way there, how much is spent now, what was told of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.budget_changes import (
    RECOMMENDED,
    add_budget,
    add_recommended_budgets,
    change_budget,
)
from agents.budget_forms import BudgetEditor, sentence_of
from agents.budget_list import all_budgets, budget_rows, history_of, tests_of
from agents.budget_sending import discard_draft, get_draft_for, send_draft
from agents.budget_watch import send_test, trial_key
from agents.budget_words import budget_words
from agents.decisions import Conflict
from agents.errors import Rejected
from agents.handling import Stale
from agents.intake import check_text
from agents.limits import delete_limit, switch_limit
from agents.models import BudgetStep, Limit
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, role_required, staff_required
from observability.cost_areas import areas

INVALID = 422
# How many of the highest users of a budget the list and its own page show.
FEW, MANY = 3, 20
answerer_required = role_required(Role.SUPPORT, Role.REVIEWER)


@staff_required
@require_GET
def budgets(request: StaffRequest) -> HttpResponse:
    context = {
        "areas": areas("agents:budgets") if has_role(request.user, Role.ANALYST) else [],
        "rows": budget_rows(all_budgets(), users=FEW),
        "may_configure": may_configure(request.user),
        "recommended": [sentence_of_recommended(*values) for values in RECOMMENDED],
    }
    return render(request, "agents/budgets.html", context)


@staff_required
@require_GET
def budget(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    """One budget: who spends most of it, its steps, what was told, and whether an alert arrives."""
    found = get_budget(limit_id)
    before = moment_of(request)
    crossings, has_older = history_of(found, before=before)
    row = budget_rows([found], users=MANY)[0]
    context = {
        "row": row,
        "line": row.line,
        "sentence": sentence_of(found, row.steps),
        "crossings": crossings,
        "before": before,
        "older": crossings[-1].crossing.at.isoformat() if has_older else "",
        "tests": tests_of(trial_key(found)),
        "most_users": MANY,
        "may_configure": may_configure(request.user),
    }
    return render(request, "agents/budget.html", context)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def budget_new(request: StaffRequest) -> HttpResponse:
    editor = BudgetEditor(request.POST or None)
    if request.method == "POST" and editor.is_valid():
        made = add_budget(editor.made(), editor.steps(), by=request.user)
        messages.success(request, f"From now on there is a budget of {budget_words(made)}.")
        return redirect("agents:budget", made.pk)
    return show_editor(request, editor)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def budget_edit(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    found = get_budget(limit_id)
    editor = BudgetEditor(request.POST if request.method == "POST" else None, limit=found)
    if request.method == "POST" and editor.is_valid():
        change_budget(editor.made(), editor.steps(), by=request.user)
        messages.success(request, f"From now on: a budget of {budget_words(found)}.")
        return redirect("agents:budget", found.pk)
    return show_editor(request, editor)


@role_required(Role.ADMIN)
@require_GET
def budget_sentence(request: StaffRequest) -> HttpResponse:
    """What the budget in the query would do; while it is being written."""
    limit_id = request.GET.get("limit", "")
    found = get_budget(uuid_of(limit_id)) if limit_id else None
    editor = BudgetEditor(request.GET, limit=found)
    sentence = editor.sentence()
    context = {"sentence": sentence, "problem": "" if sentence else first_problem(editor)}
    return render(request, "agents/budget_form.html#budget-sentence", context)


@role_required(Role.ADMIN)
@require_POST
def budget_switch(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    found = get_budget(limit_id)
    enabled = request.POST.get("enabled") == "on"
    switch_limit(found, enabled=enabled, by=request.user)
    messages.success(request, f"The budget of {budget_words(found)} is {'on' if enabled else 'off'}.")
    return redirect("agents:budget", found.pk)


@role_required(Role.ADMIN)
@require_POST
def budget_delete(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    found = get_budget(limit_id)
    words = budget_words(found)
    delete_limit(found, by=request.user)
    messages.success(request, f"The budget of {words} is deleted.")
    return redirect("agents:budgets")


@role_required(Role.ADMIN)
@require_POST
def budgets_recommended(request: StaffRequest) -> HttpResponse:
    done = add_recommended_budgets(by=request.user)
    said = f"{done} budget{'' if done == 1 else 's'} set." if done else "All of them were set already."
    messages.success(request, said)
    return redirect("agents:budgets")


@role_required(Role.ADMIN)
@require_POST
def budget_test(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    """Send a test notice, the way of every alert of this budget."""
    found = get_budget(limit_id)
    send_test(found)
    messages.success(request, "The test alert is on its way. What becomes of it stands below.")
    return redirect(f"{reverse('agents:budget', args=[found.pk])}#tests")


# -- drafts


@answerer_required
@require_POST
def budget_draft_send(request: StaffRequest, turn_id: UUID) -> HttpResponse:
    """Send the draft of a turn, as it is or as it was changed in the form."""
    draft = get_draft_for(request.user, turn_id)
    try:
        text = check_text(request.POST.get("text", "") or draft.text)
        send_draft(draft, user=request.user, text=text, seen=seen_of(request))
    except Stale:
        messages.warning(
            request, "Something was said meanwhile, so the draft was not sent. Read it, then send or change."
        )
    except (Conflict, Rejected) as error:
        messages.warning(request, str(error))
    return redirect(f"{reverse('agents:conversation', args=[draft.session_id])}#end")


@answerer_required
@require_POST
def budget_draft_discard(request: StaffRequest, turn_id: UUID) -> HttpResponse:
    draft = get_draft_for(request.user, turn_id)
    try:
        discard_draft(draft, user=request.user)
    except Conflict as error:
        messages.warning(request, str(error))
    return redirect(f"{reverse('agents:conversation', args=[draft.session_id])}#end")


# -- what they share


def show_editor(request: StaffRequest, editor: BudgetEditor) -> HttpResponse:
    is_wrong = request.method == "POST"
    preview = editor if is_wrong else as_it_stands(editor)
    context = {
        "editor": editor,
        "form": editor.form,
        "limit": editor.limit,
        "sentence": preview.sentence(),
        "problem": first_problem(editor) if is_wrong else "",
        "is_wrong": is_wrong,
    }
    return render(request, "agents/budget_form.html", context, status=INVALID if is_wrong else None)


def as_it_stands(editor: BudgetEditor) -> BudgetEditor:
    """The same form filled in with what it begins with."""
    data: dict[str, Any] = {**editor.form.initial}
    data = {name: value for name, value in data.items() if value not in {None, False}}
    for row in editor.rows:
        data |= {f"{row.prefix}-{name}": value for name, value in row.initial.items()}
    return BudgetEditor(data, limit=get_budget(editor.limit.pk) if editor.limit else None)


def first_problem(editor: BudgetEditor) -> str:
    errors = editor.form.non_field_errors()
    return str(errors[0]) if errors else editor.problem


def sentence_of_recommended(scope: str, period: str, amount: Any, steps: Any) -> str:
    limit = Limit(scope=scope, period=period, measure=Limit.Measure.USD, amount=amount)
    return sentence_of(limit, [BudgetStep(percent=percent, action=action) for percent, action in steps])


def get_budget(limit_id: UUID) -> Limit:
    return get_object_or_404(Limit.objects.select_related("agent"), pk=limit_id, measure=Limit.Measure.USD)


def uuid_of(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Http404("There is no such budget.") from error


def moment_of(request: HttpRequest) -> datetime | None:
    """Before which the history is shown; None for the newest of it."""
    try:
        return parse_datetime(request.GET.get("before", ""))
    except ValueError:
        return None


def seen_of(request: HttpRequest) -> int:
    """The newest message that the form knew; with none said, everything counts as new."""
    text = request.POST.get("seen", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else 0


def may_configure(user: User) -> bool:
    return has_role(user, Role.ADMIN)
