"""What the pages of money are told from above: budgets, and how many conversations were resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

# The scope of a budget that all spending counts against.
EVERYTHING = "Everything"


@dataclass(frozen=True, kw_only=True)
class BudgetLine:
    """A budget in its present period, in US dollars. `scope` is `EVERYTHING` or the name of what it is of (an agent,
    a channel); `period` is day, week or month; `reserved` is set aside by calls under way and not in `spent`; `url`
    leads to its page."""

    name: str
    scope: str
    period: str
    begins_at: datetime
    ends_at: datetime
    amount: Decimal
    spent: Decimal
    reserved: Decimal
    url: str


# `where` holds any of agent_id (UUID), agent_version (int), model (str) and channel (str), and nothing that is not
# narrowed by. The answer is how many conversations were resolved from the first instant up to the second, or None where
# that cannot be told by them.
Where = Mapping[str, object]
ResolvedCounter = Callable[[datetime, datetime, Where], int | None]

# Both live above this floor, so those who know fill these lists when they are loaded.
budget_lines: list[Callable[[], list[BudgetLine]]] = []
resolved_counters: list[ResolvedCounter] = []


def budgets_now() -> list[BudgetLine]:
    """Those in force, as all who know of any tell them."""
    return [line for lines in budget_lines for line in lines()]


def resolved_between(since: datetime, until: datetime, where: Where) -> int | None:
    """The sum of what is known; None where nobody knows."""
    counts = [count for counter in resolved_counters if (count := counter(since, until, where)) is not None]
    return sum(counts) if counts else None
