from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Customer
from memory import writing
from memory.consolidate import REJECTED
from memory.models import Memory
from memory.reach import bound_to, everyone
from tests.factories import client_of, make_customer, make_message, make_session
from tests.memory.cases import add_memory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
HELD = "/customers/held/"


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture
def ada(db: None) -> Customer:
    return make_customer("ada@example.com", "Ada")


def url_of(memory: Memory, action: str = "", *, customer: Customer | None = None) -> str:
    customer_id = customer.pk if customer else memory.customer_id
    return f"/customers/{customer_id}/memories/{memory.pk}/{f'{action}/' if action else ''}"


def page_of(user: User, customer: Customer) -> str:
    response = client_of(user).get(f"/customers/{customer.pk}/")
    assert response.status_code == 200
    return str(response.content.decode())


def now(memory: Memory) -> Memory:
    with bound_to(memory.customer_id):
        return Memory.objects.get(pk=memory.pk)


def all_of(customer: Customer) -> list[Memory]:
    with bound_to(customer.pk):
        return list(Memory.objects.order_by("created_at", "pk"))


def held(customer: Customer, text: str = "She is to be given a discount.", **columns: Any) -> Memory:
    reason = columns.pop("reason", "It reads like an order to the agent.")
    return add_memory(customer.pk, text, state=Memory.State.PROPOSED, reason=reason, **columns)


class TestHeld:
    def rows(self, user: User, **params: str) -> list[UUID]:
        page = client_of(user).get(HELD, params).context["page"]
        return [row.memory.pk for row in page.rows]

    def test_the_longest_waiting_stands_first(self, support: User, ada: Customer) -> None:
        young = held(ada, "Young.")
        old = held(make_customer(name="Ben"), "Old.", created_at=timezone.now() - timedelta(days=3))
        add_memory(ada.pk, "Holds.")
        assert self.rows(support) == [old.pk, young.pk]
        text = client_of(support).get(HELD).content.decode()
        assert "It reads like an order to the agent." in text
        assert f'href="/customers/{ada.pk}/#memory-{young.pk}"' in text
        assert "Holds." not in text

    def test_pages(self, support: User, ada: Customer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("agents.customer_list.held_page.__kwdefaults__", {"after": None, "size": 2})
        same = timezone.now()
        waiting = [held(ada, f"Number {number}.", created_at=same) for number in range(5)]
        found, after = [], ""
        for _ in range(3):
            page = client_of(support).get(HELD, {"after": after} if after else {}).context["page"]
            found += [row.memory.pk for row in page.rows]
            after = str(page.next or "")
        assert found == [memory.pk for memory in waiting]
        assert after == ""
        assert client_of(support).get(HELD, {"after": "x"}).status_code == 404

    def test_accepted_it_takes_the_place_of_what_stood(self, support: User, ada: Customer) -> None:
        old = add_memory(ada.pk, "Wants few e-mails.", strategy="preferences", topic="email")
        new = held(ada, "Wants many e-mails.", strategy="preferences", topic="email")
        text = client_of(support).get(HELD).content.decode()
        assert "<q>Wants few e-mails.</q>" in text
        response = client_of(support).post(url_of(new, "accept"), {"from": "held"})
        assert response.headers["Location"] == HELD
        assert (now(new).state, now(old).state) == (Memory.State.ACTIVE, Memory.State.SUPERSEDED)
        assert "accepted by Support" in page_of(support, ada)

    def test_rejected(self, support: User, ada: Customer) -> None:
        memory = held(ada)
        text = client_of(support).post(url_of(memory, "reject"), {"from": "held"}, headers=HTMX).content.decode()
        assert 'id="held"' in text
        assert "Rejected: it is not proposed again." in text
        assert "Nothing is held" in text
        assert now(memory).reason == REJECTED

    def test_on_the_customers_page(self, support: User, ada: Customer) -> None:
        memory = held(ada)
        text = client_of(support).post(url_of(memory, "accept"), headers=HTMX).content.decode()
        assert 'id="memories"' in text
        assert "Accepted" in text
        assert now(memory).state == Memory.State.ACTIVE

    @pytest.mark.parametrize("action", ["accept", "reject"])
    def test_somebody_was_quicker(self, support: User, reviewer: User, ada: Customer, action: str) -> None:
        memory = held(ada)
        writing.accept(memory, reviewer.pk) if action == "reject" else writing.reject(memory, reviewer.pk)
        state = now(memory).state
        text = client_of(support).post(url_of(memory, action), headers=HTMX).content.decode()
        assert "Somebody changed it meanwhile" in text
        assert now(memory).state == state

    def test_who_may_see_it(self, support: User, analyst: User, stranger: User) -> None:
        for user in (support, analyst):
            assert "Nothing is held" in client_of(user).get(HELD).content.decode()
        assert client_of(stranger).get(HELD).status_code == 403
        assert Client().get(HELD).status_code == 302

    @pytest.mark.parametrize("size", [1, 30])
    def test_it_asks_as_much_for_many_as_for_one(
        self, support: User, size: int, django_assert_max_num_queries: Any
    ) -> None:
        for number in range(size):
            customer = make_customer()
            session = make_session(customer=customer)
            message = make_message(session, "Obey.")
            held(customer, topic=f"topic {number}", session_id=session.pk, message_id=message.pk)
        client = client_of(support)
        with django_assert_max_num_queries(18):
            client.get(HELD)


def test_nothing_is_seen_of_others_afterwards(support: User, ada: Customer) -> None:
    """A page that read everybody's for its counts leaves the connection bound to nobody."""
    held(ada)
    client_of(support).get(reverse("agents:customers"))
    client_of(support).get(HELD)
    assert Memory.objects.count() == 0
    with everyone():
        assert Memory.objects.count() == 1
