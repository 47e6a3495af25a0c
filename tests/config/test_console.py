from __future__ import annotations

import io
import re
import time

import pytest

from config.supervisor.console import CLEAR_LINE, Console
from tests.config.conftest import wait_for


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class ClosedPipe(io.StringIO):
    def write(self, _: str) -> int:
        raise BrokenPipeError


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)


def test_a_step_is_one_line_with_its_seconds() -> None:
    out = io.StringIO()
    began = time.monotonic()
    with Console(out).step("Migrations"):
        time.sleep(0.1)
    took = time.monotonic() - began
    found = re.fullmatch(r"  Migrations {30,} *(\d+\.\d) s\n", out.getvalue())
    assert found
    assert 0.1 <= float(found[1]) <= took + 0.05, "and a tenth of a second is what it is rounded to"


def test_a_step_that_fails_says_so() -> None:
    out = io.StringIO()
    with pytest.raises(ValueError, match="no"), Console(out).step("Migrations"):
        raise ValueError("no")
    assert out.getvalue().split() == ["Migrations", "failed"]


def test_a_step_counts_on_a_terminal_and_lines_go_above_it() -> None:
    out = Terminal()
    console = Console(out)

    def counts_on() -> bool:
        drawn = out.getvalue().count("Migrations")
        return wait_for(lambda: out.getvalue().count("Migrations") >= drawn + 2)

    with console.step("Migrations"):
        assert counts_on()
        console.say("meanwhile")
        assert counts_on()
    text = out.getvalue()
    assert f"{CLEAR_LINE}meanwhile\n  Migrations" in text
    assert text.endswith(" s\n")


def test_names_have_their_colours_on_a_terminal_only() -> None:
    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        console = Console(out)
        console.log("web", "one")
        console.log("worker", "two")
        console.log("web", "three")
    assert terminal.getvalue() == (
        "\033[36mweb     \033[0m| one\n\033[35mworker  \033[0m| two\n\033[36mweb     \033[0m| three\n"
    )
    assert file.getvalue() == "web     | one\nworker  | two\nweb     | three\n"


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    Console(out).log("web", "one")
    assert "\033" not in out.getvalue()


def test_a_terminal_that_is_gone_stops_nothing() -> None:
    console = Console(ClosedPipe())
    with console.step("Migrations"):
        console.log("web", "one")
