"""Budgets with steps, and turns that spend under them call by call, as the loop does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agents.budgets import SetAside, set_aside
from agents.journal import write_turn
from agents.models import BudgetCrossing, BudgetStep, Limit, Turn
from agents.turns import Claim
from agents.usage import Reserved, limit_list
from tests.agents.usage_cases import lease_of, make_limit

Told = tuple[int, str]


def make_budget(amount: str | Decimal, *steps: tuple[int, str] | tuple[int, str, str], **fields: Any) -> Limit:
    limit = make_limit(amount, **fields)
    for percent, action, *model in steps:
        BudgetStep.objects.create(limit=limit, percent=percent, action=action, model="".join(model))
    limit_list.forget()
    return Limit.objects.select_related("agent").get(pk=limit.pk)


def claim_of(turn: Turn) -> Claim:
    session = turn.session
    version: Any = turn.agent_version_id
    return Claim(
        lease=lease_of(turn),
        seq=turn.seq,
        attempt=1,
        version_id=version,
        started_at=datetime.now(UTC),
        agent_id=session.agent_id,
        agent_slug=session.agent.slug,
        channel=session.channel,
        is_verified=False,
        agent_is_paused=False,
        customer_id=session.customer_id,
        customer_email=session.customer.email,
        customer_name="",
        is_remembered=False,
        stops=None,
    )


def ask(
    turn: Turn,
    usd: str | Decimal = "0.10",
    *,
    former: Reserved | None = None,
    is_new_turn: bool = False,
    may_switch: bool = False,
) -> SetAside:
    return set_aside(
        claim_of(turn),
        tokens=100,
        usd=Decimal(usd),
        former=former or Reserved(),
        is_new_turn=is_new_turn,
        may_switch=may_switch,
    )


def spend(turn: Turn, usd: str | Decimal, *, most: str | Decimal | None = None) -> SetAside:
    """One call that came to `usd`, settled by the turn's next write."""
    money = ask(turn, most or usd)
    money.reserved.came_to(tokens=10, usd=Decimal(usd))
    write_turn(lease_of(turn), parts=money.reserved.settle_parts(fence="turn"))
    return money


def crossed(limit: Limit) -> list[Told]:
    rows = BudgetCrossing.objects.filter(limit=limit).order_by("percent", "action", "subject")
    return [(row.percent, row.action) for row in rows]


def actions(steps: Sequence[Any]) -> list[Told]:
    return [(step.percent, str(step.action)) for step in steps]
