"""The judge: puts the question of a version's rules to whoever can ask a model, and keeps what was answered."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from guardrails.compiled import Guard
from guardrails.findings import Confidence, Context, Finding, Policy, Tier
from guardrails.judge.prompt import NoVerdict, message_of, read_answer, system_of, tool_of
from guardrails.judge.question import Category, Question, question_of, question_of_result
from guardrails.pii import find_pii, find_secrets, mask

MOST_KEPT = 500
# Of the whole request; no text is cut, for what was cut off would count as read.
MOST_CHARACTERS = 120_000
REFUSED = "The judging model refused to read the text, which counts as harmful."
# Where the model refuses, the one that stands for all: what it most likely refused for, before what it answers anyway.
LIKELIEST = ("MISCONDUCT", "VIOLENCE", "SEXUAL", "HATE", "PROMPT_ATTACK", "INSULTS")


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What a model made of it: the arguments of each call of the tool, or that it refused to read the text."""

    calls: Sequence[Any] = ()
    is_refusal: bool = False


class Ask(Protocol):
    """A way to a model. None where none was asked or none answered in `seconds`; it raises nothing."""

    def ask(self, system: str, message: str, tool: dict[str, Any], seconds: float) -> Answer | None: ...


class Verdicts:
    """The last answers that could be read, by a digest of all that was asked: no text is kept."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._answers: OrderedDict[bytes, Answer] = OrderedDict()
        self._most = most
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Answer | None:
        with self._lock:
            found = self._answers.get(key)
            if found is not None:
                self._answers.move_to_end(key)
            return found

    def keep(self, key: bytes, answer: Answer) -> None:
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)

    def forget(self) -> None:
        with self._lock:
            self._answers.clear()


verdicts = Verdicts()


class Judge:
    """A detector of the second tier, for one version. What is guarded does not reach the model: it reads `{EMAIL}`."""

    def __init__(self, guard: Guard, ask: Ask, kept: Verdicts = verdicts) -> None:
        self._guard = guard
        self._ask = ask
        self._kept = kept

    @property
    def is_fail_closed(self) -> bool:
        return self._guard.config.judge.is_fail_closed

    def check(self, text: str, context: Context) -> list[Finding]:
        """By the rules of the direction; by those of grounding where the context has what they need.

        Raises `NoVerdict`.
        """
        sources = tuple(self._masked(source) for source in context.sources)
        masked = replace(context, query=self._masked(context.query), sources=sources)
        return self._judge(question_of(self._guard.config, masked), text)

    def check_result(self, text: str) -> list[Finding]:
        """A tool's result: whether it speaks to the agent. Raises `NoVerdict`."""
        return self._judge(question_of_result(self._guard.config), text)

    def _judge(self, question: Question | None, text: str) -> list[Finding]:
        if question is None or not text.strip():
            return []
        system, message = system_of(question), message_of(question, self._masked(text))
        if len(system) + len(message) > MOST_CHARACTERS:
            raise NoVerdict("the text is too long to be judged")
        config = self._guard.config.judge
        key = digest_of(config.model, system, message)
        known = self._kept.get(key)
        answer = known or self._ask.ask(system, message, tool_of(question), config.seconds)
        if answer is None:
            raise NoVerdict("it could not be asked, or did not answer in time")
        found = [refused(question)] if answer.is_refusal else read_answer(question, answer.calls, text)
        if known is None:
            self._kept.keep(key, answer)
        return found

    def _masked(self, text: str) -> str:
        guarded = self._guard.guarded
        return mask(text, [*find_pii(text, guarded), *find_secrets(text)]) if text else text


def refused(question: Question) -> Finding:
    """Raises `NoVerdict` where nothing was asked that a refusal says anything of."""
    category = likeliest([category for category in question.categories if category.threshold is None])
    if category is None:
        raise NoVerdict("it refused to read the text")
    return Finding(policy=category.policy, type=category.type, confidence=Confidence.HIGH, why=REFUSED, tier=Tier.JUDGE)


def likeliest(categories: Sequence[Category]) -> Category | None:
    """Of the rules that act, if any does: a refusal that lands in a rule in shadow would stop nothing."""
    order = {name: place for place, name in enumerate(LIKELIEST)}
    return min(
        categories,
        key=lambda one: (not one.acts, one.policy is not Policy.CONTENT, order.get(one.type, len(order))),
        default=None,
    )


def digest_of(*parts: str) -> bytes:
    digest = hashlib.sha256()
    for part in parts:
        given = part.encode("utf-8", "surrogatepass")
        digest.update(len(given).to_bytes(8, "big") + given)
    return digest.digest()
