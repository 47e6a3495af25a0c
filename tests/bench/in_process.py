"""The product's own part of a turn in one process: intake, claim, loop, gateway, PostgreSQL; no HTTP in, no broker.

`python -m tests.bench.in_process --sessions N [--proxy FOLDER]` prints one line of JSON. With a proxy the round trips
are counted (and the times are worthless); without one the times and the CPU are the program's own.
"""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable
from contextlib import ExitStack
from importlib import import_module
from pathlib import Path

import django
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.bench.proxy import counting_proxy


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--sessions", type=int, required=True)
    parser.add_argument("--proxy", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        count_round_trips: Callable[[], int] = lambda: 0  # noqa: E731
        if options.proxy:
            count_round_trips = stand_between(stack, options.proxy)
        django.setup()
        turns = import_module("tests.bench.turns")  # Django must be set up first
        print(json.dumps(turns.measure(options.sessions, count_round_trips)))  # noqa: T201  its only output


def stand_between(stack: ExitStack, folder: Path) -> Callable[[], int]:
    parts = conninfo_to_dict(os.environ["DATABASE_URL"])
    server = Path(str(parts["host"])) / ".s.PGSQL.5432"
    counter = stack.enter_context(counting_proxy(server, folder))
    os.environ["DATABASE_URL"] = make_conninfo(os.environ["DATABASE_URL"], host=str(folder))
    return lambda: counter.round_trips


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
