"""What the overview and Home take: `python -m tests.bench.overview [conversations] [spans]`.

A database of its own, with fsync: 100,000 conversations of 30 days and 1,000,000 spans, eight a turn, rolled up by the
hour as the beat does. Each page is asked for five times through the whole application, as an analyst, after
once unmeasured.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import psycopg

from tests.bench.recall import database, say

SPANS_PER_TURN, TIMES = 8, 5
PAGES = ("/", "/overview/?range=24h", "/overview/", "/overview/?range=30d", "/overview/conversations/ended/?range=30d",
         "/anomalies/")  # fmt: skip
FILL = """
INSERT INTO agents_agent (id, slug, name, description, status, created_at)
SELECT md5('a' || i)::uuid, 'agent-' || i, 'Agent ' || i, '', 'active', now() FROM generate_series(0, 4) AS i;
INSERT INTO agents_customer (id, email, name, created_at)
SELECT md5('c' || i)::uuid, 'customer' || i || '@example.com', 'Customer ' || i, now()
FROM generate_series(0, {conversations} / 3) AS i;
ALTER TABLE agents_session DISABLE TRIGGER USER;
INSERT INTO agents_session (id, customer_id, agent_id, channel, identity, controller, event_seq, opened_at,
  last_message_at, preview, preview_author, closed_at, solved_at, handed_over_at, came_back_at, quiet_since,
  waiting_since)
SELECT md5('s' || i)::uuid, md5('c' || i / 3)::uuid, md5('a' || i % 5)::uuid, 'chat', 'verified',
  CASE WHEN i % 10 < 3 THEN 'closed' ELSE 'agent' END, 4, at, at + interval '8 minutes', 'It is on its way.', 'agent',
  CASE WHEN i % 10 < 3 THEN at + interval '1 hour' END, CASE WHEN i % 10 < 2 THEN at + interval '1 hour' END,
  CASE WHEN i % 10 = 0 THEN at + interval '6 minutes' END,
  CASE WHEN i % 20 = 5 THEN at END, CASE WHEN i % 20 = 5 THEN at - interval '2 days' END, NULL
FROM generate_series(1, {conversations}) AS i,
  LATERAL (SELECT now() - interval '60 days' * i / {conversations} AS at) AS begun;
ALTER TABLE agents_session ENABLE TRIGGER USER;
INSERT INTO agents_message (id, session_id, seq, author, visibility, channel, text, content, created_at)
SELECT md5('m' || i || '-' || n)::uuid, md5('s' || i)::uuid, n + 1,
  CASE WHEN n % 2 = 0 THEN 'customer' ELSE 'agent' END, 'public', 'chat', 'Where is it?', '[]',
  now() - interval '60 days' * i / {conversations} + n * interval '5 seconds'
FROM generate_series(1, {conversations}) AS i, generate_series(0, 3) AS n;
INSERT INTO agents_escalation (id, session_id, reason, summary, status, opened_at, resolution, resolved_at)
SELECT md5('e' || id)::uuid, id, (ARRAY['tool_failure', 'customer_requested', 'policy_restriction'])[1 + event_seq % 3],
  '', 'resolved', handed_over_at, '', closed_at FROM agents_session WHERE handed_over_at IS NOT NULL;
INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_slug, agent_version, model, channel,
  customer, status, outcome, error, input_text, output_text, started_at, ended_at, duration_ms, model_calls, tool_calls,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
SELECT md5('t' || i)::uuid, md5('s' || i)::uuid, md5('a' || i % 5)::uuid, 'Agent', 'agent-' || i % 5, 3,
  'claude-sonnet-5-5', 'chat', 'customer@example.com', 'ok', 'replied', '', '', '', at, at + interval '3 seconds',
  1500 + (i * 7919::bigint) % 6000, 2, 2, 4000, 300, 3000, 0, 0.0123
FROM generate_series(1, {turns}) AS i, LATERAL (SELECT now() - interval '60 days' * i / {turns} AS at) AS begun;
INSERT INTO observability_span (id, trace_id, agent, action, category, kind, name, status, error, started_at,
  duration_ms, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, attributes)
SELECT md5('p' || i || '-' || n)::uuid, md5('t' || i)::uuid, 'agent-' || i % 5, '', '',
  CASE WHEN n < 2 THEN 'model' WHEN n < 4 THEN 'tool' ELSE 'guardrail' END,
  CASE WHEN n < 2 THEN 'claude-sonnet-5-5' WHEN n < 4 THEN 'tool-' || (i + n) % 12 ELSE 'output' END,
  CASE WHEN n = 2 AND i % 50 = 0 THEN 'error' ELSE 'ok' END, '', now() - interval '60 days' * i / {turns},
  40 + (i * 17::bigint + n) % 900, 2000, 150, 0, 0, 0.006, '{{}}'
FROM generate_series({turns}, 1, -1) AS i, generate_series(0, 7) AS n;
INSERT INTO observability_charge (span_id, trace_id, agent_id, kind, subject, basis, at, usd)
SELECT md5('p' || i || '-0')::uuid, md5('t' || i)::uuid, md5('a' || i % 5)::uuid, 'model', 'claude-sonnet-5-5', 'exact',
  now() - interval '60 days' * i / {turns}, 0.0123 FROM generate_series({turns}, 1, -1) AS i;
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("conversations", type=int, nargs="?", default=100_000)
    parser.add_argument("spans", type=int, nargs="?", default=1_000_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        given = {"DATABASE_URL": url, "STATE_DIR": folder, "SECRET_KEY": "bench", "EMBEDDINGS": "lexical"}
        os.environ.update(given)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        connection = import_module("django.db").connection
        try:
            # The pages name their static files as a desk does.
            import_module("django.core.management").call_command("collectstatic", interactive=False, verbosity=0)
            with psycopg.connect(url, autocommit=True) as owner:
                fill(owner, options)
            client = signed_in()
            for path in PAGES:
                report(client, path)
        finally:
            connection.close()
            connection.close_pool()


def fill(owner: psycopg.Connection[Any], options: argparse.Namespace) -> None:
    began = time.perf_counter()
    values = {"conversations": options.conversations, "turns": options.spans // SPANS_PER_TURN}
    with psycopg.ClientCursor(owner) as cursor:
        for statement in FILL.format(**values).split(";\n"):
            cursor.execute(statement.encode())
    owner.execute("VACUUM ANALYZE")
    say(f"{options.conversations:,} conversations, {options.spans:,} spans in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    import_module("observability.rolling").roll_up(seconds=3600)
    owner.execute("VACUUM ANALYZE")
    say(f"rolled up in {time.perf_counter() - began:.0f} s")


def signed_in() -> Any:
    auth, clients = import_module("django.contrib.auth.models"), import_module("django.test")
    import_module("django.conf").settings.ALLOWED_HOSTS = ["*"]
    user = auth.User.objects.create_user(username="bench", email="bench@example.org")
    user.groups.add(auth.Group.objects.get_or_create(name="analyst")[0])
    client = clients.Client()
    client.force_login(user)
    return client


def report(client: Any, path: str) -> None:
    taken = []
    for _ in range(TIMES + 1):
        began = time.perf_counter()
        response = client.get(path)
        taken.append((time.perf_counter() - began) * 1000)
    say(f"{path}: {response.status_code}, p50 {statistics.median(taken[1:]):.0f} ms, longest {max(taken[1:]):.0f} ms")


if __name__ == "__main__":
    main()
