"""What customers and staff do in a conversation, step by step; texts that the scripted model understands."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Intent = Literal["refund", "part", "status", "too_late", "complaint", "cancel", "person"]
INTENTS: dict[Intent, int] = {
    "refund": 34,
    "part": 28,
    "status": 10,
    "too_late": 8,
    "complaint": 4,
    "cancel": 12,
    "person": 4,
}
# How the messages come: one by one, each sent twice, several at the same moment, while a turn runs, and with a person
# of the desk who takes over in the middle.
Shape = Literal["plain", "doubled", "at_once", "hurried", "taken_over"]
SHAPES: dict[Shape, int] = {"plain": 30, "doubled": 15, "at_once": 17, "hurried": 18, "taken_over": 20}

OPENINGS: dict[Intent, tuple[str, ...]] = {
    "refund": (
        "I want to return order {order}, please refund it.",
        "Please refund order {order}, it arrived damaged.",
        "I would like my money back for order {order}, it does not fit.",
    ),
    "part": (
        "I want to return the mug of order {order}.",
        "The mug in order {order} is broken, please refund the mug.",
    ),
    "status": ("Where is my order {order}?", "Please tell me the status of order {order}."),
    "too_late": ("I want to return order {order}, please refund it.", "Please refund order {order}."),
    "complaint": ("I am very unhappy with order {order}, this is a complaint.",),
    "cancel": ("Please cancel order {order}.", "I want to cancel order {order}, I ordered it by mistake."),
    "person": ("I want to talk to a person about order {order}.",),
}
# What a customer adds, or asks at the same moment. Some of it asks for the same effect once more.
MORE: dict[Intent, tuple[str, ...]] = {
    "refund": (
        "Has order {order} been refunded?",
        "Refund order {order} now, please.",
        "Please give me my money back for order {order}.",
        "Where is my order {order}?",
    ),
    "part": (
        "Has order {order} been refunded?",
        "Please refund the mug of order {order}.",
        "Where is my order {order}?",
    ),
    "status": ("When does order {order} arrive?", "Thank you."),
    "too_late": ("Has order {order} been refunded?", "Where is my order {order}?"),
    "complaint": ("Where is my order {order}?",),
    "cancel": ("Has order {order} been cancelled?", "Cancel order {order}, please.", "Where is my order {order}?"),
    "person": ("Where is my order {order}?",),
}
YES = "Yes, please."
LATE_YES = "Yes, please do it."
MOST_AT_ONCE = 3
ANSWER = "I have looked at this and will write again."

Kind = Literal["say", "at_once", "take_over", "answer", "hand_back"]


@dataclass(frozen=True, kw_only=True)
class Step:
    """`pause` seconds before it; with `waits` it comes only when no turn of the conversation is open any more.

    A form is sent `copies` times at the same moment.
    """

    kind: Kind
    texts: tuple[str, ...] = ()
    pause: float = 0.0
    waits: bool = False
    copies: int = 1

    def __str__(self) -> str:
        said = " + ".join(repr(text) for text in self.texts)
        again = f" x{self.copies}" if self.copies > 1 else ""
        return f"{'then' if self.waits else f'after {self.pause:.1f} s'} {self.kind} {said}{again}".rstrip()


def steps_of(dice: random.Random, intent: Intent, shape: str, order: str) -> Iterator[Step]:
    """No two texts of a conversation are the same: each message is found again by its words."""
    opening = dice.choice(OPENINGS[intent]).format(order=order)
    others = [text.format(order=order) for text in dice.sample(MORE[intent], len(MORE[intent]))]
    copies = dice.choice((2, 2, 3)) if shape == "doubled" else 1
    if shape == "at_once":
        count = min(len(others), dice.randint(1, MOST_AT_ONCE - 1))
        yield Step(kind="at_once", texts=(opening, *others[:count]))
        others = others[count:]
    else:
        yield Step(kind="say", texts=(opening,), copies=copies)
    if intent == "part":
        yield Step(kind="say", texts=(YES,), pause=dice.uniform(0, 0.3), waits=True, copies=copies)
    if shape == "hurried":
        for text in others[: dice.randint(1, 2)]:
            yield Step(kind="say", texts=(text,), pause=dice.uniform(0.05, 1.2))
    elif shape == "taken_over":
        yield from taken_over(dice, intent, others)
    elif others and dice.random() < 0.5:
        yield Step(kind="say", texts=(others[0],), pause=dice.uniform(0, 0.5), waits=True, copies=copies)


def taken_over(dice: random.Random, intent: Intent, others: list[str]) -> Iterator[Step]:
    """A person takes over while the agent is at work, and sometimes hands back."""
    yield Step(kind="take_over", pause=dice.uniform(0.0, 2.2))
    if dice.random() < 0.6:
        yield Step(kind="answer", texts=(ANSWER,), pause=dice.uniform(0.0, 0.5))
    if others and dice.random() < 0.7:
        yield Step(kind="say", texts=(others[0],), pause=dice.uniform(0.0, 0.5))
    if dice.random() < 0.6:
        yield Step(kind="hand_back", pause=dice.uniform(0.0, 1.0))
        after = LATE_YES if intent == "part" else next(iter(others[1:]), "Thank you.")
        if dice.random() < 0.6:
            yield Step(kind="say", texts=(after,), pause=dice.uniform(0.0, 0.6), waits=dice.random() < 0.5)
