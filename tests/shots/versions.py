"""Agents with a history: several versions of one, a second that is paused, a third that was never published."""

from __future__ import annotations

from django.contrib.auth.models import User

from agents.configure import create_agent, set_status
from agents.demo import AGENT_SLUG, INSTRUCTIONS
from agents.models import Agent
from agents.versions import draft_version, publish_version

SECOND = INSTRUCTIONS.replace(
    "Be brief, warm and exact.", "Be brief, warm and exact. Answer in the customer's language."
)
THIRD = SECOND.replace(
    "- When a tool fails or its outcome is unknown, do not guess: hand over.",
    "- When a tool fails or its outcome is unknown, do not guess: hand over, and say what you tried.",
)
DRAFT = THIRD.replace("within 30 days of delivery", "within 45 days of delivery").replace(
    "Outside the 30 days a refund", "Outside the 45 days a refund"
)


def publish_some(user: User) -> None:
    """Versions 2 and 3 of the demo's agent; what is filled in afterwards runs on the third."""
    agent = Agent.objects.get(slug=AGENT_SLUG)
    for instructions, tool_calls, note in (
        (SECOND, 12, "Answers in the customer's language"),
        (THIRD, 10, "Says what it tried before it hands over"),
    ):
        draft = draft_version(agent)
        draft.instructions, draft.max_tool_calls = instructions, tool_calls
        draft.save()
        publish_version(agent, user=user, note=note)
        agent.refresh_from_db()
    shop = create_agent(
        name="Order desk", slug="order-desk", description="Only says where an order is; refunds nothing.", like=agent
    )
    draft = draft_version(shop)
    draft.tools = ["get_order", "escalate_to_human"]
    draft.save()
    publish_version(shop, user=user, note="Reads only")
    set_status(shop, Agent.Status.PAUSED, user=None)
    create_agent(name="Returns", slug="returns", description="Returns and exchanges of the outlet.", like=agent)


def leave_a_draft() -> None:
    """A draft that differs from the live version in words, a number and the tools."""
    draft = draft_version(Agent.objects.get(slug=AGENT_SLUG))
    draft.instructions = DRAFT
    draft.max_model_calls = 6
    draft.tools = [name for name in draft.tools if name != "cancel_order"]
    draft.save()
