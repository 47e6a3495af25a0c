"""Policies with a history: three versions, a rule in shadow, a draft, and a week of decisions about calls."""

from __future__ import annotations

import random
from datetime import timedelta

from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Session
from observability.ids import uuid7
from tools.ledger import digest_of
from tools.models import PolicyRule, ToolCall
from tools.policies import publish, save_rule
from tools.policy.forms import Condition, FormRule

REFUND, CANCEL = "shop___process_refund", "shop___cancel_order"
WEEK_MINUTES = 7 * 24 * 60


def refunds(amount: str) -> FormRule:
    return FormRule(
        effect="permit",
        scope=REFUND,
        verified_customer=True,
        conditions=(Condition(of="fact", name="amount", operator="at_most", value=amount),),
        approver="reviewer",
    )


SHIPPED = FormRule(
    effect="forbid",
    scope=CANCEL,
    conditions=(Condition(of="fact", name="status", operator="one_of", value=("shipped", "delivered")),),
    reason="It has left the warehouse: offer a return instead.",
)
BY_CHAT = """\
// Only by chat: nobody cancels an order by e-mail for somebody else
forbid (
  principal,
  action == AgentCore::Action::"shop___cancel_order",
  resource
)
unless { context.channel == "chat" };
"""


def publish_some(user: User) -> None:
    """Two more versions of the demo's policies, and a draft that differs from the newest."""
    save_rule(name="small-refunds", written=refunds("60.00"), replaces="small-refunds")
    publish(user=user, note="Small refunds by themselves, larger ones by a reviewer")
    save_rule(name="not-shipped", written=SHIPPED)
    save_rule(name="only-by-chat", written=BY_CHAT, mode=PolicyRule.Mode.SHADOW)
    publish(user=user, note="Nothing that has left is cancelled; try chat only")
    save_rule(name="small-refunds", written=refunds("150.00"), replaces="small-refunds")
    save_rule(name="no-refunds-by-mail", written=FormRule(effect="forbid", scope=REFUND, kind="key"))


def decide_for_a_week(sessions: list[Session], calls: int = 400) -> None:
    """What a busy shop's agents asked for, as the ledger has it; the same on every run."""
    chance, now = random.Random(4), timezone.now()
    rows = []
    for _ in range(calls):
        session, amount = chance.choice(sessions), f"{chance.choice([12, 42, 88, 120, 149, 260, 640])}.00"
        tool = chance.choice(
            ["get_order", "get_order", "get_order", "process_refund", "process_refund", "cancel_order"]
        )
        rows.append(decided_call(session, tool, amount, now - timedelta(minutes=chance.uniform(3, WEEK_MINUTES - 5))))
    ToolCall.objects.bulk_create(rows)


def decided_call(session: Session, tool: str, amount: str, at: object) -> ToolCall:
    arguments = {"order_id": "1042"} if tool == "get_order" else {"order_id": "1042", "reason": "Too small"}
    decision, rules = "allow", ["read-own-orders"]
    record: dict[str, object] = {"verified": True}
    if tool == "process_refund":
        is_small = float(amount) <= 60
        decision, rules = ("allow" if is_small else "approval"), ["small-refunds" if is_small else "larger-refunds"]
    elif tool == "cancel_order" and float(amount) > 600:
        decision, rules = "deny", []
    elif tool == "cancel_order":
        rules = ["cancellations"]
        if float(amount) > 200:
            record["shadow"] = {"outcome": "deny", "rules": ["only-by-chat"]}
    if tool != "get_order":
        record["facts"] = {"amount": amount, "status": "delivered"}
    return ToolCall(
        id=uuid7(),
        session_id=session.pk,
        turn_id=uuid7(),
        tool_use_id="use_1",
        tool_name=tool,
        arguments=arguments,
        digest=digest_of(tool, arguments),
        state=ToolCall.State.CONFIRMED,
        result={},
        created_at=at,
        decision=decision,
        policy_version=3,
        decided={**record, "rules": rules},
    )
