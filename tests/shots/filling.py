"""Forty conversations, led as customers and people lead them: through intake, the agent's turns, and the desk.

Only their times are moved afterwards (`dating.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from functools import partial
from uuid import UUID

import httpx2
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.db import connection

from agents.demo import AGENT_SLUG
from agents.escalations import claim, resolve
from agents.intake import Inbound, receive
from agents.journal import Event, message_event, write_turn
from agents.llm.registry import close_adapters
from agents.models import Escalation, Message, Session, Turn, TurnEvent
from agents.models.sessions import Channel
from agents.sessions import close_session, say, take_over, write_note
from agents.tasks import run_turn
from agents.turns import claim_turn
from observability.access import Role
from tests.shots import (
    approvals,
    budgets,
    cost,
    gateways,
    guardrails,
    insights,
    memory,
    notices,
    overview,
    policies,
    targets,
    versions,
    violations,
    workbench,
)
from tests.shots.dating import date_all, date_session
from tests.shots.stories import ANY, PROCESSING, RETURNABLE, RETURNED, SHIPPED, STORIES, TOO_OLD, Story
from tools.demo_shop.seed import CROWD_NAMES

AT_ONCE = 6
ANSWER = "Hello, I am a person. I have your order in front of me and read what you wrote above. Give me a few minutes."
NOTE = "Second complaint about this carrier this week. I asked the warehouse for the photo of the parcel."
RESOLUTION = "Called the customer, agreed on a replacement; it leaves tomorrow."


@dataclass(kw_only=True)
class Scene:
    """Where to point the camera: conversations by the key of their story."""

    sessions: int = 0
    by_key: dict[str, UUID] = field(default_factory=dict)
    asked: approvals.Asked = field(default_factory=lambda: approvals.Asked(pks={}))
    remembered: memory.Known | None = None
    budgeted: budgets.Budgeted | None = None

    def known(self) -> memory.Known:
        assert self.remembered is not None
        return self.remembered

    def conversation(self, key: str) -> str:
        return f"/inbox/{self.by_key[key]}/"

    def escalation(self, key: str) -> str:
        found = Escalation.objects.filter(session_id=self.by_key[key]).latest("opened_at")
        return f"/queue/{found.pk}/"

    def trace(self, key: str) -> str:
        """Of the conversation's first turn."""
        return f"/traces/{Turn.objects.filter(session_id=self.by_key[key]).earliest('seq').pk}/"

    def chat(self, key: str) -> str:
        return f"/chat/{AGENT_SLUG}/{self.by_key[key]}/"


def fill(shop_url: str) -> Scene:
    scene = Scene()
    other = add_colleague()
    versions.publish_some(me())
    # The oldest first, as their escalations are numbered.
    cast = sorted(pair_with_orders(shop_url), key=lambda told: -told[0].minutes)
    with shop_faults(shop_url, latency_ms=70), ThreadPoolExecutor(AT_ONCE) as pool:
        led = list(pool.map(lead, [told for told in cast if not told[0].fault]))
    for paired in cast:
        if paired[0].fault:
            with FAULTS[paired[0].fault](shop_url):
                led.append(lead(paired))
    for told, session in led:
        for deed in told.then:
            DEEDS[deed](Session.objects.get(pk=session), other if deed == "claim_by_other" else me())
        date_session(session, minutes=told.minutes)
        if told.key:
            scene.by_key[told.key] = session
    admin = User.objects.get(email="admin@demo.example")
    scene.remembered = memory.fill(write, admin=admin, support=me())
    add_running(scene)
    versions.leave_a_draft()
    date_all()
    policies.publish_some(admin)
    policies.decide_for_a_week(list(Session.objects.all()))
    gateways.open_some(admin)
    guardrails.fill_guardrails(admin)
    reviewer = User.objects.get(email="reviewer@demo.example")
    violations.see_some(reviewer)
    workbench.measure_some(reviewer)
    scene.asked = approvals.ask_some(write, partial(answer_lost, shop_url))
    targets.connect_some(admin)
    insights.watch_some(User.objects.get(email="analyst@demo.example"))
    notices.tell_a_morning(admin)
    # The budgets stay in force.
    scene.budgeted = budgets.fill_budgets(write, admin)
    scene.sessions = Session.objects.count()
    check(scene)
    cost.fill_cost()
    overview.fill_overview()
    return scene


def me() -> User:
    return User.objects.get(email="support@demo.example")


def add_colleague() -> User:
    user = User.objects.create_user(username="mina@demo.example", email="mina@demo.example", first_name="Mina")
    user.groups.add(Group.objects.get(name=Role.SUPPORT))
    return user


# -- customers and their orders
def pair_with_orders(shop_url: str) -> Iterator[tuple[Story, str, str]]:
    """Each story with a customer's address and the number of an order ("" where none is spoken of)."""
    crowd = [f"{name.lower()}@example.com" for name in CROWD_NAMES]
    orders = [
        (kind_of(order), customer, str(order["order_id"]))
        for customer in crowd
        for order in httpx2.get(f"{shop_url}/orders", params={"customer": customer}).json()["orders"]
        if order["total"] != "0.00"
    ]
    taken: set[str] = set()
    for told in STORIES:
        if told.customer:
            yield told, told.customer, ""
            continue
        fitting = [(customer, order) for kind, customer, order in orders if told.wants in {kind, ANY}]
        # Where everybody with such an order has written already, one of them writes again.
        customer, order = next((pair for pair in fitting if pair[0] not in taken), fitting[-1])
        taken.add(customer)
        yield told, customer, order


def kind_of(order: dict[str, object]) -> str:
    match order["status"]:
        case "delivered":
            return RETURNABLE if order["within_return_window"] else TOO_OLD
        case "processing":
            return PROCESSING
        case "shipped":
            return SHIPPED
        case "returned":
            return RETURNED
    return "other"


# -- what customers do
def lead(told: tuple[Story, str, str]) -> tuple[Story, UUID]:
    """The customer's part of a story, and the agent's turns, one after the other as a worker runs them."""
    chosen, customer, order = told
    first, *rest = [text.format(order=order) for text in chosen.says]
    session_id = write(customer, first, verified=chosen.verified)
    for text in rest:
        write(customer, text, session_id=session_id, verified=chosen.verified)
    connection.close()
    return chosen, session_id


def write(
    customer: str, text: str, *, session_id: UUID | None = None, verified: bool = True, runs: bool = True
) -> UUID:
    received = receive(
        Inbound(
            agent_slug=AGENT_SLUG,
            channel=Channel.CHAT,
            customer_email=customer,
            customer_name=customer.partition("@")[0].capitalize(),
            text=text,
            identity=Session.Identity.VERIFIED if verified else Session.Identity.CLAIMED,
            session_id=session_id,
        )
    )
    if received.turn_id and runs:
        run_turn(str(received.turn_id))
    return received.session_id


# -- what people do
def open_escalation(session: Session) -> Escalation:
    return Escalation.objects.get(session=session, status__in=Escalation.UNRESOLVED)


def do_reply(session: Session, _user: User) -> None:
    write(session.customer.email, "That is kind. The order number is on the box, too.", session_id=session.pk)


DEEDS: dict[str, Callable[[Session, User], object]] = {
    "claim": lambda session, user: claim(open_escalation(session), user=user),
    "claim_by_other": lambda session, user: claim(open_escalation(session), user=user),
    "answer": lambda session, user: say(session, user=user, text=ANSWER),
    "reply": do_reply,
    "note": lambda session, user: write_note(session, user=user, text=NOTE),
    "take_over": lambda session, user: take_over(session, user=user),
    "resolve": lambda session, user: resolve(open_escalation(session), user=user, resolution=RESOLUTION),
    "close": lambda session, user: close_session(session, user=user),
}


# -- what goes wrong
@contextmanager
def shop_faults(shop_url: str, **faults: object) -> Iterator[None]:
    httpx2.put(f"{shop_url}/_faults", json=faults).raise_for_status()
    yield
    httpx2.delete(f"{shop_url}/_faults").raise_for_status()


def shop_down(shop_url: str) -> AbstractContextManager[None]:
    return shop_faults(shop_url, fail_next=9, paths="/orders*")


def answer_lost(shop_url: str) -> AbstractContextManager[None]:
    return shop_faults(shop_url, lose_answer_next=9, paths="POST /refunds, /refunds/by-key/*")


@contextmanager
def model_down(_shop_url: str) -> Iterator[None]:
    """Nobody listens at the model's address (the discard port)."""
    address, settings.ANTHROPIC_BASE_URL = settings.ANTHROPIC_BASE_URL, "http://127.0.0.1:9"
    close_adapters()
    yield
    settings.ANTHROPIC_BASE_URL = address
    close_adapters()


FAULTS = {"shop_down": shop_down, "answer_lost": answer_lost, "model_down": model_down}


def add_running(scene: Scene) -> None:
    """A turn in the middle: what a worker has written by then, and no end."""
    session_id = write("ada@example.com", "Hello again, is order 1042 on its way back to you?", runs=False)
    turn = claim_turn(Turn.objects.get(session_id=session_id).pk)
    assert turn is not None
    first = "Let me look at order 1042."
    said = message_event(
        author=Message.Author.AGENT,
        channel=Channel.CHAT,
        text=first,
        visibility=Message.Visibility.STEP,
        turn_id=turn.turn_id,
    )
    released = {"call": 1, "attempt": 3, "text": "Your refund for order 1042 was made today. "}
    write_turn(turn.lease, events=[said, Event(kind=TurnEvent.Kind.TEXT, data=released, turn_id=turn.turn_id)])
    scene.by_key["running"] = session_id


def check(scene: Scene) -> None:
    """The desk shows what its pictures are for."""
    statuses = set(Turn.objects.values_list("status", flat=True))
    assert {Turn.Status.RUNNING, Turn.Status.REPLIED, Turn.Status.ESCALATED, Turn.Status.FAILED} <= statuses, statuses
    assert set(Escalation.objects.values_list("status", flat=True)) == set(Escalation.Status.values)
    assert scene.sessions >= len(STORIES), scene.sessions
