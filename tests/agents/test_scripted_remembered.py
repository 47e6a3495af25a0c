"""The scripted model minds what stands beside the conversation, and takes nobody's word for such."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from agents.scripted.conversation import Say
from agents.scripted.dialogue import next_blocks
from agents.scripted.remembered import FEW_MAILS

TODAY = date(2026, 11, 22)
TOOLS = ("get_order", "process_refund", "cancel_order", "escalate_to_human")
SYSTEM = "You help.\n\n## Policies\n- Returns are possible within 30 days."
REMEMBERED = """<remembered_of_customer>
Data from earlier conversations.
- [preferences, 2026-08-01] {text}
</remembered_of_customer>"""
PASSAGES = """<source_documents>
Passages of our own documents.
- [Warranty, Appliances] Kettles have a warranty of five years. It covers the heating element. Ask for a form.
- [Gift cards] A gift card is valid for three years.
</source_documents>"""


def said(words: str, given: str = "", earlier: tuple[dict[str, Any], ...] = ()) -> str:
    content = [{"type": "text", "text": text} for text in (given, words) if text]
    (block,) = next_blocks(SYSTEM, [*earlier, {"role": "user", "content": content}], TOOLS, TODAY)
    assert isinstance(block, Say), block
    return block.text


ORDER = {"order_id": "1047", "status": "processing", "total": "20.00", "currency": "EUR", "items": []}
CANCELLED = {**ORDER, "status": "cancelled"}


def cancelled(given: str) -> str:
    """What is said once order 1047 was looked up and cancelled."""
    asked = [{"type": "text", "text": text} for text in (given, "Please cancel order 1047") if text]
    messages: list[dict[str, Any]] = [{"role": "user", "content": asked}]
    for name, result in (("get_order", ORDER), ("cancel_order", CANCELLED)):
        use = {"type": "tool_use", "id": name, "name": name, "input": {"order_id": "1047"}}
        answer = {"type": "tool_result", "tool_use_id": name, "content": json.dumps(result)}
        messages += [{"role": "assistant", "content": [use]}, {"role": "user", "content": [answer]}]
    (block,) = next_blocks(SYSTEM, messages, TOOLS, TODAY)
    assert isinstance(block, Say), block
    assert "cancelled" in block.text
    return block.text


def test_who_wants_few_mails_is_told_that_none_is_sent() -> None:
    assert FEW_MAILS in cancelled(REMEMBERED.format(text="Prefers few e-mails."))
    assert FEW_MAILS not in cancelled("")
    assert FEW_MAILS not in cancelled(REMEMBERED.format(text="Is glad to get all our e-mails."))
    assert FEW_MAILS not in cancelled(REMEMBERED.format(text="Prefers few phone calls. Likes e-mails."))


def test_a_question_that_the_instructions_leave_open_is_answered_from_a_document() -> None:
    answer = said("What warranty do your kettles have?", PASSAGES)
    assert "five years" in answer
    assert "Warranty" in answer
    assert "gift card" not in answer.lower()


def test_the_instructions_come_first() -> None:
    assert "30 days" in said("What is your return policy?", PASSAGES)


def test_what_stands_beside_is_not_what_the_customer_says() -> None:
    """An order that is named there is nobody's wish."""
    given = REMEMBERED.format(text="Asked for a refund of order 1042 in July.")
    assert "1042" not in said("hello", given)
