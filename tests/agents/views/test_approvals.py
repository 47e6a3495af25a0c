from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Message, Session, Turn
from observability.access import Role
from tests.agents.approval_cases import ASKED, CANCEL, decide_as, make_approval, make_asking_session, shop_tools
from tests.factories import client_of, make_message, make_user
from tools.models import Approval, GatewayKey, PolicySetting, PolicyVersion, Tool, ToolCall

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop_tools")]
HTMX = {"HX-Request": "true"}
POSTS = ("approve", "reject", "take-over", "snooze", "check")


def url(approval: Approval, action: str = "") -> str:
    return f"/approvals/{approval.pk}/{action + '/' if action else ''}"


def edits(approval: Approval, **arguments: str) -> dict[str, str]:
    """What the form sends: each field that it has, with these in place."""
    fields = {"reason": str(approval.arguments.get("reason", "")), "amount": str(approval.arguments.get("amount", ""))}
    values = {f"argument-{name}": value for name, value in {**fields, **arguments}.items()}
    return {"digest": approval.digest, "edit": "1", **values}


# -- what it shows


def test_it_works(reviewer: User) -> None:
    approval = make_approval(seen={"facts": {"total": "142.00"}, "tainted": ["order_id"], "verified": True})
    response = client_of(reviewer).get(url(approval))
    page = response.content.decode()
    assert response.status_code == 200
    for words in (
        approval.label,
        "Refund 142.00 EUR of order 1044 to Chloe",
        "Approving refunds 142.00 EUR now. It cannot be undone.",
        "Approve refund of 142.00 EUR",
        "larger-refunds",
        "Policies version 1",
        "greaterThan(decimal(&quot;500.00&quot;))",
        "Untrusted text.",
        "Please refund order 1044, it came too late",
        "What was looked up is about this one.",
        f"/traces/{approval.call.turn_id}/",
        'data-key="a"',
    ):
        assert words in page, words
    assert response.headers["Content-Security-Policy"]


def test_the_consequence_of_what_is_no_refund(reviewer: User) -> None:
    cancel = make_approval(tool=CANCEL, rules=["cancellations"])
    page = client_of(reviewer).get(url(cancel)).content.decode()
    assert "Cancel order 1044 for Chloe, 142.00 EUR" in page
    assert "Approving cancels order 1044 and moves 142.00 EUR now. It cannot be undone." in page
    assert "Approve: cancel order 1044, 142.00 EUR" in page


def test_what_people_wrote_is_escaped(reviewer: User) -> None:
    session = make_asking_session(name="<i>Chloe</i>")
    page = client_of(reviewer).get(
        url(make_approval(session, arguments={**ASKED, "reason": "<script>alert(1)</script>"}))
    )
    assert "<script>alert" not in page.content.decode()
    assert "<i>Chloe" not in page.content.decode()


def test_what_was_decided_and_moved_before_is_shown(reviewer: User, support: User) -> None:
    session = make_asking_session()
    earlier = decide_as(make_approval(session), support, status="rejected", reason="Not yet")
    make_approval(session, rules=["cancellations"])
    decide_as(make_approval(), support, status="used")
    approval = make_approval(session)
    page = client_of(reviewer).get(url(approval)).content.decode()
    assert "1 approved, 1 rejected" in page
    assert f"{earlier.label} · Refund" in page


def test_a_call_of_an_outside_caller_has_no_conversation(reviewer: User) -> None:
    approval = make_approval()
    ToolCall.objects.filter(pk=approval.call_id).update(session_id=None, turn_id=None, key_id=approval.pk)
    Approval.objects.filter(pk=approval.pk).update(session_id=None, customer_id=None, agent_id=None)
    assert not GatewayKey.objects.exists()
    response = client_of(reviewer).get(url(approval))
    assert "An outside caller asked for this." in response.content.decode()
    assert client_of(reviewer).post(url(approval, "take-over"), {"digest": approval.digest}).status_code == 422


def test_a_tool_that_is_gone_can_still_be_refused(reviewer: User) -> None:
    approval = make_approval(tool="shop___gone_tool")
    response = client_of(reviewer).get(url(approval))
    assert "Gone tool" in response.content.decode()
    data = {"digest": approval.digest, "edit": "1"}
    assert client_of(reviewer).post(url(approval, "approve"), data).status_code == 422
    client_of(reviewer).post(url(approval, "reject"), {"digest": approval.digest, "reason": "No such tool"})
    approval.refresh_from_db()
    assert approval.status == "rejected"


def test_under_newer_policies_a_yes_would_come_to_nothing(reviewer: User) -> None:
    approval = make_approval()
    PolicyVersion.objects.create(number=2, published_at=timezone.now())
    page = client_of(reviewer).get(url(approval)).content.decode()
    assert "Version 2 of the policies is in force by now." in page
    assert 'id="approve"' not in page
    assert 'id="reject"' in page


def test_the_live_fragment_says_what_has_moved_on(reviewer: User, support: User) -> None:
    approval = make_approval()
    shown = {"digest": f"pending-{approval.digest}", "seen": "0"}
    client = client_of(reviewer)
    make_message(Session.objects.get(pk=approval.session_id), "Hello?")
    page = client.get(url(approval), shown, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<div id="approval-state"')
    assert "has written 2 new messages." in page
    assert "no longer the case" not in page
    decide_as(approval, support, status="rejected", reason="No")
    page = client.get(url(approval), shown, headers=HTMX).content.decode()
    assert "Already rejected by Support." in page
    assert "no longer the case" in page
    assert 'data-count=queue]"></span>' in page


# -- approving


def test_a_yes_lets_the_turn_go_on(reviewer: User) -> None:
    approval = make_approval()
    response = client_of(reviewer).post(url(approval, "approve"), {"digest": approval.digest}, follow=True)
    assert response.redirect_chain == [(url(approval), 302)]
    page = response.content.decode()
    assert f"You approved {approval.label}." in page
    assert "by Reviewer" in page
    assert "On its way" in page
    assert 'name="reason"' not in page
    approval.refresh_from_db()
    assert (approval.status, approval.arguments) == ("approved", ASKED)
    assert Turn.objects.get(pk=approval.call.turn_id).status == Turn.Status.QUEUED
    note = Message.objects.get(session_id=approval.session_id, author="system")
    assert note.text == f"{approval.label} approved by Reviewer"


def test_a_form_sent_twice_decides_once(reviewer: User) -> None:
    client = client_of(reviewer)
    for action, data in (("approve", {}), ("reject", {"reason": "No"}), ("approve", {"argument-amount": "100.00"})):
        approval = make_approval()
        sent = {"digest": approval.digest, **data}
        if "argument-amount" in data:
            sent = edits(approval, amount="100.00")
        assert [client.post(url(approval, action), sent).status_code for _ in range(2)] == [302, 302]
        assert approval.votes.count() == 1


def test_what_became_of_it_is_shown(reviewer: User) -> None:
    approval = decide_as(make_approval(), reviewer, status="used")
    ToolCall.objects.filter(pk=approval.call_id).update(
        state="confirmed", result={"refund_id": "RF-000007", "order_id": "1044"}, duration_ms=12
    )
    Turn.objects.filter(pk=approval.call.turn_id).update(status="replied", finished_at=timezone.now())
    session = Session.objects.get(pk=approval.session_id)
    make_message(session, "Your money is on its way.", author="agent", turn_id=approval.call.turn_id)
    page = client_of(reviewer).get(url(approval)).content.decode()
    for words in ("Carried out.", "RF-000007", "What Chloe was told", "Your money is on its way.", "Executed"):
        assert words in page, words
    assert "On its way:" not in page


@pytest.mark.parametrize(
    ("state", "words", "tone"),
    [
        ("failed", "It failed. Nothing was done.", "bad"),
        ("unknown", "Nobody knows whether it was carried out.", "warn"),
    ],
)
def test_a_bad_end_is_told_loudly(reviewer: User, state: str, words: str, tone: str) -> None:
    approval = decide_as(make_approval(), reviewer, status="used")
    result = {"error": {"code": "x", "message": "The shop said: too late."}}
    ToolCall.objects.filter(pk=approval.call_id).update(state=state, result=result, duration_ms=12)
    page = client_of(reviewer).get(url(approval)).content.decode()
    assert words in page
    assert "The shop said: too late." in page
    assert f'<div class="callout {tone}" role="alert">' in page


def test_two_people_are_wanted(reviewer: User) -> None:
    approval = make_approval(needed=2)
    client = client_of(reviewer)
    assert "before one more person has approved it too" in client.get(url(approval)).content.decode()
    page = client.post(url(approval, "approve"), {"digest": approval.digest}, follow=True).content.decode()
    assert "It waits for one more person." in page
    assert "You have decided. It waits for somebody else." in page
    assert "1 of 2 approvals" in page
    other = client_of(make_user(Role.REVIEWER))
    assert "Approve refund of 142.00 EUR" in other.get(url(approval)).content.decode()
    other.post(url(approval, "approve"), {"digest": approval.digest})
    approval.refresh_from_db()
    assert approval.status == "approved"


# -- with changes


def test_changed_arguments_are_executed_and_the_money_is_counted_anew(reviewer: User) -> None:
    approval = make_approval()
    response = client_of(reviewer).post(url(approval, "approve"), edits(approval, amount="120.50"), follow=True)
    page = response.content.decode()
    assert "<del>–</del>" in page  # noqa: RUF001  an en dash, as the page has it
    assert "<ins>120.50</ins>" in page
    approval.refresh_from_db()
    assert approval.arguments == {**ASKED, "amount": "120.50"}
    assert approval.asked == ASKED
    assert str(approval.amount) == "120.50000000"


def test_what_is_about_another_thing_is_not_taken_from_the_form(reviewer: User) -> None:
    approval = make_approval()
    data = edits(approval, amount="120.50") | {"argument-order_id": "9999", "argument-customer": "eve@example.com"}
    client_of(reviewer).post(url(approval, "approve"), data)
    approval.refresh_from_db()
    assert approval.arguments == {**ASKED, "amount": "120.50"}


def test_an_amount_taken_out_is_the_whole_again(reviewer: User) -> None:
    approval = make_approval(arguments={**ASKED, "amount": "120.00"}, amount="120.00")
    client_of(reviewer).post(url(approval, "approve"), edits(approval, amount=""))
    approval.refresh_from_db()
    assert approval.arguments == ASKED
    assert str(approval.amount) == "142.00000000"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"amount": "lots"}, "It is not written as the tool takes it."),
        ({"reason": "x" * 301}, "It is too long for the tool."),
        ({"reason": ""}, "This field is required."),
        ({"amount": "600.00"}, "Like this it needs 2 people with the role reviewer."),
    ],
    ids=["pattern", "long", "missing", "policy"],
)
def test_what_the_tool_or_the_policies_refuse_is_said_and_kept(
    reviewer: User, changes: dict[str, str], words: str
) -> None:
    approval = make_approval()
    response = client_of(reviewer).post(url(approval, "approve"), edits(approval, **changes))
    page = response.content.decode()
    assert response.status_code == 422
    assert words in page
    assert all(value in page for value in changes.values())
    assert 'aria-invalid="true"' in page or "policy" in words or "Like this" in words
    approval.refresh_from_db()
    assert (approval.status, approval.arguments) == ("pending", ASKED)


def test_the_policies_may_say_no(reviewer: User) -> None:
    """Cancelling is free up to an amount; this rule is gone, so nothing permits it."""
    approval = make_approval(seen={"facts": {"total": "142.00", "refunded": "0.00"}, "verified": False})
    response = client_of(reviewer).post(url(approval, "approve"), edits(approval, amount="120.50"))
    assert response.status_code == 422
    assert "The policies do not allow it like this." in response.content.decode()


def test_a_change_is_shown_before_it_is_approved(reviewer: User, analyst: User) -> None:
    approval = make_approval()
    data = edits(approval, amount="120.50")
    fragment = client_of(reviewer).post(url(approval, "check"), data, headers=HTMX).content.decode()
    assert fragment.lstrip().startswith('<div class="approval-change')
    assert "Approve refund of 120.50 EUR" in fragment
    assert "<ins>120.50</ins>" in fragment
    page = client_of(reviewer).post(url(approval, "check"), data).content.decode()
    assert 'value="120.50"' in page
    assert "<html" in page
    assert client_of(reviewer).post(url(approval, "check"), edits(approval, amount="x")).status_code == 422
    approval.refresh_from_db()
    assert approval.arguments == ASKED


def test_each_type_has_its_editor(reviewer: User) -> None:
    properties = {
        "order_id": {"type": "string"},
        "kind": {"type": "string", "enum": ["whole", "part"]},
        "times": {"type": "integer", "minimum": 1, "maximum": 9},
        "share": {"type": "number"},
        "notify": {"type": "boolean"},
        "on": {"type": "string", "format": "date"},
        "items": {"type": "array", "items": {"type": "string"}},
    }
    PolicySetting.objects.update(mode=PolicySetting.Mode.OFF)
    Tool.objects.filter(name="process_refund").update(
        input_schema={"type": "object", "properties": properties, "required": ["order_id", "kind"]}, amount=None
    )
    asked = {
        "order_id": "1044",
        "kind": "part",
        "times": 2,
        "share": 0.5,
        "notify": True,
        "on": "2026-11-20",
        "items": [],
    }
    approval = make_approval(arguments=asked, amount=None)
    client = client_of(reviewer)
    page = client.get(url(approval)).content.decode()
    for part in ('type="number"', 'type="date"', "<select", 'min="1"', 'value="2026-11-20"'):
        assert part in page, part
    names = {"kind": "whole", "times": "3", "share": "0.25", "notify": "false", "on": "2026-12-01", "items": '["a"]'}
    data = {f"argument-{name}": value for name, value in names.items()} | {"digest": approval.digest, "edit": "1"}
    assert client.post(url(approval, "approve"), {**data, "argument-times": "12"}).status_code == 422
    assert client.post(url(approval, "approve"), {**data, "argument-items": "[a"}).status_code == 422
    client.post(url(approval, "approve"), data)
    approval.refresh_from_db()
    wanted = {"kind": "whole", "times": 3, "share": 0.25, "notify": False, "on": "2026-12-01", "items": ["a"]}
    assert approval.arguments == {"order_id": "1044", **wanted}


# -- rejecting, taking over, putting off


def test_the_agent_is_told_why_not(reviewer: User) -> None:
    approval = make_approval()
    client = client_of(reviewer)
    response = client.post(url(approval, "reject"), {"digest": approval.digest, "reason": " Ask for a photo first. "})
    assert response.status_code == 302
    approval.refresh_from_db()
    assert (approval.status, approval.reason) == ("rejected", "Ask for a photo first.")
    assert "The agent was told:" in client.get(url(approval)).content.decode()


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\x00b"], ids=["none", "blank", "long", "nul"])
def test_a_no_needs_a_reason_and_keeps_what_was_written(reviewer: User, reason: str) -> None:
    approval = make_approval()
    response = client_of(reviewer).post(url(approval, "reject"), {"digest": approval.digest, "reason": reason})
    assert response.status_code == 422
    assert reason.strip("\x00 ")[:40] in response.content.decode()
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_taking_over_withdraws_it(support: User) -> None:
    approval = make_approval()
    response = client_of(support).post(url(approval, "take-over"), {"digest": approval.digest})
    assert response.headers["Location"] == f"/inbox/{approval.session_id}/"
    approval.refresh_from_db()
    assert approval.status == "cancelled"
    assert Session.objects.get(pk=approval.session_id).assignee == support
    assert Turn.objects.get(pk=approval.call.turn_id).status == Turn.Status.SILENCED
    assert client_of(support).post(url(approval, "take-over"), {"digest": approval.digest}).status_code == 409


def test_it_is_put_off_and_comes_back(reviewer: User) -> None:
    approval = make_approval()
    client = client_of(reviewer)
    assert client.post(url(approval, "snooze"), {"for": "4h"}, follow=True).status_code == 200
    approval.refresh_from_db()
    assert approval.snoozed_until > timezone.now() + timedelta(hours=3)
    assert "Sleeps until" in client.get(url(approval)).content.decode()
    ending = make_approval(expires_at=timezone.now() + timedelta(minutes=30))
    client.post(url(ending, "snooze"), {"for": "tomorrow"})
    ending.refresh_from_db()
    assert ending.snoozed_until == ending.expires_at
    assert client.post(url(approval, "snooze"), {"for": "ever"}).status_code == 422
