"""Whether the desk is up, and how its parts look."""

from __future__ import annotations

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from observability.access import Role, public, role_required


@public
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the web process answers and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


@role_required(Role.ADMIN)
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    return render(request, "styleguide.html")
