"""Read `.env`: one `NAME=value` a line, for the settings that a person keeps beside the code."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from pathlib import Path

LINE = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")


class DotenvError(Exception):
    """A line that cannot be read; the message names the file and the line."""


def load_dotenv(path: Path, environment: MutableMapping[str, str]) -> None:
    """Add the file's values to `environment`; a name that is set there already wins. No file is no values."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return
    except (OSError, UnicodeDecodeError) as error:
        raise DotenvError(f"{path} cannot be read: {error}") from error
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match = LINE.fullmatch(stripped)
        if match is None:
            raise DotenvError(f"{path}, line {number}: write NAME=value, or begin the line with # for a comment")
        environment.setdefault(match["name"], unquoted(match["value"]))


def unquoted(value: str) -> str:
    """The value as written between quotes, or without them up to a ` #` comment. Nothing is expanded."""
    if value[:1] in {'"', "'"}:
        end = value.find(value[0], 1)
        return value[1:end] if end > 0 else value
    return re.split(r"\s+#", value, maxsplit=1)[0].strip()
