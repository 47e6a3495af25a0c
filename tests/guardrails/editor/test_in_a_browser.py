"""The editor in a real browser: a topic is written, a text tried, and the draft published; with and without script."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import ConsoleMessage, Page, expect

from guardrails.models import Guardrail
from guardrails.standard import standard_config
from guardrails.versions import config_of, draft_of, newest_version, publish, save_draft
from observability.access import Role
from tests.consoles import is_complaint
from tests.e2e.test_accessibility import IS_WIDER, flaws_of
from tests.factories import client_of, make_user

Opens = Callable[..., Page]
DRAFT = "/guardrails/standard/draft/"
PATHS = (
    "/guardrails/",
    "/guardrails/new/",
    "/guardrails/standard/",
    DRAFT,
    f"{DRAFT}import/",
    f"{DRAFT}publish/",
    "/guardrails/standard/versions/",
    "/guardrails/standard/versions/2/",
    "/guardrails/standard/versions/1/roll-back/",
    "/guardrails/standard/compare/?a=1&b=draft",
    "/guardrails/standard/delete/",
)


@pytest.fixture
def opens(asgi_server: str, new_context: Any) -> Iterator[Opens]:
    """Each call opens the window of an admin; afterwards no browser has complained."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        # A form that is not taken answers 422, which Chromium says aloud.
        if is_complaint(message) and "422" not in message.text:
            complaints.append(message.text)

    def open_page(path: str, **options: Any) -> Page:
        context = new_context(**options)
        cookie = client_of(make_user(Role.ADMIN)).cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        context.on("console", note)
        page: Page = context.new_page()
        page.goto(path)
        return page

    yield open_page
    assert complaints == []


@pytest.fixture
def standard() -> Guardrail:
    return Guardrail.objects.get(slug="standard")


def with_topics(*names: str) -> dict[str, Any]:
    topics = [{"name": name, "definition": f"Anything about {name}."} for name in names]
    return standard_config() | {"topicPolicyConfig": {"topicsConfig": topics}}


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_draft_is_written_tried_and_published(opens: Opens, standard: Guardrail, script: bool) -> None:
    page = opens(DRAFT, java_script_enabled=script)
    page.get_by_label("Hate, replies, strength").select_option("HIGH")
    expect(page.get_by_text("HIGH for hate needs the judge")).to_be_visible()
    page.get_by_role("button", name="Add a topic").click()
    topic = page.get_by_role("group", name="Topic 1")
    expect(topic.get_by_label("Name")).to_be_focused()
    topic.get_by_label("Name").fill("Taxes")
    topic.get_by_label("Definition").fill("Advice about taxes.")
    # What was chosen before the row was added is still there.
    expect(page.get_by_label("Hate, replies, strength")).to_have_value("HIGH")

    panel = page.locator("#try")
    panel.get_by_label("Text").fill("Write to ben@example.com <b>now</b>")
    panel.get_by_role("radio", name="Reply").check()
    panel.get_by_role("button", name="Try it").click()
    answer = page.locator("#try-answer")
    expect(answer.locator("mark")).to_have_text("ben@example.com Personal data: Email address, masks")
    expect(answer.get_by_role("group", name="What it becomes")).to_have_text("Write to {EMAIL} <b>now</b>")
    assert draft_of(standard) is None

    page.get_by_role("button", name="Save and review").click()
    expect(page.get_by_role("heading", level=1, name="Publish")).to_be_visible()
    expect(page.get_by_role("heading", name="Denied topics Taxes")).to_be_visible()
    page.get_by_label("Note").fill("No advice about taxes")
    page.get_by_role("button", name="Publish version 2").click()
    expect(page.get_by_role("heading", level=1, name="Standard")).to_be_visible()
    version = newest_version(standard)
    assert version is not None
    assert (version.number, version.note) == (2, "No advice about taxes")
    assert [topic.name for topic in config_of(version).topics] == ["Taxes"]


def test_a_row_in_the_middle_is_taken_away(opens: Opens, standard: Guardrail) -> None:
    save_draft(standard, config=with_topics("Taxes", "Rivals", "Law"))
    page = opens(DRAFT)
    page.get_by_role("button", name="Remove topic 2").click()
    expect(page.get_by_role("group", name="Topic 3")).to_have_count(0)
    page.get_by_role("button", name="Save the draft").last.click()
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    assert [topic.name for topic in config_of(draft_of(standard)).topics] == ["Taxes", "Law"]


def test_what_is_wrong_is_reached_from_the_list_of_mistakes(opens: Opens) -> None:
    page = opens(DRAFT)
    page.get_by_label("Grounding, threshold").or_(page.get_by_label("Threshold").first).first.fill("2")
    # The return key in a field saves.
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("Nothing was saved. One thing needs your attention.")
    page.get_by_role("link", name="Grounding, threshold").click()
    field = page.locator("#f-grounding-GROUNDING-threshold")
    expect(field).to_be_in_viewport()
    expect(field).to_have_value("2")
    expect(field).to_have_accessible_description("2.0 is not between 0 and 0.99.")


@pytest.mark.parametrize("width", [1440, 1024, 390])
def test_the_pages_are_named_for_readers_of_screens_and_fit(opens: Opens, standard: Guardrail, width: int) -> None:
    save_draft(standard, config=with_topics("Taxes"))
    publish(standard, user=None)
    save_draft(standard, config=with_topics("Taxes", "Law"))
    page = opens("/guardrails/", viewport={"width": width, "height": 844}, is_mobile=width < 640)
    found = {}
    for path in PATHS:
        page.goto(path)
        flaws = [*flaws_of(page, is_desk=True), *(["it is too wide"] if page.evaluate(IS_WIDER) else [])]
        if flaws:
            found[path] = flaws
    assert found == {}
