from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.approval_history import PAGE_SIZE, Wanted, page_of
from tests.agents.approval_cases import ASKED, decide_as, make_approval, make_asking_session, shop_tools
from tests.factories import client_of
from tools.models import Approval, ToolCall

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop_tools")]
URL = "/approvals/history/"
CSV = "/approvals/history/csv/"


def listed(reader: User, **query: object) -> list[Approval]:
    return [row.approval for row in client_of(reader).get(URL, query).context["rows"]]


def records(reader: User, **query: object) -> list[dict[str, str]]:
    response = client_of(reader).get(CSV, query)
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]  # a streamed answer
    return list(csv.DictReader(io.StringIO(text)))


def test_it_says_who_decided_what_and_what_became_of_it(reviewer: User, analyst: User) -> None:
    asked_at = timezone.now() - timedelta(minutes=5)
    changed = {**ASKED, "amount": "100.00"}
    decided = {"decided_at": asked_at + timedelta(minutes=5), "arguments": changed, "amount": 100}
    approval = decide_as(make_approval(requested_at=asked_at), reviewer, status="used", **decided)
    ToolCall.objects.filter(pk=approval.call_id).update(state="confirmed", result={})
    page = client_of(analyst).get(URL).content.decode()
    for words in (
        approval.label,
        "Refund 100.00 EUR of order 1044 to Chloe",
        "Approved",
        "Edited",
        "Reviewer",
        "5 min",
    ):
        assert words in page, words
    assert "Confirmed" in page
    (record,) = records(analyst)
    assert record["request"] == "Refund 100.00 EUR of order 1044 to Chloe"
    assert (record["decision"], record["decided_by"], record["changed"]) == ("Approved", "Reviewer", "yes")
    assert (record["amount"], record["outcome"], record["waited_s"]) == ("100.00 EUR", "confirmed", "300")


def test_it_is_narrowed(reviewer: User, support: User) -> None:
    yes = decide_as(make_approval(), reviewer, status="approved")
    no = decide_as(make_approval(tool="shop___cancel_order"), support, status="rejected", reason="No")
    gone = make_approval(status="expired", decided_at=timezone.now())
    make_approval()
    assert listed(reviewer) == [gone, no, yes]
    assert listed(reviewer, decision="approved") == [yes]
    assert listed(reviewer, decision="expired") == [gone]
    assert listed(reviewer, tool="shop___cancel_order") == [no]
    assert listed(reviewer, user=support.pk) == [no]
    assert [record["number"] for record in records(reviewer, decision="rejected")] == [no.label]
    assert "No decision fits" in client_of(reviewer).get(URL, {"decision": "cancelled"}).content.decode()


def test_pages_follow_each_other_without_a_gap(reviewer: User) -> None:
    session, now = make_asking_session(), timezone.now()
    for number in range(PAGE_SIZE + 4):
        make_approval(session, status="expired", decided_at=now - timedelta(seconds=number // 3))
    first = page_of(Wanted())
    second = page_of(Wanted(), after=first.after or "")
    assert (len(first.rows), len(second.rows), second.after) == (PAGE_SIZE, 4, None)
    assert len({row.approval.pk for row in (*first.rows, *second.rows)}) == PAGE_SIZE + 4
    assert "First page" in client_of(reviewer).get(URL, {"after": first.after}).content.decode()


def test_a_file_holds_no_formula(reviewer: User) -> None:
    decide_as(make_approval(), reviewer, status="rejected", reason='=HYPERLINK("http://x")')
    (record,) = records(reviewer)
    assert record["reason"].startswith("'=")


def test_it_asks_little_of_the_database_however_many_rows(reviewer: User, django_assert_max_num_queries) -> None:
    for _ in range(6):
        decide_as(make_approval(), reviewer, status="approved")
    client = client_of(reviewer)
    with django_assert_max_num_queries(11):
        client.get(URL)


def test_nothing_decided_says_what_will_come(reviewer: User) -> None:
    assert "Nothing was decided yet" in client_of(reviewer).get(URL).content.decode()
    assert records(reviewer) == []


@pytest.mark.parametrize("query", ["decision=maybe", "user=x", "user=²", "tool=%00", "after=1"])
def test_a_list_that_does_not_exist(reviewer: User, query: str) -> None:
    assert client_of(reviewer).get(f"{URL}?{query}").status_code == 404


def test_who_may_read_it(stranger: User, client: Client, reviewer: User) -> None:
    for path in (URL, CSV):
        assert client_of(stranger).get(path).status_code == 403
        assert client.get(path).status_code == 302
        assert client_of(reviewer).post(path).status_code == 405
