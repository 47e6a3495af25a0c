"""Durations counted by buckets, so that a percentile of a month is read from sums.

The buckets are geometric, as in DDSketch (Masson, Rim and Lee, VLDB 2019, section 2.1): below 20 ms each whole number
has its own, above that no bucket's upper end is more than 1.1 times its lower one. A percentile is given as the
geometric mean of the bucket that it falls into, so it is off by at most sqrt(1.1) - 1 = 4.9 %.

A column of sums holds one number for each bucket that is not empty, `bucket * PACK + count`: a month of hours is read
in milliseconds where arrays of all buckets would take seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

GROWTH = 1.1
# The column of a duration holds no more.
LONGEST_MS = 2**31 - 1
PACK = 10**12


def bucket_bounds() -> tuple[int, ...]:
    bounds = [0, 1]
    while bounds[-1] <= LONGEST_MS:
        bounds.append(max(bounds[-1] + 1, math.floor(bounds[-1] * GROWTH)))
    return tuple(bounds)


# Where each bucket begins, in milliseconds; it ends before the next one. The first is of 0 ms alone.
BUCKETS_MS = bucket_bounds()


def bucket_sql(duration: str) -> str:
    """The number of the bucket of a duration, from 0; null of null."""
    return f"(width_bucket({duration}, ARRAY{list(BUCKETS_MS)!r}) - 1)"


def middle_of(bucket: int) -> float:
    """The geometric mean of a bucket's shortest and longest duration, in milliseconds."""
    return math.sqrt(BUCKETS_MS[bucket] * (BUCKETS_MS[bucket + 1] - 1))


def percentile(counts: Mapping[int, int], q: float) -> float | None:
    """The q-th part (0.5 is the median) of durations counted by bucket, in milliseconds; None where there are none.

    By nearest rank: the smallest duration that at least that part of all do not exceed.
    """
    rank, seen = max(1, math.ceil(q * sum(counts.values()) - 1e-9)), 0
    for bucket in sorted(counts):
        seen += counts[bucket]
        if seen >= rank:
            return middle_of(bucket)
    return None


def unpack(durations: Iterable[int]) -> dict[int, int]:
    """The counts by bucket that a column of sums holds."""
    return {number // PACK: number % PACK for number in durations}
