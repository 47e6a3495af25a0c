"""Conversations with the scripted model in all of its worlds, with the evidence that each reply had."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from typing import Any

from agents.scripted.evaluate import obvious_answer
from agents.scripted.testing import Chat
from agents.scripted.worlds import SYSTEM, worlds_for
from guardrails.evidence import Deed, Evidence, Source

TODAY = date(2026, 11, 22)  # the day of `Chat`
EFFECTS = {"process_refund": "money", "cancel_order": "irreversible", "escalate_to_human": "write"}
MESSAGES = (
    "Where is my order?",
    "Where is order 1044?",
    "Has order 2042 been shipped yet?",
    "When will my parcel arrive?",
    "I want to return my order",
    "Please refund order 2042",
    "I want my money back for the headphones",
    "Refund the last one please",
    "Can I still return the jacket?",
    "Cancel my order",
    "Please cancel order 1046",
    "I no longer want the desk lamp, cancel it",
    "Where is my refund?",
    "Has my refund for order 1048 been made?",
    "When do I get my money?",
    "Change the address of order 2042",
    "I want another colour in my order",
    "My kettle arrived broken and I am angry",
    "I want to speak to a person",
    "What is your return policy?",
    "How long does delivery take?",
    "What does express delivery cost?",
    "Do you deliver to Norway?",
    "Is there a cancellation fee?",
    "My payment failed",
    "Hello",
    "Thank you",
    "Are you a robot?",
    "asdf qwer",
    "order 99999",
)
Reply = tuple[str, Evidence]


def replies(messages: tuple[str, ...] = MESSAGES) -> Iterator[Reply]:
    """Each reply once, as the customer goes on where the answer is obvious."""
    seen = set()
    for message in messages:
        for world in worlds_for(message, TODAY):
            chat, text = Chat(world), message
            for _ in range(3):
                said = chat.say(text)
                evidence = evidence_of(chat)
                if (key := (said, repr(evidence))) not in seen:
                    seen.add(key)
                    yield said, evidence
                answer = obvious_answer(said, world)
                if answer is None:
                    break
                text = answer


def evidence_of(chat: Chat) -> Evidence:
    """What stood before the last reply."""
    sources = [Source(kind="instructions", place="the agent's instructions", value=SYSTEM)]
    deeds, uses = [], {}
    for message in chat.messages[:-1]:
        for block in blocks_of(message):
            if block["type"] == "text":
                is_customer = message["role"] == "user"
                sources.append(
                    Source(kind="customer" if is_customer else "said", place=message["role"], value=block["text"])
                )
            elif block["type"] == "tool_use":
                uses[block["id"]] = block
            else:
                use, is_error = uses[block["tool_use_id"]], block["is_error"]
                result = None if is_error else json.loads(block["content"])
                sources += [] if is_error else [Source(kind="result", place=use["name"], value=result)]
                deeds.append(
                    Deed(
                        tool=use["name"],
                        state="failed" if is_error else "confirmed",
                        effect=EFFECTS.get(use["name"], "read"),
                        arguments=use["input"],
                        result=result,
                    )
                )
    return Evidence(sources=tuple(sources), deeds=tuple(deeds), today=TODAY)


def blocks_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return [{"type": "text", "text": content}] if isinstance(content, str) else content
