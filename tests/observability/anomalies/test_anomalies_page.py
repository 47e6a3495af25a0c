from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User

from observability.ids import uuid7
from observability.models import Anomaly, AuditEntry
from tests.factories import client_of, make_trace
from tests.observability.anomalies.test_look_for import NOW, SUPPORT, rolled, spent, weeks_of

pytestmark = pytest.mark.django_db


def make(**fields) -> Anomaly:
    values = {
        "metric": "spend",
        "hour": NOW,
        "value": 92.5,
        "expected": 9.25,
        "score": 21.4,
        "drivers": [
            {"by": "baseline", "hours": 8, "weekly": True, "deviation": 2.0},
            {"by": "model", "name": "opus", "share": 0.92, "was": 1.0, "is": 80.0},
        ],
        **fields,
    }
    return Anomaly.objects.create(**values)


def test_the_list_shows_what_is_open_and_who_drove_it(analyst: User) -> None:
    make()
    make(hour=NOW - timedelta(hours=1), state="fixed", metric="latency", value=9000)
    page = client_of(analyst).get("/anomalies/").content.decode()
    for words in ("$92.50", "$9.25", "Model opus, 92%", "All agents"):
        assert words in page
    assert "9.0 s" not in page
    assert "9.0 s" in client_of(analyst).get("/anomalies/?show=all").content.decode()


def test_the_list_goes_on(analyst: User) -> None:
    for number in range(60):
        make(agent_id=uuid7() if number % 2 else None, hour=NOW - timedelta(hours=number // 2))
    client = client_of(analyst)
    first = client.get("/anomalies/")
    second = client.get("/anomalies/" + first.context["older"])
    seen = [line["anomaly"].pk for page in (first, second) for line in page.context["lines"]]
    assert len(seen) == len(set(seen)) == 60
    assert second.context["older"] == ""


def test_before_anything_was_found_it_says_what_will_appear(analyst: User) -> None:
    assert "It takes three such hours" in client_of(analyst).get("/anomalies/").content.decode()


def test_one_shows_its_hours_its_band_and_its_drivers_as_links(analyst: User) -> None:
    rolled()
    make_trace(agent_id=SUPPORT, agent_name="Support agent", started_at=NOW)
    for at in weeks_of(NOW):
        spent(at, 2)
    spent(NOW, 92.5)
    anomaly = make(drivers=[*make(hour=NOW - timedelta(hours=2)).drivers,
                            {"by": "agent", "name": str(SUPPORT), "share": 0.9, "was": 2.0, "is": 90.0}])  # fmt: skip
    response = client_of(analyst).get(f"/anomalies/{anomaly.pk}/")
    page = response.content.decode()
    assert "model=opus" in page
    assert ">Support agent<" in page
    assert 'class="chart-band"' in page
    assert 'class="chart-mark"' in page
    chart = response.context["chart"]
    place = [point["at"] for point in chart["points"]].index(NOW)
    assert chart["series"][0]["values"][place] == 92.5
    assert (chart["band"]["low"][place], chart["band"]["high"][place]) == (2.0, 2.0)


@pytest.mark.parametrize("state", ["expected", "fixed"])
def test_it_is_judged_with_a_note_and_written_down(analyst: User, state: str) -> None:
    anomaly = make()
    client = client_of(analyst)
    response = client.post(f"/anomalies/{anomaly.pk}/judge/", {"state": state, "note": "A campaign."})
    assert response.status_code == 302
    anomaly.refresh_from_db()
    assert (anomaly.state, anomaly.note, anomaly.judged_by) == (state, "A campaign.", analyst)
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.reason, entry.before, entry.after) == (
        "anomaly.judge",
        "A campaign.",
        {"state": "open"},
        {"state": state},
    )
    client.post(f"/anomalies/{anomaly.pk}/judge/", {"state": "open", "note": "Not after all."})
    anomaly.refresh_from_db()
    assert (anomaly.state, anomaly.judged_by, anomaly.judged_at) == ("open", None, None)


def test_without_a_note_nothing_is_changed(analyst: User) -> None:
    anomaly = make()
    response = client_of(analyst).post(f"/anomalies/{anomaly.pk}/judge/", {"state": "fixed", "note": " "})
    assert response.status_code == 422
    assert "Nothing was changed" in response.content.decode()
    assert Anomaly.objects.get().state == "open"


def test_who_may_look(support: User, analyst: User) -> None:
    anomaly = make()
    for path in ("/anomalies/", f"/anomalies/{anomaly.pk}/"):
        assert client_of(support).get(path).status_code == 403
    assert client_of(analyst).get(f"/anomalies/{uuid7()}/").status_code == 404
    assert client_of(analyst).get(f"/anomalies/{anomaly.pk}/judge/").status_code == 405


def test_an_hour_far_back_still_has_its_chart(analyst: User) -> None:
    anomaly = make(hour=datetime(2024, 1, 1, tzinfo=UTC), metric="tool_errors", agent_id=uuid7())
    assert client_of(analyst).get(f"/anomalies/{anomaly.pk}/").status_code == 200
