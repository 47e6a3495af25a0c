"""The rolling summary: what was said in a conversation before the part that the model is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from memory.extract.conversation import Done
from memory.extract.episodes import sentence_of
from memory.extract.secrets import without_secrets
from memory.extract.sentences import sentences_of
from memory.suspicion import why_suspicious

EXTRACTIVE = "extractive"
# About 500 tokens: a summary that grows with the conversation would be the conversation.
LONGEST = 2000
SENTENCE_LENGTH = 220
SPEAKERS = {"customer": "Customer", "agent": "Agent", "person": "Colleague"}
# Words that tell a sentence with something in it from a pleasantry.
TELLING = (
    "order",
    "refund",
    "cancel",
    "return",
    "deliver",
    "address",
    "parcel",
    "invoice",
    "broken",
    "wrong",
    "late",
    "missing",
    "because",
    "want",
    "need",
)
NOT_REPEATED = "(something that is not repeated here)"


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """One message of the customer and what answered it; `seq` is the number of its last message."""

    seq: int
    at: datetime
    # Speaker and text, in order.
    lines: Sequence[tuple[str, str]]
    done: Sequence[Done] = ()


def extractive(before: str, exchanges: Sequence[Exchange]) -> str:
    """`before` with a line for each exchange more; the oldest lines go where it grows too long.

    The customer's and colleagues' words are cut out, not rewritten. Of what the agent did only the ledger tells.
    """
    lines = [*before.splitlines(), *(line for exchange in exchanges for line in lines_of(exchange))]
    while lines and sum(len(line) + 1 for line in lines) > LONGEST:
        lines.pop(0)
    return "\n".join(lines)


def lines_of(exchange: Exchange) -> list[str]:
    said = [(who, key_sentence(text)) for who, text in exchange.lines if who != "agent"]
    told = [f"{SPEAKERS.get(who, who)}: {sentence}" for who, sentence in said if sentence]
    done = [sentence_of(call) for call in exchange.done if call.is_confirmed]
    line = " ".join([*told, *(f"[{one}]" for one in done)])
    return [line] if line else []


def key_sentence(text: str) -> str:
    """The one that says most: of a number or a telling word, else the first of some length."""
    sentences = [without_secrets(sentence) for sentence in sentences_of(text)]
    if not sentences:
        return ""
    best = max(sentences, key=weight_of)
    if why_suspicious(best):
        return NOT_REPEATED
    return best if len(best) <= SENTENCE_LENGTH else best[:SENTENCE_LENGTH].rsplit(" ", 1)[0] + " …"


def weight_of(sentence: str) -> float:
    plain = sentence.casefold()
    words = len(plain.split())
    return (
        2.0 * any(character.isdigit() for character in plain)
        + sum(word in plain for word in TELLING)
        + min(words, 15) / 15
    )


def cut(text: str) -> str:
    """What a model wrote, fit to be stored: no secrets, and no longer than it may be."""
    return without_secrets(text.strip())[:LONGEST]
