"""What the pages of money cost: `python -m tests.bench.cost_page [--charges 1000000] [--days 30]`.

A database of its own, with fsync. Turns of four charges each are spread over the days, of four agents with two versions
each, two channels, three models and five tools; their hours are summed. Each page is asked for as an analyst asks for
it, through all of the middleware, without the network.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import psycopg

from tests.bench.recall import database, say

TIMES = 15
CHARGES_A_TURN = 4
AT = "now() - make_interval(secs => %(days)s * 86400.0 * (1 - i / (%(turns)s + 1.0)))"
TRACES = f"""
INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_slug, agent_version, model, channel,
  customer, status, outcome, error, input_text, output_text, started_at, ended_at, duration_ms, model_calls, tool_calls,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
SELECT md5('t' || i)::uuid, md5('s' || i / 3)::uuid, md5('a' || i * 13 / 7 % 4)::uuid, 'Agent ' || i * 13 / 7 % 4,
  'agent', 1 + (i / 7) % 2, 'model-' || i % 3, CASE WHEN i % 5 = 0 THEN 'email' ELSE 'chat' END,
  'c' || i % 900 || '@example.com', 'ok', 'replied', '', 'Where is my order?', 'On its way.',
  at - interval '3 seconds', at, 800 + (i * 37) % 9000, 3, 1, 900, 200, 2100, 100, 0.0123 + i % 100 * 0.0001
FROM (SELECT i, {AT} AS at FROM generate_series(1, %(turns)s::bigint) AS i) AS turns
""".replace(" % ", " %% ")  # noqa: S608
CHARGES = f"""
INSERT INTO observability_charge (span_id, trace_id, agent_id, kind, subject, basis, usd, at)
SELECT md5('p' || i || '-' || n)::uuid, md5('t' || i)::uuid, md5('a' || i * 13 / 7 % 4)::uuid,
  CASE WHEN n < 4 THEN 'model' ELSE 'tool' END, CASE WHEN n < 4 THEN 'model-' || i % 3 ELSE 'tool_' || i % 5 END,
  CASE WHEN i % 5000 = 0 THEN 'unknown' ELSE 'exact' END, 0.00312345 + (i * n) % 1000 * 0.00000001, at
FROM (SELECT i, {AT} AS at FROM generate_series(1, %(turns)s::bigint) AS i) AS turns, generate_series(1, 4) AS n
""".replace(" % ", " %% ")  # noqa: S608


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--charges", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        given = {"DATABASE_URL": url, "STATE_DIR": folder, "SECRET_KEY": "bench", "EMBEDDINGS": "lexical"}
        os.environ.update(given)
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
        django.setup()
        try:
            # The pages name their static files as a desk does.
            import_module("django.core.management").call_command("collectstatic", interactive=False, verbosity=0)
            with psycopg.connect(url, autocommit=True) as owner:
                fill(owner, turns=options.charges // CHARGES_A_TURN, days=options.days)
            report()
        finally:
            connection = import_module("django.db").connection
            connection.close()
            connection.close_pool()


def fill(owner: psycopg.Connection[Any], *, turns: int, days: int) -> None:
    began = time.perf_counter()
    for statement in (TRACES, CHARGES):
        owner.execute(statement, {"turns": turns, "days": days})
    owner.execute("VACUUM ANALYZE observability_trace")
    owner.execute("VACUUM ANALYZE observability_charge")
    say(f"{turns:,} turns and {turns * CHARGES_A_TURN:,} charges written in {time.perf_counter() - began:.0f} s")
    began = time.perf_counter()
    import_module("observability.rolling").roll_up(seconds=3600)
    for table in ("spendinghour", "turnhour", "spendingday", "turnday"):
        owner.execute(f"VACUUM ANALYZE observability_{table}")
    models = import_module("observability.models")
    say(
        f"rolled up in {time.perf_counter() - began:.0f} s: {models.SpendingHour.objects.count():,} rows of spending, "
        f"{models.TurnHour.objects.count():,} of turns"
    )


def report() -> None:
    client = analyst()
    oldest = "/cost/charges/?range=30d&kind=tool&subject=tool_3"
    pages = {
        "the cost page, 30 days": "/cost/",
        "… this month, by model": "/cost/?range=month&stack=model",
        "… today, by hour": "/cost/?range=today",
        "… of one agent": f"/cost/?agent={first_agent()}",
        "its conversations, 30 days": "/cost/conversations/",
        "the newest charges": "/cost/charges/",
        "… of one tool": oldest,
        "… without a price (0.02 %)": "/cost/charges/?basis=unknown",
        "… of one version, by e-mail": f"/cost/charges/?agent={first_agent()}&version=2&channel=email",
        "the figures as CSV": "/cost/export/",
        "prices": "/prices/",
        "the calculator with one's own averages": "/cost/calculator/?from=own",
    }
    for name, path in pages.items():
        say(f"{name:<40} {timed(lambda path=path: fetch(client, path))}")
    began = time.perf_counter()
    size = sum(len(part) for part in client.get("/cost/charges/export/").streaming_content)
    say(f"every charge as CSV: {size / 2**20:.0f} MB in {time.perf_counter() - began:.1f} s")
    whole = import_module("django.db.models").Sum("usd")
    (charged,) = import_module("observability.models").Charge.objects.aggregate(whole).values()
    now = import_module("django.utils.timezone").now()
    summed = import_module("observability.figures").spending(since=now - timedelta(days=400), until=now)[0].usd
    if summed != charged:
        raise SystemExit(f"the sums say {summed}, the charges {charged}")


def analyst() -> Any:
    models = import_module("django.contrib.auth.models")
    user = models.User.objects.create_user(username="analyst@example.org", email="analyst@example.org")
    user.groups.add(models.Group.objects.get_or_create(name="analyst")[0])
    client = import_module("django.test").Client(headers={"host": "localhost"})
    client.force_login(user)
    return client


def first_agent() -> Any:
    trace = import_module("observability.models").Trace.objects.first()
    assert trace is not None
    return trace.agent_id


def fetch(client: Any, path: str) -> None:
    response = client.get(path)
    if response.status_code != 200:
        raise SystemExit(f"{path} answers {response.status_code}")
    if response.streaming:
        list(response.streaming_content)


def timed(call: Callable[[], None]) -> str:
    """The first time warms what a process keeps."""
    call()
    taken = []
    for _ in range(TIMES):
        began = time.perf_counter()
        call()
        taken.append((time.perf_counter() - began) * 1000)
    return f"p50 {statistics.median(taken):6.1f} ms, from {min(taken):6.1f} to {max(taken):6.1f} ms"


if __name__ == "__main__":
    main()
