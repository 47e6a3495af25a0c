"""Answers by the rules of the scripted model, for a server of any form."""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from agents.scripted.conversation import Say
from agents.scripted.dialogue import next_blocks
from tests.messages_api import Answer, Block
from tests.wire.server import Asked


def scripted_answer(asked: Asked) -> Answer:
    blocks: list[Block] = []
    for block in next_blocks(asked.system, asked.messages, asked.tools, datetime.now().astimezone().date()):
        if isinstance(block, Say):
            blocks.append({"type": "text", "text": block.text})
        else:
            use_id = f"tooluse_{uuid4().hex[:22]}"
            blocks.append({"type": "tool_use", "id": use_id, "name": block.name, "input": block.input})
    calls = any(block["type"] == "tool_use" for block in blocks)
    return Answer(blocks=blocks, stop_reason="tool_use" if calls else "end_turn")
