"""How much money a call moves, and what the limits over all conversations leave of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db import connection

from observability.batch import Part, encode
from tools.errors import ToolRefused
from tools.models import MoneyLimit, Tool, ToolCall
from tools.paths import Missing, value_at

# Amounts are compared to the hundredth of a cent, which is as fine as Cedar's decimals are.
FINEST = Decimal("0.0001")
LARGEST = Decimal(10) ** 8


def amount_of(tool: Tool, arguments: Mapping[str, Any], found: Any) -> Decimal | None:
    """What this call moves; None for a tool that moves no money. `found` is what its precheck looked up.

    Raises `ToolRefused` where it moves money and nobody can tell how much: no limit would hold it.
    """
    rule = tool.amount
    if rule is None:
        return None
    given = arguments.get(rule.get("argument", ""))
    try:
        if given is not None:
            return exact(given)
        whole = exact(value_at(found, rule["path"]))
        less = exact(value_at(found, rule["less"])) if rule.get("less") else Decimal(0)
    except (Missing, KeyError) as error:
        raise ToolRefused("amount_unknown", "It cannot be told how much money this would move.") from error
    return max(whole - less, Decimal(0))


def exact(value: Any) -> Decimal:
    """Raises `ToolRefused` for what is no amount of money."""
    amount = decimal_of(value)
    if amount is None or not 0 <= amount < LARGEST or amount != amount.quantize(FINEST):
        raise ToolRefused("invalid_arguments", f"{str(value)[:40]!r} is not an amount of money.")
    return amount


def decimal_of(value: Any) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        return None
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return amount if amount.is_finite() else None


def subject_of(tool: Tool, arguments: Mapping[str, Any]) -> str:
    """What the money belongs to, such as one order: the limits count by it. Empty where the tool names none."""
    value = arguments.get(tool.subject_argument) if tool.subject_argument else None
    return f"{tool.target.name}:{str(value).strip().casefold()}"[:200] if value not in (None, "") else ""


def take(call: ToolCall, tool: Tool, *, amount: Decimal, subject: str, customer_id: str, agent_id: UUID | None) -> None:
    """Enter the amount, once for a call, before it is sent. Raises `ToolRefused` where a limit would be passed.

    In the database and one at a time, so that no two calls take what is left for one.
    """
    request = {
        "call_id": call.id,
        "tool_key": tool.key,
        "customer_id": customer_id or None,
        "agent_id": agent_id,
        "subject": subject,
        "amount": amount,
    }
    with connection.cursor() as cursor:
        cursor.execute("SELECT tools_take_money(%s::jsonb)", [encode(request)])
        row = cursor.fetchone()[0]
    answer = json.loads(row) if isinstance(row, str) else row
    if "refused" in answer:
        raise ToolRefused("limit_reached", f"{words_of(answer['refused'])} Nothing was done. Hand over to a person.")


def words_of(refused: Mapping[str, Any]) -> str:
    scope = MoneyLimit.Scope(refused["scope"]).label
    most = [
        *([f"{refused['max_count']} times"] if refused["max_count"] is not None else []),
        *([f"{Decimal(refused['max_amount']):.2f} in all"] if refused["max_amount"] is not None else []),
    ]
    return f"The limit for {scope} in {refused['hours']} hours is {' and '.join(most)}, and this would pass it."


def give_back(call: ToolCall, *, fence: str) -> Part:
    """Of a call that turned out not to be done."""
    return Part(
        sql=f"DELETE FROM tools_moneyuse AS m USING {fence} WHERE m.call_id = %s",  # noqa: S608  a name of ours
        params=(call.id,),
    )
