from __future__ import annotations

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from observability import cost
from observability.cost import Where
from observability.cost_conversations import conversations_of
from observability.cost_figures import Table, certainty_of, figures_of, shortened, tokens_of
from observability.cost_range import Wanted
from observability.cost_trend import trend_of
from observability.ids import uuid7
from observability.models import Charge
from observability.rolling import roll_up
from tests.observability.cost.cases import AGENT, NOW, OTHER, make_charged, spent_on_this

pytestmark = pytest.mark.django_db
MONTH = Wanted.read({"range": "30d"})


def tables(wanted: Wanted = MONTH) -> dict[str, Table]:
    return {table.key: table for table in figures_of(wanted, NOW).tables}


def make_many(turns: int = 40) -> None:
    """Amounts with all eight digits, of everything that they can be told apart by."""
    chance = random.Random(11)
    for number in range(turns):
        is_tool = number % 3 == 0
        charge = {"kind": Charge.Kind.TOOL, "subject": f"tool_{number % 14}"} if is_tool else {}
        usd = f"{chance.randrange(10**8) / 10**8:.8f}"
        make_charged(
            usd,
            "0.00000001",
            at=NOW - timedelta(hours=chance.uniform(0, 24 * 28)),
            charge=charge,
            agent_id=chance.choice([AGENT, OTHER]),
            agent_version=chance.choice([1, 2]),
            channel=chance.choice(["chat", "email"]),
            model=chance.choice(["model-a", "model-b", "model-c"]),
        )


@pytest.mark.parametrize("is_rolled", [False, True])
def test_every_table_adds_up_to_its_charges_to_the_last_digit(*, is_rolled: bool) -> None:
    make_many()
    if is_rolled:
        roll_up(NOW)
    figures = figures_of(MONTH, NOW)
    whole = spent_on_this()
    assert figures.usd == whole
    assert figures.charges == Charge.objects.count() == 80
    assert {table.key for table in figures.tables} == {"agent", "version", "subject", "kind", "channel"}
    for table in figures.tables:
        assert table.total.usd == whole == sum(row.usd for row in table.rows)
        assert table.total.charges == 80
        assert shortened(table).total == table.total
    trend = trend_of(MONTH, figures.period, figures.by_time, NOW)
    assert trend.total == whole == sum(usd for _, _, usd in trend.legend)
    assert sum(part.usd for bar in trend.bars for part in bar.parts) == whole
    by_model = Wanted.read({"stack": "model"})
    assert trend_of(by_model, figures.period, figures.by_time, NOW).total == whole


def test_a_long_table_keeps_its_sum_in_a_row_of_others() -> None:
    make_many(60)
    long = tables()["subject"]
    assert len(long.rows) > 11
    short = shortened(long)
    assert len(short.rows) == 11
    assert short.rows[-1].name == f"{len(long.rows) - 10} others"
    assert short.rows[-1].query == ""
    assert sum(row.usd for row in short.rows) == spent_on_this()


def test_narrowing_to_a_row_gives_that_rows_sum() -> None:
    make_many()
    for key, table in tables().items():
        for row in table.rows:
            narrowed = Wanted.read(dict(pair.split("=") for pair in row.query[1:].split("&")))
            found = figures_of(narrowed, NOW)
            assert (found.usd, found.charges) == (row.usd, row.charges), (key, row.name)
            assert key not in {each.key for each in found.tables}


def test_it_is_compared_to_the_same_part_of_the_period_before() -> None:
    make_charged("3", at=NOW - timedelta(hours=1))
    make_charged("2", at=NOW - timedelta(days=1, hours=1))
    # Yesterday, later than it is now.
    make_charged("50", at=NOW - timedelta(days=1) + timedelta(hours=2))
    found = figures_of(Wanted.read({"range": "today"}), NOW)
    assert [found.usd, found.before, found.change_percent] == [3, 2, 50.0]


def test_nothing_before_is_no_change() -> None:
    make_charged("3", at=NOW - timedelta(hours=1))
    found = figures_of(Wanted.read({"range": "today"}), NOW)
    assert (found.before, found.change_percent) == (None, None)


def test_turns_and_tokens() -> None:
    make_charged("0.02", "0.04")
    make_charged("0.03", agent_id=OTHER, channel="email")
    figures = figures_of(MONTH, NOW)
    assert (figures.turns, figures.usd_a_turn) == (2, Decimal("0.045"))
    by_agent = {row.query: row for row in tables()["agent"].rows}
    assert by_agent[f"?agent={AGENT}"].usd_a_turn == Decimal("0.06")
    tokens = tokens_of(figures.turned)
    assert (tokens.input, tokens.cache_read, tokens.output, tokens.all) == (200, 600, 100, 900)
    assert tokens.hit_percent == 75.0
    assert sum(count for _, count, _ in tokens.rows()) == tokens.all


def test_an_agent_has_the_name_of_its_newest_turn() -> None:
    make_charged("1", at=NOW - timedelta(days=3), agent_name="Former")
    make_charged("1", agent_name="Present", agent_version=4)
    assert [row.name for row in tables()["agent"].rows] == ["Present"]
    assert {row.name for row in tables()["version"].rows} == {"Present v4", "Present v1"}


def test_what_has_no_price_is_told() -> None:
    make_charged("0", charge={"basis": Charge.Basis.UNKNOWN, "subject": "qwen"})
    make_charged("0", "0", charge={"basis": Charge.Basis.UNKNOWN, "subject": "mixtral"})
    make_charged("2", charge={"basis": Charge.Basis.ESTIMATED})
    certainty = certainty_of(MONTH, figures_of(MONTH, NOW).spent)
    assert certainty.unpriced == [("model", "mixtral", 2), ("model", "qwen", 1)]
    assert certainty.unpriced_charges == 3
    assert {row.name: row.charges for row in certainty.rows} == {"Estimated": 1, "Without a price": 3}


def test_bars_lead_to_their_charges_and_the_last_is_unfinished() -> None:
    make_charged("2", at=NOW - timedelta(days=2))
    figures = figures_of(MONTH, NOW)
    trend = trend_of(MONTH, figures.period, figures.by_time, NOW)
    assert len(trend.bars) == 30
    assert [bar.is_unfinished for bar in trend.bars] == [False] * 29 + [True]
    (spent,) = [bar for bar in trend.bars if bar.usd]
    assert (spent.label, spent.parts[0].height) == ("Sun 14 Jun", "100")
    assert "since=2026-06-14T00%3A00%3A00%2B00%3A00" in spent.query
    month = Wanted.read({"range": "month"})
    of_month = trend_of(month, month.whole(NOW), figures.by_time, NOW)
    assert [bar.is_coming for bar in of_month.bars] == [False] * 16 + [True] * 14


def test_the_dearest_conversations() -> None:
    dear, cheap = uuid7(), uuid7()
    make_charged("0.5", session_id=dear, customer="ada@example.com")
    make_charged("0.7", session_id=dear, at=NOW - timedelta(hours=1), customer="ada@example.com", input_text="Again")
    make_charged("0.3", session_id=cheap)
    make_charged("9", session_id=uuid7(), at=NOW - timedelta(days=40))
    found = conversations_of(MONTH, NOW)
    assert (found.count, found.usd, found.usd_each) == (2, Decimal("1.5"), Decimal("0.75"))
    first, second = found.top
    assert (first.session_id, first.usd, first.turns, first.percent) == (dear, Decimal("1.2"), 2, 80.0)
    assert first.newest
    assert first.newest.input_text == "Again"
    assert second.session_id == cheap


def test_resolved_ones_are_counted_by_those_who_know(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def counter(since: datetime, until: datetime, where: Where) -> int | None:
        asked.append((since, until, dict(where)))
        return None if "agent_version" in where else 2

    monkeypatch.setattr(cost, "resolved_counters", [])
    make_charged("0.5", channel="email")
    assert conversations_of(MONTH, NOW).usd_a_resolved is None
    monkeypatch.setattr(cost, "resolved_counters", [counter])
    found = conversations_of(Wanted.read({"channel": "email"}), NOW)
    assert (found.resolved, found.usd_a_resolved) == (2, Decimal("0.25"))
    assert asked == [(MONTH.whole(NOW).since, NOW, {"channel": "email"})]
    assert conversations_of(Wanted.read({"agent": str(AGENT), "version": "1"}), NOW).resolved is None


def test_conversations_are_narrowed_as_turns_are() -> None:
    make_charged("0.5", channel="email")
    make_charged("0.3", channel="chat")
    found = conversations_of(Wanted.read({"channel": "email"}), NOW)
    assert (found.count, found.usd) == (1, Decimal("0.5"))
