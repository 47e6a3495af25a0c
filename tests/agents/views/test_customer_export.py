from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.customer_export import export_of
from agents.models import Agent, Customer, Message, Turn
from memory.models import Memory, SessionSummary
from memory.reach import bound_to
from observability.access import Role
from observability.ids import uuid7
from observability.models import Span
from tests.agents.cases import make_call
from tests.factories import (
    client_of,
    make_agent,
    make_customer,
    make_escalation,
    make_message,
    make_session,
    make_trace,
    make_turn,
    make_user,
)
from tests.memory.cases import add_memory
from tools.models import Approval, ApprovalVote, MoneyUse

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


def agent_once() -> Agent:
    return Agent.objects.filter(slug="one-for-all").first() or make_agent("one-for-all")


def url_of(customer: Customer) -> str:
    return f"/customers/{customer.pk}/export/"


def life_of(customer: Customer, planted: str, colleague: User) -> None:
    """A row of everything, each with the planted word in every text."""
    session = make_session(customer=customer, agent=agent_once(), preview=f"{planted} preview")
    said = make_message(session, f"{planted} said")
    make_message(
        session, f"{planted} note", author=Message.Author.PERSON, visibility=Message.Visibility.NOTE, user=colleague
    )
    turn = make_turn(session, status=Turn.Status.FAILED, failure=f"{planted} failure")
    call = make_call(turn, "get_order", {"order_id": f"{planted} order"}, arguments={"reason": f"{planted} reason"})
    approval = Approval.objects.create(
        call=call,
        session_id=session.pk,
        customer_id=customer.pk,
        tool_key="shop___process_refund",
        asked={"reason": f"{planted} asked"},
        arguments={"reason": f"{planted} changed"},
        digest="secret-digest",
        policy_version=1,
        role="reviewer",
        status=Approval.Status.REJECTED,
        reason=f"{planted} rejection",
        expires_at=timezone.now(),
        decided_at=timezone.now(),
        seen={"facts": {"status": f"{planted} fact"}},
    )
    ApprovalVote.objects.create(approval=approval, user=colleague, verdict="reject", digest="secret-digest")
    MoneyUse.objects.create(
        call=call, tool_key="shop___process_refund", customer_id=customer.pk, subject=f"{planted} subject", amount=12
    )
    make_escalation(session, turn=turn, summary=f"{planted} summary")
    trace = make_trace(
        turn_id=turn.pk, session_id=session.pk, customer=customer.email, input_text=f"{planted} in",
        output_text=f"{planted} out", spans=0,
    )  # fmt: skip
    Span.objects.create(trace=trace, kind="model", name="m", attributes={"output": f"{planted} span"})
    old = add_memory(customer.pk, f"{planted} old", metadata={"value": f"{planted} metadata"}, message_id=said.pk)
    new = add_memory(customer.pk, f"{planted} new", author="person", author_user_id=colleague.pk)
    with bound_to(customer.pk):
        Memory.objects.filter(pk=old.pk).update(state=Memory.State.SUPERSEDED, superseded_by=new)
        SessionSummary.objects.create(
            session_id=session.pk, customer_id=customer.pk, upto_seq=3, text=f"{planted} rolling", model="extractive"
        )


PLANTED = (
    "said", "note", "failure", "order", "reason", "asked", "changed", "rejection", "fact", "summary", "in", "out",
    "span", "old", "metadata", "new", "rolling", "subject",
)  # fmt: skip


class TestExport:
    def test_everything_of_one_and_nothing_of_another(self, reviewer: User) -> None:
        ada, ben = make_customer("ada@example.com", "PlantedAda"), make_customer("ben@example.com", "PlantedBen")
        life_of(ada, "PlantedAda", reviewer)
        life_of(ben, "PlantedBen", reviewer)
        text = "".join(export_of(ada))
        exported = json.loads(text)
        for words in PLANTED:
            assert f"PlantedAda {words}" in text, words
        assert "PlantedBen" not in text
        assert "ben@example.com" not in text
        (conversation,) = exported["conversations"]
        assert [len(conversation[name]) for name in ("messages", "turns", "tool_calls", "approvals", "traces")] == [
            3, 1, 1, 1, 1,
        ]  # fmt: skip
        assert conversation["traces"][0]["steps"][0]["attributes"] == {"output": "PlantedAda span"}
        assert {memory["state"] for memory in exported["memories"]} == {"active", "superseded"}
        assert exported["money"][0]["amount"] == "12.00000000"
        assert exported["summaries"][0]["text"] == "PlantedAda rolling"

    def test_nothing_in_it_is_a_secret_or_a_colleagues_address(self, reviewer: User) -> None:
        ada = make_customer(name="Ada")
        life_of(ada, "Planted", reviewer)
        text = "".join(export_of(ada))
        for hidden in ("secret-digest", "lease", 'embedding"', "digest", "external_id", reviewer.email):
            assert hidden not in text
        assert reviewer.get_full_name() in text

    def test_more_than_is_read_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agents.customer_export.SESSIONS_AT_ONCE", 2)
        monkeypatch.setattr("agents.customer_export.ROWS_AT_ONCE", 2)
        monkeypatch.setattr("agents.customer_export.TRACES_AT_ONCE", 2)
        ada = make_customer(name="Ada")
        for number in range(5):
            session = make_session(customer=ada, agent=agent_once())
            for place in range(5):
                make_message(session, f"{number}.{place}")
                turn = make_turn(session)
                make_call(turn, "get_order", {"order_id": f"{number}-{place}"})
                make_trace(turn_id=turn.pk, session_id=session.pk)
            add_memory(ada.pk, f"Memory {number}.")
        exported = json.loads("".join(export_of(ada)))
        said = [
            message["text"]
            for conversation in exported["conversations"]
            for message in conversation["messages"]
            if message["author"] == "customer"
        ]
        assert said == [f"{number}.{place}" for number in range(5) for place in range(5)]
        assert [len(one["tool_calls"]) for one in exported["conversations"]] == [5] * 5
        assert [len(one["traces"]) for one in exported["conversations"]] == [5] * 5
        assert [memory["text"] for memory in exported["memories"]] == [f"Memory {number}." for number in range(5)]

    def test_only_an_admin_takes_it(self, support: User, reviewer: User, analyst: User, stranger: User) -> None:
        ada = make_customer(name="Ada")
        url = url_of(ada)
        for user in (support, reviewer, analyst, stranger):
            assert client_of(user).get(url).status_code == 403
        assert Client().get(url).status_code == 302

    def test_one_that_is_not_there(self, admin: User) -> None:
        assert client_of(admin).get(f"/customers/{uuid7()}/export/").status_code == 404
        assert client_of(admin).post(url_of(make_customer())).status_code == 405

    def test_a_life_without_words(self) -> None:
        ada = make_customer(name="Ada")
        exported = json.loads("".join(export_of(ada)))
        assert exported["customer"]["id"] == str(ada.pk)
        assert exported["conversations"] == exported["memories"] == exported["money"] == []


class TestDownload:
    def test_it_comes_as_a_file_in_pieces(self, asgi_server: str) -> None:
        admin, ada = make_user(Role.ADMIN), make_customer(name="Ada")
        life_of(ada, "PlantedAda", admin)
        cookie = client_of(admin).cookies[settings.SESSION_COOKIE_NAME]
        headers = {"Cookie": f"{cookie.key}={cookie.value}"}
        with httpx2.stream("GET", f"{asgi_server}{url_of(ada)}", headers=headers, timeout=60) as response:
            pieces = list(response.iter_raw())
        assert response.status_code == 200
        assert response.headers["Content-Disposition"].startswith('attachment; filename="customer-')
        assert "Ada" not in response.headers["Content-Disposition"]
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert "PlantedAda rolling" in str(json.loads(b"".join(pieces))["summaries"])
