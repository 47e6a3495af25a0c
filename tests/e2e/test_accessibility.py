"""Every page as a browser hands it to a screen reader, in light and dark, and what it complains about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Page, expect

from agents.models import Escalation
from tests.e2e.conftest import Browsers, Desk, send
from tools.models import ToolCall

# Roles of what one can press, write in or choose: a person must hear what each is for.
CONTROLS = {
    "button", "checkbox", "combobox", "DisclosureTriangle", "link", "menuitem", "option", "radio", "searchbox",
    "slider", "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip
# Several of these on a page are told apart by their names.
LANDMARKS = {"banner", "complementary", "contentinfo", "form", "main", "navigation", "region", "search"}
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
        "/policies/",
        "/policies/draft/new/",
        "/policies/versions/1/",
        "/policies/try/",
        "/policies/backtest/",
        "/policies/matrix/",
        "/targets/",
        "/targets/new/",
        "/targets/shop/",
        "/tools/shop/process_refund/",
        "/gateways/",
        "/gateways/new/",
    ]
