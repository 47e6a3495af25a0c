from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.targets.echo import Echo, running_echo
from tools.catalog import catalog
from tools.targets import registry


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    """Connections, children and rows of one test are not the next one's."""
    catalog.forget()
    yield
    registry.forget()
    catalog.forget()


@pytest.fixture
def echo() -> Iterator[Echo]:
    with running_echo() as echo:
        yield echo
