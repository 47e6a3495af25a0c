"""What an interaction of one's own uses on average: the last 30 days, as inputs of the calculator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from observability.calculator import Inputs
from observability.cost import resolved_between
from observability.cost_conversations import MOST_TURNS, count_conversations
from observability.cost_turns import Turned, turns_between
from observability.figures import StepFigures, step_figures
from observability.models import Price, Span, Trace, UnitPrice
from observability.prices import SMALLEST, prices_in_force, unit_prices_in_force

DAYS = 30
PLACES = Decimal("0.0001")
RECALL = "recall"


@dataclass(frozen=True, kw_only=True)
class Measured:
    """An interaction is a turn. `unpriced` are models whose price is not known: their tokens count, at the price of the
    others."""

    inputs: Inputs
    turns: int
    days: int
    unpriced: list[str]


def measure(now: datetime) -> Measured | None:
    """None where no turn has ended."""
    since = now - timedelta(days=DAYS)
    turned = turns_between(since, now, by=("model",))
    turns = sum(each.turns for each in turned)
    if not turns:
        return None
    first = Trace.objects.filter(ended_at__isnull=False).order_by("started_at").values_list("started_at", flat=True)
    days = max(math.ceil((now - max(first.first() or since, since)) / timedelta(days=1)), 1)
    prices = {model: tiers[0] for model, tiers in prices_in_force().items()}
    steps = step_figures(since=since, until=now, by=("kind", "name"))
    inputs = Inputs().with_values(
        {
            "interactions": rounded(Decimal(turns) / days),
            **tokens_a_turn(turned, turns),
            **prices_of_tokens(turned, prices),
            "tool_calls": rounded(Decimal(sum(each.tool_calls for each in turned)) / turns),
            **steps_a_turn(steps, turns),
            **prices_of_units(),
            "resolved_percent": resolved_percent(since, now, turns),
        }
    )
    unpriced = sorted({each.model or "" for each in turned} - {*prices})
    return Measured(inputs=inputs, turns=turns, days=days, unpriced=unpriced)


def rounded(value: Decimal, places: Decimal = PLACES) -> Decimal:
    """Without the zeros at its end: it stands in a field."""
    short = value.quantize(places).normalize()
    return short if short != short.to_integral_value() else short.quantize(Decimal(1))


def tokens_a_turn(turned: Sequence[Turned], turns: int) -> dict[str, Decimal | None]:
    names = {
        "input_tokens": "input_tokens",
        "cached_tokens": "cache_read_tokens",
        "written_tokens": "cache_write_tokens",
        "output_tokens": "output_tokens",
    }
    return {
        name: rounded(Decimal(sum(getattr(each, column) for each in turned)) / turns) for name, column in names.items()
    }


def prices_of_tokens(turned: Sequence[Turned], prices: dict[str, Price]) -> dict[str, Decimal | None]:
    """The prices in force of the models used, each weighed by its tokens of that sort."""
    columns = {
        "input_price": ("input_tokens", "input_usd"),
        "cached_price": ("cache_read_tokens", "cache_read_usd"),
        "written_price": ("cache_write_tokens", "cache_write_usd"),
        "output_price": ("output_tokens", "output_usd"),
    }
    priced = [(each, prices[each.model or ""]) for each in turned if (each.model or "") in prices]
    found: dict[str, Decimal | None] = {}
    for name, (tokens, usd) in columns.items():
        weighed = [(Decimal(getattr(each, tokens)), getattr(price, usd)) for each, price in priced]
        whole = sum((count for count, _ in weighed), Decimal(0))
        found[name] = rounded(sum((count * usd for count, usd in weighed), Decimal(0)) / whole) if whole else None
    return found


def steps_a_turn(steps: Sequence[StepFigures], turns: int) -> dict[str, Decimal | None]:
    """A check is at least one text unit, and is counted as one."""
    searched = sum(each.calls for each in steps if each.kind == Span.Kind.MEMORY and each.name == RECALL)
    written = sum(each.calls for each in steps if each.kind == Span.Kind.MEMORY and each.name != RECALL)
    checked = sum(each.calls for each in steps if each.kind == Span.Kind.GUARDRAIL)
    return {
        "memory_searches": rounded(Decimal(searched) / turns),
        "memory_writes": rounded(Decimal(written) / turns),
        "guardrail_units": rounded(Decimal(checked) / turns),
    }


def prices_of_units() -> dict[str, Decimal | None]:
    """Those of every one of a kind; nothing where there is none."""
    prices = unit_prices_in_force()
    kinds = {
        "tool_price": UnitPrice.Kind.TOOL_CALL,
        "write_price": UnitPrice.Kind.MEMORY_WRITE,
        "search_price": UnitPrice.Kind.MEMORY_SEARCH,
        "unit_price": UnitPrice.Kind.GUARDRAIL_UNIT,
    }
    found: dict[str, Decimal | None] = {}
    for name, kind in kinds.items():
        price = prices.get((kind, ""))
        found[name] = rounded(price.usd / price.per, SMALLEST) if price else Decimal(0)
    return found


def resolved_percent(since: datetime, until: datetime, turns: int) -> Decimal | None:
    if turns > MOST_TURNS or (resolved := resolved_between(since, until, {})) is None:
        return None
    conversations = count_conversations({}, since=since, until=until)
    return (
        min(Decimal(100 * resolved) / conversations, Decimal(100)).quantize(Decimal("0.1")) if conversations else None
    )
