from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Customer, Session
from memory.models import Erasure, RetentionRun
from memory.retention import kept
from tests.agents.erasure_cases import plant
from tests.factories import client_of, make_customer, make_session, make_trace

pytestmark = pytest.mark.django_db
URL = "/retention/"
AS_IT_IS = {"conversations": "30", "memories": "730", "traces": "90"}
LONG_AGO = timezone.now() - timedelta(days=60)


@pytest.fixture(autouse=True)
def _by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


def days() -> tuple[int | None, int | None, int | None]:
    row = kept()
    return row.conversations, row.memories, row.traces


def old_session() -> Session:
    return make_session(
        customer=make_customer(name="Ben"),
        controller=Session.Controller.CLOSED,
        closed_at=LONG_AGO,
        preview="Thank you",
    )


# -- retention


def test_it_shows_the_times_and_what_goes_tonight(admin: User) -> None:
    session = old_session()
    page = client_of(admin).get(URL).content.decode()
    assert 'value="730"' in page
    assert "Ben: Thank you" in page
    assert f"/inbox/{session.pk}/" in page
    assert "closed 30 days ago or earlier" in page
    assert "none was last said 730 days ago or earlier" in page
    assert "No night yet" in page


def test_nights_are_listed_and_an_unfinished_one_says_so(admin: User) -> None:
    RetentionRun.objects.create(counts={"agents_session": 1234}, finished_at=timezone.now())
    RetentionRun.objects.create(counts={})
    page = client_of(admin).get(URL).content.decode()
    assert "Conversations 1,234" in page
    assert "Not finished" in page
    assert "Nothing had had its time." in page


def test_a_longer_time_is_saved_at_once_with_who_and_when(admin: User) -> None:
    response = client_of(admin).post(URL, {"conversations": "60", "memories": "", "traces": "90"})
    assert response.status_code == 302
    assert days() == (60, None, 90)
    assert kept().changed_by == admin
    assert f"Set by {admin.first_name}, " in client_of(admin).get(URL).content.decode()


def test_a_shorter_time_shows_what_goes_before_it_is_saved(admin: User) -> None:
    make_trace(started_at=LONG_AGO, customer="ada@example.com", input_text="Where is it?")
    client = client_of(admin)
    shorter = {**AS_IT_IS, "traces": "50"}
    page = client.post(URL, shorter).content.decode()
    assert "Nothing is saved yet." in page
    assert "ada@example.com: Where is it?" in page
    assert "traces 50 days" in page
    assert days() == (30, 730, 90)
    # Confirmed for other values than those that were shown.
    assert client.post(URL, {**AS_IT_IS, "traces": "10", "confirmed": "30/730/50"}).status_code == 200
    assert days() == (30, 730, 90)
    assert client.post(URL, {**shorter, "confirmed": "30/730/50"}).status_code == 302
    assert days() == (30, 730, 50)


def test_from_for_ever_to_some_time_is_shorter(admin: User) -> None:
    client = client_of(admin)
    client.post(URL, {"conversations": "", "memories": "", "traces": ""})
    assert days() == (None, None, None)
    assert "kept for ever" in client.get(URL).content.decode()
    assert "Nothing is saved yet." in client.post(URL, {**AS_IT_IS}).content.decode()
    assert days() == (None, None, None)


@pytest.mark.parametrize("value", ["0", "-1", "soon", "1.5", "36501"])
def test_what_is_no_number_of_days_is_refused_beside_its_field(admin: User, value: str) -> None:
    response = client_of(admin).post(URL, {**AS_IT_IS, "memories": value})
    assert response.status_code == 422
    assert "Nothing was saved." in response.content.decode()
    assert "Give a whole number of days" in response.content.decode()
    assert f'value="{value}"' in response.content.decode()
    assert days() == (30, 730, 90)


def test_only_an_admin_comes_to_any_of_it(support: User, reviewer: User, analyst: User, stranger: User) -> None:
    customer = make_customer()
    receipt = Erasure.objects.create(counts={}, seconds=0.1)
    addresses = [URL, "/erasures/", f"/erasures/{receipt.pk}/", f"/customers/{customer.pk}/erase/"]
    for user in (support, reviewer, analyst, stranger):
        for address in addresses:
            assert client_of(user).get(address).status_code == 403
            assert client_of(user).post(address, {"address": customer.email, **AS_IT_IS}).status_code == 403
    for address in addresses:
        assert Client().get(address).status_code == 302
    assert Customer.objects.filter(pk=customer.pk).exists()


# -- an erasure


def erase_url(customer: Customer) -> str:
    return f"/customers/{customer.pk}/erase/"


def test_it_shows_what_goes_and_erases_nothing(admin: User) -> None:
    planted = plant("zqxpage")
    page = client_of(admin).get(erase_url(planted.customer)).content.decode()
    for words in ("Messages and steps", "Gateway keys that acted for them", "zqxpage@example.com", "Memories"):
        assert words in page, words
    assert Customer.objects.filter(pk=planted.customer.pk).exists()


@pytest.mark.parametrize("typed", ["", "zqxpage", "zqxpage@example.co", "somebody@example.com"])
def test_another_address_erases_nothing_and_is_shown_again(admin: User, typed: str) -> None:
    customer = make_customer("zqxpage@example.com")
    response = client_of(admin).post(erase_url(customer), {"address": typed})
    assert response.status_code == 422
    assert "Nothing was erased." in response.content.decode()
    assert f'value="{typed}"' in response.content.decode()
    assert Customer.objects.filter(pk=customer.pk).exists()
    assert not Erasure.objects.exists()


def test_the_typed_address_erases_and_leads_to_the_receipt(admin: User) -> None:
    planted = plant("zqxpage")
    client = client_of(admin)
    response = client.post(erase_url(planted.customer), {"address": " ZQXpage@example.com "})
    receipt = Erasure.objects.get()
    assert response["Location"] == f"/erasures/{receipt.pk}/"
    page = client.get(response["Location"]).content.decode()
    assert "Messages and steps" in page
    assert "zqxpage" not in page
    assert not [word for word in planted.wanted if word in str(receipt.counts)]
    assert str(receipt.pk) in client.get("/erasures/").content.decode()
    assert "zqxpage" not in client.get("/erasures/").content.decode()
    assert client.get(erase_url(planted.customer)).status_code == 404


def test_sent_twice_it_says_that_they_are_gone(admin: User) -> None:
    customer = make_customer()
    client = client_of(admin)
    for _ in range(2):
        response = client.post(erase_url(customer), {"address": customer.email}, follow=True)
    assert response.redirect_chain[-1][0] == "/erasures/"
    assert "There is no such customer any more." in response.content.decode()
    assert Erasure.objects.count() == 1


def test_without_a_receipt_the_list_says_what_will_be_there(admin: User) -> None:
    assert "Nobody was erased" in client_of(admin).get("/erasures/").content.decode()


@pytest.mark.parametrize("address", ["/erasures/", "/erasures/01a20581-b0c0-747d-b7ea-c4455add0c31/"])
def test_receipts_are_only_read(admin: User, address: str) -> None:
    assert client_of(admin).post(address).status_code == 405
