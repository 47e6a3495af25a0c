"""What a process keeps of rows for a while: a test's own must not outlive its database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from agents import incoming, model_directory, usage
from agents.incoming import assigned
from agents.model_directory import directory
from agents.runtime import evidence
from agents.runtime.evidence import library
from agents.runtime.loop import get_version
from agents.usage import limit_list
from guardrails import compiled
from guardrails.compiled import shelf
from guardrails.judge import verdicts
from observability import prices
from observability.prices import price_list, unit_price_list
from tools import authorize
from tools import catalog as tool_catalog
from tools.authorize import book
from tools.catalog import catalog

LONGER_THAN_ANY_TEST = 3_600.0


def forget_rows() -> None:
    for cache in (catalog, book, price_list, unit_price_list, limit_list, directory, library, assigned, verdicts):
        cache.forget()
    shelf.forget(versions=True)
    get_version.cache_clear()


@contextmanager
def read_once() -> Iterator[None]:
    """Every cache is empty at first, and then good for as long as this lasts: what is counted in here depends neither
    on the tests before nor on how busy the machine is."""
    forget_rows()
    with pytest.MonkeyPatch.context() as patch:
        for module in (authorize, compiled, model_directory, prices, tool_catalog, usage):
            patch.setattr(module, "CACHE_SECONDS", LONGER_THAN_ANY_TEST)
        for module in (evidence, incoming):
            patch.setattr(module, "BELIEVED_SECONDS", LONGER_THAN_ANY_TEST)
        yield
