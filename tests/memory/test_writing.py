"""What is written down of a customer: said again, contradicted, corrected, turned down, and by many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.utils import timezone

from memory import writing
from memory.embeddings import embedder
from memory.models import Memory, Retention, Strategy
from memory.reach import bound_to
from memory.recall import recall

FEW = "Prefers few e-mails."
MANY = "Prefers all our e-mails."


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture
def customer(db: None) -> UUID:
    return uuid4()


def remember(customer_id: UUID, text: str, **columns: Any) -> Memory:
    given: dict[str, Any] = {
        "agent_id": None,
        "strategy": Strategy.FACTS,
        "topic": "",
        "text": text,
        "metadata": {},
        "session_id": uuid4(),
        "message_id": uuid4(),
        "author": Memory.Author.AGENT,
        "confidence": 0.6,
        **columns,
    }
    return writing.remember(customer_id, **given)


def prefer(customer_id: UUID, value: str, text: str = "", **columns: Any) -> Memory:
    return remember(
        customer_id,
        text or {"few": FEW, "many": MANY}[value],
        strategy=Strategy.PREFERENCES,
        topic="email_frequency",
        metadata={"value": value},
        **columns,
    )


def memories(customer_id: UUID, **filters: Any) -> list[Memory]:
    with bound_to(customer_id):
        return list(Memory.objects.filter(customer_id=customer_id, **filters).order_by("created_at", "id"))


def active(customer_id: UUID) -> list[str]:
    return [memory.text for memory in memories(customer_id, state=Memory.State.ACTIVE)]


def by_person(customer_id: UUID, text: str, **columns: Any) -> Memory:
    return prefer(customer_id, "", text, author=Memory.Author.PERSON, author_user_id=1, confidence=1.0, **columns)


# -- the same again


def test_what_is_written_is_found_in_its_own_transaction(customer: UUID) -> None:
    with bound_to(customer):
        written = remember(customer, "Has a dog named Rex.")
        found = recall("a dog?", customer_id=customer, agent_id=None, memories=5, passages=0, tokens=500)
        assert [memory.id for memory in found.memories] == [written.pk]
        assert found.memories[0].rank.distance is not None


def test_the_same_value_of_a_topic_strengthens(customer: UUID) -> None:
    first = prefer(customer, "few", said_at=timezone.now() - timedelta(days=100), expires_at=timezone.now())
    again = prefer(customer, "few", "Wants to hear from us by e-mail rarely.")
    (memory,) = memories(customer)
    assert (memory.pk, memory.pk, memory.text) == (first.pk, again.pk, FEW)
    assert memory.times == 2
    assert memory.confidence > first.confidence
    assert memory.updated_at > memory.created_at
    assert memory.expires_at is not None
    assert memory.expires_at > timezone.now() + timedelta(days=700)


def test_the_same_message_read_twice_counts_once(customer: UUID) -> None:
    message_id = uuid4()
    prefer(customer, "few", message_id=message_id)
    prefer(customer, "few", message_id=message_id)
    (memory,) = memories(customer)
    assert memory.times == 1


def test_nothing_said_often_becomes_certain(customer: UUID) -> None:
    for _ in range(30):
        prefer(customer, "few")
    (memory,) = memories(customer)
    assert memory.times == 30
    assert 0.95 < memory.confidence < 1.0


@pytest.mark.parametrize("text", ["has a  DOG named Rex", "Has a dog, named Rex!"])
def test_the_same_text_without_a_topic_strengthens(customer: UUID, text: str) -> None:
    remember(customer, "Has a dog named Rex.")
    remember(customer, text)
    (memory,) = memories(customer)
    assert memory.times == 2


def test_of_another_strategy_it_is_another_memory(customer: UUID) -> None:
    remember(customer, "Has a dog named Rex.")
    remember(customer, "Has a dog named Rex.", strategy=Strategy.PREFERENCES)
    assert len(memories(customer)) == 2


SAME = (
    ("Has a dog named Rex.", "Has a dog called Rex."),
    ("Lives in Vienna.", "Lives in Vienna, Austria."),
    ("Travels for work often.", "Often travels for work."),
    ("Wears shoe size 42.", "Shoe size is 42."),
    ("Wants parcels left with the neighbour.", "Parcels should be left with the neighbour."),
    ("Cannot carry heavy parcels up the stairs.", "Can't carry heavy parcels upstairs."),
    ("Uses a wheelchair.", "Is a wheelchair user."),
    ("Owns a SoundMax 300 speaker.", "Has a SoundMax 300 speaker."),
)
DIFFERENT = (
    ("Has a dog.", "Has a cat."),
    ("Lives in Vienna.", "Works in Vienna."),
    ("Wears shoe size 42.", "Wears shoe size 43."),
    ("Likes coffee.", "Does not like coffee."),
    ("Prefers contact by e-mail.", "Prefers contact by phone."),
    ("Is allergic to nuts.", "Is allergic to milk."),
    ("Wants few e-mails.", "Wants many e-mails."),
    ("Prefers delivery in the morning.", "Prefers delivery in the evening."),
    ("Wants parcels left with the neighbour.", "Wants parcels left at the door."),
    ("Is vegan.", "Is vegetarian."),
    ("Has a dog named Rex.", "Has a dog named Bello."),
    ("Wears size M shirts.", "Wears size L shirts."),
    ("Prefers English.", "Prefers German."),
    ("Has a son.", "Has a daughter."),
    ("Order 1042 was refunded.", "Order 1043 was refunded."),
)


@pytest.mark.parametrize(("embeddings", "at_least"), [("", 8), ("lexical", 3)], ids=["local", "lexical"])
def test_paraphrases_are_the_same_and_what_differs_is_not(
    db: None, settings: Any, embeddings: str, at_least: int
) -> None:
    """The threshold's measure: no two that differ become one, whatever that costs in paraphrases kept apart."""
    settings.EMBEDDINGS = embeddings
    if not embeddings and not embedder().is_semantic:
        pytest.skip("the weights are not there")
    joined = []
    for one, other in (*SAME, *DIFFERENT):
        customer_id = uuid4()
        remember(customer_id, one)
        remember(customer_id, other)
        if len(memories(customer_id)) == 1:
            joined.append((one, other))
    assert set(joined) <= set(SAME)
    assert len(joined) >= at_least


# -- a contradiction


def test_a_contradiction_supersedes_and_is_kept_as_history(customer: UUID) -> None:
    old = prefer(customer, "few", said_at=timezone.now() - timedelta(days=1))
    new = prefer(customer, "many")
    assert active(customer) == [MANY]
    (kept,) = memories(customer, state=Memory.State.SUPERSEDED)
    assert (kept.pk, kept.text, kept.superseded_by_id) == (old.pk, FEW, new.pk)
    assert kept.reason


def test_what_was_said_earlier_but_read_later_is_history(customer: UUID) -> None:
    new = prefer(customer, "many")
    prefer(customer, "few", said_at=timezone.now() - timedelta(days=1))
    assert active(customer) == [MANY]
    (kept,) = memories(customer, state=Memory.State.SUPERSEDED)
    assert (kept.text, kept.superseded_by_id) == (FEW, new.pk)


def test_and_back_again(customer: UUID) -> None:
    for value in ("few", "many", "few"):
        prefer(customer, value)
    assert active(customer) == [FEW]
    assert len(memories(customer, state=Memory.State.SUPERSEDED)) == 2


@pytest.mark.parametrize("how", ["written", "pinned"])
def test_no_agent_overrules_a_person(customer: UUID, how: str) -> None:
    if how == "written":
        by_person(customer, FEW)
    else:
        writing.pin(prefer(customer, "few"), True)
    held = prefer(customer, "many")
    assert held.state == Memory.State.PROPOSED
    assert held.reason
    assert active(customer) == [FEW]
    writing.accept(held, 7)
    assert active(customer) == [MANY]


def test_a_person_overrules_an_agent_and_a_person(customer: UUID) -> None:
    prefer(customer, "few")
    by_person(customer, MANY)
    by_person(customer, "Prefers no e-mails.")
    assert active(customer) == ["Prefers no e-mails."]


def test_the_account_of_a_conversation_grows_and_that_of_another_supersedes(customer: UUID) -> None:
    session_id = uuid4()
    profile: dict[str, Any] = {"strategy": Strategy.SUMMARY, "topic": "profile"}
    first = remember(customer, "1 conversation.", session_id=session_id, **profile)
    grown = remember(customer, "1 conversation, with a refund.", session_id=session_id, **profile)
    (memory,) = memories(customer)
    assert (memory.pk, memory.pk, memory.text) == (first.pk, grown.pk, "1 conversation, with a refund.")
    assert [float(number) for number in memory.embedding] != [float(number) for number in first.embedding]
    remember(customer, "2 conversations.", **profile)
    assert active(customer) == ["2 conversations."]
    writing.correct(memories(customer, state=Memory.State.ACTIVE)[0], "A friendly person.", 7)
    remember(customer, "3 conversations.", **profile)
    assert active(customer) == ["A friendly person."]
    assert memories(customer, state=Memory.State.PROPOSED) == []


# -- what people do


def test_corrected_it_holds_in_the_persons_words(customer: UUID) -> None:
    old = prefer(customer, "few")
    writing.pin(old, True)
    new = writing.correct(old, "Prefers one e-mail a month.", 7)
    assert active(customer) == ["Prefers one e-mail a month."]
    assert (new.author, new.author_user_id, new.confidence, new.is_pinned) == (Memory.Author.PERSON, 7, 1.0, True)
    assert (new.topic, new.message_id) == (old.topic, old.message_id)
    assert "value" not in new.metadata
    (kept,) = memories(customer, state=Memory.State.SUPERSEDED)
    assert (kept.superseded_by_id, kept.is_pinned) == (new.pk, False)
    with pytest.raises(ValidationError):
        writing.correct(old, "once more", 7)


@pytest.mark.parametrize("text", ["", "  ", "x" * 2001])
def test_what_no_memory_can_be_is_refused(customer: UUID, text: str) -> None:
    old = prefer(customer, "few")
    with pytest.raises(ValidationError):
        writing.correct(old, text, 7)
    with pytest.raises(ValidationError):
        remember(customer, text)
    assert active(customer) == [FEW]


def test_marked_wrong_it_is_held_when_it_comes_again(customer: UUID) -> None:
    wrong = writing.mark_wrong(prefer(customer, "few"), 7)
    assert (wrong.state, wrong.reason) == (Memory.State.SUPERSEDED, "wrong")
    held = prefer(customer, "few")
    assert held.state == Memory.State.PROPOSED
    assert prefer(customer, "few").pk == held.pk
    assert active(customer) == []
    assert prefer(customer, "many").state == Memory.State.ACTIVE
    assert by_person(customer, FEW).state == Memory.State.ACTIVE


def test_rejected_it_is_never_proposed_again(customer: UUID) -> None:
    held = remember(customer, "Is a VIP.", state=Memory.State.PROPOSED, reason="claims an entitlement")
    writing.reject(held, 7)
    assert remember(customer, "Is a VIP.", state=Memory.State.PROPOSED).pk == held.pk
    assert remember(customer, "Is a VIP.").pk == held.pk
    assert memories(customer, state=Memory.State.PROPOSED) == []
    assert active(customer) == []
    assert writing.accept(held, 7).state == Memory.State.SUPERSEDED


def test_what_is_held_supersedes_nothing_until_it_is_accepted(customer: UUID) -> None:
    prefer(customer, "few")
    held = prefer(customer, "many", state=Memory.State.PROPOSED, reason="looks like an order")
    assert active(customer) == [FEW]
    accepted = writing.accept(held, 7)
    assert (accepted.reason, accepted.author_user_id, accepted.confidence) == ("", 7, 1.0)
    assert active(customer) == [MANY]
    (old,) = memories(customer, state=Memory.State.SUPERSEDED)
    assert old.superseded_by_id == held.pk


def test_forgotten_nothing_is_left_of_it(customer: UUID) -> None:
    memory = prefer(customer, "few")
    writing.forget(memory)
    (row,) = memories(customer)
    assert (row.state, row.text, row.topic, row.metadata) == (Memory.State.FORGOTTEN, "", "", {})
    assert (row.embedding, row.message_id, row.reason) == (None, None, "")
    assert prefer(customer, "many").state == Memory.State.ACTIVE


@pytest.mark.parametrize("verb", [writing.mark_wrong, writing.accept, writing.reject, writing.correct])
def test_an_erased_one_is_told(customer: UUID, verb: Callable[..., Memory]) -> None:
    memory = prefer(customer, "few")
    with bound_to(customer):
        Memory.objects.all().delete()
    with pytest.raises(Memory.DoesNotExist):
        verb(memory, *(("x", 7) if verb is writing.correct else (7,)))


def test_without_an_embedding_it_is_written_all_the_same(customer: UUID, settings: Any) -> None:
    settings.EMBEDDINGS, settings.EMBEDDINGS_URL = "openai:m", "http://127.0.0.1:9/v1"
    memory = remember(customer, "Has a dog named Rex.")
    assert (memory.embedding, memory.embedding_model) == (None, "")
    assert remember(customer, "has a dog named rex").pk == memory.pk


# -- whose


def test_nobody_elses_are_compared_or_touched(customer: UUID) -> None:
    other = uuid4()
    prefer(other, "few")
    prefer(customer, "many")
    assert (active(other), active(customer)) == ([FEW], [MANY])


# -- many at once


def at_once(work: Callable[[int], object], count: int) -> list[BaseException]:
    """`work` in so many threads, all of which start together."""
    errors: list[BaseException] = []
    gate = threading.Barrier(count)

    def run(place: int) -> None:
        try:
            gate.wait()
            work(place)
        except BaseException as error:  # noqa: BLE001  told to the test
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.django_db(transaction=True)
def test_many_who_write_the_same_topic_leave_one_active() -> None:
    customer_id = uuid4()
    errors = at_once(lambda place: prefer(customer_id, f"v{place}", f"Prefers {place} e-mails."), 8)
    assert errors == []
    assert len(memories(customer_id, state=Memory.State.ACTIVE)) == 1
    assert len(memories(customer_id)) == 8


@pytest.mark.django_db(transaction=True)
def test_many_who_say_the_same_are_counted_each() -> None:
    customer_id = uuid4()
    assert at_once(lambda _: remember(customer_id, "Has a dog named Rex."), 8) == []
    (memory,) = memories(customer_id)
    assert memory.times == 8


@pytest.mark.django_db(transaction=True)
def test_people_and_agents_at_once_leave_one_active() -> None:
    customer_id = uuid4()
    memory = prefer(customer_id, "few")
    works: list[Callable[[], object]] = [
        lambda: prefer(customer_id, "many"),
        lambda: writing.mark_wrong(memory, 7),
        lambda: by_person(customer_id, "Prefers no e-mails."),
        lambda: writing.pin(memory, True),
    ]
    assert at_once(lambda place: works[place % len(works)](), 8) == []
    assert len(memories(customer_id, state=Memory.State.ACTIVE)) == 1


@pytest.mark.parametrize(("days", "holds"), [(1000, True), (None, True), (30, False)])
def test_it_holds_as_long_as_retention_says(customer: UUID, days: int | None, holds: bool) -> None:
    Retention.objects.update(memories=days)
    expires_at = prefer(customer, "few").expires_at
    assert (expires_at is None) == (days is None)
    assert (expires_at is None or expires_at > timezone.now() + timedelta(days=900)) == holds
