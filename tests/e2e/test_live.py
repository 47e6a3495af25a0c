"""Stopping in real browsers: who stops sees it at once, and so does everybody whose page stands open."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from playwright.sync_api import Page, expect

from agents.journal import Event, Lease, write_turn
from agents.models import Stop, Turn, TurnEvent
from observability.access import Role
from tests.factories import client_of, make_customer, make_session, make_turn, make_user

Opens = Callable[..., Page]


@pytest.fixture
def staff(asgi_server: str, new_context: Any) -> Opens:
    """A window of somebody of this role, on a page of the desk."""

    def open_page(role: Role, path: str, **options: Any) -> Page:
        context = new_context(**options)
        cookie = client_of(make_user(role)).cookies[settings.SESSION_COOKIE_NAME]
        context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": asgi_server}])
        page: Page = context.new_page()
        page.goto(path)
        return page

    return open_page


def running_turn() -> Turn:
    session = make_session(customer=make_customer(name="Ada"), waiting_since=timezone.now())
    lease_until = timezone.now() + timedelta(minutes=5)
    return make_turn(session, status=Turn.Status.RUNNING, started_at=timezone.now(), lease_until=lease_until)


def test_what_runs_is_followed_and_stopped(staff: Opens) -> None:
    turn = running_turn()
    page = staff(Role.SUPPORT, "/live/")
    row = page.get_by_role("row", name="Ada").first
    expect(row).to_contain_text("Working on an answer")

    lease = Lease(turn_id=turn.pk, session_id=turn.session_id, token=turn.lease_token)
    step = {"tool_call_id": "1", "tool_name": "get_order", "state": "reserved", "progress": "Looking up order 1042"}
    write_turn(lease, events=[Event(kind=TurnEvent.Kind.STEP, data=step, turn_id=turn.pk)])
    expect(row).to_contain_text("Looking up order 1042")

    row.get_by_role("link", name="Stop the turn for Ada").click()
    dialog = page.get_by_role("dialog", name="Stop the agent for Ada")
    expect(dialog.get_by_label("Reason")).to_be_focused()
    dialog.get_by_label("Reason").fill("It loops")
    dialog.get_by_role("button", name="Stop the agent").click()

    expect(page.get_by_role("status").get_by_text("Stopped. It takes effect before the next step.")).to_be_visible()
    expect(row).to_contain_text("Takes no further step")
    assert Stop.objects.get().subject == str(turn.pk)


def test_a_banner_appears_and_goes_on_a_page_that_stands_open(staff: Opens) -> None:
    colleague = staff(Role.SUPPORT, "/queue/")
    expect(colleague.get_by_role("heading", name="Nobody is waiting for a person")).to_be_visible()
    admin = staff(Role.ADMIN, "/live/")

    admin.get_by_role("link", name="Stop everything").click()
    dialog = admin.get_by_role("dialog", name="Stop everything")
    dialog.get_by_label("Reason").fill("Prices are wrong")
    dialog.get_by_role("button", name="Stop everything").click()
    expect(colleague.get_by_text("Everything is stopped.")).to_be_visible()
    expect(colleague.get_by_role("region", name="What is stopped")).to_contain_text("Prices are wrong")

    admin.get_by_role("button", name="Lift the stop: Everything").click()
    expect(colleague.get_by_text("Everything is stopped.")).to_have_count(0)
    expect(admin.get_by_role("row", name="Prices are wrong")).to_contain_text("Admin")


def test_without_script_it_is_read_stopped_and_lifted(staff: Opens) -> None:
    turn = running_turn()
    page = staff(Role.REVIEWER, f"/inbox/{turn.session_id}/", java_script_enabled=False)
    page.get_by_role("link", name="Stop the agent").click()
    page.get_by_label("The whole conversation").check()
    page.get_by_label("Reason").fill("Abuse")
    page.get_by_role("button", name="Stop the agent").click()
    expect(page.get_by_text("The agent is stopped in this conversation.")).to_be_visible()
    page.get_by_role("button", name="Lift").click()
    expect(page.get_by_text("The agent is stopped in this conversation.")).to_have_count(0)
