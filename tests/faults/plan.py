"""What a run will do, drawn from a seed before it begins: who writes what and when, and what goes wrong meanwhile."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.faults import scripts
from tests.faults.decisions import Decision, Worth, draw_decisions, draw_worth
from tests.faults.scripts import Intent, Step

# Conversations that begin in a second. Two cores do about twice as much without faults.
RATE = 3.3
# What happens before the first fault: the desk is to be seen at work.
CALM_SECONDS = 2.0
FIRST_ORDER = 700_000
WEB = "web"

ModelFault = Literal[
    "throttled", "throttled_long", "overloaded", "failing", "cut", "cut_short", "overloaded_later", "garbage",
    "slow", "stalled",
]  # fmt: skip
ShopFault = Literal["slow", "failing", "late", "lost", "lost_late", "half", "garbled"]
Request = Literal["read", "write", "look_up"]
ProcessFault = Literal["kill_worker", "kill_web", "stop_worker", "empty_broker", "restart_database", "shop_outage"]

# Weights. What ends in a hand-over at once is rarer, as it ends the conversation's part for the agent.
MODEL_FAULTS: dict[ModelFault, int] = {
    "throttled": 3,
    "throttled_long": 1,
    "overloaded": 3,
    "failing": 3,
    "cut": 3,
    "cut_short": 2,
    "overloaded_later": 2,
    "garbage": 3,
    "slow": 1,
    "stalled": 1,
}
SHOP_FAULTS: dict[ShopFault, int] = {
    "slow": 3,
    "failing": 3,
    "late": 3,
    "lost": 4,
    "lost_late": 3,
    "half": 1,
    "garbled": 1,
}
# Seconds between two of a kind, on average.
PROCESS_FAULTS: dict[ProcessFault, float] = {
    "kill_worker": 9.0,
    "kill_web": 12.0,
    "stop_worker": 16.0,
    "empty_broker": 7.0,
    "restart_database": 20.0,
    "shop_outage": 60.0,
}
MODEL_CALLS = 8
CALM_CONVERSATIONS = 0.2
MODEL_FAULT_CHANCE = 0.2
# How many requests of a kind may fail, and how probably each does. A read that fails hides what would come after it.
SHOP_FAULT_CHANCES: dict[Request, tuple[int, float]] = {"read": (4, 0.08), "write": (3, 0.4), "look_up": (4, 0.3)}
# Conversations in which the shop works and never says so: nothing can be found out.
SILENT_SHOP_CHANCE = 0.12
SILENT_REQUESTS = 20


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """One customer with one order. `begins_at` in seconds since the start of the run.

    `model_faults` by the number of the model call (from 1, retries counted), `shop_faults` by kind of request and its
    number. `decisions` are what people make of the approvals that it asks for, in their order.
    """

    number: int
    intent: Intent
    shape: str
    agent: Literal["support", "together"]
    begins_at: float
    steps: tuple[Step, ...]
    worth: Worth = "small"
    decisions: tuple[Decision, ...] = ()
    model_faults: dict[int, ModelFault] = field(default_factory=dict)
    shop_faults: dict[tuple[Request, int], ShopFault] = field(default_factory=dict)

    @property
    def email(self) -> str:
        return f"c{self.number:05d}@example.com"

    @property
    def order_id(self) -> str:
        return order_of(self.number)

    def __str__(self) -> str:
        said = " | ".join(str(step) for step in self.steps)
        asked = "" if self.worth == "small" else f", {self.worth} ({'; '.join(map(str, self.decisions))})"
        return f"#{self.number} {self.intent}, {self.shape}, agent {self.agent}{asked}: {said}"


@dataclass(frozen=True, kw_only=True)
class Blow:
    """A fault of a process, `at` seconds after the start and for `seconds`; `worker` is which one it hits."""

    at: float
    kind: ProcessFault
    worker: int = 0
    seconds: float = 0.0
    # Not at an instant of the plan's, but at a decision.
    is_aimed: bool = False

    def __str__(self) -> str:
        worker = f" {self.worker + 1}" if self.kind.endswith("worker") else ""
        return f"{self.at:6.1f} s  {self.kind}{worker}" + (f" for {self.seconds:.1f} s" if self.seconds else "")

    @property
    def process(self) -> str:
        """Whom it hits, as the desk names its processes."""
        return WEB if self.kind == "kill_web" else f"worker {self.worker + 1}"

    @property
    def name(self) -> str:
        return f"{self.kind} at a decision" if self.is_aimed else self.kind


@dataclass(frozen=True, kw_only=True)
class Plan:
    seed: int
    conversations: list[Conversation]
    blows: list[Blow]

    @property
    def seconds(self) -> float:
        """How long conversations begin."""
        return max((conversation.begins_at for conversation in self.conversations), default=0.0)


def order_of(number: int) -> str:
    return str(FIRST_ORDER + number)


def make_plan(*, seed: int, conversations: int, rate: float = RATE) -> Plan:
    """The same for the same seed; each conversation has dice of its own, so a longer run begins like a shorter one."""
    times = random.Random(f"{seed} times")
    begins_at = 0.0
    drawn = []
    for number in range(1, conversations + 1):
        begins_at += times.expovariate(rate)
        drawn.append(draw_conversation(random.Random(f"{seed} conversation {number}"), number, begins_at))
    return Plan(seed=seed, conversations=drawn, blows=draw_blows(random.Random(f"{seed} blows"), begins_at))


def draw_conversation(dice: random.Random, number: int, begins_at: float) -> Conversation:
    intent = draw(dice, scripts.INTENTS)
    shape = draw(dice, scripts.SHAPES)
    steps = scripts.steps_of(dice, intent, shape, order_of(number))
    is_calm = dice.random() < CALM_CONVERSATIONS
    return Conversation(
        number=number,
        intent=intent,
        shape=shape,
        agent="together" if dice.random() < 0.35 else "support",
        begins_at=begins_at,
        steps=tuple(steps),
        model_faults={} if is_calm else dict(draw_model_faults(dice)),
        shop_faults={} if is_calm else dict(draw_shop_faults(dice)),
        worth=draw_worth(dice, intent),
        decisions=tuple(draw_decisions(dice)),
    )


def draw_model_faults(dice: random.Random) -> Iterator[tuple[int, ModelFault]]:
    for call in range(1, MODEL_CALLS + 1):
        if dice.random() < MODEL_FAULT_CHANCE:
            yield call, draw(dice, MODEL_FAULTS)


def draw_shop_faults(dice: random.Random) -> Iterator[tuple[tuple[Request, int], ShopFault]]:
    if dice.random() < SILENT_SHOP_CHANCE:
        for number in range(1, SILENT_REQUESTS + 1):
            yield ("write", number), "lost"
            yield ("look_up", number), "failing"
        return
    for request, (most, chance) in SHOP_FAULT_CHANCES.items():
        for number in range(1, most + 1):
            if dice.random() < chance:
                yield (request, number), draw(dice, SHOP_FAULTS)


def draw_blows(dice: random.Random, seconds: float) -> list[Blow]:
    """At least one of each kind, so that a short run is no easier in kind."""
    blows = []
    for kind, every in PROCESS_FAULTS.items():
        for _ in range(max(1, round(seconds / every))):
            at = dice.uniform(CALM_SECONDS, max(seconds, CALM_SECONDS + 1))
            lasts = LASTS[kind](dice) if kind in LASTS else 0.0
            blows.append(Blow(at=at, kind=kind, worker=dice.randrange(2), seconds=lasts))
    return sorted(blows, key=lambda blow: blow.at)


# A worker is stopped for longer than its lease; a shop that fails five times running is left alone for ten seconds.
LASTS: dict[ProcessFault, Callable[[random.Random], float]] = {
    "stop_worker": lambda dice: dice.uniform(7.0, 11.0),
    "shop_outage": lambda dice: dice.uniform(1.0, 3.0),
}


def draw(dice: random.Random, weights: dict[Any, int]) -> Any:
    return dice.choices(list(weights), weights=list(weights.values()))[0]
