"""An escalation is told under the bell, by channels, and by e-mail; each once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.mail import EmailMessage
from django.utils import timezone

from agents import notify
from agents.models import Escalation
from observability.access import Role
from observability.models import Delivery, Event, Notice, NotificationChannel, Subscription
from tests.agents.approval_cases import make_approval
from tests.factories import make_escalation, make_user
from tools.models import Approval

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _team() -> None:
    make_user(Role.SUPPORT, "support@example.org")
    make_user(Role.REVIEWER, "reviewer@example.org")


def channel(kind: str, **fields: object) -> NotificationChannel:
    made = NotificationChannel.objects.create(kind=kind, name=kind, **fields)
    Subscription.objects.create(event=Event.ESCALATION, channel=made)
    return made


def test_it_is_told_under_the_bell_and_by_mail(mailoutbox: list[EmailMessage]) -> None:
    escalation = make_escalation(summary="Ada wants her money back.")
    for _ in range(2):
        notify.send_notices(str(escalation.session_id))
    notice = Notice.objects.get()
    assert notice.title == f"{escalation.label} waits for a person: policy restriction"
    assert notice.path == f"/queue/{escalation.pk}/"
    assert notice.roles == ["support", "reviewer"]
    assert notice.in_app
    assert "Ada" not in notice.title + notice.text  # a channel may lead out of the house
    assert [sorted(mail.bcc) for mail in mailoutbox] == [["reviewer@example.org", "support@example.org"]]


def test_told_once_however_often_the_mail_fails(settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    escalation = make_escalation()
    for _ in range(2):
        assert not notify.send_notice(escalation.pk)
        Escalation.objects.update(notice_held_until=timezone.now() - timedelta(seconds=1))
    assert Notice.objects.count() == 1


def test_a_channel_of_mail_takes_its_place(mailoutbox: list[EmailMessage]) -> None:
    made = channel("email", addresses="oncall@example.org")
    escalation = make_escalation()
    notify.send_notices(str(escalation.session_id))
    assert mailoutbox == []
    assert Delivery.objects.get().channel == made
    escalation.refresh_from_db()
    assert escalation.notified_at is not None


@pytest.mark.parametrize(("kind", "enabled"), [("slack", True), ("email", False)])
def test_other_channels_do_not(kind: str, enabled: bool, mailoutbox: list[EmailMessage]) -> None:
    channel(kind, enabled=enabled)
    notify.send_notices(str(make_escalation().session_id))
    assert len(mailoutbox) == 1


# -- approvals
def test_an_approval_is_told_once_to_those_who_decide_it(django_assert_num_queries) -> None:
    approval = make_approval(role="reviewer")
    for _ in range(2):
        notify.tell_approvals()
    notice = Notice.objects.get()
    assert (notice.event, notice.title) == (Event.APPROVAL, f"{approval.label} wants a decision: process_refund")
    assert notice.path == f"/approvals/{approval.pk}/"
    assert notice.roles == ["reviewer"]
    with django_assert_num_queries(2):
        notify.tell_approvals()


def test_and_once_more_before_it_runs_out() -> None:
    approval = make_approval(expires_at=timezone.now() + timedelta(hours=24))
    notify.tell_approvals()
    Approval.objects.update(
        requested_at=timezone.now() - timedelta(hours=23, minutes=30), expires_at=timezone.now() + timedelta(minutes=30)
    )
    for _ in range(2):
        notify.tell_approvals()
    assert sorted(Notice.objects.values_list("event", "title")) == [
        (Event.APPROVAL, f"{approval.label} wants a decision: process_refund"),
        (Event.APPROVAL_EXPIRING, f"{approval.label} runs out within the hour: process_refund"),
    ]


def test_a_short_one_and_a_decided_one_are_not_told_again() -> None:
    make_approval(expires_at=timezone.now() + timedelta(minutes=40))
    make_approval(status=Approval.Status.REJECTED, decided_at=timezone.now())
    notify.tell_approvals()
    assert list(Notice.objects.values_list("event", flat=True)) == [Event.APPROVAL]
