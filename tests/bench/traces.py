"""What the pages of traces cost on the server: `python -m tests.bench.traces [--traces N] [--runs N]`.

A database of its own. So many traces over 30 days, each with ten spans, one of 500 spans and one of a rare tool; then
each address is asked for by Django's test client, in this process, so that the figures hold the view, its queries and
its template, and neither a network nor a browser.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import django
import psycopg

from tests.bench.recall import database, one, say

BATCH = 20_000
AGENTS = 8
TRACES = """
INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_slug, agent_version, model, channel,
  customer, status, outcome, error, input_text, output_text, started_at, ended_at, duration_ms, model_calls, tool_calls,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
SELECT md5('t' || i)::uuid, md5('s' || i / 4)::uuid, md5('a' || i %% %(agents)s::bigint)::uuid,
  'Agent ' || i %% %(agents)s::bigint, 'agent-' || i %% %(agents)s::bigint, 1 + i %% 5, 'claude-sonnet-5-5',
  (ARRAY['chat', 'email', 'api'])[1 + i %% 3], 'customer-' || i %% 9973 || '@example.com',
  CASE WHEN i %% 50 = 0 THEN 'error' ELSE 'ok' END,
  CASE WHEN i %% 50 = 0 THEN 'failed' WHEN i %% 9 = 0 THEN 'escalated' ELSE 'replied' END,
  CASE WHEN i %% 50 = 0 THEN '529: Overloaded' ELSE '' END,
  'Where is my order ' || i || '? It should have come by now, and I wrote to customer-' || i || '@example.com.',
  'Your order is on its way and comes tomorrow between nine and twelve.',
  now() - (%(all)s::bigint - i) * interval '30 days' / %(all)s::bigint, now(), 400 + (i * 7919) %% 9000, 3, 2,
  1000 + i %% 500, 200 + i %% 90, 3000, 100, 0.004 + (i %% 1000) / 100000.0
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i
"""
SPANS = """
INSERT INTO observability_span (id, trace_id, agent, action, category, kind, name, status, error, started_at,
  duration_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, attributes)
SELECT md5('t' || i || 'n' || n)::uuid, md5('t' || i)::uuid, 'agent-' || i %% %(agents)s::bigint,
  CASE WHEN n %% 4 = 3 THEN CASE WHEN i %% 40 = 0 THEN 'blocked' ELSE 'none' END ELSE '' END,
  CASE WHEN n %% 4 = 3 AND i %% 40 = 0 THEN 'pii:EMAIL' ELSE '' END,
  CASE n %% 4 WHEN 0 THEN 'model' WHEN 1 THEN 'tool' WHEN 2 THEN 'memory' ELSE 'guardrail' END,
  CASE n %% 4 WHEN 0 THEN 'claude-sonnet-5-5' WHEN 1 THEN CASE WHEN i = 17 THEN 'rare_tool'
    ELSE (ARRAY['get_order', 'get_refund_status', 'process_refund'])[1 + i %% 3] END
    WHEN 2 THEN 'recall' ELSE 'input' END,
  'ok', '', now() - (%(all)s::bigint - i) * interval '30 days' / %(all)s::bigint + n * interval '80 ms',
  70, 300, 60, 900, 30, 0.001, jsonb_build_object('toolInputs', jsonb_build_object('order_id', i), 'state', 'confirmed',
    'attempts', 1, 'toolOutput', jsonb_build_object('text', repeat('status ', 60)))
FROM generate_series(%(first)s::bigint, %(last)s::bigint) AS i, generate_series(0, %(spans)s::int - 1) AS n
"""
# Word by word what a reader asks for: usual, frequent, rare, sorted, and the page of one.
LISTS: dict[str, dict[str, str]] = {
    "the newest": {},
    "the newest, 24 hours": {"range": "24h"},
    "errors": {"q": "status:error"},
    "one agent": {"q": "agent:agent-3"},
    "one customer": {"q": "customer:customer-77@"},
    "a frequent tool": {"q": "tool:process_refund"},
    "blocked by a guardrail": {"q": "guardrail:blocked"},
    "slow and dear": {"q": "duration:>9s cost:>0.013"},
    "a rare tool": {"q": "tool:rare_tool"},
    "nothing fits": {"q": "duration:>1h"},
    "words nobody said": {"q": "umbrella"},
    "not one of three": {"q": "-tool:get_order -status:error"},
    "by duration": {"sort": "duration", "range": "all"},
    "by tokens, 7 days": {"sort": "tokens", "range": "7d"},
    "by cost, today": {"sort": "cost"},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        given = {"DATABASE_URL": url, "STATE_DIR": folder, "SECRET_KEY": "bench", "EMBEDDINGS": "lexical"}
        os.environ.update(given)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        settings = import_module("django.conf").settings
        plain = {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
        changed = {"STORAGES": {**settings.STORAGES, **plain}, "ALLOWED_HOSTS": ["*"]}
        try:
            with psycopg.connect(url, autocommit=True) as owner:
                fill(owner, options.traces)
            with import_module("django.test").override_settings(**changed):
                report(options.runs)
        finally:
            connection = import_module("django.db").connection
            connection.close()
            connection.close_pool()


def fill(owner: psycopg.Connection[Any], traces: int) -> None:
    began = time.perf_counter()
    for first in range(1, traces + 1, BATCH):
        given = {"first": first, "last": min(first + BATCH - 1, traces), "all": traces, "agents": AGENTS}
        owner.execute(TRACES, given)
        owner.execute(SPANS, {**given, "spans": 10})
    # The newest is a long one.
    owner.execute("DELETE FROM observability_span WHERE trace_id = md5('t' || %s::int)::uuid", [traces])
    owner.execute(SPANS, {"first": traces, "last": traces, "all": traces, "agents": AGENTS, "spans": 500})
    owner.execute("VACUUM ANALYZE observability_trace")
    owner.execute("VACUUM ANALYZE observability_span")
    sizes = one(
        owner,
        "SELECT (SELECT count(*) FROM observability_trace), (SELECT count(*) FROM observability_span), "
        "pg_size_pretty(pg_total_relation_size('observability_span'))",
    )
    say(f"{sizes[0]:,} traces, {sizes[1]:,} spans ({sizes[2]}) in {time.perf_counter() - began:.0f} s")


def report(runs: int) -> None:
    client = signed_in("support")
    newest = str(newest_trace())
    for name, params in LISTS.items():
        say(f"list, {name}: {timed(client, '/traces/', params, runs)}")
    say(f"list, a peek beside it: {timed(client, '/traces/', {'peek': newest}, runs)}")
    for view in ("timeline", "tree", "log"):
        say(f"500 spans, {view}: {timed(client, f'/traces/{newest}/', {'view': view}, runs)}")
    say(f"500 spans, as JSON: {timed(client, f'/traces/{newest}/', {'format': 'json'}, runs)}")


def timed(client: Any, path: str, params: Mapping[str, str], runs: int) -> str:
    """Milliseconds, median and worst of the runs after the first, and how many rows the page has."""
    address = f"{path}?{urlencode(params)}"
    took, size = [], ""
    for _ in range(runs + 1):
        began = time.perf_counter()
        response = client.get(address)
        took.append((time.perf_counter() - began) * 1_000)
        if response.status_code != 200:
            raise RuntimeError(f"{address} answered {response.status_code}")
        size = f"{response.content.count(b'data-row')} rows"
    return f"{statistics.median(took[1:]):.0f} ms, at worst {max(took[1:]):.0f} ms, the first {took[0]:.0f} ms; {size}"


def signed_in(role: str) -> Any:
    factories = import_module("tests.factories")
    return factories.client_of(factories.make_user(import_module("observability.access").Role(role)))


def newest_trace() -> Any:
    trace = import_module("observability.models").Trace
    return trace.objects.order_by("-started_at").values_list("pk", flat=True).first()


if __name__ == "__main__":
    main()
