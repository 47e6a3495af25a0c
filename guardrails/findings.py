"""What a detector finds in a text, and the one Protocol that every detector keeps, local or a language model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Protocol


class Confidence(IntEnum):
    """How sure a detector is, and how strict a filter is: `strength` HIGH acts on LOW and up, LOW on HIGH alone."""

    NONE = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3

    def reaches(self, strength: Confidence) -> bool:
        """Whether a filter of this strength acts on this confidence (Bedrock's table of strengths)."""
        return self > Confidence.NONE and strength > Confidence.NONE and self + strength > Confidence.HIGH


class Policy(StrEnum):
    """The kinds of rules, and what their rows are called in Bedrock's assessments."""

    CONTENT = "content"
    TOPIC = "topic"
    WORD = "word"
    PII = "pii"
    REGEX = "regex"
    GROUNDING = "grounding"
    VALUE = "value"
    CLAIM = "claim"
    SECRET = "secret"  # noqa: S105  a kind of finding


class Tier(StrEnum):
    LOCAL = "local"
    JUDGE = "judge"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing seen in one text; `start` to `end` in characters, -1 where it is of the whole text.

    `type` is the filter's, entity's, topic's or regex's name. `why` is for a person: the pattern's name, the checksum,
    what contradicts it. `score` (0 to 1) where the rule has a threshold.
    """

    policy: Policy
    type: str
    confidence: Confidence = Confidence.HIGH
    start: int = -1
    end: int = -1
    why: str = ""
    tier: Tier = Tier.LOCAL
    score: float | None = None

    @property
    def rule(self) -> str:
        """The rule that it belongs to, as violations name it: `pii:EMAIL`."""
        return f"{self.policy}:{self.type}"

    def text_of(self, text: str) -> str:
        return text[self.start : self.end] if self.start >= 0 else ""


class Direction(StrEnum):
    """Whose words: INPUT is what comes in (a customer, a tool's result), OUTPUT what an agent says or sends."""

    INPUT = "INPUT"
    OUTPUT = "OUTPUT"


@dataclass(frozen=True, kw_only=True)
class Context:
    """What a detector may know beside the text: nothing of it is the text's own word.

    `query` is what the customer asked; `sources` are the texts that an answer must rest on.
    """

    direction: Direction
    query: str = ""
    sources: Sequence[str] = field(default_factory=tuple)


class Detector(Protocol):
    """Deterministic or not, in milliseconds or in a second: the same call, the same answer's form."""

    def check(self, text: str, context: Context) -> list[Finding]: ...
