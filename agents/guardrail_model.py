"""Asking a language model for a guardrail, in a turn that runs: what it costs is the turn's, and under its limits."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from agents.errors import LimitReached, ModelFailed, UnknownModel
from agents.llm.base import Reply, Request
from agents.llm.failures import billed_tokens
from agents.llm.registry import get_adapter
from agents.memory_model import execute_part
from agents.model_directory import resolve
from agents.models import LanguageModel, Stop
from agents.runtime.limits import Limits
from agents.turns import Claim
from agents.usage import Reserved, reserve, worst_case
from guardrails.judge import Answer
from observability.batch import encode
from observability.database import give_back_connection
from observability.ids import uuid7
from observability.tracing import Recorder

logger = logging.getLogger(__name__)
MAX_TOKENS = 1500
# Names of the field that forces a tool, in the words of who refuses it.
FORCING = ("tool_choice", "toolchoice")
# Models that take no forced tool, learnt from their refusals, once a process.
not_forced: set[str] = set()


@dataclass(kw_only=True)
class ModelAsk:
    """One turn's way to the judging model, `guardrails.judge.Ask`.

    None where there is none to ask (it is the scripted one, it has no key, it calls no tools, a stop stands, a limit
    is reached) or where it fails: the guardrail's version says what holds then.
    """

    name: str
    claim: Claim
    recorder: Recorder
    limits: Limits

    def ask(self, system: str, message: str, tool: dict[str, Any], seconds: float) -> Answer | None:
        model = self._find_model()
        if model is None:
            return None
        request = Request(
            model=model.provider_model,
            system=system,
            messages=[{"role": "user", "content": [{"type": "text", "text": message}]}],
            tools=[tool],
            must_use="" if model.key in not_forced else tool["name"],
            max_tokens=min(MAX_TOKENS, model.max_output_tokens),
            deadline=min(self.limits.deadline, time.monotonic() + seconds),
            streams_tools=model.streams_tools,
        )
        reply = self._call(model, request)
        if reply is None:
            return None
        calls = [use["input"] for use in reply.tool_uses if use["name"] == tool["name"]]
        return Answer(calls=calls, is_refusal=reply.stop_reason == "refusal")

    def _find_model(self) -> LanguageModel | None:
        try:
            model = resolve(self.name).model
        except UnknownModel as error:
            logger.warning("turn %s: the judge cannot be asked: %s", self.claim.turn_id, error)
            return None
        own_key = settings.ANTHROPIC_API_KEY or model.key_variable
        is_scripted = model.provider == LanguageModel.Provider.ANTHROPIC and not own_key
        return None if is_scripted or not model.calls_tools or self._is_stopped() else model

    def _is_stopped(self) -> bool:
        claim = self.claim
        subjects = [str(claim.agent_id), str(claim.session_id), str(claim.turn_id)]
        narrow = [Stop.Scope.AGENT, Stop.Scope.SESSION, Stop.Scope.TURN]
        stands = Q(scope=Stop.Scope.ALL) | Q(scope__in=narrow, subject__in=subjects)
        return Stop.objects.filter(stands, lifted_at=None).exists()

    def _call(self, model: LanguageModel, request: Request) -> Reply | None:
        # What is set aside is not the turn's own: its next model call would take that for spent.
        call_id = uuid7()
        reserved = self._set_aside(call_id, model, request)
        if reserved is None:
            return None
        started_at = timezone.now()
        try:
            give_back_connection()
            reply = send(model, request)
        except ModelFailed as error:
            self._record_failure(model, error, started_at, reserved)
            return None
        else:
            cost = self.recorder.judge_call(
                model.key, started_at=started_at, tokens=reply.tokens, attributes=describe(reply)
            )
            reserved.came_to(tokens=reply.tokens.total, usd=cost)
            self.limits.spend(tokens=reply.tokens.total, usd=cost)
            return reply
        finally:
            settle(call_id, reserved)

    def _record_failure(
        self, model: LanguageModel, error: ModelFailed, started_at: datetime, reserved: Reserved
    ) -> None:
        logger.warning("turn %s: the judge failed (%s): %s", self.claim.turn_id, error.kind, error)
        tokens = billed_tokens(error)
        failure = {"kind": error.kind, "status": error.status, "requestId": error.request_id}
        cost = self.recorder.judge_call(
            model.key, started_at=started_at, tokens=tokens, attributes=failure, error=str(error)
        )
        reserved.failed(error, tokens=tokens, usd=cost)
        self.limits.spend(tokens=tokens.total, usd=cost)

    def _set_aside(self, call_id: UUID, model: LanguageModel, request: Request) -> Reserved | None:
        size = sum(len(part.encode()) for part in (request.system, encode(request.messages), encode(request.tools)))
        tokens, usd = worst_case(model.key, size, request.max_tokens)
        claim, limits, version = self.claim, self.limits, self.limits.version
        if limits.tokens + tokens > version.max_tokens or limits.usd + usd > version.max_usd:
            logger.warning("turn %s: the judge is not asked, it could pass the turn's limit", claim.turn_id)
            return None
        try:
            return reserve(
                turn_id=call_id,
                agent_id=claim.agent_id,
                customer_id=claim.customer_id,
                session_id=claim.session_id,
                tokens=tokens,
                usd=usd,
            )
        except LimitReached as error:
            logger.warning("turn %s: the judge is not asked: %s", claim.turn_id, error)
            return None


def send(model: LanguageModel, request: Request) -> Reply:
    """Made again at once, within its deadline, where the model takes no forced tool."""
    adapter = get_adapter(model)
    try:
        return adapter.call(request, lambda _: None)
    except ModelFailed as error:
        is_refused = error.kind == "rejected" and any(name in str(error).lower() for name in FORCING)
        if not request.must_use or not is_refused:
            raise
        not_forced.add(model.key)
        return adapter.call(replace(request, must_use=""), lambda _: None)


def describe(reply: Reply) -> dict[str, Any]:
    found = {
        "output": reply.content,
        "stopReason": reply.stop_reason,
        "tokensEstimated": reply.are_tokens_estimated or None,
        "requestId": reply.request_id,
    }
    return {name: value for name, value in found.items() if value is not None}


def settle(call_id: UUID, reserved: Reserved) -> None:
    for part in reserved.settle_parts(fence="turn"):
        execute_part(part, call_id)
