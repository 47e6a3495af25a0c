"""What the steps of a budget do to a customer's message: a cheaper model, a draft, a person, nothing more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from agents.budget_drafts import State, state_of
from agents.models import (
    BudgetCrossing,
    BudgetStep,
    Escalation,
    Limit,
    Message,
    Reservation,
    Session,
    Turn,
    TurnEvent,
    Usage,
)
from agents.runtime import model_calls
from agents.usage import limit_list
from observability.models import Span
from tests.flows.conftest import Desk
from tests.flows.planned import PlannedModel, planned_model
from tests.flows.test_turn_limits import limit
from tests.messages_api import Answer, text, tool_use

HANDED_OVER = "I have passed this to a colleague, who will answer you here."
DEARER, CHEAPER = "claude-sonnet-5-5", "claude-haiku-5-5"
LONG = "Thank you for writing to us. Which order do you mean? Its number stands in the message that we sent you."


@pytest.fixture
def model(desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[PlannedModel]:
    monkeypatch.setattr(model_calls, "LONGEST_RETRY_WAIT_SECONDS", 0.01)
    with planned_model(settings) as model:
        model.answers = [text("Hello.")]
        yield model


def budget_spent(percent: int, *steps: tuple[int, str] | tuple[int, str, str], **fields: Any) -> Limit:
    """A budget of a hundred dollars a day, of which so much is spent."""
    made = Limit.objects.create(**{"scope": "all", "measure": "usd", "period": "day", "amount": 100, **fields})
    for at, action, *name in steps:
        BudgetStep.objects.create(limit=made, percent=at, action=action, model="".join(name))
    limit_list.forget()
    use_of(made, percent)
    return made


def looks_up_aloud() -> Answer:
    said = {"type": "text", "text": "Let me look that up for you. One moment please, it will not take long."}
    asked = {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"order_id": "1042"}}
    return Answer(blocks=[said, asked], stop_reason="tool_use")


def use_of(made: Limit, spent: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO agents_usage (limit_id, subject, begins_at, spent, reserved) "
            "VALUES (%s, '', agents_period_begins('day', now()), %s, 0)",
            [made.pk, spent],
        )


def model_spans(turn: Turn) -> list[Span]:
    return list(Span.objects.filter(trace_id=turn.pk, kind=Span.Kind.MODEL).order_by("started_at", "id"))


class TestCheaper:
    def test_the_first_call_of_a_turn_is_made_with_it_and_the_span_says_why(
        self, desk: Desk, model: PlannedModel
    ) -> None:
        budget_spent(85, (80, "cheaper", CHEAPER))
        turn = desk.ask("hello")
        assert desk.reply(turn) == "Hello."
        assert [body["model"] for body in model.asked] == [CHEAPER]
        (span,) = model_spans(turn)
        assert span.attributes["because"] == "budget"
        assert span.attributes["insteadOf"] == DEARER
        assert span.attributes["budget"] == "80 % of $100.00 a day for everything together"
        assert not Reservation.objects.exists()
        assert Usage.objects.get().spent == 85 + span.cost_usd

    def test_without_a_model_of_its_own_the_step_takes_the_fall_back(self, desk: Desk, model: PlannedModel) -> None:
        limit(fallback_model=CHEAPER)
        budget_spent(85, (80, "cheaper"))
        desk.ask("hello")
        assert [body["model"] for body in model.asked] == [CHEAPER]

    @pytest.mark.parametrize("name", ["", DEARER, "no-such-model"])
    def test_where_there_is_none_the_same_model_answers(self, desk: Desk, model: PlannedModel, name: str) -> None:
        budget_spent(85, (80, "cheaper", name))
        turn = desk.ask("hello")
        assert desk.reply(turn) == "Hello."
        assert [body["model"] for body in model.asked] == [DEARER]
        assert "because" not in model_spans(turn)[0].attributes

    def test_it_answers_from_the_next_call_on_where_a_turn_reaches_the_step(
        self, desk: Desk, model: PlannedModel
    ) -> None:
        model.answers = [tool_use("get_order", {"order_id": "1042"}), text("It is on its way.")]
        budget_spent(80, (80, "cheaper", CHEAPER), refuses=False)
        Usage.objects.update(spent="79.9999")
        turn = desk.ask("Where is my order?")
        assert desk.reply(turn) == "It is on its way."
        assert [body["model"] for body in model.asked] == [DEARER, CHEAPER]
        assert BudgetCrossing.objects.get().percent == 80

    def test_it_fits_where_the_dearer_one_would_be_refused(self, desk: Desk, model: PlannedModel) -> None:
        budget_spent(99, (80, "cheaper", CHEAPER))
        most = most_of_a_call(desk, model)
        Limit.objects.update(amount=100)
        Usage.objects.update(spent=100 - most / 2)
        turn = desk.ask("hello", customer="two@example.com")
        assert desk.reply(turn) == "Hello."
        assert not BudgetCrossing.objects.filter(action="refused").exists()

    def test_where_it_fails_the_fall_back_answers(self, desk: Desk, model: PlannedModel) -> None:
        other = "claude-opus-5-5"
        limit(fallback_model=other)
        budget_spent(85, (80, "cheaper", CHEAPER))
        model.answers = [lambda body: text("Hello.") if body["model"] == other else Answer(status=529)]
        turn = desk.ask("hello")
        assert desk.reply(turn) == "Hello."
        assert {body["model"] for body in model.asked} == {CHEAPER, other}


def most_of_a_call(desk: Desk, model: PlannedModel) -> Any:
    """What the dearer model's call sets aside, seen while it is made."""
    seen: list[Any] = []
    Usage.objects.update(spent=0)

    def answered(_: Any) -> Answer:
        seen.append(Reservation.objects.get().amount)
        connection.close()
        return text("Hello.")

    model.answers = [answered]
    desk.ask("hello", customer="one@example.com")
    model.answers = [text("Hello.")]
    return seen[0]


class TestDrafts:
    def test_the_reply_is_kept_for_a_person_and_the_customer_reads_the_hand_over(
        self, desk: Desk, model: PlannedModel
    ) -> None:
        model.answers = [text(LONG)]
        budget_spent(96, (95, "drafts"))
        turn = desk.ask("Where is my order?")
        assert turn.status == Turn.Status.ESCALATED
        assert turn.failure == ""
        assert desk.reply(turn) == HANDED_OVER
        draft = Message.objects.get(turn=turn, visibility="note")
        assert (draft.author, draft.text) == ("agent", LONG)
        assert state_of(draft) is State.OPEN
        session = Session.objects.get()
        assert (session.controller, session.preview) == ("human", HANDED_OVER)
        escalation = Escalation.objects.get()
        assert escalation.reason == Escalation.Reason.USAGE_LIMIT
        assert "95 % of $100.00 a day for everything together" in escalation.summary

    def test_nothing_of_it_is_released_while_it_is_written(self, desk: Desk, model: PlannedModel) -> None:
        model.answers = [
            looks_up_aloud(),
            text(LONG),
        ]
        budget_spent(96, (95, "drafts"))
        turn = desk.ask("Where is my order?")
        assert not TurnEvent.objects.filter(turn=turn, kind="text").exists()
        assert desk.calls(turn) == [("get_order", "confirmed")]
        shown = Message.objects.filter(turn=turn).exclude(visibility="note").exclude(author="customer").exclude(text="")
        assert [message.text for message in shown] == [HANDED_OVER]

    def test_without_the_step_it_is(self, desk: Desk, model: PlannedModel) -> None:
        """The same without a draft releases text, so the test above would see it."""
        model.answers = [
            looks_up_aloud(),
            text(LONG),
        ]
        budget_spent(90, (95, "drafts"))
        turn = desk.ask("Where is my order?")
        assert TurnEvent.objects.filter(turn=turn, kind="text").exists()
        assert desk.reply(turn) == LONG

    def test_a_model_is_given_no_draft_later(self, desk: Desk, model: PlannedModel) -> None:
        model.answers = [text(LONG)]
        budget_spent(96, (95, "drafts"))
        turn = desk.ask("Where is my order?")
        BudgetStep.objects.all().delete()
        Escalation.objects.all().delete()
        Session.objects.update(controller="agent")
        model.answers = [text("Hello.")]
        desk.ask("Are you there?", session_id=turn.session_id)
        assert LONG not in str(model.asked[-1])
        assert HANDED_OVER in str(model.asked[-1])

    def test_a_reply_that_hands_over_anyway_is_a_draft_as_well(self, desk: Desk, model: PlannedModel) -> None:
        model.answers = [
            tool_use("escalate_to_human", {"reason": "customer_requested", "summary": "Wants a person."}),
            text("A colleague takes over."),
        ]
        budget_spent(96, (95, "drafts"))
        turn = desk.ask("A person, please")
        assert desk.reply(turn) == HANDED_OVER
        assert Escalation.objects.get().reason == Escalation.Reason.CUSTOMER_REQUESTED
        assert Message.objects.get(turn=turn, visibility="note").text == "A colleague takes over."


class TestPeople:
    def test_a_new_turn_goes_to_a_person_and_no_model_is_called(self, desk: Desk, model: PlannedModel) -> None:
        budget_spent(96, (95, "people"))
        turn = desk.ask("hello")
        assert (turn.status, turn.failure) == (Turn.Status.ESCALATED, "")
        assert desk.reply(turn) == HANDED_OVER
        assert Escalation.objects.get().reason == Escalation.Reason.USAGE_LIMIT
        assert "people answer new messages" in Escalation.objects.get().summary
        assert model.asked == []

    def test_a_turn_that_runs_goes_on(self, desk: Desk, model: PlannedModel) -> None:
        model.answers = [tool_use("get_order", {"order_id": "1042"}), text("It is on its way.")]
        budget_spent(95, (95, "people"), refuses=False)
        Usage.objects.update(spent="94.9999")
        assert desk.reply(desk.ask("Where is my order?")) == "It is on its way."
        assert BudgetCrossing.objects.get().action == "people"
        assert desk.reply(desk.ask("And now?", customer="two@example.com")) == HANDED_OVER


class TestStop:
    def test_a_turn_that_runs_stops_too(self, desk: Desk, model: PlannedModel) -> None:
        model.answers = [tool_use("get_order", {"order_id": "1042"}), text("never")]
        budget_spent(95, (95, "stop"), refuses=False)
        Usage.objects.update(spent="94.9999")
        turn = desk.ask("Where is my order?")
        assert desk.reply(turn) == HANDED_OVER
        assert turn.status == Turn.Status.FAILED
        assert "from there on no model is called" in turn.failure
        assert len(model.asked) == 1
