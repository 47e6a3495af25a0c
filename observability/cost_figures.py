"""What was spent in a span of time: the sum, what it is made of, and how it goes by hour or day."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from observability.cost_range import DAY, Period, Wanted
from observability.cost_turns import Turned, turns_between
from observability.figures import Spent, rolled_until, spending
from observability.models import Charge
from observability.waterfall import version_label

ZERO = Decimal(0)
# What a table shows; the others stand in one row, so that its sum is that of its rows.
MOST_ROWS = 10
DIMENSIONS = ("agent_id", "agent_version", "channel", "kind", "subject", "basis")
TURN_DIMENSIONS = ("agent_id", "agent_version", "channel", "model")
KINDS = {
    "model": "Model calls",
    "tool": "Tool calls",
    "memory": "Memory",
    "guardrail": "Guardrails",
    "browser": "Browser",
}
BASES = {"exact": "Exact", "estimated": "Estimated", "unknown": "Without a price"}


def kind_word(kind: str | None) -> str:
    return KINDS.get(kind or "", kind or "")


@dataclass(frozen=True, kw_only=True)
class Row:
    """A part of the whole. `query` narrows the page to it and is empty where it is many things; `turns` are those of
    the whole row, whatever they cost."""

    name: str
    charges: int
    usd: Decimal
    percent: float | None
    query: str = ""
    note: str = ""
    turns: int | None = None
    turns_query: str = ""

    @property
    def usd_a_turn(self) -> Decimal | None:
        return self.usd / self.turns if self.turns else None

    @property
    def usd_a_charge(self) -> Decimal | None:
        return self.usd / self.charges if self.charges else None

    @property
    def exact(self) -> str:
        return exact(self.usd)


@dataclass(frozen=True, kw_only=True)
class Table:
    """`rows` add up to `total`, digit for digit. `per` says what a single cost of it is of: turn or charge."""

    key: str
    title: str
    heading: str
    rows: list[Row]
    per: str

    @property
    def total(self) -> Row:
        turns = [row.turns for row in self.rows if row.turns is not None]
        return Row(
            name="All",
            charges=sum(row.charges for row in self.rows),
            usd=sum((row.usd for row in self.rows), ZERO),
            percent=100.0 if self.rows else None,
            turns=sum(turns) if turns else None,
        )


@dataclass(frozen=True, kw_only=True)
class Figures:
    """`spent` is by all dimensions, `by_time` by hour or day, kind and subject. `before` is as much of the period
    before as has gone by of this one; None where nothing is known of it."""

    period: Period
    spent: list[Spent]
    by_time: list[Spent]
    turned: list[Turned]
    before: Decimal | None
    tables: list[Table]
    summed_until: datetime | None

    @property
    def usd(self) -> Decimal:
        return sum((each.usd for each in self.spent), ZERO)

    @property
    def exact(self) -> str:
        return exact(self.usd)

    @property
    def charges(self) -> int:
        return sum(each.charges for each in self.spent)

    @property
    def turns(self) -> int:
        return sum(each.turns for each in self.turned)

    @property
    def usd_a_turn(self) -> Decimal | None:
        return self.usd / self.turns if self.turns else None

    @property
    def change_percent(self) -> float | None:
        return float(100 * (self.usd - self.before) / self.before) if self.before else None


def figures_of(wanted: Wanted, now: datetime) -> Figures:
    """Four sums: of the charges twice, of those before, and of the turns. By time and all dimensions at once, the
    groups would be many times as many."""
    period = wanted.whole(now)
    at = "day" if period.step == DAY else "hour"
    spent = spending(since=period.since, until=period.until, by=DIMENSIONS, where=wanted.where())
    by_time = spending(since=period.since, until=period.until, by=(at, "kind", "subject"), where=wanted.where())
    earlier = spending(since=period.before, until=period.end_before(now), where=wanted.where())
    turned = turns_between(period.since, period.until, by=TURN_DIMENSIONS, where=wanted.where_of_turns())
    names = agent_names({each.agent_id for each in spent if each.agent_id})
    return Figures(
        period=period,
        spent=spent,
        by_time=by_time,
        turned=turned,
        before=earlier[0].usd if earlier else None,
        tables=tables_of(Sums(wanted=wanted, now=now, spent=spent, turned=turned, names=names)),
        summed_until=rolled_until(),
    )


# -- the tables


@dataclass(frozen=True, kw_only=True)
class Sums:
    """What tables are made of; `names` are those of the agents."""

    wanted: Wanted
    now: datetime
    spent: Sequence[Spent]
    turned: Sequence[Turned]
    names: Mapping[UUID, str]


def tables_of(sums: Sums) -> list[Table]:
    """One for each thing that it is not narrowed to a single one of."""
    wanted = sums.wanted
    found = [by_agent(sums), by_version(sums), by_subject(sums), by_kind(sums), by_channel(sums)]
    is_single = {
        "agent": bool(wanted.agent),
        "version": wanted.version is not None,
        "subject": bool(wanted.subject),
        "kind": bool(wanted.kind),
        "channel": bool(wanted.channel),
    }
    return [table for table in found if not is_single[table.key]]


Key = tuple[Any, ...]


def by_agent(sums: Sums) -> Table:
    def row_of(key: Key) -> dict[str, str]:
        (agent,) = key
        return {
            "name": sums.names.get(agent, "Unknown agent"),
            "query": sums.wanted.query(agent=str(agent or ""), version=""),
            "turns_query": sums.wanted.turns_query(sums.now, agent=str(agent or "")),
        }

    rows = grouped(
        sums.spent, lambda each: (each.agent_id,), row_of, counted(sums.turned, lambda each: (each.agent_id,))
    )
    return Table(key="agent", title="By agent", heading="Agent", rows=rows, per="turn")


def by_version(sums: Sums) -> Table:
    def row_of(key: Key) -> dict[str, str]:
        agent, version = key
        name = f"{sums.names.get(agent, 'Unknown agent')} {version_label(version or 0)}"
        chosen = {"agent": str(agent or ""), "version": str(version or 0)}
        return {
            "name": name,
            "query": sums.wanted.query(**chosen),
            "turns_query": sums.wanted.turns_query(sums.now, **chosen),
        }

    turns = counted(sums.turned, lambda each: (each.agent_id, each.agent_version))
    rows = grouped(sums.spent, lambda each: (each.agent_id, each.agent_version), row_of, turns)
    return Table(key="version", title="By version", heading="Version", rows=rows, per="turn")


def by_subject(sums: Sums) -> Table:
    def row_of(key: Key) -> dict[str, str]:
        kind, subject = key
        return {"name": subject, "note": kind_word(kind), "query": sums.wanted.query(kind=kind, subject=subject)}

    rows = grouped(sums.spent, lambda each: (each.kind, each.subject), row_of)
    return Table(key="subject", title="By model and tool", heading="Model or tool", rows=rows, per="charge")


def by_kind(sums: Sums) -> Table:
    def row_of(key: Key) -> dict[str, str]:
        (kind,) = key
        return {"name": kind_word(kind), "query": sums.wanted.query(kind=kind)}

    rows = grouped(sums.spent, lambda each: (each.kind,), row_of)
    return Table(key="kind", title="By kind", heading="Kind", rows=rows, per="charge")


def by_channel(sums: Sums) -> Table:
    def row_of(key: Key) -> dict[str, str]:
        (channel,) = key
        query = sums.wanted.query(channel=channel) if channel else ""
        turns_query = sums.wanted.turns_query(sums.now, channel=channel) if channel else ""
        return {"name": channel.capitalize() or "Not known any more", "query": query, "turns_query": turns_query}

    rows = grouped(sums.spent, lambda each: (each.channel,), row_of, counted(sums.turned, lambda each: (each.channel,)))
    return Table(key="channel", title="By channel", heading="Channel", rows=rows, per="turn")


def counted(turned: Iterable[Turned], key_of: Callable[[Turned], Key]) -> dict[Key, int]:
    turns: dict[Key, int] = {}
    for each in turned:
        turns[key_of(each)] = turns.get(key_of(each), 0) + each.turns
    return turns


def grouped(
    spent: Iterable[Spent],
    key_of: Callable[[Spent], Key],
    row_of: Callable[[Key], Mapping[str, str]],
    turns: Mapping[Key, int] | None = None,
) -> list[Row]:
    """The dearest first, and what has no charge but turns is not among them."""
    found: dict[Key, tuple[int, Decimal]] = {}
    for each in spent:
        key = key_of(each)
        charges, usd = found.get(key, (0, ZERO))
        found[key] = charges + each.charges, usd + each.usd
    whole = sum((usd for _, usd in found.values()), ZERO)
    ordered = sorted(found.items(), key=lambda pair: (-pair[1][1], -pair[1][0], str(pair[0])))
    return [
        Row(
            charges=charges,
            usd=usd,
            percent=percent_of(usd, whole),
            turns=None if turns is None else turns.get(key, 0),
            **row_of(key),
        )
        for key, (charges, usd) in ordered
    ]


def shortened(table: Table) -> Table:
    """For the page: the dearest, and the others in one row."""
    if len(table.rows) <= MOST_ROWS + 1:
        return table
    shown, rest = table.rows[:MOST_ROWS], table.rows[MOST_ROWS:]
    usd, turns = sum((row.usd for row in rest), ZERO), [row.turns for row in rest if row.turns is not None]
    others = Row(
        name=f"{len(rest)} others",
        charges=sum(row.charges for row in rest),
        usd=usd,
        percent=percent_of(usd, table.total.usd),
        turns=sum(turns) if turns else None,
    )
    return Table(key=table.key, title=table.title, heading=table.heading, rows=[*shown, others], per=table.per)


def percent_of(part: Decimal, whole: Decimal) -> float | None:
    return float(100 * part / whole) if whole else None


def exact(usd: Decimal) -> str:
    """All digits, as they are in the charges."""
    return f"${usd:,.8f}"


def agent_names(agents: Iterable[UUID]) -> dict[UUID, str]:
    """By id the name that the newest trace has; one look-up in `trace_of_agent` for each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, (SELECT agent_name FROM observability_trace AS t WHERE t.agent_id = a.id "
            "ORDER BY started_at DESC, id DESC LIMIT 1) FROM unnest(%s::uuid[]) AS a (id)",
            [list(agents)],
        )
        return {agent: name for agent, name in cursor.fetchall() if name}


# -- how sure they are


@dataclass(frozen=True, kw_only=True)
class Certainty:
    """How many charges are of each basis, and what has no price: kind, name and how many charges."""

    rows: list[Row]
    unpriced: list[tuple[str, str, int]]

    @property
    def unpriced_charges(self) -> int:
        return sum(count for _, _, count in self.unpriced)


def certainty_of(wanted: Wanted, spent: Sequence[Spent]) -> Certainty:
    def row_of(key: Key) -> dict[str, str]:
        return {"name": BASES.get(str(key[0]), str(key[0])), "query": wanted.query(basis=key[0])}

    rows = grouped(spent, lambda each: (each.basis,), row_of)
    unpriced: dict[tuple[str, str], int] = {}
    for each in spent:
        if each.basis == Charge.Basis.UNKNOWN:
            key = (each.kind or "", each.subject or "")
            unpriced[key] = unpriced.get(key, 0) + each.charges
    ordered = sorted(unpriced.items(), key=lambda pair: (-pair[1], pair[0]))
    return Certainty(rows=rows, unpriced=[(kind, subject, count) for (kind, subject), count in ordered])


# -- tokens


@dataclass(frozen=True, kw_only=True)
class TokenSums:
    input: int
    cache_read: int
    cache_write: int
    output: int

    @property
    def prompt(self) -> int:
        return self.input + self.cache_read + self.cache_write

    @property
    def all(self) -> int:
        return self.prompt + self.output

    @property
    def hit_percent(self) -> float | None:
        """What of all prompts was read from the cache."""
        return 100 * self.cache_read / self.prompt if self.prompt else None

    def rows(self) -> list[tuple[str, int, float]]:
        named = [
            ("Input, given afresh", self.input),
            ("Input, read from the cache", self.cache_read),
            ("Input, written to the cache", self.cache_write),
            ("Output", self.output),
        ]
        return [(name, count, 100 * count / (self.all or 1)) for name, count in named]


def tokens_of(turned: Iterable[Turned]) -> TokenSums:
    found = list(turned)
    return TokenSums(
        input=sum(each.input_tokens for each in found),
        cache_read=sum(each.cache_read_tokens for each in found),
        cache_write=sum(each.cache_write_tokens for each in found),
        output=sum(each.output_tokens for each in found),
    )
