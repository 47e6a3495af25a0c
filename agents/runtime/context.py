"""Builds what the model is given: instructions, facts of this conversation, the window of history, permitted tools."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from agents.llm.base import Request
from agents.models import AgentVersion
from agents.runtime.history import append_message
from agents.turns import Claim
from memory.window import Exchange, fit
from tools.gateway import Caller, list_tools


def opening_messages(version: AgentVersion, earlier: list[Exchange]) -> tuple[list[dict[str, Any]], int]:
    """The messages of the exchanges that fit the version's window, and how many exchanges were left out."""
    window = fit(
        earlier,
        exchanges=version.window_exchanges,
        tokens=version.window_tokens,
        hours=version.window_hours,
        now=timezone.now(),
    )
    messages: list[dict[str, Any]] = []
    for exchange in window.kept:
        for message in exchange.messages:
            append_message(messages, message["role"], message["content"])
    return from_the_customer_on(messages), window.dropped


def from_the_customer_on(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A conversation opens with the customer: what a person or the agent said before cannot stand first, nor can the
    results of its tools. A turn that was handed back begins with the agent."""
    for place, message in enumerate(messages):
        if message["role"] == "user":
            said = [block for block in message["content"] if block["type"] != "tool_result"]
            if said:
                return [{**message, "content": said}, *messages[place + 1 :]]
    return []


def system_text(version: AgentVersion, claim: Claim) -> str:
    """The instructions and, last so that what comes before stays in the prompt cache, the facts of the conversation."""
    known = f"verified as {claim.customer_email}" if claim.is_verified else "not verified"
    facts = [f"Today is {timezone.now():%A, %d %B %Y}.", f"The customer is {known}."]
    if claim.customer_name and claim.is_verified:
        facts.append(f"Their name, as they gave it, is {single_line(claim.customer_name)!r}.")
    return f"{version.instructions.strip()}\n\n## This conversation\n" + "\n".join(facts)


def single_line(text: str) -> str:
    return " ".join(text.split())[:80]


def build_request(
    version: AgentVersion,
    system: str,
    messages: list[dict[str, Any]],
    deadline: float,
    caller: Caller,
) -> Request:
    """Model and deadline are those of the turn; each call has its own."""
    return Request(
        model=version.model,
        system=system,
        messages=messages,
        tools=list_tools(caller),
        max_tokens=version.max_output_tokens,
        deadline=deadline,
    )
