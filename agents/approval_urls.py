"""The pages of the approvals, under /approvals/."""

from __future__ import annotations

from django.urls import path

from agents.views import approval_history, approval_limits, approvals

# /approvals/
approval_urls = [
    path("", approvals.approvals, name="approvals"),
    path("history/", approval_history.approval_history, name="approval_history"),
    path("history/csv/", approval_history.approval_history_csv, name="approval_history_csv"),
    path("limits/", approval_limits.approval_limits, name="approval_limits"),
    path("limits/person/", approval_limits.approver_limit, name="approver_limit"),
    path("limits/money/new/", approval_limits.money_limit_new, name="money_limit_new"),
    path("limits/money/<uuid:limit_id>/", approval_limits.money_limit, name="money_limit"),
    path("limits/money/<uuid:limit_id>/switch/", approval_limits.money_limit_switch, name="money_limit_switch"),
    path("<uuid:approval_id>/", approvals.approval, name="approval"),
    path("<uuid:approval_id>/check/", approvals.approval_check, name="approval_check"),
    path("<uuid:approval_id>/approve/", approvals.approval_approve, name="approval_approve"),
    path("<uuid:approval_id>/reject/", approvals.approval_reject, name="approval_reject"),
    path("<uuid:approval_id>/take-over/", approvals.approval_take_over, name="approval_take_over"),
    path("<uuid:approval_id>/snooze/", approvals.approval_snooze, name="approval_snooze"),
]
