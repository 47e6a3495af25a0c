from __future__ import annotations

import re
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Browser, expect

from tests.factories import client_of
from tests.observability.browser import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_word_is_completed_and_keys_run_the_query(desk: Desk, analyst: User) -> None:
    page = desk(analyst)
    page.goto("/insights/")
    editor = page.get_by_role("textbox", name="Query")
    editor.press_sequentially("stats count() as n by toolN")
    expect(page.get_by_role("option")).to_have_count(1)
    editor.press("Tab")
    expect(editor).to_have_value("stats count() as n by toolName")
    editor.press("Control+Enter")
    expect(page.locator("#insight-answer")).to_contain_text("No event fits")
    expect(page).to_have_url(re.compile(r"q=stats\+count"))


def test_what_is_wrong_is_selected_in_the_editor(desk: Desk, analyst: User) -> None:
    page = desk(analyst)
    page.goto("/insights/")
    editor = page.get_by_role("textbox", name="Query")
    editor.fill("filter duration > > 5s")
    editor.press("Control+Enter")
    expect(page.locator("#insight-answer [role=alert]")).to_contain_text("Line 1, column 19")
    expect(page.locator("#insight-answer mark")).to_have_text(">")
    expect(editor).to_be_focused()
    selected = editor.evaluate("field => field.value.slice(field.selectionStart, field.selectionEnd)")
    assert selected == ">"


def test_without_a_script_the_form_asks_too(browser: Browser, asgi_server: str, analyst: User) -> None:
    context = browser.new_context(java_script_enabled=False, base_url=asgi_server)
    cookie = client_of(analyst).cookies["sessionid"]
    context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
    page = context.new_page()
    page.goto("/insights/")
    page.get_by_role("textbox", name="Query").fill("stats count() as n")
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_role("columnheader", name="n", exact=True)).to_be_visible()
    context.close()


def test_the_form_of_an_alert_says_what_it_would_do(desk: Desk, analyst: User) -> None:
    page = desk(analyst)
    page.goto(f"/alerts/new/?{urlencode({'q': 'stats count()'})}")
    sentence = page.locator("#alert-sentence")
    expect(sentence).to_have_text("Without a threshold it tells nothing.")
    page.get_by_label("Critical").fill("10")
    page.get_by_label("Column").fill("count()")
    expect(sentence).to_have_text("Every 5 minutes: tells when count() of the last 60 minutes is above 10 (critical).")
    page.get_by_label("Name").fill("Many")
    page.get_by_role("button", name="Save").click()
    expect(page).to_have_url(re.compile(r"/alerts/[0-9a-f-]{36}/$"))
