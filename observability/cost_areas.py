"""The tabs that the pages of money share."""

from __future__ import annotations

from typing import Any

from django.urls import NoReverseMatch, reverse

AREAS = (
    ("observability:cost", "Overview"),
    ("observability:cost_charges", "Charges"),
    # Kept above this floor; left out where nobody has it.
    ("agents:budgets", "Budgets"),
    ("observability:prices", "Prices"),
    ("observability:cost_calculator", "Calculator"),
)


def areas(current: str) -> list[dict[str, Any]]:
    found = [(route, name, url_of(route)) for route, name in AREAS]
    return [{"name": name, "url": url, "current": route == current, "count": None} for route, name, url in found if url]


def url_of(route: str) -> str:
    try:
        return reverse(route)
    except NoReverseMatch:
        return ""
