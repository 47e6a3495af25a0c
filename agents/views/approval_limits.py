"""How much a person may approve, and how much money may move in a period over all conversations."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.approval_limits import ApproverForm, MoneyLimitForm, limit_words, save_money_limit, tool_words
from agents.approval_words import money_words
from agents.sessions import label_of
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, role_required, staff_required
from tools.models import ApproverLimit, MoneyLimit

INVALID = 422


@staff_required
@require_GET
def approval_limits(request: StaffRequest) -> HttpResponse:
    return limits_page(request, ApproverForm())


@role_required(Role.ADMIN)
@require_POST
def approver_limit(request: StaffRequest) -> HttpResponse:
    """Sets one person's limit; without an amount it is taken away."""
    form = ApproverForm(request.POST)
    if not form.is_valid():
        return limits_page(request, form, status=INVALID)
    user, amount = form.save_by(request.user)
    if amount is None:
        messages.success(request, f"{label_of(user)} may approve whatever the role allows.")
    else:
        messages.success(request, f"{label_of(user)} may approve up to {money_words(amount, '')} in one call.")
    return redirect("agents:approval_limits")


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def money_limit_new(request: StaffRequest) -> HttpResponse:
    form = MoneyLimitForm(request.POST or None, initial={"scope": MoneyLimit.Scope.CUSTOMER, "hours": 24})
    if request.method == "POST" and form.is_valid():
        made = save_money_limit(form.save(commit=False), request.user)
        messages.success(request, f"From now on: at most {limit_words(made)}.")
        return redirect("agents:approval_limits")
    return render(request, "agents/approval_limit.html", {"form": form}, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def money_limit(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    found = get_object_or_404(MoneyLimit, pk=limit_id)
    words = limit_words(found)
    form = MoneyLimitForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        saved = save_money_limit(form.save(commit=False), request.user)
        messages.success(request, f"From now on: at most {limit_words(saved)}.")
        return redirect("agents:approval_limits")
    context = {"form": form, "limit": found, "words": words}
    return render(request, "agents/approval_limit.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def money_limit_switch(request: StaffRequest, limit_id: UUID) -> HttpResponse:
    found = get_object_or_404(MoneyLimit, pk=limit_id)
    found.enabled = request.POST.get("enabled") == "on"
    save_money_limit(found, request.user)
    messages.success(request, f"The limit of {limit_words(found)} is {'on' if found.enabled else 'off'}.")
    return redirect("agents:approval_limits")


def limits_page(request: StaffRequest, form: ApproverForm, *, status: int = 200) -> HttpResponse:
    people = ApproverLimit.objects.select_related("user").order_by("user__first_name", "user__email")
    context = {
        "people": [(limit, label_of(limit.user), money_words(limit.max_amount, "")) for limit in people],
        "limits": [(limit, limit_words(limit), tool_words(limit)) for limit in MoneyLimit.objects.all()],
        "form": form,
        "may_configure": has_role(request.user, Role.ADMIN),
    }
    return render(request, "agents/approval_limits.html", context, status=status)
