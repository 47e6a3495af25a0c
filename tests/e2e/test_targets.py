"""A backend is connected in a real browser: its document read, two operations chosen, one of them tried."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from observability.access import Role
from tests.consoles import is_complaint
from tests.factories import client_of, make_user
from tests.tools.targets.documents import document
from tests.tools.targets.echo import Echo, Reply, running_echo
from tools.authorize import book
from tools.catalog import catalog
from tools.models import Tool
from tools.targets import registry


@pytest.fixture
def company() -> Iterator[Echo]:
    with running_echo() as echo:
        described = {**document(), "servers": [{"url": "/v2"}]}
        echo.pages["/openapi.json"] = json.dumps(described).encode()
        yield echo
    registry.forget()
    catalog.forget()
    book.forget()


@pytest.fixture
def admin(asgi_server: str, new_context: Any) -> Iterator[Page]:
    """An admin's window; afterwards its console has said nothing."""
    context = new_context()
    cookie = client_of(make_user(Role.ADMIN)).cookies[settings.SESSION_COOKIE_NAME]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
    complaints: list[str] = []
    context.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
    page: Page = context.new_page()
    yield page
    assert complaints == []


def test_a_backend_is_connected_and_a_tool_of_it_tried(admin: Page, company: Echo) -> None:
    admin.goto("/targets/")
    admin.get_by_role("link", name="Connect a backend").first.click()
    admin.get_by_role("link", name="OpenAPI").click()
    admin.get_by_label("Name").fill("company")
    admin.get_by_label("Address of the document").fill(f"{company.url}/openapi.json")
    admin.get_by_label("Internal address").check()
    admin.get_by_role("button", name="Read the document").click()

    expect(admin.get_by_role("status").get_by_text("0 chosen")).to_be_visible()
    admin.wait_for_load_state()  # what is chosen or typed means something once the page's scripts are there
    admin.get_by_label("Search the tools").fill("get order")
    admin.get_by_role("link", name="Select all reads").click()
    admin.get_by_label("Search the tools").fill("create_order")
    admin.get_by_role("checkbox", name="create_order").check()
    expect(admin.get_by_text("3 chosen")).to_be_visible()
    admin.get_by_role("button", name="Add the chosen tools").click()

    write = admin.get_by_role("row", name="create_order")
    expect(write).to_contain_text("Off")
    write.get_by_role("button", name="Switch create_order on").click()
    expect(admin.get_by_role("row", name="create_order")).to_contain_text("Switch off")

    admin.get_by_role("link", name="get_order", exact=True).click()
    admin.get_by_role("link", name="Customer and money").click()
    expect(admin.get_by_role("combobox", name="id", exact=True)).to_be_visible()
    admin.wait_for_load_state()
    admin.get_by_role("combobox", name="id", exact=True).select_option("customer.id")
    expect(admin.locator("#model-sees")).not_to_contain_text('"id"')
    admin.get_by_role("textbox", name="Path").first.fill("customer")
    admin.get_by_role("combobox", name="is", exact=True).first.select_option("customer.email")
    admin.get_by_text("Try the rules").click()
    admin.get_by_label("A result to try").fill('{"customer": "eve@example.com"}')
    admin.get_by_label("E-mail address of the customer").fill("ada@example.com")
    admin.get_by_role("button", name="Show what remains").click()
    expect(admin.get_by_text("Nothing remains.")).to_be_visible()
    admin.get_by_role("button", name="Save get_order").click()
    expect(admin.get_by_role("status").get_by_text("get_order is saved")).to_be_visible()
    assert Tool.objects.get(name="get_order").bindings == {"id": "customer.id"}

    company.replies = [Reply(body=b'{"customer": "ada@example.com", "total": "42.00"}')]
    admin.get_by_role("link", name="Test").first.click()
    admin.get_by_label("E-mail address").fill("ada@example.com")
    admin.get_by_label("Id", exact=False).last.fill("c 1")
    admin.get_by_role("button", name="Call get_order").click()
    expect(admin.locator("#answer")).to_contain_text("42.00")
    expect(admin.locator("#answer")).to_contain_text("/v2/orders/c%201")
