"""What sums by the hour cost, and what they save: `python -m tests.bench.figures [--rows 1000000] [--days 30]`.

A database of its own, with fsync. So many charges and as many steps, of a turn for every eight of them, by five agents
in two versions over three channels, spread over the days up to now. They are rolled up, then the pages' questions are
asked of the sums, as a page asks them; and for comparison of the rows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import django
import psycopg

from tests.bench.recall import database, say

TIMES = 7
FILL = (
    """
INSERT INTO observability_trace (id, session_id, agent_id, agent_name, agent_slug, agent_version, model, channel,
  customer, status, outcome, error, input_text, output_text, started_at, ended_at, duration_ms, model_calls, tool_calls,
  input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, cost_usd)
SELECT md5('t' || i)::uuid, md5('s' || i / 4)::uuid, md5('a' || i %% 5)::uuid, 'Agent ' || i %% 5, 'agent-' || i %% 5,
  1 + i %% 2, 'claude-sonnet-5-5', (ARRAY['chat', 'email', 'api'])[1 + i %% 3], 'c' || i %% 9000, 'ok',
  (ARRAY['replied', 'replied', 'replied', 'escalated'])[1 + i %% 4], '', 'Where is it?', 'On its way.', at,
  at + interval '4 seconds', 500 + i %% 9000, 3, 2, 900, 200, 3000, 100, 0.01
FROM (SELECT i, %(since)s::timestamptz + i * %(step)s * interval '8 seconds' AS at
  FROM generate_series(0, %(rows)s / 8 - 1) AS i) AS r""",
    """
INSERT INTO observability_span (id, trace_id, kind, name, agent, status, error, started_at, duration_ms, input_tokens,
  output_tokens, cache_read_tokens, cache_write_tokens, cost_usd, attributes)
SELECT md5('p' || i)::uuid, md5('t' || i / 8)::uuid, (ARRAY['model', 'tool', 'tool', 'guardrail'])[1 + i %% 4],
  (ARRAY['claude-sonnet-5-5', 'get_order', 'get_refund_status', 'output'])[1 + i %% 4], 'agent-' || i / 8 %% 5,
  CASE WHEN i %% 97 = 0 THEN 'error' ELSE 'ok' END, '', at, 20 + i %% 4000, 300, 70, 1000, 30, 0.00001, '{"n": 1}'
FROM (SELECT i, %(since)s::timestamptz + i * %(step)s * interval '1 second' AS at
  FROM generate_series(0, %(rows)s - 1) AS i) AS r""",
    """
INSERT INTO observability_charge (span_id, trace_id, agent_id, kind, subject, basis, price_id, usd, at)
SELECT md5('p' || i)::uuid, md5('t' || i / 8)::uuid, md5('a' || i / 8 %% 5)::uuid,
  (ARRAY['model', 'tool', 'tool', 'guardrail'])[1 + i %% 4],
  (ARRAY['claude-sonnet-5-5', 'get_order', 'get_refund_status', 'output'])[1 + i %% 4], 'exact', 1,
  0.00000001 * (1 + i %% 100000), at
FROM (SELECT i, %(since)s::timestamptz + i * %(step)s * interval '1 second' AS at
  FROM generate_series(0, %(rows)s - 1) AS i) AS r""",
)
# What pages ask: each figure, told apart by these.
CHARGED = ("agent_id", "agent_version", "channel", "kind", "subject", "basis")
ASKED: dict[str, list[tuple[str, ...]]] = {
    "spending": [(), *((name,) for name in CHARGED), ("hour",), ("day",), ("day", *CHARGED)],
    "turn_figures": [(), ("day",), ("agent_id", "agent_version")],
    "step_figures": [(), ("kind", "name"), ("day", "name")],
}
TABLES = ("observability_trace", "observability_span", "observability_charge")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=30)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        os.environ |= {"DATABASE_URL": url, "STATE_DIR": folder, "SECRET_KEY": "bench"}
        os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
        django.setup()
        fill(url, options.rows, options.days)
        report(options.days)


def fill(url: str, rows: int, days: int) -> None:
    began = time.perf_counter()
    since = datetime.now(UTC) - timedelta(days=days)
    given = {"rows": rows, "since": since, "step": days * 86400 / rows}
    with psycopg.connect(url, autocommit=True) as owner:
        for statement in FILL:
            owner.execute(statement, given)
        for table in TABLES:
            owner.execute(f"VACUUM ANALYZE {table}")
    say(f"{rows:,} charges and as many steps written in {time.perf_counter() - began:.0f} s")


def report(days: int) -> None:
    # Django's models can be loaded only now.
    figures = import_module("observability.figures")
    roll_up = import_module("observability.rolling").roll_up
    now = datetime.now(UTC)
    times: dict[str, Any] = {"since": now - timedelta(days=days), "until": now}
    before = timed(lambda: figures.spending(**times, by=["kind"]), times=2)
    began = time.perf_counter()
    mark = roll_up(now, seconds=3600)
    say(f"{days * 24} hours summed in {time.perf_counter() - began:.1f} s")
    say(f"a run when all is summed: {timed(lambda: roll_up(now), times=TIMES):.0f} ms")
    say(f"spending by kind from rows alone: {before:.0f} ms; of {(now - mark).total_seconds() / 3600:.1f} hours now:")
    for name, groups in ASKED.items():
        for by in groups:
            tell(name, by, partial(getattr(figures, name), **times, by=by))


def tell(name: str, by: Sequence[str], ask: Callable[[], Sequence[object]]) -> None:
    say(f"  {name} by {', '.join(by) or 'nothing'}: {timed(ask, times=TIMES):.1f} ms, {len(ask())} rows")


def timed(ask: Callable[[], object], *, times: int) -> float:
    """Milliseconds, the median of so many."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        ask()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


if __name__ == "__main__":
    main()
