"""Find a Chromium for the browser tests; run as a script, ask Playwright to fetch its own when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome")
FETCH_SECONDS = 300


def find_chromium() -> str | None:
    """The path of a Chromium that runs: CHROMIUM, else one on the PATH, else the one that Playwright fetched.

    A CHROMIUM that does not run is not replaced by another: whoever set it wants that one.
    """
    chosen = os.environ.get("CHROMIUM")
    candidates = [chosen] if chosen else [*filter(None, map(shutil.which, NAMES)), *_fetched_by_playwright()]
    return next((path for path in candidates if _runs(path)), None)


def _fetched_by_playwright() -> Iterator[str]:
    home = os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or "~/.cache/ms-playwright"
    found = Path(home).expanduser().glob("chromium-*/chrome-linux*/chrome")
    yield from (str(path) for path in sorted(found, reverse=True))


def _runs(path: str) -> bool:
    """A browser whose libraries are missing is no browser."""
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def fetch_chromium() -> None:
    """Let Playwright try; whether it worked, the tests find out for themselves."""
    print("No Chromium found; asking Playwright to fetch one ...", flush=True)  # noqa: T201
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    environment = {**os.environ, "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"}
    try:
        done = subprocess.run(command, check=False, timeout=FETCH_SECONDS, env=environment, capture_output=True)
    except subprocess.TimeoutExpired:
        print(f"It could not within {FETCH_SECONDS} s.")  # noqa: T201
        return
    print("Fetched." if done.returncode == 0 else "It could not.")  # noqa: T201


if __name__ == "__main__" and find_chromium() is None:
    fetch_chromium()
