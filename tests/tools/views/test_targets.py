"""The pages of targets: who sees them, how one stands, its credential, and when it can go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from tests.factories import client_of
from tests.tools.views.target_cases import (
    SECRET,
    URL,
    make_target,
    make_tool,
    post,
    shown,
    text_of,
)
from tools import tool_changes
from tools.authorize import book
from tools.catalog import catalog
from tools.models import Gateway, Target, TargetHealth, Tool, ToolCall
from tools.targets import registry

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    yield
    registry.forget()
    catalog.forget()
    book.forget()


# -- the list


class TestList:
    def test_every_role_reads_it(self, support: User, reviewer: User, analyst: User, admin: User) -> None:
        target = make_target(is_internal=True, listed_at=timezone.now())
        make_tool(target)
        make_tool(target, "refund", enabled=False)
        for user in (support, reviewer, analyst, admin):
            text = text_of(user)
            assert 'href="/targets/shop/"' in text
            assert "1 of 2" in text
            assert "https://api.example.com" in text
            assert "No failures" in text
        assert "Connect a backend" not in text_of(support)
        assert "Connect a backend" in text_of(admin)

    def test_it_says_what_keeps_a_target_from_being_called(self, support: User) -> None:
        now = timezone.now()
        make_target("held", kind="mcp", held_at=now, proposed={"definitions": []}, settings={"seen": {"x": "y"}})
        make_target("first", kind="mcp", held_at=now, proposed={"definitions": []})
        make_target("off", enabled=False)
        broken = make_target("broken")
        TargetHealth.objects.create(
            target=broken,
            state="open",
            failures=7,
            opened_at=now,
            retry_at=now + timedelta(minutes=5),
            last_error="timeout",
        )
        text = text_of(support)
        for words in ("Changed: review", "Choose tools", "Off", "Left alone", "7 failures in a row: timeout"):
            assert words in text

    def test_strangers_and_the_signed_out(self, stranger: User, support: User) -> None:
        assert Client().get(URL).status_code == 302
        assert client_of(stranger).get(URL).status_code == 403
        assert client_of(support).post(URL).status_code == 405

    def test_more_targets_take_no_more_queries(self, support: User, django_assert_max_num_queries: Any) -> None:
        for number in range(8):
            make_tool(make_target(f"t{number}", kind="mcp", held_at=timezone.now(), proposed={}))
        client = client_of(support)
        with django_assert_max_num_queries(8):
            client.get(URL)

    @pytest.mark.parametrize(
        "path",
        ["new/", "new/http/", "shop/change/", "shop/credential/", "shop/delete/", "shop/paste/", "mcp/review/"],
    )
    def test_only_an_admin_gets_at_what_changes_something(self, path: str, reviewer: User, admin: User) -> None:
        make_target()
        make_target("mcp", kind="mcp", held_at=timezone.now(), proposed={"definitions": []})
        assert client_of(reviewer).get(f"{URL}{path}").status_code == 403
        assert client_of(admin).get(f"{URL}{path}").status_code == 200

    @pytest.mark.parametrize("path", ["switch/", "list/", "credential/remove/"])
    def test_what_acts_is_only_posted_and_only_by_an_admin(self, path: str, reviewer: User, admin: User) -> None:
        make_target()
        assert client_of(reviewer).post(f"{URL}shop/{path}").status_code == 403
        assert client_of(admin).get(f"{URL}shop/{path}").status_code == 405

    def test_what_is_not_there(self, admin: User) -> None:
        for path in ("nothing/", "new/ftp/", "new/builtin/", "nothing/change/"):
            assert client_of(admin).get(f"{URL}{path}").status_code == 404


# -- one


class TestOne:
    def test_a_credential_is_set_described_replaced_and_removed(self, admin: User, support: User) -> None:
        make_target()
        url = f"{URL}shop/credential/"
        assert 'name="username"' in text_of(admin, f"{url}?kind=basic")
        text = shown(post(admin, url, kind="header", name="Host", secret=SECRET), 422)
        assert "set by the desk itself" in text
        assert SECRET not in text
        response = post(admin, url, kind="header", name="X-Key", secret=SECRET)
        assert response.url == "/targets/shop/"
        for user in (admin, support):
            text = text_of(user, response.url)
            assert "API key in a header" in text
            assert "X-Key" in text
            assert SECRET not in text
        assert "by Admin" in text_of(support, response.url)
        assert SECRET not in text_of(admin, url)
        assert "Replace" not in text_of(support, response.url)
        assert post(admin, f"{URL}shop/credential/remove/").status_code == 302
        assert "calls are sent without one" in text_of(support, response.url)

    def test_a_credential_does_not_follow_to_another_address(self, admin: User) -> None:
        make_target()
        post(admin, f"{URL}shop/credential/", kind="bearer", secret=SECRET)
        response = client_of(admin).post(f"{URL}shop/change/", {"base_url": "https://other.example.com"}, follow=True)
        text = response.content.decode()
        assert "is not sent to another one" in text
        assert "The credential cannot be used." in text
        refused = post(admin, f"{URL}shop/change/", base_url="http://other.example.com")
        assert "credential cannot be kept" in shown(refused, 422)
        assert Target.objects.get(name="shop").base_url == "https://other.example.com"

    def test_it_is_switched_off_and_on(self, admin: User) -> None:
        make_target()
        post(admin, f"{URL}shop/switch/")
        assert not Target.objects.get(name="shop").enabled
        post(admin, f"{URL}shop/switch/", enabled="on")
        assert Target.objects.get(name="shop").enabled

    def test_it_is_deleted_only_while_nothing_uses_it(self, admin: User, monkeypatch: pytest.MonkeyPatch) -> None:
        tool = make_tool(make_target())
        monkeypatch.setattr(tool_changes, "users", [lambda names: [f"An agent has {min(names)}."]])
        Gateway.objects.create(slug="g", label="Partners", tools=["get_order"])
        ToolCall.objects.create(
            session_id=tool.pk, turn_id=tool.pk, tool_use_id="1", tool_name="get_order", arguments={}
        )
        for text in (text_of(admin, f"{URL}shop/delete/"), shown(post(admin, f"{URL}shop/delete/"), 409)):
            assert "in use, so it stays" in text
            assert "An agent has get_order." in text
            assert "The gateway Partners" in text
            assert "It was called" in text
        assert Target.objects.filter(name="shop").exists()
        monkeypatch.setattr(tool_changes, "users", [])
        Gateway.objects.all().delete()
        ToolCall.objects.all().delete()
        assert "Delete shop" in text_of(admin, f"{URL}shop/delete/")
        assert post(admin, f"{URL}shop/delete/").url == "/targets/"
        assert not Tool.objects.filter(pk=tool.pk).exists()

    def test_the_desk_itself_is_read_only(self, admin: User) -> None:
        desk = Target.objects.filter(kind="builtin").first() or make_target("desk", kind="builtin", base_url="")
        assert "they touch no other system" in text_of(admin, f"{URL}{desk.name}/")
        for path in ("change/", "delete/", "credential/"):
            assert client_of(admin).get(f"{URL}{desk.name}/{path}").status_code == 404
