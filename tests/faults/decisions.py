"""What the desk's people make of an approval, and what breaks just then; drawn with the plan."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

# What an order is worth: `dear` wants one person's yes for whatever is refunded of it, `dearest` that of two for all.
Worth = Literal["small", "dear", "dearest"]
WORTHS: dict[Worth, int] = {"small": 40, "dear": 40, "dearest": 20}
# Of these wishes alone something comes that a person must agree to.
MAY_BE_DEAR = {"refund", "part", "cancel"}

# `both_*`: two people press at the same moment. `last_moment`: a yes about when it runs out.
Verdict = Literal[
    "approve", "edit", "reject", "both_approve", "both_differ", "take_over", "last_moment", "leave",
]  # fmt: skip
VERDICTS: dict[Verdict, int] = {
    "approve": 46,
    "edit": 8,
    "reject": 10,
    "both_approve": 12,
    "both_differ": 8,
    "take_over": 4,
    "last_moment": 6,
    "leave": 6,
}
# So long an approval waits for somebody (`APPROVAL_SECONDS`).
APPROVAL_SECONDS = 20
PAUSE_SECONDS = (0.0, 3.0)
LAST_SECONDS = (APPROVAL_SECONDS - 1.0, APPROVAL_SECONDS + 1.0)

# What is killed at a decision: the web process that is to answer, or the worker that may go on with the turn.
Strike = Literal["none", "kill_web", "kill_worker"]
STRIKES: dict[Strike, int] = {"none": 50, "kill_web": 25, "kill_worker": 25}
# Seconds after the button was pressed.
STRIKE_AFTER: dict[Strike, tuple[float, float]] = {
    "none": (0.0, 0.0),
    "kill_web": (0.0, 0.12),
    "kill_worker": (0.0, 2.0),
}
# A conversation asks again where its customer does.
MOST_DECISIONS = 4


@dataclass(frozen=True, kw_only=True)
class Decision:
    """`pause` seconds after it was asked for; `worker` is the one that the strike hits."""

    verdict: Verdict
    pause: float
    strike: Strike = "none"
    strike_after: float = 0.0
    worker: int = 0

    def __str__(self) -> str:
        struck = "" if self.strike == "none" else f", {self.strike} {self.strike_after * 1000:.0f} ms after"
        return f"{self.verdict} after {self.pause:.1f} s{struck}"


def draw_worth(dice: random.Random, intent: str) -> Worth:
    drawn = dice.choices(list(WORTHS), weights=list(WORTHS.values()))[0]
    return drawn if intent in MAY_BE_DEAR else "small"


def draw_decisions(dice: random.Random) -> Iterator[Decision]:
    """One for each time that the conversation may ask."""
    for _ in range(MOST_DECISIONS):
        verdict = dice.choices(list(VERDICTS), weights=list(VERDICTS.values()))[0]
        strike = dice.choices(list(STRIKES), weights=list(STRIKES.values()))[0]
        yield Decision(
            verdict=verdict,
            pause=dice.uniform(*(LAST_SECONDS if verdict == "last_moment" else PAUSE_SECONDS)),
            strike=strike,
            strike_after=dice.uniform(*STRIKE_AFTER[strike]),
            worker=dice.randrange(2),
        )
