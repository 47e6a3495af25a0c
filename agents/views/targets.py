"""Targets: a person lets one be tried at once."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_http_methods

from agents.overview import label_of
from agents.views.requests import StaffRequest
from observability.access import Role, role_required
from tools.breaker import try_now
from tools.models import Target


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_try(request: StaffRequest, target_id: UUID) -> HttpResponse:
    """Its address alone, with which somebody comes who had to sign in first, leads to the target and tries nothing."""
    target = get_object_or_404(Target, pk=target_id)
    if request.method != "POST":
        return redirect("tools:target", target.name)
    if try_now(target.pk):
        messages.success(request, f"The next call tries {label_of(target)}.")
    else:
        messages.info(request, f"{label_of(target)} is not waiting to be tried.")
    return redirect("tools:target", target.name)
