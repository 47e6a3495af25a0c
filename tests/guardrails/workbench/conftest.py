from __future__ import annotations

import pytest

from guardrails import backtest
from tests.guardrails.workbench.cases import Conversations


@pytest.fixture
def conversations(monkeypatch: pytest.MonkeyPatch) -> Conversations:
    """Instead of those of the app above, so that a test says what was said."""
    known = Conversations()
    monkeypatch.setattr(backtest, "sources", [known.since])
    monkeypatch.setattr(backtest, "readers", [known.of])
    return known
