from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from observability.models import Span, Trace
from observability.trace_panel import check_of
from tests.factories import client_of, make_trace

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"
FINDING = {"rule": "claim:refund", "confidence": "HIGH", "why": "No refund", "action": "repaired", "tier": "judge"}


def make_check(name: str = "output", *, error: str = "", **attributes: Any) -> tuple[Trace, Span]:
    trace = make_trace(spans=0)
    span = Span.objects.create(
        trace=trace,
        kind=Span.Kind.GUARDRAIL,
        name=name,
        status=Span.Status.ERROR if error else Span.Status.OK,
        error=error,
        started_at=trace.started_at,
        attributes={"stage": name, "guardrail": "Standard", "version": "3", "ms": 1.25, **attributes},
    )
    return trace, span


def panel(user: User, trace: Trace, span: Span) -> str:
    response = client_of(user).get(f"/traces/{trace.pk}/?span={span.pk}")
    assert response.status_code == 200
    return response.content.decode()


def test_claims_stand_beside_evidence_and_verdict(support: User) -> None:
    statements = [
        {
            "kind": "claim:refund",
            "said": HOSTILE,
            "verdict": "contradicted",
            "evidence": "failed call",
            "why": "Not so.",
        },
        {"kind": "value:money", "said": "€42.00", "verdict": "supported", "evidence": "get_order", "why": ""},
        {"kind": "value:date", "said": "Friday", "verdict": "unsupported", "evidence": "", "why": ""},
        {"kind": "value:date", "said": "Monday", "verdict": "derived", "evidence": "2 + 3", "why": ""},
    ]
    trace, span = make_check(
        guardrailAction="repaired",
        violationCategory="claim:refund, value:date",
        findings=[FINDING | {"excerpt": HOSTILE}],
        statements=statements,
    )
    text = panel(support, trace, span)
    for words in (
        "Contradicted",
        "Supported",
        "Unsupported",
        "Worked out",
        "failed call",
        "None was found",
        "Said again",
    ):
        assert words in text
    assert HOSTILE not in text
    assert "high, judge" in text
    assert "Standard v3" in text
    assert "1.25 ms" in text
    assert f"?triage=all&amp;range=all&amp;session={trace.session_id}" in text


@pytest.mark.parametrize(
    ("attributes", "detail"),
    [
        ({"guardrailAction": "none"}, ""),
        ({"guardrailAction": "none", "violationCategory": "word:PROFANITY"}, "noted: word:PROFANITY"),
        ({"guardrailAction": "blocked", "violationCategory": "a:B, c:D"}, "blocked: a:B and others"),
        ({"guardrailAction": "handed_over", "violationCategory": "a:B"}, "handed over: a:B"),
    ],
)
def test_the_tree_says_what_was_done(support: User, attributes: dict[str, str], detail: str) -> None:
    trace, _ = make_check(**attributes)
    (row,) = [row for row in client_of(support).get(f"/traces/{trace.pk}/").context["rows"] if row.kind == "guardrail"]
    assert (row.name, row.detail) == ("Check of the reply", detail)


def test_nothing_was_seen(support: User) -> None:
    trace, span = make_check("input", guardrailAction="none")
    text = panel(support, trace, span)
    assert "Passed" in text
    assert "Nothing was seen." in text


def test_a_judge_that_failed(support: User) -> None:
    trace, span = make_check("judge", error="It timed out.", model="claude-haiku-4-5")
    text = panel(support, trace, span)
    assert "It timed out." in text
    assert "Nothing was seen." not in text
    assert "claude-haiku-4-5" in text


@pytest.mark.parametrize(
    "attributes", [{}, [], {"findings": "x", "statements": [1, {}], "ms": "fast", "version": None}]
)
def test_whatever_was_recorded_can_be_shown(support: User, attributes: Any) -> None:
    trace, span = make_check()
    Span.objects.filter(pk=span.pk).update(attributes=attributes)
    span.refresh_from_db()
    assert check_of(span).findings == []
    assert "Unknown" in panel(support, trace, span)
