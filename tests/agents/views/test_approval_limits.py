from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.test import Client

from observability.ids import uuid7
from tests.agents.approval_cases import shop_tools
from tests.factories import client_of
from tools.models import ApproverLimit, MoneyLimit

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop_tools")]
URL = "/approvals/limits/"
PERSON = f"{URL}person/"
NEW = f"{URL}money/new/"
LIMIT = {"tool_key": "", "scope": "customer", "hours": "24", "max_count": "3", "max_amount": ""}


@pytest.fixture(autouse=True)
def _no_limits(shop_tools: None) -> None:
    MoneyLimit.objects.all().delete()


def made(**fields: object) -> MoneyLimit:
    return MoneyLimit.objects.create(**{"scope": "customer", "hours": 24, "max_count": 3, **fields})


def test_it_lists_both_kinds(admin: User, reviewer: User, analyst: User) -> None:
    made(max_amount=Decimal(1000), tool_key="shop___process_refund")
    made(scope="all", hours=720, max_count=None, max_amount=Decimal(20000), enabled=False)
    ApproverLimit.objects.create(user=reviewer, max_amount=Decimal(250))
    page = client_of(analyst).get(URL).content.decode()
    for words in (
        "3 times and 1,000.00 EUR in 24 hours for each customer",
        "20,000.00 in 30 days for everything together",
        "Off",
        reviewer.email,
        "250.00",
    ):
        assert words in page, words
    assert "Set the limit" not in page
    assert "Set the limit" in client_of(admin).get(URL).content.decode()


def test_nothing_set_says_so(admin: User, reviewer: User) -> None:
    assert "Set a limit" in client_of(admin).get(URL).content.decode()
    assert "Nobody has a limit of their own." in client_of(reviewer).get(URL).content.decode()


def test_a_person_gets_a_limit_another_and_none(admin: User, reviewer: User) -> None:
    client = client_of(admin)
    for amount in ("100", "250.50"):
        assert client.post(PERSON, {"user": reviewer.pk, "max_amount": amount}).status_code == 302
    assert ApproverLimit.objects.get().max_amount == Decimal("250.50")
    page = client.post(PERSON, {"user": reviewer.pk, "max_amount": ""}, follow=True).content.decode()
    assert "may approve whatever the role allows" in page
    assert not ApproverLimit.objects.exists()


@pytest.mark.parametrize("amount", ["-1", "x", "NaN", "1e99"])
def test_a_person_gets_no_nonsense(admin: User, reviewer: User, amount: str) -> None:
    response = client_of(admin).post(PERSON, {"user": reviewer.pk, "max_amount": amount})
    assert response.status_code == 422
    assert f'value="{amount}"' in response.content.decode()


def test_only_who_approves_has_a_limit(admin: User, analyst: User) -> None:
    assert client_of(admin).post(PERSON, {"user": analyst.pk, "max_amount": "5"}).status_code == 422


def test_a_limit_is_added_changed_and_switched_off(admin: User) -> None:
    client = client_of(admin)
    page = client.post(NEW, LIMIT, follow=True).content.decode()
    assert "From now on: at most 3 times in 24 hours for each customer." in page
    limit = MoneyLimit.objects.get()
    path = f"{URL}money/{limit.pk}/"
    assert "Change the limit" in client.get(path).content.decode()
    client.post(path, {**LIMIT, "max_amount": "99.50"})
    limit.refresh_from_db()
    assert limit.max_amount == Decimal("99.50")
    client.post(f"{path}switch/")
    limit.refresh_from_db()
    assert not limit.enabled
    assert "This limit is off." in client.get(path).content.decode()
    client.post(f"{path}switch/", {"enabled": "on"})
    limit.refresh_from_db()
    assert limit.enabled


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"max_count": ""}, "Say how often, how much, or both."),
        ({"hours": "0"}, "From 1 to 8,760 hours."),
        ({"max_amount": "-2"}, "greater than or equal to 0"),
        ({"tool_key": "shop___get_order"}, "Select a valid choice"),
        ({"scope": "galaxy"}, "Select a valid choice"),
    ],
    ids=["nothing", "hours", "negative", "tool", "scope"],
)
def test_a_limit_that_says_nothing_sensible(admin: User, changes: dict[str, str], words: str) -> None:
    response = client_of(admin).post(NEW, {**LIMIT, **changes})
    assert response.status_code == 422
    assert words in response.content.decode()
    assert not MoneyLimit.objects.exists()


def test_the_same_limit_is_not_made_twice(admin: User) -> None:
    made()
    response = client_of(admin).post(NEW, LIMIT)
    assert response.status_code == 422
    assert "There is such a limit already." in response.content.decode()


def test_others_read_only(reviewer: User, stranger: User, client: Client) -> None:
    limit = made()
    changing = (PERSON, NEW, f"{URL}money/{limit.pk}/", f"{URL}money/{limit.pk}/switch/")
    assert client_of(reviewer).get(URL).status_code == 200
    for path in changing:
        assert client_of(reviewer).post(path).status_code == 403
        assert client.post(path).status_code == 302
    assert client_of(stranger).get(URL).status_code == 403


def test_wrong_method_and_nothing_there(admin: User) -> None:
    client = client_of(admin)
    assert client.post(URL).status_code == 405
    assert client.get(PERSON).status_code == 405
    assert client.get(f"{URL}money/{uuid7()}/").status_code == 404
