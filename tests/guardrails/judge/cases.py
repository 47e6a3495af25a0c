"""A way to a model that gives the answers it is told to, and guardrails to be judged by."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from guardrails.compiled import Guard, guard_for
from guardrails.config import Action, Config, ContentFilter, ContentType, Grounding, Judge, Side, ToolTraffic, Topic
from guardrails.findings import Confidence, Context, Direction
from guardrails.judge import Answer

SENT = Context(direction=Direction.INPUT)
SAID = Context(direction=Direction.OUTPUT)
NONE = {"confidence": "NONE"}


@dataclass(frozen=True, kw_only=True)
class Asked:
    system: str
    message: str
    tool: dict[str, Any]
    seconds: float

    @property
    def labels(self) -> list[str]:
        return list(self.tool["input_schema"]["properties"])


@dataclass(kw_only=True)
class Told:
    """Gives the answers in order, the last one again and again, and keeps what it was asked."""

    answers: list[Answer | None]
    asked: list[Asked] = field(default_factory=list)

    def ask(self, system: str, message: str, tool: dict[str, Any], seconds: float) -> Answer | None:
        self.asked.append(Asked(system=system, message=message, tool=tool, seconds=seconds))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def verdict(**categories: Any) -> Answer:
    return Answer(calls=[categories])


def graded(confidence: str, *, reason: str = "It is so.", quote: str = "") -> dict[str, Any]:
    return {"confidence": confidence, "reason": reason, **({"quote": quote} if quote else {})}


def content(name: str, strength: Confidence = Confidence.MEDIUM, **sides: Any) -> ContentFilter:
    side = Side(strength=strength, action=sides.pop("action", Action.BLOCK))
    return ContentFilter(type=ContentType(name), **{"input": side, "output": side, **sides})


def topic(name: str = "Investments", **fields: Any) -> Topic:
    return Topic(name=name, definition="What to buy or sell to make money.", **fields)


def grounding(name: str = "GROUNDING", threshold: float = 0.5, **fields: Any) -> Grounding:
    return Grounding(type=name, threshold=threshold, **fields)


def config(*, judge: Judge | None = None, **sections: Any) -> Config:
    on = judge or Judge(enabled=True, model="claude-haiku-4-5")
    return Config(judge=on, **{name: tuple(rules) for name, rules in sections.items()})


def guard(**sections: Any) -> Guard:
    return guard_for(config(**sections))


def reading_results(strength: Confidence = Confidence.MEDIUM, action: Action = Action.BLOCK, **judge: Any) -> Config:
    side = Side(strength=strength, action=action)
    on = Judge(enabled=True, model="claude-haiku-4-5", **judge)
    return Config(judge=on, tools=ToolTraffic(results=side, arguments=side))
