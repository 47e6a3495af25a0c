"""What the policies said to a call."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

REVIEWER = "reviewer"


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """`decision` is what is done: "allow", "deny", "approval", or nothing where policies are off or only watch.

    `record` is what the ledger keeps of it; `role` and `needed` say whose yes is wanted, `reason` why it was denied.
    """

    decision: str = ""
    version: int | None = None
    rules: tuple[str, ...] = ()
    role: str = REVIEWER
    needed: int = 1
    reason: str = ""
    record: dict[str, Any] | None = None
