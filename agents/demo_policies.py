"""The demo's policies: what the agent may do by itself, what a person must agree to, and what nobody may."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.utils import timezone

from tools.models import MoneyLimit, PolicyRule, PolicyVersion

RULES = {
    "read-own-orders": """\
permit (
  principal,
  action in [
    AgentCore::Action::"shop___get_order",
    AgentCore::Action::"shop___get_refund_status"
  ],
  resource
)
when { context.customer.verified };
""",
    "small-refunds": """\
permit (
  principal,
  action == AgentCore::Action::"shop___process_refund",
  resource
)
when
{
  context.customer.verified &&
  context.facts has amount &&
  context.facts.amount.lessThanOrEqual(decimal("100.00"))
};
""",
    "larger-refunds": """\
@approval("reviewer")
permit (
  principal,
  action == AgentCore::Action::"shop___process_refund",
  resource
)
when
{
  context.customer.verified &&
  context.facts has amount &&
  context.facts.amount.lessThanOrEqual(decimal("500.00"))
};

@approval("reviewer")
@approvals("2")
permit (
  principal,
  action == AgentCore::Action::"shop___process_refund",
  resource
)
when
{
  context.customer.verified &&
  context.facts has amount &&
  context.facts.amount.greaterThan(decimal("500.00"))
};
""",
    "cancellations": """\
permit (
  principal,
  action == AgentCore::Action::"shop___cancel_order",
  resource
)
when
{
  context.customer.verified &&
  context.facts has amount &&
  context.facts.amount.lessThanOrEqual(decimal("250.00"))
};

@approval("reviewer")
permit (
  principal,
  action == AgentCore::Action::"shop___cancel_order",
  resource
)
when { context.customer.verified };
""",
    "hand-over": """\
permit (
  principal,
  action == AgentCore::Action::"desk___escalate_to_human",
  resource
);
""",
}


LIMITS: list[dict[str, Any]] = [
    {"scope": MoneyLimit.Scope.SUBJECT, "hours": 24 * 30, "max_count": 5},
    {"scope": MoneyLimit.Scope.CUSTOMER, "hours": 24, "max_count": 10, "max_amount": Decimal(1000)},
    {"scope": MoneyLimit.Scope.ALL, "hours": 24, "max_amount": Decimal(20_000)},
]


def add_policies() -> None:
    """Published once; what an admin makes of them afterwards stays."""
    if PolicyVersion.objects.exists():
        return
    version = PolicyVersion.objects.create(number=1, note="First version", published_at=timezone.now())
    PolicyRule.objects.bulk_create(
        PolicyRule(version=version, name=name, position=position, text=text)
        for position, (name, text) in enumerate(RULES.items(), start=1)
    )
    MoneyLimit.objects.bulk_create(MoneyLimit(**limit) for limit in LIMITS)
