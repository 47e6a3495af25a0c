"""Approvals where people meet them: in the queue, in the rail's count, in the thread, and in the customer's chat."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.approval_words import money_words, words_of
from agents.channels.chat.conversation import read_live
from agents.conversation import read_turn
from agents.models import Escalation, Session
from agents.queue import PAGE_SIZE, Show, page_of
from agents.shell import read_waiting
from tests.agents.approval_cases import ASKED, CANCEL, decide_as, make_approval, make_asking_session, shop_tools
from tests.factories import client_of, customer_client, make_customer, make_escalation, make_session
from tools.approvals import decide
from tools.models import Approval, Tool

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop_tools")]


def listed(user: User, **query: str) -> list[object]:
    rows = client_of(user).get("/queue/", query).context["rows"]
    return [getattr(row, "approval", row) for row, _ in rows]


def test_what_runs_out_and_what_blocks_stands_first(reviewer: User) -> None:
    now = timezone.now()
    calm = make_escalation(make_session(), opened_at=now - timedelta(hours=3))
    waited = make_escalation(opened_at=now - timedelta(hours=2))
    fresh = make_approval(requested_at=now - timedelta(minutes=1))
    older = make_approval(requested_at=now - timedelta(hours=1))
    ending = make_approval(requested_at=now, expires_at=now + timedelta(minutes=50))
    assert listed(reviewer) == [ending, waited, older, fresh, calm]
    assert listed(reviewer, reason="approval") == [ending, older, fresh]
    assert listed(reviewer, reason="policy_restriction") == [waited, calm]


def test_a_row_says_what_is_asked_in_plain_words(reviewer: User) -> None:
    approval = make_approval(expires_at=timezone.now() + timedelta(minutes=20))
    Tool.objects.filter(name="process_refund").update(risk=Tool.Risk.HIGH)
    page = client_of(reviewer).get("/queue/").content.decode()
    for words in (
        approval.label,
        "Refund 142.00 EUR of order 1044 to Chloe",
        "larger-refunds",
        "High risk",
        "Support agent",
        "Runs out soon",
        f"/approvals/{approval.pk}/",
        "1 approval, 142.00 EUR",
        "1 runs out within the hour",
    ):
        assert words in page, words


def test_the_count_is_of_what_somebody_can_decide_now(reviewer: User) -> None:
    now = timezone.now()
    make_escalation()
    make_approval()
    make_approval(snoozed_until=now - timedelta(minutes=1))
    sleeping = make_approval(snoozed_until=now + timedelta(hours=1))
    make_approval(expires_at=now - timedelta(minutes=1))
    decide_as(make_approval(), reviewer, status="approved")
    assert read_waiting().counts["Queue"] == 3
    response = client_of(reviewer).get("/queue/")
    assert len(response.context["rows"]) == 3
    assert response.context["figures"].all_waiting == 3
    assert listed(reviewer, show="snoozed") == [sleeping]
    assert "Back in the queue" in client_of(reviewer).get("/queue/", {"show": "snoozed"}).content.decode()


def test_pages_of_both_kinds_follow_each_other_without_a_gap(reviewer: User) -> None:
    now = timezone.now()
    session = make_asking_session()
    for number in range(PAGE_SIZE // 2 + 3):
        make_approval(session, requested_at=now - timedelta(seconds=number // 3))
        waits = number % 2 == 0
        own = make_session(agent=session.agent, customer=session.customer, waiting_since=now if waits else None)
        make_escalation(own, opened_at=now - timedelta(seconds=number // 3))
    first = page_of(Show.OPEN, user=reviewer)
    assert (len(first.rows), bool(first.after)) == (PAGE_SIZE, True)
    second = page_of(Show.OPEN, user=reviewer, after=first.after or "")
    assert second.after is None
    assert len({row.pk for row in (*first.rows, *second.rows)}) == 2 * (PAGE_SIZE // 2 + 3)


@pytest.mark.parametrize("query", ["after=7-1-2", "after=0-x", "show=mine&reason=approval", "reason=approvals"])
def test_a_list_that_does_not_exist(reviewer: User, query: str) -> None:
    assert client_of(reviewer).get(f"/queue/?{query}").status_code == 404


def test_it_asks_little_of_the_database_however_many_rows(reviewer: User, django_assert_max_num_queries) -> None:
    for _ in range(5):
        make_escalation()
        make_approval()
    client = client_of(reviewer)
    with django_assert_max_num_queries(11):
        client.get("/queue/")


def test_nothing_asked_says_what_will_come(reviewer: User) -> None:
    assert "No approval waits" in client_of(reviewer).get("/queue/", {"reason": "approval"}).content.decode()


# -- in words


@pytest.mark.parametrize(
    ("tool", "arguments", "amount", "sentence"),
    [
        ("shop___process_refund", ASKED, "142", "Refund 142.00 EUR of order 1044 to Chloe"),
        (CANCEL, ASKED, "59.5", "Cancel order 1044 for Chloe, 59.50 EUR"),
        ("crm___update_address", {"customer_id": "7", "to": "Mill"}, None, "Update address of customer 7 for Chloe"),
        ("crm___create_voucher", {"note": "x"}, None, "Create voucher for Chloe"),
        ("crm___wipe", {}, None, "Wipe for Chloe"),
    ],
    ids=["refund", "cancel", "update", "create", "bare"],
)  # fmt: skip
def test_any_tool_is_read_out(tool: str, arguments: dict[str, str], amount: str | None, sentence: str) -> None:
    approval = make_approval(tool=tool, arguments=arguments, amount=amount)
    assert words_of(approval, "Chloe").sentence == sentence


def test_money_is_written_to_the_cent_or_finer_with_its_currency() -> None:
    assert money_words(Decimal("1142.50000000"), "EUR") == "1,142.50 EUR"
    assert money_words(Decimal("0.0025"), "EUR") == "0.0025 EUR"
    assert money_words(None, "EUR") == ""


# -- in the thread and in the chat


def test_the_thread_shows_the_step_that_waits_and_leads_to_the_decision(support: User, reviewer: User) -> None:
    approval = make_approval()
    path = f"/inbox/{approval.session_id}/"
    page = client_of(support).get(path).content.decode()
    assert f"{approval.label} waits for a person." in page
    assert f"/approvals/{approval.pk}/" in page
    assert "step waiting" in page
    decide(approval, user=reviewer, verdict="reject", digest=approval.digest, reason="Ask for a photo")
    page = client_of(support).get(path).content.decode()
    assert f"{approval.label} was rejected" in page
    assert "Ask for a photo" in page
    assert "step waiting" not in page


def test_staff_see_what_the_turn_waits_for_and_that_it_goes_on(reviewer: User) -> None:
    approval = make_approval()
    session = Session.objects.get(pk=approval.session_id)
    turn = read_turn(session)
    assert turn is not None
    assert turn.live is not None
    assert turn.live.progress == "Waiting for a colleague to approve this"
    decide(approval, user=reviewer, verdict="approve", digest=approval.digest)
    turn = read_turn(session)
    assert turn is not None
    assert turn.live is not None
    assert turn.live.progress == "Going on after the decision"


def test_the_customer_reads_that_a_colleague_is_asked(reviewer: User) -> None:
    customer = make_customer(email="chloe@example.com", name="Chloe")
    session = make_asking_session()
    Session.objects.filter(pk=session.pk).update(customer=customer)
    session.refresh_from_db()
    approval = make_approval(session)
    live = read_live(session.pk)
    assert live is not None
    assert live.progress == "Waiting for a colleague to approve this"
    page = customer_client("chloe@example.com").get(f"/chat/support/{session.pk}/").content.decode()
    assert "Waiting for a colleague to approve this" in page
    page = re.sub(r'name="token" value="[^"]+"', "", page)  # base64, in which "A-7" may stand by chance
    for secret in (approval.label, "larger-refunds", "approvals/"):
        assert secret not in page
    decide(approval, user=reviewer, verdict="approve", digest=approval.digest)
    live = read_live(session.pk)
    assert live is not None
    assert live.progress == "Working on an answer"


def test_escalations_stay_what_they_were(reviewer: User) -> None:
    make_approval()
    make_escalation()
    client_of(reviewer).post("/queue/claim-next/")
    assert Escalation.objects.get().assignee == reviewer
    assert Approval.objects.get().status == "pending"
