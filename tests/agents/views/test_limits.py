from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Limit, Usage
from agents.usage import limit_list
from observability.ids import uuid7
from tests.factories import client_of, make_agent, make_customer, make_session

pytestmark = pytest.mark.django_db
URL = "/limits/"
NEW = {"measure": "usd", "amount": "12.5", "period": "day", "scope": "all", "agent": ""}


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    limit_list.forget()
    yield
    limit_list.forget()


def make_limit(amount: str = "50", **fields: Any) -> Limit:
    return Limit.objects.create(amount=amount, **{"scope": "all", "measure": "usd", "period": "day", **fields})


def use(limit: Limit, subject: object = "", *, spent: str, reserved: str = "0") -> None:
    today = timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)
    begins_at = datetime(1970, 1, 1, tzinfo=UTC) if limit.period == "ever" else today
    Usage.objects.create(limit=limit, subject=str(subject), begins_at=begins_at, spent=spent, reserved=reserved)


def text_of(user: User, url: str = URL) -> str:
    response = client_of(user).get(url)
    assert response.status_code == 200
    return str(response.content.decode())


class TestList:
    def test_it_shows_how_much_is_used_to_every_role(
        self, support: User, reviewer: User, analyst: User, admin: User
    ) -> None:
        use(make_limit(), spent="41.2", reserved="1.5")
        for user in (support, reviewer, analyst, admin):
            text = text_of(user)
            assert "$50.00 a day for everything together" in text
            assert "$41.20 of $50.00" in text
            assert "Nearly used up" in text
            assert "$1.50 set aside for calls under way" in text

    def test_the_highest_users_are_linked(self, support: User) -> None:
        agent, customer = make_agent("refunds", name="Refunds"), make_customer("ada+x@example.com")
        session = make_session(agent=agent, customer=customer)
        use(make_limit("10", scope="agent"), agent.pk, spent="10")
        use(make_limit("20", scope="customer", measure="messages"), customer.pk, spent="3")
        use(make_limit("900", scope="session", measure="tokens", period="ever"), session.pk, spent="12")
        use(Limit.objects.get(scope="customer"), uuid7(), spent="2")
        text = text_of(support)
        assert 'href="/agents/refunds/"' in text
        assert "Used up by some" in text
        assert "q=ada%2Bx%40example.com" in text
        assert "3 of 20 messages" in text
        assert f'href="/inbox/{session.pk}/"' in text
        assert "12 of 900 tokens" in text
        assert "Deleted" in text

    def test_another_period_does_not_count(self, support: User) -> None:
        limit = make_limit()
        Usage.objects.create(limit=limit, begins_at=datetime(2026, 1, 1, tzinfo=UTC), spent=50)
        assert "$0.00 of $50.00" in text_of(support)

    def test_only_an_admin_is_offered_changes(self, support: User, admin: User) -> None:
        assert "Set recommended limits" not in text_of(support)
        assert "once an admin has set limits" in text_of(support)
        assert "Set recommended limits" in text_of(admin)
        make_limit(measure="messages")
        assert "Set a daily limit" not in text_of(support)
        assert "Set a daily limit" in text_of(admin)

    def test_strangers_and_the_signed_out(self, stranger: User, support: User) -> None:
        assert Client().get(URL).status_code == 302
        assert client_of(stranger).get(URL).status_code == 403
        assert client_of(support).post(URL).status_code == 405

    def test_more_limits_take_no_more_queries(self, support: User, django_assert_max_num_queries: Any) -> None:
        for scope, subject in (("agent", make_agent().pk), ("customer", make_customer().pk), ("session", None)):
            for period in ("day", "ever"):
                limit = make_limit(scope=scope, period=period)
                for _ in range(4):
                    use(limit, subject if subject and not limit.usages.exists() else uuid7(), spent="1")
        client = client_of(support)
        with django_assert_max_num_queries(10):
            client.get(URL)


class TestNew:
    url = f"{URL}new/"

    def test_it_works(self, admin: User) -> None:
        assert "At most $50.00 a day for everything together." in text_of(admin, self.url)
        assert client_of(admin).post(self.url, NEW).status_code == 302
        assert str(Limit.objects.get()) == "Everything together: 12.50000000 usd a day"

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"amount": ""}, "This field is required"),
            ({"amount": "-1"}, "greater than or equal to 0"),
            ({"measure": "messages", "amount": "1.5"}, "give a whole number"),
            ({"period": "year"}, "not one of the available choices"),
            ({"amount": "1", "scope": "customer"}, "There is such a limit already"),
        ],
    )
    def test_bad_input_loses_nothing(self, admin: User, values: dict[str, str], said: str) -> None:
        make_limit(scope="customer")
        response = client_of(admin).post(self.url, {**NEW, **values})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert Limit.objects.count() == 1

    def test_it_says_what_the_limit_will_do(self, admin: User) -> None:
        agent = make_agent(name="Refunds")
        query = {**NEW, "measure": "messages", "amount": "20", "scope": "customer", "agent": str(agent.pk)}
        said = client_of(admin).get(f"{URL}sentence/", query).content.decode()
        assert "At most 20 messages a day for each customer of Refunds. It begins anew at 00:00 UTC." in said
        assert "Give an amount" in client_of(admin).get(f"{URL}sentence/").content.decode()

    def test_only_an_admin_may(self, support: User, reviewer: User, analyst: User) -> None:
        for user in (support, reviewer, analyst):
            for url in (self.url, f"{URL}sentence/"):
                assert client_of(user).get(url).status_code == 403
            assert client_of(user).post(self.url, NEW).status_code == 403
            assert client_of(user).post(f"{URL}recommended/").status_code == 403
        assert not Limit.objects.exists()


class TestRecommended:
    def test_what_is_missing_is_added_once(self, admin: User) -> None:
        make_limit("7")
        client = client_of(admin)
        assert client.get(f"{URL}recommended/").status_code == 405
        for _ in range(2):
            assert client.post(f"{URL}recommended/").status_code == 302
            assert Limit.objects.count() == 4
        assert Limit.objects.get(scope="all").amount == 7


class TestOne:
    def test_everybody_reads_and_an_admin_changes(self, support: User, admin: User) -> None:
        limit = make_limit("50", scope="customer")
        url = f"{URL}{limit.pk}/"
        use(limit, make_customer("ada@example.com", name="Ada").pk, spent="0.004")
        text = text_of(support, url)
        assert "less than $0.01 of $50.00" in text
        assert "Change the amount" not in text
        assert client_of(support).post(url, {"amount": "60"}).status_code == 403
        assert 'value="50"' in text_of(admin, url)
        assert client_of(admin).post(url, {"amount": "60.5"}).status_code == 302
        limit.refresh_from_db()
        assert limit.amount == 60.5

    @pytest.mark.parametrize("amount", ["", "many", "-1", "0.5"])
    def test_bad_input_changes_nothing(self, admin: User, amount: str) -> None:
        limit = make_limit("20", measure="messages")
        response = client_of(admin).post(f"{URL}{limit.pk}/", {"amount": amount})
        assert response.status_code == 422
        assert "20 messages a day" in response.content.decode()
        limit.refresh_from_db()
        assert limit.amount == 20

    def test_off_and_on(self, admin: User, support: User) -> None:
        limit = make_limit()
        url = f"{URL}{limit.pk}/switch/"
        assert client_of(support).post(url).status_code == 403
        assert client_of(admin).get(url).status_code == 405
        client_of(admin).post(url)
        assert "This limit is off." in text_of(admin, f"{URL}{limit.pk}/")
        client_of(admin).post(url, {"enabled": "on"})
        limit.refresh_from_db()
        assert limit.enabled

    def test_deleted_with_its_usage(self, admin: User, support: User) -> None:
        limit = make_limit()
        use(limit, spent="1")
        url = f"{URL}{limit.pk}/delete/"
        assert client_of(support).post(url).status_code == 403
        assert client_of(admin).get(url).status_code == 405
        assert client_of(admin).post(url).status_code == 302
        assert not Limit.objects.exists()
        assert not Usage.objects.exists()

    def test_strangers_and_missing_ones(self, stranger: User, support: User) -> None:
        url = f"{URL}{uuid7()}/"
        assert Client().get(url).status_code == 302
        assert client_of(stranger).get(url).status_code == 403
        assert client_of(support).get(url).status_code == 404
