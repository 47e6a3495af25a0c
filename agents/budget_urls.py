"""Budgets, and the drafts that they ask for: under /cost/budgets/."""

from __future__ import annotations

from django.urls import URLPattern, path

from agents.views import budgets

budget_urls: list[URLPattern] = [
    path("", budgets.budgets, name="budgets"),
    path("new/", budgets.budget_new, name="budget_new"),
    path("sentence/", budgets.budget_sentence, name="budget_sentence"),
    path("recommended/", budgets.budgets_recommended, name="budgets_recommended"),
    path("drafts/<uuid:turn_id>/send/", budgets.budget_draft_send, name="budget_draft_send"),
    path("drafts/<uuid:turn_id>/discard/", budgets.budget_draft_discard, name="budget_draft_discard"),
    path("<uuid:limit_id>/", budgets.budget, name="budget"),
    path("<uuid:limit_id>/edit/", budgets.budget_edit, name="budget_edit"),
    path("<uuid:limit_id>/switch/", budgets.budget_switch, name="budget_switch"),
    path("<uuid:limit_id>/delete/", budgets.budget_delete, name="budget_delete"),
    path("<uuid:limit_id>/test/", budgets.budget_test, name="budget_test"),
]
