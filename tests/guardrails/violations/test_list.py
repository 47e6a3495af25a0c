from __future__ import annotations

import csv
import io
import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from guardrails.models import Violation
from guardrails.violations import PAGE_SIZE, BadQuery, Cursor, Wanted
from observability.ids import uuid7
from tests.factories import client_of
from tests.guardrails.violations.rows import SAID, make_pii, make_violation

pytestmark = pytest.mark.django_db
URL = "/violations/"
HTMX = {"HX-Request": "true"}
Triage = Violation.Triage
HOSTILE = "<script>alert(1)</script>"


def rows_in(text: str) -> list[str]:
    return re.findall(r'<tr data-row id="violation-([0-9a-f-]+)"', text)


def shown(user: User, query: str = "") -> list[str]:
    response = client_of(user).get(URL + query)
    assert response.status_code == 200
    return rows_in(response.content.decode())


def ids(*violations: Violation) -> list[str]:
    return [str(each.pk) for each in violations]


def judged(**fields: Any) -> Violation:
    return make_violation(triaged_at=timezone.now(), **fields)


def test_what_is_open_newest_first(support: User) -> None:
    old = make_violation(at=timezone.now() - timedelta(hours=1))
    new = make_violation()
    judged(triage=Triage.CONFIRMED)
    assert shown(support) == ids(new, old)


def test_every_role_reads(support: User, reviewer: User, analyst: User, admin: User) -> None:
    make_violation()
    for user in (support, reviewer, analyst, admin):
        assert len(shown(user)) == 1


def test_signed_out_stranger_and_method(support: User, stranger: User) -> None:
    for url in (URL, f"{URL}export/"):
        assert Client().get(url).status_code == 302
        assert client_of(stranger).get(url).status_code == 403
        assert client_of(support).post(url).status_code == 405


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("?triage=false_positive", {"triage": Triage.FALSE_POSITIVE, "triaged_at": timezone.now()}),
        ("?rule=word:PROFANITY", {"rule": "word:PROFANITY"}),
        ("?policy=pii", {"rule": "pii:PHONE"}),
        ("?stage=tool_result", {"stage": Violation.Stage.TOOL_RESULT}),
        ("?action=repaired", {"action": Violation.Action.REPAIRED}),
        ("?tier=judge", {"tier": "judge"}),
    ],
)
def test_filters(support: User, query: str, fields: dict[str, Any]) -> None:
    wanted = make_violation(**fields)
    make_violation()
    assert shown(support, query) == ids(wanted)


@pytest.mark.parametrize("name", ["agent", "guardrail", "session"])
def test_filters_by_id(support: User, name: str) -> None:
    wanted = make_violation(**{f"{name}_id": uuid7()})
    make_violation()
    assert shown(support, f"?{name}={getattr(wanted, f'{name}_id')}") == ids(wanted)


@pytest.mark.parametrize(("days", "seen"), [(0, "24h 7d 30d all"), (3, "7d 30d all"), (20, "30d all"), (200, "all")])
def test_ranges(support: User, days: int, seen: str) -> None:
    made = make_violation(at=timezone.now() - timedelta(days=days))
    for key in ("24h", "7d", "30d", "all"):
        assert shown(support, f"?range={key}") == (ids(made) if key in seen.split() else [])


@pytest.mark.parametrize(
    "query",
    [
        "?triage=odd",
        "?range=year",
        "?policy=odd",
        "?stage=odd",
        "?action=odd",
        "?tier=odd",
        "?agent=1",
        "?session=x",
        "?since=yesterday",
        "?until=2026-01-01T00:00:00",
        "?before=x",
        "?after=2026-01-01_zz",
        "?peek=1",
    ],
)
def test_what_no_page_links_to(support: User, query: str) -> None:
    assert client_of(support).get(URL + query).status_code == 404


def test_wildcards_and_nulls_are_letters(support: User) -> None:
    make_violation()
    assert shown(support, "?rule=%25") == []
    assert shown(support, "?rule=%00") == shown(support)


def test_pages_follow_each_other_and_lead_back(support: User) -> None:
    at = timezone.now()
    made = [make_violation(at=at) for _ in range(PAGE_SIZE + 3)]
    client = client_of(support)
    first = client.get(URL)
    second = client.get(URL + first.context["older"])
    both = rows_in(first.content.decode()) + rows_in(second.content.decode())
    assert both == ids(*sorted(made, key=lambda each: each.pk, reverse=True))
    back = client.get(URL + second.context["newer"])
    assert rows_in(back.content.decode()) == rows_in(first.content.decode())
    assert not back.context["newer"]


def test_a_cursor_reads_what_it_wrote() -> None:
    cursor = Cursor(at=timezone.now(), id=uuid7())
    assert Cursor.read(str(cursor)) == cursor
    with pytest.raises(BadQuery):
        Cursor.read("")


def test_a_query_says_the_same_and_leaves_out_what_is_usual() -> None:
    assert Wanted().query() == "?"
    params = {"triage": "all", "range": "30d", "rule": "pii:EMAIL", "agent": str(uuid7()), "tier": "judge"}
    assert Wanted.read(params).params() == params
    assert Wanted.read(Wanted.read(params).params(triage="open")).triage == Triage.OPEN


def test_counts_stop_early(support: User) -> None:
    make_violation()
    judged(triage=Triage.FIXED)
    counts = {each["name"]: each["count"] for each in client_of(support).get(f"{URL}?triage=all").context["triages"]}
    assert counts == {"Open": "1", "Confirmed": None, "False positive": None, "Fixed": None, "All": "2"}


def test_queries_do_not_grow_with_the_rows(support: User, django_assert_max_num_queries: Any) -> None:
    client = client_of(support)
    for _ in range(30):
        make_pii()
    with django_assert_max_num_queries(11):
        assert client.get(URL).status_code == 200


def test_hostile_words_are_text(support: User) -> None:
    make_violation(excerpt=HOSTILE, match_start=0, match_end=8, why=HOSTILE, agent_name=HOSTILE)
    make_violation(rule=f"topic:{HOSTILE}", policy="topic")
    text = client_of(support).get(URL).content.decode()
    assert HOSTILE not in text
    assert "<mark>&lt;script&gt;</mark>" in text


def test_the_place_in_the_conversation(support: User) -> None:
    message, call = make_violation(), make_violation(call_id=uuid7())
    text = client_of(support).get(URL).content.decode()
    assert f"/inbox/{message.session_id}/#violation-{message.pk}" in text
    assert f"/inbox/{call.session_id}/#step-{call.call_id}" in text


def test_nothing_yet_and_nothing_that_fits(support: User) -> None:
    client = client_of(support)
    assert b"No violations yet" in client.get(f"{URL}?range=all").content
    make_violation()
    assert b"No violation fits these filters" in client.get(f"{URL}?tier=judge").content
    Violation.objects.update(triage=Triage.FIXED, triaged_at=timezone.now())
    assert b"Nothing of this kind here" in client.get(URL).content


def test_a_fragment_has_the_same_rows_and_a_clean_address(support: User) -> None:
    made = make_violation()
    response = client_of(support).get(f"{URL}?rule=&agent=&policy=content&triage=open&range=7d", headers=HTMX)
    assert rows_in(response.content.decode()) == ids(made)
    assert b"<html" not in response.content
    assert response.headers["HX-Push-Url"] == f"{URL}?policy=content"


def test_peek_is_part_of_the_address(support: User) -> None:
    made = make_violation()
    response = client_of(support).get(f"{URL}?peek={made.pk}")
    assert 'class="is-selected"' in response.content.decode()
    assert response.context["violation"] == made
    assert client_of(support).get(f"{URL}?peek={uuid7()}").status_code == 404


# -- the file


def table_of(user: User, query: str = "") -> list[dict[str, str]]:
    response = client_of(user).get(f"{URL}export/{query}")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    return list(csv.DictReader(io.StringIO(text)))


def test_the_file_has_what_the_list_has(analyst: User) -> None:
    made = make_violation(excerpt="=1+1", match_start=-1, match_end=-1)
    judged(triage=Triage.FIXED)
    (row,) = table_of(analyst)
    assert row["Id"] == str(made.pk)
    assert row["Category"] == "Content: Prompt attacks"
    assert row["Excerpt"] == "'=1+1"
    assert len(table_of(analyst, "?triage=all")) == 2
    assert client_of(analyst).get(f"{URL}export/?range=year").status_code == 404


def test_the_file_hides_personal_data(support: User, analyst: User, reviewer: User) -> None:
    make_pii()
    for user in (support, analyst, reviewer):
        (row,) = table_of(user)
        assert row["Excerpt"] == SAID.replace("ada@example.com", "{EMAIL}").replace("ben@example.com", "{EMAIL}")
