"""Channels to real servers on this machine, and the client that the product sends with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.utils import timezone

from agents.outgoing import SafeClient
from observability import notice_channels, notice_sending
from observability.models import Delivery, Event, NotificationChannel, Subscription
from observability.notice_channels import save_channel
from observability.notice_sending import send_deliveries
from observability.notices import tell
from tests.agents.test_escalations import MailServer
from tests.observability.notices.servers import Receiver, receiving

Kind = NotificationChannel.Kind
MakeChannel = Callable[..., NotificationChannel]


@pytest.fixture(autouse=True)
def safe_client(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With patience for a busy machine."""
    monkeypatch.setattr(notice_sending, "POST_SECONDS", 60.0)
    client = SafeClient()
    notice_channels.clients.append(client)
    yield
    notice_channels.clients.remove(client)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def mail_server(settings: Any) -> Iterator[MailServer]:
    server = MailServer()
    server.thread.start()
    assert server.is_up.wait(60)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
    yield server
    server.loop.call_soon_threadsafe(server.loop.stop)
    server.thread.join(60)


@pytest.fixture
def make_channel() -> MakeChannel:
    """A channel that is told of stops."""

    def make(kind: str = Kind.WEBHOOK, name: str = "Desk", *, url: str = "", **fields: Any) -> NotificationChannel:
        channel = NotificationChannel(kind=kind, name=name, **{"is_internal": bool(url), **fields})
        save_channel(channel, url=url)
        Subscription.objects.create(event=Event.STOP, channel=channel)
        return channel

    return make


def tell_stop(key: str = "stop:1", **fields: object) -> Delivery:
    notice = tell(
        Event.STOP,
        **{"key": key, "title": "Everything was stopped", "text": "By Grace", "path": "/limits/", **fields},
    )
    return notice.deliveries.get()


def again() -> None:
    """As if the pause were over."""
    Delivery.objects.filter(state=Delivery.State.QUEUED).update(next_try_at=timezone.now())
    send_deliveries()
