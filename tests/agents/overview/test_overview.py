from __future__ import annotations

import json
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.dashboard import Dashboard
from agents.dashboard_range import Wanted
from agents.handling import close
from agents.models import Message, Session
from agents.resolution import resolved_between
from agents.sessions import say, take_over
from guardrails.models import Violation
from observability.ids import uuid7
from observability.models import Charge, Span
from tests.agents.approval_cases import make_approval, shop_tools
from tests.factories import client_of, make_agent, make_escalation, make_message, make_session, make_trace

pytestmark = pytest.mark.django_db
__all__ = ["shop_tools"]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
CARD = re.compile(
    r'<a class="stat" href="([^"]*)" title="[^"]*"><span class="stat-label">([^<]*)</span>'
    r'<span class="stat-value">([^<]*)</span><span class="stat-note">([^<]*)</span>'
)


def cards(page: str) -> dict[str, tuple[str, str, str]]:
    return {unescape(label): (unescape(href), value, unescape(note)) for href, label, value, note in CARD.findall(page)}


def quiet(hours: int, **fields) -> Session:
    at = timezone.now() - hours * HOUR
    return make_session(opened_at=at, last_message_at=at, preview_author=Message.Author.AGENT, **fields)


def test_each_number_of_conversations_opens_its_list(support: User) -> None:
    close(make_session(), user=support)
    take_over(make_session(), user=support)
    quiet(30)
    quiet(2)
    client = client_of(support)
    found = cards(client.get("/overview/").content.decode())
    assert found["Conversations"][1] == "4"
    assert found["Resolved"][1:] == ("2", "1 confirmed, 1 assumed")
    assert found["By the agent alone"][1:] == ("67%", "of 3 that ended")
    assert found["Handed over"][1] == "1"
    assert found["Reopened"][1] == "0"
    for label, rows in (("Conversations", 4), ("Resolved", 2), ("By the agent alone", 3), ("Handed over", 1)):
        page = client.get(found[label][0]).content.decode()
        assert page.count("<tr data-row") == rows, label
    now = timezone.now()
    assert resolved_between(now - 7 * DAY, now) == 2


def test_money_is_shown_to_those_who_may_see_it(support: User, analyst: User) -> None:
    session = make_session()
    close(session, user=support)
    trace = make_trace(session_id=session.pk, agent_id=session.agent_id)
    Charge.objects.create(
        span_id=uuid7(), trace_id=trace.pk, agent_id=trace.agent_id, kind="model", subject="m",
        at=timezone.now(), usd=Decimal("0.5"), basis="exact",
    )  # fmt: skip
    assert "Cost per resolution" not in client_of(support).get("/overview/").content.decode()
    found = cards(client_of(analyst).get("/overview/").content.decode())
    assert (found["Cost"][1], found["Cost per resolution"][1]) == ("$0.5000", "$0.5000")


def test_first_answers_are_timed_from_the_beginning_and_from_the_hand_over(support: User) -> None:
    session = make_session(opened_at=timezone.now() - timedelta(minutes=10))
    make_message(session, created_at=session.opened_at)
    make_message(session, "Hello.", author=Message.Author.AGENT, created_at=session.opened_at + timedelta(seconds=4))
    take_over(session, user=support)
    say(Session.objects.get(), user=support, text="I am here.")
    Session.objects.update(handed_over_at=Message.objects.get(author="person").created_at - timedelta(minutes=3))
    found = cards(client_of(support).get("/overview/").content.decode())
    assert found["First answer by an agent"][1] == "4.00 s"
    assert found["First answer by a person"][1] == "3 min"
    assert found["First answer by a person"][2] == "90 of 100 within 3 min, of 1"


@pytest.mark.usefixtures("shop_tools")
def test_approvals_and_violations(support: User) -> None:
    make_approval()
    decided = make_approval(requested_at=timezone.now() - timedelta(minutes=5))
    type(decided).objects.filter(pk=decided.pk).update(
        status="rejected", decided_at=decided.requested_at + timedelta(minutes=2)
    )
    for triage in ("open", "confirmed", "false_positive", "false_positive"):
        Violation.objects.create(
            guardrail_id=uuid7(), guardrail_name="G", stage="output", policy="pii", rule="pii:EMAIL", confidence=90,
            action="blocked", triage=triage, triaged_at=None if triage == "open" else timezone.now(),
        )  # fmt: skip
    found = cards(client_of(support).get("/overview/").content.decode())
    assert found["Approvals waiting"][1] == "1"
    assert found["Approvals decided"][1:] == ("1", "median 2 min, 95 of 100 within 2 min")
    assert found["Violations"][1:] == ("4", "1 open, 67% false alarms of 3 judged")


def test_tools_and_turns(support: User) -> None:
    trace = make_trace(spans=0, ended_at=timezone.now(), agent_slug="support")
    for error in ("", "", "Timed out."):
        Span.objects.create(
            trace=trace, kind="tool", name="get_order", agent="support", duration_ms=100, error=error,
            status="error" if error else "ok",
        )  # fmt: skip
    response = client_of(support).get("/overview/")
    found = cards(response.content.decode())
    assert found["Tool calls"][1] == "3"
    assert found["Tool calls"][2].startswith("33% failed")
    board: Dashboard = response.context["board"]
    assert board.latency.p50_ms == pytest.approx(1200, rel=0.05)
    (tool,) = board.tool_rows
    assert (tool.name, tool.calls, tool.errors) == ("get_order", 3, 1)
    assert client_of(support).get(tool.href).content.decode().count("<tr data-row") == 1


def test_reasons_lead_to_their_conversations(support: User) -> None:
    for reason in ("tool_failure", "tool_failure", "usage_limit"):
        make_escalation(make_session(controller="human", handed_over_at=timezone.now()), reason=reason)
    response = client_of(support).get("/overview/")
    first, second = response.context["board"].reasons
    assert (first.label, first.count, first.percent) == ("Tool failure", 2, 67)
    assert client_of(support).get(first.href).content.decode().count("<tr data-row") == 2
    assert client_of(support).get(second.href).content.decode().count("<tr data-row") == 1


def test_the_charts_have_zeros_for_counts_and_gaps_for_latency(support: User) -> None:
    close(make_session(), user=support)
    make_trace(spans=0, ended_at=timezone.now())
    board = Dashboard(Wanted(now=timezone.now()))
    ends = {series["name"]: series["values"] for series in board.ends_chart["series"]}
    assert ends["Solved by the agent alone"] == [0] * 6 + [1]
    latency = board.latency_chart["series"][0]["values"]
    assert latency[:-1] == [None] * 6
    assert latency[-1] is not None
    points = board.ends_chart["points"]
    assert [point["unfinished"] for point in points] == [False] * 6 + [True]
    page = client_of(support).get(points[-1]["href"]).content.decode()
    assert page.count("<tr data-row") == 1


def test_agent_channel_and_range_narrow_everything(support: User) -> None:
    mine, other = make_agent(name="Mine"), make_agent(name="Other")
    quiet(30, agent=mine)
    quiet(30, agent=other)
    quiet(24 * 20, agent=mine)
    client = client_of(support)

    def assumed(query: str) -> str:
        return cards(client.get(f"/overview/{query}").content.decode())["Resolved"][1]

    assert assumed("") == "2"
    assert assumed(f"?agent={mine.pk}") == "1"
    assert assumed(f"?agent={mine.pk}&range=30d") == "2"
    assert assumed("?channel=shell") == "0"
    assert assumed("?range=24h") == "2"


def test_it_is_compared_with_as_much_of_the_time_before(support: User) -> None:
    close(make_session(), user=support)
    earlier = make_session()
    close(earlier, user=support)
    Session.objects.filter(pk=earlier.pk).update(solved_at=timezone.now() - 7 * DAY - timedelta(minutes=1))
    page = client_of(support).get("/overview/").content.decode()
    assert page.count("before: 1</span>") >= 1
    assert "before:" not in client_of(support).get("/overview/?compare=0").content.decode()


def test_the_list_goes_on_and_names_no_conversation_twice(support: User) -> None:
    for _ in range(60):
        quiet(30)
    Session.objects.update(last_message_at=timezone.now() - 30 * HOUR)
    client = client_of(support)
    first = client.get("/overview/conversations/ended/")
    second = client.get("/overview/conversations/ended/" + first.context["older"])
    seen = [row.session.pk for page in (first, second) for row in page.context["page"].rows]
    assert len(seen) == len(set(seen)) == 60
    assert second.context["older"] == ""


@pytest.mark.parametrize(
    "path",
    [
        "/overview/?range=1y",
        "/overview/?agent=x",
        "/overview/?agent=00000000-0000-0000-0000-000000000001",
        "/overview/?channel=fax",
        "/overview/conversations/begun/?after=x",
        "/overview/conversations/begun/?since=x",
        "/overview/conversations/handed-over/?reason=x",
    ],
    ids=["range", "agent", "no-agent", "channel", "cursor", "since", "reason"],
)
def test_an_address_that_no_page_wrote(support: User, path: str) -> None:
    assert client_of(support).get(path).status_code == 400


def test_who_may_look(support: User, analyst: User, stranger: User) -> None:
    for path in ("/overview/", "/overview/conversations/begun/"):
        assert client_of(analyst).get(path).status_code == 200
        assert client_of(stranger).get(path).status_code == 403
        assert client_of(support).post(path).status_code == 405
        assert Client().get(path).status_code == 302
    assert client_of(support).get("/overview/conversations/nothing/").status_code == 404


def test_an_empty_desk_divides_by_nothing(analyst: User) -> None:
    page = client_of(analyst).get("/overview/?range=24h").content.decode()
    assert "No figures in this range" in page
    assert "No agent handed a conversation over" in page


def test_what_the_script_draws_is_what_the_table_says(support: User) -> None:
    make_trace(spans=0, ended_at=timezone.now())
    page = client_of(support).get("/overview/").content.decode()
    charts = [json.loads(unescape(text)) for text in re.findall(r'data-chart="([^"]*)"', page)]
    assert [chart["unit"] for chart in charts] == ["conversations", "ms", "calls"]
    assert all(len(chart["at"]) == len(chart["series"][0]["values"]) == 7 for chart in charts)
    assert page.count('<details class="chart-table">') == page.count('class="chart-plot"')


def test_fifty_queries_at_most(analyst: User, django_assert_max_num_queries) -> None:
    with django_assert_max_num_queries(50):
        client_of(analyst).get("/overview/")
