"""What the model and the shop do wrong, as the plan has it for each conversation."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

from tests.faults.plan import Conversation, ModelFault, Plan
from tests.faults.plan import Request as ShopRequest
from tests.faults.proxy import Answer, Exchange, Request

# The desk waits so long for one model call, and for one tool call.
MODEL_SECONDS = 6
TOOL_SECONDS = 1.5
BEYOND_SECONDS = 0.7
# What answers well takes this long: a turn is to last long enough to be hit.
MODEL_THINKS = (0.1, 0.7)
MODEL_GAP_SECONDS = 0.3
# Before its work and after it: a worker is to be killed in either half.
READ_TAKES = (0.01, 0.1)
WRITE_TAKES = (0.05, 0.5)
EMAIL = re.compile(r"\bc(\d{5})(?:@|%40)example\.com")
BY_KEY = "/refunds/by-key/"

STATUSES: dict[str, tuple[int, str, dict[str, str]]] = {
    "throttled": (429, "rate_limit_error", {"retry-after": "1"}),
    # Longer than anybody may be kept waiting.
    "throttled_long": (429, "rate_limit_error", {"retry-after": "600"}),
    "overloaded": (529, "overloaded_error", {}),
    "failing": (500, "api_error", {}),
}
PARTIAL_JSON = re.compile(rb'("type":"input_json_delta","partial_json":)"(?:[^"\\]|\\.)*"')
# Arguments that are no JSON, and in their place a call that the schema refuses.
GARBAGE = (rb'"{\"order_id\": [7, "', rb'"{\"order_id\": {\"$ne\": 1}, \"amount\": \"-1\"}"')


class Trouble:
    """Counts what was done wrong, by kind and by conversation."""

    def __init__(self, plan: Plan) -> None:
        self._seed = plan.seed
        self._conversations = {conversation.number: conversation for conversation in plan.conversations}
        self.kinds: Counter[str] = Counter()
        self.of_conversation: dict[int, list[str]] = {}

    def conversation_of(self, text: str) -> Conversation | None:
        found = EMAIL.search(text)
        return self._conversations.get(int(found[1])) if found else None

    def note(self, conversation: Conversation, service: str, kind: str, which: str) -> None:
        self.kinds[f"{service} {kind}"] += 1
        self.of_conversation.setdefault(conversation.number, []).append(f"{service} {which}: {kind}")

    def dice(self, conversation: Conversation | None, *place: object) -> random.Random:
        return random.Random(f"{self._seed} {conversation and conversation.number} {place}")


class ModelTrouble(Trouble):
    """In front of the model; the calls of a conversation are counted from 1, those that failed included."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._calls: Counter[int] = Counter()

    async def treat(self, exchange: Exchange) -> None:
        conversation = self.conversation_of(exchange.request.text)
        if conversation is None:
            await exchange.answer(await exchange.forward())
            return
        self._calls[conversation.number] += 1
        call = self._calls[conversation.number]
        dice = self.dice(conversation, "model", call)
        await asyncio.sleep(dice.uniform(*MODEL_THINKS))
        fault = conversation.model_faults.get(call)
        if fault is not None:
            self.note(conversation, "model", fault, f"call {call}")
        await self._answer(exchange, fault, dice)

    async def _answer(self, exchange: Exchange, fault: ModelFault | None, dice: random.Random) -> None:
        if fault in STATUSES:
            await exchange.answer(refusal(*STATUSES[fault]))
            return
        answer = await exchange.forward()
        match fault:
            case "cut":
                await exchange.answer_in_part(answer)
            case "stalled":
                await exchange.answer_in_part(answer, hold_seconds=MODEL_SECONDS + BEYOND_SECONDS)
            case "slow":
                await asyncio.sleep(MODEL_SECONDS + BEYOND_SECONDS)
                await exchange.answer(answer)
            case "cut_short":
                # Well-formed HTTP: only the events tell that the reply has no end.
                await exchange.answer(replace(answer, body=first_events(answer.body)))
            case "overloaded_later":
                await exchange.answer(replace(answer, body=first_events(answer.body) + OVERLOADED))
            case "garbage":
                await exchange.answer(replace(answer, body=with_garbage(answer.body, dice)))
            case _:
                await exchange.answer(answer, pieces=dice.randint(1, 3), gap_seconds=MODEL_GAP_SECONDS)


class ShopTrouble(Trouble):
    """In front of the shop; reads, writes and look-ups of a conversation are counted apart, each from 1."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self._counts: Counter[tuple[int, ShopRequest]] = Counter()
        self._by_key: dict[str, Conversation] = {}
        # When the first request of each key came, whatever became of it.
        self.arrived: dict[str, datetime] = {}

    async def treat(self, exchange: Exchange) -> None:
        request = exchange.request
        kind = kind_of(request)
        conversation = self._whose(request)
        if conversation is None:
            await exchange.answer(await exchange.forward())
            return
        self._counts[conversation.number, kind] += 1
        number = self._counts[conversation.number, kind]
        dice = self.dice(conversation, kind, number)
        fault = conversation.shop_faults.get((kind, number))
        if fault is not None:
            self.note(conversation, "shop", fault, f"{kind} {number}")
        takes = READ_TAKES if kind == "read" else WRITE_TAKES
        await asyncio.sleep(dice.uniform(*takes))
        await answer_as(fault, exchange, pause=dice.uniform(*takes))

    def _whose(self, request: Request) -> Conversation | None:
        """A look-up names only the key of the write that it asks about."""
        if request.path.startswith(BY_KEY):
            return self._by_key.get(request.path.removeprefix(BY_KEY))
        conversation = self.conversation_of(request.text)
        key = request.headers.get("idempotency-key")
        if key:
            self.arrived.setdefault(key, datetime.now(UTC))
        if key and conversation:
            self._by_key[key] = conversation
        return conversation


def kind_of(request: Request) -> ShopRequest:
    if request.path.startswith(BY_KEY):
        return "look_up"
    return "write" if request.method == "POST" else "read"


async def answer_as(fault: str | None, exchange: Exchange, *, pause: float) -> None:
    """`pause` seconds after the work comes the answer, where nothing is wrong."""
    match fault:
        case "failing":
            body = {"error": {"code": "unavailable", "message": "The shop is not available."}}
            await exchange.answer(Answer(status=503, body=json.dumps(body).encode()))
        case "slow":
            await asyncio.sleep(TOOL_SECONDS / 2)
            await exchange.answer(await exchange.forward())
        case "late":
            # It arrives when its sender has given it up, and the work is done then.
            await asyncio.sleep(TOOL_SECONDS + BEYOND_SECONDS)
            await exchange.answer(await exchange.forward())
        case "lost_late":
            answer = await exchange.forward()
            await asyncio.sleep(TOOL_SECONDS + BEYOND_SECONDS)
            await exchange.answer(answer)
        case "lost":
            await exchange.forward()
            exchange.hang_up()
        case "half":
            await exchange.answer_in_part(await exchange.forward())
        case "garbled":
            await exchange.forward()
            await exchange.answer(Answer(status=200, body=b"<h1>It works</h1>", content_type="text/html"))
        case _:
            answer = await exchange.forward()
            await asyncio.sleep(pause)
            await exchange.answer(answer)


# -- the model's bytes


def event(kind: str, **fields: object) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


OVERLOADED = event("error", error={"type": "overloaded_error", "message": "Overloaded"})


def refusal(status: int, kind: str, headers: dict[str, str]) -> Answer:
    body = {"type": "error", "error": {"type": kind, "message": "Not now."}, "request_id": "req_fault"}
    return Answer(status=status, body=json.dumps(body).encode(), headers=headers)


def first_events(stream: bytes) -> bytes:
    """The first half of the events, each of them whole."""
    events = [part + b"\n\n" for part in stream.split(b"\n\n") if part]
    return b"".join(events[: max(1, len(events) // 2)])


def with_garbage(stream: bytes, dice: random.Random) -> bytes:
    """The arguments of a tool call made useless; an answer without one stays as it is."""
    garbage = dice.choice(GARBAGE)
    count = 0

    def spoil(found: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        return found[1] + (garbage if count == 1 else b'""')

    return PARTIAL_JSON.sub(spoil, stream)
