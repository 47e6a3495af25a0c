from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Session
from tests.factories import client_of, make_agent, make_customer, make_escalation, make_session

URL = reverse("agents:inbox")
CHANGES = reverse("agents:inbox_changes")


def names_in(response: Any) -> list[str]:
    return re.findall(r'class="row-link"[^>]*>([^<]+)<', response.content.decode())


def conversation(name: str, *, minutes: int = 0, waits: int | None = None, **fields: Any) -> Session:
    """With a customer of this name, whose last message is so many minutes old; `waits` in minutes."""
    now = timezone.now()
    fields = {"agent": fields.pop("agent", None) or make_agent(), **fields}
    return make_session(
        customer=make_customer(name=name),
        last_message_at=now - timedelta(minutes=minutes),
        waiting_since=None if waits is None else now - timedelta(minutes=waits),
        **fields,
    )


def closed(name: str) -> Session:
    return conversation(name, controller="closed", closed_at=timezone.now())


# -- the views


def test_each_view_holds_its_own(support, reviewer):
    conversation("Ada", controller="human", waits=4)
    conversation("Ben", controller="human", assignee=support)
    conversation("Chloe", controller="agent", waits=1)
    conversation("Dan", controller="human", assignee=reviewer, waits=9)
    closed("Eva")
    client = client_of(support)

    assert names_in(client.get(URL, {"view": "waiting"})) == ["Dan", "Ada"]
    assert names_in(client.get(URL, {"view": "mine"})) == ["Ben"]
    assert names_in(client.get(URL, {"view": "agent"})) == ["Chloe"]
    assert sorted(names_in(client.get(URL, {"view": "open"}))) == ["Ada", "Ben", "Chloe", "Dan"]
    assert names_in(client.get(URL, {"view": "closed"})) == ["Eva"]


def test_it_begins_with_who_waits_and_otherwise_with_all(support):
    conversation("Chloe", controller="agent")
    client = client_of(support)
    assert names_in(client.get(URL)) == ["Chloe"]

    conversation("Ada", controller="human", waits=4)
    assert names_in(client.get(URL)) == ["Ada"]


def test_the_counts_stand_beside_the_views(support):
    for name in ("Ada", "Ben"):
        conversation(name, controller="human", waits=4)
    conversation("Chloe", controller="agent")
    html = client_of(support).get(URL).content.decode()

    assert re.search(r'Needs a person <span class="count">2<', html)
    assert re.search(r'Mine <span class="count">0<', html)
    assert re.search(r'With an agent <span class="count">1<', html)


def test_a_row_says_who_spoke_who_answers_and_what_is_wrong(support):
    session = conversation(
        "Ada", controller="human", assignee=support, waits=4, preview="It is on its way.", preview_author="person"
    )
    escalation = make_escalation(session)
    conversation("Ben", controller="agent", preview="Where is it?", preview_author="customer")
    html = client_of(support).get(URL, {"view": "open"}).content.decode()

    assert '<span class="faint">You:</span> It is on its way.' in html
    assert escalation.label in html
    assert "Support agent v1" in html
    assert "4 min" in html


@pytest.mark.parametrize(
    ("view", "words"),
    [
        ("waiting", "Nobody waits for a person"),
        ("mine", "Nothing is assigned to you"),
        ("agent", "No agent is in a conversation"),
        ("open", "No conversation is open"),
        ("closed", "No conversation is closed yet"),
    ],
)
def test_an_empty_view_says_what_will_appear(support, view, words):
    assert words in client_of(support).get(URL, {"view": view}).content.decode()


# -- search and paging


def test_search_finds_customers_words_and_escalations(support):
    session = conversation("Ada", controller="agent", preview="Where is order 1042?")
    escalation = make_escalation(session)
    conversation("Ben", controller="agent", preview="Hello")
    client = client_of(support)

    for q in ("ada", session.customer.email, "order 1042", escalation.label.lower(), str(session.pk)):
        assert names_in(client.get(URL, {"view": "open", "q": q})) == ["Ada"], q
    assert "Nothing matches" in client.get(URL, {"view": "open", "q": "E-999999"}).content.decode()
    assert client.get(URL, {"view": "open", "q": "\x00%_'"}).status_code == 200


def test_an_agent_can_be_chosen(support):
    refunds = make_agent("refunds", name="Refunds")
    conversation("Ada", agent=refunds)
    conversation("Ben")
    response = client_of(support).get(URL, {"view": "open", "agent": "refunds"})

    assert names_in(response) == ["Ada"]
    assert "All agents" in response.content.decode()


@pytest.mark.parametrize("view", ["open", "waiting"])
def test_paging_shows_each_once_though_instants_are_shared(support, view):
    agent, instant = make_agent(), timezone.now() - timedelta(hours=1)
    for number in range(120):
        at = instant - timedelta(minutes=number // 60)
        make_session(
            agent=agent,
            customer=make_customer(name=f"Customer {number:03}"),
            controller="human",
            last_message_at=at,
            waiting_since=at,
        )
    client, seen, url = client_of(support), [], f"{URL}?view={view}"
    while url:
        response = client.get(url)
        seen += names_in(response)
        older = re.search(r'rel="next" href="([^"]+)"', response.content.decode())
        url = URL + older[1].replace("&amp;", "&") if older else ""

    assert len(seen) == len(set(seen)) == 120


def test_queries_do_not_grow_with_the_list(support, django_assert_max_num_queries):
    client = client_of(support)
    for number in range(60):
        session = conversation(f"Customer {number}", controller="human", waits=number, assignee=support)
        if number % 3 == 0:
            make_escalation(session)
    with django_assert_max_num_queries(10):
        assert len(names_in(client.get(URL, {"view": "open"}))) == 50
    with django_assert_max_num_queries(6):
        rows = [f"{pk}.0" for pk in Session.objects.values_list("pk", flat=True)[:50]]
        assert client.get(CHANGES, {"row": rows, "since": timezone.now().isoformat()}).status_code == 200


# -- what changes while it is read


def test_only_changed_rows_come_and_the_new_are_counted(support):
    since = timezone.now() - timedelta(minutes=1)
    same, changed = conversation("Ada", minutes=5), conversation("Ben", minutes=4, preview="Hello again")
    conversation("Chloe")
    query = {"view": "open", "since": since.isoformat(), "row": [f"{same.pk}.0", f"{changed.pk}.7"]}
    html = client_of(support).get(CHANGES, query).content.decode()

    assert f'id="row-{changed.pk}" hx-swap-oob="innerHTML"' in html
    assert "Hello again" in html
    assert str(same.pk) not in html
    assert "1 new" in html


def test_a_row_that_left_the_list_stays_in_its_place(support):
    session = closed("Ada")
    query = {"view": "open", "since": timezone.now().isoformat(), "row": f"{session.pk}.0"}
    html = client_of(support).get(CHANGES, query).content.decode()

    assert "left this list" in html
    assert " new</a>" not in html


@pytest.mark.parametrize(
    "query",
    [{}, {"since": "yesterday"}, {"since": "2026-13-40T00:00:00Z"}, {"row": "x"}, {"row": "1.y"}, {"shape": "cube"}],
)
def test_changes_of_nothing_that_can_be_read_are_refused(support, query):
    now = timezone.now().isoformat()
    assert client_of(support).get(CHANGES, {"since": now, **query} if query else {}).status_code == 400


# -- who may see it, and bad addresses


def test_staff_sees_it_and_nobody_else(support, reviewer, analyst, stranger):
    for user in (support, reviewer, analyst):
        assert client_of(user).get(URL).status_code == 200
    assert client_of(stranger).get(URL).status_code == 403
    response = Client().get(URL)
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("url", [URL, CHANGES])
def test_it_is_only_read(support, url):
    assert client_of(support).post(url).status_code == 405


@pytest.mark.parametrize(
    "query", [{"view": "none"}, {"after": "x"}, {"after": "1.2"}, {"after": f"{10**30}.{'0' * 32}"}]
)
def test_an_address_that_leads_nowhere_is_not_found(support, query):
    assert client_of(support).get(URL, query).status_code == 404
