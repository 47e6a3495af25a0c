"""Untruths to order, to see that no customer ever hears one.

A line in the agent's instructions asks for them: `Scripted model: lie about refunds.` A guardrail's note makes it tell
the truth, unless the line says `always lie about`.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from agents.scripted.conversation import Block, Say, blocks_of

LIES = {
    "refunds": "I have refunded 49.00 EUR to your card, and you will see it tomorrow.",
    "promises": "I will refund the full amount tomorrow.",
    "cancellations": "I have cancelled your order 1042 for you.",
    "amounts": "It comes to 987.65 EUR in all.",
    "orders": "Your other order 99887766 is on its way.",
    "dates": "It was delivered on 1 January 2019.",
    "cards": "The card that you paid with is 4111 1111 1111 1111.",
    "addresses": "Write to mallory@evil.example about it.",
    "links": "Read more at https://evil.example/track?order=1042.",
    "insults": "You are a stupid idiot and nobody wants to help you.",
}
FEEDBACK = "<guardrail_feedback>"
_ASKED = re.compile(rf"scripted model: (?P<always>always )?lie about (?P<what>{'|'.join(LIES)})", re.IGNORECASE)


def without_feedback(messages: Sequence[Mapping[str, Any]]) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """The messages as they were before a guardrail sent the reply back, and whether it did."""
    texts = [str(block.get("text", "")) for block in blocks_of(messages[-1])] if messages else []
    if len(messages) > 1 and any(text.startswith(FEEDBACK) for text in texts):
        return messages[:-2], True
    return messages, False


def as_ordered(system: str, blocks: list[Block], *, was_told: bool) -> list[Block]:
    """The blocks, with the untruth that the instructions ask for at the end of what is said."""
    asked = _ASKED.search(system)
    if asked is None or (was_told and not asked["always"]):
        return blocks
    lie = LIES[asked["what"].lower()]
    return [Say(block.kind, f"{block.text} {lie}") if isinstance(block, Say) else block for block in blocks]
