"""A draft held against what was said in the last days: what it would catch that the version in force does not, and what
it would let through.

Only the words are looked at: without the evidence of that day, claims, values and grounding are left out. Of a message
the result keeps its id and the place, never its words, so that what is deleted is gone from here too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from guardrails.checks import Assessment, Hit, Taken, check_text
from guardrails.compiled import Guard
from guardrails.findings import Direction

MOST_TEXTS = 20_000
MOST_EXAMPLES = 50
CHANGES = ("new", "gone", "changed")


@dataclass(frozen=True, kw_only=True)
class Said:
    """One message of a customer (INPUT) or of an agent (OUTPUT)."""

    session_id: UUID
    message_id: UUID
    direction: Direction
    text: str
    at: datetime


# Each tells what was said since an instant, the newest first: apps above this one add theirs, as messages are theirs.
sources: list[Callable[[datetime], Iterator[Said]]] = []
# Each gives the messages of some ids, as far as there are still such.
readers: list[Callable[[Iterable[UUID]], Mapping[UUID, Said]]] = []


def read_messages(ids: Iterable[UUID]) -> dict[UUID, Said]:
    wanted = list(ids)
    return {pk: said for read in readers for pk, said in read(wanted).items()}


@dataclass(kw_only=True)
class BackTest:
    """What is gathered while the messages go by. `published` is None where nothing is in force yet."""

    draft: Guard
    published: Guard | None
    texts: int = 0
    touched: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    rules: dict[str, Counter[str]] = field(default_factory=dict)
    examples: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def take(self, said: Said) -> None:
        after = check_text(self.draft, said.text, said.direction)
        before = check_text(self.published, said.text, said.direction) if self.published else None
        self.texts += 1
        was = before.taken if before else Taken.NONE
        self.taken[f"{was}>{after.taken}"] += 1
        new = hits_by_rule(after)
        old = hits_by_rule(before) if before else {}
        for rule in {**new, **old}:
            self.note(said, rule, old.get(rule), new.get(rule))
        self.touched += any(change_of(old.get(rule), new.get(rule)) for rule in {**new, **old})

    def note(self, said: Said, rule: str, old: Hit | None, new: Hit | None) -> None:
        change = change_of(old, new)
        counted = self.rules.setdefault(rule, Counter())
        counted["draft"] += new is not None
        counted["published"] += old is not None
        if not change:
            return
        counted[change] += 1
        self.counts[change] += 1
        if sum(example["change"] == change for example in self.examples) < MOST_EXAMPLES:
            hit = new or old
            assert hit is not None  # noqa: S101  a change has one of the two
            self.examples.append(
                {
                    "change": change,
                    "rule": rule,
                    "was": old.action if old else "",
                    "becomes": new.action if new else "",
                    "session": str(said.session_id),
                    "message": str(said.message_id),
                    "direction": said.direction,
                    "at": said.at.isoformat(),
                    "start": hit.finding.start,
                    "end": hit.finding.end,
                    "why": hit.finding.why,
                }
            )

    def result(self, *, is_cut: bool) -> dict[str, Any]:
        """`taken` counts texts by what was done and would be done: `none>blocked`."""
        return {
            "texts": self.texts,
            "touched": self.touched,
            "isCut": is_cut,
            "published": self.published.label if self.published else "",
            "taken": dict(self.taken),
            **{change: self.counts[change] for change in CHANGES},
            "rules": [
                {"rule": rule, **{name: counted[name] for name in ("published", "draft", *CHANGES)}}
                for rule, counted in sorted(self.rules.items(), key=lambda item: changed_by(item[1]), reverse=True)
            ],
            "examples": self.examples,
        }


def changed_by(counted: Counter[str]) -> tuple[int, int]:
    return sum(counted[change] for change in CHANGES), counted["draft"] + counted["published"]


def hits_by_rule(assessment: Assessment) -> dict[str, Hit]:
    """The first of each rule."""
    found: dict[str, Hit] = {}
    for hit in assessment.hits:
        found.setdefault(hit.finding.rule, hit)
    return found


def change_of(old: Hit | None, new: Hit | None) -> str:
    """`new`, `gone`, `changed` (another action on the same rule), or empty."""
    if old is None or new is None:
        return "new" if new else "gone" if old else ""
    return "changed" if old.action is not new.action else ""
