from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from guardrails.models import Violation
from guardrails.violation_figures import figures_of, parts_of
from guardrails.violations import DAY, HOUR, RANGES, Wanted, floor, list_violations
from tests.factories import client_of
from tests.guardrails.violations.rows import make_violation

Action, Triage = Violation.Action, Violation.Triage


def judged(triage: str, **fields: Any) -> Violation:
    return make_violation(triage=triage, triaged_at=timezone.now(), **fields)


def wanted(**params: str) -> Wanted:
    return Wanted.read({"triage": "all", **params})


def test_steps_begin_as_they_do_in_utc() -> None:
    moment = datetime(2026, 3, 29, 23, 59, 59, tzinfo=UTC)
    assert floor(moment, HOUR) == datetime(2026, 3, 29, 23, tzinfo=UTC)
    assert floor(moment, DAY) == datetime(2026, 3, 29, tzinfo=UTC)
    assert RANGES["7d"].begin(moment) == datetime(2026, 3, 23, tzinfo=UTC)
    assert RANGES["24h"].begin(moment) == datetime(2026, 3, 29, tzinfo=UTC)


def test_parts_stand_on_each_other() -> None:
    assert parts_of([1, 0, 3], 4) == [("stopped", "75", "25"), ("noted", "0", "75")]
    assert parts_of([0, 0, 0], 0) == []


@pytest.fixture(params=[time.min, time(11, 22, 33), time.max], ids=["midnight", "noon", "before-midnight"])
def now(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> datetime:
    """The clock stands still: between a row and the figures of it the hour, or the day, must not end."""
    stands = datetime.combine(timezone.now(), request.param, tzinfo=UTC)
    monkeypatch.setattr(timezone, "now", lambda: stands)
    return stands


@pytest.mark.django_db
@pytest.mark.usefixtures("now")
class TestFigures:
    def test_nothing(self) -> None:
        figures = figures_of(wanted())
        assert (figures.trend.total, figures.rules, figures.all.false_percent) == (0, [], None)
        assert len(figures.trend.bars) == 7

    @pytest.mark.parametrize("key", ["24h", "7d", "30d", "all"])
    def test_the_last_bar_is_unfinished_and_holds_now(self, key: str) -> None:
        make_violation(action=Action.BLOCKED)
        make_violation(action=Action.HANDED_OVER)
        make_violation(action=Action.MASKED)
        make_violation(action=Action.DETECTED)
        *before, last = figures_of(wanted(range=key)).trend.bars
        assert (last.stopped, last.masked, last.noted, last.is_unfinished) == (2, 1, 1, True)
        assert not any(bar.total or bar.is_unfinished for bar in before)

    def test_a_bar_leads_to_its_own_rows(self) -> None:
        made = [make_violation(at=timezone.now() - timedelta(days=days)) for days in (0, 1, 1, 3)]
        bars = figures_of(Wanted(range=RANGES["7d"])).trend.bars
        assert [bar.total for bar in bars] == [0, 0, 0, 1, 0, 2, 1]
        params = dict(
            part.split("=") for part in bars[5].query.lstrip("?").replace("%3A", ":").replace("%2B", "+").split("&")
        )
        found = list_violations(Wanted.read(params)).violations
        assert {each.pk for each in found} == {made[1].pk, made[2].pk}

    def test_rates_are_of_what_was_judged(self) -> None:
        judged(Triage.FALSE_POSITIVE, rule="pii:EMAIL", policy="pii")
        for triage in (Triage.CONFIRMED, Triage.FIXED, Triage.CONFIRMED):
            judged(triage, rule="pii:EMAIL", policy="pii")
        make_violation("pii:EMAIL")
        make_violation("word:PROFANITY")
        email, word = figures_of(wanted()).rules
        assert (email.rule, email.seen, email.judged, email.false_percent) == ("pii:EMAIL", 5, 4, 25.0)
        assert (word.category, word.judged, word.false_percent) == ("Word: Profanity", 0, None)
        assert figures_of(wanted()).all.false_percent == 25.0

    def test_figures_keep_to_the_range_and_the_filters_but_not_to_the_triage(self) -> None:
        make_violation("word:PROFANITY")
        judged(Triage.CONFIRMED)
        make_violation(at=timezone.now() - timedelta(days=20))
        assert figures_of(Wanted()).all.seen == 2
        assert figures_of(wanted(range="30d")).all.seen == 3
        assert figures_of(wanted(rule="word:PROFANITY")).all.seen == 1

    def test_a_rule_with_a_percent_sign_is_no_placeholder(self) -> None:
        make_violation(rule="word:100%s", policy="word")
        assert figures_of(wanted(rule="word:100%s")).all.seen == 1

    def test_the_page_shows_them(self, support: User) -> None:
        judged(Triage.FALSE_POSITIVE)
        make_violation("word:PROFANITY")
        text = client_of(support).get("/violations/").content.decode()
        assert "100 % false positives" in text
        assert "(so far)" in text
        assert "?triage=all&amp;rule=word%3APROFANITY" in text
        assert 'title="Nothing was judged">—<' in text
