"""What an agent may not say is not said: neither in the message, nor in a sentence that is read while it is written."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from agents.models import Agent, Escalation, Message, Session, Turn, TurnEvent
from agents.runtime import stream
from agents.scripted.lying import LIES
from agents.versions import draft_version, publish_version
from guardrails.config import BLOCKED_OUTPUT
from guardrails.models import Violation
from observability.models import Span
from tests.flows.conftest import Desk, forget_caches
from tests.flows.planned import PlannedModel, planned_model
from tests.messages_api import Answer, text, tool_use

QUESTION = "Where is my order 1042?"
# What of each lie a customer could take harm from.
TELLING = {
    "refunds": "49.00",
    "promises": "refund the full amount",
    "cancellations": "cancelled your order",
    "amounts": "987.65",
    "orders": "99887766",
    "dates": "2019",
    "cards": "4111",
    "addresses": "mallory",
    "links": "evil.example",
    "insults": "idiot",
}
# Where masking is enough, the rest of the reply goes.
MASKED = {"cards", "addresses"}


def told_to_lie(line: str) -> None:
    agent = Agent.objects.get(slug="support")
    draft = draft_version(agent)
    draft.instructions += f"\nScripted model: {line}.\n"
    draft.save()
    publish_version(agent, user=None, note="lies")
    forget_caches()


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def everything_shown(turn: Turn) -> str:
    """What a customer could read, at any moment: each released sentence, and the messages."""
    events = TurnEvent.objects.filter(session=turn.session_id, kind=TurnEvent.Kind.TEXT)
    released = "".join(event.data["text"] for event in events.order_by("seq"))
    messages = Message.objects.filter(session=turn.session_id, visibility="public").order_by("seq")
    return released + "\n".join(message.text for message in messages)


@pytest.mark.parametrize("lie", sorted(LIES))
def test_a_lie_is_said_again_as_the_truth(desk: Desk, lie: str) -> None:
    told_to_lie(f"lie about {lie}")
    turn = desk.ask(QUESTION)

    assert TELLING[lie] not in everything_shown(turn)
    assert "1042" in desk.reply(turn)
    assert turn.status == Turn.Status.REPLIED
    actions = set(Violation.objects.filter(turn_id=turn.pk).values_list("action", flat=True))
    assert actions == {"masked" if lie in MASKED else "repaired"}


@pytest.mark.parametrize("lie", sorted(set(LIES) - MASKED))
def test_a_lie_that_is_repeated_goes_to_a_person(desk: Desk, lie: str) -> None:
    told_to_lie(f"always lie about {lie}")
    turn = desk.ask(QUESTION)

    assert TELLING[lie] not in everything_shown(turn)
    assert desk.reply(turn) == BLOCKED_OUTPUT
    assert turn.status == Turn.Status.ESCALATED
    assert Session.objects.get(pk=turn.session_id).controller == "human"
    escalation = Escalation.objects.get(session=turn.session_id)
    assert escalation.reason == Escalation.Reason.POLICY_RESTRICTION
    actions = set(Violation.objects.filter(turn_id=turn.pk).values_list("action", flat=True))
    assert actions == {"handed_over"}
    assert Span.objects.filter(trace=turn.pk, kind="model").count() == 3, "one look-up, the lie, and one chance"


def test_the_claim_its_evidence_and_the_verdict_are_in_the_trace(desk: Desk) -> None:
    told_to_lie("lie about refunds")
    turn = desk.ask(QUESTION)

    failed, passed = Span.objects.filter(trace=turn.pk, kind="guardrail", name="output").order_by("pk")
    assert failed.attributes["guardrailAction"] == "repaired"
    assert "claim:refund" in failed.attributes["violationCategory"]
    assert any(
        statement["kind"] == "claim:refund" and statement["verdict"] in {"unsupported", "contradicted"}
        for statement in failed.attributes["statements"]
    )
    assert passed.attributes["guardrailAction"] == "none"
    assert any(statement["evidence"] for statement in passed.attributes["statements"])


def test_the_model_is_told_what_is_wrong_and_may_do_it_after_all(desk: Desk, model: PlannedModel) -> None:
    model.answers = [
        tool_use("get_order", {"order_id": "1042"}),
        text("Your refund of 42.00 EUR for order 1042 has been made."),
        tool_use("process_refund", {"order_id": "1042", "reason": "did not fit"}, use_id="toolu_2"),
        text("Your refund of 42.00 EUR for order 1042 has been made."),
    ]
    turn = desk.ask("Please refund my order 1042, it did not fit")

    feedback = model.asked[2]["messages"][-1]["content"][0]["text"]
    assert "has been made" in feedback
    assert [refund["amount"] for refund in desk.refunds("1042")] == ["42.00"]
    assert "42.00" in desk.reply(turn)
    roles = [message["role"] for message in model.asked[3]["messages"]]
    assert roles == ["user", "assistant", "user", "assistant", "user"], "the reply that failed is no part of it"


def test_words_beside_a_tool_call_that_do_not_pass_are_left_out(desk: Desk, model: PlannedModel) -> None:
    blocks = [
        {"type": "text", "text": "I have refunded 42.00 EUR for order 1042."},
        {"type": "tool_use", "id": "toolu_1", "name": "get_order", "input": {"order_id": "1042"}},
    ]
    model.answers = [Answer(blocks=blocks, stop_reason="tool_use"), text("I have looked at your order 1042.")]
    turn = desk.ask(QUESTION)

    assert "refunded" not in everything_shown(turn)
    assert desk.reply(turn) == "I have looked at your order 1042."
    step = Message.objects.get(session=turn.session_id, visibility="step")
    assert [block["type"] for block in step.content] == ["tool_use"]
    assert model.asked[1]["messages"][1]["content"] == [blocks[1]], "and the exchange stays valid"


@pytest.fixture
def released_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each delta may be a release of its own, whatever the clock says."""
    monkeypatch.setattr(stream, "RELEASE_SECONDS", 0.0)


@pytest.mark.usefixtures("released_at_once")
def test_half_a_card_number_never_leaves(desk: Desk, model: PlannedModel) -> None:
    """Deltas of a few characters."""
    said = "The card on file is 4111 1111 1111 1111. " + "It is in our books, and that is all there is to say. " * 3
    model.answers = [text(said, chunks=60, chunk_seconds=0.002)]
    turn = desk.ask("hello")

    shown = everything_shown(turn)
    assert "4111" not in shown
    assert "{CREDIT_DEBIT_CARD_NUMBER}" in desk.reply(turn)
    stored = Message.objects.get(turn=turn, author="agent", visibility="public")
    assert "4111" not in str(stored.content)
    assert "4111" not in str(list(Span.objects.filter(trace=turn.pk).values_list("attributes", flat=True)))


@pytest.mark.usefixtures("released_at_once")
def test_a_sentence_is_read_before_the_reply_is_whole(desk: Desk, model: PlannedModel) -> None:
    said = "Thank you for writing to us about it. " * 6
    model.answers = [text(said, chunks=40, chunk_seconds=0.002)]
    turn = desk.ask("hello")

    released = TurnEvent.objects.filter(session=turn.session_id, kind=TurnEvent.Kind.TEXT).order_by("seq")
    texts = [event.data["text"] for event in released]
    assert len(texts) > 1
    assert said.startswith("".join(texts))
    assert all(part.rstrip().endswith(".") for part in texts), "whole sentences"
