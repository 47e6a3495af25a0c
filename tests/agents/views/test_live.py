"""The Live page, the forms that stop and lift, and the banner on every page."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import running
from agents.demo import load_demo
from agents.models import Agent, Stop, Turn
from agents.stops import lift, put
from observability.access import Role
from observability.ids import uuid7
from tests.agents.approval_cases import make_approval, shop_tools
from tests.factories import client_of, customer_client, make_agent, make_customer, make_session, make_turn, make_user

pytestmark = pytest.mark.django_db
__all__ = ["shop_tools"]
URL = reverse("agents:live")
ALL = reverse("agents:stop", args=["all"])
RUNNING = Turn.Status.RUNNING
REASON = {"reason": "Prices are wrong", "extent": "turn"}


def stop_url(turn: Turn) -> str:
    return reverse("agents:stop", args=["turn", turn.pk])


def running_turn(name: str = "Ada", **fields: Any) -> Turn:
    lease_until = timezone.now() + timedelta(minutes=1)
    session = make_session(customer=make_customer(name=name), **fields)
    return make_turn(session, status=RUNNING, started_at=timezone.now(), lease_until=lease_until)


def text_of(response: Any) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()))


# -- the page


def test_it_shows_what_runs_and_what_waits(support: User) -> None:
    turn = running_turn("Ada")
    make_turn(turn.session, status=Turn.Status.QUEUED)
    response = client_of(support).get(URL)
    page, text = response.content.decode(), text_of(response)

    assert response.status_code == 200
    assert "Working on an answer" in text
    assert "Waits for the turn before it" in text
    assert reverse("agents:conversation", args=[turn.session_id]) in page
    assert stop_url(turn) in page
    assert "Nothing runs now" not in text


@pytest.mark.usefixtures("shop_tools")
def test_what_waits_for_approval_leads_to_it(support: User) -> None:
    approval = make_approval()
    response = client_of(support).get(URL)
    page, text = response.content.decode(), text_of(response)
    assert reverse("agents:approval", args=[approval.pk]) in page
    assert f"Waits for {approval.label}: Refund 142.00 EUR of order 1044" in text
    assert "Waiting for approval 1" in text
    assert "Nothing runs now" not in text
    assert stop_url(Turn.objects.get()) in page


def test_nothing_runs(analyst: User) -> None:
    text = text_of(client_of(analyst).get(URL))
    assert "Nothing runs now" in text
    assert "Nothing is stopped" in text


def test_an_analyst_looks_and_stops_nothing(analyst: User) -> None:
    turn = running_turn()
    put(Stop.Scope.ALL, "", reason="Drill", by=make_user(Role.ADMIN))
    page = client_of(analyst).get(URL).content.decode()
    assert stop_url(turn) not in page
    assert ALL not in page
    assert "/lift/" not in page


def test_only_an_admin_is_offered_the_wide_stops(support: User, admin: User) -> None:
    assert ALL not in client_of(support).get(URL).content.decode()
    assert ALL in client_of(admin).get(URL).content.decode()


def test_of_one_agent(support: User) -> None:
    running_turn("Ada", agent=make_agent("refunds", name="Refunds"))
    running_turn("Ben", agent=make_agent("orders", name="Orders"))
    make_agent("idle")
    client = client_of(support)
    text = text_of(client.get(URL, {"agent": "orders"}))
    assert "Ben" in text
    assert "Ada" not in text
    assert "Nothing runs now" in text_of(client.get(URL, {"agent": "idle"}))
    assert client.get(URL, {"agent": "none"}).status_code == 404
    assert client.get(URL, {"agent": "\x00"}).status_code == 404


def test_a_refresh_is_sent_the_list_alone(support: User) -> None:
    running_turn()
    page = client_of(support).get(URL, headers={"HX-Request": "true"}).content.decode()
    assert page.lstrip().startswith('<div id="live-now"')


def test_queries_do_not_grow_with_what_runs(support: User, django_assert_max_num_queries: Any) -> None:
    client = client_of(support)
    for number in range(12):
        put(Stop.Scope.TURN, str(running_turn(f"Customer {number}").pk), reason="Drill", by=support)
    with django_assert_max_num_queries(9):
        client.get(URL)


def test_those_beyond_are_counted(support: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        running_turn(f"Customer {number}")
    monkeypatch.setattr(running, "SHOWN", 2)
    assert "and 1 more" in text_of(client_of(support).get(URL))


# -- who may


@pytest.mark.parametrize("url", [URL, ALL, reverse("agents:stops"), reverse("agents:stop", args=["tool"])])
def test_strangers(url: str, stranger: User) -> None:
    assert Client().get(url).status_code == 302
    assert customer_client().get(url).status_code == 302
    assert client_of(stranger).get(url).status_code == 403


@pytest.mark.parametrize(
    ("role", "scope", "status"),
    [
        (Role.SUPPORT, "turn", 302),
        (Role.REVIEWER, "session", 302),
        (Role.ADMIN, "turn", 302),
        (Role.ADMIN, "agent", 302),
        (Role.ADMIN, "tool", 302),
        (Role.ADMIN, "all", 302),
        (Role.ANALYST, "turn", 403),
        (Role.SUPPORT, "agent", 403),
        (Role.REVIEWER, "tool", 403),
        (Role.SUPPORT, "all", 403),
    ],
)
def test_each_scope_is_some_roles(role: Role, scope: str, status: int) -> None:
    load_demo()
    turn = running_turn()
    subjects = {"turn": turn.pk, "session": turn.session_id, "agent": turn.session.agent_id, "tool": "get_order"}
    url = reverse("agents:stop", args=[scope, *([subjects[scope]] if scope in subjects else [])])
    client = client_of(make_user(role))

    assert client.post(url, REASON).status_code == status
    assert Stop.objects.count() == (1 if status == 302 else 0)

    stop = Stop.objects.first() or Stop.objects.create(
        scope=scope, subject=str(subjects.get(scope, "")), reason="Drill"
    )
    lifting = reverse("agents:stop_lift", args=[stop.pk])
    assert client.post(lifting).status_code == status
    assert Stop.objects.filter(lifted_at__isnull=True).exists() == (status == 403)


def test_methods(admin: User) -> None:
    client = client_of(admin)
    stop = put(Stop.Scope.ALL, "", reason="Drill", by=admin)
    assert client.post(URL).status_code == 405
    assert client.post(reverse("agents:stops")).status_code == 405
    assert client.put(ALL).status_code == 405
    assert client.get(reverse("agents:stop_lift", args=[stop.pk])).status_code == 405


NOBODY = "01900000-0000-7000-8000-000000000000"


@pytest.mark.parametrize(
    "address",
    [["nonsense"], ["turn"], ["turn", "1"], ["turn", NOBODY], ["agent", NOBODY], ["tool", "none"], ["all", "x"]],
)
def test_what_there_is_not(admin: User, address: list[Any]) -> None:
    client = client_of(admin)
    assert client.get(reverse("agents:stop", args=address)).status_code == 404
    assert client.post(reverse("agents:stop", args=address), REASON).status_code == 404
    assert client.post(reverse("agents:stop_lift", args=[uuid7()])).status_code == 404


# -- stopping and lifting


@pytest.mark.parametrize("reason", ["", "   ", "x" * 301])
def test_a_reason_is_asked_for(admin: User, reason: str) -> None:
    response = client_of(admin).post(ALL, {"reason": reason})
    assert response.status_code == 422
    assert "needs your attention" in text_of(response)
    assert not Stop.objects.exists()


@pytest.mark.parametrize("scope", ["agent", "tool"])
def test_what_is_chosen_in_the_form(admin: User, scope: str) -> None:
    load_demo()
    client, url = client_of(admin), reverse("agents:stop", args=[scope])
    subject = {"agent": str(Agent.objects.get().pk), "tool": "process_refund"}[scope]
    assert f'value="{subject}"' in client.get(url).content.decode()
    assert client.post(url, REASON).status_code == 422
    assert client.post(url, {**REASON, "subject": "something else"}).status_code == 422
    assert client.post(url, {**REASON, "subject": subject}).status_code == 302
    assert Stop.objects.get().subject == subject


def test_the_form_says_what_it_stops(admin: User) -> None:
    running_turn()
    client = client_of(admin)
    assert "Support agent, 1 open turn." in text_of(client.get(ALL))
    fragment = client.get(ALL, headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in fragment
    assert 'id="ask-title"' in fragment


def test_a_turn_is_stopped_from_its_conversation(support: User) -> None:
    turn, client = running_turn(), client_of(support)
    conversation = reverse("agents:conversation", args=[turn.session_id])
    assert f"{stop_url(turn)}?from=conversation" in client.get(conversation).content.decode()
    assert 'name="from" value="conversation"' in client.get(f"{stop_url(turn)}?from=conversation").content.decode()

    response = client.post(stop_url(turn), {**REASON, "from": "conversation"})

    assert response.headers["Location"] == conversation
    assert (Stop.objects.get().scope, Stop.objects.get().subject) == ("turn", str(turn.pk))
    assert "Support stopped the agent's turn: Prices are wrong" in text_of(client.get(conversation))


def test_the_whole_conversation_is_stopped_from_a_turn_and_lifted_on_its_page(support: User) -> None:
    turn, client = running_turn(), client_of(support)
    client.post(stop_url(turn), {**REASON, "extent": "session"})
    stop = Stop.objects.get()
    conversation = reverse("agents:conversation", args=[turn.session_id])

    assert (stop.scope, stop.subject) == ("session", str(turn.session_id))
    assert "The agent is stopped in this conversation. Prices are wrong" in text_of(client.get(conversation))
    other = reverse("agents:conversation", args=[make_session().pk])
    assert "is stopped in this" not in text_of(client.get(other))

    lifting = reverse("agents:stop_lift", args=[stop.pk])
    assert client.post(lifting, {"from": "conversation"}).headers["Location"] == conversation
    assert "is stopped in this" not in text_of(client.get(conversation))


def test_a_turn_that_ended_meanwhile(support: User) -> None:
    turn, client = make_turn(make_session(), status=Turn.Status.REPLIED), client_of(support)
    response = client.post(stop_url(turn), REASON, follow=True)
    assert response.redirect_chain == [(URL, 302)]
    assert "has ended already" in text_of(response)
    back = client.get(f"{stop_url(turn)}?from=conversation")
    assert back.headers["Location"] == reverse("agents:conversation", args=[turn.session_id])


def test_a_second_person_is_told_of_the_first(admin: User) -> None:
    put(Stop.Scope.ALL, "", reason="Drill", by=make_user(Role.ADMIN))
    text = text_of(client_of(admin).post(ALL, REASON, follow=True))
    assert "It was stopped already: Drill" in text
    assert "Prices are wrong" not in text


def test_what_was_lifted_stays_in_the_history(admin: User) -> None:
    client, stop = client_of(admin), put(Stop.Scope.ALL, "", reason="Drill", by=admin)
    lifting = reverse("agents:stop_lift", args=[stop.pk])
    assert "Lifted." in text_of(client.post(lifting, follow=True))
    text = text_of(client.post(lifting, follow=True))
    assert "Somebody else has lifted it already." in text
    assert "Lifted before The last 1" in text


# -- the banner


PAGES = ["home", "inbox", "queue", "live", "agents", "models"]


def test_it_stands_on_every_page_while_a_stop_stands(support: User) -> None:
    admin, client = make_user(Role.ADMIN), client_of(support)
    stop = put(Stop.Scope.ALL, "", reason="Prices <b>wrong</b>", by=admin)
    session = make_session()
    pages = [*(reverse(f"agents:{name}") for name in PAGES), reverse("observability:traces")]
    pages += [reverse("agents:conversation", args=[session.pk]), reverse("agents:stops")]
    for page in pages:
        html = client.get(page).content.decode()
        assert "Everything is stopped." in html, page
        assert "Prices &lt;b&gt;wrong&lt;/b&gt; · Admin" in html, page
    lift(stop.pk, by=admin)
    for page in pages:
        assert "Everything is stopped." not in client.get(page).content.decode(), page


def test_customers_do_not_see_it(admin: User) -> None:
    session = make_session(agent=make_agent("support"), customer=make_customer("ada@example.com"))
    put(Stop.Scope.ALL, "", reason="Prices are wrong", by=admin)
    put(Stop.Scope.SESSION, str(session.pk), reason="Prices are wrong", by=admin)
    page = customer_client("ada@example.com").get(reverse("agents:chat_session", args=["support", session.pk]))
    assert page.status_code == 200
    for words in ("is stopped", "Prices are wrong", "stopped the agent"):
        assert words not in page.content.decode()


def test_it_costs_no_query(support: User, django_assert_num_queries: Any) -> None:
    client, url = client_of(support), reverse("agents:stops")
    with django_assert_num_queries(4):  # the sign-in, the person, their roles, and what waits and is stopped
        client.get(url)
