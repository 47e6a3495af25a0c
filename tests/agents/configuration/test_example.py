"""The example of the documentation: applied to an empty desk, and a customer's question answered by it."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx2
import pytest
from django.core.management import call_command
from django.db import connection

from agents.models import Agent, Turn
from agents.scripted.testing import running_model
from agents.tasks import run_turn
from tests.agents.configuration.conftest import Apply, exported
from tests.flows.conftest import forget_caches
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import text, tool_use
from tests.tools.targets.front import Front
from tools.demo_shop.testing import running_shop
from tools.models import PolicyVersion, Tool, ToolCall

EXAMPLE = Path(__file__).parents[3] / "docs" / "examples" / "shop.yaml"
ADDRESS = "http://127.0.0.1:8010"
DONE = text("Your 42.00 are on their way back.")


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[str]:
    with running_shop(tmp_path / "shop.sqlite3") as url:
        yield url


@pytest.fixture
def example(shop: str) -> str:
    return EXAMPLE.read_text(encoding="utf-8").replace(ADDRESS, shop)


@pytest.fixture
def model(transactional_db: None, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def ask(message: str, *, customer: str = "ada@example.com") -> str:
    """What `manage.py ask` prints, with a worker in another thread."""

    def work() -> None:
        try:
            while (turn := Turn.objects.filter(status=Turn.Status.QUEUED).first()) is None:
                time.sleep(0.02)
            run_turn(str(turn.pk))
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    printed = StringIO()
    try:
        call_command("ask", "clerk", message, customer=customer, timeout=300, stdout=printed)
    finally:
        worker.join()
    return printed.getvalue()


def refunded(shop: str) -> list[str]:
    """The amounts that the shop has given back for order 1042."""
    found = httpx2.get(f"{shop}/_refunds", timeout=60).json()["refunds"]
    return [refund["amount"] for refund in found if refund["order_id"] == "1042"]


def test_it_goes_from_nothing_to_a_refund(apply: Apply, example: str, shop: str, model: PlannedModel) -> None:
    printed = apply(example)
    assert f"+ target store: openapi {shop}/openapi.json, internal yes, on" in printed
    assert "+ tool store___create_refund: effect money, on" in printed
    assert {tool.name for tool in Tool.objects.all()} == {
        "get_order",
        "list_orders",
        "get_refund_by_key",
        "create_refund",
    }
    model.answers = [tool_use("create_refund", {"order_id": "1042", "reason": "broken"}), DONE]
    assert "on their way back" in ask("Please refund order 1042")
    assert refunded(shop) == ["42.00"]
    offered = {tool["name"]: tool for tool in model.asked[0]["tools"]}
    assert offered.keys() == {"get_order", "list_orders", "create_refund"}
    assert "customer" not in offered["create_refund"]["input_schema"]["properties"]


def test_the_scripted_model_answers_with_it(apply: Apply, example: str, transactional_db: None, settings: Any) -> None:
    with running_model() as settings.ANTHROPIC_BASE_URL:
        forget_caches()
        apply(example)
        printed = ask("Where is my order 1042?")
        forget_caches()
    assert "get_order: confirmed" in printed
    assert "1042" in printed.split("confirmed", 1)[1]


def test_its_boundaries_hold(apply: Apply, example: str, shop: str, model: PlannedModel) -> None:
    apply(example.replace('decimal("50.00")', 'decimal("41.99")'))
    model.answers = [tool_use("create_refund", {"order_id": "1042", "reason": "broken"}), DONE]
    ask("Please refund order 1042")
    model.answers = [tool_use("get_order", {"order_id": "1042"}, use_id="toolu_2"), DONE]
    ask("Where is order 1042?", customer="ben@example.com")
    codes = [call.result["error"]["code"] for call in ToolCall.objects.order_by("id")]
    assert codes == ["not_permitted", "not_found"]
    assert refunded(shop) == []


@pytest.mark.django_db
def test_it_is_applied_once(apply: Apply, example: str) -> None:
    apply(example)
    before = exported("--full")
    assert apply(example) == ["Nothing to change."]
    assert exported("--full") == before
    assert PolicyVersion.objects.filter(number__isnull=False).count() == 1
    assert Agent.objects.get().versions.count() == 1


@pytest.mark.django_db
def test_a_dry_run_says_the_same_and_does_nothing(apply: Apply, example: str) -> None:
    said = apply(example, "--dry-run")
    assert not Tool.objects.exists()
    assert not PolicyVersion.objects.exists()
    done = apply(example)
    assert said == [*done, "A dry run: nothing was changed."]


@pytest.mark.django_db
def test_what_it_makes_is_exported_as_it_is_written(apply: Apply, example: str) -> None:
    apply(example)
    text_of_desk = exported()
    assert "verified_customer: true" in text_of_desk  # the form, not the text that it wrote
    assert "input_schema" not in text_of_desk  # that is the backend's
    assert apply(text_of_desk) == ["Nothing to change."]


def test_an_mcp_server_is_connected_and_asked(apply: Apply, front: Front, model: PlannedModel) -> None:
    apply(
        f"""\
        targets:
          shelf:
            mcp: {front.url}
            internal: true
        policies:
          rules:
            shelf: {{form: {{effect: permit, scope: shelf___get_order}}}}
        agents:
          clerk:
            instructions: Answer.
            tools: [get_order, refund]
        """
    )
    model.answers = [
        tool_use("get_order", {"order_id": "4471"}),
        tool_use("refund", {"order_id": "4471", "amount": 1}, use_id="toolu_2"),
        DONE,
    ]
    assert "get_order: confirmed" in ask("What was order 4471?")
    first, second = ToolCall.objects.order_by("id")
    assert (first.state, first.result["total"]) == ("confirmed", "61.00")
    assert (second.state, second.result["error"]["code"]) == ("refused", "tool_disabled")
    assert [tool["name"] for tool in model.asked[0]["tools"]] == ["get_order"]
