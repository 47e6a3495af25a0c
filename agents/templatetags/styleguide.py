"""Sample values for the style guide page, so that it shows every component without a database."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from django import forms, template

from agents.templatetags.states import LOOKS

register = template.Library()

INSTRUCTIONS = """You answer customers of the shop, briefly and in their language.
Look the order up before you speak about it.
Refund only inside the return window of 30 days.
Never promise a date that the carrier has not given.
If you are not sure, hand over to a person.
Sign with the shop's name."""

NEW_INSTRUCTIONS = """You answer customers of the shop, briefly and in their language.
Look the order up before you speak about it, and name its number.
Refund only inside the return window; outside it, escalate.
Never promise a date that the carrier has not given.
If you are not sure, hand over to a person.
Say what the person will have to decide.
Sign with the shop's name."""

ORDER = {
    "order_id": "1042",
    "customer": "ada@example.com",
    "status": "delivered",
    "delivered_on": "2026-11-14",
    "items": [{"sku": "MUG-02", "name": "Stoneware mug", "quantity": 2, "price": "21.00"}],
    "total": "42.00",
    "currency": "EUR",
    "return_window_days": 30,
    "within_return_window": True,
    "refunded": None,
}

TURNS = [4, 2, 1, 0, 1, 3, 9, 22, 41, 52, 60, 58, 49, 55, 63, 61, 54, 48, 40, 33, 26, 19, 12, 5]


class SampleForm(forms.Form):
    name = forms.CharField(initial="Refunds", help_text="Customers see it above each reply.")
    model = forms.ChoiceField(choices=[("sonnet", "Claude Sonnet"), ("haiku", "Claude Haiku")])
    limit = forms.IntegerField(label="Tool calls per turn", min_value=1, max_value=20)
    instructions = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}), required=False)
    greet = forms.BooleanField(label="Greet the customer first", required=False, help_text="Once in each session.")


@register.simple_tag
def samples() -> dict[str, Any]:
    """One dict of values for the page; times are relative to now."""
    now = datetime.now(UTC)
    form = SampleForm({"name": "Refunds", "model": "sonnet", "limit": "40", "greet": "on"})
    form.is_valid()
    return {
        "form": form,
        "order": ORDER,
        "before": INSTRUCTIONS,
        "after": NEW_INSTRUCTIONS,
        "cost": Decimal("0.00453"),
        "total": Decimal("1284.5"),
        "states": list(LOOKS),
        "line": [3, 4, 4, 7, 6, None, None, 9, 12, 11, 14, 13],
        "bars": [
            {"label": f"{hour:02d}:00", "value": value, "unfinished": hour == 23} for hour, value in enumerate(TURNS)
        ],
        "now": now,
        "soon": now - timedelta(minutes=4),
        "earlier": now - timedelta(hours=3),
        "yesterday": now - timedelta(days=1, hours=2),
        "tabs": [
            {"name": "Overview", "url": "#tabs", "current": True, "count": None},
            {"name": "Versions", "url": "#tabs", "current": False, "count": 7},
            {"name": "Tools", "url": "#tabs", "current": False, "count": 5},
        ],
        "facets": [
            {"name": "All", "url": "#tabs", "current": False, "count": 128},
            {"name": "Escalated", "url": "#tabs", "current": True, "count": 9},
            {"name": "Failed", "url": "#tabs", "current": False, "count": 2},
        ],
    }
