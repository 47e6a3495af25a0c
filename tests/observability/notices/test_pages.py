"""The bell's list, and the admins' pages: the matrix, the channels, the deliveries."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from observability.access import Role
from observability.models import AuditEntry, Delivery, Event, Notice, NotificationChannel, Subscription
from observability.notice_channels import save_channel, secrets_of, url_of
from observability.notice_matrix import IN_APP, read_matrix
from observability.notice_paging import PAGE_SIZE
from observability.notice_sending import send_deliveries
from observability.notices import count_unseen, tell
from observability.views.notifications import SAMPLE
from tests.factories import client_of, make_user
from tests.observability.notices.conftest import MakeChannel
from tests.observability.notices.servers import Receiver

pytestmark = pytest.mark.django_db
Kind = NotificationChannel.Kind


@pytest.fixture
def admin_user() -> User:
    return make_user(Role.ADMIN, "admin@example.org")


@pytest.fixture
def admin(admin_user: User) -> Client:
    return client_of(admin_user)


@pytest.fixture
def support() -> User:
    return make_user(Role.SUPPORT)


def tell_stop(key: str = "stop:1", **fields: object) -> Notice:
    notice = tell(Event.STOP, **{"key": key, "title": f"Stop {key}", "path": "/limits/", **fields})
    assert notice is not None
    return notice


# -- the bell
def test_the_list_shows_mine_newest_first_and_marks_what_is_new(support: User) -> None:
    tell_stop("a", text="By Grace")
    tell(Event.ALERT, key="alert", title="For analysts only")
    tell_stop("b", tone=Notice.Tone.BAD)
    client = client_of(support)
    page = client.get("/notices/").content.decode()
    assert page.index("Stop b") < page.index("Stop a")
    assert "By Grace" in page
    assert "For analysts only" not in page
    assert page.count("is-new") == 2
    until = re.search(r'name="until" value="([^"]+)"', page)
    assert until
    tell_stop("c")
    client.post("/notices/seen/", {"until": until[1]})
    assert count_unseen(support) == 1
    page = client.get("/notices/").content.decode()
    assert page.count("is-new") == 1


def test_the_bell_counts(support: User) -> None:
    client = client_of(support)
    assert "bell-count" not in client.get("/notices/bell/").content.decode()
    tell_stop("a")
    bell = client.get("/notices/bell/").content.decode()
    assert '<span class="bell-count">1</span>' in bell
    assert 'aria-label="Notices, 1 new"' in bell
    answer = client.post("/notices/seen/", {"until": timezone.now().isoformat()}, headers={"HX-Request": "true"})
    assert "bell-count" not in answer.content.decode()


def test_many_are_counted_up_to_99(support: User) -> None:
    for number in range(101):
        tell_stop(str(number))
    assert ">99+<" in client_of(support).get("/notices/bell/").content.decode()


def test_pages_follow_one_another(support: User) -> None:
    for number in range(PAGE_SIZE + 10):
        tell_stop(f"{number:03}")
    client = client_of(support)
    page = client.get("/notices/").content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    second = client.get("/notices/" + older[1].replace("&amp;", "&")).content.decode()
    titles = re.findall(r"Stop \d{3}", page + second)
    assert titles == [f"Stop {number:03}" for number in reversed(range(PAGE_SIZE + 10))]
    newer = re.search(r'rel="prev" href="([^"]+)"', second)
    assert newer
    assert "Stop 059" in client.get("/notices/" + newer[1].replace("&amp;", "&")).content.decode()


@pytest.mark.parametrize("query", ["before=x", "after=2026-01-01_zz", "event=nothing", "before=2026-01-01T00:00:00_ab"])
def test_no_page_of_ours_links_there(support: User, query: str) -> None:
    assert client_of(support).get(f"/notices/?{query}").status_code == 404


@pytest.mark.parametrize("until", ["", "yesterday", "2026-01-01T00:00:00"])
def test_until_when_must_be_said(support: User, until: str) -> None:
    assert client_of(support).post("/notices/seen/", {"until": until}).status_code == 400


def test_one_event_alone(support: User) -> None:
    tell_stop("a")
    tell(Event.ESCALATION, key="e", title="E-1 waits")
    page = client_of(support).get("/notices/?event=escalation").content.decode()
    assert "E-1 waits" in page
    assert "Stop a" not in page


def test_strangers_and_methods(support: User) -> None:
    assert client_of(make_user(None)).get("/notices/").status_code == 403
    assert Client().get("/notices/").status_code == 302
    assert client_of(support).post("/notices/").status_code == 405
    assert client_of(support).get("/notices/seen/").status_code == 405


# -- the matrix
def test_only_admins(make_channel: MakeChannel, support: User) -> None:
    channel = make_channel(Kind.EMAIL)
    client = client_of(support)
    for path in ("", "channels/new/", f"channels/{channel.pk}/", "deliveries/"):
        assert client.get(f"/notifications/{path}").status_code == 403
    for path in ("", f"channels/{channel.pk}/test/", f"channels/{channel.pk}/delete/"):
        assert client.post(f"/notifications/{path}").status_code == 403


def test_at_first_all_is_told_in_the_application(admin: Client) -> None:
    page = admin.get("/notifications/").content.decode()
    assert page.count(" checked") == len(Event.values)
    assert read_matrix() == {event: frozenset({IN_APP}) for event in Event.values}


def test_the_matrix_is_saved_and_recorded(admin: Client, admin_user: User) -> None:
    channel = NotificationChannel.objects.create(kind=Kind.EMAIL, name="On call")
    ticked = {f"{event}.{IN_APP}": "on" for event in Event.values if event != Event.ANOMALY}
    admin.post("/notifications/", {**ticked, f"stop.{channel.pk}": "on", "stop.unknown": "on"})
    matrix = read_matrix()
    assert matrix[Event.STOP] == {IN_APP, str(channel.pk)}
    assert matrix[Event.ANOMALY] == frozenset()
    assert matrix[Event.ALERT] == {IN_APP}
    assert not tell(Event.ANOMALY, key="a", title="Muted").in_app
    assert tell_stop().deliveries.get().channel == channel
    entry = AuditEntry.objects.get()
    assert (entry.actor_id, entry.action) == (admin_user.pk, "notifications.change")
    assert entry.after == {"stop": ["in the application", "On call"], "anomaly": []}
    assert entry.before == {"stop": ["in the application"], "anomaly": ["in the application"]}
    admin.post("/notifications/", {**ticked, f"stop.{channel.pk}": "on"})
    assert AuditEntry.objects.count() == 1


def test_what_was_muted_stays_so_when_its_channel_goes(admin: Client) -> None:
    channel = NotificationChannel.objects.create(kind=Kind.EMAIL, name="On call")
    admin.post("/notifications/", {f"stop.{channel.pk}": "on"})
    channel.delete()
    assert read_matrix()[Event.STOP] == frozenset()


# -- channels
def test_a_webhook_is_made_and_its_key_shown_once(admin: Client, receiver: Receiver) -> None:
    values = {"name": "Robot", "url": receiver.url, "is_internal": "on", "enabled": "on"}
    answer = admin.post("/notifications/channels/new/?kind=webhook", values)
    channel = NotificationChannel.objects.get()
    key = secrets_of(channel).current
    page = answer.content.decode()
    assert key in page
    assert "no-store" in answer["Cache-Control"]
    assert url_of(channel) == receiver.url
    for path in ("/notifications/", f"/notifications/channels/{channel.pk}/"):
        page = admin.get(path).content.decode()
        assert key not in page
        assert "T0KEN" not in page
        assert "127.0.0.1" in page
    entry = AuditEntry.objects.get()
    assert entry.action == "channel.add"
    assert "T0KEN" not in str(entry.after)
    assert key not in str(entry.after)


@pytest.mark.parametrize(
    ("kind", "values", "problem"),
    [
        ("webhook", {"url": "http://127.0.0.1:9999/x"}, "this machine"),
        ("webhook", {"url": "http://169.254.169.254/latest", "is_internal": "on"}, "link-local"),
        ("slack", {"url": "ftp://example.com/"}, "Nothing was saved"),
        ("slack", {"url": ""}, "This field is required"),
        ("email", {"addresses": "ops@example.org, nobody"}, "is no address"),
        ("email", {"name": ""}, "This field is required"),
    ],
)
def test_what_a_channel_may_not_be(admin: Client, kind: str, values: dict[str, str], problem: str) -> None:
    answer = admin.post(f"/notifications/channels/new/?kind={kind}", {"name": "Robot", "enabled": "on", **values})
    assert answer.status_code == 422
    assert problem in answer.content.decode()
    assert not NotificationChannel.objects.exists()


def test_there_is_no_other_kind(admin: Client) -> None:
    assert admin.get("/notifications/channels/new/?kind=pigeon").status_code == 404


def test_a_channel_of_mail(admin: Client) -> None:
    values = {"name": "On call", "addresses": "b@example.org, a@example.org\nb@example.org", "enabled": "on"}
    answer = admin.post("/notifications/channels/new/?kind=email", values)
    assert answer.status_code == 302
    assert NotificationChannel.objects.get().addresses == "b@example.org\na@example.org"


def test_a_change_keeps_the_address_unless_another_is_given(admin: Client, receiver: Receiver) -> None:
    channel = NotificationChannel(kind=Kind.WEBHOOK, name="Robot", is_internal=True)
    key = save_channel(channel, url=receiver.url)
    address = f"/notifications/channels/{channel.pk}/"
    admin.post(address, {"name": "Robots", "url": "", "is_internal": "on"})
    channel.refresh_from_db()
    assert (channel.name, channel.enabled, url_of(channel)) == ("Robots", False, receiver.url)
    admin.post(address, {"name": "Robots", "url": "https://example.com/hook", "enabled": "on"})
    channel.refresh_from_db()
    assert (channel.host, channel.is_internal, url_of(channel)) == ("example.com", False, "https://example.com/hook")
    assert secrets_of(channel).current == key


def test_an_address_that_is_kept_may_not_lose_its_mark(admin: Client, make_channel: MakeChannel) -> None:
    channel = make_channel(url="http://127.0.0.1:9999/x")
    answer = admin.post(f"/notifications/channels/{channel.pk}/", {"name": "Robot", "url": "", "enabled": "on"})
    assert answer.status_code == 422
    assert "judged anew" in answer.content.decode()


def test_the_test_button_sends_and_shows_what_became_of_it(
    admin: Client, make_channel: MakeChannel, receiver: Receiver
) -> None:
    channel = make_channel(url=receiver.url)
    answer = admin.post(f"/notifications/channels/{channel.pk}/test/", follow=True)
    assert "Waiting" in answer.content.decode()
    send_deliveries()
    there = urlsplit(answer.redirect_chain[-1][0])
    assert "Sent" in admin.get(f"{there.path}?{there.query}").content.decode()
    assert len(receiver.got) == 1
    assert AuditEntry.objects.get().action == "channel.test"


def test_a_new_key(admin: Client, make_channel: MakeChannel, receiver: Receiver) -> None:
    channel = make_channel(url=receiver.url)
    old = secrets_of(channel).current
    page = admin.post(f"/notifications/channels/{channel.pk}/rotate/").content.decode()
    channel.refresh_from_db()
    kept = secrets_of(channel)
    assert kept.before == old
    assert kept.current in page
    assert admin.post(f"/notifications/channels/{make_channel(Kind.EMAIL, 'e').pk}/rotate/").status_code == 404


def test_deleted_with_its_deliveries(admin: Client, make_channel: MakeChannel, receiver: Receiver) -> None:
    channel = make_channel(url=receiver.url)
    tell_stop()
    admin.post(f"/notifications/channels/{channel.pk}/delete/")
    assert not NotificationChannel.objects.exists()
    assert not Delivery.objects.exists()
    assert not Subscription.objects.filter(channel__isnull=False).exists()
    assert AuditEntry.objects.get().before["name"] == "Desk"


def test_the_sample_of_the_page_checks_a_real_signature(make_channel: MakeChannel, receiver: Receiver) -> None:
    channel = make_channel(url=receiver.url)
    tell_stop()
    send_deliveries()
    given: dict[str, object] = {}
    exec(SAMPLE, given)  # noqa: S102  what we tell people to run
    [got] = receiver.got
    check = given["is_from_tandem"]
    signature = got.headers["Tandem-Signature"]
    assert check(signature, got.body, secrets_of(channel).current)
    assert not check(signature, got.body + b" ", secrets_of(channel).current)
    assert not check(signature, got.body, "another key")
    late = signature.replace("t=", "t=1")
    assert not check(late, got.body, secrets_of(channel).current)


# -- deliveries
def test_the_list_of_deliveries_says_what_became_of_each(
    admin: Client, make_channel: MakeChannel, receiver: Receiver
) -> None:
    receiver.answers = [(500, {}, b"oh no")]
    channel = make_channel(url=receiver.url)
    tell_stop("a")
    send_deliveries()
    page = admin.get("/notifications/deliveries/").content.decode()
    assert "Trying again" in page
    assert "It answered 500. oh no" in page
    assert "Desk fails" in admin.get("/notifications/").content.decode()
    assert "Stop a" in admin.get(f"/notifications/deliveries/?state=queued&channel={channel.pk}").content.decode()
    assert "No delivery fits" in admin.get("/notifications/deliveries/?state=sent").content.decode()
    for query in ("state=x", "channel=x", "before=x", "notice=x"):
        assert admin.get(f"/notifications/deliveries/?{query}").status_code == 404


def test_tried_now_and_cancelled_by_hand(admin: Client, make_channel: MakeChannel, receiver: Receiver) -> None:
    receiver.answers = [500]
    make_channel(url=receiver.url)
    delivery = tell_stop().deliveries.get()
    send_deliveries()
    address = f"/notifications/deliveries/{delivery.pk}"
    assert admin.post(f"{address}/cancel/", {"back": "/notifications/?x=1"})["Location"] == "/notifications/?x=1"
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.CANCELLED
    assert admin.post(f"{address}/retry/", {"back": "//evil.example/"})["Location"] == "/notifications/deliveries/"
    send_deliveries()
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.SENT
    for verb in ("cancel", "retry"):
        admin.post(f"{address}/{verb}/")
    delivery.refresh_from_db()
    assert delivery.state == Delivery.State.SENT
    assert sorted(AuditEntry.objects.values_list("action", flat=True)) == ["delivery.cancel", "delivery.retry"]


def test_pages_of_deliveries(admin: Client, make_channel: MakeChannel) -> None:
    make_channel(Kind.EMAIL)
    for number in range(PAGE_SIZE + 5):
        tell_stop(f"{number:03}")
    now = timezone.now()
    Delivery.objects.update(created_at=now - timedelta(hours=1))  # all at once: the ids break the tie
    page = admin.get("/notifications/deliveries/").content.decode()
    older = re.search(r'rel="next" href="([^"]+)"', page)
    assert older
    second = admin.get("/notifications/deliveries/" + older[1].replace("&amp;", "&")).content.decode()
    found = re.findall(r">Stop (\d{3})<", page + second)
    assert sorted(found) == [f"{number:03}" for number in range(PAGE_SIZE + 5)]
