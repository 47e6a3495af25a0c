"""A reader of the desk's pages in a real browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, expect

from tests.consoles import is_complaint
from tests.factories import client_of

Desk = Callable[[User], Page]
# How long a page may take on a busy machine; a test waits only until what it waits for is there.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture
def desk(asgi_server: str, context: BrowserContext) -> Iterator[Desk]:
    """A page whose reader is signed in; it may not complain."""
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # Words that are not understood are answered 422, which Chromium says aloud.
        if is_complaint(message) and "422" not in message.text:
            complaints.append(message.text)

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))

    def of(user: User) -> Page:
        cookie = client_of(user).cookies["sessionid"]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        return page

    yield of
    assert complaints == []
