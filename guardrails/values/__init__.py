"""The values that a reply states, each held against the evidence.

`check_values` for a whole reply; `ledger_of(evidence).check(sentence, before)` as its sentences come.
"""

from __future__ import annotations

import weakref
from collections.abc import Sequence

from guardrails.evidence import Evidence, Statement
from guardrails.values.ledger import Ledger

__all__ = ["Ledger", "check_values", "ledger_of"]

_ledgers: dict[tuple[int, tuple[str, ...]], Ledger] = {}


def check_values(text: str, evidence: Evidence, *, hosts: Sequence[str] = (), before: str = "") -> list[Statement]:
    """One statement of kind `value:…` for each value in the text, in order; what is no statement of a fact is left out.

    `hosts` may be linked to beside those of the sources; `before` is what of the same reply was checked already.
    """
    return ledger_of(evidence, hosts).check(text, before)


def ledger_of(evidence: Evidence, hosts: Sequence[str] = ()) -> Ledger:
    """The same evidence is read once, and forgotten with it."""
    key = (id(evidence), tuple(hosts))
    ledger = _ledgers.get(key)
    if ledger is None:
        ledger = _ledgers[key] = Ledger(evidence, hosts=hosts)
        weakref.finalize(evidence, _ledgers.pop, key, None)
    return ledger
