"""`python -m tests.faults.prepare FOLDER SEED CONVERSATIONS`: what stands in the databases before the first message.

A process of its own, as only this part needs Django. Prints the customers' links, one line of JSON.
"""

from __future__ import annotations

import json
import sys
from contextlib import closing
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import django

django.setup()

from allauth.account.models import EmailAddress  # noqa: E402
from django.contrib.auth.models import Group, User  # noqa: E402
from django.core.management import call_command  # noqa: E402

from agents.channels.chat.identity import identity_link  # noqa: E402
from agents.demo import INSTRUCTIONS, MODEL, TOOLS  # noqa: E402
from agents.models import Agent, Limit  # noqa: E402
from agents.versions import draft_version, publish_version  # noqa: E402
from observability.access import Role  # noqa: E402
from tests.faults.customers import DEMO_PASSWORD, DEMO_REVIEWERS  # noqa: E402
from tests.faults.decisions import Worth  # noqa: E402
from tests.faults.plan import Conversation, make_plan  # noqa: E402
from tests.faults.trouble import TOOL_SECONDS  # noqa: E402
from tools.demo_shop.database import connect, prepare_database, transaction  # noqa: E402
from tools.demo_shop.records import Item, Order, utc_today  # noqa: E402
from tools.demo_shop.seed import _insert_order  # noqa: E402
from tools.models import MoneyLimit, Tool  # noqa: E402

# A mug and a scarf: twice the price of the mug is still less than the whole, so a part that was refunded twice is not
# stopped by the shop. By the demo's policies the mug of a dear order wants one person's yes, and so does all of it; of
# the dearest all wants that of two.
PRICES: dict[Worth, tuple[str, str]] = {
    "small": ("14.50", "42.00"),
    "dear": ("130.00", "290.00"),
    "dearest": ("150.00", "410.00"),
}
LINK_LIFETIME = timedelta(hours=12)


def main(folder: Path, seed: int, count: int) -> None:
    conversations = make_plan(seed=seed, conversations=count).conversations
    call_command("migrate", interactive=False, verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    call_command("load_demo", verbosity=0)
    add_orders(folder / "shop.sqlite3", conversations)
    add_second_agent()
    add_limits()
    add_second_reviewer()
    Tool.objects.exclude(name="escalate_to_human").update(deadline_ms=round(TOOL_SECONDS * 1000))
    links = {found.number: identity_link(found.agent, found.email, lifetime=LINK_LIFETIME) for found in conversations}
    print(json.dumps(links))  # noqa: T201  its only output


def add_orders(database: Path, conversations: list[Conversation]) -> None:
    today = utc_today()
    prepare_database(database, today)
    with closing(connect(database)) as connection, transaction(connection):
        for conversation in conversations:
            connection.execute("INSERT INTO customers (email, name) VALUES (?, ?)", (conversation.email, "Ada"))
            order = order_of(conversation, today)
            _insert_order(connection, order, order.status, today)


def items_of(worth: Worth) -> tuple[Item, ...]:
    mug, scarf = map(Decimal, PRICES[worth])
    return (
        Item(sku="MUG-RED", name="Stoneware mug, red", quantity=1, price=mug),
        Item(sku="SCARF-WOOL", name="Merino scarf, grey", quantity=1, price=scarf),
    )


def order_of(conversation: Conversation, today: date) -> Order:
    """Such a one as the customer's wish is about."""
    items = items_of(conversation.worth)
    about = {"order_id": conversation.order_id, "customer": conversation.email, "items": items}
    total = sum((item.price for item in items), Decimal("0.00"))
    match conversation.intent:
        case "cancel":
            placed_on, expected_on = today - timedelta(days=1), today + timedelta(days=3)
            return Order(**about, status="processing", placed_on=placed_on, expected_on=expected_on, total=total)
        case "status":
            placed_on, expected_on = today - timedelta(days=3), today + timedelta(days=2)
            return Order(**about, status="shipped", placed_on=placed_on, expected_on=expected_on, total=total)
        case _:
            delivered_on = today - timedelta(days=80 if conversation.intent == "too_late" else 5)
            placed_on = delivered_on - timedelta(days=3)
            return Order(**about, status="delivered", placed_on=placed_on, delivered_on=delivered_on, total=total)


def add_second_agent() -> None:
    """One that answers waiting messages together, and falls back to another model."""
    agent, is_new = Agent.objects.get_or_create(slug="together", defaults={"name": "Support, all at once"})
    if not is_new:
        return
    draft = draft_version(agent)
    draft.instructions = INSTRUCTIONS
    draft.model = MODEL
    draft.fallback_model = "claude-haiku-5-5"
    draft.tools = TOOLS
    draft.merge_waiting = True
    draft.save()
    publish_version(agent, user=None, note="First version")


def add_limits() -> None:
    """Wide ones: nothing is refused, and every model call sets something aside."""
    wide = [
        (Limit.Scope.ALL, Limit.Measure.USD, Limit.Period.DAY, 10_000),
        (Limit.Scope.CUSTOMER, Limit.Measure.MESSAGES, Limit.Period.HOUR, 1_000),
        (Limit.Scope.SESSION, Limit.Measure.TOKENS, Limit.Period.EVER, 10_000_000),
    ]
    for scope, measure, period, amount in wide:
        Limit.objects.create(scope=scope, measure=measure, period=period, amount=Decimal(amount))
    MoneyLimit.objects.filter(scope=MoneyLimit.Scope.ALL).update(max_amount=Decimal(10_000_000))


def add_second_reviewer() -> None:
    """Some approvals want two people, and some are decided by two at once."""
    login = DEMO_REVIEWERS[1]
    user = User.objects.create_user(login, email=login, password=DEMO_PASSWORD, first_name="Reviewer 2")
    user.groups.add(Group.objects.get(name=Role.REVIEWER))
    EmailAddress.objects.create(user=user, email=login, verified=True, primary=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
