from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.escalations import claim
from agents.models import Escalation
from agents.queue import PAGE_SIZE, Show, figures, midnight, page_of
from tests.factories import client_of, make_agent, make_customer, make_escalation, make_session, make_turn

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
URL = "/queue/"


def resolved(**fields) -> Escalation:
    now = timezone.now()
    return make_escalation(status=Escalation.Status.RESOLVED, resolved_at=now, resolution="Refunded.", **fields)


def test_it_works(support: User) -> None:
    session = make_session(agent=make_agent(name="Returns agent"), customer=make_customer(name="Chloe"))
    turn = make_turn(session)
    row = make_escalation(session, turn=turn, reason=Escalation.Reason.TOOL_FAILURE, summary="The refund is unclear.")
    response = client_of(support).get(URL)
    page = response.content.decode()
    assert response.status_code == 200
    for words in (row.label, "Tool failure", "Chloe", "The refund is unclear.", "Returns agent", "v1"):
        assert words in page
    assert reverse("agents:escalation", args=[row.pk]) in page
    assert 'sse-connect="/live/changes/"' in page
    assert response.headers["Content-Security-Policy"]


def test_an_empty_list_says_what_will_come(support: User) -> None:
    client = client_of(support)
    for show in Show:
        response = client.get(URL, {"show": show})
        assert 'class="empty' in response.content.decode()
    assert "Nobody is waiting for a person" in client.get(URL).content.decode()
    assert "Show every reason" in client.get(URL, {"reason": "tool_failure"}).content.decode()


def test_the_longest_wait_stands_first_and_is_marked(support: User) -> None:
    now = timezone.now()
    fresh = make_escalation()
    ancient = make_escalation(opened_at=now - timedelta(hours=2))
    old = make_escalation(opened_at=now - timedelta(minutes=20))
    rows = client_of(support).get(URL).context["rows"]
    assert rows == [(ancient, "bad"), (old, "warn"), (fresh, "")]


def test_each_list_holds_its_own(support: User, reviewer: User) -> None:
    waiting, mine, theirs = make_escalation(), make_escalation(), make_escalation()
    done = resolved(opened_at=timezone.now() - timedelta(days=1))
    claim(mine, user=support)
    claim(theirs, user=reviewer)
    client = client_of(support)

    def listed(show: str) -> set[Escalation]:
        return {row for row, _ in client.get(URL, {"show": show}).context["rows"]}

    assert listed("open") == {waiting}
    assert listed("mine") == {mine}
    assert listed("claimed") == {mine, theirs}
    assert listed("resolved") == {done}
    assert listed("today") == {waiting, mine, theirs}


def test_a_list_can_be_narrowed_to_a_reason(support: User) -> None:
    wanted = make_escalation(reason=Escalation.Reason.USAGE_LIMIT)
    make_escalation()
    response = client_of(support).get(URL, {"reason": "usage_limit"})
    assert [row for row, _ in response.context["rows"]] == [wanted]


def test_the_figures_count_what_their_lists_hold(support: User) -> None:
    start = midnight()
    make_escalation(opened_at=start - timedelta(hours=1))
    for minutes in (1, 3, 8):
        claimed_at = start + timedelta(minutes=minutes)
        row = make_escalation(opened_at=start, claimed_at=claimed_at, status=Escalation.Status.CLAIMED)
        Escalation.objects.filter(pk=row.pk).update(assignee=support if minutes == 1 else None)
    found = figures(support)
    assert (found.waiting, found.claimed, found.mine, found.today) == (1, 3, 1, 3)
    assert found.median_claim_ms == 3 * 60_000
    assert found.reasons["policy_restriction"] == 3
    assert found.reasons["tool_failure"] == 0


@pytest.mark.parametrize("show", [Show.OPEN, Show.RESOLVED, Show.TODAY])
def test_pages_follow_each_other_without_a_gap(support: User, show: Show) -> None:
    session = make_session()
    now = timezone.now()
    status = Escalation.Status.RESOLVED if show == Show.RESOLVED else Escalation.Status.OPEN
    many = [
        Escalation(
            session=session if status == "resolved" else make_session(agent=session.agent, customer=session.customer),
            reason="unclassified",
            status=status,
            opened_at=now - timedelta(milliseconds=number // 3),
            resolved_at=now - timedelta(milliseconds=number // 3) if status == "resolved" else None,
        )
        for number in range(PAGE_SIZE + 5)
    ]
    Escalation.objects.bulk_create(many)
    first = page_of(show, user=support)
    assert len(first.rows) == PAGE_SIZE
    assert first.after
    second = page_of(show, user=support, after=first.after)
    assert len({row.pk for row in (*first.rows, *second.rows)}) == PAGE_SIZE + 5
    assert second.after is None
    response = client_of(support).get(URL, {"show": show, "after": first.after})
    assert "First page" in response.content.decode()


def test_a_fragment_is_the_list_and_the_counts_of_the_rail(support: User) -> None:
    make_escalation()
    page = client_of(support).get(URL, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<div id="queue-list"')
    assert 'hx-swap-oob="outerHTML:.rail-count[data-count=queue]">1</span>' in page
    assert "<html" not in page


def test_it_asks_little_of_the_database_however_many_rows(support: User, django_assert_max_num_queries) -> None:
    for _ in range(5):
        session = make_session()
        make_escalation(session, turn=make_turn(session))
    client = client_of(support)
    with django_assert_max_num_queries(8):
        client.get(URL)


def test_claiming_the_oldest_opens_it(support: User) -> None:
    make_escalation()
    oldest = make_escalation(opened_at=timezone.now() - timedelta(hours=1))
    response = client_of(support).post("/queue/claim-next/")
    assert response.headers["Location"] == reverse("agents:escalation", args=[oldest.pk])
    assert client_of(support).post("/queue/claim-next/").status_code == 302


def test_claiming_the_oldest_of_nothing_says_so(support: User) -> None:
    response = client_of(support).post("/queue/claim-next/", follow=True)
    assert "Nothing waits for a person." in response.content.decode()


def test_an_analyst_reads_and_claims_nothing(analyst: User) -> None:
    make_escalation()
    client = client_of(analyst)
    assert "Claim the oldest" not in client.get(URL).content.decode()
    assert client.post("/queue/claim-next/").status_code == 403


def test_signed_out(client: Client) -> None:
    assert client.get(URL).headers["Location"] == f"/accounts/login/?next={URL}"
    assert client.post("/queue/claim-next/").status_code == 302


def test_without_a_role(stranger: User) -> None:
    assert client_of(stranger).get(URL).status_code == 403


def test_wrong_method(support: User) -> None:
    assert client_of(support).post(URL).status_code == 405
    assert client_of(support).get("/queue/claim-next/").status_code == 405


@pytest.mark.parametrize(
    "query", ["show=everything", "reason=boredom", "after=x", "after=1-2", "after=99999999999999999999-%s" % ("0" * 32)]
)
def test_a_list_that_does_not_exist(support: User, query: str) -> None:
    assert client_of(support).get(f"{URL}?{query}").status_code == 404


def test_what_people_wrote_is_escaped(support: User) -> None:
    make_escalation(make_session(customer=make_customer(name="<i>Ada</i>")), summary="<script>alert(1)</script>")
    page = client_of(support).get(URL).content.decode()
    assert "<script>alert" not in page
    assert "<i>Ada" not in page
