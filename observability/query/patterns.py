"""Patterns as PostgreSQL reads them: groups without names, globs made exact, escapes with another meaning put right.

PostgreSQL's expressions know no names for groups, call a word's boundary \\y, and take the greed of the whole from the
first quantifier (its manual, 9.7.3.5).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

# What other dialects write, and what PostgreSQL does.
ESCAPES = {"\\b": "\\y", "\\B": "\\Y", "\\z": "\\Z", "\\h": "[ \\t]"}
NAMED_GROUP = re.compile(r"\(\?P?<([^\W\d]\w*)>")


def regex_of(token: str) -> str:
    """Of a pattern between slashes."""
    return translated(token[1:-1].replace("\\/", "/"))


def translated(pattern: str) -> str:
    return "".join(piece for piece, _ in pieces(pattern))


def named(pattern: str) -> tuple[str, list[str]]:
    """The pattern, which captures its named groups and nothing else, and their names."""
    found, names = [], []
    for piece, name in pieces(pattern):
        if name:
            names.append(name)
        found.append("(?:" if piece == "(" and not name else piece)
    return "".join(found), names


def pieces(pattern: str) -> Iterator[tuple[str, str]]:
    """Its characters, an escape or the beginning of a group as one; beside a named group's beginning its name."""
    place, in_class = 0, False
    while place < len(pattern):
        piece, name = pattern[place], ""
        if piece == "\\":
            raw = pattern[place : place + 2]
            place += 2
            yield (raw if in_class else ESCAPES.get(raw, raw)), ""
            continue
        if in_class:
            in_class = piece != "]"
        elif piece == "[":
            in_class = True
            # A bracket that comes first is one of the class.
            first = re.compile(r"\[\^?\]?").match(pattern, place)
            piece = first.group() if first else piece
        elif piece == "(":
            group = NAMED_GROUP.match(pattern, place)
            if group:
                yield "(", group[1]
                place = group.end()
                continue
            if pattern[place + 1 : place + 2] == "?":
                piece = "(?"
        place += len(piece)
        yield piece, name


def regex_of_glob(glob: str) -> str:
    """Each * is a group. The first one decides how much all of them take, so the last is held by the end."""
    first, *others = [re.escape(part) for part in glob.split("*")]
    groups = "".join(f"(.*?){part}" for part in others)
    return f"{first}{groups}$" if glob.endswith("*") else first + groups


def unquoted(token: str) -> str:
    """The text between quotes; a backslash before anything but n, t, a quote or itself is one."""
    letters = {"n": "\n", "t": "\t"}
    return re.sub(r"""\\([nt"'\\])""", lambda found: letters.get(found[1], found[1]), token[1:-1])
