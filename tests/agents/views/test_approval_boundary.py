"""What may not be decided, or not any more; and two people at the same moment."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from agents.models import Message
from observability.access import Role
from tests.agents.approval_cases import decide_as, make_approval, shop_tools
from tests.factories import client_of, make_user
from tools.models import Approval, ApproverLimit

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


def test_what_was_decided_meanwhile_answers_409_with_who_and_what(reviewer: User, support: User) -> None:
    approval = make_approval()
    decide_as(approval, support, status="rejected", reason="No")
    for action, data in (("approve", {}), ("reject", {"reason": "My own words"}), ("take-over", {}), ("snooze", {})):
        response = client_of(reviewer).post(url(approval, action), {"digest": approval.digest, **data})
        page = response.content.decode()
        assert response.status_code == 409, action
        assert "Already rejected by Support. What you sent changed nothing." in page
        assert "Approve refund" not in page


def test_what_ran_out_answers_409(reviewer: User) -> None:
    approval = make_approval(expires_at=timezone.now() - timedelta(seconds=1))
    response = client_of(reviewer).post(url(approval, "approve"), {"digest": approval.digest})
    assert response.status_code == 409
    assert "Nobody decided in time." in response.content.decode()
    approval.refresh_from_db()
    assert approval.status == "pending"


def test_what_was_changed_after_it_was_shown_answers_409(reviewer: User) -> None:
    approval = make_approval(needed=2)
    shown = approval.digest
    other = make_user(Role.REVIEWER)
    assert client_of(other).post(url(approval, "approve"), edits(approval, amount="120.00")).status_code == 302
    response = client_of(reviewer).post(url(approval, "approve"), {"digest": shown})
    page = response.content.decode()
    assert response.status_code == 409
    assert "was changed by somebody else" in page
    assert "Approve refund of 120.00 EUR" in page
    assert "<ins>120.00</ins>" in page
    approval.refresh_from_db()
    assert (approval.status, approval.votes.count()) == ("pending", 1)


def test_who_asked_does_not_decide(reviewer: User) -> None:
    approval = make_approval(requested_by=reviewer)
    client = client_of(reviewer)
    assert "You asked for this yourself" in client.get(url(approval)).content.decode()
    response = client.post(url(approval, "approve"), {"digest": approval.digest})
    assert response.status_code == 403
    assert "You asked for this yourself" in response.content.decode()
    assert not approval.votes.exists()


def test_nobody_approves_more_than_they_may_though_less_of_it(reviewer: User) -> None:
    ApproverLimit.objects.create(user=reviewer, max_amount=100)
    approval = make_approval()
    client = client_of(reviewer)
    page = client.get(url(approval)).content.decode()
    assert "You may approve up to 100.00" in page
    assert "Edit, then approve" in page
    assert 'id="approve"' not in page
    assert client.post(url(approval, "approve"), {"digest": approval.digest}).status_code == 403
    response = client.post(url(approval, "approve"), edits(approval, amount="130.00"))
    assert response.status_code == 403
    assert 'value="130.00"' in response.content.decode()
    assert client.post(url(approval, "approve"), edits(approval, amount="99.00")).status_code == 302
    approval.refresh_from_db()
    assert approval.status == "approved"


def test_other_roles_read_only(support: User, analyst: User) -> None:
    approval = make_approval()
    page = client_of(support).get(url(approval)).content.decode()
    assert "is for a person with the role reviewer" in page
    response = client_of(support).post(url(approval, "approve"), {"digest": approval.digest})
    assert response.status_code == 403
    assert "is for a person with the role reviewer" in response.content.decode()
    client = client_of(analyst)
    assert "Reviewers and admins decide it." in client.get(url(approval)).content.decode()
    for action in POSTS[:-1]:
        assert client.post(url(approval, action), {"digest": approval.digest}).status_code == 403


def test_strangers_and_wrong_methods(stranger: User, reviewer: User, client: Client) -> None:
    approval = make_approval()
    assert client_of(stranger).get(url(approval)).status_code == 403
    assert client.get(url(approval)).headers["Location"].startswith("/accounts/login/")
    assert client_of(reviewer).post(url(approval)).status_code == 405
    for action in POSTS:
        assert client_of(reviewer).get(url(approval, action)).status_code == 405
        assert client_of(stranger).post(url(approval, action)).status_code == 403
    assert client_of(reviewer).get(f"/approvals/{approval.session_id}/").status_code == 404
    assert client_of(reviewer).get("/approvals/").headers["Location"] == "/queue/"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("verdicts", [("approve", "approve"), ("approve", "reject")], ids="-".join)
def test_of_two_at_the_same_moment_one_is_first(verdicts: tuple[str, str]) -> None:
    approval = make_approval()
    clients = [client_of(make_user(Role.REVIEWER)) for _ in verdicts]
    start = threading.Barrier(2)
    answers: list[int] = []

    def decide(client: Client, verdict: str) -> None:
        try:
            start.wait(60)
            data = {"digest": approval.digest, "reason": "Too much"}
            answers.append(client.post(url(approval, verdict), data).status_code)
        finally:
            connection.close()

    threads = [threading.Thread(target=decide, args=pair, daemon=True) for pair in zip(clients, verdicts, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(answers) == [302, 409]
    approval.refresh_from_db()
    assert approval.status in {"approved", "rejected"}
    assert approval.votes.count() == 1
    assert Message.objects.filter(session_id=approval.session_id, author="system").count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_decision_and_a_take_over_never_wait_for_each_other(reviewer: User, support: User) -> None:
    for _ in range(5):
        approval = make_approval()
        pairs = [
            (client_of(reviewer), url(approval, "approve"), {"digest": approval.digest}),
            (client_of(support), f"/inbox/{approval.session_id}/take-over/", {}),
        ]
        start = threading.Barrier(2)
        answers: list[int] = []

        def act(
            client: Client,
            path: str,
            data: dict[str, str],
            start: threading.Barrier = start,
            answers: list[int] = answers,
        ) -> None:
            try:
                start.wait(60)
                answers.append(client.post(path, data).status_code)
            finally:
                connection.close()

        threads = [threading.Thread(target=act, args=pair, daemon=True) for pair in pairs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        assert sorted(answers) in ([302, 302], [302, 409])
        approval.refresh_from_db()
        assert approval.status in {"cancelled", "approved"}
