"""What the pages of the guardrails share: the way from one to the next, and who may change them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from guardrails.models import Guardrail, GuardrailVersion
from guardrails.versions import changes, config_of, draft_of, newest_version, review_mark
from observability.access import Role, has_role

CONFLICT, INVALID = 409, 422
# Beyond what the column can hold there is no version.
HIGHEST = 2**31 - 1
AREAS = (
    ("Guardrails", "guardrails:guardrails"),
    ("Violations", "guardrails:violations"),
    ("Workbench", "guardrails:workbench"),
)
PAGES = (
    ("Rules", "guardrails:guardrail"),
    ("Draft", "guardrails:guardrail_draft"),
    ("Versions", "guardrails:guardrail_versions"),
)


class DeskRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


def areas(current: str) -> list[dict[str, Any]]:
    return [{"name": name, "url": reverse(route), "current": route == current, "count": None} for name, route in AREAS]


def pages(guardrail: Guardrail, current: str, user: User) -> list[dict[str, Any]]:
    """A draft is edited by admins; everybody else reads it where it is compared."""
    return [
        {"name": name, "url": reverse(route, args=[guardrail.slug]), "current": route == current, "count": None}
        for name, route in PAGES
        if route != "guardrails:guardrail_draft" or may_configure(user)
    ]


def may_configure(user: User) -> bool:
    return has_role(user, Role.ADMIN)


def get_guardrail(slug: str) -> Guardrail:
    return get_object_or_404(Guardrail, slug=slug)


def get_version(guardrail: Guardrail, number: int) -> GuardrailVersion:
    found = GuardrailVersion.objects.select_related("published_by")
    return get_object_or_404(found, guardrail=guardrail, number=min(number, HIGHEST))


def frame(guardrail: Guardrail, user: User, current: str) -> dict[str, Any]:
    """What every page of one guardrail shows: its tabs, and how its draft stands to what is in force."""
    newest, draft = newest_version(guardrail), draft_of(guardrail)
    differing = changes(config_of(newest), config_of(draft)) if draft else []
    return {
        "guardrail": guardrail,
        "tabs": pages(guardrail, current, user),
        "may_configure": may_configure(user),
        "newest": newest,
        "draft": draft,
        "draft_changes": differing,
        "mark": review_mark(guardrail),
        "next_number": (newest.number or 0) + 1 if newest else 1,
    }
