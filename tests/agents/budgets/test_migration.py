"""0014 runs forward on limits that are there, and back again with budgets of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from agents.models import BudgetCrossing, Limit, Usage
from config.postgresql.base import as_owner
from tests.agents.budgets.cases import make_budget, spend
from tests.agents.usage_cases import fresh_limits, make_limit, running_turn, used

__all__ = ["fresh_limits"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fresh_limits")]
BEFORE, AFTER = [("agents", "0013_name_agents_in_traces")], [("agents", "0014_budgets")]


def migrate(target: Any) -> None:
    with as_owner():
        executor = MigrationExecutor(connection)
        executor.migrate(target)


@pytest.fixture
def newest() -> Iterator[None]:
    yield
    executor = MigrationExecutor(connection)
    migrate(executor.loader.graph.leaf_nodes())


@pytest.mark.usefixtures("newest")
def test_it_runs_back_and_forward_with_data() -> None:
    plain, turn = make_limit(5), running_turn()
    make_budget(5, (10, "drafts"), scope="channel", period="week")
    lenient = make_budget(5, (10, "notify"), period="week", refuses=False)
    spend(turn, "1")
    assert BudgetCrossing.objects.count() == 2

    migrate(BEFORE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT scope, period, enabled FROM agents_limit ORDER BY period")
        assert cursor.fetchall() == [("all", "day", True), ("all", "week", False)]
        cursor.execute(
            "SELECT agents_take_usage(jsonb_build_object('agent_id', %s::text, 'customer_id', %s::text, 'session_id', "
            "%s::text, 'turn_id', %s::text, 'amounts', jsonb_build_object('usd', 1)))::text",
            [turn.session.agent_id, turn.session.customer_id, turn.session_id, turn.pk],
        )
        assert cursor.fetchone() == ('{"taken": 1}',)

    migrate(AFTER)
    plain.refresh_from_db()
    lenient.refresh_from_db()
    assert (plain.refuses, lenient.enabled) == (True, False)
    assert used(plain) == (1, 1)
    assert Usage.objects.filter(limit=lenient).exists()
    assert Limit.objects.count() == 2
