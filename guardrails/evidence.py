"""What a reply may rest on: the customer's words, tools' results, documents, and the ledger of what was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Source:
    """`place` names it to a person: "get_order, order 1042", "Returns, version 3", "the customer". `value` is a text,
    or the JSON of a tool's result."""

    kind: str  # customer | result | document | instructions | said | memory
    place: str
    value: Any


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One row of the ledger of this session. `state`: confirmed, failed, unknown, refused, reserved, sent; `effect`:
    read, write, money, irreversible. `result` only where it was confirmed."""

    tool: str
    state: str
    effect: str
    arguments: Mapping[str, Any]
    result: Any = None


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """`today` is the day of the conversation; `query` what the customer says in this turn. `own` are texts whose
    personal data this customer may be told: their own, and what the shop publishes of itself."""

    sources: tuple[Source, ...] = ()
    deeds: tuple[Deed, ...] = ()
    today: date = field(default_factory=date.today)
    query: str = ""
    own: tuple[str, ...] = ()


class Verdict(StrEnum):
    SUPPORTED = "supported"
    DERIVED = "derived"  # a sum or a difference of what is known
    UNSUPPORTED = "unsupported"
    CONTRADICTED = "contradicted"


@dataclass(frozen=True, kw_only=True)
class Statement:
    """Something that a reply states, and what was found of it. `kind`: `value:money`, `value:order`, `claim:refund`,
    `prose`; `said` is the statement's own words at `start` to `end`; `evidence` names source and place, "" for none;
    `why` is one sentence for the agent that has to repair it."""

    kind: str
    said: str
    start: int
    end: int
    verdict: Verdict
    evidence: str = ""
    why: str = ""
    score: float | None = None

    @property
    def is_borne_out(self) -> bool:
        return self.verdict in {Verdict.SUPPORTED, Verdict.DERIVED}
