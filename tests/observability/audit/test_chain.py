from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from config.postgresql.base import ROLE, set_role
from observability import audit
from observability.audit import hash_of, head, plain, record, recorded_last, verify
from observability.models import AuditEntry

pytestmark = pytest.mark.django_db


@contextmanager
def as_owner() -> Iterator[None]:
    """The login that owns the tables, in the transaction of the test."""
    set_role("NONE")
    yield
    set_role(ROLE)


def unguarded(statement: str, params: list[object]) -> None:
    """What somebody does who owns the database: the triggers are off."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(statement, params)
        cursor.execute("SET LOCAL session_replication_role = origin")


def run(statement: str, params: list[object]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, params)


def three(user: User | None = None) -> list[AuditEntry]:
    return [record(user, "price.add", kind="price", id=number, after={"usd": number}) for number in range(3)]


def test_each_is_bound_to_the_one_before(admin: User) -> None:
    first, second, third = three(admin)
    assert first.previous_hash == ""
    assert (second.previous_hash, third.previous_hash) == (first.hash, second.hash)
    assert len({first.hash, second.hash, third.hash}) == 3
    assert verify() is None
    assert head() == third


def test_what_is_recorded_last_keeps_nobody_waiting_until_then(admin: User) -> None:
    locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
    with transaction.atomic():
        with recorded_last():
            record(admin, "target.change", kind="target")
            with connection.cursor() as cursor:
                cursor.execute(locks)
                assert cursor.fetchone() == (0,)
            record(admin, "gateway.change", kind="gateway")
            assert not AuditEntry.objects.exists()
        with connection.cursor() as cursor:
            cursor.execute(locks)
            assert cursor.fetchone() == (1,)
    assert list(AuditEntry.objects.order_by("id").values_list("action", flat=True)) == [
        "target.change",
        "gateway.change",
    ]
    assert verify() is None


def test_it_keeps_who_what_and_why(admin: User) -> None:
    kept = record(
        admin,
        "span.reveal",
        kind="span",
        id=UUID(int=7),
        name="get_order",
        reason="Ada  asks\nfrom ada@example.com",
        before={"usd": Decimal("1.10"), "from": date(2026, 1, 2), "at": datetime(2026, 1, 2, tzinfo=UTC)},
        after={"id": UUID(int=1), "list": [1, None, True], "nul": "a\0b"},
    )
    row = AuditEntry.objects.get(pk=kept.pk)
    assert (row.actor_id, row.actor_name) == (admin.pk, admin.username)
    assert row.subject_id == str(UUID(int=7))
    assert row.reason == "Ada asks from {EMAIL}"
    assert row.before == {"usd": "1.10", "from": "2026-01-02", "at": "2026-01-02T00:00:00+00:00"}
    assert row.after == {"id": str(UUID(int=1)), "list": [1, None, True], "nul": "ab"}
    assert record(None, "budget.stop", kind="budget").actor_name == audit.APPLICATION
    assert verify() is None


@pytest.mark.parametrize(
    ("statement", "params"),
    [
        ("UPDATE observability_auditentry SET reason = %s", ["Another."]),
        ("DELETE FROM observability_auditentry", []),
        ("TRUNCATE observability_auditentry", []),
    ],
    ids=["update", "delete", "truncate"],
)
def test_the_database_refuses_to_change_it(statement: str, params: list[object]) -> None:
    three()
    with as_owner(), pytest.raises(DatabaseError, match="stays"), transaction.atomic():
        run(statement, params)
    assert AuditEntry.objects.count() == 3


def test_an_empty_table_may_be_emptied() -> None:
    with as_owner():
        run("TRUNCATE observability_auditentry", [])


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE observability_auditentry SET actor_name = 'somebody' WHERE id = %s", "content"),
        ("UPDATE observability_auditentry SET after = '{\"usd\": 5}' WHERE id = %s", "content"),
        ("DELETE FROM observability_auditentry WHERE id = %s", "follow"),
    ],
    ids=["who", "what", "gone"],
)
@pytest.mark.parametrize("batch", [1, 2000])
def test_it_finds_the_first_broken_row(statement: str, why: str, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "BATCH", batch)
    _, second, third = three()
    unguarded(statement, [second.pk])
    broken = verify()
    assert broken is not None
    assert broken.id == (third.pk if why == "follow" else second.pk)
    assert why in broken.why


def test_a_row_slipped_in_is_found() -> None:
    first, second, _ = three()
    forged = AuditEntry(
        pk=second.pk, actor_name="x", action="a", subject_kind="b", previous_hash=first.hash, at=second.at
    )
    forged.hash = hash_of(forged)
    unguarded("DELETE FROM observability_auditentry WHERE id = %s", [second.pk])
    forged.save(force_insert=True)
    broken = verify()
    assert broken is not None
    assert broken.id > second.pk


def test_it_goes_with_the_callers_transaction() -> None:
    with transaction.atomic():
        record(None, "price.add", kind="price")
        transaction.set_rollback(True)
    assert head() is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=())),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60)
@given(value=st.dictionaries(st.text(), JSON, max_size=4))
def test_a_hash_outlives_the_column(value: dict[str, Any]) -> None:
    with transaction.atomic():
        kept = record(None, "price.add", kind="price", after=value)
        row = AuditEntry.objects.get(pk=kept.pk)
        assert hash_of(row) == row.hash
        transaction.set_rollback(True)


@pytest.mark.parametrize("value", [{"a": float("nan")}, {"a": object()}, {"a": float("inf")}])
def test_what_has_no_form_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        plain(value)


@pytest.mark.django_db(transaction=True)
def test_one_chain_however_many_write() -> None:
    start = threading.Barrier(6)

    def write() -> None:
        start.wait()
        for number in range(10):
            with transaction.atomic():
                record(None, "price.add", kind="price", id=number)
        connection.close()

    threads = [threading.Thread(target=write) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert AuditEntry.objects.count() == 60
    assert verify() is None
