from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability import cost
from observability.cost_measured import measure
from observability.models import Price, Span, Trace, UnitPrice
from tests.factories import client_of
from tests.observability.cost.cases import NOW, make_charged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]


@pytest.fixture(autouse=True)
def nobody_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "resolved_counters", [])


def test_the_documents_numbers_with_the_right_sum_beside_its_own(analyst: User) -> None:
    text = client_of(analyst).get("/cost/calculator/").content.decode()
    for amount in ("$0.00450", "$0.00483", "$48.30", "$1,449.00", "$24.00", "$720.00", "$0.00200", "$77.24"):
        assert amount in text
    assert "0.29 to 0.48 people" in text
    assert "75,000, 25 % of all" in text


def test_what_is_changed_is_reckoned_with_and_the_document_says_nothing_of_it(analyst: User) -> None:
    response = client_of(analyst).get("/cost/calculator/?interactions=1000&tool_calls=10&tool_price=")
    assert response.context["ours"].day == Decimal("5.53")
    assert response.context["said"] is None
    assert "The document says" not in response.content.decode()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("input_tokens=-1", "input_tokens"),
        ("output_tokens=many", "output_tokens"),
        ("resolved_percent=101", "resolved_percent"),
        ("interactions=1e400", "interactions"),
        ("tool_price=NaN", "tool_price"),
        ("input_price=0.123456789", "input_price"),
    ],
)
def test_what_cannot_be_reckoned_with_is_told_beside_its_field(query: str, field: str, analyst: User) -> None:
    response = client_of(analyst).get(f"/cost/calculator/?{query}")
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert "An interaction" not in response.content.decode()


def test_without_turns_of_ones_own_it_says_so(analyst: User) -> None:
    text = client_of(analyst).get("/cost/calculator/?from=own").content.decode()
    assert "No turn has ended in the last 30 days." in text
    assert "$48.30" in text


def test_ones_own_averages(monkeypatch: pytest.MonkeyPatch) -> None:
    for model, given in (("model-a", "2"), ("model-b", "6")):
        Price.objects.create(
            model=model,
            valid_from="2026-01-01",
            input_usd=Decimal(given),
            output_usd=Decimal(10),
            cache_read_usd=Decimal("0.2"),
            cache_write_usd=Decimal("2.5"),
        )
    UnitPrice.objects.create(kind="tool_call", valid_from="2026-01-01", usd=Decimal("0.005"), per=1000)
    make_charged("1", at=NOW - timedelta(days=3), model="model-a", input_tokens=300, tool_calls=3)
    make_charged("1", at=NOW - timedelta(days=1), model="model-b", input_tokens=100, tool_calls=0)
    make_charged("0", at=NOW - timedelta(hours=1), model="unheard-of", input_tokens=200, tool_calls=0)
    for name in ("recall", "recall", "summarize"):
        Span.objects.create(
            trace=Trace.objects.earliest("started_at"), kind=Span.Kind.MEMORY, name=name, started_at=NOW
        )
    Span.objects.filter(kind=Span.Kind.MEMORY).update(started_at=NOW - timedelta(hours=2))
    monkeypatch.setattr(cost, "resolved_counters", [lambda *_: 1])
    found = measure(NOW)
    assert found is not None
    inputs = found.inputs
    assert (found.turns, found.days, found.unpriced) == (3, 4, ["unheard-of"])
    assert inputs.interactions == Decimal("0.75")
    assert [inputs.input_tokens, inputs.cached_tokens, inputs.output_tokens] == [200, 300, 50]
    # (300 x 2 + 100 x 6) / 400
    assert inputs.input_price == 3
    # No token was written to the cache: the usual price stands.
    assert inputs.written_price == Decimal("3.75")
    assert [inputs.tool_calls, inputs.tool_price] == [1, Decimal("0.000005")]
    assert inputs.memory_searches == Decimal("0.6667")
    assert inputs.memory_writes == Decimal("0.3333")
    assert inputs.resolved_percent == Decimal("33.3")


def test_the_page_of_ones_own_averages_can_be_changed_further(analyst: User) -> None:
    make_charged("1", at=timezone.now() - timedelta(hours=2), input_tokens=1_234)
    client = client_of(analyst)
    response = client.get("/cost/calculator/?from=own")
    assert response.status_code == 200
    assert 'value="1234"' in response.content.decode()
    again = client.get("/cost/calculator/?from=own&input_tokens=99")
    assert again.context["inputs"].input_tokens == 99
    assert again.context["inputs"].output_tokens == 50
