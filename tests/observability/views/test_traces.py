from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from django.utils.html import escape

from observability import trace_list
from observability.ids import uuid7
from observability.models import Span, Trace
from observability.traces import PAGE_SIZE, Cursor
from tests.factories import client_of, make_trace

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
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
    assert client_of(stranger).post(URL).status_code == 403
    assert client_of(support).put(URL).status_code == 405


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
    assert f"agent:{wanted.agent_id}" in text
    assert f'<option value="{wanted.agent_id}" selected>Night desk (1)</option>' in text


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
    [
        "?status=odd",
        "?range=odd",
        "?sort=odd",
        "?format=odd",
        "?peek=odd",
        "?since=odd",
        "?before=odd",
        "?before=2026-01-01_odd",
        "?after=",
        "?sort=cost&before=NaN_0",
    ],
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
    with django_assert_max_num_queries(8):
        client.get(URL)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("status:error", {"failed"}),
        ("-status:error", {"plain", "slow", "blocked"}),
        ("status:error,ok", {"failed", "plain", "slow", "blocked"}),
        ("outcome:escalated", {"failed"}),
        ("agent:night-desk", {"slow"}),
        ('agent:"Night desk"', {"slow"}),
        ("version:3", {"slow"}),
        ("channel:email", {"slow"}),
        ("-channel:email -status:error", {"plain", "blocked"}),
        ("model:claude-*", {"plain", "failed", "blocked"}),
        ("model:other-1", {"slow"}),
        ("customer:ben@", {"failed"}),
        ("error:overloaded", {"failed"}),
        ("tool:process_refund", {"blocked"}),
        ("-tool:process_refund", {"plain", "failed", "slow"}),
        ("failed:process_refund", set()),
        ("failed:get_order", {"failed"}),
        ("guardrail:blocked", {"blocked"}),
        ("guardrail:pii", {"blocked"}),
        ("kind:approval", {"slow"}),
        ("duration:>2s", {"slow"}),
        ("duration:<=1200ms", {"plain", "failed", "blocked"}),
        ("cost:>0.01", {"blocked"}),
        ("cost:>$0.01 tokens:>5k", set()),
        ("tokens:>5000", {"slow"}),
        ("tokens:5500", {"slow"}),
        ("model_calls:>1", {"slow"}),
        ("tool_calls:0", {"slow"}),
        ("umbrella", {"plain"}),
        ('"red UMBRELLA"', {"plain"}),
        ("-umbrella", {"failed", "slow", "blocked"}),
        ("umbrella status:error", set()),
    ],
)
def test_words(reviewer: User, words: str, found: set[str]) -> None:
    made = {
        "plain": make_trace(spans=0, input_text="Where is my red umbrella?"),
        "failed": make_trace(
            spans=0,
            customer="ben@example.com",
            status=Trace.Status.ERROR,
            outcome="escalated",
            error="529: Overloaded",
        ),
        "slow": make_trace(
            spans=0,
            duration_ms=9_000,
            agent_slug="night-desk",
            agent_name="Night desk",
            agent_version=3,
            channel="email",
            model="other-1",
            model_calls=2,
            tool_calls=0,
            input_tokens=500,
            cache_read_tokens=5_000,
        ),
        "blocked": make_trace(spans=0, cost_usd=Decimal("0.02")),
    }
    spans = [
        ("failed", {"kind": "tool", "name": "get_order", "status": "error"}),
        ("slow", {"kind": "approval", "name": "refund"}),
        ("blocked", {"kind": "tool", "name": "Shop___process_refund"}),
        ("blocked", {"kind": "guardrail", "name": "input", "action": "blocked", "category": "pii:EMAIL"}),
    ]
    for name, fields in spans:
        Span.objects.create(trace=made[name], started_at=made[name].started_at, **fields)
    names = {str(trace.pk): name for name, trace in made.items()}
    assert {names[pk] for pk in shown(reviewer, "?" + urlencode({"q": words}))} == found


@pytest.mark.parametrize(
    ("words", "part", "message"),
    [
        ("status:error colour:red", "colour:red", "There is no field"),
        ("duration:>2", "duration:&gt;2", "has its unit"),
        ("cost:>cheap", "cost:&gt;cheap", "compared to a number"),
        ("status:odd", "status:odd", "is one of running, ok, error"),
        ("channel:>3", "channel:&gt;3", "is no number"),
        ('tool:"get', "&quot;get", "quotation mark"),
        ("tool:", "tool:", "comes a value"),
        ("trace:12", "trace:12", "An id begins"),
        ("kind:odd", "kind:odd", "is one of"),
    ],
)
def test_a_word_that_is_not_understood_is_said_in_its_place(support: User, words: str, part: str, message: str) -> None:
    make_trace(spans=0)
    response = client_of(support).get(URL, {"q": words})
    text = response.content.decode()
    assert response.status_code == 422
    assert f"<mark>{part}</mark>" in text
    assert message in text
    assert rows_of(text) == []
    assert f'value="{escape(words)}"' in text


def test_selects_and_bar_are_one_address(support: User) -> None:
    trace = make_trace(spans=0, channel="email")
    Span.objects.create(trace=trace, kind="tool", name="get_order", started_at=trace.started_at)
    client = client_of(support)
    chosen = client.get(
        URL,
        {"q": "-status:error", "status": "", "channel": "email", "tool": "get_order", "range": "all"},
        headers=HTMX,
    )
    assert chosen["HX-Push-Url"] == f"{URL}?{urlencode({'q': '-status:error channel:email tool:get_order'})}"
    assert rows_of(chosen.content.decode()) == ids(trace)
    assert 'value="-status:error channel:email tool:get_order"' in chosen.content.decode()
    again = client.get(URL, {"q": "channel:email tool:get_order", "channel": "", "tool": "get_order"}, headers=HTMX)
    assert again["HX-Push-Url"] == f"{URL}?q=tool%3Aget_order"
    assert '<option value="get_order" selected>get_order (1)</option>' in again.content.decode()


def test_facets_count_what_fits(support: User) -> None:
    for channel, outcome in [("chat", "replied"), ("chat", "escalated"), ("email", "replied")]:
        make_trace(spans=0, channel=channel, outcome=outcome)
    text = client_of(support).get(URL, {"q": "channel:chat"}).content.decode()
    assert "replied (1)" in text
    assert "escalated (1)" in text
    assert "chat (2)" in text
    assert "counted in the newest 2" in text


def test_time_is_chosen(support: User) -> None:
    old = make_trace(spans=0, started_at=timezone.now() - timedelta(days=3))
    new = make_trace(spans=0, started_at=timezone.now() - timedelta(minutes=5))
    assert shown(support, "?range=24h") == ids(new)
    assert shown(support, "?range=7d") == ids(new, old)
    since, until = old.started_at - timedelta(hours=1), old.started_at + timedelta(hours=1)
    query = urlencode({"since": since.isoformat(), "until": until.isoformat()})
    assert shown(support, f"?{query}") == ids(old)


@pytest.mark.parametrize(("sort", "fields"), [("duration", "duration_ms"), ("tokens", "output_tokens")])
def test_sorted_pages(support: User, sort: str, fields: str) -> None:
    made = [make_trace(spans=0, **{fields: number % 7}) for number in range(PAGE_SIZE + 5)]
    client = client_of(support)
    first = client.get(f"{URL}?sort={sort}")
    second = client.get(URL + first.context["older"])
    wanted = sorted(made, key=lambda trace: (getattr(trace, fields), trace.pk), reverse=True)
    assert rows_of(first.content.decode()) + rows_of(second.content.decode()) == ids(*wanted)
    back = client.get(URL + second.context["newer"])
    assert rows_of(back.content.decode()) == rows_of(first.content.decode())


def test_what_no_index_answers_is_read_in_parts(support: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trace_list, "MOST_READ", 3)
    start = timezone.now()
    made = [
        make_trace(
            spans=0, started_at=start - timedelta(minutes=number), channel="email" if number % 4 == 1 else "chat"
        )
        for number in range(10)
    ]
    client, seen, address = client_of(support), [], f"{URL}?q=channel:email"
    for _ in range(4):
        response = client.get(address)
        seen += rows_of(response.content.decode())
        if not response.context["on"]:
            break
        assert "Look further back" in response.content.decode()
        address = URL + response.context["on"]
    assert seen == ids(made[1], made[5], made[9])
    # Words that an index answers are not bounded.
    assert len(shown(support, "?q=customer:ada")) == 10


class TestNew:
    url = "/traces/new/"

    def test_it_counts_what_came_since(self, support: User) -> None:
        seen = make_trace(spans=0)
        since = Cursor(key=seen.started_at, id=seen.pk)
        client = client_of(support)
        assert "new</a>" not in client.get(self.url, {"since_place": str(since)}).content.decode()
        make_trace(spans=0)
        make_trace(spans=0, status=Trace.Status.ERROR, error="Cut.")
        assert "2 new" in client.get(self.url, {"since_place": str(since)}).content.decode()
        assert "1 new" in client.get(self.url, {"since_place": str(since), "status": "error"}).content.decode()

    def test_rows_that_ended_come_along(self, support: User) -> None:
        ended = make_trace(spans=0)
        running = make_trace(spans=0, status=Trace.Status.RUNNING, duration_ms=None)
        query = {"since_place": str(Cursor(key=timezone.now(), id=uuid7())), "running": f"{ended.pk},{running.pk}"}
        text = client_of(support).get(self.url, query).content.decode()
        assert rows_of(text) == ids(ended)
        assert f"running={running.pk}" in text
        assert 'hx-swap-oob="true"' in text

    def test_what_no_page_links_to(self, support: User) -> None:
        client = client_of(support)
        assert client.get(self.url).status_code == 404
        since = str(Cursor(key=timezone.now(), id=uuid7()))
        assert client.get(self.url, {"since_place": since, "running": "odd"}).status_code == 404

    def test_signed_out_stranger_and_method(self, support: User, stranger: User) -> None:
        assert Client().get(self.url).status_code == 302
        assert client_of(stranger).get(self.url).status_code == 403
        assert client_of(support).post(self.url).status_code == 405
