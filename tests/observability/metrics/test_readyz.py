"""/readyz says whether everything that answers a customer is there, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from celery import current_app
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.utils import timezone

from agents.views import system
from observability.metric_workers import KEPT_SECONDS, SEEN, note_worker
from tests.processes import database_dsn

pytestmark = pytest.mark.django_db
ALL = {"database": True, "migrations": True, "broker": True, "worker": True}


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(system, "broker", system.Broker())
    monkeypatch.setattr(system, "migrations", system.Migrations())
    cache.clear()
    yield
    cache.clear()


def ask() -> tuple[int, dict[str, Any]]:
    answer = Client().get("/readyz")
    return answer.status_code, answer.json()


def test_everything_is_there() -> None:
    note_worker()
    assert ask() == (200, {"ready": True, "parts": ALL})


def test_no_worker_was_seen_lately() -> None:
    expected = (503, {"ready": False, "parts": {**ALL, "worker": False}})
    assert ask() == expected
    cache.set(SEEN, timezone.now() - timedelta(seconds=90), KEPT_SECONDS)
    assert ask() == expected


def test_a_migration_is_missing() -> None:
    note_worker()
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM django_migrations WHERE app = 'observability' AND name = "
            "(SELECT max(name) FROM django_migrations WHERE app = 'observability')"
        )
    assert ask() == (503, {"ready": False, "parts": {**ALL, "migrations": False}})


def test_the_broker_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    note_worker()
    monkeypatch.setattr(current_app.conf, "broker_read_url", "pyamqp://127.0.0.1:9//")
    assert ask() == (503, {"ready": False, "parts": {**ALL, "broker": False}})


@pytest.mark.parametrize(
    ("queue", "is_there"), [("tandem_of_nobody", False), ("tandem_ready", True)], ids=["no queue", "a queue"]
)
def test_the_broker_in_the_database(settings: Any, monkeypatch: pytest.MonkeyPatch, queue: str, is_there: bool) -> None:
    note_worker()
    monkeypatch.setattr(system, "BROKER_TIMEOUT", 60)
    settings.CELERY_BROKER_URL = "pgmq://localhost/"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"conn_string": database_dsn()}
    settings.CELERY_TASK_DEFAULT_QUEUE = queue
    with psycopg.connect(database_dsn(), autocommit=True) as line:
        line.execute("CREATE SCHEMA IF NOT EXISTS pgmq")
        line.execute("CREATE TABLE IF NOT EXISTS pgmq.q_tandem_ready ()")
        try:
            status, said = ask()
        finally:
            line.execute("DROP TABLE pgmq.q_tandem_ready")
    assert (status == 200) is is_there
    assert said["parts"] == {**ALL, "broker": is_there}


def test_the_database_of_the_broker_is_away(settings: Any) -> None:
    note_worker()
    settings.CELERY_BROKER_URL = "pgmq://localhost/"
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"conn_string": "host=127.0.0.1 port=9 dbname=x"}
    assert ask() == (503, {"ready": False, "parts": {**ALL, "broker": False}})
