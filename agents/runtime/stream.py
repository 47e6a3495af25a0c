"""Releases a reply to its readers while it is written: whole sentences, a few times a second."""

from __future__ import annotations

import re
import time

from agents.journal import Event, Lease, Written, write_turn
from agents.models import TurnEvent
from observability.database import give_back_connection

# How often a reader gets more text: each release is a commit.
RELEASE_SECONDS = 0.25
SENTENCE_END = re.compile(r"[.!?:…][\"')\]]*\s|\n")


class Releaser:
    """Takes the text of one model call as it comes. `said` is all of it, `unreleased` what no event holds yet."""

    def __init__(self, lease: Lease, *, call: int, attempt: int) -> None:
        self._lease = lease
        self._call = call
        self._attempt = attempt
        self._waiting = ""
        self._last_release = time.monotonic()
        # The last write, and what it found of who speaks and of stops; none until there was one.
        self.written: Written | None = None

    def take(self, text: str) -> None:
        self._waiting += text
        if time.monotonic() - self._last_release < RELEASE_SECONDS:
            return
        ends = [match.end() for match in SENTENCE_END.finditer(self._waiting)]
        if ends and not self._is_over:
            released, self._waiting = self._waiting[: ends[-1]], self._waiting[ends[-1] :]
            self.written = write_turn(self._lease, spoken=[self._event(released)])
            give_back_connection()
            self._last_release = time.monotonic()

    @property
    def _is_over(self) -> bool:
        """Whether nothing more may be said: a person speaks by now, or the turn is stopped."""
        return self.written is not None and (self.written.controller != "agent" or self.written.stops.turn is not None)

    def rest(self) -> list[Event]:
        """The text not yet released, for a write that happens anyway."""
        return [self._event(self._waiting)] if self._waiting.strip() else []

    def _event(self, text: str) -> Event:
        data = {"call": self._call, "attempt": self._attempt, "text": text}
        return Event(kind=TurnEvent.Kind.TEXT, data=data, turn_id=self._lease.turn_id)
