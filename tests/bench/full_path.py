"""Turns through the real path: HTTP in, the broker, a worker process, the gateway, PostgreSQL."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import psycopg

# Many sessions at once are asked after together; one alone is not made to wait.
QUIET_SECONDS = 0.002
TURN_SECONDS = 60.0


class Finished:
    """Tells waiting sessions that their turn has ended: one LISTEN connection and one query for all of them."""

    def __init__(self, database_url: str) -> None:
        self._listening = psycopg.connect(database_url, autocommit=True)
        self._asking = psycopg.connect(database_url, autocommit=True)
        self._listening.execute("LISTEN tandem_events")
        self._waiting: dict[tuple[str, int], threading.Event] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def expect(self, session_id: str, turns: int) -> threading.Event:
        """Set once the session has had this many turns."""
        event = threading.Event()
        self._waiting[session_id, turns] = event
        return event

    def close(self) -> None:
        self._stopped = True
        self._thread.join()
        self._listening.close()
        self._asking.close()

    def _run(self) -> None:
        while not self._stopped:
            for _ in self._listening.notifies(timeout=0.2, stop_after=1):
                if len(self._waiting) > 1:
                    time.sleep(QUIET_SECONDS)
            waiting = list(self._waiting)
            if waiting:
                self._tell(waiting)

    def _tell(self, waiting: list[tuple[str, int]]) -> None:
        rows = self._asking.execute(
            "SELECT session_id::text, count(*) FROM agents_turn WHERE session_id = ANY(%s::uuid[]) "
            "AND finished_at IS NOT NULL GROUP BY 1",
            [[session_id for session_id, _ in waiting]],
        )
        for session_id, count in rows.fetchall():
            for number in range(1, count + 1):
                event = self._waiting.pop((session_id, number), None)
                if event:
                    event.set()


@dataclass(kw_only=True)
class Customer:
    """One browser of a customer, with a conversation of its own."""

    client: httpx2.Client
    finished: Finished
    session_id: str = ""
    turns: int = 0

    @classmethod
    def arrive(cls, web_url: str, finished: Finished) -> Customer:
        client = httpx2.Client(base_url=web_url, timeout=30, trust_env=False)
        client.get("/chat/support/").raise_for_status()
        chosen = client.post("/chat/support/identity/", data={"demo_customer": "ada@example.com", **token_of(client)})
        assert chosen.status_code == 302, chosen.text[:300]
        return cls(client=client, finished=finished)

    def turn(self) -> float:
        """Seconds from sending a message until its turn has ended."""
        self.turns += 1
        data = {"text": f"Where is my order 1042? ({self.turns})", **token_of(self.client)}
        if self.session_id:
            data["session"] = self.session_id
            ended = self.finished.expect(self.session_id, self.turns)
        started = time.perf_counter()
        answer = self.client.post("/chat/support/messages/", data=data)
        assert answer.status_code == 302, (answer.status_code, answer.text[:300])
        if not self.session_id:
            self.session_id = answer.headers["location"].split("/")[3]
            ended = self.finished.expect(self.session_id, self.turns)
        assert ended.wait(TURN_SECONDS), "the turn did not end"
        return time.perf_counter() - started


def token_of(client: httpx2.Client) -> dict[str, str]:
    return {"csrfmiddlewaretoken": client.cookies["csrftoken"]}


def one_after_another(web_url: str, database_url: str, *, sessions: int, turns: int) -> list[list[float]]:
    """Seconds by session and turn, one customer at a time."""
    finished = Finished(database_url)
    times = []
    for _ in range(sessions):
        customer = Customer.arrive(web_url, finished)
        times.append([customer.turn() for _ in range(turns)])
        customer.client.close()
    finished.close()
    return times


def all_at_once(web_url: str, database_url: str, *, sessions: int, seconds: float) -> dict[str, Any]:
    """Turns a second with so many conversations under way at all times, and the seconds that each took."""
    finished = Finished(database_url)
    customers = [Customer.arrive(web_url, finished) for _ in range(sessions)]
    times: list[tuple[float, float]] = []
    start = time.perf_counter()
    stop = start + seconds

    def talk(customer: Customer) -> None:
        while time.perf_counter() < stop:
            took = customer.turn()
            times.append((time.perf_counter(), took))

    threads = [threading.Thread(target=talk, args=(customer,)) for customer in customers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    finished.close()
    # The first round starts cold and the last one thins out: what ended in between counts.
    counted = [took for ended, took in times if start + seconds / 4 <= ended <= stop]
    return {"turns_per_second": len(counted) / (seconds * 3 / 4), "seconds": counted}


def until(condition: Callable[[], bool], *, seconds: float = 30) -> None:
    for _ in itertools.takewhile(lambda _: not condition(), range(int(seconds * 20))):
        time.sleep(0.05)
    assert condition(), f"not ready within {seconds} s"
