"""What a query over a million spans takes: `python -m tests.bench.insights [rows] [--plans]`.

A database of its own, with fsync. Eight spans a turn (two model calls, two tool calls, three checks, a recall) and each
turn's trace, all within the last 55 minutes and four in five of one agent, so that every query reads all of them. The
three queries of the source document run as they are printed there, with all others that are shipped, over the hours
that they look back; and some of the kind that a page or an alert asks.
Each runs once unmeasured and five times measured, through `run_query`, as the application's role.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import psycopg

from tests.bench.recall import database, one, say

SPANS_PER_TURN = 8
TIMES = 5
TRACES = """
INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_slug, agent_version, model, channel,
  customer, status, outcome, error, input_text, output_text, started_at, ended_at, duration_ms, model_calls, tool_calls,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
SELECT md5('t' || i)::uuid, md5('s' || i / 4)::uuid, md5('a')::uuid, 'Support agent',
  CASE WHEN i %% 5 < 4 THEN 'my-support-agent' ELSE 'billing-agent' END, 3, 'claude-sonnet-5-5', 'chat',
  'customer' || i %% 5000 || '@example.com', 'ok', 'replied', '', 'Where is my order?', 'It is on its way.', at, at,
  1500 + (i * 7919) %% 6000, 2, 2, 4000, 300, 3000, 0, 0.0123
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i,
  LATERAL (SELECT %(since)s::timestamptz + interval '55 minutes' * i / %(turns)s::int AS at) AS begun
"""
SPANS = """
INSERT INTO observability_span (id, trace_id, agent, action, category, kind, name, status, error, started_at,
  duration_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, attributes)
SELECT md5('p' || i || '-' || n)::uuid, md5('t' || i)::uuid,
  CASE WHEN i %% 5 < 4 THEN 'my-support-agent' ELSE 'billing-agent' END,
  CASE WHEN n BETWEEN 4 AND 6 THEN CASE WHEN (i + n) %% 20 = 0 THEN 'blocked' ELSE 'none' END ELSE '' END,
  CASE WHEN n BETWEEN 4 AND 6 AND (i + n) %% 20 = 0 THEN (ARRAY['EMAIL', 'HATE', 'claim:refund'])[i %% 3 + 1]
    ELSE '' END,
  CASE WHEN n < 2 THEN 'model' WHEN n < 4 THEN 'tool' WHEN n < 7 THEN 'guardrail' ELSE 'memory' END,
  CASE WHEN n < 2 THEN 'claude-sonnet-5-5'
    WHEN n < 4 THEN (ARRAY['get_order', 'get_order', 'process_refund', 'get_refund_status', 'escalate_to_human'])
      [(i + n) %% 5 + 1]
    WHEN n < 7 THEN (ARRAY['input', 'tool_result', 'output'])[n - 3] ELSE 'recall' END,
  'ok', '', %(since)s::timestamptz + interval '55 minutes' * i / %(turns)s::int + n * interval '100 milliseconds',
  CASE WHEN n < 2 THEN 800 + (i * 31 + n) %% 5000 WHEN n < 4 THEN 40 + (i * 17 + n) %% 900 ELSE 2 END,
  CASE WHEN n < 2 THEN 2000 ELSE 0 END, CASE WHEN n < 2 THEN 150 ELSE 0 END, 0, 0,
  CASE WHEN n < 2 THEN 0.00615 ELSE 0 END,
  CASE WHEN n < 2 THEN jsonb_build_object('model', 'claude-sonnet-5-5', 'stopReason', 'end_turn', 'output',
      jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('Your order is on its way. ', 12))))
    WHEN n < 4 THEN jsonb_build_object('toolInputs', jsonb_build_object('order_id', 'o-' || i), 'attempts', 1,
      'toolOutput', jsonb_build_object('status', 'shipped', 'items', jsonb_build_array('A shirt', 'A hat')),
      'state', 'confirmed')
    WHEN n < 7 THEN jsonb_build_object('stage', 'output', 'version', '3', 'ms', 1.5, 'guardrailAction', 'none')
    ELSE jsonb_build_object('question', 'Where is my order?', 'memories', '[]'::jsonb) END
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i, generate_series(0, 7) AS n
"""
QUERIES = {
    "percentiles by bin": "stats pct(duration, 50), pct(duration, 95), count() by bin(5m)",
    "percentiles of tools by bin": 'filter kind = "tool" | stats pct(duration, 95), avg(duration) by bin(5m), toolName',
    "cost by model, with the join": 'filter kind != "invocation" | stats sum(cost), sum(outputTokens) by model',
    "an attribute as a number": 'filter kind = "tool" | stats avg(attempts), count_distinct(toolInputs.order_id)',
    "a text in every event": 'filter @message like "o-4711" | stats count()',
    "a pattern in every event": "filter @message like /o-47[0-9]{2}/ | limit 20",
    "newest events": "fields @timestamp, @message",
    "the last of each conversation": "sort @timestamp desc | dedup sessionId | limit 20",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("rows", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--plans", action="store_true", help="show how each is read")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        given = {"DATABASE_URL": url, "STATE_DIR": folder, "SECRET_KEY": "bench", "EMBEDDINGS": "lexical"}
        os.environ.update(given)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        connection = import_module("django.db").connection
        try:
            with psycopg.connect(url, autocommit=True) as owner:
                fill(owner, options.rows)
            shipped = import_module("observability.models").SavedQuery.objects.filter(is_shipped=True)
            for query in shipped.order_by("name"):
                report(query.name, query.text, hours=query.range_hours, with_plan=options.plans)
            for name, text in QUERIES.items():
                report(name, text, hours=1, with_plan=options.plans)
        finally:
            connection.close()
            connection.close_pool()


def fill(owner: psycopg.Connection[Any], rows: int) -> None:
    began = time.perf_counter()
    turns = rows // SPANS_PER_TURN
    (since,) = one(owner, "SELECT now() - interval '56 minutes'")
    with psycopg.ClientCursor(owner) as cursor:
        for first in range(0, turns, 25_000):
            given = {"first": first, "last": min(first + 25_000, turns) - 1, "turns": turns, "since": since}
            cursor.execute(TRACES, given)
            cursor.execute(SPANS, given)
    owner.execute("VACUUM ANALYZE observability_span")
    owner.execute("VACUUM ANALYZE observability_trace")
    (size,) = one(owner, "SELECT pg_size_pretty(pg_total_relation_size('observability_span'))")
    say(f"{turns * SPANS_PER_TURN:,} spans of {turns:,} turns in {time.perf_counter() - began:.0f} s: {size}")


def report(name: str, query: str, *, hours: int, with_plan: bool) -> None:
    language, now = import_module("observability.query"), import_module("django.utils.timezone").now()
    span = {"start": now - timedelta(hours=hours), "end": now, "now": now}
    taken = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        answer = language.run_query(query, seconds=60, **span)
        taken.append((time.perf_counter() - began) * 1000)
    say(
        f"{name}: p50 {statistics.median(taken[1:]):.0f} ms, longest {max(taken[1:]):.0f} ms "
        f"({len(answer.rows):,} rows{', more left out' if answer.is_cut else ''})"
    )
    if with_plan:
        compiled = language.compile_query(query, **span)
        with import_module("django.db").connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF) {compiled.sql}", compiled.params)
            for (line,) in cursor.fetchall():
                say(f"    {line}")


if __name__ == "__main__":
    main()
