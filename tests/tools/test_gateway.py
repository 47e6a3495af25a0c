"""What was sent is found out, and no call outlasts its time."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest

from tests.tools.backend import DRIP, HANG, Backend
from tests.tools.calls import ask, code_of, move_away, reread
from tools.models import Target, TargetHealth, Tool

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("change", ["disabled", "not permitted"])
def test_what_was_sent_is_looked_up_though_its_tool_is_off_by_now(
    target: Target, backend: Backend, change: str
) -> None:
    if change == "disabled":
        Tool.objects.filter(name="write").update(enabled=False)
        reread()
    permitted = change != "not permitted"
    assert ask("write", state="sent", permitted=permitted).state == "confirmed"
    backend.plan = [404]
    assert ask("write", state="sent", permitted=permitted).state == "unknown"
    assert [method for method, _, _ in backend.asked] == ["GET", "GET"]  # and never made
    assert ask("write", permitted=permitted).state == "refused"


def test_what_was_sent_by_a_tool_that_is_gone_is_unknown(target: Target) -> None:
    Tool.objects.filter(name="write").delete()
    reread()
    assert ask("write", state="sent").state == "unknown"


def test_what_is_not_there_reads_like_what_is_somebody_elses(target: Target, backend: Backend) -> None:
    """A backend's own words for it would tell a hijacked model which orders exist."""
    Tool.objects.filter(name="read").update(owners=[{"path": "customer", "is": "customer.email"}])
    reread()
    theirs = ask("read")
    backend.usual = 404
    gone = ask("read")
    assert theirs.result == gone.result
    assert code_of(gone) == "not_found"


# -- deadlines


def test_a_read_is_not_repeated_beyond_the_turns_deadline(
    target: Target, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tool.objects.update(retries=9)
    reread()
    backend.usual = 503
    # Pauses of 0.2, 0.4 and 0.8 seconds, and no fourth one, of 1.6.
    monkeypatch.setattr("tools.sending.random", SimpleNamespace(random=lambda: 0.5))
    outcome = ask("read", seconds=2.2)
    assert code_of(outcome) == "no_answer"
    assert 1 <= outcome.attempts <= 4


def test_a_pause_beyond_the_deadline_is_not_made(
    target: Target, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tool.objects.update(retries=9, deadline_ms=40_000)
    reread()
    backend.usual = 503
    monkeypatch.setattr("tools.sending.BACKOFF_SECONDS", 100)
    began = time.monotonic()
    outcome = ask("read")
    assert (outcome.attempts, code_of(outcome)) == (1, "no_answer")
    assert time.monotonic() - began < 40


def test_a_pause_that_took_longer_ends_with_what_was_answered(
    target: Target, backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    Tool.objects.update(retries=9)
    reread()
    backend.usual = 503
    clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda seconds: time.sleep(seconds + 5))
    monkeypatch.setattr("tools.sending.time", clock)
    outcome = ask("read", seconds=5)
    assert (outcome.attempts, code_of(outcome)) == (1, "no_answer")


def test_a_read_is_not_repeated_beyond_its_own_deadline(target: Target, backend: Backend) -> None:
    Tool.objects.update(retries=9, deadline_ms=1_500)
    reread()
    backend.usual, backend.slow_seconds = HANG, 60
    began = time.monotonic()
    outcome = ask("read")
    assert (outcome.attempts, code_of(outcome)) == (1, "no_answer")
    assert time.monotonic() - began < 30


def test_a_write_that_cannot_be_sent_does_not_wait_beyond_the_deadline(target: Target, backend: Backend) -> None:
    move_away()
    reread()
    outcome = ask("write", seconds=0.15)
    assert (outcome.state, code_of(outcome), outcome.attempts) == ("failed", "unreachable", 1)


def test_an_answer_in_drops_does_not_outlast_the_deadline(target: Target, backend: Backend) -> None:
    backend.usual, backend.slow_seconds = DRIP, 0.5  # 50 seconds for all of it
    began = time.monotonic()
    assert code_of(ask("read", seconds=2)) == "no_answer"
    assert time.monotonic() - began < 30
    # Between two drops, or while it waits for one.
    assert TargetHealth.objects.get().last_error.startswith("timeout")
