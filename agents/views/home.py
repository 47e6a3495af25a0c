"""Home."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from agents.overview import Overview
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, staff_required

# The parts of the page that it fetches again when something changes.
FRAGMENTS = {"home-now": "home-live", "home-page": "home-page"}


@staff_required
@require_GET
def home(request: StaffRequest) -> HttpResponse:
    template = "agents/home.html"
    if request.htmx and request.htmx.target in FRAGMENTS:
        template = f"{template}#{FRAGMENTS[request.htmx.target]}"
    context = {"overview": Overview(request.user), "decides": has_role(request.user, Role.SUPPORT, Role.REVIEWER)}
    return render(request, template, context)
