"""A policy is pasted, changed, found by a question and archived in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from observability.access import Role
from tests.consoles import is_complaint
from tests.factories import client_of, make_user
from tests.memory.documents.files import pdf


@pytest.fixture
def admin(asgi_server: str, new_context: Any, settings: Any) -> Iterator[Page]:
    """An admin's window; afterwards its console has said nothing."""
    settings.EMBEDDINGS = "lexical"
    context = new_context()
    cookie = client_of(make_user(Role.ADMIN)).cookies[django_settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
    complaints: list[str] = []
    context.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    page: Page = context.new_page()
    yield page
    assert complaints == []


def test_the_life_of_a_document(admin: Page, tmp_path: Path) -> None:
    admin.goto("/documents/")
    admin.get_by_role("link", name="Add a document").first.click()
    admin.get_by_role("link", name="Text", exact=True).click()
    admin.get_by_label("Title").fill("Return policy")
    admin.get_by_label("Text").fill("# Returns\n\nAn item can be returned within 30 days.")
    admin.get_by_role("button", name="Add the document").click()
    expect(admin.get_by_role("heading", name="Return policy")).to_be_visible()

    admin.get_by_role("link", name="New version").click()
    expect(admin.get_by_label("Text")).to_have_value("# Returns\n\nAn item can be returned within 30 days.")
    admin.get_by_role("link", name="File").click()
    file = tmp_path / "returns.pdf"
    file.write_bytes(pdf([(20, "Returns"), (11, "An item can be returned within 60 days.")]))
    admin.get_by_label("File").set_input_files(file)
    admin.get_by_role("button", name="Put it in use").click()
    expect(admin.get_by_text("An item can be returned within 60 days.")).to_be_visible()

    admin.get_by_role("link", name="Version 2").click()
    expect(admin.get_by_role("heading", name="Changes")).to_be_visible()
    admin.goto("/documents/")
    admin.get_by_role("link", name="Test a question").click()
    admin.get_by_label("A customer's question").fill("Within how many days can an item be returned?")
    admin.keyboard.press("Enter")
    expect(admin.get_by_text("An item can be returned within 60 days.")).to_be_visible()

    admin.get_by_role("link", name="Return policy").click()
    admin.get_by_role("link", name="Archive").click()
    admin.get_by_role("button", name="Archive the document").click()
    expect(admin.get_by_text("This document is archived.")).to_be_visible()
    admin.get_by_role("button", name="Restore").click()
    expect(admin.get_by_text("This document is archived.")).to_be_hidden()
