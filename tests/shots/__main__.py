"""`python -m tests.shots`: make a desk, fill it, photograph it. Django is told where everything is before it loads."""

from __future__ import annotations

import argparse
import sys
from importlib import import_module
from pathlib import Path

from config.database import leave_on_signals
from config.embedded_postgres import PostgresUnavailable
from tests.browser import fetch_chromium, find_chromium
from tests.shots.desk import throw_away_desk

ROOT = Path(__file__).resolve().parent.parent.parent
WIDTHS = "1440,1024,390"


def main() -> int:
    options = read_options()
    leave_on_signals()
    if find_chromium() is None:
        fetch_chromium()
    if find_chromium() is None:
        print("make shots: no Chromium was found; install one, or name one in CHROMIUM", file=sys.stderr)  # noqa: T201
        return 1
    try:
        with throw_away_desk() as shop_url:
            import_module("tests.shots.session").take_all(options, shop_url=shop_url)
    except PostgresUnavailable as error:
        print(f"make shots: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.shots", description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "shots", help="the folder for the pictures")
    parser.add_argument(
        "--only", default="", metavar="NAME", help="only pages whose name contains this; commas between"
    )
    parser.add_argument("--widths", default=WIDTHS, help=f"in pixels, of {WIDTHS}")
    parser.add_argument("--themes", default="light,dark")
    parser.add_argument("--readme", action="store_true", help="instead, the two pictures in docs/images")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
