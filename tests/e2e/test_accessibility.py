"""Every page as a browser hands it to a screen reader, in light and dark, and what it complains about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.models import Customer, Escalation, Session
from memory import writing
from memory.documents.reading import read_document
from memory.documents.store import add_version
from memory.models import Document, Erasure, Memory
from observability.ids import uuid7
from tests.e2e.conftest import Browsers, Desk, send
from tests.memory.cases import add_memory
from tools.binding import Customer as BoundCustomer
from tools.gateways import make_key
from tools.models import Gateway, ToolCall

# Roles of what one can press, write in or choose: a person must hear what each is for.
CONTROLS = {
    "button", "checkbox", "combobox", "DisclosureTriangle", "link", "menuitem", "option", "radio", "searchbox",
    "slider", "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip
# Several of these on a page are told apart by their names.
LANDMARKS = {"banner", "complementary", "contentinfo", "form", "main", "navigation", "region", "search"}
ADMIN = "admin@demo.example"
# What is as wide as it likes scrolls by itself.
IS_WIDER = """
[document.documentElement, ...document.querySelectorAll(".table-frame")].some((e) => e.scrollWidth > e.clientWidth + 1)
"""
PATHS_OF_CUSTOMERS = ["/chat/support/new/", "/chat/support/conversations/"]
PATHS_OF_STRANGERS = ["/chat/support/", "/accounts/login/", "/accounts/password/reset/"]


@dataclass(frozen=True, kw_only=True)
class Node:
    """A node of the accessibility tree that is not ignored."""

    role: str
    name: str
    level: int | None


def nodes_of(page: Page) -> list[Node]:
    """The tree as Chromium computes it: https://chromedevtools.github.io/devtools-protocol/tot/Accessibility/."""
    client = page.context.new_cdp_session(page)
    tree = client.send("Accessibility.getFullAXTree")["nodes"]
    client.detach()
    return [read_node(node) for node in tree if not node["ignored"]]


def read_node(node: dict[str, Any]) -> Node:
    properties = {found["name"]: found["value"].get("value") for found in node.get("properties", [])}
    name = str(node.get("name", {}).get("value", "")).strip()
    return Node(role=node["role"]["value"], name=name, level=properties.get("level"))


def flaws_of(page: Page, *, is_desk: bool) -> Iterator[str]:
    nodes = nodes_of(page)
    roles = Counter(node.role for node in nodes)
    headings = [node for node in nodes if node.role == "heading"]
    titles = [node.name for node in headings if node.level == 1]
    if len(titles) != 1 or not titles[0]:
        yield f"level 1 headings: {titles}"
    if any(not heading.name for heading in headings):
        yield "a heading without words"
    if roles["main"] != 1:
        yield f"{roles['main']} main landmarks"
    if is_desk and (roles["navigation"] < 1 or roles["banner"] != 1):
        yield f"landmarks: {dict(roles)}"
    places = Counter((node.role, node.name) for node in nodes if node.role in LANDMARKS and is_landmark(node))
    yield from (f"{count} landmarks {place}" for place, count in places.items() if count > 1)
    yield from (f"a {node.role} without a name" for node in nodes if node.role in CONTROLS and not node.name)
    if not page.title().strip() or page.locator("html").get_attribute("lang") != "en":
        yield "no title, or no language"
    yield from (f"an id used twice: {twice}" for twice in ids_used_twice(page))


def is_landmark(node: Node) -> bool:
    """A form or region without a name is none: https://www.w3.org/TR/html-aam-1.0/#el-form."""
    return bool(node.name) or node.role not in {"form", "region"}


def ids_used_twice(page: Page) -> list[str]:
    ids = page.locator("[id]").evaluate_all("elements => elements.map((element) => element.id)")
    return [name for name, count in Counter(ids).items() if count > 1]


def check_pages(visits: Iterable[tuple[Page, str]], *, is_desk: bool) -> None:
    """Look at each address in light and in dark; all flaws are told at once."""
    found = {}
    for page, address in visits:
        page.emulate_media(color_scheme="light")
        page.goto("about:blank")  # so that an address that the page shows already is asked for again
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        light = background_of(page)
        flaws = [*flaws_of(page, is_desk=is_desk)]
        page.emulate_media(color_scheme="dark")
        if background_of(page) == light:
            flaws.append("dark is as light")
        found[address] = flaws
    assert {address: flaws for address, flaws in found.items() if flaws} == {}


def fonts_are_there(page: Page) -> None:
    """Words are as wide as they stay: until its own letters have come, a page makes do with others."""
    page.evaluate("document.fonts.ready.then(() => {})")


def background_of(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.documentElement).backgroundColor"))


def test_every_page_in_light_and_dark(desk: Desk, browsers: Browsers) -> None:
    # Ada is refunded, Ben waits for a person: what the pages have to show.
    ada, ben = browsers.customer("Ada"), browsers.customer("Ben")
    send(ada, "I want to return my order from last week")
    send(ben, "I would like a refund for my order 1043")
    expect(ada.locator("#thread").get_by_text("EUR 42.00")).to_be_visible()
    expect(ben.get_by_text("A person answers this conversation, here.")).to_be_visible()
    desk.wait_until_idle()

    support, admin = browsers.staff(), browsers.staff(role="admin")
    check_pages(((support, f"{desk.url}{path}") for path in paths_of_answerers(desk)), is_desk=True)
    check_pages(((admin, f"{desk.url}{path}") for path in paths_of_makers()), is_desk=True)
    check_pages([(page, page.url.partition("#")[0]) for page in (ada, ben)], is_desk=False)
    check_pages(((ada, f"{desk.url}{path}") for path in PATHS_OF_CUSTOMERS), is_desk=False)
    stranger = browsers.open()
    check_pages(((stranger, f"{desk.url}{path}") for path in PATHS_OF_STRANGERS), is_desk=False)


@pytest.mark.parametrize("width", [390, 1024])
def test_no_page_and_no_table_is_wider_than_its_place(desk: Desk, browsers: Browsers, width: int) -> None:
    gateway = Gateway.objects.create(slug="support", label="Support tools")
    ada = BoundCustomer(id=str(uuid7()), email="ada@example.com")
    keys = {"scopes": ["read", "write"], "expires_at": timezone.now(), "owner": User.objects.get(email=ADMIN)}
    make_key(gateway, name="claude-desktop", customer=ada, **keys)
    window = {"width": width, "height": 844}
    admin = browsers.staff(role="admin", viewport=window, is_mobile=width < 640)
    wide = []
    for path in ["/", "/inbox/", "/queue/", "/live/", "/customers/", "/gateways/support/", *paths_of_makers()]:
        admin.goto(f"{desk.url}{path}")
        fonts_are_there(admin)
        if admin.evaluate(IS_WIDER):
            wide.append(path)
    assert wide == []


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_phone_has_four_places_and_the_rest_behind_more(desk: Desk, browsers: Browsers, script: bool) -> None:
    phone = browsers.staff(role="admin", viewport={"width": 390, "height": 844}, java_script_enabled=script)
    bar = phone.get_by_role("navigation", name="Main")
    expect(bar.get_by_role("link")).to_have_text(["Home", "Inbox", "Queue", "Live"])
    more = bar.locator("summary")
    more.click()
    expect(bar.get_by_role("link", name="Gateways")).to_be_in_viewport(ratio=1)
    expect(bar.get_by_role("list", name="Oversight").get_by_role("link")).to_have_text(
        [
            *("Traces", "Insights", "Alerts", "Cost", "Limits", "Violations", "Workbench", "Notifications", "Audit"),
            "Retention",
        ]
    )
    expect(bar.get_by_role("list", name="Setup").get_by_role("link")).to_have_count(6)
    # What lies behind the sheet closes it.
    phone.mouse.click(195, 20)
    expect(bar.get_by_role("link", name="Gateways")).to_be_hidden()
    more.click()
    if script:
        phone.keyboard.press("Escape")
        expect(bar.get_by_role("link", name="Gateways")).to_be_hidden()
        expect(more).to_be_focused()
        more.click()
    bar.get_by_role("link", name="Gateways").click()
    expect(phone).to_have_url(f"{desk.url}/gateways/")


def paths_of_answerers(desk: Desk) -> list[str]:
    refund = ToolCall.objects.get(tool_name="process_refund")
    escalation = Escalation.objects.get()
    return [
        "/",
        "/inbox/",
        "/inbox/?view=open",
        "/inbox/?view=open&q=nobody",
        f"/inbox/{refund.session_id}/",
        f"/inbox/{escalation.session_id}/",
        "/queue/",
        "/queue/?show=mine",
        f"/queue/{escalation.pk}/",
        "/live/",
        f"/live/stop/session/{refund.session_id}/",
        "/traces/",
        "/traces/?q=nobody",
        f"/traces/{refund.turn_id}/",
        f"/traces/{refund.turn_id}/?span={refund.pk}",
        f"/traces/{refund.turn_id}/?view=log",
        "/customers/",
        "/customers/?q=nobody",
        "/customers/held/",
        *paths_of_ada(refund),
        "/documents/",
        "/documents/test/?q=how+long+can+I+return+a+mug",
        "/accounts/password/change/",
        "/accounts/2fa/",
        "/accounts/sessions/",
    ]


def paths_of_makers() -> list[str]:
    return [
        "/live/stop/all/",
        "/live/stop/agent/",
        "/agents/",
        "/agents/new/",
        "/agents/support/",
        "/agents/support/changes/",
        "/agents/support/pause/",
        "/agents/support/versions/",
        "/agents/support/versions/1/",
        "/agents/support/versions/1/roll-back/",
        "/models/",
        "/limits/",
        "/approvals/history/",
        "/approvals/limits/",
        "/approvals/limits/money/new/",
        "/policies/",
        "/policies/draft/",
        "/policies/draft/new/",
        "/policies/draft/rules/small-refunds/?as=form",
        "/policies/draft/rules/small-refunds/?as=text",
        "/policies/versions/",
        "/policies/versions/1/",
        "/policies/try/",
        "/policies/backtest/",
        "/policies/matrix/",
        "/targets/",
        "/targets/new/",
        "/targets/new/openapi/",
        "/targets/shop/",
        "/targets/shop/credential/",
        "/targets/shop/paste/",
        "/tools/shop/process_refund/",
        "/tools/shop/process_refund/customer/",
        "/tools/shop/process_refund/test/",
        "/tools/shop/process_refund/calls/",
        "/gateways/",
        "/gateways/new/",
        *paths_of_keepers(),
        *paths_of_watchers(),
    ]


def paths_of_watchers() -> list[str]:
    return [
        "/overview/",
        "/overview/conversations/ended/",
        "/insights/",
        "/insights/?q=stats+count()+by+kind",
        "/insights/?q=stats+count()+by+bin(1h)&range=24h",
        "/alerts/",
        "/alerts/new/?q=stats+count()",
        "/anomalies/",
        "/cost/",
        "/cost/charges/",
        "/cost/calculator/",
        "/cost/budgets/",
        "/cost/budgets/new/",
        "/prices/",
        "/prices/new/",
        "/prices/import/",
        "/guardrails/",
        "/guardrails/standard/",
        "/guardrails/standard/draft/",
        "/violations/",
        "/workbench/",
        "/notices/",
        "/notifications/",
        "/notifications/channels/new/",
        "/notifications/deliveries/",
        "/audit/",
    ]


def paths_of_ada(refund: ToolCall) -> list[str]:
    """Who was refunded, with a memory that holds, one before it, and one that waits for a person."""
    session = Session.objects.get(pk=refund.session_id)
    first = add_memory(session.customer_id, "Lives in Vienna.", session_id=session.pk)
    memory = writing.correct(first, "Lives in Graz.", User.objects.get(email=ADMIN).pk)
    reason = "It reads like an order to the agent."
    add_memory(session.customer_id, "Is to be refunded at once.", state=Memory.State.PROPOSED, reason=reason)
    customer = f"/customers/{session.customer_id}"
    return [
        f"{customer}/",
        f"{customer}/conversations/",
        f"{customer}/memories/new/",
        f"{customer}/memories/{memory.pk}/edit/",
        f"{customer}/memories/{memory.pk}/forget/",
    ]


def paths_of_keepers() -> list[str]:
    """What is kept and for how long; a document of two versions, the customer who may be erased, a receipt."""
    document = Document.objects.get(title="Return policy")
    add_version(document, read_document(b"# Return policy\n\n## In short\n\nThirty days."))
    receipt = Erasure.objects.create(counts={"agents_customer": 1, "agents_message": 12}, seconds=0.1)
    return [
        "/documents/",
        "/documents/?view=archived",
        "/documents/new/",
        "/documents/new/?by=text",
        "/documents/new/?by=url",
        f"/documents/{document.pk}/",
        f"/documents/{document.pk}/new/",
        f"/documents/{document.pk}/uses/",
        f"/documents/{document.pk}/versions/2/",
        "/retention/",
        f"/customers/{Customer.objects.get(email='ada@example.com').pk}/erase/",
        "/erasures/",
        f"/erasures/{receipt.pk}/",
    ]
