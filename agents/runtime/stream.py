"""Releases a reply to its readers while it is written: whole sentences, a few times a second."""

from __future__ import annotations

import time

from agents.journal import Event, Lease, Written, write_turn
from agents.models import TurnEvent
from agents.runtime.speech import Speech
from observability.database import give_back_connection

# How often a reader gets more text: each release is a commit.
RELEASE_SECONDS = 0.25


class Releaser:
    """Takes the text of one model call as it comes, and lets out what has passed the guardrail."""

    def __init__(self, lease: Lease, speech: Speech, *, call: int, attempt: int) -> None:
        self._lease = lease
        self._speech = speech
        self._call = call
        self._attempt = attempt
        self._waiting = ""
        self._last_release = time.monotonic()
        # The last write, and what it found of who speaks and of stops; none until there was one.
        self.written: Written | None = None

    def take(self, text: str) -> None:
        self._waiting += self._speech.feed(text)
        if time.monotonic() - self._last_release < RELEASE_SECONDS:
            return
        if self._waiting.strip() and not self._is_over:
            released, self._waiting = self._waiting, ""
            self.written = write_turn(self._lease, spoken=[self._event(released)])
            give_back_connection()
            self._last_release = time.monotonic()

    @property
    def _is_over(self) -> bool:
        """Whether nothing more may be said: a person speaks by now, or the turn is stopped."""
        return self.written is not None and (self.written.controller != "agent" or self.written.stops.turn is not None)

    def rest(self, text: str) -> list[Event]:
        """What is not yet released of a text that has passed as a whole, for a write that happens anyway."""
        rest = self._waiting + self._speech.rest_of(text) if text else ""
        return [self._event(rest)] if rest.strip() else []

    def _event(self, text: str) -> Event:
        data = {"call": self._call, "attempt": self._attempt, "text": text}
        return Event(kind=TurnEvent.Kind.TEXT, data=data, turn_id=self._lease.turn_id)
