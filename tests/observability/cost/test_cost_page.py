from __future__ import annotations

import csv
import io
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability import cost
from observability.access import Role
from observability.cost import EVERYTHING, BudgetLine
from observability.cost_range import month_of
from observability.models import Charge, SpendingHour
from observability.rolling import roll_up
from tests.factories import client_of, make_user
from tests.observability.cost.cases import AGENT, OTHER, make_charged, spent_on_this

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
PAGES = ["/cost/", "/cost/export/", "/cost/conversations/", "/cost/charges/", "/cost/charges/export/", "/prices/"]


def page(user: User, path: str = "/cost/") -> str:
    response = client_of(user).get(path)
    assert response.status_code == 200
    return response.content.decode()


def recently(*usd: str, hours: float = 3, **values: Any) -> list[Charge]:
    return make_charged(*usd, at=timezone.now() - timedelta(hours=hours), **values)


@pytest.fixture(autouse=True)
def nobody_above(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cost, "budget_lines", [])
    monkeypatch.setattr(cost, "resolved_counters", [])


@pytest.mark.parametrize("path", [*PAGES, "/cost/calculator/", "/prices/export/"])
def test_analysts_and_admins_see_money(path: str, stranger: User) -> None:
    recently("0.5")
    for role in Role:
        may = role in {Role.ANALYST, Role.ADMIN}
        assert client_of(make_user(role)).get(path).status_code == (200 if may else 403)
    assert client_of(stranger).get(path).status_code == 403
    assert client_of(make_user(Role.ANALYST)).post(path).status_code == 405


@pytest.mark.parametrize("path", PAGES[:5])
@pytest.mark.parametrize("query", ["range=ever", "agent=me", "since=now", "from=x", "version=x&agent=" + str(AGENT)])
def test_what_no_page_links_to_is_not_found(path: str, query: str, analyst: User) -> None:
    assert client_of(analyst).get(f"{path}?{query}").status_code == 404


def test_with_nothing_spent_it_says_what_will_appear(analyst: User) -> None:
    text = page(analyst)
    assert "Nothing was spent in this time" in text
    assert "no hour is summed yet" in text
    assert "/cost/export/" not in text
    text = page(analyst, f"/cost/?agent={AGENT}")
    assert "Nothing was spent on this" in text
    assert "Take the filters away" in text


def test_every_number_opens_its_list(analyst: User) -> None:
    recently("1.23456789", "0.1", agent_name="Refunds", channel="email")
    text = page(analyst)
    assert 'title="$1.33456789"' in text
    assert f'href="/cost/?agent={AGENT}"' in text
    assert f'href="/cost/charges/?agent={AGENT}"' in text
    assert f'href="/traces/?agent={AGENT}&amp;since=' in text
    assert 'href="/cost/?channel=email"' in text
    assert "/cost/charges/?since=" in text
    assert 'hx-get="/cost/conversations/?"' in text


def test_narrowed_it_says_so_and_shows_less(analyst: User) -> None:
    recently("1", agent_name="Refunds")
    recently("5", agent_id=OTHER, agent_name="Sales")
    response = client_of(analyst).get(f"/cost/?agent={AGENT}")
    assert response.context["figures"].usd == 1
    text = response.content.decode()
    assert "Agent: Refunds" in text
    assert "Sales" not in text
    assert "By agent" not in text


def test_names_of_models_are_no_markup(analyst: User) -> None:
    recently("1", charge={"subject": "<b>m</b>&x=1"}, agent_name="<i>A</i>", customer="<u>c</u>@example.com")
    for path in ("/cost/", "/cost/charges/", "/cost/conversations/", "/cost/?stack=model"):
        text = page(analyst, path)
        assert "<b>m" not in text
        assert "<i>A" not in text
        assert "<u>c" not in text


def test_what_has_no_price_is_led_to_it_by_an_admin(analyst: User, admin: User) -> None:
    recently("0", charge={"basis": Charge.Basis.UNKNOWN, "subject": "vllm/qwen 3"})
    for user in (analyst, admin):
        text = page(user)
        assert "1 charge had no price and counts as nothing." in text
        assert ("/prices/new/?model=vllm%2Fqwen%203" in text) is (user == admin)


def test_it_says_up_to_when_hours_are_summed(analyst: User) -> None:
    recently("1", hours=30)
    roll_up()
    assert SpendingHour.objects.exists()
    assert "are summed, what came later is counted charge by charge" in page(analyst)


def test_budgets_are_shown_against_the_clock(analyst: User, monkeypatch: pytest.MonkeyPatch) -> None:
    month = month_of(timezone.now().date())
    line = BudgetLine(
        name="<b>Everything</b>",
        scope=EVERYTHING,
        period="month",
        begins_at=month.since,
        ends_at=month.until,
        amount=Decimal(10),
        spent=Decimal("10.5"),
        reserved=Decimal(1),
        url="/cost/budgets/x/",
    )
    monkeypatch.setattr(cost, "budget_lines", [lambda: [line]])
    recently("1", hours=0)
    text = page(analyst)
    assert "&lt;b&gt;Everything" in text
    assert 'href="/cost/budgets/x/"' in text
    assert "$10.50 of $10.00" in text
    assert "used up, begins again" in text
    assert "would be an even pace" in text
    # A budget of everything says nothing about one agent.
    assert "would be an even pace" not in page(analyst, f"/cost/?agent={AGENT}")


def test_conversations_come_by_themselves_and_without_script_by_a_link(analyst: User) -> None:
    recently("0.6", customer="ada@example.com")
    recently("0.2")
    fragment = page(analyst, "/cost/conversations/")
    assert "<html" not in fragment
    assert "$0.4000" in fragment
    assert "cannot be told by these filters" in fragment
    # The sums above are brought up to date as well.
    assert "hx-swap-oob" not in fragment
    by_script = client_of(analyst).get("/cost/conversations/", headers={"HX-Request": "true"}).content.decode()
    assert 'id="usd-a-conversation" hx-swap-oob="true">$0.4000' in by_script
    whole = page(analyst, "/cost/?conversations=1")
    assert "Dearest conversations" in whole
    assert "ada@example.com" in whole


def test_the_file_has_every_row_and_adds_up(analyst: User) -> None:
    for number in range(14):
        recently("0.12345678", charge={"subject": f"model-{number}"})
    recently("0.5", charge={"subject": "=HYPERLINK(1)"})
    response = client_of(analyst).get("/cost/export/")
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Cache-Control"] == "no-store"
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    whole = spent_on_this()
    for title in {row["Table"] for row in rows}:
        parts = [Decimal(row["US dollars"]) for row in rows if row["Table"] == title and row["Name"] != "All"]
        (total,) = [row["US dollars"] for row in rows if row["Table"] == title and row["Name"] == "All"]
        assert sum(parts) == whole == Decimal(total)
    assert len([row for row in rows if row["Table"] == "By model and tool"]) == 16
    assert {row["Name"] for row in rows} >= {"'=HYPERLINK(1)", "model-13"}
