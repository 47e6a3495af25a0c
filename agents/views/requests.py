"""What a view of the desk is given, for the type checker."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails


class StaffRequest(HttpRequest):
    """A request that the access decorators have let through: signed in, with a role."""

    user: User
    htmx: HtmxDetails
