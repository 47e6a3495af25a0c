from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone
from playwright.sync_api import expect

from observability.models import Span, Trace
from tests.factories import make_trace
from tests.observability.browser import Desk, desk

__all__ = ["desk"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_step_comes_while_one_looks(desk: Desk, support: User) -> None:
    trace = make_trace(spans=0, status=Trace.Status.RUNNING, outcome="", output_text="", duration_ms=None)
    page = desk(support)
    page.goto(f"/traces/{trace.pk}/")
    expect(page.get_by_text("Working")).to_be_visible()
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "seen=" in request.url else None)
    Span.objects.create(trace=trace, kind=Span.Kind.TOOL, name="process_refund", started_at=trace.started_at)
    expect(page.locator(".span-row", has_text="process_refund")).to_be_visible()
    Trace.objects.filter(pk=trace.pk).update(status=Trace.Status.OK, outcome="replied", duration_ms=1200)
    expect(page.get_by_text("Working")).to_have_count(0)
    # The interval is in the page; a clock of this test would tell who else works on the machine.
    assert asked
    count = len(asked)
    page.wait_for_timeout(2_000)
    assert len(asked) == count


def test_the_list_is_walked_with_keys_and_narrowed(desk: Desk, support: User) -> None:
    now = timezone.now()
    traces = [
        make_trace(started_at=now - timedelta(minutes=number), input_text=f"Question {number}", channel=channel)
        for number, channel in enumerate(["chat", "email", "chat"])
    ]
    page = desk(support)
    page.goto("/traces/")
    page.keyboard.press("j")
    expect(page.locator("#peek")).to_contain_text("Question 0")
    page.keyboard.press("j")
    expect(page.locator("#peek")).to_contain_text("Question 1")
    expect(page).to_have_url(re.compile(f"peek={traces[1].pk}"))
    page.keyboard.press("Escape")
    expect(page.locator("#peek")).to_be_empty()
    page.get_by_label("Channel").select_option("email")
    expect(page.locator("tr[data-row]")).to_have_count(1)
    expect(page.locator("#trace-query")).to_have_value("channel:email")
    page.locator("#trace-query").fill("channel:email duration:>2")
    page.keyboard.press("Enter")
    expect(page.locator("#query-fault mark")).to_have_text("duration:>2")


def test_a_reveal_is_shown_in_the_panel(desk: Desk, support: User) -> None:
    trace = make_trace(spans=0)
    span = Span.objects.create(
        trace=trace,
        kind=Span.Kind.TOOL,
        name="send",
        started_at=trace.started_at,
        attributes={"toolInputs": {"to": "eve@example.net"}},
    )
    page = desk(support)
    page.goto(f"/traces/{trace.pk}/?span={span.pk}")
    panel = page.locator("#panel")
    expect(panel).not_to_contain_text("eve@example.net")
    panel.get_by_text("Show what is hidden").click()
    panel.get_by_label("Why you look at it").fill("Asked by phone")
    panel.get_by_role("button", name="Show it").click()
    expect(panel).to_contain_text("eve@example.net")
    expect(panel).to_contain_text("Shown to you once")
