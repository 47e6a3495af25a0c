"""An admin's own patterns, run by RE2: in time linear in the text, whatever the pattern."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import re2

from guardrails.config import PATTERN_LENGTH, Regex
from guardrails.findings import Finding, Policy

NOT_LINEAR = ("(?=", "(?!", "(?<=", "(?<!")
# Of one text by one pattern: more tell nothing new.
MOST = 200


def options() -> Any:
    found = re2.Options()
    found.log_errors = False  # what is wrong is told where the pattern was written
    return found


def check_pattern(pattern: str) -> str:
    """Why it cannot be used, in one sentence; "" where it can."""
    if not pattern:
        return "The pattern is empty."
    if len(pattern) > PATTERN_LENGTH:
        return f"The pattern has {len(pattern)} characters; at most {PATTERN_LENGTH} can be taken."
    if any(part in pattern for part in NOT_LINEAR):
        return (
            "Look-ahead and look-behind are not possible: patterns run in linear time. Match the words around it, too."
        )
    try:
        re2.compile(pattern, options())
    except re2.error as error:
        said = error.args[0] if error.args else error
        told = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return f"The pattern cannot be read: {told}."
    return ""


class Regexes:
    def __init__(self, regexes: Sequence[Regex]) -> None:
        self._compiled = [(regex, re2.compile(regex.pattern, options())) for regex in regexes]

    def find(self, text: str) -> list[Finding]:
        """Each match that is not empty, of each pattern; places in characters."""
        found = []
        for regex, compiled in self._compiled:
            for count, match in enumerate(compiled.finditer(text)):
                if count >= MOST:
                    break
                if match.end() > match.start():
                    found.append(
                        Finding(
                            policy=Policy.REGEX,
                            type=regex.name,
                            start=match.start(),
                            end=match.end(),
                            why=f"It matches {regex.name}.",
                        )
                    )
        return found
