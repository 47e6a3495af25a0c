"""Policies in real browsers: one admin writes a rule and publishes it, and it takes a second one to stop enforcing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import ConsoleMessage, Page, expect

from agents import decisions_replay
from observability.access import Role
from tests.consoles import is_complaint
from tests.factories import client_of, make_agent, make_user
from tests.tools.policies_cases import READS, make_shop, publish_rules, reread, set_mode
from tools.models import PolicyRule
from tools.policies import in_force
from tools.policy_modes import Mode, mode

Opens = Callable[[str], Page]


@pytest.fixture
def admins(asgi_server: str, new_context: Any) -> Iterator[Opens]:
    """Each call opens the window of another admin; afterwards no browser has complained."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A form that is not taken answers 422, which Chromium says aloud.
        if is_complaint(message) and "422" not in message.text:
            complaints.append(message.text)

    def open_page(path: str) -> Page:
        context = new_context()
        cookie = client_of(make_user(Role.ADMIN)).cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        context.on("console", note)
        page: Page = context.new_page()
        page.goto(path)
        return page

    decisions_replay.register()
    make_shop()
    make_agent("support", tools=["get_order", "process_refund"])
    set_mode(Mode.ENFORCE)
    publish_rules(reads=READS)
    yield open_page
    reread()
    assert complaints == []


def test_a_rule_is_written_with_the_form_tried_and_published(admins: Opens) -> None:
    page = admins("/policies/")
    page.get_by_role("link", name="New rule").click()
    expect(page.get_by_role("heading", level=1, name="New rule")).to_be_visible()
    page.wait_for_load_state()  # what is chosen or typed means something once the page's scripts are there
    page.get_by_label("Name").fill("refunds")
    with page.expect_response("**/policies/draft/new/"):
        page.get_by_label("Tool").select_option("shop___process_refund")
    preview = page.get_by_role("status", name="What this rule says")
    page.get_by_label("What is compared, condition 1").select_option("fact:amount")
    page.get_by_label("How it is compared, condition 1").select_option("at_most")
    page.get_by_label("Value, condition 1").fill("a lot")
    expect(preview).to_contain_text("decimals")
    page.get_by_label("Value, condition 1").fill("100")
    page.get_by_label("Who approves").select_option("reviewer")
    expect(preview).to_contain_text("when the amount is at most 100; above that a reviewer must approve.")
    expect(preview).to_contain_text('@approval("reviewer")')
    page.get_by_role("button", name="Add a condition").click()
    expect(page.get_by_label("What is compared, condition 3")).to_be_visible()
    page.get_by_role("button", name="Save in the draft").click()

    expect(page.get_by_role("heading", level=1, name="Draft")).to_be_visible()
    page.get_by_role("link", name="Try a call").click()
    page.get_by_role("link", name="process_refund").click()
    expect(page.get_by_label("Order id")).to_be_visible()
    page.wait_for_load_state()
    page.get_by_label("Order id").fill("1042")
    page.get_by_role("group", name="What the gateway looks up first").get_by_label("Amount").fill("80")
    page.get_by_label("Customer's email").fill("ada@example.com")
    answer = page.locator("#try-answer")
    expect(answer).to_contain_text("No rule: denied by default")
    expect(answer.locator(".try-side").nth(1)).to_contain_text("Allowed")

    page.get_by_role("link", name="Draft", exact=True).click()
    page.get_by_label("Note").fill("Refunds up to 100")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_text("Version 2 is in force.")).to_be_visible()
    version = in_force()
    assert version is not None
    assert (version.number, version.note) == (2, "Refunds up to 100")


def test_what_is_wrong_with_a_text_is_marked_at_its_line_while_it_is_written(admins: Opens) -> None:
    page = admins("/policies/draft/rules/reads/")
    text = page.get_by_label("Cedar")
    text.fill(f"// as before\n{READS.replace('verified', 'verifed')}")
    expect(page.locator(".policy-gutter .is-wrong")).to_have_text("2")
    expect(page.locator("#rule-found")).to_contain_text("verified")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.locator(".policy-verdict.bad")).to_be_visible()
    page.wait_for_load_state()  # what is chosen or typed means something once the page's scripts are there
    expect(text).to_have_value(f"// as before\n{READS.replace('verified', 'verifed')}")
    text.fill(f"// as before\n{READS}")
    expect(page.locator("#rule-found")).to_contain_text("It fits the tools")
    page.get_by_role("button", name="Save in the draft").click()
    expect(page.get_by_role("heading", level=1, name="Draft")).to_be_visible()
    assert PolicyRule.objects.get(version__number=None).text.startswith("// as before")


def test_to_stop_enforcing_takes_two(admins: Opens) -> None:
    one, other = admins("/policies/"), admins("/policies/")
    one.get_by_role("link", name="Switch to shadow").click()
    one.get_by_role("button", name="Ask to switch to shadow").click()
    expect(one.get_by_text("You asked to switch the policies to shadow")).to_be_visible()
    assert mode() == Mode.ENFORCE
    other.reload()
    other.get_by_role("button", name="Confirm: switch to shadow").click()
    expect(other.get_by_text("made whatever the decision is").first).to_be_visible()
    assert mode() == Mode.SHADOW
