"""Stories of customers and of the people of the desk, each in a browser of their own, on the running installation."""

from __future__ import annotations

import re
import time
from typing import Any

from playwright.sync_api import Page, Route, expect

from agents.models import Escalation, Message, Turn
from tests.e2e.conftest import PATIENCE_SECONDS, Browsers, Desk, send
from tools.models import ToolCall

WISH = "I want to return my order from last week"
REFUNDED = re.compile(r"EUR 42\.00 for order 1042 is refunded")
PASSED_ON = "I have passed this to a colleague"


def thread(page: Page) -> Any:
    return page.locator("#thread")


def json_tree(page: Page, label: str) -> Any:
    return page.get_by_role("group", name=label, exact=True)


# -- an order inside its window


def test_a_return_inside_the_window_is_refunded_once_and_every_step_is_on_the_record(
    desk: Desk, browsers: Browsers
) -> None:
    ada = browsers.customer("Ada")
    desk.shop.gate.close()
    send(ada, WISH)
    expect(ada.get_by_text("Looking up your orders")).to_be_visible()
    desk.shop.gate.open()
    expect(thread(ada).get_by_text(REFUNDED)).to_be_visible()
    expect(ada.locator("#live")).to_be_empty()

    (refund,) = desk.shop.refunds("1042")
    assert (refund["amount"], refund["currency"], refund["customer"]) == ("42.00", "EUR", "ada@example.com")

    staff = browsers.staff("/inbox/?view=open")
    staff.get_by_role("link", name="Ada").click()
    expect(staff.get_by_role("heading", level=1, name="Ada")).to_be_visible()
    staff.wait_for_load_state()
    expect(thread(staff).get_by_text(WISH)).to_be_visible()
    expect(thread(staff).get_by_text(REFUNDED)).to_be_visible()
    steps = staff.locator("details.step")
    expect(steps.locator(".step-name b")).to_have_text(["get_order", "process_refund"])
    expect(staff.locator("details.step[open]")).to_have_count(0)

    steps.nth(1).locator("summary").first.click()
    expect(steps.nth(1).get_by_text('"order_id": "1042"').first).to_be_visible()
    steps.nth(1).get_by_role("link", name="Open in the trace").click()
    expect(staff.locator(".span-row[data-row] .span-name")).to_contain_text(["get_order", "process_refund"])
    staff.wait_for_load_state()
    check_tool_in_trace(staff, "get_order", arguments="{}", result='"order_id": "1042"')
    check_tool_in_trace(staff, "process_refund", arguments='"order_id": "1042"', result=f'"{refund["refund_id"]}"')
    call = ToolCall.objects.get(tool_name="process_refund")
    assert call.idempotency_key == refund["idempotency_key"]


def check_tool_in_trace(page: Page, name: str, *, arguments: str, result: str) -> None:
    page.locator(".span-row[data-row]").filter(has_text=name).click()
    expect(page.get_by_role("heading", level=2, name=name)).to_be_visible()
    expect(json_tree(page, "Arguments")).to_contain_text(arguments)
    expect(json_tree(page, "Result")).to_contain_text(result)


# -- an order outside it


def test_a_return_outside_the_window_reaches_a_person_whose_answer_the_customer_sees(
    desk: Desk, browsers: Browsers
) -> None:
    staff = browsers.staff("/queue/")
    expect(staff.get_by_text("Nobody is waiting for a person")).to_be_visible()
    staff.evaluate("document.body.dataset.loadedOnce = 'yes'")

    ben = browsers.customer("Ben")
    send(ben, "I would like a refund for my order 1043")
    expect(thread(ben).get_by_text(PASSED_ON)).to_be_visible()
    expect(ben.get_by_text("A person answers this conversation, here.")).to_be_visible()

    row = staff.get_by_role("row").filter(has_text="Ben")
    expect(row).to_be_visible()
    expect(row).to_contain_text("Policy restriction")
    expect(staff.locator(".rail-count[data-count=queue]")).to_have_text("1")
    assert staff.evaluate("document.body.dataset.loadedOnce") == "yes"
    row.get_by_role("link").click()

    expect(staff.get_by_text("Ben wants what a policy does not allow")).to_be_visible()
    staff.wait_for_load_state()
    staff.get_by_role("button", name="Claim").click()
    expect(staff.get_by_text("is yours. The agent stays silent")).to_be_visible()
    staff.get_by_label("Answer to Ben").fill("I make an exception: you may send it back.")
    staff.get_by_role("button", name="Answer and resolve").click()
    expect(staff.get_by_text("Answered Ben and resolved")).to_be_visible()
    expect(staff.locator(".rail-count[data-count=queue]")).to_be_empty()

    answer = thread(ben).locator(".message.person")
    expect(answer).to_contain_text("I make an exception: you may send it back.")
    expect(answer).to_contain_text("Answered by a person")
    escalation = Escalation.objects.get()
    assert (escalation.status, escalation.assignee.email) == ("resolved", "support@demo.example")
    assert desk.shop.refunds("1043") == []


def test_a_decision_outlives_what_the_page_asks_while_its_answer_is_on_the_way(desk: Desk, browsers: Browsers) -> None:
    send(browsers.customer("Ben"), "I would like a refund for my order 1043")
    desk.wait_until_idle()
    escalation = Escalation.objects.get()
    staff = browsers.staff(f"/queue/{escalation.pk}/")
    asked: list[str] = []
    staff.on("response", lambda response: asked.append(response.url) if "?seen=" in response.url else None)

    def answer_late(route: Route) -> None:
        answer = route.fetch()
        asked.clear()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not asked and time.monotonic() < deadline:  # what the change that the claim made lets the page ask for
            staff.wait_for_timeout(20)
        route.fulfill(response=answer)

    staff.route("**/claim/", answer_late)
    expect(staff.locator("[data-stream=live]")).to_be_visible()
    staff.get_by_role("button", name="Claim").click()
    expect(staff.get_by_text("is yours. The agent stays silent")).to_be_visible()
    assert asked, "the page asked while the answer was on the way"
    expect(staff.get_by_role("button", name="Release")).to_be_visible()
    expect(staff.locator(".rail-count[data-count=queue]")).to_be_empty()


# -- in the middle of a reply


def test_a_reload_in_the_middle_of_a_stream_loses_nothing(desk: Desk, browsers: Browsers) -> None:
    ben = browsers.customer("Ben")
    desk.model.hold_after("refund it myself")
    send(ben, "I would like a refund for my order 1043")
    shown = released_so_far(ben)

    ben.reload()
    assert Turn.objects.get().status == Turn.Status.RUNNING
    expect(ben.locator("#live")).to_contain_text(shown)
    desk.model.gate.open()
    expect(thread(ben).get_by_text(PASSED_ON)).to_be_visible()
    expect(ben.locator("#live")).to_be_empty()
    said = Message.objects.get(author="agent", visibility="public").text
    assert said.startswith(shown)
    expect(ben.get_by_text(shown)).to_have_count(1)

    ben.reload()
    expect(ben.get_by_text(shown)).to_have_count(1)
    expect(thread(ben).get_by_text(PASSED_ON)).to_have_count(1)


def released_so_far(page: Page) -> str:
    """The first sentence of the reply, as soon as the customer sees it."""
    body = page.locator("#live .message-body")
    expect(body).to_contain_text(re.compile(r"Order 1043 .*was delivered on .*\."))
    return body.inner_text().strip()


def test_who_takes_over_silences_a_reply_that_is_being_written(desk: Desk, browsers: Browsers) -> None:
    ben = browsers.customer("Ben")
    desk.model.hold_after("refund it myself")
    send(ben, "I would like a refund for my order 1043")
    shown = released_so_far(ben)
    watch_for(ben, PASSED_ON)

    staff = browsers.staff(f"/inbox/{desk.session_of('ben@example.com').pk}/")
    staff.get_by_role("button", name="Take over").click()
    expect(staff.get_by_text("You answer.")).to_be_visible()
    expect(thread(ben).get_by_text("A person has taken over")).to_be_visible()
    expect(ben.get_by_text(shown)).to_have_count(0)
    desk.model.gate.open()
    desk.wait_until_idle()
    assert Turn.objects.get().status == Turn.Status.SILENCED

    staff.get_by_label("Message to Ben").fill("I look into it myself.")
    staff.get_by_role("button", name="Send reply").click()
    expect(thread(ben).get_by_text("I look into it myself.")).to_be_visible()
    assert not ben.evaluate("document.body.dataset.seen")
    ben.reload()
    expect(thread(ben).get_by_text("I look into it myself.")).to_be_visible()
    expect(ben.locator(".message.agent")).to_have_count(1)  # the greeting


def watch_for(page: Page, words: str) -> None:
    """Notes whether the words ever stand on the page, however shortly."""
    page.evaluate(
        """(words) => new MutationObserver(() => {
            if (document.body.textContent.includes(words)) document.body.dataset.seen = "yes";
        }).observe(document.body, { childList: true, subtree: true, characterData: true })""",
        words,
    )


def test_who_takes_over_before_the_refund_prevents_it(desk: Desk, browsers: Browsers) -> None:
    ada = browsers.customer("Ada")
    desk.shop.gate.close()
    send(ada, WISH)
    expect(ada.get_by_text("Looking up your orders")).to_be_visible()

    staff = browsers.staff(f"/inbox/{desk.session_of('ada@example.com').pk}/")
    expect(staff.locator("details.step.running")).to_have_count(1)
    staff.get_by_role("button", name="Take over").click()
    expect(staff.get_by_text("You answer.")).to_be_visible()
    expect(ada.locator("#live")).to_be_empty()
    desk.shop.gate.open()
    desk.wait_until_idle()

    expect(staff.locator("details.step.running")).to_have_count(0)
    assert desk.shop.refunds("1042") == []
    assert Turn.objects.get().status == Turn.Status.SILENCED
    ada.reload()
    expect(thread(ada).get_by_text("A person has taken over")).to_be_visible()
    expect(ada.locator(".message.agent")).to_have_count(1)  # the greeting


# -- without script


def test_without_script_a_customer_is_refunded_and_a_person_reads_how(desk: Desk, browsers: Browsers) -> None:
    ada = browsers.customer("Ada", java_script_enabled=False)
    send(ada, WISH)
    expect(thread(ada).get_by_text(WISH)).to_be_visible()
    desk.wait_until_idle()
    ada.get_by_role("link", name="Show new messages").click()
    expect(thread(ada).get_by_text(REFUNDED)).to_be_visible()
    assert len(desk.shop.refunds("1042")) == 1

    staff = browsers.staff("/inbox/?view=open", java_script_enabled=False)
    staff.get_by_role("link", name="Ada").click()
    expect(thread(staff).get_by_text(REFUNDED)).to_be_visible()
    refund = staff.locator("details.step").filter(has=staff.locator("b", has_text="process_refund"))
    refund.locator("summary").first.click()
    expect(refund.get_by_text('"order_id": "1042"').first).to_be_visible()
    staff.get_by_label("Message to Ada").fill("Thank you for your patience.")
    staff.get_by_role("button", name="Send reply").click()
    expect(thread(staff).get_by_text("Thank you for your patience.")).to_be_visible()
    ada.get_by_role("link", name="Show new messages").click()
    expect(thread(ada).locator(".message.person")).to_contain_text("Thank you for your patience.")


# -- by keyboard


def test_by_keyboard_a_person_reaches_a_conversation_and_the_queue(desk: Desk, browsers: Browsers) -> None:
    send(browsers.customer("Dan"), "Where is my order?")
    desk.wait_until_idle()
    staff = browsers.staff("/")
    staff.keyboard.press("Tab")
    skip = staff.get_by_role("link", name="Skip to the page")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    assert outline_of_focus(staff) > 0
    staff.keyboard.press("Enter")
    expect(staff.get_by_role("main")).to_be_focused()

    staff.keyboard.press("g")
    staff.keyboard.press("i")
    expect(staff.get_by_role("heading", level=1, name="Inbox")).to_be_visible()
    staff.goto(f"{desk.url}/inbox/?view=open")
    staff.keyboard.press("j")
    expect(staff.get_by_role("link", name="Dan")).to_be_focused()
    assert outline_of_focus(staff) > 0
    staff.keyboard.press("Enter")
    expect(staff.get_by_role("heading", level=1, name="Dan")).to_be_visible()
    staff.wait_for_load_state()  # keys mean something once the page's scripts are there

    for chord in ("Control+k", "Meta+k"):
        staff.keyboard.press(chord)
        palette = staff.get_by_role("dialog", name="Search and commands")
        expect(palette).to_be_visible()
        expect(palette.get_by_role("combobox")).to_be_focused()
        staff.keyboard.press("Escape")
        expect(palette).to_be_hidden()
    staff.keyboard.press("Control+k")
    staff.keyboard.type("queue")
    expect(staff.get_by_role("option", selected=True)).to_contain_text("Go to Queue")
    staff.keyboard.press("Enter")
    expect(staff.get_by_role("heading", level=1, name="Queue")).to_be_visible()


def outline_of_focus(page: Page) -> float:
    """Pixels of the outline around what the keyboard has focused; that of a row's link is drawn around the row."""
    return float(
        page.evaluate(
            """() => {
                const focused = document.querySelector(":focus-visible");
                const styles = focused ? [getComputedStyle(focused), getComputedStyle(focused, "::after")] : [];
                return Math.max(0, ...styles.map((s) => (s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth))));
            }"""
        )
    )
