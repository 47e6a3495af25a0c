"""A set is made, measured and looked through in a real browser, with its script and without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from guardrails.models import GuardrailVersion, LabelledSet, Measurement
from guardrails.workbench import request_measurement, run_claimed
from observability.access import Role
from tests.consoles import is_complaint
from tests.e2e.test_accessibility import IS_WIDER, flaws_of
from tests.factories import client_of, make_user
from tests.guardrails.workbench.cases import CARD, CARD_SPANS, file_of, make_set, make_version, words_config

LINES = [{"text": "What a blimey mess", "label": 1}, {"text": "Where is my parcel?", "label": 0}]


@pytest.fixture
def open_window(asgi_server: str, new_context: Any) -> Iterator[Callable[..., Page]]:
    """A reviewer's window; afterwards no console has said anything."""
    cookie = client_of(make_user(Role.REVIEWER)).cookies[settings.SESSION_COOKIE_NAME]
    complaints: list[str] = []

    def make(**options: Any) -> Page:
        context = new_context(**options)
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        context.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page: Page = context.new_page()
        return page

    yield make
    assert complaints == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_set_is_made_and_measured(open_window: Callable[..., Page], script: bool) -> None:
    make_version(words_config("blimey"))
    page = open_window(java_script_enabled=script)
    page.goto("/workbench/")
    page.get_by_role("link", name="New set").first.click()
    page.get_by_label("Name").fill("Complaints")
    page.get_by_label("It measures").select_option("content")
    file = {"name": "lines.jsonl", "mimeType": "text/plain", "buffer": file_of(*LINES).read()}
    page.get_by_label("Lines of JSON").set_input_files(file)
    page.get_by_role("button", name="Make the set").click()
    expect(page.get_by_role("heading", name="Complaints")).to_be_visible()

    page.get_by_label("Measure", exact=True).select_option(label="Words, version 1, in force")
    page.get_by_role("button", name="Measure").click()
    expect(page.get_by_text("Waiting for a worker.")).to_be_visible()
    assert run_claimed() is not None
    if not script:
        page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", name="Figures")).to_be_visible()
    expect(page.get_by_text("word:blimey")).to_be_visible()

    page.get_by_role("link", name="Complaints").click()
    page.get_by_role("listitem").filter(has_text="Where is my parcel?").locator("summary").click()
    page.get_by_role("button", name="Delete this case").filter(visible=True).click()
    expect(page.get_by_text("The case is deleted.")).to_be_visible()
    expect(page.get_by_text("Where is my parcel?")).to_have_count(0)


def test_every_page_reads_well_and_fits(open_window: Callable[..., Page]) -> None:
    paths = paths_of_all()
    found: dict[str, list[str]] = {}
    for width in (390, 1024):
        page = open_window(viewport={"width": width, "height": 844}, is_mobile=width < 640)
        for path in paths:
            page.goto(path)
            flaws = [*flaws_of(page, is_desk=True), *(["too wide"] if page.evaluate(IS_WIDER) else [])]
            if flaws:
                found[f"{path} at {width}"] = flaws
    assert found == {}


def paths_of_all() -> list[str]:
    """Everything that a measurement can look like."""
    version = make_version(words_config("blimey", pii=["CREDIT_DEBIT_CARD_NUMBER"], grounding=0.5))
    draft = GuardrailVersion.objects.create(guardrail=version.guardrail, config=words_config("parcel"))
    answer = {"answer": "Order 1042 was lost in a volcano.", "source": "Order 1042 was shipped.", "label": 0}
    sets = [
        make_set("content", *LINES, {"text": "A long and angry text. " * 40, "label": 0}),
        make_set("pii", {"text": CARD, "spans": CARD_SPANS}, {"text": "4111 1111 1111 1111", "spans": []}),
        make_set("grounding", answer, {**answer, "answer": "It was shipped to the moon.", "label": 1}),
    ]
    empty = LabelledSet.objects.create(name="Nothing in it", measures="prompt_attack")
    for labelled_set in sets:
        for measured in (version, draft):
            request_measurement(user=None, version=measured, labelled_set=labelled_set)
            run_claimed()
    request_measurement(user=None, version=draft, days=7)
    run_claimed()
    request_measurement(user=None, version=draft, labelled_set=sets[0])
    return [
        "/workbench/",
        "/workbench/sets/new/",
        "/workbench/backtest/",
        f"/workbench/sets/{empty.pk}/",
        *(f"/workbench/sets/{labelled_set.pk}/{page}" for labelled_set in sets for page in ("", "compare/")),
        *(f"/workbench/measurements/{run.pk}/" for run in Measurement.objects.all()),
    ]
