"""A call that wants a person's yes: answered at once, and made once when the same call comes again."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.demo_policies import RULES
from observability.access import Role
from tests.factories import make_user
from tests.tools.mcp_server.clients import call, text_of
from tests.tools.mcp_server.conftest import Door, reread
from tests.tools.policies_cases import publish_changed
from tools import approvals, outside
from tools.models import Approval, MoneyUse, ToolCall
from tools.outside import ABANDONED_AFTER, MOST_WAITING, settle_abandoned

REFUND = {"order_id": "1042", "reason": "broken"}


@pytest.fixture
def strict(door: Door) -> Door:
    """Refunds above 10.00 want a reviewer; order 1042 is worth 42.00."""
    publish_changed(small_refunds=RULES["small-refunds"].replace("100.00", "10.00"))
    reread()
    return door


@pytest.fixture
def reviewer(strict: Door) -> User:
    return make_user(Role.REVIEWER)


def ask(door: Door, key: str, **arguments: Any) -> str:
    """What the outside agent reads; an error unless it begins with a brace."""
    result = call(door.address, key, "process_refund", **{**REFUND, **arguments})
    assert result.is_error != text_of(result).startswith("{")
    return text_of(result)


def decide(user: User, verdict: str = "approve", **fields: Any) -> Approval:
    approval = Approval.objects.get(status=Approval.Status.PENDING)
    return approvals.decide(approval, user=user, verdict=verdict, digest=approval.digest, **fields)


def test_a_small_refund_needs_nobody(strict: Door) -> None:
    assert '"5.00"' in ask(strict, strict.key(), amount="5.00")
    assert [refund["amount"] for refund in strict.refunds()] == ["5.00"]
    assert Approval.objects.count() == 0
    assert MoneyUse.objects.get().agent_id == ToolCall.objects.get().key_id


def test_it_waits_and_is_made_once_when_it_is_approved(strict: Door, reviewer: User) -> None:
    key = strict.key()
    first = ask(strict, key)
    approval = Approval.objects.get()
    assert f"waits for a person's approval ({approval.label})" in first
    assert approval.requested_by == strict.owner
    assert ask(strict, key) == first
    assert ask(strict, key, order_id="1042") == first
    assert (Approval.objects.count(), ToolCall.objects.count(), strict.refunds()) == (1, 1, [])
    decide(reviewer)
    assert strict.refunds() == []
    assert "42.00" in ask(strict, key)
    assert [refund["amount"] for refund in strict.refunds()] == ["42.00"]
    row = ToolCall.objects.select_related("approval").get()
    assert (row.state, row.decision, row.approval.status) == ("confirmed", "approval", "used")
    # The yes was for one: the next one is a request of its own, of which nothing is left to refund.
    assert ask(strict, key)
    assert len(strict.refunds()) == 1


def test_of_many_at_the_same_moment_one_makes_it(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer)
    with ThreadPoolExecutor(6) as pool:
        said = list(pool.map(lambda _: ask(strict, key), range(6)))
    assert sum(answer.startswith("{") for answer in said) >= 1
    assert len(strict.refunds()) == 1
    assert ToolCall.objects.filter(state="confirmed").count() == 1
    assert ToolCall.objects.filter(state="sent").count() == 0


def test_of_many_that_ask_at_the_same_moment_one_is_asked_for(strict: Door, reviewer: User) -> None:
    key = strict.key()
    with ThreadPoolExecutor(6) as pool:
        said = set(pool.map(lambda _: ask(strict, key), range(6)))
    approval = Approval.objects.get()
    assert any(approval.label in answer for answer in said)
    decide(reviewer)
    ask(strict, key)
    assert len(strict.refunds()) == 1


def test_other_arguments_are_another_call(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer)
    assert "waits for" in ask(strict, key, amount="41.00")
    assert strict.refunds() == []
    assert Approval.objects.filter(status="pending").count() == 1


def test_an_approval_is_of_its_key_only(strict: Door, reviewer: User) -> None:
    ask(strict, strict.key())
    decide(reviewer)
    assert "waits for" in ask(strict, strict.key())
    assert strict.refunds() == []


def test_a_no_is_told_with_its_reason_and_stands(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer, "reject", reason="The parcel came back empty.")
    for _ in range(3):
        assert "The parcel came back empty." in ask(strict, key)
    assert Approval.objects.count() == 1
    Approval.objects.update(expires_at=timezone.now())
    assert "waits for" in ask(strict, key)
    assert strict.refunds() == []


def test_the_keys_owner_does_not_decide(strict: Door) -> None:
    ask(strict, strict.key())
    with pytest.raises(approvals.NotAllowed):
        decide(strict.owner)


def test_what_a_person_changed_is_what_is_made(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer, arguments={**REFUND, "amount": "20.00"}, amount=20)
    said = ask(strict, key)
    assert '"changed_by_a_person"' in said
    assert [refund["amount"] for refund in strict.refunds()] == ["20.00"]
    assert ToolCall.objects.get().arguments["amount"] == "20.00"


def test_policies_that_changed_meanwhile_void_it(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer)
    publish_changed(hand_over=f"// of something else\n{RULES['hand-over']}")
    reread()
    assert "must be asked for anew" in ask(strict, key)
    assert "waits for" in ask(strict, key)
    assert strict.refunds() == []


def test_what_nobody_decided_runs_out(strict: Door) -> None:
    key = strict.key()
    ask(strict, key)
    Approval.objects.update(expires_at=timezone.now())
    assert "Nobody approved this in time" in ask(strict, key)
    assert Approval.objects.get().status == "expired"
    assert "waits for" in ask(strict, key)


def test_a_yes_that_nobody_used_runs_out(strict: Door, reviewer: User, settings: Any) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer)
    Approval.objects.update(decided_at=timezone.now() - timedelta(seconds=settings.APPROVAL_SECONDS))
    assert "not used in time" in ask(strict, key)
    assert strict.refunds() == []


def test_nobody_is_flooded_with_requests(strict: Door) -> None:
    key, text = strict.made_key()
    ask(strict, text)
    waiting = Approval.objects.get()
    for number in range(MOST_WAITING - 1):
        row = ToolCall.objects.create(
            key_id=key.pk, tool_use_id="1", tool_name="process_refund", arguments={}, digest=f"{number}"
        )
        values = {name: getattr(waiting, name) for name in ("tool_key", "asked", "arguments", "digest", "role")}
        Approval.objects.create(call=row, policy_version=1, expires_at=waiting.expires_at, **values)
    assert "Nothing more is asked" in ask(strict, text, amount="40.00")
    assert Approval.objects.count() == MOST_WAITING
    assert ask(
        strict, text
    ) == f"This waits for a person's approval ({waiting.label}). Call it again with the same " + (
        "arguments once it is approved."
    )


# -- answers that were lost


def test_a_write_whose_process_was_killed_is_found_out_before_it_is_made_again(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer)
    ask(strict, key)
    # As the killed process left it: sent, and nobody knows what came of it.
    ToolCall.objects.update(state="sent", result=None)
    assert "being made already" in ask(strict, key)
    Approval.objects.update(used_at=timezone.now() - ABANDONED_AFTER)
    assert "42.00" in ask(strict, key)
    assert ToolCall.objects.get().state == "confirmed"
    assert len(strict.refunds()) == 1


def test_killed_before_anything_left_it_is_made_by_the_next_call(strict: Door) -> None:
    key = strict.key()
    ask(strict, key, amount="5.00")
    first = ToolCall.objects.get()
    ToolCall.objects.filter(pk=first.pk).update(state="reserved", result=None, created_at=timezone.now())
    assert "being made already" in ask(strict, key, amount="5.00")
    ToolCall.objects.filter(pk=first.pk).update(created_at=timezone.now() - ABANDONED_AFTER)
    assert '"5.00"' in ask(strict, key, amount="5.00")
    first.refresh_from_db()
    assert first.state == "refused"


def test_what_nobody_comes_back_for_is_settled(strict: Door, reviewer: User, settings: Any) -> None:
    key = strict.key()
    ask(strict, key, amount="5.00")
    ask(strict, key)
    assert settle_abandoned() == 0
    sent, waiting = ToolCall.objects.order_by("created_at")
    old = timezone.now() - 2 * ABANDONED_AFTER
    ToolCall.objects.filter(pk=sent.pk).update(state="sent", result=None)
    ToolCall.objects.update(created_at=old)
    assert settle_abandoned() == 1
    sent.refresh_from_db()
    assert (sent.state, len(strict.refunds())) == ("confirmed", 1)
    decide(reviewer)
    assert settle_abandoned() == 0
    Approval.objects.update(decided_at=timezone.now() - timedelta(seconds=settings.APPROVAL_SECONDS))
    assert settle_abandoned() == 1
    waiting.refresh_from_db()
    assert (waiting.state, waiting.approval.status) == ("refused", "cancelled")
    assert len(strict.refunds()) == 1


def test_what_was_sent_by_a_key_that_is_gone_stays_unknown(strict: Door) -> None:
    key, text = strict.made_key()
    ask(strict, text, amount="5.00")
    ToolCall.objects.update(state="sent", result=None, created_at=timezone.now() - ABANDONED_AFTER)
    key.delete()
    assert settle_abandoned() == 1
    assert ToolCall.objects.get().state == "unknown"


def test_a_stop_holds_what_was_approved(strict: Door, reviewer: User) -> None:
    key = strict.key()
    ask(strict, key)
    decide(reviewer)
    outside.switches.append(lambda: frozenset({"process_refund"}))
    assert "switched off" in ask(strict, key)
    assert strict.refunds() == []
