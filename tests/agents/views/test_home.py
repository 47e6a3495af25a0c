from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.handling import close
from agents.models import BudgetCrossing, Escalation, Limit, Session, Stop, Turn
from agents.overview import Overview
from agents.queue import midnight
from agents.sessions import take_over
from observability.ids import uuid7
from observability.models import Alert, Anomaly, Trace
from tests.agents.approval_cases import make_approval, shop_tools
from tests.factories import client_of, make_agent, make_escalation, make_session, make_trace, make_turn
from tools.models import Approval, Target, TargetHealth, ToolCall

pytestmark = pytest.mark.django_db
__all__ = ["shop_tools"]
STAT = re.compile(
    r'<a class="stat" href="([^"]*)"><span class="stat-label">([^<]*)</span><span class="stat-value">(\d+)</span>'
)


def today(session_id: UUID, **fields) -> Trace:
    return make_trace(session_id=session_id, spans=0, started_at=midnight(), **fields)


def test_it_works_for_somebody_who_decides(support: User) -> None:
    make_escalation()
    page = client_of(support).get("/").content.decode()
    for words in (
        "Waiting for a person",
        "Mine",
        "Resolved",
        "Turns per hour",
        "Policy restriction",
        "Health",
    ):
        assert words in page
    assert "/queue/?show=today&amp;reason=policy_restriction" in page
    assert "Claim the oldest" in page


@pytest.mark.usefixtures("shop_tools")
def test_what_waits_is_escalations_and_approvals_and_each_number_opens_its_list(support: User) -> None:
    make_escalation(opened_at=timezone.now() - timedelta(minutes=5))
    for minutes in (90, 1):
        make_approval(requested_at=timezone.now() - timedelta(minutes=minutes))
    client = client_of(support)
    page = client.get("/").content.decode()
    stats = {label: (href, int(value)) for href, label, value in STAT.findall(page)}
    assert stats["Waiting for a person"] == ("/queue/?show=open", 3)
    assert stats["Approvals"] == ("/queue/?show=open&amp;reason=approval", 2)
    assert "1 escalation, 2 approvals" in page
    assert "284.00 EUR" in page
    assert Overview(support).queue.longest_wait == Approval.objects.earliest("requested_at").requested_at
    for href, rows in (stats["Waiting for a person"], stats["Approvals"]):
        assert client.get(unescape(href)).content.decode().count("<tr data-row") == rows


@pytest.mark.usefixtures("shop_tools")
def test_an_approval_of_an_outside_caller_ends_the_first_run(support: User) -> None:
    make_approval()
    Trace.objects.all().delete()
    call = ToolCall.objects.create(key_id=uuid7(), tool_use_id="1", tool_name="get_order", arguments={}, digest="")
    Approval.objects.update(call=call, session_id=None)
    Session.objects.all().delete()
    assert not Overview(support).is_new


def test_an_analyst_sees_the_figures_and_nothing_to_claim(analyst: User) -> None:
    make_escalation()
    page = client_of(analyst).get("/").content.decode()
    assert "Resolved" in page
    assert "$" in page
    assert "show=mine" not in page
    assert "Claim the oldest" not in page


def test_the_first_run_says_what_to_do(support: User, settings) -> None:
    settings.DEMO = True
    make_agent("support", name="Support agent")
    response = client_of(support).get("/")
    page = response.content.decode()
    for words in (
        "/chat/support/",
        "I want to return my order from last week",
        "/traces/",
        "/agents/support/",
        'value="ben@example.com"',
        "Health",
    ):
        assert words in page
    assert "Resolved" not in page


def test_the_first_run_without_an_agent_or_a_demo(support: User) -> None:
    page = client_of(support).get("/").content.decode()
    assert "It needs an agent." in page
    assert "ada@example.com" not in page


def test_the_first_message_ends_the_first_run(support: User) -> None:
    assert Overview(support).is_new
    make_session()
    assert not Overview(support).is_new


def test_the_day_says_what_became_of_conversations_as_the_overview_does(support: User, analyst: User) -> None:
    close(make_session(), user=support)
    take_over(make_session(), user=support)
    today(uuid7(), cost_usd=Decimal("0.01"), duration_ms=1000)
    today(uuid7(), cost_usd=Decimal("0.02"), duration_ms=2000, status=Trace.Status.ERROR, error="Cut.")
    make_trace(started_at=midnight() - timedelta(seconds=1))
    day = Overview(support).day
    became = day.outcomes
    assert (became.begun, became.confirmed, became.assumed, became.handed_over) == (2, 1, 0, 1)
    assert (day.turns, day.failed, day.median_ms) == (2, 1, 1500)
    assert (day.cost_usd, day.cost_per_resolution) == (Decimal("0.03"), Decimal("0.03"))
    client = client_of(support)
    for name, rows in (("begun", 2), ("resolved", 1), ("handed-over", 1)):
        href = re.search(rf'href="(/overview/conversations/{name}/[^"]*)"', client.get("/").content.decode())
        assert href is not None
        assert client.get(unescape(href[1])).content.decode().count("<tr data-row") == rows
    assert "a resolution" in client_of(analyst).get("/").content.decode()
    assert "a resolution" not in client_of(support).get("/").content.decode()


def test_a_day_without_conversations_divides_by_nothing(support: User) -> None:
    day = Overview(support).day
    assert (day.outcomes.alone_percent, day.cost_per_resolution, day.median_ms) == (None, None, None)


def test_what_needs_attention_is_listed_for_those_who_may_look(support: User, analyst: User) -> None:
    session = make_session()
    assert "Needs attention" not in client_of(support).get("/").content.decode()
    Stop.objects.create(scope="session", subject=str(session.pk), reason="Runaway: 130 calls of 120 within 10 minutes")
    anomaly = Anomaly.objects.create(metric="spend", hour=timezone.now(), value=90, expected=9, score=20)
    alert = Alert.objects.create(name="Too many errors", text="stats count()", warn=1, state="critical")
    Alert.objects.create(name="All is well", text="stats count()", warn=1, state="ok")
    limit = Limit.objects.create(scope="all", measure="usd", period="day", amount=50, refuses=False)
    BudgetCrossing.objects.create(
        limit=limit, begins_at=midnight(), percent=80, action="notify", amount=50, spent=41, at=timezone.now()
    )
    of_support, of_analyst = (client_of(user).get("/").content.decode() for user in (support, analyst))
    for words in ("130 calls of 120", f"/inbox/{session.pk}/", "80% of", f"/cost/budgets/{limit.pk}/"):
        assert words in of_support
        assert words in of_analyst
    for words in ("Too many errors", f"/alerts/{alert.pk}/", f"/anomalies/{anomaly.pk}/", "$90.00"):
        assert words in of_analyst
        assert words not in of_support
    assert "All is well" not in of_analyst


def test_the_hours_have_no_gap_and_the_last_is_unfinished(support: User) -> None:
    overview = Overview(support)  # at one moment: an hour may end while traces are made
    make_trace(started_at=overview.now - timedelta(hours=23))
    make_trace(started_at=overview.now - timedelta(hours=30))
    hours = overview.hours
    assert len(hours) == 24
    assert [hour.unfinished for hour in hours] == [False] * 23 + [True]
    assert sum(hour.turns for hour in hours) == 1


def test_reasons_stand_in_order(support: User) -> None:
    now = midnight()
    for reason in ("tool_failure", "tool_failure", "usage_limit"):
        make_escalation(reason=reason, opened_at=now)
    make_escalation(reason="unclassified", opened_at=now - timedelta(days=1))
    bars = Overview(support).reasons
    assert [(bar.label, bar.count, bar.percent) for bar in bars] == [("Tool failure", 2, 67), ("Usage limit", 1, 33)]


def test_failures_lead_to_their_traces(support: User) -> None:
    failed = make_trace(status=Trace.Status.ERROR, error="The model gave no reply.")
    make_trace(status=Trace.Status.ERROR, error="Old.", started_at=timezone.now() - timedelta(days=8))
    page = client_of(support).get("/").content.decode()
    assert f"/traces/{failed.pk}/" in page
    assert "The model gave no reply." in page
    assert "Old." not in page


def test_a_turn_that_nobody_takes_is_said_on_top(support: User) -> None:
    session = make_session()
    make_turn(session, status=Turn.Status.QUEUED, queued_at=timezone.now() - timedelta(seconds=30))
    page = client_of(support).get("/").content.decode()
    assert "1 turn waits longer than 10 s: is the worker running?" in page
    Turn.objects.update(queued_at=timezone.now())
    assert "is the worker running?" not in client_of(support).get("/").content.decode()


def make_target(name: str = "demo-shop", **health) -> Target:
    target = Target.objects.create(name=name, kind=Target.Kind.HTTP, base_url="http://shop.example")
    if health:
        TargetHealth.objects.create(target=target, last_error="timeout after 10.0 s", **health)
    return target


def make_open_target(*, seconds: int) -> Target:
    now = timezone.now()
    return make_target(state="open", failures=5, opened_at=now, retry_at=now + timedelta(seconds=seconds))


def part_of(user: User) -> tuple[str, str, str]:
    (part,) = Overview(user).target_parts
    return part.name, part.tone, part.text


def test_a_target_that_answers(support: User) -> None:
    make_target()
    Target.objects.create(name="desk", kind=Target.Kind.BUILTIN)
    assert part_of(support) == ("Demo shop", "good", "answering")
    page = client_of(support).get("/").content.decode()
    assert "Demo shop" in page
    assert "answering" in page


def test_a_target_that_failed_lately(support: User) -> None:
    target = make_target(failures=1)
    assert part_of(support) == ("Demo shop", "warn", "1 failure: timeout after 10.0 s")
    TargetHealth.objects.update(failures=4)
    assert "4 failures in a row" in part_of(support)[2]
    Target.objects.filter(pk=target.pk).update(enabled=False)
    assert part_of(support) == ("Demo shop", "idle", "switched off")


def test_a_target_that_is_left_alone_is_said_on_top_and_an_admin_may_try_it(support: User, admin: User) -> None:
    make_session()  # past the first run
    target = make_open_target(seconds=60)
    until = TargetHealth.objects.get().retry_at
    name, tone, text = part_of(support)
    assert (name, tone) == ("Demo shop", "bad")
    assert text == f"not asked until {until:%H:%M:%S} UTC, 5 failures in a row: timeout after 10.0 s"
    page = client_of(support).get("/").content.decode()
    assert page.count(text) == 2
    assert "Try now" not in page
    page = client_of(admin).get("/").content.decode()
    assert f'action="/targets/{target.pk}/try/"' in page
    assert "Try now" in page


def test_a_target_that_is_due_needs_no_button(admin: User) -> None:
    make_open_target(seconds=-1)
    assert part_of(admin)[2].startswith("the next call tries it, 5 failures in a row")
    assert "Try now" not in client_of(admin).get("/").content.decode()


def test_fourteen_queries_at_most(support: User, django_assert_max_num_queries) -> None:
    make_open_target(seconds=60)
    for _ in range(3):
        make_escalation()
        make_trace(spans=0)
        make_trace(spans=0, status=Trace.Status.ERROR, error="Cut.")
    client = client_of(support)
    with django_assert_max_num_queries(14):
        client.get("/")
    with django_assert_max_num_queries(6):
        client.get("/", headers={"HX-Request": "true", "HX-Target": "home-now"})


def test_fragments(support: User) -> None:
    make_escalation()
    client = client_of(support)
    now = client.get("/", headers={"HX-Request": "true", "HX-Target": "home-now"}).content.decode()
    assert now.lstrip().startswith("<section")
    assert 'data-count=queue]">1</span>' in now
    assert "Today" not in now
    page = client.get("/", headers={"HX-Request": "true", "HX-Target": "home-page"}).content.decode()
    assert page.lstrip().startswith('<div id="home-page"')
    assert "<html" in client.get("/", headers={"HX-Request": "true", "HX-Target": "main"}).content.decode()


def test_signed_out(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/accounts/login/?next=/"


def test_without_a_role(stranger: User) -> None:
    assert client_of(stranger).get("/").status_code == 403


def test_wrong_method(support: User) -> None:
    assert client_of(support).post("/").status_code == 405


def test_what_people_wrote_is_escaped(support: User) -> None:
    make_trace(status=Trace.Status.ERROR, error="<script>alert(1)</script>", customer="<i>x</i>")
    page = client_of(support).get("/").content.decode()
    assert "<script>alert" not in page
    assert "<i>x" not in page
    assert Escalation.objects.count() == 0
