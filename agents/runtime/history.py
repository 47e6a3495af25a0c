"""Reads a conversation back from its rows, in the form that a model is given.

The rows are the journal: assistant blocks as they came, and for each tool use its row in the ledger. What is missing
there tells where a broken turn has to go on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection

from agents.turns import Claim
from memory.recall import without_fences
from memory.window import Exchange
from observability.batch import encode
from tools.ledger import LEFT_OPEN
from tools.models import ToolCall

ESCALATE = "escalate_to_human"

# Messages of the newest turns up to this one, each with the ledger rows of its tool uses. A message belongs to the
# turn that answers it or said it; a person's message stands for itself.
HISTORY = """
WITH recent AS (
  SELECT min(seq) AS first FROM (
    SELECT seq FROM agents_turn WHERE session_id = %(session)s AND seq <= %(seq)s ORDER BY seq DESC LIMIT %(turns)s
  ) AS newest
), older AS (
  SELECT count(*) AS turns FROM agents_turn AS o, recent WHERE o.session_id = %(session)s AND o.seq < recent.first
)
SELECT coalesce(t.seq, m.seq) AS place, m.turn_id, m.author, m.visibility, m.content, m.created_at,
  CASE WHEN m.visibility = 'step' THEN (
    SELECT jsonb_agg(jsonb_build_object('id', c.id, 'tool_use_id', c.tool_use_id, 'tool_name', c.tool_name,
      'effect', c.effect, 'arguments', c.arguments, 'digest', c.digest, 'state', c.state, 'result', c.result,
      'attempts', c.attempts, 'decision', c.decision) ORDER BY c.id)
    FROM tools_toolcall AS c WHERE c.turn_id = m.turn_id
  ) END, older.turns
FROM agents_message AS m LEFT JOIN agents_turn AS t ON t.id = m.turn_id, recent, older
WHERE m.session_id = %(session)s AND m.seq >= recent.first AND m.visibility IN ('public', 'step')
  AND m.author <> 'system' AND (coalesce(t.seq, m.seq) <= %(seq)s OR m.turn_id = %(turn)s)
ORDER BY place, m.seq
"""


@dataclass(kw_only=True)
class History:
    """`earlier` exchanges, and the messages of this turn so far; `calls` are its tool calls, `pending` those of them
    without a result."""

    earlier: list[Exchange]
    current: list[dict[str, Any]]
    pending: list[ToolCall] = field(default_factory=list)
    escalated: bool = False
    model_calls: int = 0
    # Turns of the conversation that were not even read.
    older: int = 0
    calls: list[ToolCall] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Row:
    place: int
    turn_id: UUID | None
    author: str
    visibility: str
    content: list[dict[str, Any]]
    at: datetime
    calls: list[dict[str, Any]]
    older: int


def load_history(claim: Claim, *, turns: int) -> History:
    """One query. `turns` bounds what is read, so a long conversation costs no more than a short one."""
    with connection.cursor() as cursor:
        cursor.execute(
            HISTORY,
            {"session": claim.session_id, "seq": claim.seq, "turn": claim.turn_id, "turns": turns + 1},
        )
        rows = [read_row(row) for row in cursor.fetchall()]
    earlier, current = [], History(earlier=[], current=[])
    for place, group in groupby(rows, key=lambda row: row.place):
        members = list(group)
        if place == claim.seq or any(row.turn_id == claim.turn_id for row in members):
            add_current(current, claim, members)
        else:
            earlier.append(Exchange(messages=messages_of(members, ended=True), at=members[0].at))
    current.earlier = earlier
    current.older = rows[0].older if rows else 0
    return current


def read_row(row: Sequence[Any]) -> Row:
    content, calls = (json.loads(value) if isinstance(value, str) else value for value in (row[4], row[6]))
    return Row(
        place=row[0],
        turn_id=row[1],
        author=row[2],
        visibility=row[3],
        content=content,
        at=row[5],
        calls=calls or [],
        older=row[7],
    )


def add_current(history: History, claim: Claim, rows: list[Row]) -> None:
    history.current.extend(messages_of(rows, ended=False))
    for row in rows:
        if row.visibility == "step":
            history.model_calls += 1
            uses = {block["id"] for block in row.content if block["type"] == "tool_use"}
            history.escalated |= any(
                call["tool_name"] == ESCALATE and call["state"] == ToolCall.State.CONFIRMED for call in row.calls
            )
            asked = [(call, call_of(claim, call)) for call in row.calls if call["tool_use_id"] in uses]
            history.calls.extend(made for _, made in asked)
            history.pending.extend(made for call, made in asked if call["result"] is None)


def call_of(claim: Claim, row: dict[str, Any]) -> ToolCall:
    return ToolCall(
        id=UUID(row["id"]),
        session_id=claim.session_id,
        turn_id=claim.turn_id,
        tool_use_id=row["tool_use_id"],
        tool_name=row["tool_name"],
        effect=row["effect"],
        arguments=row["arguments"],
        digest=row["digest"],
        state=row["state"],
        attempts=row["attempts"],
        decision=row["decision"],
    )


def messages_of(rows: list[Row], *, ended: bool) -> list[dict[str, Any]]:
    """The rows of one exchange as messages: a step is followed by its tool results.

    The API takes no unanswered tool use, so one without a result in an exchange that has ended is given as unknown.
    """
    messages: list[dict[str, Any]] = []
    for row in rows:
        content = row.content
        if row.author == "customer":
            content = [unlike_ours(block) for block in content]
        if row.author == "person":
            content = [{"type": "text", "text": f"[A colleague answered:] {block['text']}"} for block in content]
        append_message(messages, "user" if row.author == "customer" else "assistant", content)
        uses = [block["id"] for block in row.content if block["type"] == "tool_use"]
        calls = {call["tool_use_id"]: call for call in row.calls}
        blocks = [
            tool_result(use, calls[use]["result"], state=calls[use]["state"])
            if calls[use]["result"] is not None
            else tool_result(use, LEFT_OPEN, state=ToolCall.State.UNKNOWN)
            for use in uses
            if ended or calls[use]["result"] is not None
        ]
        if blocks:
            append_message(messages, "user", blocks)
    return messages


def unlike_ours(block: dict[str, Any]) -> dict[str, Any]:
    """A customer cannot write what looks like recalled memories or documents."""
    return {**block, "text": without_fences(block["text"])} if block["type"] == "text" else block


def append_message(messages: list[dict[str, Any]], role: str, content: list[dict[str, Any]]) -> None:
    """The API wants the roles to take turns, so neighbours of one role become one message."""
    if messages and messages[-1]["role"] == role:
        messages[-1] = {"role": role, "content": [*messages[-1]["content"], *content]}
    else:
        messages.append({"role": role, "content": list(content)})


def tool_result(tool_use_id: str, result: Any, *, state: str) -> dict[str, Any]:
    block: dict[str, Any] = {
        "type": "tool_result",
        "tool_use_id": tool_use_id,
        # One text for one result, before and after it was stored: the prompt cache goes by bytes.
        "content": encode(result, sort_keys=True),
    }
    if state in {ToolCall.State.FAILED, ToolCall.State.UNKNOWN, ToolCall.State.REFUSED}:
        block["is_error"] = True
    return block
