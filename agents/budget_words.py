"""Budgets and their steps in words: what a step does, what a budget will do, what people are told of it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from agents.limit_words import amount_words, limit_words, moment_words
from agents.models import BudgetCrossing, BudgetStep, Limit

Action = BudgetStep.Action
# What one subject of a scope is called where it is not named: a notice outlives a customer who is erased.
ONE_OF = {
    Limit.Scope.ALL: "",
    Limit.Scope.AGENT: "one agent",
    Limit.Scope.CHANNEL: "one channel",
    Limit.Scope.CUSTOMER: "one customer",
    Limit.Scope.SESSION: "one conversation",
}
HOLDS = {
    Action.NOTIFY: "people are told",
    Action.DRAFTS: "the agent only drafts, and a person sends",
    Action.PEOPLE: "people answer new messages",
    Action.STOP: "no model is called, and people answer",
}


def action_words(action: str, model: str = "") -> str:
    """ "people are told", "claude-haiku-5-5 answers"."""
    if action == BudgetCrossing.REFUSED:
        return "it refuses what could exceed it"
    if action == Action.CHEAPER:
        return f"{model} answers" if model else "the fall-back model of the agent answers"
    return HOLDS[Action(action)]


def share_of(amount: Decimal, percent: int) -> str:
    """ "$40.00", to the cent."""
    return amount_words(Limit.Measure.USD, (amount * percent / 100).quantize(Decimal("0.01")))


def steps_words(amount: Decimal, steps: Iterable[BudgetStep]) -> str:
    """ "At 50 % ($25.00) people are told. From 80 % ($40.00) on claude-haiku-5-5 answers." """
    sentences = []
    for step in sorted(steps, key=lambda step: (step.percent, Action.values.index(step.action))):
        at = f"{step.percent} % ({share_of(amount, step.percent)})"
        begins = f"At {at}" if step.action == Action.NOTIFY else f"From {at} on"
        sentences.append(f"{begins} {action_words(step.action, step.model)}.")
    return " ".join(sentences)


def budget_words(limit: Limit) -> str:
    """ "$50.00 a day for everything together"."""
    return limit_words(
        scope=limit.scope,
        agent=limit.agent.name if limit.agent else "",
        measure=limit.measure,
        period=limit.period,
        amount=limit.amount,
    )


def title_of(crossing: BudgetCrossing, limit: Limit) -> str:
    if crossing.action == BudgetCrossing.REFUSED:
        return f"The budget of {budget_words(limit)} refuses calls"
    return f"{crossing.percent} % of {budget_words(limit)} is spent"


def text_of(crossing: BudgetCrossing, limit: Limit, *, subject: str, ends_at: datetime | None, model: str = "") -> str:
    """`subject` is the name of an agent or a channel, or empty."""
    whose = subject or ONE_OF[Limit.Scope(limit.scope)]
    spent = amount_words(Limit.Measure.USD, crossing.spent.quantize(Decimal("0.0001")))
    of = amount_words(Limit.Measure.USD, crossing.amount)
    until = f" It begins again {moment_words(ends_at.isoformat())}." if ends_at else ""
    by = f" by {whose}" if whose else ""
    if crossing.action == BudgetCrossing.REFUSED:
        does = "A model call could have exceeded it and was not made; the customer was handed to a person."
    elif crossing.action == Action.NOTIFY:
        does = "Nothing else happens at this step."
    else:
        does = f"From here on {action_words(crossing.action, model)}."
    return f"{spent} of {of} spent{by}. {does}{until}"
