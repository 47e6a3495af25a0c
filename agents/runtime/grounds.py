"""What a reply may rest on, read out of what the model was given: nothing else can bear it out."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.utils import timezone

from agents.turns import Claim
from guardrails.evidence import Deed, Evidence, Source
from memory import recall
from tools.catalog import catalog
from tools.models import ToolCall

Message = Mapping[str, Any]
# What a failed result says of itself (`tools/gateway.py`, `tools/ledger.py`).
UNKNOWN_CODES = frozenset({"outcome_unknown"})
REFUSED_CODES = frozenset({"not_permitted", "rejected_by_person", "approval_expired", "approval_cancelled", "not_made"})


def grounds_of(
    claim: Claim,
    messages: Sequence[Message],
    *,
    system: str,
    recalled: recall.Evidence | None,
    query: str,
    asked_for: Sequence[Mapping[str, Any]] = (),
) -> Evidence:
    """`asked_for` are the tool uses of the reply itself: what is begun with these words."""
    deeds = [*deeds_of(messages), *(deed(use, None) for use in asked_for)]
    sources = [Source(kind="instructions", place="the agent's instructions", value=system), *sources_of(messages)]
    sources += recalled_sources(recalled) if recalled else []
    return Evidence(
        sources=tuple(sources),
        deeds=tuple(deeds),
        today=timezone.now().date(),
        query=query,
        own=tuple(own_texts(claim, sources)),
    )


def sources_of(messages: Sequence[Message]) -> Iterator[Source]:
    names = {block["id"]: block["name"] for block in blocks_of(messages, "tool_use")}
    for message in messages:
        for block in message["content"]:
            if block["type"] == "text":
                is_customer = message["role"] == "user"
                place = "the customer" if is_customer else "what was said before"
                yield Source(kind="customer" if is_customer else "said", place=place, value=block["text"])
            elif block["type"] == "tool_result" and not block.get("is_error"):
                yield Source(
                    kind="result", place=names.get(block["tool_use_id"], "a tool"), value=value_of(block["content"])
                )


def recalled_sources(recalled: recall.Evidence) -> Iterator[Source]:
    for passage in recalled.passages:
        yield Source(kind="document", place=f"{passage.title}, version {passage.number}", value=passage.text)
    for memory in recalled.memories:
        yield Source(kind="memory", place="what is remembered of the customer", value=memory.text)
    if recalled.summary:
        yield Source(kind="said", place="earlier in this conversation", value=recalled.summary)


def deeds_of(messages: Sequence[Message]) -> Iterator[Deed]:
    results = {block["tool_use_id"]: block for block in blocks_of(messages, "tool_result")}
    for use in blocks_of(messages, "tool_use"):
        yield deed(use, results.get(use["id"]))


def deed(use: Mapping[str, Any], result: Mapping[str, Any] | None) -> Deed:
    tool = catalog.find(use["name"])
    state = state_of(result)
    return Deed(
        tool=tool.name if tool else use["name"],
        state=state,
        effect=tool.effect if tool else "",
        arguments=use["input"],
        result=value_of(result["content"]) if result and state == ToolCall.State.CONFIRMED else None,
    )


def state_of(result: Mapping[str, Any] | None) -> str:
    if result is None:
        return ToolCall.State.RESERVED
    if not result.get("is_error"):
        return ToolCall.State.CONFIRMED
    value = value_of(result["content"])
    error = value.get("error") if isinstance(value, dict) else None
    code = error.get("code") if isinstance(error, dict) else ""
    if code in UNKNOWN_CODES:
        return ToolCall.State.UNKNOWN
    return ToolCall.State.REFUSED if code in REFUSED_CODES else ToolCall.State.FAILED


def blocks_of(messages: Sequence[Message], kind: str) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        yield from (block for block in message["content"] if block["type"] == kind)


def value_of(content: str) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content


def own_texts(claim: Claim, sources: Sequence[Source]) -> Iterator[str]:
    """What the customer wrote, what a verified one's own things say, and what the shop publishes of itself."""
    if claim.is_verified:
        yield claim.customer_email
    for source in sources:
        if source.kind in {"customer", "instructions", "document"} and isinstance(source.value, str):
            yield source.value
        elif source.kind == "result" and claim.is_verified and is_owned(source.place):
            yield json.dumps(source.value, ensure_ascii=False)


def is_owned(name: str) -> bool:
    """Whether the gateway shows only the customer's own things of this tool's results."""
    tool = catalog.find(name)
    return bool(tool and tool.owners)
