"""Limits, and what they refuse, in words: for staff with the figures, for customers with what they can do."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from agents.models import BudgetStep, Limit


def amount_words(measure: str, amount: Decimal) -> str:
    """ "$50.00", "20 messages", "1 token"."""
    if measure == Limit.Measure.USD:
        cents = amount.quantize(Decimal("0.01"))
        return f"${cents:,f}" if cents == amount else f"${amount.normalize():,f}"
    unit = "message" if measure == Limit.Measure.MESSAGES else "token"
    return f"{amount.to_integral_value():,f} {unit}{'' if amount == 1 else 's'}"


def limit_words(*, scope: str, agent: str, measure: str, period: str, amount: Decimal) -> str:
    """ "20 messages a minute for each customer of Refunds"."""
    whose = (
        "everything together" if scope == Limit.Scope.ALL else f"each {Limit.Scope(scope).label.removeprefix('Each ')}"
    )
    if agent:
        whose = agent if scope in {Limit.Scope.ALL, Limit.Scope.AGENT} else f"{whose} of {agent}"
    return f"{amount_words(measure, amount)} {Limit.Period(period).label} for {whose}"


def named_words(found: dict[str, Any]) -> str:
    """Of a limit as the database function describes it."""
    return limit_words(
        scope=found["scope"],
        agent=found["agent"] or "",
        measure=found["measure"],
        period=found["period"],
        amount=Decimal(found["amount"]),
    )


# What follows "from there on", for the two actions by which a step refuses a call.
STEP_REFUSES = {
    BudgetStep.Action.PEOPLE: "people answer new messages",
    BudgetStep.Action.STOP: "no model is called",
}


def refusal_for_staff(refused: dict[str, Any]) -> str:
    named = named_words(refused)
    used = amount_words(refused["measure"], Decimal(refused["spent"]))
    if "action" in refused:
        until = f"until {moment_words(refused['ends_at'])}" if refused["ends_at"] else "until the budget is raised"
        return (
            f"The budget of {named} has reached {refused['percent']} %: from there on "
            f"{STEP_REFUSES[refused['action']]}, {until}. {used} used."
        )
    reserved = Decimal(refused["reserved"])
    aside = f" and {amount_words(refused['measure'], reserved)} set aside for calls under way" if reserved else ""
    ends = f"until {moment_words(refused['ends_at'])}" if refused["ends_at"] else "until the limit is raised"
    return f"The limit of {named} leaves no room for another model call {ends}: {used} used{aside}."


def refusal_for_customer(refused: dict[str, Any]) -> str:
    ends = refused["ends_at"]
    again = f" Send it again after {moment_words(ends)}." if ends else ""
    match refused["scope"]:
        case Limit.Scope.SESSION if not ends:
            return "This conversation has as many messages as it can take. Start a new one; what was said here is kept."
        case Limit.Scope.SESSION:
            return f"This conversation takes no more messages for now, so this one was not sent.{again}"
        case Limit.Scope.CUSTOMER:
            return f"You have written as many messages as can be taken for now, so this one was not sent.{again}"
        case _:
            return f"More messages came in than can be taken for now, so this one was not sent.{again}"


def moment_words(iso: str) -> str:
    """ "14:06 UTC" today, "1 December, 00:00 UTC" on another day."""
    moment = datetime.fromisoformat(iso).astimezone(UTC)
    is_today = moment.date() == datetime.now(UTC).date()
    return f"{moment:%H:%M} UTC" if is_today else f"{moment.day} {moment:%B}, {moment:%H:%M} UTC"
