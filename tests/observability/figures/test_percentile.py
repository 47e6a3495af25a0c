from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from observability.figure_buckets import LONGEST_MS, bucket_sql
from observability.figures import BUCKETS_MS, percentile, step_figures
from observability.rolling import roll_up
from tests.observability.figures.rows import at, make_step, make_turn

BOUND = math.sqrt(1.1) - 1
DURATIONS = st.integers(0, LONGEST_MS) | st.integers(0, 60_000)


def bucket_of(duration: int) -> int:
    return max(place for place, bound in enumerate(BUCKETS_MS) if bound <= duration)


def nearest_rank(durations: list[int], q: float) -> int:
    return sorted(durations)[max(1, math.ceil(round(q * len(durations), 9))) - 1]


class TestPercentile:
    @given(durations=st.lists(DURATIONS, min_size=1, max_size=60), q=st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
    def test_within_five_percent_of_the_true_one(self, durations: list[int], q: float) -> None:
        found = percentile(Counter(map(bucket_of, durations)), q)
        true = nearest_rank(durations, q)
        assert found is not None
        assert abs(found - true) <= BOUND * true + 1e-9

    def test_short_ones_are_exact(self) -> None:
        assert [percentile({bucket_of(ms): 1}, 0.5) for ms in range(20)] == list(range(20))

    def test_of_nothing(self) -> None:
        assert percentile({}, 0.5) is None

    def test_buckets_leave_no_gap_and_none_is_wider_than_its_bound(self) -> None:
        assert BUCKETS_MS[0] == 0
        assert BUCKETS_MS[-1] > LONGEST_MS
        for low, high in pairwise(BUCKETS_MS[1:]):
            assert low < high
            assert (high - 1) / low <= 1.1


@pytest.mark.django_db
class TestInTheDatabase:
    @pytest.mark.parametrize("duration", [0, 1, 19, 20, 21, 22, 23, 1000, 59_999, LONGEST_MS - 1, LONGEST_MS])
    def test_the_same_bucket(self, duration: int) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {bucket_sql('%s::int')}, {bucket_sql('NULL::int')}", [duration])
            assert cursor.fetchone() == (bucket_of(duration), None)

    def test_of_sums_and_of_rows_together(self) -> None:
        turn = make_turn(at(1))
        durations = [ms * ms for ms in range(1, 80)]
        for number, ms in enumerate(durations):
            make_step(turn, at(number / 10), duration_ms=ms)
        roll_up(at(5))
        (figures,) = step_figures(since=at(0), until=at(8), by=["name"])
        assert figures.durations == Counter(map(bucket_of, durations))
        assert figures.mean_ms == sum(durations) / len(durations)
        for q in (0.5, 0.95, 0.99):
            found: Any = figures.percentile(q)
            true = nearest_rank(durations, q)
            assert abs(found - true) <= BOUND * true
