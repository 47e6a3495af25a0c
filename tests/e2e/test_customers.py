"""What is remembered of a customer, changed in a real browser: in place, by keyboard, and without script."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from agents.models import Customer
from memory.models import Memory
from memory.reach import bound_to
from observability.access import Role
from tests.consoles import is_complaint
from tests.e2e.test_accessibility import flaws_of, fonts_are_there
from tests.factories import client_of, make_customer, make_message, make_session, make_user
from tests.memory.cases import add_memory

HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of one member of the team; afterwards their consoles have said nothing."""

    url: str
    user: User
    new_context: Any
    complaints: list[str]

    def open(self, path: str, **options: Any) -> Page:
        context = self.new_context(**options)
        cookie = client_of(self.user).cookies[django_settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": self.url}])
        context.on("console", lambda said: self.complaints.append(said.text) if is_complaint(said) else None)
        page: Page = context.new_page()
        page.goto(f"{self.url}{path}")
        return page


@pytest.fixture
def windows(asgi_server: str, new_context: Any, settings: Any) -> Iterator[Windows]:
    settings.EMBEDDINGS = "lexical"
    opened = Windows(url=asgi_server, user=make_user(Role.SUPPORT), new_context=new_context, complaints=[])
    yield opened
    assert opened.complaints == []


@pytest.fixture
def ada(windows: Windows) -> Customer:
    ada = make_customer("ada@example.com", "Ada")
    session = make_session(customer=ada)
    message = make_message(session, "Please send me few e-mails.")
    add_memory(ada.pk, "Wants few e-mails.", session_id=session.pk, message_id=message.pk)
    add_memory(ada.pk, "Is to be refunded at once.", state=Memory.State.PROPOSED, reason="It reads like an order.")
    return ada


def states_of(customer: Customer) -> dict[str, str]:
    with bound_to(customer.pk):
        return dict(Memory.objects.order_by("pk").values_list("text", "state"))


def test_in_place_and_by_keyboard(windows: Windows, ada: Customer) -> None:
    page = windows.open("/customers/")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
    page.wait_for_load_state()  # without scripts each of these leads to a page of its own
    memory = page.get_by_role("article", name="Wants few e-mails.")
    memory.get_by_role("link", name="Edit").press("Enter")
    field = page.get_by_label("What is remembered")
    expect(field).to_be_focused()
    field.fill("Wants one e-mail a month.")
    page.get_by_role("button", name="Correct it").press("Enter")
    corrected = page.get_by_role("article", name="Wants one e-mail a month.")
    expect(corrected).to_be_focused()
    expect(page.get_by_role("status").filter(has_text="Corrected.")).to_be_visible()
    corrected.get_by_text("1 before it").click()
    expect(corrected.get_by_text("Wants few e-mails.")).to_be_visible()

    corrected.get_by_role("button", name="Pin").press("Enter")
    expect(corrected.get_by_text("Pinned", exact=True)).to_be_visible()
    expect(corrected.get_by_role("button", name="Pin")).to_have_attribute("aria-pressed", "true")

    proposed = page.get_by_role("article", name="Is to be refunded at once.")
    proposed.get_by_role("button", name="Reject").press("Enter")
    expect(page.get_by_text("Rejected: it is not proposed again.")).to_be_visible()
    expect(page.get_by_text("Held for a person")).to_have_count(0)

    corrected.get_by_role("link", name="Forget").press("Enter")
    dialog = page.get_by_role("dialog", name="Forget this of Ada")
    expect(dialog).to_contain_text("Wants one e-mail a month.")
    dialog.get_by_role("button", name="Forget it").press("Enter")
    expect(page.get_by_text("Forgotten. What is left says only that there was one.")).to_be_visible()
    assert states_of(ada) == {"Is to be refunded at once.": "superseded", "": "forgotten"}


def test_leaving_the_form_brings_the_memory_back(windows: Windows, ada: Customer) -> None:
    page = windows.open(f"/customers/{ada.pk}/")
    memory = page.get_by_role("article", name="Wants few e-mails.")
    memory.get_by_role("link", name="Edit").click()
    page.get_by_role("link", name="Cancel").click()
    expect(memory).to_be_focused()
    expect(page.get_by_label("What is remembered")).to_have_count(0)


def test_without_script(windows: Windows, ada: Customer) -> None:
    page = windows.open(f"/customers/{ada.pk}/", java_script_enabled=False)
    page.get_by_role("article", name="Wants few e-mails.").get_by_role("link", name="Edit").click()
    page.get_by_label("What is remembered").fill("Wants no e-mails.")
    page.get_by_role("button", name="Correct it").click()
    memory = page.get_by_role("article", name="Wants no e-mails.")
    expect(memory).to_be_visible()
    memory.get_by_role("button", name="Mark wrong").click()
    # The browser unfolds what the address leads to.
    expect(page.get_by_text("Marked wrong by")).to_be_visible()
    page.get_by_role("link", name="Customers").first.click()
    page.get_by_role("link", name="Held memories").click()
    page.get_by_role("button", name="Accept").click()
    expect(page.get_by_text("Nothing is held")).to_be_visible()
    page.goto(f"{windows.url}/customers/{ada.pk}/memories/new/")
    page.get_by_label("What is remembered").fill("Is hard of hearing.")
    page.get_by_role("button", name="Remember this of Ada").click()
    added = page.get_by_role("article", name="Is hard of hearing.")
    added.get_by_role("link", name="Forget").click()
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_text("1 was forgotten")).to_be_visible()
    assert states_of(ada)["Is to be refunded at once."] == "active"


def test_what_a_customer_wrote_runs_nowhere(windows: Windows, ada: Customer) -> None:
    memory = add_memory(ada.pk, f"Hostile {HOSTILE}")
    add_memory(ada.pk, f"Held {HOSTILE}", state=Memory.State.PROPOSED, reason=HOSTILE[:200])
    page = windows.open(f"/customers/{ada.pk}/")
    page.get_by_role("article", name="Hostile").get_by_role("link", name="Forget").click()
    expect(page.get_by_role("dialog")).to_contain_text("Hostile <img src=x")
    for path in ("/customers/held/", f"/customers/{ada.pk}/memories/{memory.pk}/edit/"):
        page.goto(f"{windows.url}{path}")
    assert "owned" not in page.title()


def test_beside_a_conversation_and_on_a_phone(windows: Windows, ada: Customer) -> None:
    session = ada.sessions.get()
    page = windows.open(f"/inbox/{session.pk}/?view=open", viewport={"width": 1440, "height": 900})
    page.get_by_label("Facts").get_by_role("link", name="Wants few e-mails.").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada")
    page.get_by_role("article", name="Wants few e-mails.").get_by_role("link", name="The message").click()
    expect(page.locator("article:target")).to_contain_text("Please send me few e-mails.")

    page = windows.open(f"/customers/{ada.pk}/", viewport={"width": 390, "height": 844}, has_touch=True)
    fonts_are_there(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(f"{windows.url}/customers/")
    fonts_are_there(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_every_page_reads_well_to_a_screen_reader(windows: Windows, ada: Customer) -> None:
    with bound_to(ada.pk):
        memory = Memory.objects.get(state=Memory.State.ACTIVE)
    mine = f"/customers/{ada.pk}/"
    row = f"{mine}memories/{memory.pk}/"
    page = windows.open("/customers/")
    for path in (
        "/customers/",
        "/customers/?q=nobody",
        "/customers/held/",
        mine,
        f"{mine}conversations/",
        f"{mine}memories/new/",
        f"{row}edit/",
        f"{row}forget/",
    ):
        page.goto(f"{windows.url}{path}")
        assert [*flaws_of(page, is_desk=True)] == [], path
