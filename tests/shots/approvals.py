"""Refunds that a policy leaves to people, in every state that one can be in, and the pages that show them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from uuid import UUID

from django.contrib.auth.models import Group, User
from django.db.models import F
from django.utils import timezone
from playwright.sync_api import Page

from agents.approval_decisions import Snooze, approve, reject, snooze, take_over
from agents.models import Session
from agents.parked import lock_session
from agents.tasks import run_turn
from observability.access import Role
from observability.ids import uuid7
from tests.shots.camera import Shot
from tests.shots.dating import date_session
from tools.approvals import digest_of, expire_due
from tools.authorize import book
from tools.catalog import catalog
from tools.models import Approval, ApproverLimit, GatewayKey, PolicyVersion, TargetHealth, ToolCall

REFUND = "shop___process_refund"
ADMIN, ANALYST, REVIEWER, SECOND = "admin@demo.example", "analyst@demo.example", "reviewer@demo.example", "rita"
REJECTED = "The photo shows a scratch that was there before. Offer 20 % off the next order instead."
# (customer, what they write). What becomes of each is in `fill`.
Write = Callable[[str, str], UUID]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The approvals by what their pictures are named."""

    pks: dict[str, UUID]

    def path(self, name: str) -> str:
        return f"/approvals/{self.pks[name]}/"


def ask_some(write: Write, lose_answers: Callable[[], object]) -> Asked:
    """Asked under the policies in force by now; `lose_answers` is a context in which the shop's answers are lost."""
    # The stories before had a shop that failed; by now its circuit would have closed again.
    TargetHealth.objects.filter(target__name="shop").delete()
    catalog.forget()
    book.forget()
    pks = {name: ask(write, customer, says) for name, (customer, says) in WISHES.items()}
    reviewer, second = User.objects.get(email=REVIEWER), add_second_reviewer()
    date_all(pks)
    decide_some(pks, reviewer, second)
    with lose_answers():  # type: ignore[attr-defined]  # a context manager
        decide(pks["unclear"], reviewer)
    date_decisions(pks)
    live = PolicyVersion.objects.exclude(number=None).latest("number").number
    pks |= {"outside": ask_from_outside(live), "outdated": ask_from_outside(live - 1)}
    return Asked(pks=pks)


WISHES = {
    "open": ("grace@example.com", "The lamp of order 1164 flickers. Please refund order 1164, it arrived damaged."),
    "soon": ("noah@example.com", "I want a refund for order 1194"),
    "two": ("paul@example.com", "I would like to return order 1180, it does not fit"),
    "tainted": ("freya@example.com", "please refund order 1177, it arrived damaged"),
    "snoozed": ("jonas@example.com", "I want my money back for order 1188"),
    "used": ("olga@example.com", "please refund order 1172, it arrived damaged"),
    "edited": ("kofi@example.com", "please refund order 1171, it arrived damaged"),
    "rejected": ("nina@example.com", "I want a refund for order 1197, it arrived damaged"),
    "expired": ("jonas@example.com", "I want a refund for order 1195, it arrived damaged"),
    "cancelled": ("chloe@example.com", "I want a refund for order 1044, it arrived damaged"),
    "unclear": ("grace@example.com", "I want a refund for order 1163, it arrived damaged"),
}


def ask(write: Write, customer: str, says: str) -> UUID:
    session_id = write(customer, says)
    found = Approval.objects.filter(session_id=session_id, status=Approval.Status.PENDING).first()
    assert found is not None, f"{says}: {Session.objects.get(pk=session_id).preview}"
    return found.pk


def add_second_reviewer() -> User:
    """May approve less than most of these want."""
    email = f"{SECOND}@demo.example"
    user = User.objects.create_user(username=email, email=email, first_name="Rita")
    user.groups.add(Group.objects.get(name=Role.REVIEWER))
    ApproverLimit.objects.create(user=user, max_amount=Decimal(400))
    ApproverLimit.objects.create(user=User.objects.get(email="support@demo.example"), max_amount=Decimal(50))
    return user


def date_all(pks: dict[str, UUID]) -> None:
    """Asked over the last hours; one runs out soon, one was read out of a page, one is too large for one person."""
    for place, pk in enumerate(pks.values()):
        minutes = 7 + 26 * place
        back = timedelta(minutes=minutes)
        Approval.objects.filter(pk=pk).update(requested_at=F("requested_at") - back, expires_at=F("expires_at") - back)
        session_id = Approval.objects.get(pk=pk).session_id
        assert session_id is not None
        date_session(session_id, minutes=minutes)
    now = timezone.now()
    Approval.objects.filter(pk=pks["soon"]).update(expires_at=now + timedelta(minutes=24))
    Approval.objects.filter(pk=pks["two"]).update(needed=2)
    tainted = Approval.objects.get(pk=pks["tainted"])
    Approval.objects.filter(pk=tainted.pk).update(seen={**tainted.seen, "tainted": ["order_id", "reason"]})


def decide_some(pks: dict[str, UUID], reviewer: User, second: User) -> None:
    two = Approval.objects.get(pk=pks["two"])
    approve(two, user=second, digest=two.digest)
    snooze(Approval.objects.get(pk=pks["snoozed"]), choice=Snooze.FOUR_HOURS)
    decide(pks["used"], reviewer)
    decide(pks["edited"], second, amount=Decimal("36.45"))
    rejected = Approval.objects.select_related("call").get(pk=pks["rejected"])
    reject(rejected, user=reviewer, digest=rejected.digest, reason=REJECTED)
    run_turn(str(rejected.call.turn_id))
    expired = Approval.objects.select_related("call").get(pk=pks["expired"])
    Approval.objects.filter(pk=expired.pk).update(expires_at=timezone.now() - timedelta(minutes=1))
    expire_due(lock_session)
    run_turn(str(expired.call.turn_id))
    cancelled = Approval.objects.get(pk=pks["cancelled"])
    session = Session.objects.get(pk=cancelled.session_id)
    take_over(cancelled, session, user=reviewer, digest=cancelled.digest)


def decide(pk: UUID, user: User, *, amount: Decimal | None = None) -> None:
    """A yes, to another amount where one is given; the turn goes on with it."""
    found = Approval.objects.select_related("call").get(pk=pk)
    changed = None if amount is None else {**found.arguments, "amount": str(amount)}
    approve(found, user=user, digest=found.digest, arguments=changed, amount=amount)
    run_turn(str(found.call.turn_id))


def date_decisions(pks: dict[str, UUID]) -> None:
    for place, name in enumerate(("used", "edited", "rejected", "expired", "cancelled", "unclear")):
        back = timedelta(minutes=3 + 11 * place)
        Approval.objects.filter(pk=pks[name], used_at=None).update(decided_at=F("decided_at") - back)
        Approval.objects.filter(pk=pks[name]).exclude(used_at=None).update(
            decided_at=F("decided_at") - back, used_at=F("used_at") - back
        )


def ask_from_outside(version: int) -> UUID:
    """By a key of a gateway, under this version of the policies: there is no conversation."""
    key, arguments = GatewayKey.objects.get(name="returns-robot"), {"order_id": "1042", "reason": "Never arrived"}
    now: datetime = timezone.now()
    call = ToolCall.objects.create(
        id=uuid7(), key_id=key.pk, tool_use_id=str(version), tool_name="process_refund", digest="", arguments=arguments
    )
    made = Approval.objects.create(
        call=call,
        tool_key=REFUND,
        asked=arguments,
        arguments=arguments,
        digest=digest_of(key.pk, REFUND, arguments, version),
        policy_version=version,
        rules=["small-refunds"],
        role=Role.REVIEWER,
        amount=Decimal("42.00"),
        seen={"verified": True, "facts": {"amount": "42.00", "status": "delivered"}},
        requested_at=now - timedelta(minutes=96),
        expires_at=now + timedelta(hours=22),
    )
    return made.pk


# -- the pages


def press_twice(page: Page) -> None:
    page.keyboard.press("a")


def edit(page: Page) -> None:
    page.keyboard.press("e")
    page.get_by_label("Amount").fill("30.00")
    page.wait_for_timeout(900)


def edit_wrongly(page: Page) -> None:
    page.keyboard.press("e")
    page.get_by_label("Amount").fill("lots")
    page.wait_for_timeout(900)


def key(name: str) -> Callable[[Page], None]:
    return lambda page: page.keyboard.press(name)


def approval_pages(asked: Asked) -> list[Shot]:
    return [*open_pages(asked), *decided_pages(asked), *list_pages()]


def open_pages(asked: Asked) -> list[Shot]:
    path = asked.path
    return [
        Shot(name="approval-open", path=path("open"), who=REVIEWER, whole=True),
        Shot(name="approval-fold", path=path("open"), who=REVIEWER),
        Shot(name="approval-armed", path=path("open"), who=REVIEWER, act=press_twice),
        Shot(name="approval-edit", path=path("open"), who=REVIEWER, whole=True, act=edit),
        Shot(name="approval-edit-wrong", path=path("open"), who=REVIEWER, whole=True, act=edit_wrongly),
        Shot(name="approval-reject", path=path("open"), who=REVIEWER, whole=True, act=key("r")),
        Shot(name="approval-snooze", path=path("open"), who=REVIEWER, whole=True, act=key("s")),
        Shot(name="approval-take-over", path=path("open"), who=REVIEWER, act=key("t")),
        Shot(name="approval-keys", path=path("open"), who=REVIEWER, act=key("?")),
        Shot(name="approval-not-mine", path=path("open"), whole=True),
        Shot(name="approval-reader", path=path("open"), who=ANALYST, whole=True),
        Shot(name="approval-soon", path=path("soon"), who=REVIEWER, whole=True),
        Shot(name="approval-two", path=path("two"), who=REVIEWER, whole=True),
        Shot(name="approval-tainted", path=path("tainted"), who=REVIEWER, whole=True),
        Shot(name="approval-snoozed", path=path("snoozed"), who=REVIEWER, whole=True),
        Shot(name="approval-outdated", path=path("outdated"), who=REVIEWER, whole=True),
        Shot(name="approval-outside", path=path("outside"), who=REVIEWER, whole=True),
    ]


def decided_pages(asked: Asked) -> list[Shot]:
    names = ("used", "edited", "rejected", "expired", "cancelled", "unclear")
    return [Shot(name=f"approval-{name}", path=asked.path(name), who=REVIEWER, whole=True) for name in names]


def list_pages() -> list[Shot]:
    return [
        Shot(name="approvals", path="/queue/?show=open&reason=approval", who=REVIEWER),
        Shot(name="approvals-snoozed", path="/queue/?show=snoozed", who=REVIEWER),
        Shot(name="approvals-history", path="/approvals/history/", who=REVIEWER, whole=True),
        Shot(name="approvals-history-none", path="/approvals/history/?decision=expired&user=1", who=REVIEWER),
        Shot(name="approvals-limits", path="/approvals/limits/", who=ADMIN, whole=True),
        Shot(name="approvals-limits-reader", path="/approvals/limits/", whole=True),
        Shot(name="approvals-limit-new", path="/approvals/limits/money/new/", who=ADMIN, whole=True),
    ]
