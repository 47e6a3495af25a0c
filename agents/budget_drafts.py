"""Drafts: replies that an agent wrote and, as a budget wants it, a person sends. A draft is a note of the agent.

The customer sees no note, and no model is given one. What became of a draft stands in its message.
"""

from __future__ import annotations

from typing import Any

from django.db.models import TextChoices
from django.utils import timezone

from agents.budgets import InForce
from agents.models import Message
from guardrails.markup import render_markdown
from observability.batch import Part

# A person has answered instead: what is open is not offered for sending any more.
LEAVE_UNSENT = """UPDATE agents_message AS m
    SET content = jsonb_set(m.content, '{0,draft}', (m.content #> '{0,draft}') || jsonb_build_object(
        'state', 'answered', 'by', %s::text, 'at', %s::text))
    FROM session WHERE m.session_id = session.id AND m.author = 'agent' AND m.visibility = 'note'
        AND m.content #>> '{0,draft,state}' = 'open'"""


class State(TextChoices):
    OPEN = "open", "Draft, not sent"
    SENT = "sent", "Draft, sent"
    CHANGED = "changed", "Draft, changed and sent"
    DISCARDED = "discarded", "Draft, discarded"
    ANSWERED = "answered", "Draft, not sent: answered"


def content_of_draft(text: str, step: InForce) -> list[dict[str, Any]]:
    return [{"type": "text", "text": text, "draft": {"state": State.OPEN, "budget": step.words}}]


def summary_of_draft(step: InForce) -> str:
    """For the person who gets the conversation."""
    return (
        f"The agent only drafts: {step.words} is spent. Its reply was not sent; it stands in the conversation, to be "
        "sent, changed or discarded."
    )


def is_draft(message: Message) -> bool:
    return message.author == Message.Author.AGENT and message.visibility == Message.Visibility.NOTE


def state_of(message: Message) -> State:
    return State(message.content[0]["draft"]["state"])


def entry_fields(message: Message) -> dict[str, Any]:
    """For the entry of the thread, beside those of every entry; `kind` is past-draft once it is decided on."""
    draft = message.content[0]["draft"]
    state = State(draft["state"])
    who = f" by {draft['by']}" if draft.get("by") else ""
    return {
        "kind": "draft" if state is State.OPEN else "past-draft",
        "label": f"{state.label}{who}",
        "html": render_markdown(message.text),
        "turn_id": message.turn_id,
    }


def decide(message: Message, state: State, *, by: str) -> None:
    """Within the transaction that holds the session's row."""
    block = message.content[0]
    decided = {**block["draft"], "state": state, "by": by, "at": timezone.now().isoformat()}
    message.content = [{**block, "draft": decided}]
    message.save(update_fields=["content"])


def leave_unsent(*, by: str) -> Part:
    """For a write of `session` in which a person answers the customer."""
    return Part(sql=LEAVE_UNSENT, params=(by, timezone.now().isoformat()))
