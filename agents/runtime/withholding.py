"""Words that are not kept as they were: a reply's blocks with its masked text, a message that no model may read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agents.turns import Claim
from observability.batch import Part, encode

WITHHELD = [{"type": "text", "text": "[This message of the customer was not shown to you.]"}]
# The customer's messages of this turn: its own, and those of turns that were merged into it.
WITHHOLD = """UPDATE agents_message AS m SET content = %s::jsonb FROM {fence}
  WHERE m.session_id = %s AND m.author = 'customer' AND m.seq <= %s AND m.seq > coalesce((
    SELECT max(t.seq) FROM agents_turn AS t WHERE t.session_id = m.session_id AND t.seq < %s AND t.status <> 'merged'
  ), 0)"""


def with_text(content: Sequence[dict[str, Any]], said: str, text: str) -> list[dict[str, Any]]:
    """The blocks with `text` where they said `said`: in place of their first text; "" leaves the texts out.

    Every other block stays where it was, so what belongs together stays together.
    """
    if text == said:
        return list(content)
    changed: list[dict[str, Any]] = []
    for block in content:
        if block["type"] != "text":
            changed.append(block)
        elif text:
            changed.append({"type": "text", "text": text})
            text = ""
    return changed


def withhold_message(claim: Claim, *, fence: str) -> Part:
    """From now on the model reads that something was withheld; people still read the message itself."""
    return Part(sql=WITHHOLD.format(fence=fence), params=(encode(WITHHELD), claim.session_id, claim.seq, claim.seq))
