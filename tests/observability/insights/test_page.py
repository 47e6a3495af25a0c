from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from observability.insight_range import Asked, BadRange
from observability.insights import LOCK, TAKE, Busy, ask, bars_of, chart_of
from observability.models import SavedQuery, Span, Trace
from observability.query import run_query
from tests.factories import client_of, make_trace

pytestmark = pytest.mark.django_db
URL = "/insights/"
HTMX = {"HX-Request": "true"}
BY_TOOL = 'filter kind = "tool" | stats count() as calls by toolName'


def tool_span(trace: Trace, name: str = "get_order", **fields: Any) -> Span:
    values = {"kind": "tool", "name": name, "agent": trace.agent_slug, "started_at": timezone.now()}
    return Span.objects.create(trace=trace, **{**values, **fields})


@pytest.fixture
def trace(db: None) -> Trace:
    made = make_trace(spans=0)
    Trace.objects.filter(pk=made.pk).update(agent_slug="my-support-agent", customer="ada@example.com")
    made.refresh_from_db()
    for name in ("get_order", "get_order", "process_refund"):
        tool_span(made, name, attributes={"toolInputs": {"email": "ada@example.com"}})
    return made


class TestAsking:
    def test_an_answer_is_a_table_and_bars(self, trace: Trace, analyst: User) -> None:
        page = client_of(analyst).get(URL, {"q": BY_TOOL}).text
        assert "2 rows" in page
        assert page.count('class="insights-value"') == 2
        assert "process_refund" in page

    def test_by_time_it_is_a_chart(self, trace: Trace, analyst: User) -> None:
        tool_span(trace, started_at=timezone.now() - timedelta(hours=3))
        page = client_of(analyst).get(URL, {"q": "stats count() by bin(1h)", "range": "24h"}).text
        assert "time-chart" in page

    def test_an_id_leads_to_its_trace(self, trace: Trace, analyst: User) -> None:
        page = client_of(analyst).get(URL, {"q": 'fields invocationId | filter kind = "tool" | limit 1'}).text
        assert reverse("observability:trace", args=[trace.pk]) in page

    def test_an_error_is_shown_at_its_place(self, analyst: User) -> None:
        response = client_of(analyst).get(URL, {"q": "fields @timestamp\n| filter duration >"})
        assert response.status_code == 422
        assert "Line 2, column" in response.text
        assert "<mark>" in response.text
        assert "filter duration &gt;" in response.text

    def test_a_text_is_kept_as_it_was_and_nothing_of_it_is_markup(self, analyst: User) -> None:
        response = client_of(analyst).get(URL, {"q": "filter <script>alert(1)</script>"})
        assert response.status_code == 422
        assert "<script>alert(1)" not in response.text

    def test_only_the_answer_is_sent_where_the_page_is_there(self, trace: Trace, analyst: User) -> None:
        response = client_of(analyst).get(URL, {"q": BY_TOOL, "range": "1h"}, headers=HTMX)
        assert "<html" not in response.text
        assert response.headers["HX-Push-Url"].startswith("/insights/?q=")
        assert "range=1h" in response.headers["HX-Push-Url"]

    def test_a_bad_time_is_said(self, analyst: User) -> None:
        response = client_of(analyst).get(URL, {"q": BY_TOOL, "from": "yesterday"})
        assert response.status_code == 422
        assert "is no time such as" in response.text

    def test_the_document_names_an_agent_that_is_not_here(self, trace: Trace, analyst: User) -> None:
        Trace.objects.update(agent_slug="support")
        Span.objects.update(agent="support")
        query = SavedQuery.objects.get(name__startswith="2. Slow")
        page = client_of(analyst).get(reverse("observability:insight", args=[query.pk])).text
        assert "No agent here is called" in page
        assert "%22support%22" in page


class TestWho:
    def test_analysts_and_admins(self, support: User, reviewer: User, analyst: User, admin: User) -> None:
        seen = {user: client_of(user).get(URL).status_code for user in (support, reviewer, analyst, admin)}
        assert seen == {support: 403, reviewer: 403, analyst: 200, admin: 200}

    def test_personal_data_is_masked_but_for_admins(self, trace: Trace, analyst: User, admin: User) -> None:
        query = {"q": "fields toolInputs, customer | filter kind = 'tool' | limit 1"}
        assert "ada@example.com" not in client_of(analyst).get(URL, query).text
        assert "{EMAIL}" in client_of(analyst).get(URL, query).text
        assert "ada@example.com" in client_of(admin).get(URL, query).text

    def test_the_names_of_a_chart_are_masked_and_stay_apart(self, trace: Trace, analyst: User, admin: User) -> None:
        other = make_trace(spans=0)
        Trace.objects.filter(pk=other.pk).update(customer="bo@example.com")
        now = timezone.now()
        for hours in (0, 1):
            Trace.objects.filter(pk=trace.pk if hours else other.pk).update(started_at=now - timedelta(hours=hours))
        query = {"q": 'filter kind = "invocation" | stats count() by customer, bin(1h)'}
        page = client_of(analyst).get(URL, query).text
        assert "time-chart" in page
        assert "@example.com" not in page
        assert "ada@example.com" in client_of(admin).get(URL, query).text
        asked = Asked(text=query["q"])
        chart = chart_of(ask(asked, analyst), asked.text)
        assert chart is not None
        assert sorted(series["values"] for series in chart["series"]) == [[0.0, 1.0], [1.0, 0.0]]

    def test_a_file_is_masked_too_and_runs_no_formula(self, trace: Trace, analyst: User) -> None:
        tool_span(trace, "=1+1", attributes={"toolInputs": "ada@example.com"})
        response = client_of(analyst).get(URL + "export/", {"q": "fields toolName, toolInputs | filter kind='tool'"})
        lines = response.getvalue().decode().splitlines()
        assert lines[0] == "toolName,toolInputs"
        assert len(lines) == 5
        assert any(line.startswith("'=1+1") for line in lines)
        assert "ada@example.com" not in "".join(lines)


class TestKeeping:
    def test_a_query_is_saved_changed_and_deleted(self, analyst: User) -> None:
        client = client_of(analyst)
        client.post(URL + "save/", {"q": BY_TOOL, "range": "7d", "name": " Calls ", "description": "By tool"})
        saved = SavedQuery.objects.get(name="Calls")
        assert (saved.text, saved.range_hours, saved.created_by) == (BY_TOOL, 168, analyst)
        client.post(URL + "save/", {"q": "stats count()", "range": "1h", "name": "Calls", "query": str(saved.pk)})
        saved.refresh_from_db()
        assert (saved.text, saved.range_hours) == ("stats count()", 1)
        client.post(reverse("observability:insight_delete", args=[saved.pk]))
        assert not SavedQuery.objects.filter(pk=saved.pk).exists()

    def test_what_cannot_be_read_is_not_saved(self, analyst: User) -> None:
        client_of(analyst).post(URL + "save/", {"q": "filter", "name": "Broken"})
        assert not SavedQuery.objects.filter(name="Broken").exists()

    def test_shipped_ones_and_those_of_others_stay(self, analyst: User, admin: User) -> None:
        shipped = SavedQuery.objects.filter(is_shipped=True).first()
        assert shipped is not None
        theirs = SavedQuery.objects.create(name="Theirs", text="stats count()", created_by=admin)
        for kept in (shipped, theirs):
            client_of(analyst).post(reverse("observability:insight_delete", args=[kept.pk]))
            client_of(analyst).post(URL + "save/", {"q": "stats count()", "name": "Mine", "query": str(kept.pk)})
        assert SavedQuery.objects.filter(pk__in=[shipped.pk, theirs.pk]).count() == 2
        assert not SavedQuery.objects.filter(name="Mine").exists()

    @pytest.mark.parametrize("number", range(15))
    def test_each_shipped_one_runs(self, trace: Trace, number: int) -> None:
        query = list(SavedQuery.objects.filter(is_shipped=True).order_by("name"))[number]
        now = timezone.now()
        asked = Asked.of_hours(query.text, query.range_hours)
        start, end = asked.span(now)
        assert run_query(query.text, start=start, end=end, now=now).columns

    def test_the_first_three_are_the_documents(self) -> None:
        first = SavedQuery.objects.order_by("name")[:3]
        assert [query.text.splitlines()[-1] for query in first] == [
            "| stats count() by toolName",
            "| sort duration desc",
            "| stats count() by violationCategory",
        ]
        assert all('agentId = "my-support-agent"' in query.text for query in first)


class TestShape:
    def test_a_span_that_ends_before_it_begins(self) -> None:
        with pytest.raises(BadRange):
            Asked.read({"from": "2026-11-02T00:00", "to": "2026-11-01T00:00"})

    def test_gaps_are_gaps_and_counts_are_zeros(self, trace: Trace, analyst: User) -> None:
        now = timezone.now().replace(minute=0)
        Span.objects.all().delete()
        for hours in (0, 3):
            tool_span(trace, started_at=now - timedelta(hours=hours), duration_ms=10)
        values = {}
        for what in ("count()", "avg(duration)"):
            asked = Asked(text=f"filter kind = 'tool' | stats {what} by bin(1h)", range="7d")
            chart = chart_of(ask(asked, analyst), asked.text)
            assert chart is not None
            values[what] = chart["series"][0]["values"]
        assert values == {"count()": [1.0, 0.0, 0.0, 1.0], "avg(duration)": [10.0, None, None, 10.0]}

    def test_rows_have_no_bars(self, trace: Trace, analyst: User) -> None:
        assert bars_of(ask(Asked(text="fields toolName, duration"), analyst)) == []


@pytest.mark.django_db(transaction=True)
def test_one_query_at_a_time(analyst: User) -> None:
    """Another request of the same person holds the place."""
    is_held, may_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE, [LOCK, analyst.pk])
            is_held.set()
            may_go.wait(30)
        connection.close()

    other = threading.Thread(target=hold)
    other.start()
    assert is_held.wait(30)
    with pytest.raises(Busy):
        ask(Asked(text="stats count()"), analyst)
    may_go.set()
    other.join()
    assert ask(Asked(text="stats count()"), analyst).count == 1
