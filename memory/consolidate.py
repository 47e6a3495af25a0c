"""What a new statement does to what is known: says it again, replaces it, or waits for a person. No database here."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import mul
from uuid import UUID

from memory.embeddings import Vector
from memory.models import Memory

# Cosine similarity from which two texts without a topic say the same, by whether the model knows meanings. Measured:
# tests/memory/test_writing.py holds the pairs.
SAME_BY_MEANING = 0.85
SAME_BY_WORDS = 0.80
# Near in every vector space, and no more the same: a denial in one of two texts, or opposite words.
DENIAL = r"not|no|never|none|nobody|without|cannot|[a-z]+n't|neither|nor|stops?|stopped|dislikes?|hates?|avoids?"
OPPOSITES = (
    (r"few|fewer|less|rarely|seldom|hardly", r"many|more|often|lots|daily"),
    (r"morning", r"evening|afternoon|noon|night"),
    (r"before", r"after"),
    (r"large|big|bigger|larger", r"small|smaller|medium"),
)
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
WORD = re.compile(r"\w+(?:'\w+)?")
# The reasons of what a person has turned down; the same is not taken again without a person.
WRONG = "wrong"
REJECTED = "rejected"
TURNED_DOWN = "A person marked the same as wrong."
CONTRADICTS_A_PERSON = "It contradicts what a person wrote or pinned."
# How much of what is missing to certainty the same statement adds once more.
GAIN = 0.3
MOST = 0.99


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What of a memory is compared. `value` is what a rule found for the topic, such as `few`; "" where none did."""

    topic: str
    text: str
    value: str = ""
    vector: Vector | None = None
    model: str = ""
    # From which cosine on its model means the same.
    threshold: float = SAME_BY_MEANING


@dataclass(frozen=True, kw_only=True)
class Told:
    """A statement with what decides whether it may replace another. An agent's words never replace a person's.

    `is_account` where it tells a whole conversation, or all of them: told again after more was said, it grows.
    """

    statement: Statement
    by_agent: bool
    held: bool
    said_at: datetime
    session_id: UUID | None = None
    is_account: bool = False


# -- what becomes of it, a closed union


@dataclass(frozen=True, kw_only=True)
class New:
    """Nothing known speaks of it."""


@dataclass(frozen=True, kw_only=True)
class Again:
    """It is known, waits for a person already, or was rejected: no other row."""

    memory: Memory


@dataclass(frozen=True, kw_only=True)
class Instead:
    """The topic is known otherwise: the newer word holds."""

    memory: Memory


@dataclass(frozen=True, kw_only=True)
class Extended:
    """The same conversation is told further: the account of it is rewritten."""

    memory: Memory


@dataclass(frozen=True, kw_only=True)
class Outdated:
    """The topic is known otherwise, and was said later: this one is history from the start."""

    memory: Memory


@dataclass(frozen=True, kw_only=True)
class Held:
    """A person has to look."""

    reason: str


Decision = New | Again | Instead | Extended | Outdated | Held


def decide(told: Told, known: Sequence[Memory]) -> Decision:
    """`known` are the customer's of that strategy: active, proposed, and those that a person has turned down."""
    same = [memory for memory in known if says_the_same(told.statement, statement_of(memory))]
    if active := [memory for memory in same if memory.state == Memory.State.ACTIVE]:
        return Again(memory=active[0])
    # What waits for a person, or was turned down by one, does not keep a person from writing it.
    if told.by_agent:
        if waiting := [memory for memory in same if memory.state == Memory.State.PROPOSED or memory.reason == REJECTED]:
            return Again(memory=waiting[0])
        if any(memory.reason == WRONG for memory in same):
            return Held(reason=TURNED_DOWN)
    return replace_known(told, known)


def replace_known(told: Told, known: Sequence[Memory]) -> Decision:
    topic = told.statement.topic
    state = Memory.State.PROPOSED if told.held else Memory.State.ACTIVE
    standing = [memory for memory in known if topic and memory.topic == topic and memory.state == state]
    if not standing or (told.held and not told.by_agent):
        return New()
    return by_agent_instead(told, standing[0]) if told.by_agent else Instead(memory=standing[0])


def by_agent_instead(told: Told, memory: Memory) -> Decision:
    is_a_persons = memory.is_pinned or memory.author == Memory.Author.PERSON
    if told.is_account and is_a_persons:
        return Again(memory=memory)
    if told.is_account and memory.session_id == told.session_id:
        return Extended(memory=memory)
    if is_a_persons and not told.held:
        return Held(reason=CONTRADICTS_A_PERSON)
    if told.held:
        return New()
    return Outdated(memory=memory) if told.said_at < memory.updated_at else Instead(memory=memory)


# -- whether two statements are the same


def statement_of(memory: Memory) -> Statement:
    vector = memory.embedding
    return Statement(
        topic=memory.topic,
        text=memory.text,
        value=str(memory.metadata.get("value", "")),
        vector=None if vector is None else [float(number) for number in vector],
        model=memory.embedding_model,
    )


def says_the_same(new: Statement, known: Statement) -> bool:
    """Of one topic: the same value, or the same text. Without a topic: the same text, or nearly the same meaning."""
    if normal(new.text) == normal(known.text):
        return not new.topic or not known.topic or new.topic == known.topic
    if new.topic:
        return new.topic == known.topic and new.value != "" and normal(new.value) == normal(known.value)
    return cosine(new, known) >= new.threshold and not may_be_opposite(new.text, known.text)


def normal(text: str) -> str:
    """Its words in small letters: case, spaces, punctuation and the form of characters make no other statement."""
    return " ".join(WORD.findall(unicodedata.normalize("NFKC", text).replace("\u2019", "'").casefold()))


def cosine(one: Statement, other: Statement) -> float:
    """-1 where they cannot be compared."""
    if one.vector is None or other.vector is None or one.model != other.model:
        return -1.0
    return float(sum(map(mul, one.vector, other.vector)))


def may_be_opposite(one: str, other: str) -> bool:
    """Other numbers, a denial in one of them only, or a word on one side and its opposite on the other."""
    texts = (normal(one), normal(other))
    numbers = [sorted(NUMBER.findall(text)) for text in texts]
    if numbers[0] != numbers[1]:
        return True
    if has(DENIAL, texts[0]) != has(DENIAL, texts[1]):
        return True
    return any(
        (has(first, texts[0]) and has(second, texts[1])) or (has(second, texts[0]) and has(first, texts[1]))
        for first, second in OPPOSITES
    )


def has(pattern: str, text: str) -> bool:
    return re.search(rf"\b(?:{pattern})\b", text) is not None


def surer(confidence: float) -> float:
    """After the same was said once more; never quite certain, which only a person is."""
    return max(confidence, min(MOST, confidence + (1 - confidence) * GAIN))
