"""A person of the desk signs in and out."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from agents.demo import PASSWORD, load_demo

ADDRESS = "support@demo.example"


@pytest.fixture
def entrance(asgi_server: str, page: Page, settings: object) -> Page:
    """The sign-in page, which a page of the desk sends a stranger to."""
    settings.DEMO = True  # type: ignore[attr-defined]
    load_demo()
    page.goto(f"{asgi_server}/queue/")
    expect(page.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
    return page


def sign_in(page: Page, password: str) -> None:
    page.get_by_label("Email").fill(ADDRESS)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def test_a_demo_account_signs_in_where_it_wanted_to_go_and_out_again(entrance: Page) -> None:
    expect(entrance.get_by_text(ADDRESS)).to_be_visible()  # the demo says how one gets in
    sign_in(entrance, PASSWORD)
    expect(entrance.get_by_role("heading", level=1, name="Queue")).to_be_visible()
    expect(entrance).to_have_url(re.compile("/queue/$"))

    entrance.get_by_label("Support, account menu").click()
    entrance.get_by_role("button", name="Sign out").click()
    expect(entrance.get_by_role("heading", level=1, name="Sign in")).to_be_visible()
    entrance.goto("/inbox/")
    expect(entrance.get_by_role("heading", level=1, name="Sign in")).to_be_visible()


def test_a_wrong_password_is_said_and_the_address_kept(entrance: Page) -> None:
    sign_in(entrance, "not the password")
    expect(entrance.get_by_role("alert")).to_contain_text("password")
    expect(entrance.get_by_label("Email")).to_have_value(ADDRESS)
    expect(entrance.get_by_label("Password")).to_have_value("")
    sign_in(entrance, PASSWORD)
    expect(entrance.get_by_role("heading", level=1, name="Queue")).to_be_visible()
