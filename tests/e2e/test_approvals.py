"""A refund that a policy leaves to a person, in real browsers: asked, changed by hand, carried out once, and told."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from agents.demo_policies import RULES
from tests.e2e.conftest import Browsers, Desk, send
from tests.tools.policies_cases import publish_changed
from tools.models import Approval, ToolCall


@pytest.fixture
def strict_policies(desk: Desk) -> None:
    """A second version, under which an agent refunds no more than 50 EUR by itself."""
    publish_changed(small_refunds=RULES["small-refunds"].replace('"100.00"', '"50.00"'))


def test_a_person_says_yes_to_less_and_the_customer_gets_just_that(
    desk: Desk, browsers: Browsers, strict_policies: None
) -> None:
    staff = browsers.staff("/queue/", role="reviewer")
    expect(staff.get_by_text("Nobody is waiting for a person")).to_be_visible()

    chloe = browsers.customer("Chloe")
    send(chloe, "I want to return order 1044, please refund it")
    expect(chloe.get_by_text("Waiting for a colleague to approve this")).to_be_visible()

    row = staff.get_by_role("row").filter(has_text="Chloe")
    expect(row).to_contain_text("Refund 70.90 EUR of order 1044 to Chloe")
    expect(staff.locator(".rail-count[data-count=queue]")).to_have_text("1")
    row.get_by_role("link").click()

    expect(staff.get_by_text("Approving refunds 70.90 EUR now. It cannot be undone.")).to_be_visible()
    staff.wait_for_load_state()  # keys mean something once the page's scripts are there
    staff.keyboard.press("a")
    expect(staff.get_by_role("button", name="Press A again to approve")).to_be_focused()
    assert Approval.objects.get().status == "pending"

    staff.keyboard.press("e")
    amount = staff.get_by_label("Amount")
    amount.fill("lots")
    expect(staff.get_by_text("It is not written as the tool takes it.")).to_be_visible()
    amount.fill("60.00")
    staff.get_by_role("button", name="Approve refund of 60.00 EUR").click()

    expect(staff.get_by_text("Carried out.")).to_be_visible()
    expect(staff.get_by_text("What Chloe was told")).to_be_visible()
    desk.wait_until_idle()
    (refund,) = desk.shop.refunds("1044")
    assert refund["amount"] == "60.00"
    assert ToolCall.objects.get(tool_name="process_refund").idempotency_key == refund["idempotency_key"]
    expect(staff.get_by_text(refund["refund_id"]).first).to_be_visible()
    expect(chloe.locator("#live")).to_be_empty()


def test_without_script_it_is_read_and_refused_with_words_for_the_agent(
    desk: Desk, browsers: Browsers, strict_policies: None
) -> None:
    chloe = browsers.customer("Chloe")
    send(chloe, "I want to return order 1044, please refund it")
    expect(chloe.get_by_text("Waiting for a colleague to approve this")).to_be_visible()
    approval = Approval.objects.get()

    staff = browsers.staff(f"/approvals/{approval.pk}/", role="reviewer", java_script_enabled=False)
    staff.get_by_text("Reject, or answer the agent").click()
    staff.get_by_label("Why not?").fill("Ask for a photo first")
    staff.get_by_role("button", name="Reject refund of 70.90 EUR").click()
    expect(staff.get_by_text("The agent was told: Ask for a photo first")).to_be_visible()
    expect(chloe.locator("#live")).to_be_empty()
    desk.wait_until_idle()
    assert desk.shop.refunds("1044") == []


def test_what_one_person_snoozes_leaves_the_queue_of_the_others(
    desk: Desk, browsers: Browsers, strict_policies: None
) -> None:
    chloe = browsers.customer("Chloe")
    send(chloe, "I want to return order 1044, please refund it")
    expect(chloe.get_by_text("Waiting for a colleague to approve this")).to_be_visible()
    other = browsers.staff("/queue/", role="reviewer")
    expect(other.get_by_role("row").filter(has_text="Chloe")).to_be_visible()
    expect(other.locator("[data-stream=live]")).to_be_attached()

    mine = browsers.staff(f"/approvals/{Approval.objects.get().pk}/", role="admin")
    mine.keyboard.press("s")
    mine.get_by_role("button", name="4 hours").click()
    expect(mine.get_by_text("sleeps until")).to_be_visible()

    expect(other.get_by_text("Nobody is waiting for a person")).to_be_visible()
    expect(other.locator(".rail-count[data-count=queue]")).to_be_empty()
    mine.goto(f"{desk.url}/approvals/{Approval.objects.get().pk}/")
    mine.keyboard.press("r")
    mine.get_by_label("Why not?").fill("Ask for a photo first")
    mine.get_by_role("button", name="Reject refund of 70.90 EUR").click()
    expect(mine.get_by_text("The agent was told: Ask for a photo first")).to_be_visible()
