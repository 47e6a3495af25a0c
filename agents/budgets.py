"""Budgets in a turn: money is set aside for each model call, and the steps that hold at that moment come back with it.

A step holds while so much of its budget is spent: it is read of the usage, under the lock under which money is taken.
So it holds no longer once the amount is raised or the period ends, whether or not anybody was told of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from agents.errors import LimitReached, TandemError
from agents.limit_words import named_words, refusal_for_staff
from agents.models import BudgetStep, Limit
from agents.turns import Claim
from agents.usage import CALL_MEASURES, Reserved, applicable, take_usage


@dataclass(frozen=True, kw_only=True)
class InForce:
    """A step that holds. `budget` is its budget in words; `model` a key, or empty for the version's fall-back model."""

    action: BudgetStep.Action
    percent: int
    budget: str
    model: str = ""

    @property
    def words(self) -> str:
        """ "95 % of $50.00 a day for everything together"."""
        return f"{self.percent} % of {self.budget}"


class PeopleAnswer(LimitReached):
    """A budget has come to where people answer new messages: the turn has not begun, and nothing went wrong."""


class CheaperModel(TandemError):
    """A budget asks for a cheaper model. Nothing was set aside: the call is to be admitted again, with that one."""

    def __init__(self, step: InForce) -> None:
        super().__init__(step.words)
        self.step = step


@dataclass(frozen=True, kw_only=True)
class SetAside:
    """Money for one call, and the steps that hold, the highest first; those that only tell are not among them."""

    reserved: Reserved = field(default_factory=Reserved)
    steps: tuple[InForce, ...] = ()

    def step(self, action: BudgetStep.Action) -> InForce | None:
        return next((step for step in self.steps if step.action == action), None)


def set_aside(
    claim: Claim, *, tokens: int, usd: Decimal, former: Reserved, is_new_turn: bool, may_switch: bool
) -> SetAside:
    """As `agents.usage.reserve`, for a call of a turn itself; one statement.

    Raises `PeopleAnswer` for the first call of a turn only, `LimitReached` for any, and `CheaperModel` where the turn
    `may_switch` its model.
    """
    if not applicable(agent_id=claim.agent_id, measures=CALL_MEASURES):
        return SetAside()
    answer = take_usage(
        {
            "turn_id": claim.turn_id,
            "agent_id": claim.agent_id,
            "customer_id": claim.customer_id,
            "session_id": claim.session_id,
            "amounts": {Limit.Measure.TOKENS: tokens, Limit.Measure.USD: usd},
            "former": former.cost,
            "is_new_turn": is_new_turn,
            "may_switch": may_switch,
        }
    )
    refused = answer.get("refused")
    if refused:
        is_peoples = refused.get("action") == BudgetStep.Action.PEOPLE
        raise (PeopleAnswer if is_peoples else LimitReached)(refusal_for_staff(refused))
    steps = tuple(step_of(found) for found in answer["steps"] or ())
    if "taken" not in answer:
        raise CheaperModel(next(step for step in steps if step.action == BudgetStep.Action.CHEAPER))
    return SetAside(reserved=Reserved(answer["taken"]), steps=steps)


def step_of(found: dict[str, Any]) -> InForce:
    return InForce(
        action=BudgetStep.Action(found["action"]),
        percent=found["percent"],
        budget=named_words(found),
        model=found["model"],
    )
