"""Every view of ours says who may call it; a bare one fails here."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLResolver, get_resolver
from django.urls.resolvers import RoutePattern

from observability.access import POLICY

# allauth's views guard themselves, and its own tests see to that.
OTHERS = ("allauth.", "django.")


def our_patterns(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for pattern in (resolver or get_resolver()).url_patterns:
        route = f"{prefix}{pattern.pattern}"
        if isinstance(pattern, URLResolver):
            yield from our_patterns(pattern, route)
        elif not pattern.callback.__module__.startswith(OTHERS):
            yield route, pattern


PATTERNS = list(our_patterns())


def test_there_are_views_to_check() -> None:
    assert len(PATTERNS) > 40


@pytest.mark.parametrize(("route", "pattern"), PATTERNS, ids=[route or "/" for route, _ in PATTERNS])
def test_a_view_has_a_policy_and_a_route_its_form(route: str, pattern: Any) -> None:
    assert getattr(pattern.callback, POLICY, None), f"{pattern.callback.__qualname__} has no access decorator"
    assert isinstance(pattern.pattern, RoutePattern)
    is_probe = route in {"healthz", "metrics", "readyz"}
    assert not route or route.endswith("/") or is_probe, f"{route!r} does not end in a slash"
    assert "int:pk" not in route, f"{route!r} shows a serial id"
