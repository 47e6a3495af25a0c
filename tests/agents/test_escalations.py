from __future__ import annotations

import asyncio
import smtplib
import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import Message as Mail
from functools import partial

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage
from django.db import connection
from django.utils import timezone

from agents import notify
from agents.decisions import (
    Conflict,
    Next,
    answer_escalation,
    claim_escalation,
    claim_oldest,
    release_escalation,
    resolve_escalation,
    take_escalation,
)
from agents.escalations import claim, resolve
from agents.models import Escalation, Message, Session, Turn, TurnEvent
from observability.access import Role
from tests.factories import make_customer, make_escalation, make_message, make_session, make_user

pytestmark = pytest.mark.django_db


def at_once(*works: Callable[[], object]) -> list[object]:
    """The results of works begun at the same moment, each in a thread with a connection of its own."""
    gate = threading.Barrier(len(works))
    results: list[object] = [None] * len(works)

    def run(number: int) -> None:
        try:
            gate.wait(60)
            results[number] = works[number]()
        except Exception as error:  # noqa: BLE001  the test looks at what was raised
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[number]) for number in range(len(works))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


# -- claim


def test_a_claim_makes_the_escalation_and_the_session_mine(support: User) -> None:
    escalation = make_escalation(make_session(controller=Session.Controller.AGENT))
    claim_escalation(escalation, user=support)
    escalation.refresh_from_db()
    assert (escalation.status, escalation.assignee) == (Escalation.Status.CLAIMED, support)
    assert escalation.claimed_at is not None
    session = Session.objects.get(pk=escalation.session_id)
    assert (session.controller, session.assignee) == (Session.Controller.HUMAN, support)
    assert TurnEvent.objects.get(session=session).data == {"status": "claimed"}


def test_claiming_twice_is_no_conflict_for_the_same_person(support: User) -> None:
    escalation = make_escalation()
    claim_escalation(escalation, user=support)
    claim_escalation(escalation, user=support)


def test_the_second_claim_names_the_first(support: User, reviewer: User) -> None:
    escalation = make_escalation()
    claim_escalation(escalation, user=reviewer)
    with pytest.raises(Conflict, match="Already claimed by Reviewer"):
        claim_escalation(escalation, user=support)
    resolve_escalation(escalation, user=reviewer, resolution="Done.", then=Next.KEEP)
    with pytest.raises(Conflict, match="Already resolved by Reviewer"):
        claim_escalation(escalation, user=support)


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_claims_at_once_one_wins(support: User, reviewer: User) -> None:
    for _ in range(5):
        escalation = make_escalation()
        claims = [partial(claim_escalation, escalation, user=user) for user in (support, reviewer)]
        results = at_once(*claims)
        assert sorted(map(str, results))[1] == "None"
        escalation.refresh_from_db()
        winner, loser = (support, 1) if results[0] is None else (reviewer, 0)
        assert escalation.assignee == winner
        assert isinstance(results[loser], Conflict)
        assert str(results[loser]) == f"Already claimed by {winner.first_name}."
        assert Session.objects.get(pk=escalation.session_id).assignee == winner
        escalation.session.delete()


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_two_people_who_claim_the_oldest_get_two(support: User, reviewer: User) -> None:
    rows = {make_escalation().pk, make_escalation().pk}
    results = at_once(lambda: claim_oldest(user=support), lambda: claim_oldest(user=reviewer))
    assert {row.pk for row in results if isinstance(row, Escalation)} == rows


def test_the_oldest_is_claimed_first(support: User) -> None:
    assert claim_oldest(user=support) is None
    make_escalation()
    old = make_escalation(opened_at=timezone.now() - timedelta(hours=1))
    assert claim_oldest(user=support) == old


# -- release, take


def test_a_released_one_is_open_again_and_nobodys(support: User, reviewer: User) -> None:
    escalation = make_escalation()
    claim_escalation(escalation, user=support)
    with pytest.raises(Conflict, match="Already claimed by Support"):
        release_escalation(escalation, user=reviewer)
    release_escalation(escalation, user=support)
    escalation.refresh_from_db()
    assert (escalation.status, escalation.assignee, escalation.claimed_at) == (Escalation.Status.OPEN, None, None)
    assert Session.objects.get(pk=escalation.session_id).assignee is None
    with pytest.raises(Conflict, match="back in the queue"):
        release_escalation(escalation, user=support)


def test_it_is_taken_from_the_one_who_was_named_and_from_nobody_else(support: User, reviewer: User) -> None:
    escalation = make_escalation()
    claim_escalation(escalation, user=reviewer)
    claimed_at = Escalation.objects.get(pk=escalation.pk).claimed_at
    third = make_user(Role.SUPPORT)
    with pytest.raises(Conflict, match="Already claimed by Reviewer"):
        take_escalation(escalation, holder_id=third.pk, user=support)
    take_escalation(escalation, holder_id=reviewer.pk, user=support)
    escalation.refresh_from_db()
    assert (escalation.assignee, escalation.claimed_at) == (support, claimed_at)
    assert Session.objects.get(pk=escalation.session_id).assignee == support
    with pytest.raises(Conflict, match="Already claimed by Support"):
        answer_escalation(escalation, user=reviewer, text="Too late.", then=None)


# -- answer, resolve


def test_answering_claims_and_the_customer_sees_it(support: User) -> None:
    escalation = make_escalation()
    answer_escalation(escalation, user=support, text="I look into it.", then=None)
    escalation.refresh_from_db()
    assert (escalation.status, escalation.assignee) == (Escalation.Status.CLAIMED, support)
    said = Message.objects.get(session_id=escalation.session_id)
    assert (said.text, said.author, said.visibility, said.user) == ("I look into it.", "person", "public", support)


@pytest.mark.parametrize(
    ("then", "controller"),
    [(Next.HAND_BACK, "agent"), (Next.KEEP, "human"), (Next.CLOSE, "closed"), (Next.CLOSE_UNSOLVED, "closed")],
)
def test_answering_and_resolving_is_one_step(support: User, then: Next, controller: str) -> None:
    escalation = make_escalation()
    answer_escalation(escalation, user=support, text="You will have it tomorrow.", then=then)
    escalation.refresh_from_db()
    assert (escalation.status, escalation.resolution) == ("resolved", "Answered: You will have it tomorrow.")
    assert Session.objects.get(pk=escalation.session_id).controller == controller
    assert not Turn.objects.exists()  # the customer has been answered; the agent has nothing to say


def test_handing_back_unanswered_gives_the_agent_a_turn(support: User) -> None:
    session = make_session(controller=Session.Controller.HUMAN, waiting_since=timezone.now())
    make_message(session)
    resolve_escalation(make_escalation(session), user=support, resolution="Policy added.", then=Next.HAND_BACK)
    assert Turn.objects.get(session=session).status == Turn.Status.QUEUED


def test_an_answer_in_a_closed_conversation_changes_nothing(support: User) -> None:
    session = make_session(controller=Session.Controller.CLOSED, closed_at=timezone.now())
    escalation = make_escalation(session)
    with pytest.raises(Conflict, match="closed"):
        answer_escalation(escalation, user=support, text="Hello?", then=Next.CLOSE)
    escalation.refresh_from_db()
    assert escalation.status == Escalation.Status.OPEN
    assert not Message.objects.exists()
    resolve_escalation(escalation, user=support, resolution="The customer has left.", then=Next.KEEP)


def test_what_somebody_else_holds_is_not_resolved(support: User, reviewer: User) -> None:
    escalation = make_escalation()
    assert claim(escalation, user=reviewer)
    assert not resolve(escalation, user=support, resolution="Mine.")
    assert resolve(escalation, user=reviewer, resolution="Mine.")
    assert not resolve(escalation, user=reviewer, resolution="Again.")


# -- who is told


@pytest.fixture
def team() -> list[User]:
    make_user(None, "stranger@example.org")
    make_user(Role.ANALYST, "analyst@example.org")
    gone = make_user(Role.SUPPORT, "gone@example.org")
    User.objects.filter(pk=gone.pk).update(is_active=False)
    return [make_user(Role.REVIEWER, "reviewer@example.org"), make_user(Role.SUPPORT, "support@example.org")]


def test_one_mail_tells_the_team(team: list[User], mailoutbox: list[EmailMessage], settings) -> None:
    settings.PUBLIC_URL = "https://desk.example"
    escalation = make_escalation(
        make_session(customer=make_customer(name="Ada & Co")),
        reason=Escalation.Reason.CUSTOMER_REQUESTED,
        summary="Wants <b>Ben</b> to call back.",
    )
    notify.send_notices(str(escalation.session_id))
    notify.send_notices(str(escalation.session_id))
    [mail] = mailoutbox
    assert mail.subject == f"{escalation.label}: customer asked for a person"
    assert mail.recipients() == ["reviewer@example.org", "support@example.org"]
    assert mail.to == []
    assert "Ada & Co is waiting" in mail.body
    assert "Wants <b>Ben</b> to call back." in mail.body
    assert f"https://desk.example/queue/{escalation.pk}/" in mail.body
    escalation.refresh_from_db()
    assert escalation.notified_at is not None
    assert escalation.notice_held_until is None


def test_nobody_is_told_of_what_is_claimed_already(
    team: list[User], support: User, mailoutbox: list[EmailMessage]
) -> None:
    escalation = make_escalation()
    claim_escalation(escalation, user=support)
    notify.send_notices(str(escalation.session_id))
    assert mailoutbox == []


def test_the_sweeper_finds_what_was_missed_and_leaves_what_is_fresh(
    team: list[User], mailoutbox: list[EmailMessage]
) -> None:
    now = timezone.now()
    make_escalation()  # its own nudge is on the way
    make_escalation(opened_at=now - timedelta(days=2))  # no news any more
    make_escalation(opened_at=now - timedelta(minutes=5), notified_at=now)
    make_escalation(opened_at=now - timedelta(minutes=5), notice_held_until=now + timedelta(seconds=30))
    died = make_escalation(opened_at=now - timedelta(minutes=5), notice_held_until=now - timedelta(seconds=1))
    missed = make_escalation(opened_at=now - timedelta(minutes=4))
    notify.sweep_notices()
    assert [mail.subject.split(":")[0] for mail in mailoutbox] == [died.label, missed.label]


def test_without_anybody_to_tell_it_is_done(mailoutbox: list[EmailMessage]) -> None:
    escalation = make_escalation()
    notify.send_notices(str(escalation.session_id))
    escalation.refresh_from_db()
    assert escalation.notified_at is not None
    assert mailoutbox == []


@pytest.mark.django_db(transaction=True, serialized_rollback=True)
def test_of_two_nudges_at_once_one_sends(team: list[User], mailoutbox: list[EmailMessage]) -> None:
    escalation = make_escalation()
    at_once(*[lambda: notify.send_notices(str(escalation.session_id))] * 2)
    assert len(mailoutbox) == 1


def test_a_nudge_is_heard(team: list[User], mailoutbox: list[EmailMessage]) -> None:
    escalation = make_escalation()
    notify.send_notices.apply(args=(str(escalation.session_id),)).get()
    assert len(mailoutbox) == 1


# -- a real mail server


class MailServer:
    """The least of SMTP (RFC 5321) that Django's backend speaks with; `refuses` answers 451 to the text."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], Mail]] = []
        self.refuses = False
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.is_up = threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)

    def run(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(asyncio.start_server(self.talk, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        self.is_up.set()
        self.loop.run_forever()
        server.close()
        self.loop.run_until_complete(server.wait_closed())
        self.loop.close()

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 test\r\n")
        recipients: list[str] = []
        while line := await reader.readline():
            word = line[:4].upper()
            if word == b"DATA":
                writer.write(b"354 go on\r\n")
                text = (await reader.readuntil(b"\r\n.\r\n"))[:-3]
                if not self.refuses:
                    self.mails.append((recipients, message_from_bytes(text)))
                writer.write(b"451 later\r\n" if self.refuses else b"250 taken\r\n")
                continue
            if word == b"RCPT":
                recipients.append(line.decode().partition("<")[2].partition(">")[0])
            writer.write(b"221 bye\r\n" if word == b"QUIT" else b"250 ok\r\n")
            if word == b"QUIT":
                break
        writer.close()


@pytest.fixture
def mail_server(settings) -> Iterator[MailServer]:
    server = MailServer()
    server.thread.start()
    assert server.is_up.wait(60)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield server
    server.loop.call_soon_threadsafe(server.loop.stop)
    server.thread.join(60)


def test_a_mail_server_gets_it_once(team: list[User], mail_server: MailServer) -> None:
    escalation = make_escalation(summary="Die Rückgabefrist ist vorbei.")
    notify.send_notices(str(escalation.session_id))
    notify.send_notices(str(escalation.session_id))
    [(recipients, mail)] = mail_server.mails
    assert recipients == ["reviewer@example.org", "support@example.org"]
    assert mail["Subject"] == f"{escalation.label}: policy restriction"
    assert mail["Message-ID"] == f"<escalation-{escalation.pk}@127.0.0.1>"
    assert mail["Bcc"] is None
    assert "reviewer@example.org" not in mail.as_string()
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "Die Rückgabefrist ist vorbei." in body.decode()


def test_a_mail_server_that_refuses_is_asked_again(
    team: list[User], mail_server: MailServer, caplog: pytest.LogCaptureFixture
) -> None:
    mail_server.refuses = True
    escalation = make_escalation(opened_at=timezone.now() - timedelta(minutes=1))
    assert not notify.send_notice(escalation.pk)
    assert notify.send_notice(escalation.pk)  # held: there is nothing to send for a minute
    mail_server.refuses = False
    Escalation.objects.update(notice_held_until=timezone.now())
    notify.sweep_notices()
    assert len(mail_server.mails) == 1
    escalation.refresh_from_db()
    assert escalation.notified_at is not None


def test_a_mail_server_that_is_away_is_asked_again(team: list[User], settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    escalation = make_escalation()
    assert not notify.send_notice(escalation.pk)
    escalation.refresh_from_db()
    assert escalation.notified_at is None
    assert escalation.notice_held_until is not None
    assert issubclass(smtplib.SMTPException, OSError)  # what `send_notice` catches
