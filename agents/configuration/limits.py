"""Limits as a file wants them: on usage, on money, and on what one person may approve."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from agents.approval_limits import MOST_HOURS, approvers
from agents.budget_changes import change_budget
from agents.configuration.agents import tool_keys
from agents.configuration.values import Entry, nearest_words
from agents.limit_forms import check_amount
from agents.limits import add_limit, change_amount, switch_limit
from agents.models import Agent, BudgetStep, LanguageModel, Limit
from tools.models import ApproverLimit, MoneyLimit, Tool

MOST_PERCENT = 500


def write_usage_limit(entry: Entry) -> None:
    """Within the transaction. What is wrong is among the faults, as with the others here."""
    values = entry.values
    if not has_all(entry, "scope", "measure", "period"):
        return
    agent = Agent.objects.filter(slug=values["agent"]).first() if values.get("agent") else None
    if values.get("agent") and agent is None:
        entry.refuse("agent", f"there is no agent {values['agent']!r}.")
        return
    same = {name: values[name] for name in ("scope", "measure", "period")}
    limit = Limit.objects.filter(agent=agent, **same).first()
    if limit is None and not has_all(entry, "amount"):
        return
    try:
        if "amount" in values:
            check_amount(values["measure"], values["amount"])
        if limit is None:
            limit = add_limit(Limit(agent=agent, amount=values["amount"], **same))
        elif "amount" in values and limit.amount != values["amount"]:
            change_amount(limit, values["amount"])
    except ValidationError as error:
        entry.refuse("amount", " ".join(error.messages))
        return
    if values.get("enabled", limit.enabled) != limit.enabled:
        switch_limit(limit, enabled=values["enabled"])
    write_budget(limit, entry)


def write_budget(limit: Limit, entry: Entry) -> None:
    """What makes a budget of a limit: whether it refuses, and its steps, each as "80 cheaper claude-haiku-5-5"."""
    values = entry.values
    named = [name for name in ("refuses", "steps") if name in values]
    if named and limit.measure != Limit.Measure.USD:
        entry.refuse(named[0], "only a limit of usd is a budget.")
        return
    try:
        steps = [step_of(text) for text in values["steps"]] if "steps" in values else list(limit.steps.all())
    except ValueError as error:
        entry.refuse("steps", str(error))
        return
    refuses = values.get("refuses", limit.refuses)
    if refuses == limit.refuses and sorted(map(words_of_step, steps)) == words_of_steps(limit):
        return
    limit.refuses = refuses
    change_budget(limit, steps, by=None)


def words_of_steps(limit: Limit) -> list[str]:
    return sorted(words_of_step(step) for step in limit.steps.all())


def words_of_step(step: BudgetStep) -> str:
    return " ".join(part for part in (str(step.percent), step.action, step.model) if part)


def step_of(text: str) -> BudgetStep:
    """Raises `ValueError`, with a sentence."""
    percent, action, model, *more = [*text.split(), "", "", ""][:4]
    if not percent.isdecimal() or not 1 <= int(percent) <= MOST_PERCENT or any(more):
        raise ValueError(f"{text!r} is no step: write a percentage and what happens, such as “80 cheaper”.")
    if action not in BudgetStep.Action.values:
        raise ValueError(f"{action!r} is nothing that a step does: {', '.join(BudgetStep.Action.values)}.")
    if model and (action != BudgetStep.Action.CHEAPER or not LanguageModel.objects.filter(key=model).exists()):
        raise ValueError(f"{text!r} names a model that is not known, or where none is used.")
    return BudgetStep(percent=int(percent), action=action, model=model)


def write_money_limit(entry: Entry) -> None:
    values = entry.values
    if not has_all(entry, "scope"):
        return
    hours, key = values.get("hours", 24), values.get("tool", "")
    if key and not moves_money(key):
        near = nearest_words(key, tool_keys())
        entry.refuse("tool", f"{key!r} is no tool that moves money: it is none, or has no `amount`{near}")
        return
    if not 1 <= hours <= MOST_HOURS:
        entry.refuse("hours", f"from 1 to {MOST_HOURS:,} hours.")
        return
    limit = MoneyLimit.objects.filter(tool_key=key, scope=values["scope"], hours=hours).first()
    limit = limit or MoneyLimit(tool_key=key, scope=values["scope"], hours=hours)
    changed = {name: values[name] for name in ("max_count", "max_amount", "enabled") if name in values}
    for name, value in changed.items():
        setattr(limit, name, value)
    most: list[Any] = [limit.max_count, limit.max_amount]
    if most == [None, None]:
        entry.refuse("", "it limits nothing: max_count says how often, max_amount how much.")
        return
    save(limit, entry)


def moves_money(key: str) -> bool:
    target, _, name = key.partition("___")
    return Tool.objects.filter(target__name=target, name=name, amount__isnull=False).exists()


def write_approver_limit(email: str, entry: Entry) -> None:
    user = approvers().filter(email__iexact=email).first()
    if user is None:
        entry.refuse("", f"nobody who approves has the address {email!r}.")
        return
    if not has_all(entry, "max_amount"):
        return
    limit = ApproverLimit.objects.filter(pk=user.pk).first() or ApproverLimit(user=user)
    limit.max_amount = entry.values["max_amount"]
    save(limit, entry)


def save(limit: MoneyLimit | ApproverLimit, entry: Entry) -> None:
    try:
        limit.full_clean(exclude=["user"])
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            entry.refuse(name, " ".join(messages))
        return
    limit.save()


def has_all(entry: Entry, *names: str) -> bool:
    """A value that is there and cannot be read is among the faults already."""
    members: dict[str, Any] = entry.node.value if isinstance(entry.node.value, dict) else {}
    missing = [name for name in names if name not in members]
    if missing:
        entry.refuse("", f"`{missing[0]}` is missing.")
    return not missing and all(name in entry.values for name in names)
