from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from observability.ids import uuid7
from observability.models import Trace
from observability.traces import PAGE_SIZE, Cursor
from tests.factories import client_of, make_trace

pytestmark = pytest.mark.django_db
URL = "/traces/"
HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>"


def rows_of(text: str) -> list[str]:
    """The ids of the traces on a page, in order."""
    return re.findall(r'<tr data-row id="trace-([0-9a-f-]+)"', text)


def shown(user: User, query: str = "") -> list[str]:
    response = client_of(user).get(URL + query)
    assert response.status_code == 200
    return rows_of(response.content.decode())


def ids(*traces: Trace) -> list[str]:
    return [str(trace.pk) for trace in traces]


def test_it_works_newest_first(support: User) -> None:
    old = make_trace(started_at=timezone.now() - timedelta(hours=1), spans=0)
    new = make_trace(spans=0)
    assert shown(support) == ids(new, old)


def test_every_role_reads(support: User, reviewer: User, analyst: User, admin: User) -> None:
    for user in (support, reviewer, analyst, admin):
        assert client_of(user).get(URL).status_code == 200


def test_signed_out_stranger_and_method(support: User, stranger: User) -> None:
    assert Client().get(URL).status_code == 302
    assert client_of(stranger).get(URL).status_code == 403
    assert client_of(support).post(URL).status_code == 405


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("?status=error", {"status": Trace.Status.ERROR, "error": "Cut."}),
        ("?status=running", {"status": Trace.Status.RUNNING, "duration_ms": None, "outcome": ""}),
        ("?outcome=escalated", {"outcome": "escalated"}),
        ("?channel=shell", {"channel": "shell"}),
        ("?slow=1", {"duration_ms": 5001}),
        ("?q=BEN@exam", {"customer": "ben@example.com"}),
    ],
)
def test_filters(support: User, query: str, fields: dict[str, Any]) -> None:
    wanted = make_trace(spans=0, **fields)
    make_trace(spans=0, duration_ms=5000)
    assert shown(support, query) == ids(wanted)


def test_filter_by_agent(support: User) -> None:
    wanted = make_trace(spans=0, agent_name="Night desk")
    make_trace(spans=0)
    response = client_of(support).get(f"{URL}?agent={wanted.agent_id}")
    text = response.content.decode()
    assert rows_of(text) == ids(wanted)
    assert "Agent: Night desk" in text


def test_search_by_the_beginning_of_an_id(support: User) -> None:
    wanted, other = make_trace(spans=0), make_trace(spans=0, session_id=uuid7())
    assert shown(support, f"?q={wanted.pk}") == ids(wanted)
    assert shown(support, f"?q={str(wanted.session_id)[:-2]}") == ids(wanted)
    assert shown(support, f"?q={other.pk.hex}") == ids(other)
    assert shown(support, "?q=00000000") == []


def test_wildcards_are_letters(support: User) -> None:
    make_trace(spans=0)
    assert shown(support, "?q=%25") == []
    assert shown(support, "?q=_da") == []


def test_most_expensive_today(support: User) -> None:
    cheap, dear = make_trace(spans=0, cost_usd=Decimal("0.001")), make_trace(spans=0, cost_usd=Decimal("0.9"))
    make_trace(spans=0, cost_usd=Decimal(5), started_at=timezone.now() - timedelta(days=2))
    assert shown(support, "?sort=cost") == ids(dear, cheap)


@pytest.mark.parametrize("query", ["", "?sort=cost", "?status=ok"])
def test_pages_follow_each_other_and_lead_back(support: User, query: str) -> None:
    start = timezone.now()
    made = [make_trace(spans=0, started_at=start, cost_usd=Decimal("0.1")) for _ in range(PAGE_SIZE + 3)]
    client = client_of(support)
    first = client.get(URL + query)
    older = first.context["older"]
    second = client.get(URL + older)
    assert len(rows_of(first.content.decode())) == PAGE_SIZE
    assert len(rows_of(second.content.decode())) == 3
    assert rows_of(first.content.decode()) + rows_of(second.content.decode()) == ids(
        *sorted(made, key=lambda trace: trace.pk, reverse=True)
    )
    back = client.get(URL + second.context["newer"])
    assert rows_of(back.content.decode()) == rows_of(first.content.decode())
    assert not back.context["newer"]


@pytest.mark.parametrize(
    "query",
    ["?status=odd", "?agent=odd", "?before=odd", "?before=2026-01-01_odd", "?after=", "?sort=cost&before=NaN_0"],
)
def test_what_no_page_links_to(support: User, query: str) -> None:
    assert client_of(support).get(URL + query).status_code == 404


def test_hostile_text_is_inert(support: User) -> None:
    make_trace(spans=0, input_text=HOSTILE, output_text=HOSTILE, customer=HOSTILE[:80], agent_name=HOSTILE[:80])
    text = client_of(support).get(URL).content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_empty_says_what_will_come_and_how_to_widen(support: User) -> None:
    assert "No traces yet" in client_of(support).get(URL).content.decode()
    text = client_of(support).get(f"{URL}?status=error").content.decode()
    assert "No trace fits these filters" in text
    assert "Show every trace" in text


def test_htmx_gets_the_list_alone(support: User) -> None:
    make_trace(spans=0)
    text = client_of(support).get(URL, headers=HTMX).content.decode()
    assert text.strip().startswith('<div id="trace-list">')
    assert "<html" not in text


def test_more_traces_take_no_more_queries(support: User, django_assert_max_num_queries) -> None:
    for _ in range(12):
        make_trace(spans=0)
    client = client_of(support)
    with django_assert_max_num_queries(7):
        client.get(URL)


class TestNew:
    url = "/traces/new/"

    def test_it_counts_what_came_since(self, support: User) -> None:
        seen = make_trace(spans=0)
        since = Cursor(key=seen.started_at, id=seen.pk)
        client = client_of(support)
        assert "new</a>" not in client.get(self.url, {"since": str(since)}).content.decode()
        make_trace(spans=0)
        make_trace(spans=0, status=Trace.Status.ERROR, error="Cut.")
        assert "2 new" in client.get(self.url, {"since": str(since)}).content.decode()
        assert "1 new" in client.get(self.url, {"since": str(since), "status": "error"}).content.decode()

    def test_rows_that_ended_come_along(self, support: User) -> None:
        ended = make_trace(spans=0)
        running = make_trace(spans=0, status=Trace.Status.RUNNING, duration_ms=None)
        query = {"since": str(Cursor(key=timezone.now(), id=uuid7())), "running": f"{ended.pk},{running.pk}"}
        text = client_of(support).get(self.url, query).content.decode()
        assert rows_of(text) == ids(ended)
        assert f"running={running.pk}" in text
        assert 'hx-swap-oob="true"' in text

    def test_what_no_page_links_to(self, support: User) -> None:
        client = client_of(support)
        assert client.get(self.url).status_code == 404
        since = str(Cursor(key=timezone.now(), id=uuid7()))
        assert client.get(self.url, {"since": since, "running": "odd"}).status_code == 404

    def test_signed_out_stranger_and_method(self, support: User, stranger: User) -> None:
        assert Client().get(self.url).status_code == 302
        assert client_of(stranger).get(self.url).status_code == 403
        assert client_of(support).post(self.url).status_code == 405
