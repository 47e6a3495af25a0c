"""Violations in a real browser: walked through with keys, judged beside the list, revealed, and without script."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import ConsoleMessage, Page, expect

from guardrails.models import Violation
from observability.access import Role
from tests.consoles import is_complaint
from tests.e2e.test_accessibility import IS_WIDER, flaws_of
from tests.factories import client_of, make_user
from tests.guardrails.violations.rows import make_pii, make_violation

Opens = Callable[..., Page]
Triage = Violation.Triage


@pytest.fixture
def reviewers(asgi_server: str, new_context: Any) -> Iterator[Opens]:
    """Each call opens a window of its own; afterwards no browser has complained."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A form that is not taken answers 409 or 422, which Chromium says aloud.
        if is_complaint(message) and not re.search("409|422", message.text):
            complaints.append(message.text)

    def open_page(path: str, role: Role = Role.REVIEWER, **options: Any) -> Page:
        context = new_context(**options)
        cookie = client_of(make_user(role)).cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        context.on("console", note)
        page: Page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    assert complaints == []


def three(**fields: Any) -> list[Violation]:
    """The newest first."""
    now = timezone.now()
    rules = ("word:PROFANITY", "pii:PHONE", "content:INSULTS")
    return [
        make_violation(rule, at=now - timedelta(minutes=number), **fields) for number, rule in enumerate(rules, start=1)
    ]


def row(page: Page, violation: Violation) -> Any:
    return page.locator(f"#violation-{violation.pk}")


def test_walked_through_and_judged_with_keys(reviewers: Opens) -> None:
    first, second, _ = three()
    page = reviewers("/violations/")
    peek = page.locator("#peek")
    expect(peek).to_be_hidden()
    page.keyboard.press("j")
    expect(peek.get_by_role("heading", name="Word: Profanity")).to_be_visible()
    expect(page).to_have_url(re.compile(f"peek={first.pk}"))
    page.keyboard.press("f")
    expect(peek.get_by_role("status")).to_have_text("False positive.")
    expect(row(page, first)).to_contain_text("False positive")
    expect(row(page, first)).to_have_class(re.compile("is-selected"))
    page.keyboard.press("j")
    expect(peek.get_by_role("heading", name="Personal data: Telephone number")).to_be_visible()
    expect(page).to_have_url(re.compile(f"peek={second.pk}"))
    page.keyboard.press("c")
    expect(row(page, second)).to_contain_text("Confirmed")
    first.refresh_from_db()
    second.refresh_from_db()
    assert (first.triage, second.triage) == (Triage.FALSE_POSITIVE, Triage.CONFIRMED)
    page.reload()
    expect(peek.get_by_role("heading", name="Personal data: Telephone number")).to_be_visible()
    page.keyboard.press("Escape")
    expect(peek).to_be_hidden()
    expect(page).not_to_have_url(re.compile("peek="))
    # The two are no longer among what is open.
    expect(page.locator("tr[data-row]")).to_have_count(1)


def test_a_key_pressed_the_moment_the_panel_appears(reviewers: Opens) -> None:
    """What is swapped in answers its keys at once: pressed too soon, a form would leave the list for its own page."""
    first, *_ = three()
    page = reviewers("/violations/")
    page.evaluate(
        """() => document.body.addEventListener("htmx:afterSwap", () => setTimeout(() =>
            document.dispatchEvent(new KeyboardEvent("keydown", {key: "c", bubbles: true})), 0), {once: true})"""
    )
    page.keyboard.press("j")
    expect(row(page, first)).to_contain_text("Confirmed")
    expect(page).to_have_url(re.compile(f"peek={first.pk}"))


def test_a_click_peeks_and_a_phone_opens_the_page(reviewers: Opens) -> None:
    _, second, _ = three()
    desk, phone = reviewers("/violations/"), reviewers("/violations/", viewport={"width": 390, "height": 844})
    for page in (desk, phone):
        row(page, second).get_by_role("link", name="Personal data: Telephone number").click()
    expect(desk.locator("#peek").get_by_role("heading", name="Personal data: Telephone number")).to_be_visible()
    expect(row(desk, second)).to_have_class("is-selected")
    expect(phone).to_have_url(re.compile(f"/violations/{second.pk}/"))


def test_somebody_was_quicker(reviewers: Opens) -> None:
    first, *_ = three()
    page = reviewers(f"/violations/?peek={first.pk}")
    Violation.objects.filter(pk=first.pk).update(triage=Triage.FIXED, triaged_at=timezone.now())
    page.get_by_label("Note").fill("Mine")
    page.get_by_role("button", name="Confirm").click()
    expect(page.get_by_role("alert")).to_contain_text("Somebody else has judged it meanwhile")
    expect(page.get_by_label("Note")).to_have_value("Mine")


def test_reveal_asks_why_and_forgets(reviewers: Opens) -> None:
    made = make_pii()
    page = reviewers(f"/violations/{made.pk}/")
    mark = page.locator(".violation-said mark")
    expect(mark).to_have_text("{EMAIL}")
    page.get_by_text("Show what is hidden").click()
    page.get_by_label("Why you look at it").fill("Ada asked")
    page.get_by_role("button", name="Show it").click()
    expect(mark).to_have_text("ada@example.com")
    page.reload()
    expect(mark).to_have_text("{EMAIL}")


def test_narrowed_and_followed_without_script(reviewers: Opens) -> None:
    first, second, third = three()
    page = reviewers("/violations/", java_script_enabled=False)
    page.get_by_label("Rule", exact=True).select_option(second.rule)
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("tr[data-row]")).to_have_count(1)
    page.get_by_role("link", name="Rule: Personal data: Telephone number, take away").click()
    row(page, second).get_by_role("link", name="Personal data: Telephone number").click()
    page.get_by_role("button", name="Fixed").click()
    expect(page.get_by_text("Fixed.")).to_be_visible()
    page.get_by_role("link", name="Next (older)").click()
    expect(page).to_have_url(re.compile(f"/violations/{third.pk}/"))
    page.get_by_role("link", name="Previous (newer)").click()
    expect(page).to_have_url(re.compile(f"/violations/{first.pk}/"))


@pytest.mark.parametrize("width", [390, 1024])
def test_it_can_be_heard_and_fits(reviewers: Opens, width: int) -> None:
    made = make_pii(triage=Triage.FIXED, triaged_at=timezone.now())
    three()
    page = reviewers("/violations/", viewport={"width": width, "height": 844})
    found = {}
    for path in (
        "/violations/",
        f"/violations/?triage=all&peek={made.pk}",
        f"/violations/{made.pk}/",
        "/violations/?tier=judge",
    ):
        page.goto(path)
        flaws = [*flaws_of(page, is_desk=True)]
        found[path] = [*flaws, *(["wider than its place"] if page.evaluate(IS_WIDER) else [])]
    assert {path: flaws for path, flaws in found.items() if flaws} == {}
