from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from config.supervisor.signals import ECHO_SECONDS, StopRequested, StopSignals


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    before = {
        number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGALRM)
    }
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def send(number: signal.Signals) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_a_question_to_be_asked(number: signal.Signals) -> None:
    with StopSignals() as signals:
        signals.check()
        assert not signals.wait(0.01)
        send(number)
        assert signals.wait(0.01)
        with pytest.raises(StopRequested):
            signals.check()


def test_it_breaks_off_a_block_that_allows_it() -> None:
    began = time.monotonic()
    with StopSignals() as signals:
        # In this order: an alarm that nobody awaits ends the process.
        signal.signal(signal.SIGALRM, lambda *_: send(signal.SIGINT))
        signal.setitimer(signal.ITIMER_REAL, 0.05)
        with pytest.raises(StopRequested), signals.interrupting():
            time.sleep(60)
        with pytest.raises(StopRequested), signals.interrupting():
            pytest.fail("asked before")
    assert time.monotonic() - began < 30


def test_an_echo_is_no_second_request(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0  # a clock of its own: between two signals a busy machine may let more pass than an echo takes
    monkeypatch.setattr("config.supervisor.signals.time", SimpleNamespace(monotonic=lambda: now))
    with StopSignals() as signals:
        send(signal.SIGTERM)
        now += ECHO_SECONDS - 0.01
        send(signal.SIGTERM)
        assert signals.count == 1
        now += ECHO_SECONDS + 0.01
        send(signal.SIGTERM)
        assert signals.count == 2


def test_nohup_is_respected() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with StopSignals() as signals:
        send(signal.SIGHUP)
        assert signals.count == 0
