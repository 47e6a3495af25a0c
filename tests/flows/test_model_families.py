"""A customer gets an order refunded whichever model answers: the whole desk before a server of each wire form."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import pytest

from agents.llm.registry import close_adapters
from agents.model_directory import directory
from agents.models import LanguageModel, Turn
from observability.models import Charge, Span
from tests.agents.llm.conftest import _aws  # noqa: F401  a fixture
from tests.agents.llm.rigs import FAMILIES, running_family
from tests.flows.conftest import Desk
from tests.flows.test_turn_limits import limit
from tests.wire.scripted import scripted_answer

pytestmark = pytest.mark.usefixtures("_aws")


@pytest.fixture(params=list(FAMILIES))
def family(request: pytest.FixtureRequest, desk: Desk) -> Iterator[LanguageModel]:
    model = copy(FAMILIES[request.param])
    with running_family(model, scripted_answer) as url:
        model.key, model.label, model.base_url, model.context_tokens = "the-model", request.param, url, 128_000
        model.save(force_insert=True)
        directory.forget()
        limit(model="the-model")
        yield model
        close_adapters()


def test_a_return_is_refunded_once(desk: Desk, family: LanguageModel) -> None:
    first = desk.ask("I want to return my order 1042, please refund it. It does not fit.")
    if not desk.refunds("1042"):
        first = desk.ask("Yes, please refund it.", session_id=first.session_id)
    assert first.status == Turn.Status.REPLIED
    assert len(desk.refunds("1042")) == 1
    assert ("process_refund", "confirmed") in desk.calls(first)
    assert "1042" in desk.reply(first)
    assert Charge.objects.filter(trace_id=first.pk, kind="model").count() == len(model_spans(first))


def model_spans(turn: Turn) -> list[Span]:
    return list(Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MODEL))
