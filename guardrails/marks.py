"""Where in a conversation something was seen: a badge at the message or the tool call, leading to the violation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from guardrails.models import Violation
from guardrails.violation_words import ACTIONS, TRIAGES, Action, Look, Triage, in_a_sentence, kind_of_rule
from guardrails.violations import of_session

# At one message; the list of its violations has the others.
MOST_MARKS = 5
Stage = Violation.Stage


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The violations of one rule and one action at one place; `ids` has more than one where a message has two cards."""

    ids: tuple[UUID, ...]
    look: Look
    rule: str
    triage: str = Triage.OPEN

    @property
    def first(self) -> UUID:
        return self.ids[0]

    @property
    def words(self) -> str:
        """ "Masked: card number", "Blocked: prompt attack"."""
        times = f", {len(self.ids)} times" if len(self.ids) > 1 else ""
        return f"{self.look.word}: {in_a_sentence(kind_of_rule(self.rule))}{times}"

    @property
    def note(self) -> str:
        """What people made of it, once they have."""
        return "" if self.triage == Triage.OPEN else TRIAGES[Triage(self.triage)].word


@dataclass(frozen=True, kw_only=True)
class Said:
    """A message, as far as it is told which violations are its own."""

    id: UUID
    turn_id: UUID | None
    at: datetime
    is_customer: bool


@dataclass(frozen=True, kw_only=True)
class Marks:
    """By message and by tool call."""

    of_messages: Mapping[UUID, list[Mark]] = field(default_factory=dict)
    of_calls: Mapping[UUID, list[Mark]] = field(default_factory=dict)

    def of_any(self, calls: Iterable[UUID]) -> list[Mark]:
        return [mark for call in calls for mark in self.of_calls.get(call, ())]


def marks_of(session_id: UUID, said: Sequence[Said]) -> Marks:
    """One query; none where nothing was said."""
    if not said:
        return Marks()
    messages: dict[UUID, list[Violation]] = {}
    calls: dict[UUID, list[Violation]] = {}
    for violation in of_session(session_id):
        if violation.call_id:
            calls.setdefault(violation.call_id, []).append(violation)
        elif place := message_of(violation, said):
            messages.setdefault(place, []).append(violation)
    return Marks(
        of_messages={place: folded(found) for place, found in messages.items()},
        of_calls={place: folded(found) for place, found in calls.items()},
    )


def message_of(violation: Violation, said: Sequence[Said]) -> UUID | None:
    """The message that it names; else the customer's message of its turn, or what the agent said in that turn next."""
    if violation.message_id:
        return violation.message_id
    if violation.turn_id is None:
        return None
    is_customers = violation.stage == Stage.INPUT
    same = [each for each in said if each.turn_id == violation.turn_id and each.is_customer == is_customers]
    if is_customers:
        return same[0].id if same else None
    later = [each for each in same if each.at >= violation.at]
    return (later[0] if later else same[-1]).id if same else None


def folded(violations: Iterable[Violation]) -> list[Mark]:
    """One mark for each rule and action, what was acted on before what was only noted."""
    groups: dict[tuple[str, str, str], list[Violation]] = {}
    for violation in violations:
        groups.setdefault((violation.action, violation.rule, violation.triage), []).append(violation)
    marks = [
        Mark(ids=tuple(each.pk for each in found), look=ACTIONS[Action(action)], rule=rule, triage=triage)
        for (action, rule, triage), found in groups.items()
    ]
    return sorted(marks, key=lambda mark: mark.look.tone == "outline")[:MOST_MARKS]
