"""Two months of turns with their charges, so that the pages of money have something to add up."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone
from playwright.sync_api import Page

from agents.models import Agent
from observability.ids import uuid7
from observability.models import Charge, Price, Span, Trace, UnitPrice
from observability.prices import SMALLEST, Tokens, cost_of_tokens, price_list, unit_price_list
from observability.rolling import roll_up, start_over
from tests.shots.camera import Shot

ADMIN, ANALYST = "admin@demo.example", "analyst@demo.example"
MODELS = ("claude-sonnet-5-5", "claude-sonnet-5-5", "claude-haiku-4-5", "claude-opus-5")
UNPRICED = "vllm/qwen-3-72b"
TOOLS = ("shop___get_order", "shop___get_refund_status", "shop___process_refund")
TOOL_USD = Decimal("0.0001")
DAYS, TURNS_A_DAY = 62, 26
SAID = ("Where is my parcel?", "I want my money back for the mug.", "Can I still change the address?", "It is broken.")


def fill_cost(now: datetime | None = None) -> None:
    """Turns of every agent, and of one that is gone; a model without a price; prices that are to come."""
    now, chance = now or timezone.now(), random.Random(7)
    add_prices(now)
    agents = [(agent.pk, agent.name, agent.slug) for agent in Agent.objects.order_by("slug")]
    agents.append((uuid7(), "Returns agent", "returns"))
    traces: list[Trace] = []
    spans: list[Span] = []
    charges: list[Charge] = []
    for at in instants(chance, now):
        agent, session = chance.choice([agents[0], *agents]), uuid7() if chance.random() < 0.6 else None
        session_id = session or (traces[-1].session_id if traces else uuid7())
        trace = turn(chance, at, session_id, agent)
        for span, charge in steps(chance, trace):
            spans.append(span)
            if charge:
                charges.append(charge)
        total(trace, spans[-6:])
        traces.append(trace)
    Trace.objects.bulk_create(traces, batch_size=500)
    Span.objects.bulk_create(spans, batch_size=500)
    Charge.objects.bulk_create(charges, batch_size=500)
    # They were brought in behind the back of what sums the hours.
    start_over(now - timedelta(days=DAYS + 1))
    roll_up(seconds=600)


def add_prices(now: datetime) -> None:
    soon = now.date() + timedelta(days=9)
    Price.objects.get_or_create(
        model="claude-sonnet-5-5",
        valid_from=soon,
        defaults={
            "input_usd": Decimal("1.8"),
            "output_usd": Decimal(9),
            "cache_read_usd": Decimal("0.18"),
            "cache_write_usd": Decimal("2.25"),
        },
    )
    UnitPrice.objects.get_or_create(
        kind=UnitPrice.Kind.TOOL_CALL, valid_from=now.date() - timedelta(days=70), defaults={"usd": TOOL_USD}
    )
    price_list.forget()
    unit_price_list.forget()


def instants(chance: random.Random, now: datetime) -> Iterator[datetime]:
    """Fewer by night and at weekends, more of late."""
    for day in range(DAYS, -1, -1):
        date = now - timedelta(days=day)
        turns = TURNS_A_DAY * (0.45 if date.weekday() >= 5 else 1.0) * (1.3 - day / 100)
        for second in sorted(chance.gauss(13 * 3600, 4 * 3600) for _ in range(round(turns))):
            at = date.replace(hour=0, minute=0, second=0) + timedelta(seconds=max(0, min(second, 86_399)))
            if at < now - timedelta(minutes=2):
                yield at


def turn(chance: random.Random, at: datetime, session_id: UUID, agent: tuple[UUID, str, str]) -> Trace:
    ms = round(chance.lognormvariate(7.9, 0.5))
    return Trace(
        id=uuid7(),
        session_id=session_id,
        agent_id=agent[0],
        agent_name=agent[1],
        agent_slug=agent[2],
        agent_version=3 if timezone.now() - at < timedelta(days=12) else 2,
        model=UNPRICED if chance.random() < 0.02 else chance.choice(MODELS),
        channel=chance.choice(["chat", "chat", "chat", "email"]),
        customer=f"{chance.choice(['ada', 'ben', 'chloe', 'dan', 'eva', 'farid'])}@example.com",
        status=Trace.Status.OK,
        outcome="replied",
        input_text=chance.choice(SAID),
        output_text="I have looked at your order.",
        started_at=at - timedelta(milliseconds=ms),
        ended_at=at,
        duration_ms=ms,
    )


def steps(chance: random.Random, trace: Trace) -> Iterator[tuple[Span, Charge | None]]:
    for _ in range(chance.choice([1, 2, 2, 3])):
        tokens = Tokens(
            input=chance.randint(200, 1_600),
            output=chance.randint(60, 420),
            cache_read=chance.choice([0, 2_048, 4_096, 6_144]),
            cache_write=chance.choice([0, 0, 1_024]),
        )
        cost = cost_of_tokens(trace.model, tokens)
        span = step(trace, Span.Kind.MODEL, trace.model, cost.usd, tokens)
        values: dict[str, Any] = {"price_id": cost.price_id, "basis": cost.basis}
        yield span, charge_of(span, trace, Charge.Kind.MODEL, **values)
        if chance.random() < 0.7:
            span = step(trace, Span.Kind.TOOL, chance.choice(TOOLS), TOOL_USD, Tokens())
            price = UnitPrice.objects.filter(kind=UnitPrice.Kind.TOOL_CALL).first()
            yield (
                span,
                charge_of(
                    span, trace, Charge.Kind.TOOL, unit_price_id=price.pk if price else None, quantity=Decimal(1)
                ),
            )


def step(trace: Trace, kind: Span.Kind, name: str, usd: Decimal, tokens: Tokens) -> Span:
    return Span(
        id=uuid7(),
        trace_id=trace.pk,
        agent=trace.agent_slug,
        kind=kind,
        name=name,
        started_at=trace.started_at,
        duration_ms=300,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_read_tokens=tokens.cache_read,
        cache_write_tokens=tokens.cache_write,
        cost_usd=usd,
    )


def charge_of(span: Span, trace: Trace, kind: Charge.Kind, **values: Any) -> Charge:
    return Charge(
        span_id=span.pk,
        trace_id=trace.pk,
        agent_id=trace.agent_id,
        kind=kind,
        subject=span.name,
        usd=span.cost_usd.quantize(SMALLEST),
        at=trace.ended_at,
        **values,
    )


def total(trace: Trace, spans: list[Span]) -> None:
    own = [span for span in spans if span.trace_id == trace.pk]
    trace.model_calls = sum(span.kind == Span.Kind.MODEL for span in own)
    trace.tool_calls = len(own) - trace.model_calls
    for name in ("input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"):
        setattr(trace, name, sum(getattr(span, name) for span in own))
    trace.cost_usd = sum((span.cost_usd for span in own), Decimal(0))


def counted(page: Page) -> None:
    page.locator("#conversations-title").wait_for()


def chosen_agent(page: Page) -> None:
    page.locator("#by-agent ~ .table-frame td a").first.click()
    counted(page)


def with_a_mistake(page: Page) -> None:
    page.locator("#id_input_tokens").fill("-4")
    page.get_by_role("button", name="Work it out").click()
    page.locator(".form-errors").wait_for()


def with_a_file(page: Page) -> None:
    paste(page, "model,input_usd,output_usd\nclaude-opus-5,4.5,22\nvllm/qwen-3-72b,0.2,0.6\nclaude-haiku-4-5,1,5\n")


def with_a_wrong_file(page: Page) -> None:
    paste(page, "model,valid_from,input_usd,output_usd\nclaude-opus-5,2020-01-01,4,20\nqwen,,0.2,much\n")


def paste(page: Page, text: str) -> None:
    page.locator("#id_text").fill(text)
    page.get_by_role("button", name="Show what would change").click()
    page.locator(".price-preview, .form-errors").first.wait_for()


def cost_pages() -> list[Shot]:
    return [
        Shot(name="cost", path="/cost/", who=ANALYST, whole=True, act=counted),
        Shot(name="cost-month-by-model", path="/cost/?range=month&stack=model", who=ANALYST, act=counted),
        Shot(name="cost-today", path="/cost/?range=today", who=ANALYST),
        Shot(name="cost-of-an-agent", path="/cost/", who=ANALYST, whole=True, act=chosen_agent),
        Shot(name="cost-charges", path="/cost/charges/", who=ANALYST),
        Shot(name="cost-charges-unpriced", path="/cost/charges/?basis=unknown", who=ANALYST),
        Shot(name="cost-calculator", path="/cost/calculator/", who=ANALYST, whole=True),
        Shot(name="cost-calculator-own", path="/cost/calculator/?from=own", who=ANALYST, whole=True),
        Shot(name="cost-calculator-wrong", path="/cost/calculator/", who=ANALYST, act=with_a_mistake),
        Shot(name="prices", path="/prices/", who=ADMIN, whole=True),
        Shot(name="prices-reader", path="/prices/", who=ANALYST),
        Shot(name="price-new", path="/prices/new/", who=ADMIN, whole=True),
        Shot(name="price-import", path="/prices/import/", who=ADMIN, act=with_a_file),
        Shot(name="price-import-wrong", path="/prices/import/", who=ADMIN, act=with_a_wrong_file),
        Shot(name="price-list", path="/prices/lists/agentcore-2026-09/", who=ADMIN, whole=True),
        Shot(name="price-new-unit", path="/prices/new/?what=unit", who=ADMIN),
    ]


def cost_pages_before() -> list[Shot]:
    """With nothing spent yet."""
    return [
        Shot(name="cost-empty", path="/cost/", who=ANALYST),
        Shot(name="cost-charges-empty", path="/cost/charges/", who=ANALYST),
    ]
