from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Customer
from memory import writing
from memory.consolidate import WRONG
from memory.models import Memory
from memory.reach import bound_to
from observability.ids import uuid7
from observability.models import Span
from tests.factories import client_of, make_agent, make_customer, make_message, make_session, make_trace
from tests.memory.cases import add_memory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
HELD = "/customers/held/"
HOSTILE = "<script>alert(1)</script>\"'>{{ 7|add:7 }}<img src=x onerror=alert(2)>"
ACTIONS = ("edit", "pin", "wrong", "forget", "accept", "reject")


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


class TestShown:
    def test_a_memory_says_where_it_is_from(self, support: User, ada: Customer) -> None:
        agent = make_agent(name="Returns agent")
        session = make_session(customer=ada, agent=agent)
        message = make_message(session, "Please send me few e-mails.")
        add_memory(
            ada.pk,
            "Wants few e-mails.",
            strategy="preferences",
            agent_id=agent.pk,
            session_id=session.pk,
            message_id=message.pk,
            confidence=0.85,
            times=3,
        )
        text = page_of(support, ada)
        for words in ("Wants few e-mails.", "Preferences", "Returns agent", "said 3 times", "sure, 85 %", "until"):
            assert words in text
        assert f'href="/inbox/{session.pk}/#m-{message.seq}"' in text

    def test_a_message_further_back_is_on_the_page_that_ends_with_it(self, support: User, ada: Customer) -> None:
        session = make_session(customer=ada)
        message = make_message(session, "Please send me few e-mails.")
        session.event_seq = 5000
        session.save()
        add_memory(ada.pk, "Wants few e-mails.", session_id=session.pk, message_id=message.pk)
        address = f"/inbox/{session.pk}/?before={message.seq + 1}"
        assert f'href="{address}#m-{message.seq}"' in page_of(support, ada)
        shown = client_of(support).get(address).content.decode()
        assert f'id="m-{message.seq}"' in shown

    def test_a_source_that_is_gone_is_told(self, support: User, ada: Customer) -> None:
        add_memory(ada.pk, "Wants few e-mails.", session_id=uuid7(), message_id=uuid7())
        session = make_session(customer=ada)
        add_memory(ada.pk, "Lives in Lyon.", session_id=session.pk, message_id=uuid7())
        text = page_of(support, ada)
        assert "The conversation is deleted" in text
        assert f'href="/inbox/{session.pk}/">The conversation<' in text

    def test_a_message_of_another_conversation_is_no_source(self, support: User, ada: Customer) -> None:
        other = make_message(make_session(), "Not hers.")
        add_memory(ada.pk, "Wants few e-mails.", session_id=make_session(customer=ada).pk, message_id=other.pk)
        assert str(other.session_id) not in page_of(support, ada)

    def test_what_was_superseded_is_folded_under_what_took_its_place(self, support: User, ada: Customer) -> None:
        first = add_memory(ada.pk, "Lives in Lyon.", topic="city")
        second = writing.correct(first, "Lives in Paris.", support.pk)
        third = writing.correct(second, "Lives in Nice.", support.pk)
        groups = client_of(support).get(f"/customers/{ada.pk}/").context["known"].groups
        (one,) = groups[0].memories
        assert one.memory.pk == third.pk
        assert [before.memory.text for before in one.history] == ["Lives in Paris.", "Lives in Lyon."]
        assert "2 before it" in page_of(support, ada)

    def test_what_was_turned_down_says_by_whom(self, support: User, reviewer: User, ada: Customer) -> None:
        writing.mark_wrong(add_memory(ada.pk, "Is 90 years old."), reviewer.pk)
        text = page_of(support, ada)
        assert "1 that holds no longer" in text
        assert "Marked wrong by Reviewer" in text

    def test_a_held_one_says_why_and_what_it_would_replace(self, support: User, ada: Customer) -> None:
        add_memory(ada.pk, "Wants few e-mails.", strategy="preferences", topic="email", author="person")
        held(ada, "Wants many e-mails.", strategy="preferences", topic="email", reason="It contradicts a person.")
        text = page_of(support, ada)
        assert "It contradicts a person." in text
        assert "It would take the place of: <q>Wants few e-mails.</q>" in text

    def test_what_ran_out_is_marked(self, support: User, ada: Customer) -> None:
        add_memory(ada.pk, "Is on holiday.", expires_at=timezone.now() - timedelta(days=1))
        assert "Run out" in page_of(support, ada)

    def test_texts_are_texts(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, HOSTILE, topic=HOSTILE[:80])
        held(ada, f"held {HOSTILE}", reason=HOSTILE)
        pages = [page_of(support, ada), client_of(support).get(HELD).content.decode()]
        pages += [client_of(support).get(url_of(memory, action)).content.decode() for action in ("edit", "forget")]
        for page in pages:
            assert "<script>alert(1)" not in page
            assert "<img src=x" not in page
            assert "&lt;script&gt;alert(1)" in page
            assert "{{ 7|add:7 }}" in page

    def test_an_analyst_reads_and_changes_nothing(self, analyst: User, ada: Customer) -> None:
        add_memory(ada.pk, "Wants few e-mails.")
        held(ada)
        text = page_of(analyst, ada)
        assert "Wants few e-mails." in text
        assert "memory-actions" not in text
        assert "memories/new/" not in text
        assert "memory-actions" not in client_of(analyst).get(HELD).content.decode()


class TestWho:
    @pytest.mark.parametrize("action", ACTIONS)
    def test_only_the_customers_own_through_their_address(self, support: User, ada: Customer, action: str) -> None:
        theirs = add_memory(make_customer(name="Ben").pk, "Ben lives in Bern.")
        kept = now(theirs)
        response = client_of(support).post(url_of(theirs, action, customer=ada), {"text": "Mine.", "on": "on"})
        assert response.status_code == 404
        assert b"Bern" not in response.content
        after = now(theirs)
        assert (after.text, after.state, after.is_pinned) == (kept.text, kept.state, kept.is_pinned)
        assert all_of(ada) == []

    @pytest.mark.parametrize("action", ACTIONS)
    def test_roles(self, analyst: User, stranger: User, ada: Customer, action: str) -> None:
        memory = held(ada) if action in ("accept", "reject") else add_memory(ada.pk, "Wants few e-mails.")
        for user in (analyst, stranger):
            assert client_of(user).post(url_of(memory, action), {"text": "X"}).status_code == 403
        assert Client().post(url_of(memory, action), {"text": "X"}).status_code == 302
        assert now(memory).state == memory.state
        assert now(memory).text == memory.text

    @pytest.mark.parametrize("action", ["pin", "wrong", "accept", "reject"])
    def test_reading_changes_nothing(self, support: User, ada: Customer, action: str) -> None:
        assert client_of(support).get(url_of(held(ada), action)).status_code == 405

    @pytest.mark.parametrize("action", ["", *ACTIONS])
    def test_none_of_that_id(self, support: User, ada: Customer, action: str) -> None:
        address = f"/customers/{ada.pk}/memories/{uuid7()}/{f'{action}/' if action else ''}"
        client = client_of(support)
        assert (client.post(address) if action else client.get(address)).status_code == 404

    def test_a_form_of_another_site_is_refused(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Wants few e-mails.")
        client = Client(enforce_csrf_checks=True)
        client.force_login(support)
        assert client.post(url_of(memory, "forget")).status_code == 403
        assert now(memory).text == "Wants few e-mails."


class TestEdit:
    def test_it_takes_the_place_of_what_it_corrects(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.", topic="city", is_pinned=True)
        client = client_of(support)
        assert "Lives in Lyon." in client.get(url_of(memory, "edit")).content.decode()
        response = client.post(url_of(memory, "edit"), {"text": "Lives in Nice."})
        new = all_of(ada)[-1]
        assert response.headers["Location"] == f"/customers/{ada.pk}/#memory-{new.pk}"
        assert (new.text, new.author, new.author_user_id, new.confidence) == (
            "Lives in Nice.",
            "person",
            support.pk,
            1.0,
        )
        assert new.is_pinned
        assert (now(memory).state, now(memory).superseded_by_id) == (Memory.State.SUPERSEDED, new.pk)
        assert "Corrected." in client.get(f"/customers/{ada.pk}/").content.decode()

    def test_in_place(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        client = client_of(support)
        form = client.get(url_of(memory, "edit"), headers=HTMX).content.decode()
        assert "<html" not in form
        assert f'id="memory-{memory.pk}"' in form
        again = client.get(url_of(memory), headers=HTMX).content.decode()
        assert f'id="memory-{memory.pk}"' in again
        assert "autofocus" in again
        response = client.post(url_of(memory, "edit"), {"text": "Lives in Nice."}, headers=HTMX)
        text = response.content.decode()
        assert response.headers["HX-Retarget"] == "#memories"
        assert text.lstrip().startswith('<section class="section memories" id="memories"')
        assert "Corrected." in text

    @pytest.mark.parametrize("text", ["", "   ", "x" * 2001], ids=["empty", "spaces", "long"])
    def test_bad_input_loses_nothing(self, support: User, ada: Customer, text: str) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        for headers in ({}, HTMX):
            response = client_of(support).post(url_of(memory, "edit"), {"text": text}, headers=headers)
            assert response.status_code == 422
            assert text.strip() in response.content.decode()
        assert [one.text for one in all_of(ada)] == ["Lives in Lyon."]

    def test_the_same_text_changes_nothing(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        assert client_of(support).post(url_of(memory, "edit"), {"text": "Lives in Lyon."}).status_code == 302
        assert len(all_of(ada)) == 1

    def test_the_same_text_of_a_held_one_accepts_it_in_a_persons_words(self, support: User, ada: Customer) -> None:
        memory = held(ada, "Wants a discount.")
        client_of(support).post(url_of(memory, "edit"), {"text": "Wants a discount."})
        assert [(one.state, one.author) for one in all_of(ada)] == [("superseded", "agent"), ("active", "person")]

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "in-place"])
    def test_what_was_changed_meanwhile_is_not_written_over(
        self, support: User, reviewer: User, ada: Customer, headers: dict[str, str]
    ) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        writing.correct(memory, "Lives in Paris.", reviewer.pk)
        response = client_of(support).post(url_of(memory, "edit"), {"text": "Lives in Nice."}, headers=headers)
        text = response.content.decode()
        assert response.status_code == 422
        assert "It holds no longer." in text
        assert "Lives in Nice." in text
        assert "Correct it" not in text
        assert [one.text for one in all_of(ada)] == ["Lives in Lyon.", "Lives in Paris."]

    def test_what_was_forgotten_meanwhile_stays_so(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        writing.forget(memory)
        response = client_of(support).post(url_of(memory, "edit"), {"text": "Lives in Nice."})
        assert response.status_code == 422
        assert [(one.text, one.state) for one in all_of(ada)] == [("", "forgotten")]


class TestPinAndWrong:
    def test_pin_and_unpin(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        client = client_of(support)
        response = client.post(url_of(memory, "pin"), {"on": "on"})
        assert response.headers["Location"] == f"/customers/{ada.pk}/#memory-{memory.pk}"
        assert now(memory).is_pinned
        assert "Pinned" in page_of(support, ada)
        text = client.post(url_of(memory, "pin"), headers=HTMX).content.decode()
        assert not now(memory).is_pinned
        assert "Not pinned." in text
        assert f'id="memory-{memory.pk}" tabindex="-1"' in text

    def test_wrong_is_kept_as_history(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        text = client_of(support).post(url_of(memory, "wrong"), headers=HTMX).content.decode()
        assert (now(memory).state, now(memory).reason) == (Memory.State.SUPERSEDED, WRONG)
        assert "Marked wrong by Support" in text
        assert "Nothing holds at the moment." in text

    @pytest.mark.parametrize("action", ["pin", "wrong"])
    def test_too_late(self, support: User, reviewer: User, ada: Customer, action: str) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        writing.correct(memory, "Lives in Paris.", reviewer.pk)
        text = client_of(support).post(url_of(memory, action), {"on": "on"}, headers=HTMX).content.decode()
        assert "Somebody changed it meanwhile. Nothing was done." in text
        assert now(memory).reason == writing.CORRECTED


class TestForget:
    def test_it_asks_and_then_empties_it_with_its_history(self, support: User, ada: Customer) -> None:
        first = add_memory(ada.pk, "Lives in Lyon.", topic="city")
        second = writing.correct(first, "Lives in Nice.", support.pk)
        kept = add_memory(ada.pk, "Likes tea.")
        client = client_of(support)
        asked = client.get(url_of(second, "forget")).content.decode()
        assert "Lives in Nice." in asked
        assert "that of 1 before it" in asked
        assert now(second).text
        dialog = client.get(url_of(second, "forget"), headers=HTMX).content.decode()
        assert 'id="ask-title"' in dialog
        assert "<html" not in dialog
        assert client.post(url_of(second, "forget")).status_code == 302
        for memory in (first, second):
            assert (now(memory).text, now(memory).topic, now(memory).embedding) == ("", "", None)
            assert now(memory).state == Memory.State.FORGOTTEN
        assert now(kept).text == "Likes tea."
        text = page_of(support, ada)
        assert "Lyon." not in text
        assert "Nice." not in text
        assert "2 were forgotten" in text

    def test_its_words_leave_the_traces(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        trace = make_trace(spans=0, customer=ada.email)
        told = {"memories": [{"id": str(memory.pk), "strategy": "facts", "text": memory.text}]}
        span = Span.objects.create(trace=trace, kind=Span.Kind.MEMORY, name="recall", attributes=told)
        page = f"/traces/{trace.pk}/?span={span.pk}"
        assert "Lives in Lyon." in client_of(support).get(page).content.decode()
        client_of(support).post(url_of(memory, "forget"))
        text = client_of(support).get(page).content.decode()
        assert "Lyon." not in text
        assert "(forgotten)" in text

    def test_twice_is_once(self, support: User, ada: Customer) -> None:
        memory = add_memory(ada.pk, "Lives in Lyon.")
        client = client_of(support)
        for _ in range(2):
            assert client.post(url_of(memory, "forget")).status_code == 302
        assert "It is forgotten already." in client.get(url_of(memory, "forget")).content.decode()


class TestAdd:
    def new(self, customer: Customer) -> str:
        return f"/customers/{customer.pk}/memories/new/"

    def test_by_hand(self, support: User, ada: Customer) -> None:
        client = client_of(support)
        assert "Remember this of Ada" in client.get(self.new(ada)).content.decode()
        given = {"text": "Is hard of hearing: write, do not call.", "strategy": "preferences", "expires": "never"}
        response = client.post(self.new(ada), given)
        (memory,) = all_of(ada)
        assert response.headers["Location"] == f"/customers/{ada.pk}/#memory-{memory.pk}"
        assert (memory.author, memory.author_user_id, memory.confidence) == ("person", support.pk, 1.0)
        assert (memory.expires_at, memory.agent_id, memory.session_id) == (None, None, None)
        assert "does not expire" in page_of(support, ada)

    def test_what_is_known_already_becomes_surer(self, support: User, ada: Customer) -> None:
        add_memory(ada.pk, "Likes tea.", strategy="facts")
        client = client_of(support)
        client.post(self.new(ada), {"text": "Likes tea.", "strategy": "facts", "expires": "life"})
        (memory,) = all_of(ada)
        assert (memory.times, memory.confidence) == (2, 1.0)
        assert "It was known already" in client.get(f"/customers/{ada.pk}/").content.decode()

    @pytest.mark.parametrize(
        "given",
        [
            {"text": " ", "strategy": "facts", "expires": "life"},
            {"text": "x" * 2001, "strategy": "facts", "expires": "life"},
            {"text": "Likes tea.", "strategy": "episodes", "expires": "life"},
            {"text": "Likes tea.", "strategy": "facts", "expires": "soon"},
        ],
        ids=["empty", "long", "kind", "expiry"],
    )
    def test_bad_input(self, support: User, ada: Customer, given: dict[str, str]) -> None:
        response = client_of(support).post(self.new(ada), given)
        assert response.status_code == 422
        assert given["text"].strip() in response.content.decode()
        assert all_of(ada) == []

    def test_who_may(self, analyst: User, stranger: User, support: User, ada: Customer) -> None:
        for user in (analyst, stranger):
            assert client_of(user).post(self.new(ada), {"text": "X"}).status_code == 403
        assert client_of(support).post(f"/customers/{uuid7()}/memories/new/").status_code == 404
