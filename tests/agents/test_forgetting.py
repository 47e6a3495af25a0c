from __future__ import annotations

from typing import Any

import pytest

from agents.forgetting import forget_with_history
from agents.models import Customer
from memory import writing
from memory.models import Memory
from observability.models import Span, Trace
from tests.agents.erasure_cases import found_in_tables
from tests.factories import make_customer, make_session, make_trace, make_user
from tests.memory.cases import add_memory

LYON, NICE, TEA = "Lives in Lyon.", "Lives in Nice.", "Likes tea."


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


def trace_of(customer: Customer, **fields: Any) -> Trace:
    return make_trace(spans=0, customer=customer.email, session_id=make_session(customer=customer).pk, **fields)


def add_span(trace: Trace, attributes: dict[str, Any], *, kind: str = Span.Kind.MEMORY) -> Span:
    return Span.objects.create(trace=trace, kind=kind, name="recall", attributes=attributes)


def recalled(*memories: Memory) -> dict[str, Any]:
    told = [{"id": str(one.pk), "strategy": "facts", "text": one.text, "score": 0.5} for one in memories]
    return {"question": "Where do I live?", "summary": "She asked.", "memories": told}


def noted(*items: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "output": [{"type": "tool_use", "name": "note", "input": {"memories": list(items)}}]}


def attributes_of(span: Span) -> dict[str, Any]:
    span.refresh_from_db()
    return dict(span.attributes)


@pytest.mark.django_db
def test_a_forgotten_memory_and_its_history_are_in_no_trace() -> None:
    ada = make_customer("ada@example.com")
    trace = trace_of(ada)
    first, tea = add_memory(ada.pk, LYON, topic="home_town"), add_memory(ada.pk, TEA)
    before = add_span(trace, recalled(first, tea))
    second = writing.correct(first, NICE, make_user(None).pk)
    after = add_span(trace, recalled(second, tea))
    item = {"action": "add", "strategy": "facts", "topic": "home_town", "text": f"{LYON} ", "message": 1}
    other = {"action": "add", "strategy": "facts", "topic": "drinks", "text": TEA, "message": 1}
    remembered = add_span(trace, noted(item, other))

    forget_with_history(second)

    assert found_in_tables([LYON, NICE]) == {}
    emptied = {"id": str(first.pk), "strategy": "facts", "text": "(forgotten)", "score": 0.5}
    assert attributes_of(before) == {**recalled(tea), "memories": [emptied, *recalled(tea)["memories"]]}
    assert attributes_of(after)["memories"][1]["text"] == TEA
    assert attributes_of(remembered) == noted({**item, "topic": "", "text": "(forgotten)"}, other)


@pytest.mark.django_db
def test_what_replaced_it_stays_in_the_trace() -> None:
    ada = make_customer("ada@example.com")
    first = add_memory(ada.pk, LYON)
    second = writing.correct(first, NICE, make_user(None).pk)
    told = noted({"action": "supersede", "id": str(first.pk), "text": NICE, "message": 1})
    span = add_span(trace_of(ada), told)
    forget_with_history(first)
    assert attributes_of(span) == told
    forget_with_history(second)
    assert attributes_of(span) != told


@pytest.mark.django_db
def test_a_trace_whose_conversation_is_deleted_is_hers_by_her_address() -> None:
    ada = make_customer("Ada@example.com")
    lyon = add_memory(ada.pk, LYON)
    span = add_span(make_trace(spans=0, customer="ada@example.com"), recalled(lyon))
    forget_with_history(lyon)
    assert attributes_of(span)["memories"][0]["text"] == "(forgotten)"


@pytest.mark.django_db
def test_neither_words_of_others_nor_what_was_said_is_touched() -> None:
    ada, ben = make_customer("ada@example.com"), make_customer("ben@example.com")
    hers, his = add_memory(ada.pk, LYON), add_memory(ben.pk, LYON)
    of_ben = add_span(trace_of(ben), recalled(his))
    said = {"output": [{"type": "text", "text": LYON}]}
    model = add_span(trace_of(ada), said, kind=Span.Kind.MODEL)
    forget_with_history(hers)
    assert attributes_of(of_ben) == recalled(his)
    assert attributes_of(model) == said


@pytest.mark.django_db
def test_forgotten_twice_blanks_nothing_more() -> None:
    ada = make_customer("ada@example.com")
    lyon = add_memory(ada.pk, LYON)
    forget_with_history(lyon)
    span = add_span(trace_of(ada), {"memories": [{"id": "x", "text": ""}], "output": [{"type": "text", "topic": "t"}]})
    before = attributes_of(span)
    forget_with_history(lyon)
    assert attributes_of(span) == before
