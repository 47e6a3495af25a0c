"""A text that somebody made up, held against a guardrail: what each rule sees in it, and what would become of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from guardrails.checks import Assessment, Taken, check_result, check_text
from guardrails.compiled import Guard
from guardrails.config import Action
from guardrails.evidence import Deed, Evidence, Source, Statement
from guardrails.findings import Direction, Finding, Policy
from guardrails.wording import name_of

LONGEST = 20_000
# "get_order: {…}", or a JSON text without a name.
NAMED = re.compile(r"\s*([A-Za-z_][\w.\-]{0,79})\s*:\s*(.+)", re.DOTALL)
ACTS = {
    Action.BLOCK: ("Blocks", "bad", "ban"),
    Action.ANONYMIZE: ("Masks", "info", "eye-off"),
    Action.NONE: ("Notes", "", "eye"),
}
STATED = frozenset({Policy.VALUE, Policy.CLAIM})
BELOW = ("Too unsure to act", "", "circle-dashed")


class Whose(StrEnum):
    """Whose words the text is."""

    MESSAGE = "message"
    REPLY = "reply"
    RESULT = "result"


@dataclass(frozen=True, kw_only=True)
class Try:
    """What is tried. `sources` is what documents say; `returned` what tools returned, one a line, with or without the
    tool's name before it."""

    text: str
    whose: Whose = Whose.MESSAGE
    query: str = ""
    sources: str = ""
    returned: str = ""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A finding as a row: what its rule would do, in a word, with tone and icon."""

    rule: str
    word: str
    tone: str
    icon: str
    finding: Finding
    match: str


@dataclass(frozen=True, kw_only=True)
class Stated:
    """A statement of a reply; `word` is what its rule would do, empty where it is borne out or its rule is off."""

    statement: Statement
    kind: str
    word: str


@dataclass(frozen=True, kw_only=True)
class Piece:
    """A stretch of the text that the same findings cover; `ends` are the names of those that end with it."""

    text: str
    tone: str = ""
    is_marked: bool = False
    ends: list[str] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """`becomes` is the text as it would go on, or what is said instead of it. What is stated is not in `seen` again."""

    assessment: Assessment
    pieces: list[Piece]
    seen: list[Seen]
    stated: list[Stated]
    becomes: str
    is_blocked: bool

    @property
    def is_marked(self) -> bool:
        return any(piece.is_marked for piece in self.pieces)


def try_out(guard: Guard, tried: Try) -> Tried:
    if tried.whose is Whose.RESULT:
        return try_result(guard, tried.text)
    is_reply = tried.whose is Whose.REPLY
    direction = Direction.OUTPUT if is_reply else Direction.INPUT
    assessment = check_text(guard, tried.text, direction, evidence=evidence_of(tried) if is_reply else None)
    config = guard.config
    is_blocked = assessment.taken is Taken.BLOCKED
    instead = config.blocked_output if is_reply else config.blocked_input
    seen = list(seen_in(assessment))
    return Tried(
        assessment=assessment,
        pieces=list(pieces_of(tried.text, seen)),
        seen=[row for row in seen if row.finding.policy not in STATED],
        stated=[stated_row(statement, seen) for statement in assessment.statements],
        becomes=instead if is_blocked else assessment.text,
        is_blocked=is_blocked,
    )


def try_result(guard: Guard, text: str) -> Tried:
    """A tool's result keeps its form, and what is taken out of it has no place in a text."""
    value = value_of(text)
    after, assessment = check_result(guard, value)
    return Tried(
        assessment=assessment,
        pieces=[Piece(text=text)],
        seen=list(seen_in(assessment)),
        stated=[],
        becomes=after if isinstance(after, str) else json.dumps(after, ensure_ascii=False, indent=2),
        is_blocked=False,
    )


def evidence_of(tried: Try) -> Evidence:
    """What the reply may rest on here: nothing else was said or done."""
    sources = [Source(kind="document", place="the source document", value=tried.sources)] if tried.sources else []
    sources += [Source(kind="customer", place="the customer", value=tried.query)] if tried.query else []
    results = list(results_of(tried.returned))
    sources += [Source(kind="result", place=name, value=value) for name, value in results]
    deeds = [Deed(tool=name, state="confirmed", effect="", arguments={}, result=value) for name, value in results]
    own = tuple(text for text in (tried.query, tried.sources) if text)
    return Evidence(sources=tuple(sources), deeds=tuple(deeds), query=tried.query, own=own)


def results_of(returned: str) -> Iterator[tuple[str, Any]]:
    """By the tool's name; a JSON text over several lines is one result."""
    if not returned.strip():
        return
    whole = value_of(returned)
    for line in [returned] if not isinstance(whole, str) else returned.splitlines():
        named = NAMED.fullmatch(line)
        if named:
            yield named[1], value_of(named[2])
        elif line.strip():
            yield "a tool", value_of(line)


def value_of(text: str) -> Any:
    """JSON where it is some, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


# -- what is shown of it


def seen_in(assessment: Assessment) -> Iterator[Seen]:
    """What acts before what notes, and each in the text's order."""
    order = [Action.BLOCK, Action.ANONYMIZE, Action.NONE]
    for hit in sorted(assessment.hits, key=lambda hit: (order.index(hit.action), hit.finding.start)):
        yield row_of(hit.finding, ACTS[hit.action], assessment.seen)
    for finding in assessment.doubts:
        yield row_of(finding, BELOW, assessment.seen)


def row_of(finding: Finding, look: tuple[str, str, str], text: str) -> Seen:
    word, tone, icon = look
    rule, match = name_of(finding.policy, finding.type), finding.text_of(text)
    return Seen(rule=rule, word=word, tone=tone, icon=icon, finding=finding, match=match)


def stated_row(statement: Statement, seen: list[Seen]) -> Stated:
    places = (statement.start, statement.end)
    word = next((row.word for row in seen if row.finding.policy in STATED and placed_at(row) == places), "")
    policy, _, name = statement.kind.partition(":")
    return Stated(statement=statement, kind=(name or policy).replace("_", " "), word=word)


def placed_at(row: Seen) -> tuple[int, int]:
    return row.finding.start, row.finding.end


def pieces_of(text: str, seen: list[Seen]) -> Iterator[Piece]:
    """The text cut where a finding begins or ends; a finding of the whole text is in the list alone."""
    placed = [row for row in seen if 0 <= row.finding.start < row.finding.end <= len(text)]
    cuts = sorted({0, len(text), *(at for row in placed for at in (row.finding.start, row.finding.end))})
    for start, end in pairwise(cuts):
        over = [row for row in placed if row.finding.start < end and row.finding.end > start]
        ends = [f"{row.rule}, {row.word.lower()}" for row in over if row.finding.end == end]
        yield Piece(
            text=text[start:end],
            tone=over[0].tone if over else "",
            is_marked=bool(over),
            ends=list(dict.fromkeys(ends)),
        )
