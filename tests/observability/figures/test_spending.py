from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from observability.figures import spending
from observability.models import Charge, Trace
from observability.rolling import roll_up
from tests.observability.figures.rows import (
    AGENTS,
    DIMENSIONS,
    at,
    forget_sums,
    make_charge,
    make_turn,
    plain_sums,
)

pytestmark = pytest.mark.django_db
HOURS = 30
# To the last of the 8 places: sums of floats would differ from these.
AMOUNTS = st.integers(0, 10**9).map(lambda number: Decimal(number).scaleb(-8))
CHARGES = st.lists(
    st.fixed_dictionaries(
        {
            "when": st.floats(0, HOURS, exclude_max=True),
            "usd": AMOUNTS,
            "turn": st.integers(0, 3),
            "kind": st.sampled_from(Charge.Kind.values),
            "subject": st.sampled_from(["a", "b"]),
            "basis": st.sampled_from(Charge.Basis.values),
            "agent_id": st.sampled_from(AGENTS),
        }
    ),
    max_size=25,
)
GROUPS = st.lists(st.sampled_from([*DIMENSIONS, "hour"]), unique=True, max_size=4) | st.just(["day"])


class TestExactness:
    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        charges=CHARGES,
        late=CHARGES,
        rolled_at=st.lists(st.floats(0, HOURS + 5), max_size=3),
        span=st.tuples(st.integers(-1, HOURS + 1), st.integers(-1, HOURS + 1)),
        by=GROUPS,
        erased=st.sets(st.integers(0, 3), max_size=2),
    )
    def test_any_whole_hours_at_any_moment_are_the_plain_sum(self, **drawn: Any) -> None:
        charges, late, rolled_at = drawn["charges"], drawn["late"], drawn["rolled_at"]
        span, by, erased = drawn["span"], drawn["by"], drawn["erased"]
        self.clear()
        channels = ("chat", "email")
        turns = [make_turn(at(1), agent_version=number // 2, channel=channels[number % 2]) for number in range(4)]
        self.charge(turns, charges, at)
        for hours in sorted(rolled_at):
            mark = roll_up(at(hours))
        if rolled_at:
            # From three hours behind the mark on, as late as an hour is looked at again.
            Trace.objects.filter(pk__in=[turns[number].pk for number in erased]).delete()
            self.charge(turns, late, lambda hours: mark + timedelta(hours=hours / HOURS * 8 - 3))
            roll_up(at(max(rolled_at)))
        if erased:  # of whom the version and the channel may be forgotten, and nothing else
            by = [name for name in by if name not in ("agent_version", "channel")]
        since, until = at(min(span)), at(max(span))
        found = spending(since=since, until=until, by=by)
        wanted = plain_sums(Charge.objects.all(), Trace.objects.all(), since, until, by)
        names = ["at" if name in ("hour", "day") else name for name in by]
        assert {tuple(getattr(each, name) for name in names): (each.charges, each.usd) for each in found} == wanted
        assert len(found) == len(wanted)

    def clear(self) -> None:
        forget_sums()
        Charge.objects.all().delete()
        Trace.objects.all().delete()

    def charge(self, turns: list[Trace], charges: Any, when: Callable[[float], datetime]) -> None:
        for each in charges:
            fields = {name: each[name] for name in ("usd", "kind", "subject", "basis", "agent_id")}
            make_charge(turns[each["turn"]], when(each["when"]), **fields)

    @pytest.mark.parametrize("minutes", [(0, 1), (59, 61), (30, 330), (-90, 95)], ids=str)
    def test_parts_of_hours_are_exact_too(self, minutes: tuple[int, int]) -> None:
        turn = make_turn(at(1))
        for number in range(-100, 400):
            make_charge(turn, at(number / 60), "0.00000001")
        roll_up(at(6))
        since, until = at(minutes[0] / 60), at(minutes[1] / 60)
        (found,) = spending(since=since, until=until)
        assert found.charges == Charge.objects.filter(at__gte=since, at__lt=until).count()
        assert found.usd == found.charges * Decimal("0.00000001")


class TestAnswer:
    def test_nothing_is_no_row(self) -> None:
        roll_up(at(5))
        assert spending(since=at(0), until=at(4)) == []
        assert spending(since=at(0), until=at(4), by=["kind"]) == []
        assert spending(since=at(4), until=at(4)) == []

    def test_narrowed_and_in_order(self) -> None:
        turn, other = make_turn(at(1)), make_turn(at(1), channel="email", agent_id=AGENTS[1])
        for rolled in (1.5, 9.5):
            make_charge(turn, at(rolled), "1", subject="b")
            make_charge(turn, at(rolled), "2", subject="a", kind=Charge.Kind.TOOL)
            make_charge(other, at(rolled), "4", subject="a", agent_id=AGENTS[1])
        roll_up(at(8))
        times = {"since": at(0), "until": at(20)}
        assert [(row.subject, int(row.usd)) for row in spending(**times, by=["subject"])] == [("a", 12), ("b", 2)]
        assert spending(**times, where={"channel": "email"})[0].usd == 8
        assert spending(**times, where={"agent_id": AGENTS[0], "kind": ["tool"]})[0].usd == 4
        assert spending(**times, where={"kind": ["tool", "model"], "agent_version": 1})[0].usd == 14
        assert spending(**times, where={"subject": []}) == []
        (row,) = spending(**times, where={"channel": "email"}, by=["channel", "agent_version"])
        assert (row.channel, row.agent_version, row.agent_id, row.kind, row.at) == ("email", 1, None, None, None)

    @pytest.mark.parametrize(
        "wrong",
        [{"by": ["model"]}, {"where": {"customer": "x"}}, {"by": ["hour", "day"]}, {"where": {"hour": 1}}],
        ids=str,
    )
    def test_a_name_that_it_does_not_have(self, wrong: Any) -> None:
        with pytest.raises(ValueError, match="not told apart"):
            spending(since=at(0), until=at(1), **wrong)
