"""Whether the desk is up and ready, and how its parts look."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

import psycopg
from celery import current_app
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from observability.access import Role, public, role_required
from observability.metric_workers import is_seen

logger = logging.getLogger(__name__)
UNAVAILABLE = 503
# A broker is asked at most so often, whoever asks this page how often.
BROKER_SECONDS = 5.0
BROKER_TIMEOUT = 2


@public
@require_GET
def healthz(request: HttpRequest) -> HttpResponse:
    """200 when the web process answers and reaches its database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return HttpResponse("ok\n", content_type="text/plain")


@public
@never_cache
@require_GET
def readyz(request: HttpRequest) -> HttpResponse:
    """200 when everything that answers a customer is there, else 503; the parts say what is missing, and no more."""
    parts = {"database": answers(), "migrations": False, "broker": broker.is_reachable(), "worker": False}
    if parts["database"]:
        parts["migrations"] = migrations.are_applied()
        parts["worker"] = in_time(lambda: is_seen(timezone.now()))
    is_ready = all(parts.values())
    return JsonResponse({"ready": is_ready, "parts": parts}, status=200 if is_ready else UNAVAILABLE)


@role_required(Role.ADMIN)
@require_GET
def styleguide(request: HttpRequest) -> HttpResponse:
    return render(request, "styleguide.html")


# -- parts
def answers() -> bool:
    def ask() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        return True

    return in_time(ask)


def in_time(ask: Callable[[], bool]) -> bool:
    """A database that does not answer is an answer, too."""
    try:
        return ask()
    except DatabaseError as error:
        logger.warning("not ready: %s", type(error).__name__)
        return False


class Migrations:
    """Once they are applied they stay so, for as long as this code runs."""

    def __init__(self) -> None:
        self._are_applied = False

    def are_applied(self) -> bool:
        if not self._are_applied:
            self._are_applied = in_time(self._look)
        return self._are_applied

    def _look(self) -> bool:
        executor = MigrationExecutor(connection)
        return not executor.migration_plan(executor.loader.graph.leaf_nodes())


class Broker:
    """Asked for its queue; the answer is kept for a moment."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked_at = -BROKER_SECONDS
        self._is_reachable = False

    def is_reachable(self) -> bool:
        with self._lock:
            if time.monotonic() - self._asked_at >= BROKER_SECONDS:
                self._is_reachable = self._ask()
                self._asked_at = time.monotonic()
            return self._is_reachable

    def _ask(self) -> bool:
        is_own = settings.CELERY_BROKER_URL.startswith("pgmq:")
        try:
            return has_queue() if is_own else takes_queue()
        except Exception as error:  # noqa: BLE001  the boundary to the broker: each kind raises what it likes
            logger.warning("not ready: the broker does not answer: %s", type(error).__name__)
            return False


def has_queue() -> bool:
    """The queue in the database. Not by kombu, whose pool would go on trying for half a minute."""
    dsn = str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["conn_string"])
    with psycopg.connect(dsn, connect_timeout=BROKER_TIMEOUT, autocommit=True) as line:
        row = line.execute("SELECT to_regclass(%s)", [f"pgmq.q_{settings.CELERY_TASK_DEFAULT_QUEUE}"]).fetchone()
    return row is not None and row[0] is not None


def takes_queue() -> bool:
    """Another broker, asked as a worker would ask."""
    with current_app.connection_for_read(connect_timeout=BROKER_TIMEOUT) as line:
        line.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_TIMEOUT)
        with line.channel() as channel:
            current_app.amqp.queues[current_app.conf.task_default_queue].bind(channel).declare()
    return True


broker = Broker()
migrations = Migrations()
