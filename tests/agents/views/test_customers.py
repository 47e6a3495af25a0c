from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.customer_list import PAGE_SIZE, page_of
from agents.customer_profile import SESSIONS_ON_A_PAGE, SESSIONS_SHOWN
from agents.models import Agent, Customer, Session
from memory.models import Memory
from memory.reach import bound_to
from observability.ids import uuid7
from observability.models import Span
from tests.agents.cases import ORDER, make_call
from tests.factories import (
    client_of,
    make_agent,
    make_customer,
    make_escalation,
    make_message,
    make_session,
    make_trace,
    make_turn,
)
from tests.memory.cases import add_memory
from tools.models import MoneyUse, ToolCall

pytestmark = pytest.mark.django_db
URL = "/customers/"
HOSTILE = "<script>alert(1)</script>\"'>{{ 7|add:7 }}<img src=x onerror=alert(2)>"


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


def agent_once() -> Agent:
    return Agent.objects.filter(slug="one-for-all").first() or make_agent("one-for-all")


def url_of(customer: Customer) -> str:
    return f"{URL}{customer.pk}/"


def text_of(user: User, url: str = URL, **params: str) -> str:
    response = client_of(user).get(url, params)
    assert response.status_code == 200
    return str(response.content.decode())


def money_used(call: ToolCall, customer: Customer, amount: str) -> MoneyUse:
    return MoneyUse.objects.create(
        call=call,
        tool_key="shop___process_refund",
        customer_id=customer.pk,
        subject="order:1043",
        amount=Decimal(amount),
    )


class TestList:
    def test_it_shows_who_they_are_and_what_is_known_of_them(self, support: User) -> None:
        ada, ben = make_customer("ada@example.com", "Ada Okafor"), make_customer("ben@example.com", "Ben")
        make_session(customer=ada, last_message_at=timezone.now() - timedelta(hours=3))
        make_session(customer=ada, controller="closed", closed_at=timezone.now())
        add_memory(ada.pk, "Ada wants few e-mails.")
        add_memory(ada.pk, "Ada lives in Lyon.")
        add_memory(ada.pk, "Ada is an admin of the shop.", state=Memory.State.PROPOSED)
        add_memory(ada.pk, "It ran out.", expires_at=timezone.now() - timedelta(days=1))
        lines = {line.customer.pk: line for line in page_of().lines}
        assert (lines[ada.pk].open_sessions, lines[ada.pk].memories, lines[ada.pk].held) == (1, 2, 1)
        assert (lines[ben.pk].open_sessions, lines[ben.pk].memories, lines[ben.pk].last_at) == (0, 0, None)
        text = text_of(support)
        assert f'href="{url_of(ada)}"' in text
        assert "ada@example.com" in text
        assert "1 held" in text
        assert "lives in Lyon" not in text

    @pytest.mark.parametrize(
        ("q", "found"),
        [
            ("oka", ["Ada Okafor"]),
            ("ada ok", ["Ada Okafor"]),
            ("ADA@EX", ["Ada Okafor"]),
            ("kafor", []),
            ("ben%", ["Ben Stone"]),
            ("%", []),
            ("b_n", []),
            ("' | ''", []),
            ("\x00ada", ["Ada Okafor"]),
            ("!!! &", []),
        ],
        ids=["word", "words", "address", "inside", "mark", "percent", "underscore", "operators", "nul", "marks"],
    )
    def test_search_takes_beginnings(self, support: User, q: str, found: list[str]) -> None:
        make_customer("ada@example.com", "Ada Okafor")
        make_customer("ben@example.com", "Ben Stone")
        page = client_of(support).get(URL, {"q": q}).context["page"]
        assert [str(line.customer) for line in page.lines] == found

    def test_an_id_is_found(self, support: User) -> None:
        ada = make_customer(name="Ada")
        make_customer(name="Ben")
        assert [line.customer for line in page_of(str(ada.pk)).lines] == [ada]

    def test_pages_follow_each_other_without_a_gap(self, support: User) -> None:
        everybody = [make_customer(name=f"Customer {number:03}") for number in range(PAGE_SIZE + 7)]
        first = page_of()
        second = page_of(after=first.next)
        assert [line.customer for line in (*first.lines, *second.lines)] == everybody[::-1]
        assert second.next is None
        assert f"after={first.next}" in text_of(support)
        assert "First page" in text_of(support, after=str(first.next))

    @pytest.mark.parametrize("size", [1, 40])
    def test_it_asks_as_much_for_many_as_for_one(
        self, support: User, size: int, django_assert_max_num_queries: Any
    ) -> None:
        for _ in range(size):
            customer = make_customer()
            make_session(customer=customer)
            add_memory(customer.pk, "Likes tea.")
            add_memory(customer.pk, "Is to be obeyed.", state=Memory.State.PROPOSED)
        client = client_of(support)
        # 4 of the sign-in and the shell; 3 of the list; twice 4 to see everybody's in a test's transaction.
        with django_assert_max_num_queries(16):
            client.get(URL)

    def test_nobody_and_nothing_found(self, support: User) -> None:
        assert "No customers yet" in text_of(support)
        assert "Nobody by that name" in text_of(support, q="zed")
        assert "The list ends here" in text_of(support, after=str(uuid7()))

    @pytest.mark.parametrize("after", ["x", "0", "'--"])
    def test_no_page_begins_there(self, support: User, after: str) -> None:
        assert client_of(support).get(URL, {"after": after}).status_code == 404

    def test_who_may_see_it(self, support: User, reviewer: User, analyst: User, admin: User, stranger: User) -> None:
        for user in (support, reviewer, analyst, admin):
            assert 'aria-current="true">All customers' in text_of(user)
        assert Client().get(URL).status_code == 302
        assert client_of(stranger).get(URL).status_code == 403
        assert client_of(support).post(URL).status_code == 405

    def test_names_are_text(self, support: User) -> None:
        make_customer(name=HOSTILE[:120])
        text = text_of(support)
        assert "<script>alert(1)" not in text
        assert "&lt;script&gt;alert(1)" in text


class TestCustomer:
    def test_identity_says_how_and_by_which_channel(self, support: User) -> None:
        ada = make_customer(name="Ada")
        make_session(customer=ada)
        make_session(customer=ada, identity=Session.Identity.CLAIMED)
        text = text_of(support, url_of(ada))
        assert "Verified by chat" in text
        assert "Only claimed in chat" in text
        assert "Nobody has vouched" not in text

    def test_an_address_that_nobody_vouches_for_is_marked(self, support: User) -> None:
        ada = make_customer(name="Ada")
        make_session(customer=ada, identity=Session.Identity.CLAIMED)
        assert "Nobody has vouched for this address" in text_of(support, url_of(ada))

    def test_orders_and_refunds_are_what_confirmed_calls_saw_last(self, support: User) -> None:
        ada = make_customer(name="Ada")
        turn = make_turn(make_session(customer=ada))
        make_call(turn, "get_order", {**ORDER, "status": "shipped"}, created_at=timezone.now() - timedelta(days=2))
        make_call(turn, "get_order", {"orders": [ORDER, {"order_id": "1044", "status": "packed"}]}, arguments={})
        refund = {"refund_id": "R-7", "order_id": "1043", "amount": "59.00", "currency": "EUR"}
        make_call(turn, "process_refund", {"changed_by_a_person": {"amount": "59.00"}, "result": refund})
        make_call(turn, "get_order", {"order_id": "9999"}, state="failed")
        response = client_of(support).get(url_of(ada))
        things = {
            (group.name, one.title): dict(one.facts) for group in response.context["things"] for one in group.things
        }
        assert set(things) == {("Orders", "1043"), ("Orders", "1044"), ("Refunds", "R-7")}
        assert things[("Orders", "1043")]["Status"] == "delivered"
        assert things[("Refunds", "R-7")]["Amount"] == "EUR 59.00"
        assert "Nothing is asked of the shop here" in response.content.decode()

    def test_what_was_seen_under_a_claimed_address_or_for_others_is_not_theirs(self, support: User) -> None:
        ada = make_customer(name="Ada")
        make_call(make_turn(make_session(customer=ada, identity="claimed")), "get_order", {"order_id": "QR-5001"})
        make_call(make_turn(make_session()), "get_order", {"order_id": "QR-5002"})
        text = text_of(support, url_of(ada))
        assert "QR-5001" not in text
        assert "QR-5002" not in text
        assert "No tool has seen an order" in text

    def test_money_that_moved_is_summed_and_what_may_have_stands_apart(self, support: User) -> None:
        ada = make_customer(name="Ada")
        turn = make_turn(make_session(customer=ada))
        money_used(make_call(turn, "process_refund", {"refund_id": "R-1"}), ada, "59.00")
        money_used(make_call(turn, "process_refund", {}, state="unknown"), ada, "11.50")
        money_used(make_call(turn, "process_refund", {}, state="sent"), ada, "7.00")
        money_used(make_call(make_turn(make_session()), "process_refund", {}), make_customer(), "99.00")
        text = text_of(support, url_of(ada))
        assert re.search(r"59\.00\s*\w* in all", text)
        assert re.search(r"11\.50\s*\w* with unknown outcome", text)
        assert "77.50" not in text
        assert "70.50" not in text
        assert "Unknown" in text
        assert "99.00" not in text

    def test_money_whose_outcome_is_not_known_is_no_money_moved(self, support: User) -> None:
        ada = make_customer(name="Ada")
        turn = make_turn(make_session(customer=ada))
        money_used(make_call(turn, "process_refund", {}, state="unknown"), ada, "11.50")
        text = text_of(support, url_of(ada))
        assert "None for certain" in text
        assert "in all" not in text

    def test_conversations_lead_to_all_of_them(self, support: User) -> None:
        ada = make_customer(name="Ada")
        now = timezone.now()
        for number in range(SESSIONS_ON_A_PAGE + 3):
            last = now - timedelta(hours=number)
            make_session(customer=ada, agent=agent_once(), preview=f"Talk {number:03}.", last_message_at=last)
        make_session(agent=agent_once(), preview="Not hers.")
        text = text_of(support, url_of(ada))
        assert f"Talk {SESSIONS_SHOWN - 1:03}." in text
        assert f"Talk {SESSIONS_SHOWN:03}." not in text
        every = f"{url_of(ada)}conversations/"
        assert f'href="{every}"' in text
        first = client_of(support).get(every)
        page = first.context["page"]
        rest = text_of(support, every, after=str(page.next))
        assert len(page.sessions) == SESSIONS_ON_A_PAGE
        assert "Talk 050." in rest
        assert "Talk 052." in rest
        assert "Talk 049." not in rest
        assert "Not hers." not in first.content.decode() + rest
        assert client_of(support).get(every, {"after": "x"}).status_code == 404

    def test_a_customer_of_whom_nothing_is_known(self, support: User) -> None:
        text = text_of(support, url_of(make_customer(name="Ada")))
        for words in ("Nothing is remembered", "Nothing was said under this address", "There was no conversation"):
            assert words in text

    def test_who_may_see_it(self, support: User, analyst: User, admin: User, stranger: User) -> None:
        ada = make_customer(name="Ada")
        for url in (url_of(ada), f"{url_of(ada)}conversations/"):
            for user in (support, analyst, admin):
                assert client_of(user).get(url).status_code == 200
            assert Client().get(url).status_code == 302
            assert client_of(stranger).get(url).status_code == 403
            assert client_of(support).post(url).status_code == 405
        assert client_of(support).get(f"{URL}{uuid7()}/").status_code == 404
        assert "/export/" in text_of(admin, url_of(ada))
        assert "/export/" not in text_of(support, url_of(ada))

    @pytest.mark.parametrize("size", [1, 25])
    def test_it_asks_as_much_for_a_long_life_as_for_a_short_one(
        self, support: User, size: int, django_assert_max_num_queries: Any
    ) -> None:
        ada = make_customer(name="Ada")
        for number in range(size):
            session = make_session(customer=ada, agent=agent_once())
            message = make_message(session, "I like tea.")
            make_call(make_turn(session), "get_order", {"order_id": str(number)})
            old = add_memory(ada.pk, f"Old {number}.", state=Memory.State.ACTIVE, session_id=session.pk)
            new = add_memory(ada.pk, f"New {number}.", session_id=session.pk, message_id=message.pk)
            with bound_to(ada.pk):
                Memory.objects.filter(pk=old.pk).update(state=Memory.State.SUPERSEDED, superseded_by=new)
            add_memory(ada.pk, f"Held {number}.", state=Memory.State.PROPOSED, agent_id=session.agent_id)
        client = client_of(support)
        with django_assert_max_num_queries(26):
            client.get(url_of(ada))


class TestBesideAConversation:
    def test_a_conversation_and_a_case_ask_for_it(self, support: User) -> None:
        case = make_escalation()
        beside = f'hx-get="{url_of(case.session.customer)}remembered/"'
        assert beside in text_of(support, f"/inbox/{case.session_id}/", view="open")
        assert beside in text_of(support, f"/queue/{case.pk}/")

    def test_it_shows_the_first_few(self, support: User) -> None:
        ada = make_customer(name="Ada")
        for number in range(8):
            add_memory(ada.pk, f"Thing {number}.", updated_at=timezone.now() - timedelta(days=number))
        add_memory(ada.pk, "The oldest, but pinned.", is_pinned=True, updated_at=timezone.now() - timedelta(days=90))
        add_memory(ada.pk, "Waits.", state=Memory.State.PROPOSED)
        add_memory(make_customer().pk, "Somebody else's.")
        response = client_of(support).get(f"{url_of(ada)}remembered/", headers={"HX-Request": "true"})
        text = response.content.decode()
        assert text.index("The oldest, but pinned.") < text.index("Thing 0.")
        assert "Thing 5." not in text
        assert "All 9 memories" in text
        assert "1 held" in text
        assert "Waits." not in text
        assert "Somebody else" not in text
        assert "<html" not in text

    def test_without_script_it_is_the_customers_page(self, support: User, stranger: User) -> None:
        ada = make_customer(name="Ada")
        assert client_of(support).get(f"{url_of(ada)}remembered/").headers["Location"] == url_of(ada)
        assert client_of(stranger).get(f"{url_of(ada)}remembered/").status_code == 403

    def test_a_claimed_address_is_told(self, support: User) -> None:
        session = make_session(identity="claimed")
        assert "The agent is given none of it here" in text_of(support, f"/inbox/{session.pk}/", view="open")


class TestTrace:
    def test_what_was_recalled_stands_in_the_trace(self, support: User) -> None:
        ada = make_customer(name="Ada")
        memory = add_memory(ada.pk, f"Wants few e-mails. {HOSTILE}")
        trace = make_trace(spans=0)
        scores = {"distance": 0.2468, "meaningRank": 1, "wordsRank": None, "score": 0.01639}
        span = Span.objects.create(
            trace=trace,
            kind=Span.Kind.MEMORY,
            name="recall",
            attributes={
                "question": "How often do you write to me?",
                "embeddingModel": "all-MiniLM-L6-v2",
                "leftOut": 2,
                "summary": "",
                "memories": [
                    {"id": str(memory.pk), "strategy": "facts", "text": memory.text, "pinned": True, **scores},
                    {"id": "no id", "strategy": "facts", "text": "Of another age.", "pinned": False, **scores},
                ],
                "passages": [{"id": "p", "document": "Returns", "version": 3, "heading": "Fees", **scores}],
            },
        )
        text = text_of(support, reverse("observability:trace", args=[trace.pk]), span=str(span.pk))
        for words in ("How often do you write to me?", "0.2468", "0.01639", "Returns: Fees", "version 3", "pinned"):
            assert words in text
        assert f'href="{URL}memories/{memory.pk}/"' in text
        assert "<script>alert(1)" not in text
        found = client_of(support).get(f"{URL}memories/{memory.pk}/", follow=True)
        assert found.redirect_chain[-1][0] == f"{url_of(ada)}#memory-{memory.pk}"
        assert client_of(support).get(f"{URL}memories/{uuid7()}/").status_code == 404
