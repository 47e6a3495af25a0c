"""The demo's policies: what the agent may do by itself, what a person must agree to, and what nobody may."""

from __future__ import annotations

import logging
from decimal import Decimal
from typing import Any

from django.db import transaction

from tools.models import MoneyLimit, PolicyVersion
from tools.policies import publish, save_rule
from tools.policy.statements import RulesRefused

logger = logging.getLogger(__name__)

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
    """Published once, after the demo's tools; what an admin makes of them afterwards stays."""
    if PolicyVersion.objects.exists():
        return
    try:
        with transaction.atomic():
            publish_rules()
    except RulesRefused as refused:
        # Of a demo whose tools somebody has changed before there were policies: it must start all the same.
        logger.warning("the demo's policies do not fit its tools, so none are published: %s", refused)


def publish_rules() -> None:
    for name, text in RULES.items():
        save_rule(name=name, written=text)
    publish(user=None, note="First version")
    MoneyLimit.objects.bulk_create(MoneyLimit(**limit) for limit in LIMITS)
