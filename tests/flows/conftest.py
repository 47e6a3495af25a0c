"""A desk for stories: the demo shop and the scripted model over HTTP, the demo's agent and tools, a worker in turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from agents.demo import load_demo
from agents.intake import Inbound, Received, receive
from agents.llm.registry import close_adapters
from agents.models import Message, Session, Turn
from agents.models.sessions import Channel
from agents.scripted.testing import running_model
from agents.tasks import run_turn
from observability.models import Trace
from tests.kept_caches import forget_rows
from tools.demo_shop.testing import running_shop
from tools.models import ToolCall
from tools.targets import registry


@dataclass(frozen=True, kw_only=True)
class Desk:
    shop_url: str
    model_url: str

    def send(
        self, text: str, *, customer: str = "ada@example.com", session_id: UUID | None = None, verified: bool = True
    ) -> Received:
        """A customer's message through the door; no turn has run yet."""
        identity = Session.Identity.VERIFIED if verified else Session.Identity.CLAIMED
        return receive(
            Inbound(
                agent_slug="support",
                channel=Channel.CHAT,
                customer_email=customer,
                text=text,
                identity=identity,
                session_id=session_id,
            )
        )

    def work(self, received: Received) -> Turn:
        """Run the turn as a worker does; the nudges of the broker are the worker tests' matter."""
        run_turn(str(received.turn_id))
        return Turn.objects.get(pk=received.turn_id)

    def ask(self, text: str, *, customer: str = "ada@example.com", session_id: UUID | None = None) -> Turn:
        return self.work(self.send(text, customer=customer, session_id=session_id))

    def reply(self, turn: Turn) -> str:
        return Message.objects.get(turn=turn, author="agent", visibility="public").text

    def calls(self, turn: Turn) -> list[tuple[str, str]]:
        rows = ToolCall.objects.filter(turn_id=turn.pk).order_by("id")
        return [(row.tool_name, row.state) for row in rows]

    def trace(self, turn: Turn) -> Trace:
        return Trace.objects.get(pk=turn.pk)

    def refunds(self, order_id: str) -> list[dict[str, object]]:
        """What the shop holds, asked of the shop itself."""
        rows = httpx2.get(f"{self.shop_url}/_refunds", timeout=60).json()["refunds"]
        return [row for row in rows if row["order_id"] == order_id]

    def fault(self, **fault: object) -> None:
        httpx2.put(f"{self.shop_url}/_faults", json=fault, timeout=60).raise_for_status()


@pytest.fixture(scope="session")
def model_url() -> Iterator[str]:
    with running_model() as url:
        yield url


@pytest.fixture
def desk(
    *,
    within_a_day: None,
    django_db_serialized_rollback: None,
    transactional_db: None,
    settings: Any,
    tmp_path: Path,
    model_url: str,
) -> Iterator[Desk]:
    with running_shop(tmp_path / "shop.sqlite3") as shop_url:
        settings.DEMO_SHOP_URL = shop_url
        settings.ANTHROPIC_BASE_URL = model_url
        forget_caches()
        load_demo()
        yield Desk(shop_url=shop_url, model_url=model_url)
    forget_caches()


def forget_caches() -> None:
    """What a process keeps of rows and addresses must not outlive a test's database."""
    close_adapters()
    registry.forget()
    forget_rows()
