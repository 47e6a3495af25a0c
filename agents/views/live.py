"""Streams of the desk."""

from __future__ import annotations

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_GET

from agents.access import STAFF
from agents.channels import stream
from observability.access import has_role, public


@public
@require_GET
async def desk_changes(request: HttpRequest) -> HttpResponseBase:
    """Which sessions change, for the lists and counts of any page. Staff only; an async view checks for itself."""
    if not await stream.in_thread(lambda: request.user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    if not await stream.in_thread(has_role, request.user, *STAFF):
        raise PermissionDenied("This stream is for the people of the desk.")
    return stream.event_stream_response(stream.desk_changes(stream.until_signed_out(request, *STAFF)))
