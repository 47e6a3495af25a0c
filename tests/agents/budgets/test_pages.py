from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import BudgetCrossing, BudgetStep, Limit, Usage
from agents.usage import limit_list
from observability.audit import verify
from observability.ids import uuid7
from observability.models import AuditEntry, Notice
from tests.agents.budgets.cases import make_budget
from tests.factories import client_of, make_agent, make_customer, make_session

pytestmark = pytest.mark.django_db
URL = "/cost/budgets/"
NEW = {
    "amount": "12.5",
    "period": "day",
    "scope": "all",
    "agent": "",
    "refuses": "on",
    "step0-percent": "50",
    "step0-action": "notify",
    "step1-percent": "80",
    "step1-action": "cheaper",
    "step1-model": "claude-haiku-5-5",
    "step2-percent": "",
    "step2-action": "notify",
}


@pytest.fixture(autouse=True)
def _fresh_limits() -> Iterator[None]:
    limit_list.forget()
    yield
    limit_list.forget()


def use(limit: Limit, subject: object = "", *, spent: str, reserved: str = "0") -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_period_begins(%s, now())", [limit.period])
        begins_at = cursor.fetchone()[0]
    Usage.objects.create(limit=limit, subject=str(subject), begins_at=begins_at, spent=spent, reserved=reserved)


def text_of(user: User, url: str = URL) -> str:
    response = client_of(user).get(url)
    assert response.status_code == 200
    return str(response.content.decode())


def cross(limit: Limit, **fields: Any) -> BudgetCrossing:
    now = timezone.now()
    values: dict[str, Any] = {"percent": 50, "action": "notify", "amount": 50, "spent": 25, "begins_at": now, "at": now}
    return BudgetCrossing.objects.create(limit=limit, **{**values, **fields})


class TestList:
    def test_it_shows_what_is_spent_and_what_holds_to_every_role(
        self, support: User, reviewer: User, analyst: User, admin: User
    ) -> None:
        use(make_budget(50, (50, "notify"), (80, "drafts")), spent="41.2", reserved="1.5")
        for user in (support, reviewer, analyst, admin):
            text = text_of(user)
            assert "$41.20 of $50.00" in text
            assert "$1.50 set aside for calls under way" in text
            assert "Drafts only" in text
            assert "80 % ($40.00): the agent only drafts, and a person sends" in text

    def test_every_scope_and_no_limit_of_another_measure(self, support: User) -> None:
        agent, customer = make_agent("refunds", name="Refunds"), make_customer("ada+x@example.com")
        session = make_session(agent=agent, customer=customer)
        subjects = {"agent": agent.pk, "customer": customer.pk, "session": session.pk, "channel": "chat"}
        for scope, subject in subjects.items():
            use(make_budget(10, scope=scope), subject, spent="3")
        use(Limit.objects.get(scope="customer"), uuid7(), spent="2")
        make_budget(10, measure="tokens")
        text = text_of(support)
        assert text.count("$3.00 of $10.00") == 4 * 2, "each in words and for readers of screens"
        assert 'href="/agents/refunds/"' in text
        assert "q=ada%2Bx%40example.com" in text
        assert f'href="/inbox/{session.pk}/"' in text
        assert "Chat" in text
        assert "Deleted" in text
        assert "10 tokens" not in text

    def test_only_an_admin_is_offered_changes(self, analyst: User, admin: User) -> None:
        assert "Set recommended budgets" not in text_of(analyst)
        assert "Set recommended budgets" in text_of(admin)
        make_budget(5)
        assert "New budget" not in text_of(analyst)
        assert "New budget" in text_of(admin)

    def test_strangers_and_the_signed_out(self, stranger: User, support: User) -> None:
        assert Client().get(URL).status_code == 302
        assert client_of(stranger).get(URL).status_code == 403
        assert client_of(support).post(URL).status_code == 405

    def test_more_budgets_take_no_more_queries(self, support: User, django_assert_max_num_queries: Any) -> None:
        for scope, subject in (("agent", make_agent().pk), ("customer", make_customer().pk), ("session", uuid7())):
            for period in ("day", "week", "month"):
                budget = make_budget(5, (50, "notify"), (80, "drafts"), scope=scope, period=period)
                use(budget, subject, spent="1")
                use(budget, uuid7(), spent="1")
        client = client_of(support)
        with django_assert_max_num_queries(12):
            client.get(URL)


class TestForm:
    url = f"{URL}new/"

    def test_a_new_one_is_made_with_its_steps_and_written_down(self, admin: User) -> None:
        assert "At 50 % ($25.00) people are told." in text_of(admin, self.url)
        response = client_of(admin).post(self.url, NEW)
        budget = Limit.objects.get()
        assert response["Location"] == f"{URL}{budget.pk}/"
        assert (budget.measure, budget.amount, budget.refuses) == ("usd", Decimal("12.5"), True)
        assert list(budget.steps.values_list("percent", "action", "model")) == [
            (50, "notify", ""),
            (80, "cheaper", "claude-haiku-5-5"),
        ]
        entry = AuditEntry.objects.get(action="budget.add")
        assert (entry.actor_id, entry.subject_id) == (admin.pk, str(budget.pk))
        assert entry.after is not None
        assert entry.after["steps"][1] == {"percent": 80, "action": "cheaper", "model": "claude-haiku-5-5"}

    @pytest.mark.parametrize(
        ("values", "said"),
        [
            ({"amount": ""}, "This field is required"),
            ({"amount": "-1"}, "greater than or equal to 0"),
            ({"period": "year"}, "not one of the available choices"),
            ({"step0-percent": "0"}, "greater than or equal to 1"),
            ({"step0-percent": "x"}, "Enter a whole number"),
            ({"step0-action": "explode"}, "not one of the available choices"),
            ({"step1-model": "no-such-model"}, "not one of the available choices"),
            ({"step2-percent": "50"}, "Tell people stands twice at 50 %"),
            ({"step2-percent": "120"}, "never comes to 120 %"),
            ({"refuses": "", "step0-percent": "", "step1-percent": ""}, "It would do nothing"),
            ({"scope": "customer"}, "There is such a budget already"),
        ],
    )
    def test_bad_input_is_said_and_nothing_is_saved(self, admin: User, values: dict[str, str], said: str) -> None:
        make_budget(5, scope="customer")
        response = client_of(admin).post(self.url, {**NEW, **values})
        assert response.status_code == 422
        assert said in response.content.decode()
        assert Limit.objects.count() == 1
        assert not AuditEntry.objects.filter(action="budget.add").exists()

    def test_the_sentence_follows_what_is_written(self, admin: User) -> None:
        client = client_of(admin)
        text = client.get(f"{URL}sentence/", NEW).content.decode()
        assert "At most $12.50 a day for everything together. It begins anew at 00:00 UTC." in text
        assert "At 50 % ($6.25) people are told. From 80 % ($10.00) on claude-haiku-5-5 answers." in text
        assert "is not made" in text
        open_ended = {name: value for name, value in NEW.items() if name != "refuses"}
        assert "It refuses nothing" in client.get(f"{URL}sentence/", open_ended).content.decode()
        assert "Give an amount" in client.get(f"{URL}sentence/", {**NEW, "amount": ""}).content.decode()
        assert client.get(f"{URL}sentence/", {**NEW, "limit": "x"}).status_code == 404

    def test_a_change_keeps_what_was_spent_and_enters_what_is_reached_by_it(self, admin: User) -> None:
        budget = make_budget(50, (80, "drafts"))
        use(budget, spent="30")
        url = f"{URL}{budget.pk}/edit/"
        assert 'value="50"' in text_of(admin, url)
        client_of(admin).post(url, {"amount": "40", "step0-percent": "70", "step0-action": "people", "refuses": "on"})
        budget.refresh_from_db()
        assert budget.amount == 40
        assert list(budget.steps.values_list("percent", "action")) == [(70, "people")]
        assert list(budget.crossings.values_list("percent", "action")) == [(70, "people")]
        assert budget.usages.get().spent == 30
        entry = AuditEntry.objects.get(action="budget.change")
        assert entry.before is not None
        assert entry.after is not None
        assert (entry.before["amount"], entry.after["amount"]) == ("50", "40")
        assert verify() is None

    def test_a_change_that_is_wrong_changes_nothing(self, admin: User) -> None:
        budget = make_budget(50, (80, "drafts"))
        response = client_of(admin).post(f"{URL}{budget.pk}/edit/", {"amount": "", "step0-percent": "700"})
        assert response.status_code == 422
        assert "less than or equal to 500" in response.content.decode()
        response = client_of(admin).post(f"{URL}{budget.pk}/edit/", {"amount": "9", "step0-percent": "700"})
        assert "A step needs your attention." in response.content.decode()
        assert budget.steps.get().percent == 80

    @pytest.mark.parametrize("path", ["new/", "{id}/edit/", "sentence/"])
    def test_only_an_admin(self, analyst: User, path: str) -> None:
        url = URL + path.format(id=make_budget(5).pk)
        assert client_of(analyst).get(url).status_code == 403


class TestOne:
    def test_it_shows_steps_pace_and_what_was_reached(self, support: User) -> None:
        budget = make_budget(50, (50, "notify"), (80, "cheaper", "claude-haiku-5-5"), scope="customer")
        use(budget, make_customer("ada@example.com", name="Ada").pk, spent="41")
        cross(budget, told_at=timezone.now())
        cross(budget, percent=100, action="refused", spent=Decimal("49.9"))
        text = text_of(support, f"{URL}{budget.pk}/")
        assert "From 80 % ($40.00) on claude-haiku-5-5 answers." in text
        assert "50 %: People are told" in text
        assert "It refuses what could exceed it" in text
        assert "$49.90 of $50.00" in text
        assert "One customer" in text or "one customer" in text
        assert "not yet" in text
        assert "Test the alert" not in text

    def test_the_history_goes_on(self, support: User) -> None:
        budget, now = make_budget(50, (50, "notify")), timezone.now()
        for number in range(60):
            at = now - timedelta(days=number)
            cross(budget, begins_at=at, at=at, spent=number)
        client = client_of(support)
        text = client.get(f"{URL}{budget.pk}/").content.decode()
        assert "$49.00 of" in text
        assert "$50.00 of $50.00" not in text
        older = client.get(f"{URL}{budget.pk}/", {"before": (now - timedelta(days=49)).isoformat()}).content.decode()
        assert "$59.00 of" in older
        assert "$49.00 of" not in older
        assert client.get(f"{URL}{budget.pk}/?before=2026-99-99T00:00").status_code == 200

    def test_there_is_none(self, support: User) -> None:
        tokens = make_budget(10, measure="tokens")
        for pk in (uuid7(), tokens.pk):
            assert client_of(support).get(f"{URL}{pk}/").status_code == 404

    def test_a_test_shows_its_deliveries(self, admin: User, analyst: User) -> None:
        budget = make_budget(50, (50, "notify"))
        url = f"{URL}{budget.pk}/test/"
        assert client_of(analyst).post(url).status_code == 403
        assert client_of(admin).get(url).status_code == 405
        assert client_of(admin).post(url).status_code == 302
        assert Notice.objects.get().is_test
        text = text_of(admin, f"{URL}{budget.pk}/")
        assert "Test: 50 % of $50.00 a day for everything together is spent" in text
        assert "in the application" in text

    def test_it_is_switched_off_and_deleted_and_both_are_written_down(self, admin: User, analyst: User) -> None:
        budget = make_budget(50, (50, "notify"))
        cross(budget)
        use(budget, spent="1")
        for act in ("switch", "delete"):
            assert client_of(analyst).post(f"{URL}{budget.pk}/{act}/").status_code == 403
        client_of(admin).post(f"{URL}{budget.pk}/switch/", {"enabled": ""})
        budget.refresh_from_db()
        assert not budget.enabled
        assert "This budget is off" in text_of(admin, f"{URL}{budget.pk}/")
        client_of(admin).post(f"{URL}{budget.pk}/switch/", {"enabled": "on"})
        client_of(admin).post(f"{URL}{budget.pk}/delete/")
        assert not Limit.objects.exists()
        assert not BudgetStep.objects.exists()
        assert not BudgetCrossing.objects.exists()
        assert not Usage.objects.exists()
        acts = list(AuditEntry.objects.order_by("id").values_list("action", "subject_id"))
        assert acts == [("limit.switch", str(budget.pk))] * 2 + [("limit.delete", str(budget.pk))]

    def test_the_page_of_the_limit_leads_to_it(self, support: User) -> None:
        budget = make_budget(50)
        assert f'href="{URL}{budget.pk}/"' in text_of(support, f"/limits/{budget.pk}/")
        assert f'href="{URL}"' in text_of(support, "/limits/")


class TestRecommended:
    url = f"{URL}recommended/"

    def test_one_click_sets_what_is_missing_and_a_second_nothing(self, admin: User) -> None:
        bare, own = make_budget(7), make_budget(9, (10, "stop"), scope="customer")
        client = client_of(admin)
        client.post(self.url)
        assert Limit.objects.count() == 4
        bare.refresh_from_db()
        assert (bare.amount, bare.steps.count()) == (Decimal(7), 3)
        assert list(own.steps.values_list("percent", "action")) == [(10, "stop")]
        before = AuditEntry.objects.count()
        assert "All of them were set already" in client.post(self.url, follow=True).content.decode()
        assert (Limit.objects.count(), AuditEntry.objects.count()) == (4, before)

    def test_only_an_admin_and_only_by_post(self, admin: User, analyst: User) -> None:
        assert client_of(analyst).post(self.url).status_code == 403
        assert client_of(admin).get(self.url).status_code == 405


@pytest.mark.django_db
def test_those_who_see_the_money_find_its_pages(analyst: User, support: User) -> None:
    make_budget(5)
    assert "/cost/calculator/" in client_of(analyst).get(reverse("agents:budgets")).text
    assert "/cost/calculator/" not in client_of(support).get(reverse("agents:budgets")).text
