"""How a request is made: a read as often as it takes, a write at most once, found out about where its answer is lost.

A write is sent under its idempotency key; where the answer is lost it is looked up before anything is repeated, and
what cannot be found out stays `unknown` and goes to a person. To a target that fails again and again nothing is sent
for a while, but for the look-up of a write that has left already.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

from observability.database import give_back_connection
from tools.breaker import Passage, admit, admit_look_up
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, ToolRefused
from tools.models import Tool
from tools.targets.base import Call
from tools.targets.registry import adapter_of

logger = logging.getLogger(__name__)
BACKOFF_SECONDS = 0.2
LOOKUP_ROUNDS = 2
NOT_FOUND = 404
Leave = Callable[[UUID], Passage]


class Attempts:
    """Counts the requests made for a call, and repeats those that may be repeated, with back-off and jitter."""

    def __init__(self, made: int) -> None:
        self.made = made

    def read(self, call: Call) -> Any:
        """A request that changes nothing. Raises as `Adapter.send` does, and `TargetUnavailable`."""
        return self.repeat(call, leave=admit, send=adapter_of(call.tool.target).send)

    def once(self, call: Call, *, passage: Passage, send: Callable[[Call], Any]) -> Any:
        self.made += 1
        return passage.watch(lambda: send(call), deadline=call.deadline)

    def repeat(self, call: Call, *, leave: Leave, send: Callable[[Call], Any]) -> Any:
        """`leave` is asked before each request; none begins after the deadline, nor is one waited for beyond it."""
        target_id = call.tool.target_id
        for attempt in range(call.tool.retries):
            try:
                return self.once(call, passage=leave(target_id), send=send)
            except (TargetUnreachable, OutcomeUnclear):
                jitter = 0.5 + random.random()  # noqa: S311  no secret
                if not wait(BACKOFF_SECONDS * 2**attempt * jitter, deadline=call.deadline):
                    raise
        return self.once(call, passage=leave(target_id), send=send)


def wait(seconds: float, *, deadline: float) -> bool:
    """Sleep, unless the deadline would pass meanwhile; whether there is time left afterwards."""
    if time.monotonic() + seconds >= deadline:
        return False
    time.sleep(seconds)
    return time.monotonic() < deadline


class Write:
    """One write, carried out at most once.

    `mark_sent` commits the ledger's `sent` before the request leaves. `check_still_allowed` raises `ToolRefused` where
    it may not be sent again by now.
    """

    def __init__(
        self,
        call: Call,
        attempts: Attempts,
        *,
        mark_sent: Callable[[], None],
        check_still_allowed: Callable[[], object],
    ) -> None:
        self.call = call
        self.attempts = attempts
        self.mark_sent = mark_sent
        self.check_still_allowed = check_still_allowed
        self.adapter = adapter_of(call.tool.target)
        self.target_id = call.tool.target_id
        self.has_key = call.tool.idempotency == Tool.Idempotency.KEY_HEADER

    def carry_out(self) -> Any:
        """The backend's answer. Raises as `Adapter.send` does, and `TargetUnavailable`."""
        passage = admit(self.target_id)
        self.mark_sent()
        give_back_connection()
        try:
            return self.send_to_reachable(passage)
        except OutcomeUnclear:
            return self.find_or_send_again()

    def send_to_reachable(self, passage: Passage) -> Any:
        """Sent once; where nothing reached the backend, once more."""
        try:
            return self.send(passage)
        except TargetUnreachable:
            if not wait(BACKOFF_SECONDS, deadline=self.call.deadline):
                raise
            return self.send(admit(self.target_id))

    def send(self, passage: Passage) -> Any:
        return self.attempts.once(self.call, passage=passage, send=self.adapter.send)

    def find_or_send_again(self) -> Any:
        """Look up what the earlier request did; send again only where nothing is found and the key protects it.

        The breaker holds neither back: the write has left, and what it did must be known. A look-up that is answered
        has shown that the target is there again; without a look-up, sending again under the same key is one.
        """
        for _ in range(LOOKUP_ROUNDS):
            # A look-up must not be cut short by the time that the lost answer took.
            fresh = time.monotonic() + self.call.tool.deadline_ms / 1000
            self.call = replace(self.call, deadline=max(self.call.deadline, fresh))
            found = self.look_up()
            if found is not None:
                return found
            self.check_may_go_again()
            try:
                return self.send(admit_look_up(self.target_id))
            except (OutcomeUnclear, TargetUnreachable) as error:
                logger.warning("tool %s: no answer to the repeated request: %s", self.call.tool.name, error)
        raise OutcomeUnclear("neither an answer nor a look-up settled it")

    def look_up(self) -> Any | None:
        """What the backend holds of this call, or None where it says that there is nothing.

        Without a look-up, a backend that takes keys is asked by sending the same request under the same key.
        """
        if not self.call.tool.lookup:
            if self.has_key:
                return None
            raise OutcomeUnclear("this backend takes no idempotency key, so nothing may be repeated")
        try:
            return self.attempts.repeat(self.call, leave=admit_look_up, send=self.adapter.send_look_up)
        except (TargetUnreachable, ToolRefused) as error:
            raise OutcomeUnclear(f"the look-up failed: {error}") from error
        except ToolFailed as error:
            if error.status != NOT_FOUND:
                raise OutcomeUnclear(f"the look-up failed: {error}") from error
            return None

    def check_may_go_again(self) -> None:
        """A tool that was switched off meanwhile is asked what it did, and never made to do it; nor is a backend
        without keys, which may be at work on the first request still."""
        if not self.has_key:
            raise OutcomeUnclear("the look-up found nothing, and without a key the request may not be repeated")
        try:
            self.check_still_allowed()
        except ToolRefused as error:
            raise OutcomeUnclear(f"it may not be sent again: {error}") from error
