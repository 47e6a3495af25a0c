from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from agents.evidence import evidence_for, records_in
from tests.agents.cases import make_case
from tests.factories import make_message
from tools.models import ToolCall

pytestmark = pytest.mark.django_db


def test_the_evidence_is_what_the_tools_said(support: User) -> None:
    escalation = make_case()
    evidence = evidence_for(escalation, reader=support)
    assert [record.title for record in evidence.records] == ["Order 1043"]
    assert dict(evidence.records[0].facts)["Within return window"] == "No"
    assert "Carrier" not in dict(evidence.records[0].facts)
    assert evidence.records[0].facts[:3] == [
        ("Status", "delivered"),
        ("Items", "2 × Linen shirt"),  # noqa: RUF001
        ("Total", "EUR 59.00"),
    ]
    assert [step.call.tool_name for step in evidence.troubles] == ["process_refund"]
    assert [entry.kind for entry in evidence.entries] == ["day", "customer", *["agent", "steps"] * 2]


def test_the_evidence_of_an_older_turn_is_found(support: User) -> None:
    escalation = make_case()
    for number in range(20):
        make_message(escalation.session, f"And {number}?")
    evidence = evidence_for(escalation, reader=support)
    assert evidence.has_earlier
    assert [record.title for record in evidence.records] == ["Order 1043"]
    assert [step.call.tool_name for step in evidence.troubles] == ["process_refund"]


def test_lists_of_things_are_read_one_by_one_and_the_newest_word_counts() -> None:
    calls = [
        ToolCall(state="confirmed", result={"orders": [{"order_id": "1", "status": "shipped"}, {"no": "id"}]}),
        ToolCall(state="confirmed", result={"order_id": "1", "status": "delivered", "address": {"city": "Wien"}}),
        ToolCall(state="confirmed", result=["a list"]),
        ToolCall(state="failed", result={"order_id": "2"}),
    ]
    [record] = records_in(calls)
    assert record.facts == [("Status", "delivered"), ("Address", "Wien")]
