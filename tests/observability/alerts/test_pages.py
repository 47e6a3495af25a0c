from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability.models import Alert, AlertRun, AuditEntry, Notice
from tests.factories import client_of

pytestmark = pytest.mark.django_db
URL = "/alerts/"
SAID = {
    "name": "Failed calls",
    "text": 'filter kind = "tool" and status = "error" | stats count() as failed',
    "column": "",
    "window_minutes": "60",
    "every_minutes": "5",
    "side": "above",
    "warn": "5",
    "critical": "20",
    "no_data": "ok",
    "renotify_minutes": "",
}


def post(user: User, **changed: Any) -> Any:
    return client_of(user).post(URL + "new/", {**SAID, **changed})


def test_who(support: User, analyst: User, admin: User) -> None:
    assert [client_of(user).get(URL).status_code for user in (support, analyst, admin)] == [403, 200, 200]


def test_without_any_it_says_what_they_are_for(analyst: User) -> None:
    assert "No alerts yet" in client_of(analyst).get(URL).text


def test_one_is_made_from_a_query(analyst: User) -> None:
    form = client_of(analyst).get(URL + "new/", {"q": "stats count()"}).text
    assert "stats count()</textarea>" in form
    response = post(analyst)
    alert = Alert.objects.get()
    assert response.headers["Location"] == f"/alerts/{alert.pk}/"
    assert (alert.warn, alert.critical, alert.renotify_minutes, alert.created_by) == (5, 20, None, analyst)
    assert alert.next_run_at <= timezone.now()
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.actor_id, entry.after["warn"]) == ("alert.add", analyst.pk, 5)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"text": "filter"}, "Line 1, column"),
        ({"text": "fields toolName"}, "no number to look at"),
        ({"column": "gone"}, "The answer has failed"),
        ({"warn": "", "critical": ""}, "Give a threshold"),
        ({"warn": "30"}, "further out than the warning"),
        ({"side": "below", "warn": "5", "critical": "20"}, "further out than the warning"),
        ({"name": ""}, "This field is required"),
        ({"window_minutes": "7"}, "Select a valid choice"),
        ({"warn": "much"}, "Enter a number"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_saved(analyst: User, changed: dict[str, str], words: str) -> None:
    response = post(analyst, **changed)
    assert response.status_code == 422
    assert words in response.text
    assert not Alert.objects.exists()


def test_the_form_says_what_it_would_do(analyst: User) -> None:
    client = client_of(analyst)
    page = post(analyst, name="", column="failed").text
    said = "Every 5 minutes: tells when failed of the last 60 minutes is above 5 (warning) or above 20 (critical)."
    assert said in page
    assert client.get(URL + "new/sentence/", {**SAID, "column": "failed"}).text == said
    odd = {"column": "<b>", "warn": "inf", "critical": "3", "side": "?", "every_minutes": "1", "window_minutes": "x"}
    assert client.get(URL + "new/sentence/", odd).text == (
        "Every minute: tells when &lt;b&gt; of the last 60 minutes is above 3 (critical)."
    )
    assert "Without a threshold" in client.get(URL + "new/").text


def test_it_is_tried_without_a_trace_of_it(analyst: User) -> None:
    post(analyst, warn="", critical="0", side="below", text="stats count() as n", no_data="zero")
    alert = Alert.objects.get()
    page = client_of(analyst).post(f"{URL}{alert.pk}/try/").text
    assert "0 in the last 60 minutes" in page
    assert not AlertRun.objects.exists()
    assert not Notice.objects.exists()


def test_changed_muted_switched_off_and_deleted(analyst: User) -> None:
    post(analyst)
    alert = Alert.objects.get()
    client = client_of(analyst)
    client.post(f"{URL}{alert.pk}/edit/", {**SAID, "warn": "7"})
    client.post(f"{URL}{alert.pk}/mute/", {"hours": "8"})
    client.post(f"{URL}{alert.pk}/switch/", {"enabled": "0"})
    alert.refresh_from_db()
    assert (alert.warn, alert.enabled) == (7, False)
    assert alert.muted_until is not None
    assert "Muted until" in client.get(f"{URL}{alert.pk}/").text
    assert client.post(f"{URL}{alert.pk}/mute/", {"hours": "99"}).status_code == 422
    client.post(f"{URL}{alert.pk}/delete/")
    assert not Alert.objects.exists()
    acts = AuditEntry.objects.order_by("id").values_list("action", flat=True)
    assert list(acts) == ["alert.add", "alert.change", "alert.mute", "alert.switch", "alert.delete"]


def test_the_list_shows_the_worst_first_with_their_history(analyst: User) -> None:
    well = Alert.objects.create(name="A", text="stats count()", warn=1, state="ok")
    bad = Alert.objects.create(name="B", text="stats count()", warn=1, state="critical")
    for alert in (well, bad):
        AlertRun.objects.create(alert=alert, state=alert.state, value=3)
    page = client_of(analyst).get(URL).text
    assert page.index(">B</a>") < page.index(">A</a>")
    assert page.count('class="alert-cell') == 2
    assert "critical, 3" in page
