"""How many turns ended, and their tokens: the sums of `observability.figures.turn_figures` without its durations, which
take ten times as long to add up and which no page of money shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from observability.figure_sources import TURNS, Source, read_sums

TOKENS = ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens")
SUMS = ("turns", "tool_calls", *TOKENS, "cost_usd")
UNTIMED = Source(
    table=TURNS.table,
    days=TURNS.days,
    live=f"""
SELECT date_trunc('hour', t.ended_at, 'UTC') AS hour, t.agent_id, t.agent_version, t.model, t.channel, t.outcome,
  1::bigint AS turns, t.tool_calls, {", ".join(TOKENS)}, t.cost_usd
FROM observability_trace AS t WHERE t.ended_at >= %(since)s AND t.ended_at < %(until)s""",  # noqa: S608  own names
    dimensions=TURNS.dimensions,
    sums=SUMS,
    has_durations=False,
)


@dataclass(frozen=True, kw_only=True)
class Turned:
    """Turns that ended, of one group; what it is not told apart by is None. `cost_usd` is theirs, not the books'."""

    agent_id: UUID | None = None
    agent_version: int | None = None
    channel: str | None = None
    model: str | None = None
    turns: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost_usd: Decimal


def turns_between(
    since: datetime, until: datetime, *, by: Sequence[str] = (), where: Mapping[str, Any] | None = None
) -> list[Turned]:
    """By agent_id, agent_version, channel, model."""
    rows = read_sums(UNTIMED, since=since, until=until, by=by, where=where or {})
    # The database adds whole numbers up as decimals.
    found = []
    for row in rows:
        whole: dict[str, Any] = {name: int(row[name]) for name in SUMS if name != "cost_usd"}
        found.append(Turned(**{**row, **whole}))
    return found
