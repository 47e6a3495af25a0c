"""A case as a person finds it in the queue, made for more than one test file."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import uuid4

from agents.models import Escalation, Message, Session, Turn
from tests.factories import make_customer, make_escalation, make_message, make_session, make_trace, make_turn
from tools.models import ToolCall

ORDER = {
    "order_id": "1043",
    "status": "delivered",
    "total": "59.00",
    "currency": "EUR",
    "items": [{"sku": "L-1", "name": "Linen shirt", "quantity": 2, "price": "29.50"}],
    "carrier": None,
    "within_return_window": False,
}


def make_call(turn: Turn, name: str, result: Any, state: str = "confirmed", **fields: Any) -> ToolCall:
    call = ToolCall.objects.create(
        session_id=turn.session_id,
        turn_id=turn.pk,
        tool_use_id=f"toolu_{uuid4().hex[:8]}",
        tool_name=name,
        digest="",
        **{"arguments": {"order_id": "1043"}, "state": state, "result": result, "duration_ms": 84, **fields},
    )
    make_message(
        turn.session,
        "I look it up.",
        author=Message.Author.AGENT,
        visibility=Message.Visibility.STEP,
        turn=turn,
        content=[{"type": "tool_use", "id": call.tool_use_id, "name": name, "input": call.arguments}],
    )
    return call


def make_case(**fields: Any) -> Escalation:
    """Ben's order is outside its window: one message, two tool calls, one escalation."""
    session = make_session(customer=make_customer(name="Ben"), controller=Session.Controller.HUMAN)
    make_message(session, "I want my money back for order 1043")
    turn = make_turn(session, status=Turn.Status.ESCALATED)
    make_call(turn, "get_order", ORDER)
    make_call(
        turn,
        "process_refund",
        {"error": {"code": "outside_return_window", "message": "The window closed 45 days ago."}},
        state="failed",
    )
    make_trace(turn_id=turn.pk, session_id=session.pk, cost_usd=Decimal("0.0123"))
    return make_escalation(session, turn=turn, summary="Ben wants a refund outside the window.", **fields)
