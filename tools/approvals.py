"""A person's yes: asked for, given or refused once, good for one execution of exactly what was shown."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from observability.access import Role, has_role
from observability.batch import Part, insert
from observability.ids import uuid7
from tools.errors import ToolRefused
from tools.models import Approval, ApprovalVote, ApproverLimit, Tool, ToolCall
from tools.policy.statements import APPROVER_ROLES
from tools.rulings import Ruling

# Called within the transaction that decides, with the approval; who owns the turn lets it go on.
listeners: list[Callable[[Approval], None]] = []


class Stale(Exception):
    """It was decided, changed or ran out meanwhile. Its message says what it is now."""


class NotAllowed(Exception):
    """This person may not decide this one."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A call that wants a yes, and whose."""

    call: ToolCall
    tool: Tool
    arguments: dict[str, Any]
    ruling: Ruling
    amount: Decimal | None
    agent_id: UUID | None
    customer_id: str
    requested_by_id: int | None


class ApprovalNeeded(Exception):
    """The call is made only when a person has said yes to it."""

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask.tool.key)
        self.ask = ask


def digest_of(caller_id: UUID | None, tool_key: str, arguments: Mapping[str, Any], policy_version: int) -> str:
    """SHA-256 over what an approval is bound to, in canonical form (sorted keys, no blanks); the caller is a session,
    or an outside caller's key."""
    bound = [str(caller_id), tool_key, arguments, policy_version]
    text = json.dumps(bound, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


# -- asking


def row_of(ask: Ask) -> dict[str, Any]:
    now, version = timezone.now(), ask.ruling.version or 0
    return {
        "id": uuid7(),
        "call_id": ask.call.id,
        "session_id": ask.call.session_id,
        "agent_id": ask.agent_id,
        "customer_id": ask.customer_id or None,
        "tool_key": ask.tool.key,
        "asked": ask.arguments,
        "arguments": ask.arguments,
        "digest": digest_of(ask.call.caller_id, ask.tool.key, ask.arguments, version),
        "policy_version": version,
        "rules": list(ask.ruling.rules),
        "role": ask.ruling.role,
        "needed": ask.ruling.needed,
        "amount": ask.amount,
        "seen": ask.ruling.record or {},
        "status": Approval.Status.PENDING,
        "requested_at": now,
        "requested_by_id": ask.requested_by_id,
        "expires_at": now + timedelta(seconds=settings.APPROVAL_SECONDS),
        "reason": "",
    }


def request(ask: Ask, *, fence: str) -> Part:
    """The row of a new approval; where the call has one already, that one stays."""
    return insert(Approval, [row_of(ask)], fence=fence, skip_conflicts=True)


# -- using


def check_usable(approval: Approval, *, caller_id: UUID | None, ruling: Ruling, amount: Decimal | None) -> None:
    """Raises `ToolRefused` unless a person has said yes to just this, under the policies that are in force now, and it
    moves no more than they saw; `ruling` is what the policies say now."""
    match approval.status:
        case Approval.Status.REJECTED:
            said = approval.reason or "no reason was given"
            raise ToolRefused("rejected_by_person", f"A person refused this: {said}. Nothing was done.")
        case Approval.Status.EXPIRED:
            raise ToolRefused("approval_expired", "Nobody approved this in time. Nothing was done.")
        case Approval.Status.CANCELLED:
            raise ToolRefused("approval_cancelled", f"The request was withdrawn: {approval.reason} Nothing was done.")
        case Approval.Status.USED:
            raise ToolRefused("approval_used", "This approval was used already. Nothing more was done.")
    digest = digest_of(caller_id, approval.tool_key, approval.arguments, approval.policy_version)
    if digest != approval.digest or ruling.version != approval.policy_version:
        raise ToolRefused(
            "approval_void", "The policies have changed since this was approved, so it must be asked for anew."
        )
    check_covers(approval, ruling=ruling, amount=amount)


def check_covers(approval: Approval, *, ruling: Ruling, amount: Decimal | None) -> None:
    """Raises `ToolRefused` where, as things stand now, more money would move or more people would have to agree."""
    shown: Decimal | None = approval.amount
    if amount is not None and (shown is None or amount > shown):
        raise ToolRefused("approval_void", "It would move more money than was approved, so it must be asked for anew.")
    is_stricter = APPROVER_ROLES.index(ruling.role) > APPROVER_ROLES.index(approval.role)
    if ruling.decision == "approval" and (is_stricter or ruling.needed > approval.needed):
        raise ToolRefused("approval_void", "It needs the word of others than those who approved it.")


USE = """UPDATE tools_approval AS a SET status = 'used', used_at = %s FROM {fence}
    WHERE a.call_id = %s AND a.status = 'approved'"""


def use(call_id: UUID, *, fence: str) -> Part:
    """Written with the call's `sent` (or its outcome, for a call that sends nothing first)."""
    return Part(sql=USE.format(fence=fence), params=(timezone.now(), call_id))


# -- deciding


def decide(
    approval: Approval,
    *,
    user: User,
    verdict: str,
    digest: str,
    arguments: dict[str, Any] | None = None,
    amount: Decimal | None = None,
    reason: str = "",
) -> Approval:
    """One person's word on what they were shown, which bore `digest`; of two at the same moment one is first.

    `arguments` are those that a person has changed, checked by the caller, with the `amount` that they move; they take
    the place of the former ones, and what others said of those no longer counts. Raises `Stale` and `NotAllowed`.
    """
    with transaction.atomic():
        row = Approval.objects.select_for_update().get(pk=approval.pk)
        check_open(row, digest)
        check_role(row, user=user)
        if verdict == ApprovalVote.Verdict.APPROVE:
            check_may_approve(row, user=user, amount=row.amount if arguments is None else amount)
        if arguments is not None and arguments != row.arguments:
            row.arguments = arguments
            row.amount = amount  # type: ignore[assignment]  # nullable, which `dollars` does not say
            row.digest = digest_of(row.call.caller_id, row.tool_key, arguments, row.policy_version)
        vote(row, user=user, verdict=verdict)
        settle(row, verdict=verdict, reason=reason)
    return row


def check_open(row: Approval, digest: str) -> None:
    if row.status != Approval.Status.PENDING:
        raise Stale(f"{row.label} is already {row.status}.")
    if row.expires_at <= timezone.now():
        raise Stale(f"{row.label} has run out.")
    if row.digest != digest:
        raise Stale(f"{row.label} was changed by somebody else. Look at it again.")


def check_role(row: Approval, *, user: User) -> None:
    if not has_role(user, *([Role(row.role)] if row.role in set(Role) else [])):
        raise NotAllowed(f"{row.label} is for a person with the role {row.role}.")


def check_may_approve(row: Approval, *, user: User, amount: Decimal | None) -> None:
    """Raises `NotAllowed`: one's own request, or more money than one may approve. A no is for anybody of the role."""
    if row.requested_by_id == user.pk:
        raise NotAllowed("You asked for this yourself; somebody else must decide it.")
    limit = ApproverLimit.objects.filter(pk=user.pk).first()
    if limit is not None and (amount is None or amount > limit.max_amount):
        raise NotAllowed(f"You may approve up to {limit.max_amount:.2f}; somebody else must decide it.")


def vote(row: Approval, *, user: User, verdict: str) -> None:
    """Once for what was shown; only a yes may become a no while others are waited for."""
    given, is_new = ApprovalVote.objects.get_or_create(
        approval=row, user=user, digest=row.digest, defaults={"verdict": verdict}
    )
    if not is_new and given.verdict != verdict and verdict == ApprovalVote.Verdict.REJECT:
        ApprovalVote.objects.filter(pk=given.pk).update(verdict=verdict, at=timezone.now())
    elif not is_new:
        raise Stale(f"You have decided {row.label} already; it waits for somebody else.")


def settle(row: Approval, *, verdict: str, reason: str) -> None:
    """Rejected by one no, approved by as many yeses as are needed; until then it stays pending."""
    row.reason = reason[:500] or row.reason
    if verdict == ApprovalVote.Verdict.REJECT:
        row.status = Approval.Status.REJECTED
    elif row.votes.filter(digest=row.digest, verdict=ApprovalVote.Verdict.APPROVE).count() >= row.needed:
        row.status = Approval.Status.APPROVED
    if row.status != Approval.Status.PENDING:
        row.decided_at = timezone.now()
    row.save()
    if row.status != Approval.Status.PENDING:
        tell(row)


def snooze(approval: Approval, *, until: datetime) -> None:
    """Out of the queue until then, though never beyond its end."""
    Approval.objects.filter(pk=approval.pk, status=Approval.Status.PENDING).update(
        snoozed_until=min(until, approval.expires_at)
    )


# -- without a person


def expire_due(lock: Callable[[UUID], None], *, limit: int = 100) -> int:
    """End what ran out: refused, never approved; how many did. `lock` takes the conversation's row, which whoever takes
    it over locks before the approval, too."""
    due = Approval.objects.filter(status=Approval.Status.PENDING, expires_at__lte=timezone.now()).order_by("expires_at")
    ended = 0
    for pk, session_id in list(due.values_list("pk", "session_id")[:limit]):
        with transaction.atomic():
            if session_id is not None:
                lock(session_id)
            ended += end(pk, status=Approval.Status.EXPIRED)
    return ended


def end(pk: UUID, *, status: Approval.Status, reason: str = "") -> bool:
    """What waits runs out, and what waits or was approved is withdrawn; whether it was there to be ended."""
    endable = [Approval.Status.PENDING] if status == Approval.Status.EXPIRED else Approval.OPEN
    with transaction.atomic():
        row = Approval.objects.select_for_update().filter(pk=pk, status__in=endable).first()
        if row is None:
            return False
        row.status, row.reason = status, reason or row.reason
        row.decided_at = timezone.now()
        row.save(update_fields=["status", "reason", "decided_at"])
        tell(row)
    return True


def tell(row: Approval) -> None:
    for listener in listeners:
        listener(row)
