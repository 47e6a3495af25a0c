from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from config.supervisor.health import NotHealthy, answers, wait_until_healthy


class Answer(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/healthz" else 500)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine the thread that answers may have to wait for its turn."""
    monkeypatch.setattr("config.supervisor.health.ASK_SECONDS", 60.0)


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def nobody() -> Iterator[str]:
    """An address where nobody listens, and that nobody else is given meanwhile."""
    with socket.socket() as kept:
        kept.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{kept.getsockname()[1]}"


@pytest.mark.parametrize(("status", "well"), [(200, True), (301, True), (400, True), (500, False), (503, False)])
def test_any_answer_but_a_failure_is_well(monkeypatch: pytest.MonkeyPatch, url: str, status: int, well: bool) -> None:
    monkeypatch.setattr(Answer, "status", status)
    assert answers(url) is well


def test_one_that_answers_is_not_waited_for(url: str) -> None:
    wait_until_healthy(url, name="web", deaths=lambda: 0, seconds=0)


def test_one_that_keeps_dying_is_given_up(nobody: str) -> None:
    with pytest.raises(NotHealthy, match="web ends as soon as it is started"):
        wait_until_healthy(nobody, name="web", deaths=lambda: 3, seconds=5)


def test_one_that_never_answers_is_given_up(nobody: str) -> None:
    with pytest.raises(NotHealthy, match="web has not answered"):
        wait_until_healthy(nobody, name="web", deaths=lambda: 0, seconds=0.1)
