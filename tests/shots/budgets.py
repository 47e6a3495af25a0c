"""Budgets in every state: in time, ahead of their pace, with a step that holds, used up, off; and a draft."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from playwright.sync_api import Page

from agents.budget_changes import add_budget
from agents.budget_watch import send_test, watch_budgets
from agents.limits import switch_limit
from agents.models import BudgetCrossing, BudgetStep, Customer, Limit, Session, Usage
from agents.usage import limit_list
from tests.shots.camera import Shot

ADMIN, ANALYST = "admin@demo.example", "analyst@demo.example"
CHEAPER = "claude-haiku-5-5"
QUESTION = "Hello, do you also ship to Norway?"
Write = Callable[[str, str], UUID]


@dataclass(frozen=True, kw_only=True)
class Budgeted:
    """Ids of what the pages are of."""

    daily: UUID
    weekly: UUID
    customers: UUID
    drafted: UUID


def fill_budgets(write: Write, admin: User) -> Budgeted:
    monthly = budget("1200", "month", (50, "notify"), (80, "notify"), (95, "people"), by=admin)
    weekly = budget("150", "week", (50, "notify"), (100, "notify"), (150, "drafts"), refuses=False, by=admin)
    customers = budget("5", "day", (80, "cheaper", CHEAPER), scope="customer", by=admin)
    channels = budget("40", "day", (90, "notify"), scope="channel", by=admin)
    switch_limit(budget("2", "ever", (80, "cheaper"), scope="session", by=admin), enabled=False, by=admin)
    daily = budget("50", "day", (50, "notify"), (80, "cheaper", CHEAPER), (95, "drafts"), by=admin)
    spend(daily, "47.91")
    limit_list.forget()
    drafted = write("ida@example.com", QUESTION)
    Usage.objects.filter(limit=daily).delete()
    spend(daily, "41.20", reserved="0.86")
    spend(monthly, "402.71")
    spend(weekly, "171.44")
    spend(channels, "12.02", "chat")
    for number, (customer, amount) in enumerate(zip(people(), ("5.00", "4.31", "0.72"), strict=False)):
        spend(customers, amount, str(customer.pk), reserved="0.09" if number == 1 else "0")
    watch_budgets()
    for days in range(1, 9):
        remember(daily, days, 50, "notify")
        if days % 2:
            remember(daily, days, 80, "cheaper")
    remember(daily, 4, 100, "refused")
    send_test(daily)
    # Nothing on the other pages is to be drafted or refused.
    Limit.objects.filter(pk__in=[daily.pk, weekly.pk]).update(created_at=timezone.now() - timedelta(days=40))
    limit_list.forget()
    return Budgeted(daily=daily.pk, weekly=weekly.pk, customers=customers.pk, drafted=drafted)


def budget(
    amount: str,
    period: str,
    *steps: tuple[int, str] | tuple[int, str, str],
    by: User,
    scope: str = "all",
    refuses: bool = True,
) -> Limit:
    limit = Limit(amount=Decimal(amount), period=period, scope=scope, measure="usd", refuses=refuses)
    made = [BudgetStep(percent=percent, action=action, model="".join(name)) for percent, action, *name in steps]
    return add_budget(limit, made, by=by)


def spend(limit: Limit, amount: str, subject: str = "", *, reserved: str = "0") -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_period_begins(%s, now())", [limit.period])
        begins_at = cursor.fetchone()[0]
    Usage.objects.update_or_create(
        limit=limit,
        subject=subject,
        begins_at=begins_at,
        defaults={"spent": Decimal(amount), "reserved": Decimal(reserved)},
    )


def people() -> list[Customer]:
    spoken = Session.objects.order_by("opened_at").values("customer")
    return list(Customer.objects.filter(pk__in=spoken).order_by("email")[:3])


def remember(limit: Limit, days: int, percent: int, action: str) -> None:
    """What was reached on an earlier day."""
    at = timezone.now() - timedelta(days=days, minutes=17 * percent % 300)
    BudgetCrossing.objects.create(
        limit=limit,
        begins_at=at.replace(hour=0, minute=0, second=0, microsecond=0),
        percent=percent,
        action=action,
        amount=limit.amount,
        spent=limit.amount * percent / 100 + Decimal("0.0374"),
        at=at,
        told_at=at + timedelta(seconds=9),
    )


def with_mistakes(page: Page) -> None:
    page.locator("#id_amount").fill("-3")
    page.locator("#id_step0-percent").fill("900")
    page.get_by_role("button", name="Set the budget").click()
    page.locator(".form-errors").wait_for()


def being_written(page: Page) -> None:
    page.locator("#id_amount").fill("120")
    page.locator("#id_scope").select_option("agent")
    page.locator("#id_step3-percent").fill("100")
    page.locator("#id_step3-action").select_option("stop")
    page.locator("#budget-sentence", has_text="no model is called").wait_for()


def edits(page: Page) -> None:
    page.locator(".draft-edit > summary").click()


def first_budget_pages() -> list[Shot]:
    return [
        Shot(name="budgets-none", path="/cost/budgets/", who=ADMIN),
        Shot(name="budgets-none-read", path="/cost/budgets/", who=ANALYST),
        Shot(name="limits-none", path="/limits/", who=ADMIN),
    ]


def budget_pages(made: Budgeted) -> list[Shot]:
    return [
        Shot(name="budgets", path="/cost/budgets/", who=ADMIN, whole=True),
        Shot(name="budgets-read", path="/cost/budgets/", who=ANALYST),
        Shot(name="budget", path=f"/cost/budgets/{made.daily}/", who=ADMIN, whole=True),
        Shot(name="budget-week", path=f"/cost/budgets/{made.weekly}/", who=ANALYST, whole=True),
        Shot(name="budget-customers", path=f"/cost/budgets/{made.customers}/", who=ADMIN, whole=True),
        Shot(name="budget-new", path="/cost/budgets/new/", who=ADMIN, act=being_written, whole=True),
        Shot(name="budget-wrong", path="/cost/budgets/new/", who=ADMIN, act=with_mistakes, whole=True),
        Shot(name="budget-edit", path=f"/cost/budgets/{made.daily}/edit/", who=ADMIN, whole=True),
        Shot(name="budget-draft", path=f"/inbox/{made.drafted}/"),
        Shot(name="budget-draft-edit", path=f"/inbox/{made.drafted}/", act=edits),
        Shot(name="budget-limits", path="/limits/", who=ADMIN, whole=True),
        Shot(name="budget-limit", path=f"/limits/{made.daily}/", who=ADMIN),
    ]
