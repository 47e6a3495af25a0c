"""What was told arrives: by real servers that fail, answer late, refuse, or are not there."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from observability.models import Delivery, Notice, NotificationChannel
from observability.notice_channels import OVERLAP, rotate_secret, secrets_of, url_of
from observability.notice_sending import (
    NEWS,
    cancel,
    forget_notices,
    pause_after,
    send,
    send_deliveries,
    try_now,
)
from observability.notices import tell_channel
from observability.vault import open_sealed_text
from tests.observability.notices.conftest import MakeChannel, again, tell_stop
from tests.observability.notices.servers import Receiver

pytestmark = pytest.mark.django_db
State = Delivery.State
Kind = NotificationChannel.Kind


def check_signature(receiver: Receiver, number: int, key: str) -> list[str]:
    """What a receiver does, from the documentation: the signatures that this key made."""
    got = receiver.got[number]
    parts = [part.partition("=") for part in got.headers["Tandem-Signature"].split(",")]
    [at] = [value for name, _, value in parts if name == "t"]
    expected = hmac.new(key.encode(), at.encode() + b"." + got.body, hashlib.sha256).hexdigest()
    assert abs(int(at) - timezone.now().timestamp()) < 300
    return [value for name, _, value in parts if name == "v1" and hmac.compare_digest(value, expected)]


# -- webhooks
def test_a_webhook_that_fails_twice_gets_it_the_third_time(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.answers = [500, (503, {}, b"try later")]
    channel = make_channel(url=receiver.url)
    delivery = tell_stop()
    for attempt, status in ((1, 500), (2, 503)):
        again()
        delivery.refresh_from_db()
        assert (delivery.state, delivery.attempts, delivery.status) == (State.QUEUED, attempt, status)
    assert delivery.error == "It answered 503. try later"
    assert NotificationChannel.objects.exclude(failing_since=None).exists()
    again()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts, delivery.status, delivery.error) == (State.SENT, 3, 200, "")
    assert delivery.sent_at is not None
    assert not NotificationChannel.objects.exclude(failing_since=None).exists()
    assert {got.headers["Tandem-Delivery"] for got in receiver.got} == {str(delivery.pk)}
    key = secrets_of(channel).current
    assert all(check_signature(receiver, number, key) for number in range(3))


def test_what_a_webhook_says(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(url=receiver.url)
    delivery = tell_stop(tone=Notice.Tone.BAD, is_test=True)
    send_deliveries()
    [got] = receiver.got
    assert json.loads(got.body) == {
        "id": str(delivery.notice_id),
        "event": "stop",
        "title": "Test: Everything was stopped",
        "text": "By Grace",
        "url": "http://127.0.0.1:8000/limits/",
        "tone": "bad",
        "at": delivery.notice.at.isoformat(),
        "test": True,
    }
    assert got.path == "/hooks/T0KEN-secret-part"
    assert got.headers["Content-Type"] == "application/json"
    assert got.headers["Tandem-Event"] == "stop"


def test_the_old_key_signs_beside_the_new_one_for_a_while(receiver: Receiver, make_channel: MakeChannel) -> None:
    channel = make_channel(url=receiver.url)
    old = secrets_of(channel).current
    new = rotate_secret(channel)
    assert new != old
    tell_stop()
    send_deliveries()
    assert check_signature(receiver, 0, old)
    assert check_signature(receiver, 0, new)
    assert secrets_of(channel).that_sign(timezone.now() + OVERLAP) == [new]


def test_neither_the_database_nor_an_error_shows_the_address(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.answers = [(404, {}, b"no hook at /hooks/T0KEN-secret-part here")]
    channel = make_channel(url=receiver.url)
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.error == "It answered 404. no hook at /[address] here"
    channel.refresh_from_db()
    assert "T0KEN" not in channel.sealed_url + channel.sealed_secret
    assert channel.host == "127.0.0.1"
    assert url_of(channel) == receiver.url
    with pytest.raises(Exception, match="sealed for something else"):
        open_sealed_text(channel.sealed_url, "notification channel of somebody else: url")


def test_an_address_of_ones_own_network_is_refused_unless_marked(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(url=receiver.url, is_internal=False)
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.state == State.QUEUED
    assert "Nothing was sent. 127.0.0.1 is this machine" in delivery.error
    assert receiver.got == []


def test_a_redirect_is_an_answer_and_not_followed(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.answers = [(302, {"Location": receiver.url}, b"")]
    make_channel(url=receiver.url)
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert (delivery.status, len(receiver.got)) == (302, 1)


def test_nobody_listens(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(url="http://127.0.0.1:9/hooks/T0KEN")
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert "did not answer" in delivery.error or "Nothing was sent" in delivery.error
    assert "T0KEN" not in delivery.error


def test_slack_gets_text_and_blocks(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(Kind.SLACK, url=receiver.url)
    tell_stop(title="A tool <!channel> & more", tone=Notice.Tone.WARN)
    send_deliveries()
    said = json.loads(receiver.got[0].body)
    assert said["text"] == "! A tool &lt;!channel&gt; &amp; more"
    assert [block["text"]["text"] for block in said["blocks"]] == [
        "*! A tool &lt;!channel&gt; &amp; more*\nBy Grace",
        "<http://127.0.0.1:8000/limits/|Open in Tandem>",
    ]
    assert "Tandem-Signature" not in receiver.got[0].headers


# -- retries
def test_pauses_grow_to_an_hour_and_a_server_may_ask_for_longer() -> None:
    minutes = [pause_after(attempt, None) / timedelta(minutes=1) for attempt in (1, 2, 3, 4, 5, 30)]
    assert minutes == [1, 5, 15, 60, 60, 60]
    assert pause_after(1, 120) == timedelta(minutes=2)
    assert pause_after(1, 999_999) == timedelta(hours=1)


def test_a_server_that_asks_for_time_is_given_it(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.answers = [(429, {"Retry-After": "600"}, b"")]
    make_channel(url=receiver.url)
    delivery = tell_stop()
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.next_try_at > timezone.now() + timedelta(minutes=9)


def test_given_up_after_a_day_and_says_so(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.answers = [500, 500]
    make_channel(url=receiver.url)
    delivery = tell_stop()
    Delivery.objects.update(created_at=timezone.now() - NEWS)
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.state == State.GAVE_UP
    assert delivery.error == "Given up after 24 hours. It answered 500."
    assert try_now(delivery)
    send_deliveries()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.attempts) == (State.GAVE_UP, 2)
    assert try_now(delivery)
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.state == State.SENT
    assert not try_now(delivery)


def test_a_failing_channel_is_asked_once_and_not_for_each_that_waits(
    receiver: Receiver, make_channel: MakeChannel
) -> None:
    receiver.answers = [500]
    make_channel(url=receiver.url)
    for number in range(3):
        tell_stop(f"stop:{number}")
    send_deliveries()
    assert len(receiver.got) == 1
    send_deliveries()
    assert len(receiver.got) == 1  # the others wait with it
    first = Delivery.objects.order_by("next_try_at").first()
    Delivery.objects.filter(pk=first.pk).update(next_try_at=timezone.now())
    send_deliveries()
    send_deliveries()
    # It is well again, so the others go at once.
    assert len(receiver.got) == 4
    assert set(Delivery.objects.values_list("state", flat=True)) == {State.SENT}


def test_a_message_that_is_refused_does_not_keep_the_others(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.answers = [400]
    make_channel(url=receiver.url)
    for number in range(3):
        tell_stop(f"stop:{number}")
    send_deliveries()
    assert sorted(Delivery.objects.values_list("state", flat=True)) == [State.QUEUED, State.SENT, State.SENT]
    send_deliveries()
    assert len(receiver.got) == 3


def test_a_dead_senders_hold_runs_out(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(url=receiver.url)
    delivery = tell_stop()
    Delivery.objects.update(held_until=timezone.now() + timedelta(seconds=60), attempts=1)
    assert not send(delivery.pk)
    assert receiver.got == []
    Delivery.objects.update(held_until=timezone.now() - timedelta(seconds=1))
    assert send(delivery.pk)
    assert len(receiver.got) == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_senders_one_sends(receiver: Receiver, make_channel: MakeChannel) -> None:
    receiver.waits.clear()
    make_channel(url=receiver.url)
    delivery = tell_stop()
    done: list[bool] = []

    def run() -> None:
        try:
            done.append(send(delivery.pk))
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    assert receiver.asked.wait(60)
    receiver.waits.set()
    for thread in threads:
        thread.join(60)
    assert sorted(done) == [False, False, False, True]
    assert len(receiver.got) == 1


@pytest.mark.django_db(transaction=True)
def test_nothing_is_open_in_the_database_while_it_waits_for_an_answer(
    receiver: Receiver, make_channel: MakeChannel
) -> None:
    receiver.waits.clear()
    make_channel(url=receiver.url)
    tell_stop()

    def run() -> None:
        send_deliveries()
        connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    assert receiver.asked.wait(60)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND state LIKE 'idle in transaction%'"
        )
        assert cursor.fetchone()[0] == 0
    receiver.waits.set()
    thread.join(60)
    assert Delivery.objects.get().state == State.SENT


# -- by hand
def test_cancelled_is_not_sent(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(url=receiver.url)
    delivery = tell_stop()
    assert cancel(delivery)
    assert not cancel(delivery)
    send_deliveries()
    assert receiver.got == []


def test_switched_off_it_sends_nothing_but_a_test(receiver: Receiver, make_channel: MakeChannel) -> None:
    channel = make_channel(url=receiver.url)
    delivery = tell_stop()
    channel.enabled = False
    channel.save()
    notice = tell_channel(channel)
    send_deliveries()
    delivery.refresh_from_db()
    assert (delivery.state, delivery.error) == (State.GAVE_UP, "The channel was switched off.")
    [got] = receiver.got
    assert json.loads(got.body)["id"] == str(notice.pk)
    assert json.loads(got.body)["test"] is True
    assert not notice.in_app


def test_old_notices_go_with_their_deliveries(receiver: Receiver, make_channel: MakeChannel) -> None:
    make_channel(url=receiver.url)
    tell_stop("old")
    Notice.objects.update(at=timezone.now() - timedelta(days=91))
    fresh = tell_stop("new")
    forget_notices()
    assert [delivery.pk for delivery in Delivery.objects.all()] == [fresh.pk]
    assert Notice.objects.count() == 1
