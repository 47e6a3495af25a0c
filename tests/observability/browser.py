"""A reader of the desk's pages in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, ConsoleMessage, Page

from tests.factories import client_of

Desk = Callable[[User], Page]


@pytest.fixture
def desk(asgi_server: str, context: BrowserContext) -> Iterator[Desk]:
    """A page whose reader is signed in; it may not complain."""
    page = context.new_page()
    page.set_default_timeout(20_000)
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Words that are not understood are answered 422, which Chromium says aloud.
        if message.type == "error" and "422" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def of(user: User) -> Page:
        cookie = client_of(user).cookies["sessionid"]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        return page

    yield of
    assert complaints == []
