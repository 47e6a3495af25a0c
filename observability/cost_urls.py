"""The pages under `/cost/`; `observability/urls.py` includes them."""

from __future__ import annotations

from django.urls import URLPattern, path

from observability.views import cost, cost_calculator, cost_charges

cost_urls: list[URLPattern] = [
    path("", cost.cost, name="cost"),
    path("export/", cost.cost_export, name="cost_export"),
    path("conversations/", cost.cost_conversations, name="cost_conversations"),
    path("charges/", cost_charges.cost_charges, name="cost_charges"),
    path("charges/export/", cost_charges.cost_charges_export, name="cost_charges_export"),
    path("calculator/", cost_calculator.cost_calculator, name="cost_calculator"),
]
