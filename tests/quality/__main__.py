"""`python -m tests.quality`: every filter over labelled sets in any folder; without one, over the product's own.

Exit code 2 for a folder that is not there. A target that is missed is said, and is no failure of the command.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.quality.measure import measure
from tests.quality.sets import NoSuchFolder, find_sets
from tests.quality.tables import lines_of
from tests.quality.targets import check

OWN = Path(__file__).resolve().parent.parent.parent / "guardrails" / "sets"
NOT_THERE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    options = read_options(arguments)
    try:
        found = find_sets(options.data or [OWN])
    except NoSuchFolder as error:
        print(f"make quality: {error}", file=sys.stderr)  # noqa: T201
        return NOT_THERE
    reports = [report for measured in found.sets for report in measure(measured)]
    met = list(check(reports))
    if options.json:
        data = {
            "reports": [report.as_json() for report in reports],
            "targets": [
                {
                    "set": one.report.set_name,
                    "filter": str(one.target.filter),
                    "what": one.target.words,
                    "atLeast": one.target.at_least,
                    "wanted": one.target.bound,
                    "measured": one.figure,
                    "met": one.is_met,
                }
                for one in met
            ],
            "malformed": {str(path): len(problems) for path, problems in found.malformed.items()},
            "leftOut": [{"file": str(left.path), "why": left.why} for left in found.left_out],
        }
        print(json.dumps(data, ensure_ascii=False, indent=1))  # noqa: T201
        return 0
    for line in lines_of(reports, met, found, wrong=options.wrong):
        print(line)  # noqa: T201
    if not reports:
        print("There is no set in these folders.")  # noqa: T201
    return 0


def read_options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.quality", description=__doc__)
    parser.add_argument(
        "--data",
        action="append",
        type=Path,
        metavar="FOLDER",
        help="a folder, or a file, of JSON lines; may be given again (without one, guardrails/sets)",
    )
    parser.add_argument("--json", action="store_true", help="the figures as JSON")
    parser.add_argument("--wrong", action="store_true", help="also a few texts that were taken wrongly")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
