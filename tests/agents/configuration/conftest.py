"""A file that is applied, and what that printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from textwrap import dedent

import pytest
from django.core.management import CommandError, call_command

from tests.flows.conftest import forget_caches
from tests.tools.targets.front import Front, running
from tests.tools.targets.shelf import stock

Apply = Callable[..., list[str]]
SAME = ["Nothing to change."]


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    forget_caches()
    yield
    forget_caches()


@pytest.fixture
def apply(tmp_path: Path) -> Apply:
    """The lines that `manage.py apply` prints for a file with this text."""

    def run(text: str, *arguments: str) -> list[str]:
        path = tmp_path / "desk.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        printed = StringIO()
        call_command("apply", str(path), *arguments, stdout=printed)
        return printed.getvalue().splitlines()

    return run


def refused(apply: Apply, text: str, *arguments: str) -> list[str]:
    """Why a file is not applied, a line each; the desk is as it was."""
    before = exported("--full")
    with pytest.raises(CommandError) as error:
        apply(text, *arguments)
    *lines, last = str(error.value).splitlines()
    assert last == "Nothing was changed."
    assert exported("--full") == before
    return lines


def exported(*arguments: str) -> str:
    printed = StringIO()
    call_command("export", *arguments, stdout=printed)
    return printed.getvalue()


@pytest.fixture
def front() -> Iterator[Front]:
    """A stock MCP server."""
    with running(Front(server=stock())) as front:
        yield front
