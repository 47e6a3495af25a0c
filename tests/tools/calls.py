"""Tool calls, made as a turn makes them."""

from __future__ import annotations

import time

from observability.ids import uuid7
from tests.tools.net.site import silent_port
from tools.authorize import book
from tools.binding import Customer
from tools.catalog import catalog
from tools.gateway import Caller, call_tool
from tools.ledger import Outcome, new_call
from tools.models import Target, ToolCall
from tools.policy.authorize import Principal
from tools.targets.registry import adapter_of

SENT: list[ToolCall] = []  # what the latest call marked as sent


def reread() -> None:
    """As every process does after two seconds."""
    catalog.forget()
    book.forget()
    assert catalog.tools()
    assert book.live().mode
    for target in Target.objects.all():
        adapter_of(target)  # what a first call takes is no part of what is measured


def ask(name: str, *, state: str = "reserved", seconds: float = 60.0, permitted: bool = True) -> Outcome:
    call = new_call(session_id=uuid7(), turn_id=uuid7(), tool_use_id="use_1", tool_name=name, effect="", arguments={})
    call.state = ToolCall.State(state)
    caller = Caller(
        principal=Principal(id="support"),
        permitted=frozenset({"read", "write", "plain"} if permitted else ()),
        customer=Customer(id="c1", email="ada@example.com", is_verified=True),
        deadline=time.monotonic() + seconds,
        mark_sent=SENT.append,
    )
    SENT.clear()
    return call_tool(call, caller)


def code_of(outcome: Outcome) -> str:
    return str(outcome.result["error"]["code"])


def move_away() -> None:
    """The target's address is one where nobody listens."""
    Target.objects.update(base_url=f"http://127.0.0.1:{silent_port()}")
