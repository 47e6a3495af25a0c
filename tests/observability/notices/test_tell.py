"""What is told: once per key, to whom, and where it is to go."""

from __future__ import annotations

import threading

import pytest
from django.db import connection, transaction

from observability.access import Role
from observability.models import Delivery, Event, Notice, NotificationChannel, Subscription
from observability.notices import MUTED, count_unseen, mark_seen, notices_for, tell
from tests.factories import make_user

pytestmark = pytest.mark.django_db


def make_channel(name: str = "Desk", **fields: object) -> NotificationChannel:
    return NotificationChannel.objects.create(kind=NotificationChannel.Kind.EMAIL, name=name, **fields)


def tell_stop(key: str = "stop:1", **fields: object) -> Notice | None:
    return tell(Event.STOP, **{"key": key, "title": "Everything was stopped", **fields})


def test_told_once_in_the_application() -> None:
    notice = tell_stop(text="By Grace", path="/limits/")
    assert notice is not None
    assert tell_stop(title="Once more") is None
    found = Notice.objects.get()
    assert (found.title, found.text, found.path) == ("Everything was stopped", "By Grace", "/limits/")
    assert found.pk == notice.pk
    assert found.in_app
    assert found.roles == ["support", "reviewer", "analyst"]
    assert not Delivery.objects.exists()


def test_what_is_rolled_back_was_never_told() -> None:
    with transaction.atomic():
        tell_stop()
        transaction.set_rollback(True)
    assert not Notice.objects.exists()
    assert tell_stop() is not None


def test_a_delivery_for_each_enabled_channel_that_is_ticked() -> None:
    ticked, disabled, other = make_channel("a"), make_channel("b", enabled=False), make_channel("c")
    for channel in (ticked, disabled):
        Subscription.objects.create(event=Event.STOP, channel=channel)
    Subscription.objects.create(event=Event.ALERT, channel=other)
    notice = tell_stop()
    assert [delivery.channel for delivery in notice.deliveries.all()] == [ticked]
    assert not notice.in_app  # a row for the event, and none of it for the application
    assert Delivery.objects.get().state == Delivery.State.QUEUED


def test_the_application_is_ticked_beside_a_channel() -> None:
    Subscription.objects.create(event=Event.STOP, channel=make_channel())
    Subscription.objects.create(event=Event.STOP, channel=None)
    assert tell_stop().in_app


def test_a_muted_event_is_told_nowhere_and_once() -> None:
    Subscription.objects.create(event=MUTED + Event.STOP, channel=None)
    assert not tell_stop().in_app
    assert tell_stop() is None
    assert tell(Event.ALERT, key="alert:1", title="Latency").in_app


def test_long_and_unwelcome_texts() -> None:
    notice = tell_stop(key="k" * 300, title="a\x00b\ud800" + "c" * 300, text="d" * 2000, path="/" + "e" * 600)
    notice.refresh_from_db()
    assert notice.title.startswith("ab?cc")
    assert len(notice.title) == 200
    assert notice.title.endswith("…")
    assert len(notice.text) == 1000
    assert notice.path == ""
    assert len(notice.key) == 200
    assert tell_stop(key="k" * 300) is None
    assert tell_stop(key="k" * 301) is not None


def test_a_test_says_that_it_is_one() -> None:
    notice = tell_stop(is_test=True)
    assert notice.is_test
    assert notice.title == "Test: Everything was stopped"


def test_everybody_sees_what_their_role_should_know() -> None:
    tell(Event.ALERT, key="a", title="for analysts")
    tell(Event.ALERT, key="b", title="for reviewers", roles=[Role.REVIEWER])
    tell(Event.TOOL_CHANGED, key="c", title="for admins")
    seen = {role: [n.title for n in notices_for(make_user(role))] for role in (Role.ANALYST, Role.REVIEWER, Role.ADMIN)}
    assert seen == {
        Role.ANALYST: ["for analysts"],
        Role.REVIEWER: ["for reviewers"],
        Role.ADMIN: ["for admins", "for reviewers", "for analysts"],
    }
    assert not notices_for(make_user(None)).exists()


def test_what_is_unseen_is_counted_until_it_was_seen() -> None:
    tell_stop("before")  # older than the account
    user = make_user(Role.SUPPORT)
    assert count_unseen(user) == 0
    first, second = tell_stop("1"), tell_stop("2")
    assert count_unseen(user) == 2
    mark_seen(user, until=first.at)
    assert count_unseen(user) == 1
    mark_seen(user, until=second.at)
    mark_seen(user, until=first.at)  # an older page, open in another window
    assert count_unseen(user) == 0


@pytest.mark.django_db(transaction=True)
def test_two_at_once_tell_it_once() -> None:
    Subscription.objects.create(event=Event.STOP, channel=make_channel())
    told: list[Notice | None] = []
    ready = threading.Barrier(4)

    def run() -> None:
        try:
            ready.wait()
            told.append(tell_stop())
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([notice for notice in told if notice]) == 1
    assert Notice.objects.count() == Delivery.objects.count() == 1


def test_one_statement(django_assert_num_queries: pytest.FixtureRequest) -> None:
    with django_assert_num_queries(1):
        tell_stop()
