from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.demo import add_tools
from agents.demo_policies import add_policies
from observability.ids import uuid7
from tests.factories import client_of
from tests.tools.mcp_server.conftest import forget, reread
from tools import gateways
from tools.gateways import check_key, make_key
from tools.models import Approval, Gateway, GatewayKey, ToolCall

pytestmark = pytest.mark.django_db
URL = "/gateways/"
ADA = "ada@example.com"
ADA_ID = uuid7()
KEY = {"name": "claude", "scopes": ["read"], "customer": ADA, "days": "30"}


@pytest.fixture(autouse=True)
def _desk(db: None) -> Iterator[None]:
    add_tools()
    add_policies()
    reread()
    gateways.customer_finders.insert(0, {ADA: ADA_ID}.get)
    yield
    gateways.customer_finders.pop(0)
    forget()


@pytest.fixture
def door() -> Gateway:
    return Gateway.objects.create(slug="support", label="Support tools", tools=["shop___get_order"])


def text_of(user: User, url: str = URL, status: int = 200) -> str:
    response = client_of(user).get(url)
    assert response.status_code == status
    return str(response.content.decode())


def key_in(text: str) -> str:
    found = set(re.findall(r"tdm_[\w-]{43}", text))
    assert len(found) == 1
    return str(found.pop())


class TestWho:
    @pytest.mark.parametrize("path", ["", "new/", "support/", "support/keys/new/"])
    def test_only_admins(self, door: Gateway, path: str, support: User, reviewer: User, admin: User) -> None:
        for user in (support, reviewer):
            assert client_of(user).get(URL + path).status_code == 403
        assert client_of(admin).get(URL + path).status_code == 200

    def test_changes_are_posted_by_admins(self, door: Gateway, support: User, admin: User) -> None:
        key = make_key(door, name="one", scopes=["read"], owner=admin).key
        for path in ("support/switch/", f"support/keys/{key.pk}/revoke/"):
            assert client_of(support).post(f"{URL}{path}").status_code == 403
            assert client_of(admin).get(f"{URL}{path}").status_code == 405
        assert client_of(admin).get(f"{URL}none/").status_code == 404
        assert client_of(admin).post(f"{URL}other/keys/{key.pk}/revoke/").status_code == 404
        assert client_of(support).post(f"{URL}support/keys/new/", KEY).status_code == 403
        key.refresh_from_db()
        assert key.revoked_at is None


class TestList:
    def test_it_says_what_will_be_here(self, admin: User) -> None:
        text = text_of(admin)
        assert "No gateways yet" in text
        assert f'href="{URL}new/"' in text

    def test_it_counts_the_keys_that_are_good(self, door: Gateway, admin: User) -> None:
        Gateway.objects.create(slug="empty", label="Empty one")
        Gateway.objects.create(slug="off", label="Off one", enabled=False)
        make_key(door, name="one", scopes=["read"], owner=admin)
        make_key(door, name="two", scopes=["read"], owner=admin, expires_at=timezone.now() - timedelta(days=1))
        gateways.revoke_key(make_key(door, name="three", scopes=["read"], owner=admin).key, user=admin)
        text = text_of(admin)
        assert re.search(r'data-label="Tools">1<.*?data-label="Good keys">1<', text, re.DOTALL)
        assert "Offers nothing" in text
        assert "/mcp/support/" in text


class TestNew:
    def test_it_is_made_and_offers_nothing(self, admin: User) -> None:
        response = client_of(admin).post(f"{URL}new/", {"label": "Finance", "slug": "Finance-1"})
        assert response.headers["Location"] == f"{URL}finance-1/"
        made = Gateway.objects.get()
        assert (made.slug, made.label, made.tools, made.enabled) == ("finance-1", "Finance", [], True)

    @pytest.mark.parametrize("slug", ["new", "SUPPORT", "a b", "", "é"])
    def test_an_address_that_will_not_do(self, door: Gateway, admin: User, slug: str) -> None:
        response = client_of(admin).post(f"{URL}new/", {"label": "Again", "slug": slug})
        assert response.status_code == 422
        assert Gateway.objects.count() == 1
        assert 'value="Again"' in response.content.decode()


class TestOne:
    def test_it_shows_how_to_connect(self, door: Gateway, admin: User, settings: Any) -> None:
        settings.PUBLIC_URL = "https://desk.example"
        text = text_of(admin, f"{URL}support/")
        assert "https://desk.example/mcp/support/" in text
        assert "claude mcp add --transport http support" in text
        assert "mcp-remote" in text
        assert "--allow-http" not in text
        assert "YOUR_KEY" in text
        assert "No keys yet" in text
        assert "Nobody has called it yet" in text

    def test_it_offers_what_an_outside_agent_can_use(self, door: Gateway, admin: User) -> None:
        text = text_of(admin, f"{URL}support/")
        ticked = re.findall(r'name="tools" value="(\w+)" id="[^"]+"( checked)?', text)
        assert ("shop___get_order", " checked") in ticked
        assert ("shop___process_refund", "") in ticked
        assert "escalate_to_human" not in text

    def test_what_it_offers_is_saved(self, door: Gateway, admin: User) -> None:
        given = {"label": "Renamed", "instructions": "Be brief.", "tools": ["shop___process_refund"]}
        response = client_of(admin).post(f"{URL}support/", given)
        assert response.status_code == 302
        door.refresh_from_db()
        assert (door.label, door.instructions, door.tools) == ("Renamed", "Be brief.", ["shop___process_refund"])

    @pytest.mark.parametrize(
        "wrong", [{"tools": ["desk___escalate_to_human"]}, {"label": ""}, {"tools": ["shop___gone"]}], ids=str
    )
    def test_what_cannot_be_offered_is_refused(self, door: Gateway, admin: User, wrong: dict[str, Any]) -> None:
        given = {"label": "Support", "tools": [], **wrong}
        response = client_of(admin).post(f"{URL}support/", given)
        assert response.status_code == 422
        assert "Support tools" in response.content.decode()
        door.refresh_from_db()
        assert (door.label, door.tools) == ("Support tools", ["shop___get_order"])

    def test_it_is_switched_off_and_on(self, door: Gateway, admin: User) -> None:
        for sent, enabled in (({}, False), ({"enabled": "on"}, True)):
            client_of(admin).post(f"{URL}support/switch/", sent)
            door.refresh_from_db()
            assert door.enabled is enabled
        Gateway.objects.update(enabled=False)
        assert "It refuses every key" in text_of(admin, f"{URL}support/")

    def test_its_last_calls_are_shown(self, door: Gateway, admin: User) -> None:
        key = make_key(door, name="claude", scopes=["read"], owner=admin).key
        other = make_key(
            Gateway.objects.create(slug="other", label="Other"), name="o", scopes=["read"], owner=admin
        ).key
        result = {"error": {"code": "not_permitted", "message": "<b>No</b>"}}
        for owner, name in ((key, "get_order"), (other, "cancel_order")):
            make_call(owner, name, state="refused", result=result)
        waiting = make_call(key, "process_refund", state="reserved")
        approval = Approval.objects.create(
            call=waiting, tool_key="shop___process_refund", asked={}, arguments={}, digest="", policy_version=1,
            role="reviewer", expires_at=timezone.now(),
        )  # fmt: skip
        text = text_of(admin, f"{URL}support/").partition('id="calls"')[2]
        assert "&lt;b&gt;No&lt;/b&gt;" in text
        assert "get_order" in text
        assert "cancel_order" not in text
        assert approval.label in text


def make_call(key: GatewayKey, name: str, **fields: Any) -> ToolCall:
    return ToolCall.objects.create(key_id=key.pk, tool_use_id="1", tool_name=name, arguments={}, digest="", **fields)


class TestKeys:
    def test_a_new_key_is_shown_once(self, door: Gateway, admin: User) -> None:
        response = client_of(admin).post(f"{URL}support/keys/new/", KEY)
        assert response.status_code == 200
        assert "no-store" in response.headers["Cache-Control"]
        text = key_in(response.content.decode())
        assert f"Bearer {text}" in response.content.decode()
        made = GatewayKey.objects.get()
        assert made.sha256 == hashlib.sha256(text.encode()).hexdigest()
        assert (made.name, made.scopes, made.owner) == ("claude", ["read"], admin)
        assert (made.customer_id, made.customer_email) == (ADA_ID, ADA)
        assert timedelta(days=29) < made.expires_at - timezone.now() <= timedelta(days=30)
        assert check_key(text) == made
        assert "get_order" in response.content.decode().partition("Sees now")[2]
        assert text not in text_of(admin, f"{URL}support/")
        assert text not in json.dumps(list(GatewayKey.objects.values()), default=str)

    def test_one_without_customer_and_end(self, door: Gateway, admin: User) -> None:
        given = {**KEY, "customer": "", "days": "0", "scopes": ["read", "write"]}
        response = client_of(admin).post(f"{URL}support/keys/new/", given)
        assert "No tool:" in response.content.decode()
        made = GatewayKey.objects.get()
        assert (made.customer_id, made.customer_email, made.expires_at) == (None, "", None)
        assert made.scopes == ["read", "write"]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"name": "taken"}, {"name": "TAKEN"}, {"name": "two words"}, {"name": ""}, {"scopes": []},
            {"scopes": ["all"]}, {"customer": "stranger@example.com"}, {"customer": "ada"}, {"days": "-1"},
        ],
        ids=str,
    )  # fmt: skip
    def test_what_makes_no_key(self, door: Gateway, admin: User, wrong: dict[str, Any]) -> None:
        make_key(door, name="taken", scopes=["read"], owner=admin)
        response = client_of(admin).post(f"{URL}support/keys/new/", {**KEY, **wrong})
        assert response.status_code == 422
        assert "tdm_" not in response.content.decode()
        assert GatewayKey.objects.count() == 1

    def test_it_is_revoked(self, door: Gateway, admin: User) -> None:
        made = make_key(door, name="claude", scopes=["read"], owner=admin)
        assert f"revoke-{made.key.pk}" in text_of(admin, f"{URL}support/")
        path = f"{URL}support/keys/{made.key.pk}/revoke/"
        assert client_of(admin).post(path).status_code == 302
        with pytest.raises(gateways.KeyRefused, match="revoked"):
            check_key(made.text)
        made.key.refresh_from_db()
        first = made.key.revoked_at
        client_of(admin).post(path)
        made.key.refresh_from_db()
        assert made.key.revoked_at == first
        text = text_of(admin, f"{URL}support/")
        assert "Revoked" in text
        assert f"revoke-{made.key.pk}" not in text

    def test_the_state_of_each_is_told(self, door: Gateway, admin: User, support: User) -> None:
        make_key(door, name="old", scopes=["read"], owner=admin, expires_at=timezone.now() - timedelta(days=1))
        make_key(door, name="left", scopes=["read"], owner=support)
        support.is_active = False
        support.save()
        text = text_of(admin, f"{URL}support/")
        assert "Expired" in text
        assert "Owner is off" in text
