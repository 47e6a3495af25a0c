"""Limits: what may be used in a period and by whom, and how much of it is used now."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.limit_forms import BEGINS, REFUSES, AmountForm, LimitForm
from agents.limits import (
    RECOMMENDED,
    add_limit,
    add_recommended,
    change_amount,
    delete_limit,
    limits_in_use,
    switch_limit,
    words_of,
)
from agents.models import Limit
from observability.access import Role, has_role, role_required, staff_required

INVALID = 422
# How many of the highest users of a limit the list and its own page show.
FEW, MANY = 3, 20


class DeskRequest(HttpRequest):
    user: User


@staff_required
@require_GET
def limits(request: DeskRequest) -> HttpResponse:
    found = list(Limit.objects.select_related("agent"))
    order = {scope: number for number, scope in enumerate(Limit.Scope.values)}
    found.sort(key=lambda limit: (order[limit.scope], limit.measure, limit.amount))
    context = {
        "lines": limits_in_use(found, users=FEW),
        "may_configure": may_configure(request.user),
        "recommended": [
            words_of(Limit(scope=scope, measure=measure, period=period, amount=amount))
            for scope, measure, period, amount in RECOMMENDED
        ],
        "has_dollar_limit": any(limit.enabled and limit.measure == Limit.Measure.USD for limit in found),
    }
    return render(request, "agents/limits.html", context)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def limit_new(request: DeskRequest) -> HttpResponse:
    first = {"measure": "usd", "amount": "50", "period": "day", "scope": "all"}
    form = LimitForm(request.POST or None, initial=first)
    if request.method == "POST" and form.is_valid():
        made = add_limit(form.save(commit=False), by=request.user)
        messages.success(request, f"From now on: at most {words_of(made)}.")
        return redirect("agents:limits")
    preview = LimitForm(request.POST or first)
    context = {"form": form, "sentence": preview.sentence() if preview.is_valid() else ""}
    return render(request, "agents/limit_new.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_GET
def limit_sentence(request: DeskRequest) -> HttpResponse:
    """What the limit in the query would do; while it is being written."""
    form = LimitForm(request.GET)
    sentence = form.sentence() if form.is_valid() else ""
    errors = [] if sentence else form.non_field_errors()
    context = {"sentence": sentence, "problem": errors[0] if errors else ""}
    return render(request, "agents/limit_new.html#limit-sentence", context)


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def limit(request: DeskRequest, limit_id: UUID) -> HttpResponse:
    """One limit with its highest users; an admin changes its amount."""
    found = get_limit(limit_id)
    form = AmountForm(request.POST if request.method == "POST" else None, limit=found)
    if request.method == "POST":
        if not may_configure(request.user):
            raise PermissionDenied("Only an admin changes a limit.")
        if form.is_valid():
            change_amount(found, form.cleaned_data["amount"], by=request.user)
            messages.success(request, f"From now on: at most {words_of(found)}.")
            return redirect("agents:limit", found.pk)
        found = get_limit(limit_id)
    context = {
        "line": limits_in_use([found], users=MANY)[0],
        "form": form,
        "begins": BEGINS[Limit.Period(found.period)],
        "refuses": REFUSES[Limit.Measure(found.measure)],
        "most_users": MANY,
        "may_configure": may_configure(request.user),
    }
    return render(request, "agents/limit.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def limit_switch(request: DeskRequest, limit_id: UUID) -> HttpResponse:
    found = get_limit(limit_id)
    enabled = request.POST.get("enabled") == "on"
    switch_limit(found, enabled=enabled, by=request.user)
    messages.success(request, f"The limit of {words_of(found)} is {'on' if enabled else 'off'}.")
    return redirect("agents:limit", found.pk)


@role_required(Role.ADMIN)
@require_POST
def limit_delete(request: DeskRequest, limit_id: UUID) -> HttpResponse:
    found = get_limit(limit_id)
    words = words_of(found)
    delete_limit(found, by=request.user)
    messages.success(request, f"The limit of {words} is deleted.")
    return redirect("agents:limits")


@role_required(Role.ADMIN)
@require_POST
def limits_recommended(request: DeskRequest) -> HttpResponse:
    added = add_recommended(by=request.user)
    said = f"{added} limit{'' if added == 1 else 's'} set." if added else "All of them were set already."
    messages.success(request, said)
    return redirect("agents:limits")


def get_limit(limit_id: UUID) -> Limit:
    return get_object_or_404(Limit.objects.select_related("agent"), pk=limit_id)


def may_configure(user: User) -> bool:
    return has_role(user, Role.ADMIN)
