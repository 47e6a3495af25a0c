"""Sends nudges to the broker from one thread a process.

A broker that is slow or away must not keep a customer's message waiting, and kombu's pgmq transport is not safe to
publish through from several threads at once. A nudge that is lost costs seconds: the sweeper finds the row.
"""

from __future__ import annotations

import logging
import queue
import threading
from contextlib import suppress
from typing import Any, NamedTuple
from uuid import uuid4

from celery import Celery
from kombu import Connection, Producer

logger = logging.getLogger(__name__)


class Nudge(NamedTuple):
    task: Any
    argument: str


class Publisher:
    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Nudge | threading.Event] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._line = Line()

    def publish(self, task: Any, argument: str) -> None:
        """Returns at once; the task is a Celery task of one argument."""
        self._put(Nudge(task, argument))

    def finish(self, *, seconds: float) -> bool:
        """Waits until all that was published before is with the broker, and hangs up; whether it came to that."""
        finished = threading.Event()
        self._put(finished)
        return finished.wait(seconds)

    def _put(self, item: Nudge | threading.Event) -> None:
        self._queue.put(item)
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
                    self._thread.start()

    def _run(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, threading.Event):
                self._line.hang_up()
                item.set()
                continue
            try:
                self._line.send(item)
            except Exception:
                # The boundary to the broker: whatever it raises, the next nudge is tried and this one is swept up.
                logger.warning("%s(%s) waits for the sweeper", item.task.name, item.argument, exc_info=True)


class Line:
    """A kept connection to the broker.

    `Task.delay` looks up routes, asks the broker whether it is there and declares the queue, for every message; that
    took two thirds of what a nudge costs. Here each is done once a connection.
    """

    def __init__(self) -> None:
        self._connection: Connection | None = None
        self._producer: Producer | None = None

    def send(self, nudge: Nudge) -> None:
        """Once more over a new connection where the kept one has failed: the broker may have been started anew."""
        was_kept = self._producer is not None
        try:
            self._send(nudge)
        except Exception:
            self.hang_up()
            if not was_kept:
                raise
            self._send(nudge)

    def _send(self, nudge: Nudge) -> None:
        app = nudge.task.app
        message = app.amqp.as_task_v2(str(uuid4()), nudge.task.name, args=[nudge.argument], ignore_result=True)
        producer = self._producer or self._connect(app)
        queue_name = app.conf.task_default_queue
        producer.publish(message.body, routing_key=queue_name, headers=message.headers, **message.properties)

    def _connect(self, app: Celery) -> Producer:
        self._connection = app.connection_for_write()
        channel = self._connection.channel()
        app.amqp.queues[app.conf.task_default_queue].bind(channel).declare()
        self._producer = Producer(channel, serializer="json", auto_declare=False)
        return self._producer

    def hang_up(self) -> None:
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            with suppress(Exception):  # it is broken already
                connection.release()


publisher = Publisher()
