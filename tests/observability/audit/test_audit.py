from __future__ import annotations

import csv
import io
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client

from observability.audit import record
from observability.audit_list import PAGE_SIZE
from observability.models import AuditEntry
from tests.factories import client_of
from tests.observability.audit.test_chain import unguarded

pytestmark = pytest.mark.django_db
URL = "/audit/"


def numbers(user: User, query: str = "") -> list[int]:
    response = client_of(user).get(URL + query)
    assert response.status_code == 200
    return [line.entry.pk for line in response.context["lines"]]


def test_who_may(admin: User, analyst: User, reviewer: User, support: User, stranger: User) -> None:
    for url in (URL, f"{URL}export/"):
        for user, status in ((admin, 200), (analyst, 200), (reviewer, 403), (support, 403), (stranger, 403)):
            assert client_of(user).get(url).status_code == status
        assert Client().get(url).status_code == 302
        assert client_of(admin).put(url).status_code == 405


def test_what_changed_is_shown(admin: User) -> None:
    before, after = {"usd": "1.00", "per": 1, "gone": True}, {"usd": "2.00", "per": 1, "new": ["a"]}
    record(admin, "price.change", kind="price", id=7, name="<b>Sonnet</b>", before=before, after=after)
    text = client_of(admin).get(URL).content.decode()
    for part in ("<del>1.00</del>", "<ins>2.00</ins>", "<del>true</del>", "<ins>[&quot;a&quot;]</ins>", admin.username):
        assert part in text
    assert "<ins>1</ins>" not in text
    assert "&lt;b&gt;Sonnet" in text


def test_filters(admin: User, reviewer: User) -> None:
    mine = record(admin, "price.add", kind="price", id=1)
    theirs = record(reviewer, "span.reveal", kind="span", id="ab")
    ours = record(None, "budget.stop", kind="budget", id=1)
    for query, found in [
        ("", [ours, theirs, mine]),
        (f"?actor={admin.pk}", [mine]),
        ("?actor=0", [ours]),
        ("?action=span.reveal", [theirs]),
        ("?kind=price", [mine]),
        ("?kind=budget&subject=1", [ours]),
        ("?range=1h", [ours, theirs, mine]),
        ("?action=none", []),
    ]:
        assert numbers(admin, query) == [entry.pk for entry in found], query


def test_time(admin: User) -> None:
    entry = record(None, "a.b", kind="c")
    unguarded("UPDATE observability_auditentry SET at = %s", [entry.at - timedelta(days=2)])
    assert numbers(admin, "?range=24h") == []
    assert numbers(admin, "?range=7d") == [entry.pk]


@pytest.mark.parametrize("query", ["?actor=me", "?range=odd", "?before=odd", "?after=-1", "?actor=٣"])
def test_what_no_page_links_to(admin: User, query: str) -> None:
    assert client_of(admin).get(URL + query).status_code == 404


def test_pages_follow_each_other_and_lead_back(admin: User) -> None:
    made = [record(None, "a.b", kind="c", id=number).pk for number in range(PAGE_SIZE + 3)][::-1]
    client = client_of(admin)
    first = client.get(URL)
    second = client.get(URL + first.context["older"])
    assert [line.entry.pk for page in (first, second) for line in page.context["lines"]] == made
    back = client.get(URL + second.context["newer"])
    assert [line.entry.pk for line in back.context["lines"]] == made[:PAGE_SIZE]
    assert not back.context["newer"]


def test_the_chain_is_checked(admin: User) -> None:
    entries = [record(None, "a.b", kind="c", id=number) for number in range(3)]
    client = client_of(admin)
    text = client.post(URL).content.decode()
    assert "The chain holds: 3 entries" in text
    assert entries[-1].hash in text
    unguarded("UPDATE observability_auditentry SET reason = 'x' WHERE id = %s", [entries[1].pk])
    assert f"The chain is broken at entry {entries[1].pk}." in client.post(URL).content.decode()


def test_as_a_file(admin: User) -> None:
    entry = record(admin, "price.add", kind="price", name="=1+1", after={"usd": "1"})
    record(None, "other", kind="x")
    body = client_of(admin).get(f"{URL}export/?kind=price").getvalue().decode()
    (line,) = csv.DictReader(io.StringIO(body))
    assert (line["subject"], line["after"], line["hash"]) == ("'=1+1", '{"usd":"1"}', entry.hash)


def test_empty_says_what_will_come(admin: User) -> None:
    assert "Nothing was written down yet" in client_of(admin).get(URL).content.decode()
    assert "Nothing of this kind was done" in client_of(admin).get(f"{URL}?kind=x").content.decode()


def test_more_entries_take_no_more_queries(admin: User, django_assert_max_num_queries) -> None:
    for number in range(30):
        record(admin, "a.b", kind="c", id=number)
    client = client_of(admin)
    with django_assert_max_num_queries(7):
        client.get(URL)
    assert AuditEntry.objects.count() == 30
