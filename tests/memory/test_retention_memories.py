"""Which memories the nightly deletion takes, at every boundary, and in which batches."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from agents import retention
from memory.models import Memory, Retention
from memory.reach import bound_to, everyone
from tests.memory.retention_cases import DAY, MOMENT, NOW, keep, make_memory, ran, remaining


@pytest.fixture(autouse=True)
def setting(db: None) -> Retention:
    return keep()


@pytest.mark.parametrize(
    ("fields", "goes"),
    [
        ({"updated_at": NOW - 730 * DAY}, True),
        ({"updated_at": NOW - 730 * DAY + MOMENT}, False),
        ({"updated_at": NOW - 730 * DAY, "is_pinned": True}, False),
        ({"updated_at": NOW, "expires_at": NOW}, True),
        ({"updated_at": NOW, "expires_at": NOW + MOMENT}, False),
        ({"updated_at": NOW, "expires_at": NOW, "is_pinned": True}, False),
        ({"updated_at": NOW - 800 * DAY, "state": "superseded"}, True),
        ({"updated_at": NOW - 800 * DAY, "state": "forgotten", "text": ""}, True),
        ({"updated_at": NOW - 800 * DAY, "state": "proposed"}, True),
        ({"updated_at": NOW - 729 * DAY, "created_at": NOW - 2000 * DAY}, False),
    ],
    ids=[
        "at the limit",
        "after",
        "pinned",
        "at its own end",
        "before its own end",
        "pinned past its own end",
        "superseded",
        "forgotten",
        "proposed",
        "said again",
    ],
)
def test_a_memory_goes_after_its_days(fields: dict[str, Any], goes: bool) -> None:
    memory = make_memory(**fields)
    ran()
    assert (memory.pk not in remaining()) is goes


def test_what_it_was_replaced_by_may_go_first() -> None:
    customer_id = uuid4()
    newer = make_memory(NOW - 731 * DAY, customer_id)
    older = make_memory(NOW, customer_id, state="superseded", superseded_by=newer)
    both = make_memory(NOW - 732 * DAY, customer_id, state="superseded", superseded_by=newer)
    assert ran() == {"memory_memory": 2}
    assert remaining() == {older.pk}
    assert both.pk not in remaining()
    with everyone():
        assert Memory.objects.get().superseded_by_id is None
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_some_hundreds_in_batches_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 50)
    customer_id = uuid4()
    rows = [
        Memory(
            customer_id=customer_id,
            strategy="facts",
            text=f"Fact {place}.",
            author="agent",
            updated_at=NOW - timedelta(days=place * 4),
            expires_at=None if place % 3 else NOW - timedelta(days=150 - place),
            is_pinned=place % 7 == 0,
        )
        for place in range(300)
    ]
    with bound_to(customer_id):
        Memory.objects.bulk_create(rows)
    goes = {
        row.pk
        for row in rows
        if not row.is_pinned
        and (row.updated_at <= NOW - 730 * DAY or (row.expires_at is not None and row.expires_at <= NOW))
    }
    assert ran() == {"memory_memory": len(goes)}
    assert remaining() == {row.pk for row in rows} - goes
    assert len(goes) > 100
