"""No day ends in the middle of a test."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

LAST_SECONDS_OF_A_DAY = 60.0


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    """Limits, budgets, lists of today and dates of models go by the days of UTC. The last minute of one is waited for
    before the test's transaction begins, whose `now()` would be of the day before."""
    now = datetime.now(UTC)
    midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    left = (midnight - now).total_seconds()
    if left < LAST_SECONDS_OF_A_DAY:
        time.sleep(left + 0.1)
