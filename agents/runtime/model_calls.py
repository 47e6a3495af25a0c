"""The model calls of one turn: what they may cost, which model answers, repeats, and the record of each."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from agents.budgets import CheaperModel, InForce, SetAside, set_aside
from agents.errors import ModelFailed, UnknownModel
from agents.journal import Event
from agents.llm.base import Reply, Request
from agents.llm.failures import billed_tokens
from agents.llm.registry import get_adapter
from agents.model_directory import Resolved, resolve
from agents.models import AgentVersion, BudgetStep, LanguageModel
from agents.runtime.guarding import Guarding
from agents.runtime.limits import Limits
from agents.runtime.speech import Speech
from agents.runtime.stream import Releaser
from agents.turns import Claim
from agents.usage import Reserved, worst_case
from guardrails.evidence import Evidence
from observability.batch import Part, encode
from observability.database import give_back_connection
from observability.prices import price_list
from observability.tracing import Recorder

logger = logging.getLogger(__name__)
MODEL_RETRIES = 2
LONGEST_RETRY_WAIT_SECONDS = 5.0


class ModelCalls:
    def __init__(
        self, claim: Claim, version: AgentVersion, recorder: Recorder, limits: Limits, guarding: Guarding
    ) -> None:
        self._claim = claim
        self._guarding = guarding
        self._version = version
        self._recorder = recorder
        self._limits = limits
        self._names = [name for name in (version.model, version.fallback_model) if name]
        self._money = SetAside()
        self._may_switch = True
        self._because: dict[str, Any] = {}
        self._attempts = 0
        self._place = 0
        self._evidence: Callable[[], Evidence] = Evidence

    def call(
        self, request: Request, *, record: dict[str, Any], evidence: Callable[[], Evidence], replaces: bool
    ) -> tuple[Reply, Releaser]:
        """One reply to `request` (its model is chosen here), by the fall-back model where the first one cannot.

        Raises `ModelFailed` and `LimitReached`. `record` goes into the span of the call that succeeds; `evidence` is
        what its sentences may rest on. Where it `replaces` the last one, what a reader has seen of that one goes.
        """
        self._evidence = evidence
        self._place = self._place if replaces else self._limits.model_calls + 1
        while True:
            try:
                return self._call_one(self._names[0], request, record={**record, **self._because})
            except CheaperModel as asked:
                self._switch(asked.step)
            except ModelFailed as error:
                if not error.retryable or len(self._names) == 1:
                    raise
                # For the rest of the turn: two models that take turns would each find a half-read prompt cache.
                failed = self._names.pop(0)
                logger.warning("turn %s: %s falls back to %s", self._claim.turn_id, failed, self._names[0])
                record = {**record, "fallbackFor": failed, "fallbackReason": error.kind}

    @property
    def drafts(self) -> InForce | None:
        """The step of a budget by which the last call wrote a draft, and no reply."""
        return self._money.step(BudgetStep.Action.DRAFTS)

    def settle_parts(self, *, fence: str) -> list[Part]:
        """For the turn's next write: what the last call cost takes the place of what was set aside for it."""
        parts = self._money.reserved.settle_parts(fence=fence)
        self._money = replace(self._money, reserved=Reserved())
        return parts

    def _switch(self, step: InForce) -> None:
        """A budget's cheaper model answers for the rest of the turn; without one that may be asked, the same does."""
        self._may_switch = False
        self._limits.take_back_model_call()
        dearer, cheaper = self._names[0], step.model or self._version.fallback_model
        if not cheaper or cheaper == dearer:
            return
        try:
            resolve(cheaper)
        except UnknownModel as error:
            logger.warning("turn %s: no cheaper model for the budget: %s", self._claim.turn_id, error)
            return
        self._names = list(dict.fromkeys([cheaper, *self._names[1:]]))
        self._because = {"because": "budget", "budget": step.words, "insteadOf": dearer}

    def _call_one(self, name: str, request: Request, *, record: dict[str, Any]) -> tuple[Reply, Releaser]:
        """The call, made again where that may help."""
        model = find_model(name)
        tokens, usd = worst_case(model.model.key, bytes_of(request), request.max_tokens)
        self._limits.admit_model_call(tokens=tokens, usd=usd)
        for attempt in range(MODEL_RETRIES + 1):
            self._set_aside(tokens, usd)
            try:
                return self._attempt(model, request, record=record)
            except ModelFailed as error:
                if not error.retryable or attempt == MODEL_RETRIES:
                    raise
                wait_before_retry(attempt, error)
        raise AssertionError("the last attempt returns or raises")

    def _set_aside(self, tokens: int, usd: Decimal) -> None:
        self._money = set_aside(
            self._claim,
            tokens=tokens,
            usd=usd,
            former=self._money.reserved,
            is_new_turn=self._limits.model_calls == 1,
            may_switch=self._may_switch,
        )

    def _attempt(self, model: Resolved, request: Request, *, record: dict[str, Any]) -> tuple[Reply, Releaser]:
        self._attempts += 1
        releaser = (Withheld if self.drafts else Releaser)(
            self._claim.lease,
            Speech(self._guarding.guard, self._evidence),
            call=self._place,
            attempt=self._claim.attempt * 2 * (MODEL_RETRIES + 1) + self._attempts,
        )
        started_at = timezone.now()
        give_back_connection()
        given = replace(
            request,
            model=model.model.provider_model,
            deadline=min(self._limits.deadline, time.monotonic() + settings.LLM_CALL_SECONDS),
            tools=request.tools if model.model.calls_tools else (),
            max_tokens=min(request.max_tokens, model.model.max_output_tokens),
            streams_tools=model.model.streams_tools,
            caches_prompts=model.model.caches_prompts,
        )
        try:
            reply = get_adapter(model.model).call(given, releaser.take)
        except ModelFailed as error:
            self._record_failure(model, error, started_at=started_at)
            raise
        cost = self._recorder.model_call(
            priced_name(model.model, reply),
            started_at=started_at,
            tokens=reply.tokens,
            attributes={**record, **describe(model, reply, self._guarding.without_guarded(reply.content))},
        )
        self._limits.spend(tokens=reply.tokens.total, usd=cost)
        self._money.reserved.came_to(tokens=reply.tokens.total, usd=cost)
        return reply, releaser

    def _record_failure(self, model: Resolved, error: ModelFailed, *, started_at: Any) -> None:
        logger.warning("turn %s: model call failed (%s): %s", self._claim.turn_id, error.kind, error)
        tokens = billed_tokens(error)
        cost = self._recorder.model_call(
            model.model.key,
            started_at=started_at,
            tokens=tokens,
            attributes={"kind": error.kind, "status": error.status, "requestId": error.request_id},
            error=str(error),
        )
        self._limits.spend(tokens=tokens.total, usd=cost)
        self._money.reserved.failed(error, tokens=tokens, usd=cost)


class Withheld(Releaser):
    """Of what becomes a draft the customer reads nothing."""

    def take(self, text: str) -> None:
        pass

    def rest(self, text: str) -> list[Event]:
        return []


def find_model(name: str) -> Resolved:
    try:
        return resolve(name)
    except UnknownModel as error:
        # As good as a model that cannot be reached: the fall-back may still answer.
        raise ModelFailed("unknown_model", str(error), retryable=True) from error


def bytes_of(request: Request) -> int:
    return sum(len(text.encode()) for text in (request.system, encode(request.messages), encode(request.tools)))


def priced_name(model: LanguageModel, reply: Reply) -> str:
    """The key under which the call is priced. Anthropic's API may answer with another model than was asked for (the
    scripted one does), or with a dated name of the same."""
    is_known = model.provider == LanguageModel.Provider.ANTHROPIC and price_list.get(reply.model) is not None
    return reply.model if is_known else model.key


def describe(model: Resolved, reply: Reply, output: list[dict[str, Any]]) -> dict[str, Any]:
    found = {
        "requestedModel": model.model.key,
        "modelWarning": model.warning or None,
        "output": output,
        "stopReason": reply.stop_reason,
        "firstTokenMs": reply.first_token_ms,
        "tokensEstimated": reply.are_tokens_estimated or None,
        "requestId": reply.request_id,
    }
    return {name: value for name, value in found.items() if value is not None}


def wait_before_retry(attempt: int, error: ModelFailed) -> None:
    """Back-off with jitter; a server's `retry-after` is heeded up to a cap."""
    wished = error.retry_after if error.retry_after is not None else 0.5 * 2**attempt
    time.sleep(min(wished, LONGEST_RETRY_WAIT_SECONDS) * (0.5 + random.random() / 2))  # noqa: S311  jitter
