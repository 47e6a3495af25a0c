"""An MCP server as a child: kept, started anew, never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.tools.targets.calls import SHELF, ask, call_of, stdio_target
from tools.credentials import set_credential
from tools.errors import OutcomeUnclear, TargetUnreachable
from tools.models import Target
from tools.targets import registry
from tools.targets.mcp import sessions, stdio
from tools.targets.mcp.adapter import McpAdapter
from tools.targets.registry import adapter_of

pytestmark = pytest.mark.django_db


def children() -> set[int]:
    return {child.pid for child in psutil.Process().children() if str(SHELF) in child.cmdline()}


def wait_for(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.02)


def wait_until_gone(pid: int) -> None:
    def is_gone() -> bool:
        try:
            return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
        except psutil.NoSuchProcess:
            return True

    wait_for(is_gone)


def test_one_child_serves_all_calls() -> None:
    target = stdio_target()
    assert ask(target, "get_order", order_id="4471") == {"id": "4471", "total": "61.00"}
    (pid,) = children()
    with ThreadPoolExecutor(8) as threads:
        calls = [call_of(target, "get_order", order_id=str(number)) for number in range(16)]
        found = list(threads.map(adapter_of(target).send, calls))
    assert [order["id"] for order in found] == [str(number) for number in range(16)]
    assert children() == {pid}


def test_it_sees_nothing_of_our_environment_but_its_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_KEY", "ours")
    target = stdio_target()
    set_credential(target, kind="bearer", public={"name": "SHELF_TOKEN"}, secret="for-the-shelf", user=None)
    target.refresh_from_db()
    seen = ask(target, "environment")
    assert seen.pop("SHELF_TOKEN") == "[secret]"  # it holds it, and a model is not told it
    assert seen.keys() == {"PATH", "LANG"}


def test_a_child_that_dies_leaves_the_call_open_and_is_started_anew() -> None:
    target = stdio_target()
    ask(target, "words")
    (first,) = children()
    with pytest.raises(OutcomeUnclear):
        ask(target, "ends")
    wait_until_gone(first)
    assert ask(target, "words")
    assert children().isdisjoint({first})


def test_a_child_that_was_killed_meanwhile_is_started_anew() -> None:
    target = stdio_target()
    ask(target, "words")
    (first,) = children()
    os.kill(first, signal.SIGKILL)
    wait_until_gone(first)
    adapter = adapter_of(target)
    assert isinstance(adapter, McpAdapter)
    wait_for(lambda: all(session.over.is_set() for session in adapter.sessions.sessions.values()))
    assert ask(target, "words")


@pytest.mark.parametrize("command", [["/no/such/program"], None])
def test_a_program_that_ends_at_once_is_not_started_again_and_again(command: list[str] | None) -> None:
    target = stdio_target("gone")
    target.command = command or target.command
    for _ in range(3):
        with pytest.raises(TargetUnreachable):
            ask(target, "words")
    with pytest.raises(TargetUnreachable, match="started again in"):
        ask(target, "words")


def test_a_mute_child_keeps_nobody_beyond_the_deadline() -> None:
    target = stdio_target("mute")
    with pytest.raises(TargetUnreachable, match=r"no MCP session after \d\.\d s"):
        ask(target, "words", seconds=3)
    (pid,) = children()
    registry.forget()
    wait_until_gone(pid)


def test_a_child_that_hangs_is_started_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MUTE_CALLS", 2)
    target = stdio_target()
    ask(target, "words")
    (first,) = children()
    os.kill(first, signal.SIGSTOP)
    for _ in range(2):
        with pytest.raises(OutcomeUnclear):
            ask(target, "words", seconds=2)
    wait_until_gone(first)
    assert ask(target, "words")


def test_a_line_without_end_is_not_taken_in() -> None:
    with pytest.raises(TargetUnreachable):
        ask(stdio_target("endless"), "words")


def test_a_child_that_hears_no_one_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stdio, "GRACE_SECONDS", 0.2)
    target = stdio_target("deaf")
    with pytest.raises(TargetUnreachable):
        ask(target, "words", seconds=3)
    (pid,) = children()
    registry.forget()
    wait_until_gone(pid)


def test_it_is_put_away_when_nobody_uses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "IDLE_SECONDS", 1.0)
    target = stdio_target()
    ask(target, "words")
    (pid,) = children()
    wait_until_gone(pid)
    assert ask(target, "words")


def test_another_command_is_another_child() -> None:
    target = stdio_target()
    ask(target, "words")
    (first,) = children()
    target.command = [*target.command, ""]
    assert ask(target, "words")
    wait_until_gone(first)


PARENT = f"""
import asyncio, os, sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[3])!r})
from tools.targets.mcp.stdio import running_program

async def main():
    async with running_program([sys.executable, {str(SHELF)!r}, "deaf"], {{}}, name="x", on_end=print):
        print("ready", flush=True)
        await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="prctl is Linux's")
def test_it_ends_with_its_parent_however_that_ends() -> None:
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
    script = f"import django; django.setup()\n{PARENT}"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=environment) as parent:
        assert parent.stdout.readline() == b"ready\n"
        (child,) = psutil.Process(parent.pid).children()
        parent.kill()
    wait_until_gone(child.pid)


def test_the_row_may_name_no_program(db: None) -> None:
    target = Target.objects.create(name="empty", kind=Target.Kind.MCP_STDIO)
    with pytest.raises(TargetUnreachable):
        ask(target, "words")
