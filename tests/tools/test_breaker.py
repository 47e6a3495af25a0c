"""A target that fails is left alone for a while; what has left already is found out nevertheless."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from tests.kept_caches import LONGER_THAN_ANY_TEST
from tests.tools.backend import DROP, HANG, PAGE, Backend
from tests.tools.calls import SENT, ask, code_of, move_away, reread
from tools.breaker import FAILURES_TO_OPEN, admit, try_now
from tools.errors import TargetUnavailable
from tools.models import Target, TargetHealth, Tool

pytestmark = pytest.mark.django_db


def health_of(target: Target) -> TargetHealth:
    return TargetHealth.objects.get(pk=target.pk)


def is_paused(target: Target, seconds: float, *, since: datetime) -> bool:
    """From some moment between then and now on, for exactly that long."""
    retry_at = health_of(target).retry_at
    assert retry_at is not None
    return since <= retry_at - timedelta(seconds=seconds) <= timezone.now()


@pytest.fixture
def _read_once(target: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read with the target is good until the test ends."""
    for module in ("catalog", "authorize"):
        monkeypatch.setattr(f"tools.{module}.CACHE_SECONDS", LONGER_THAN_ANY_TEST)
    reread()


def make_open(target: Target, *, failures: int = FAILURES_TO_OPEN, seconds: float = 10) -> None:
    """As another process writes it."""
    now = timezone.now()
    TargetHealth.objects.update_or_create(
        target=target,
        defaults={
            "state": "open",
            "failures": failures,
            "opened_at": now,
            "retry_at": now + timedelta(seconds=seconds),
            "last_error": "timeout",
        },
    )
    reread()


# -- it opens


@pytest.mark.usefixtures("_read_once")
def test_a_target_that_is_well_costs_no_query(target: Target, django_assert_num_queries) -> None:
    with django_assert_num_queries(0):
        for name in ("read", "write", "read"):
            assert ask(name).state == "confirmed"
    assert not TargetHealth.objects.exists()


def test_five_failures_in_a_row_open_it_and_nothing_more_is_sent(target: Target, backend: Backend) -> None:
    backend.usual = 503
    began = timezone.now()
    for _ in range(FAILURES_TO_OPEN):
        assert code_of(ask("read")) == "no_answer"
    outcome = ask("read")
    assert (outcome.state, code_of(outcome), outcome.attempts) == ("failed", "target_unavailable", 0)
    assert "5 requests in a row failed" in outcome.result["error"]["message"]
    assert "Nothing was done" in outcome.result["error"]["message"]
    assert len(backend.asked) == FAILURES_TO_OPEN
    health = health_of(target)
    assert (health.state, health.failures, health.last_error) == ("open", 5, "the backend answered 503")
    assert is_paused(target, 10, since=began)


@pytest.mark.usefixtures("_read_once")
def test_refused_while_open_costs_no_query(target: Target, django_assert_num_queries) -> None:
    make_open(target)
    with django_assert_num_queries(0):
        assert code_of(ask("read")) == "target_unavailable"


@pytest.mark.parametrize("failure", [500, 503, 429, 408, DROP, HANG])
def test_what_counts_as_a_failure(target: Target, backend: Backend, failure: int | str) -> None:
    backend.plan, backend.slow_seconds = [failure], 60
    assert ask("read", seconds=2 if failure == HANG else 60).state == "failed"
    assert health_of(target).failures == 1


@pytest.mark.parametrize("answer", [404, 409, 401, PAGE])
def test_what_does_not(target: Target, backend: Backend, answer: int | str) -> None:
    backend.plan = [answer]
    assert ask("read").state == "failed"
    assert not TargetHealth.objects.exists()


def test_too_little_time_says_nothing_about_the_target(target: Target, backend: Backend) -> None:
    backend.usual = HANG
    assert ask("read", seconds=0.1).state == "failed"
    assert ask("read", seconds=0).state == "failed"
    assert not TargetHealth.objects.exists()


def test_a_target_that_is_not_there_counts(target: Target) -> None:
    move_away()
    reread()
    assert code_of(ask("read")) == "unreachable"
    assert health_of(target).last_error == "no connection: NewConnectionError"


@pytest.mark.parametrize("answer", [200, 404])
def test_any_answer_ends_the_row_of_failures(target: Target, backend: Backend, answer: int) -> None:
    backend.plan = [503, 503, 503, 503, answer, 503]
    for _ in range(6):
        ask("read")
    assert health_of(target).failures == 1
    assert health_of(target).state == "closed"


def test_failures_of_several_processes_add_up(target: Target, backend: Backend) -> None:
    backend.usual = 503
    ask("read")
    TargetHealth.objects.update(failures=4)  # this process has not read it yet
    ask("read")
    assert health_of(target).state == "open"
    assert code_of(ask("read")) == "target_unavailable"


def test_an_outage_opens_it_within_one_call_and_the_next(target: Target, backend: Backend) -> None:
    Tool.objects.update(retries=2)
    reread()
    backend.usual = 503
    first, second = ask("read"), ask("read")
    assert (first.attempts, code_of(first)) == (3, "no_answer")
    assert (second.attempts, code_of(second)) == (2, "target_unavailable")


# -- it tries


def test_the_pause_doubles_up_to_five_minutes(target: Target, backend: Backend) -> None:
    make_open(target, seconds=-1)
    backend.usual = 503
    for seconds in (20, 40, 80, 160, 300, 300, 300):
        began = timezone.now()
        assert code_of(ask("read")) == "no_answer"
        assert is_paused(target, seconds, since=began)
        TargetHealth.objects.update(retry_at=timezone.now())
        reread()
    assert health_of(target).failures == FAILURES_TO_OPEN + 7


def test_a_trial_that_is_answered_closes_it(target: Target, backend: Backend) -> None:
    make_open(target, failures=9, seconds=-1)
    assert ask("read").state == "confirmed"
    health = health_of(target)
    assert (health.state, health.failures, health.retry_at, health.last_error) == ("closed", 0, None, "")
    assert ask("read").state == "confirmed"
    assert len(backend.asked) == 2


def test_a_trial_that_is_never_heard_of_again_is_made_again_later(target: Target) -> None:
    make_open(target, seconds=-1)
    began = timezone.now()
    assert admit(target.pk).is_trial
    with pytest.raises(TargetUnavailable):
        admit(target.pk)
    assert is_paused(target, 20, since=began)


def test_a_read_that_tries_and_fails_does_not_go_on_trying(target: Target, backend: Backend) -> None:
    Tool.objects.update(retries=2)
    make_open(target, seconds=-1)
    backend.usual = 503
    outcome = ask("read")
    assert (outcome.attempts, code_of(outcome)) == (1, "target_unavailable")
    assert len(backend.asked) == 1


@pytest.mark.django_db(transaction=True)
def test_one_of_many_makes_the_trial(target: Target) -> None:
    make_open(target, seconds=-1)

    def is_admitted(_: int) -> bool:
        try:
            return admit(target.pk).is_trial
        except TargetUnavailable:
            return False
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(is_admitted, range(24))) == 1


def test_what_another_process_found_out_is_believed(target: Target, backend: Backend) -> None:
    make_open(target)
    assert code_of(ask("read")) == "target_unavailable"
    TargetHealth.objects.update(state="closed", failures=0, opened_at=None, retry_at=None)
    reread()
    assert ask("read").state == "confirmed"


def test_a_person_lets_it_try_now(target: Target, backend: Backend) -> None:
    make_open(target, seconds=200)
    assert try_now(target.pk)
    assert not try_now(target.pk)
    reread()
    assert ask("read").state == "confirmed"
    assert not try_now(target.pk)


@pytest.mark.usefixtures("_read_once")
@pytest.mark.django_db(transaction=True)
def test_a_call_is_not_lost_with_the_note_of_its_failure(target: Target, backend: Backend, caplog) -> None:
    backend.usual = 503
    Tool.objects.all().delete()
    Target.objects.all().delete()  # whose health can then not be written
    assert code_of(ask("read")) == "no_answer"
    assert "could not be recorded" in caplog.text


# -- writes


def test_a_write_that_never_left_is_failed_and_never_marked_sent(target: Target, backend: Backend) -> None:
    make_open(target)
    outcome = ask("write")
    assert (outcome.state, code_of(outcome), outcome.attempts) == ("failed", "target_unavailable", 0)
    assert SENT == []
    assert backend.asked == []


def test_a_write_that_left_before_is_looked_up_while_open(target: Target, backend: Backend) -> None:
    make_open(target)
    assert ask("write", state="sent").state == "confirmed"
    assert [(method, path[:8]) for method, path, _ in backend.asked] == [("GET", "/by-key/")]
    assert health_of(target).state == "closed"


def test_its_outcome_stays_unknown_where_the_look_up_fails_too(target: Target, backend: Backend) -> None:
    make_open(target)
    before = health_of(target).retry_at
    backend.usual = 503
    outcome = ask("write", state="sent")
    assert (outcome.state, code_of(outcome)) == ("unknown", "outcome_unknown")
    assert len(backend.asked) == 1
    assert (health_of(target).failures, health_of(target).retry_at) == (5, before)


def test_a_look_up_that_finds_nothing_lets_it_be_sent_again(target: Target, backend: Backend) -> None:
    make_open(target)
    backend.plan = [404, 200]
    assert ask("write", state="sent").state == "confirmed"
    assert [method for method, _, _ in backend.asked] == ["GET", "POST"]
    assert health_of(target).state == "closed"


def test_without_a_look_up_the_same_request_finds_out(target: Target, backend: Backend) -> None:
    make_open(target)
    assert ask("plain", state="sent").state == "confirmed"
    (method, _, key), *others = backend.asked
    assert method == "POST"
    assert key
    assert others == []


def test_a_write_whose_lost_answer_opens_it_is_looked_up(target: Target, backend: Backend) -> None:
    backend.plan = [503, 503, 503, 503, DROP, 200]
    for _ in range(4):
        ask("read")
    outcome = ask("write")
    assert (outcome.state, outcome.attempts) == ("confirmed", 2)
    assert [method for method, _, _ in backend.asked[4:]] == ["POST", "GET"]
    assert len(SENT) == 1


def test_a_write_that_cannot_be_sent_is_not_sent_again_once_open(target: Target, backend: Backend) -> None:
    move_away()
    TargetHealth.objects.create(target=target, failures=4)
    reread()
    outcome = ask("write")
    assert (outcome.state, code_of(outcome), outcome.attempts) == ("failed", "target_unavailable", 1)
