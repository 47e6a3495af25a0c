"""What the nightly deletion and an erasure cost: `python -m tests.bench.retention [--rows N] [--messages N]`.

A database of its own, with fsync. A table of memories, of which parts are unsaid for too long, past their own end,
pinned or superseded, is brought to what has to be left while another connection recalls and writes memories without a
pause. Then one customer with so many messages is erased.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import psycopg

from tests.bench.recall import database, one, say

CUSTOMERS = 10_000
# Of each hundred by number: ten were last said 800 days ago, one of them pinned; ten are past their own end, one of
# them pinned; ten were replaced, by those that go, and stay.
MEMORIES = """
INSERT INTO memory_memory (id, customer_id, strategy, topic, text, metadata, embedding, embedding_model, author,
  confidence, times, state, reason, superseded_by_id, is_pinned, created_at, updated_at, expires_at)
SELECT md5('m' || i)::uuid, md5('c' || i %% %(customers)s::int)::uuid, 'facts', '', 'Said so ' || i, '{}',
  (SELECT ('[' || i %% 97 + 1 || repeat(',1', 383) || ']')::vector), 'bench', 'agent', 0.6, 1,
  CASE WHEN i %% 10 = 3 THEN 'superseded' ELSE 'active' END, '',
  CASE WHEN i %% 10 = 3 THEN md5('m' || i - 3)::uuid END, i %% 100 IN (0, 1), now() - interval '900 days',
  now() - CASE WHEN i %% 10 = 0 THEN interval '800 days' ELSE interval '100 days' END,
  CASE WHEN i %% 10 = 1 THEN now() - interval '1 day' ELSE now() + interval '630 days' END
FROM generate_series(%(first)s::int, %(last)s::int) AS i
"""
RECALL = "SELECT * FROM memory_recall(md5('c' || %s::int)::uuid, NULL, 'said', NULL, 'bench', 0.5, 10)"
WRITE = """
INSERT INTO memory_memory (id, customer_id, strategy, topic, text, metadata, embedding_model, author, confidence, times,
  state, reason, is_pinned, created_at, updated_at, expires_at)
VALUES (gen_random_uuid(), md5('c' || %s::int)::uuid, 'facts', '', 'Written meanwhile', '{}', '', 'agent', 0.6, 1,
  'active', '', false, now(), now(), now() + interval '700 days')
"""
CONVERSATION = (
    "INSERT INTO agents_customer (id, email, name, created_at) VALUES (%(customer)s, 'bench@example.com', 'B', now())",
    "INSERT INTO agents_agent (id, slug, name, description, status, created_at) "
    "VALUES (%(agent)s, 'bench', 'Bench', '', 'active', now())",
    "INSERT INTO agents_session (id, customer_id, agent_id, channel, identity, controller, event_seq, opened_at, "
    "last_message_at, preview, preview_author) "
    "SELECT md5('s' || i)::uuid, %(customer)s, %(agent)s, 'chat', 'verified', "
    "'agent', 1, now(), now(), '', '' FROM generate_series(0, %(sessions)s - 1) AS i",
    "INSERT INTO agents_turn (id, session_id, seq, status, attempts, queued_at, finished_at, failure) "
    "SELECT md5('t' || i)::uuid, md5('s' || i %% %(sessions)s)::uuid, i, 'replied', 1, now(), now(), '' "
    "FROM generate_series(1, %(messages)s / 2) AS i",
    "INSERT INTO agents_message (id, session_id, seq, turn_id, author, visibility, channel, text, content, created_at) "
    "SELECT gen_random_uuid(), md5('s' || i %% %(sessions)s)::uuid, i, md5('t' || i / 2)::uuid, 'customer', 'public', "
    "'chat', repeat('words ', 30), '[]', now() FROM generate_series(1, %(messages)s) AS i",
    "INSERT INTO agents_turnevent (session_id, seq, turn_id, kind, data, at) "
    "SELECT md5('s' || i %% %(sessions)s)::uuid, "
    "i, md5('t' || i / 2)::uuid, 'message', '{}', now() FROM generate_series(1, %(messages)s) AS i",
    "INSERT INTO tools_toolcall (id, session_id, turn_id, tool_use_id, tool_name, effect, arguments, digest, state, "
    "attempts, result, created_at, decision) "
    "SELECT md5('k' || i)::uuid, session_id, id, 'u', 'get_order', 'read', '{}', "
    "'', 'confirmed', 1, '{}', now(), '' FROM (SELECT row_number() OVER () AS i, * FROM agents_turn) AS t",
    "INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_version, model, channel, customer, "
    "status, outcome, error, input_text, output_text, started_at, model_calls, tool_calls, input_tokens, "
    "output_tokens, cache_read_tokens, cache_write_tokens, cost_usd) "
    "SELECT id, session_id, %(agent)s, 'Bench', 1, 'm', 'chat', "
    "'bench@example.com', 'ok', 'replied', '', '', '', now(), 1, 1, 1, 1, 0, 0, 0 FROM agents_turn",
    "INSERT INTO observability_span (id, trace_id, kind, name, status, error, started_at, duration_ms, input_tokens, "
    "output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, attributes) "
    "SELECT gen_random_uuid(), id, 'model', "
    "'m', 'ok', '', now(), 1, 1, 1, 0, 0, 0, jsonb_build_object('input', repeat('words ', 50)) "
    "FROM observability_trace, generate_series(1, 3)",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--messages", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        given = {"DATABASE_URL": url, "STATE_DIR": folder, "SECRET_KEY": "bench", "EMBEDDINGS": "lexical"}
        os.environ.update(given)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        try:
            with psycopg.connect(url, autocommit=True) as owner:
                report_retention(owner, url, options.rows)
                report_erasure(owner, options.messages)
        finally:
            connection = import_module("django.db").connection
            connection.close()
            connection.close_pool()


# -- retention


def report_retention(owner: psycopg.Connection[Any], url: str, rows: int) -> None:
    began = time.perf_counter()
    for start in range(0, rows, 100_000):
        last = min(start + 100_000, rows) - 1
        owner.execute(MEMORIES, {"first": start, "last": last, "customers": CUSTOMERS})
    owner.execute("VACUUM ANALYZE memory_memory")
    (size,) = one(owner, "SELECT pg_size_pretty(pg_total_relation_size('memory_memory'))")
    say(f"{rows:,} memories written in {time.perf_counter() - began:.0f} s: {size}")
    calm = Meanwhile(url)
    time.sleep(5)
    calm.stop()
    say(f"before the run:  {calm.words()}")
    busy = Meanwhile(url)
    taken, counts, seconds = timed_batches()
    written = busy.stop()

    say(
        f"the run: {counts} in {len(taken)} batches and {seconds:.1f} s; a batch p50 "
        f"{statistics.median(taken):.0f} ms, longest {max(taken):.0f} ms"
    )
    say(f"during the run:  {busy.words()}")
    expected = sum(1 for i in range(rows) if i % 10 not in {0, 1} or i % 100 in {0, 1}) + written + calm.written
    (left,) = one(owner, "SELECT count(*) FROM memory_memory")
    (wrong,) = one(
        owner,
        "SELECT count(*) FROM memory_memory WHERE NOT is_pinned "
        "AND (updated_at <= now() - interval '730 days' OR expires_at <= now())",
    )
    say(f"left: {left:,}, expected {expected:,}; {wrong} of them should have gone")
    if left != expected or wrong:
        raise SystemExit("the run deleted what it should not have, or left what it should not")


def timed_batches() -> tuple[list[float], dict[str, int], float]:
    """Milliseconds of each batch; what was deleted; seconds in all."""
    retention, memory = import_module("agents.retention"), import_module("memory.retention")
    times = retention.Times.of(memory.kept(), import_module("django.utils.timezone").now())
    taken: list[float] = []
    counts: Counter[str] = Counter()
    began = before = time.perf_counter()
    for deleted in retention.batches(times):
        counts += deleted
        taken.append((time.perf_counter() - before) * 1000)
        before = time.perf_counter()
    return taken, dict(counts), time.perf_counter() - began


class Meanwhile:
    """Somebody who recalls and writes memories of one customer after another, as the application's role."""

    def __init__(self, url: str) -> None:
        self.recalls: list[float] = []
        self.writes: list[float] = []
        self._url, self._stopped = url, threading.Event()
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    @property
    def written(self) -> int:
        return len(self.writes)

    def stop(self) -> int:
        """How many were written."""
        self._stopped.set()
        self._thread.join()
        return self.written

    def words(self) -> str:
        return "; ".join(
            f"{name} p50 {statistics.median(taken):.1f} ms, p99 {statistics.quantiles(taken, n=100)[-1]:.1f} ms, "
            f"longest {max(taken):.0f} ms of {len(taken):,}"
            for name, taken in (("recall", list(self.recalls)), ("insert", list(self.writes)))
        )

    def _work(self) -> None:
        with psycopg.connect(self._url, autocommit=True) as app:
            app.execute("SET ROLE tandem_app")
            app.execute("SET tandem.everyone = 'on'")
            place = 0
            while not self._stopped.is_set():
                place = (place + 7) % CUSTOMERS
                for taken, sql in ((self.recalls, RECALL), (self.writes, WRITE)):
                    began = time.perf_counter()
                    app.execute(sql, [place])
                    taken.append((time.perf_counter() - began) * 1000)


# -- an erasure


def report_erasure(owner: psycopg.Connection[Any], messages: int) -> None:
    uuid7 = import_module("observability.ids").uuid7
    given = {"customer": uuid7(), "agent": uuid7(), "sessions": 100, "messages": messages}
    for sql in CONVERSATION:
        with psycopg.ClientCursor(owner) as cursor:
            cursor.execute(sql, given)
    owner.execute("ANALYZE")
    erasure, models = import_module("agents.erasure"), import_module("agents.models")
    customer = models.Customer.objects.get(pk=given["customer"])
    began = time.perf_counter()
    foretold = erasure.preview(customer)
    say(f"a customer with {messages:,} messages: {sum(foretold.values()):,} rows counted in {since(began)}")
    began = time.perf_counter()
    receipt = erasure.erase(customer, None)
    say(f"erased {sum(receipt.counts.values()):,} rows in {since(began)}")
    began = time.perf_counter()
    erasure.clean_up(receipt)
    say(f"vacuumed {len(receipt.counts)} tables in {since(began)}")


def since(began: float) -> str:
    return f"{time.perf_counter() - began:.1f} s"


if __name__ == "__main__":
    main()
