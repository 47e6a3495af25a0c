"""What the list of violations and the page of one share: rows, the panel, and the address that says which list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

from django.contrib.auth.models import User
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse

from guardrails.excerpts import Excerpt, excerpt_for, may_reveal
from guardrails.models import Guardrail, GuardrailVersion, Violation
from guardrails.triage import measured_by, sets_for, shows_more_in_a_set
from guardrails.views.guardrail_lines import DeskRequest
from guardrails.violation_spans import span_of, statements_of
from guardrails.violation_words import (
    ACTIONS,
    DONE,
    TRIAGES,
    Action,
    Look,
    Triage,
    category_of,
    confidence_words,
    rule_line,
    stage_words,
    version_words,
)
from guardrails.violations import BadQuery, Wanted, read_uuid

PEEK = "peek"


@dataclass(frozen=True, kw_only=True)
class ViolationLine:
    """A violation as a row of the list."""

    violation: Violation
    excerpt: Excerpt

    @property
    def category(self) -> str:
        return category_of(self.violation)

    @property
    def action(self) -> Look:
        return ACTIONS[Action(self.violation.action)]

    @property
    def triage(self) -> Look:
        return TRIAGES[Triage(self.violation.triage)]

    @property
    def version(self) -> str:
        return version_words(self.violation)

    @property
    def confidence(self) -> str:
        return confidence_words(self.violation.confidence)

    @property
    def stage(self) -> str:
        return stage_words(self.violation.stage)

    @property
    def place(self) -> str:
        return place_of(self.violation)


def lines_of(violations: Sequence[Violation], user: User) -> list[ViolationLine]:
    return [ViolationLine(violation=each, excerpt=excerpt_for(user, each).short) for each in violations]


def place_of(violation: Violation) -> str:
    """Where in the conversation it was: the tool call, or the badge at the message; empty where there is none."""
    if violation.session_id is None:
        return ""
    anchor = f"step-{violation.call_id}" if violation.call_id else f"violation-{violation.pk}"
    return f"{reverse('agents:conversation', args=[violation.session_id])}#{anchor}"


def get_violation(violation_id: UUID) -> Violation:
    return get_object_or_404(Violation.objects.select_related("triaged_by"), pk=violation_id)


# -- the address


def read_wanted(params: Mapping[str, Any]) -> Wanted:
    """Raises `Http404` for what no page of ours links to."""
    try:
        return Wanted.read({name: str(value) for name, value in params.items()})
    except BadQuery as error:
        raise Http404(str(error)) from error


def params_of_page(request: DeskRequest) -> dict[str, str]:
    """Of the page that stands open: a fragment's request has other ones."""
    address = request.htmx.current_url if request.htmx else None
    return dict(parse_qsl(urlsplit(address or "").query))


def peeked(params: Mapping[str, str]) -> UUID | None:
    """Which violation the list shows beside it. Raises `Http404`."""
    text = params.get(PEEK, "")
    try:
        return read_uuid(text) if text else None
    except BadQuery as error:
        raise Http404(str(error)) from error


def is_peek(request: DeskRequest) -> bool:
    return bool(request.htmx) and request.htmx.target == PEEK


# -- one of them


def panel_of(violation: Violation, user: User, *, revealed: bool = False, **more: Any) -> dict[str, Any]:
    """What its page and the panel beside the list show. `more` is what became of a form: `notice`, `tone`, `kept`."""
    version = version_of(violation)
    return {
        "line": ViolationLine(violation=violation, excerpt=excerpt_for(user, violation, revealed=revealed)),
        "violation": violation,
        "done": DONE[Action(violation.action)],
        "rule": rule_line(violation, version),
        "version_url": version_url(violation, version),
        "statements": statements_of(span := span_of(violation)),
        "span": span,
        "place": place_of(violation),
        "same_rule": Wanted(triage="", rule=violation.rule).query(),
        "judges": may_reveal(user),
        "revealed": revealed,
        "verdicts": [(value, TRIAGES[value], key) for value, key in VERDICTS if value != violation.triage],
        "sets": sets_for(violation) if may_reveal(user) else [],
        "is_measured": measured_by(violation) is not None,
        "set_shows_more": shows_more_in_a_set(user, violation),
        **more,
    }


VERDICTS = ((Triage.CONFIRMED, "c"), (Triage.FALSE_POSITIVE, "f"), (Triage.FIXED, "x"))


def version_of(violation: Violation) -> GuardrailVersion | None:
    """The version that saw it; of a draft, the draft as it is now."""
    rows = GuardrailVersion.objects.select_related("guardrail")
    return rows.filter(guardrail_id=violation.guardrail_id, number=violation.guardrail_number).first()


def version_url(violation: Violation, version: GuardrailVersion | None) -> str:
    """Empty where the guardrail is gone."""
    if version and version.number:
        return reverse("guardrails:guardrail_version", args=[version.guardrail.slug, version.number])
    found = version.guardrail if version else Guardrail.objects.filter(pk=violation.guardrail_id).first()
    return reverse("guardrails:guardrail", args=[found.slug]) if found else ""
