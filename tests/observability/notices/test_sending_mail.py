"""Notices by e-mail, to a real server: to whom, under which id, and what becomes of one that is not taken."""

from __future__ import annotations

from email.message import Message as Mail

import pytest

from observability.access import Role
from observability.models import Delivery, NotificationChannel
from observability.notice_sending import send_deliveries
from observability.notices import tell_channel
from tests.agents.test_escalations import MailServer
from tests.factories import make_user
from tests.observability.notices.conftest import MakeChannel, again, tell_stop

pytestmark = pytest.mark.django_db
State = Delivery.State
Kind = NotificationChannel.Kind


def text_of(mail: Mail) -> str:
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    return body.decode()


def test_mail_to_the_people_of_the_roles(mail_server: MailServer, make_channel: MakeChannel) -> None:
    for role in (Role.SUPPORT, Role.REVIEWER, Role.ANALYST, Role.ADMIN):
        make_user(role, f"{role}@example.org")
    gone = make_user(Role.SUPPORT, "gone@example.org")
    gone.is_active = False
    gone.save()
    make_channel(Kind.EMAIL)
    delivery = tell_stop(roles=[Role.SUPPORT, Role.REVIEWER], title="Stopped:\r\nBcc: x@example.org", text="Über alles")
    send_deliveries()
    [(recipients, mail)] = mail_server.mails
    assert recipients == ["reviewer@example.org", "support@example.org"]
    assert mail["Message-ID"] == f"<delivery-{delivery.pk}@127.0.0.1>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "Stopped: Bcc: x@example.org"
    assert mail["Bcc"] is None
    assert "support@example.org" not in mail.as_string()
    assert text_of(mail).startswith("Über alles\r\n\r\nhttp://127.0.0.1:8000/limits/")


def test_mail_to_admins_where_no_role_is_named(mail_server: MailServer, make_channel: MakeChannel) -> None:
    make_user(Role.SUPPORT, "support@example.org")
    make_user(Role.ADMIN, "admin@example.org")
    channel = make_channel(Kind.EMAIL)
    tell_channel(channel)
    send_deliveries()
    assert [recipients for recipients, _ in mail_server.mails] == [["admin@example.org"]]


def test_mail_to_the_addresses_of_the_channel(mail_server: MailServer, make_channel: MakeChannel) -> None:
    make_user(Role.SUPPORT, "support@example.org")
    make_channel(Kind.EMAIL, addresses="ops@example.org\noncall@example.org\nops@example.org\n")
    tell_stop()
    send_deliveries()
    assert [recipients for recipients, _ in mail_server.mails] == [["oncall@example.org", "ops@example.org"]]


def test_nobody_to_write_to(mail_server: MailServer, make_channel: MakeChannel) -> None:
    channel = make_channel(Kind.EMAIL)
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.state == State.GAVE_UP
    assert delivery.error.startswith("There is nobody to write to")
    channel.refresh_from_db()
    assert channel.failing_since is None


def test_a_mail_server_that_refuses_is_asked_again(mail_server: MailServer, make_channel: MakeChannel) -> None:
    make_channel(Kind.EMAIL, addresses="ops@example.org")
    mail_server.refuses = True
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.state == State.QUEUED
    assert delivery.error == f"The mail server 127.0.0.1:{mail_server.port} did not take it: 451."
    mail_server.refuses = False
    again()
    delivery.refresh_from_db()
    assert delivery.state == State.SENT
    assert len(mail_server.mails) == 1


def test_a_mail_server_that_is_away(settings, make_channel: MakeChannel) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    make_channel(Kind.EMAIL, addresses="ops@example.org")
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.error == "The mail server 127.0.0.1:1 did not take it: ConnectionRefusedError."
