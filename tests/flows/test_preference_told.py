"""A preference told in one conversation changes what is done in the next, and no longer once it is forgotten."""

from __future__ import annotations

from uuid import UUID

from django.utils import timezone

from agents.models import Customer, Session, Turn
from agents.remembering import remember_session
from agents.scripted.remembered import FEW_MAILS
from memory import writing
from memory.models import Memory, Reading, Strategy
from memory.reach import bound_to
from observability.models import Span
from tests.flows.conftest import Desk

CHLOE = "chloe@example.com"


def begin_anew() -> None:
    """The conversation is over, and has been quiet for long enough."""
    Session.objects.update(controller="closed", closed_at=timezone.now())
    Reading.objects.update(due_at=timezone.now())
    for session_id in list(Reading.objects.values_list("session_id", flat=True)):
        remember_session(session_id)


def preferences(customer_id: UUID) -> list[Memory]:
    with bound_to(customer_id):
        return list(Memory.objects.filter(strategy=Strategy.PREFERENCES, state=Memory.State.ACTIVE))


def recalled(turn: Turn) -> list[str]:
    spans = Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MEMORY)
    return [memory["text"] for span in spans for memory in span.attributes["memories"]]


def test_told_in_one_minded_in_the_next_and_forgotten_again(desk: Desk) -> None:
    desk.ask("Please send me fewer e-mails, I get too many.", customer=CHLOE)
    begin_anew()
    customer = Customer.objects.get(email=CHLOE)
    (few,) = preferences(customer.pk)
    assert few.text == "Prefers few e-mails."

    minded = desk.ask("Please cancel order 1046", customer=CHLOE)
    assert ("cancel_order", "confirmed") in desk.calls(minded)
    assert FEW_MAILS in desk.reply(minded)
    assert few.text in recalled(minded)

    begin_anew()
    writing.forget(few)
    forgotten = desk.ask("I want to return order 1044", customer=CHLOE)
    assert ("process_refund", "confirmed") in desk.calls(forgotten), desk.reply(forgotten)
    assert few.text not in recalled(forgotten)
    assert FEW_MAILS not in desk.reply(forgotten)


def test_without_it_nothing_of_the_kind_is_said(desk: Desk) -> None:
    plain = desk.ask("Please cancel order 1046", customer=CHLOE)
    assert ("cancel_order", "confirmed") in desk.calls(plain)
    assert FEW_MAILS not in desk.reply(plain)
