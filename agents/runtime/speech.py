"""What of a reply may be read while it is written: whole sentences that have passed, with what is masked masked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from guardrails.checks import Taken, check_text
from guardrails.compiled import Guard
from guardrails.config import Action
from guardrails.evidence import Evidence
from guardrails.findings import Direction, Finding
from guardrails.own_data import is_own
from guardrails.pii import find_pii
from guardrails.second_tier import guard_judges, may_be_judged
from guardrails.stream import Redactor, Sentences

# Read in pieces of this size: a delta is a word or two, and each piece is searched with what came before it.
AT_ONCE = 80


class Speech:
    """Fed with the text of one model call as it comes. From the first sentence that does not pass nothing more is
    released: what becomes of it is decided when the whole reply is there."""

    def __init__(self, guard: Guard, evidence: Callable[[], Evidence]) -> None:
        self._guard = guard
        self._evidence_of = evidence
        self._redactor = Redactor(self._find)
        self._sentences = Sentences()
        self._come = ""
        self.released = ""
        self.is_held = may_be_judged(guard)

    def feed(self, text: str) -> str:
        self._come += text
        if self.is_held or len(self._come) < AT_ONCE:
            return ""
        come, self._come = self._come, ""
        return "".join(self._pass(sentence) for sentence in self._sentences.feed(self._redactor.feed(come)))

    def rest_of(self, text: str) -> str:
        """Of a text that has passed as a whole: what of it was not released yet."""
        return text[len(self.released) :] if text.startswith(self.released) else ""

    @cached_property
    def _evidence(self) -> Evidence:
        return self._evidence_of()

    @cached_property
    def _masked(self) -> frozenset[str]:
        entities = self._guard.ways[Direction.OUTPUT].entities
        return frozenset(name for name, side in entities.items() if side.action is Action.ANONYMIZE)

    def _find(self, text: str, before: str) -> list[Finding]:
        found = find_pii(text, self._masked, before=before)
        return [finding for finding in found if not is_own(finding, text, self._evidence.own)]

    def _pass(self, sentence: str) -> str:
        if self.is_held:
            return ""
        checked = check_text(self._guard, sentence, Direction.OUTPUT, evidence=self._evidence, before=self.released)
        if checked.taken is Taken.BLOCKED or (checked.doubts and guard_judges(self._guard)):
            self.is_held = True
            return ""
        self.released += sentence
        return sentence
