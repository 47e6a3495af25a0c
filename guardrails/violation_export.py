"""The violations of a list as a file, no more of each than its reader may see."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from django.contrib.auth.models import User

from guardrails.excerpts import excerpt_for
from guardrails.models import Violation
from guardrails.violation_words import category_of, confidence_words, version_words
from guardrails.violations import Wanted

MOST_EXPORTED = 10_000
CHUNK = 500
COLUMNS = (
    *("Time", "Stage", "Category", "Rule", "Guardrail", "Action", "Excerpt", "Why", "Confidence", "Tier", "Score"),
    *("Agent", "Conversation", "Turn", "Triage", "Triaged at", "Note", "Id"),
)
# A table program takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_lines(wanted: Wanted, *, reader: User) -> Iterator[str]:
    """A header and one line for each, the newest first; at most ten thousand."""
    yield csv_line(COLUMNS)
    rows = wanted.apply(Violation.objects.all()).order_by("-at", "-id")
    for violation in rows[:MOST_EXPORTED].iterator(chunk_size=CHUNK):
        yield csv_line(values_of(violation, reader))


def values_of(violation: Violation, reader: User) -> tuple[Any, ...]:
    return (
        violation.at.isoformat(timespec="seconds"),
        violation.get_stage_display(),
        category_of(violation),
        violation.rule,
        version_words(violation),
        violation.get_action_display(),
        excerpt_for(reader, violation).text,
        violation.why,
        confidence_words(violation.confidence),
        violation.tier,
        "" if violation.score is None else round(violation.score, 3),
        violation.agent_name,
        violation.session_id or "",
        violation.turn_id or "",
        violation.get_triage_display(),
        violation.triaged_at.isoformat(timespec="seconds") if violation.triaged_at else "",
        violation.triage_note,
        violation.pk,
    )


def csv_line(values: tuple[Any, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([harmless(value) for value in values])
    return written.getvalue()


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
