"""Calls on behalf of a key: by an agent that is not ours, without a conversation, and with the same gateway and ledger.

A call that waits for a person cannot hold its request open for hours. It is answered at once, and the same call again
(same key, tool and arguments) finds what was decided: so it is executed once, whoever asks how often. The row of the
ledger is the fence: whoever moves it from `reserved` to `sent` makes the call, and nobody else does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Protocol

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from observability.batch import Part
from observability.ids import uuid7
from tools import approvals, ledger
from tools.approvals import ApprovalNeeded, Ask
from tools.catalog import catalog
from tools.gateway import Caller, call_tool, list_tools, no_approval, problem
from tools.gateways import customer_of, permitted_tools
from tools.ledger import NOT_MADE, Outcome
from tools.models import Approval, GatewayKey, Tool, ToolCall
from tools.policy.authorize import Principal
from tools.schemas import MAX_ARGUMENT_CHARACTERS

CHANNEL = "mcp"
CALL_SECONDS = 60.0
# Nobody is at work any more on a call that left so long ago: what it did is found out.
ABANDONED_AFTER = timedelta(minutes=5)
MOST_WAITING = 20
State = ToolCall.State
# Who keeps the kill switches says which tools are stopped, by either name; `EVERYTHING` stops them all.
EVERYTHING = "*"
switches: list[Callable[[], frozenset[str]]] = []


class Screen(Protocol):
    """What one call is held against before anything of it is kept, sent or told."""

    def masked(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments as they may be kept."""

    def refusal(self, call: ToolCall) -> Outcome | None:
        """Why the call is not made."""

    def result(self, call: ToolCall, outcome: Outcome) -> Any:
        """The call's result as the caller may read it and as it is kept."""

    def take(self, *, fence: str) -> list[Part]:
        """What was noted since the last write."""


# Who keeps the guardrails gives one to each call.
screens: list[Callable[[GatewayKey], Screen]] = []


class UnderWay(Exception):
    """The same call is being made by somebody else at this moment."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What the outside agent is told; a JSON object or list."""

    result: Any
    is_error: bool

    @property
    def text(self) -> str:
        if self.is_error and isinstance(self.result, dict) and "error" in self.result:
            return str(self.result["error"]["message"])
        return json.dumps(self.result, ensure_ascii=False)


UNDER_WAY = Answer(
    result=problem("under_way", "The same call is being made already. Call it again in a minute for what came of it."),
    is_error=True,
)


# -- who calls


def principal_of(key: GatewayKey) -> Principal:
    return Principal(id=f"key:{key.name}", tags={"kind": "key", "gateway": key.gateway.slug})


def caller_of(key: GatewayKey, attempt: Attempt | None = None) -> Caller:
    """The key as the gateway knows callers. Its money counts as that of an agent whose id is the key's."""
    permitted = permitted_tools(key)
    stopped = frozenset[str]().union(*(stopped() for stopped in switches))
    return Caller(
        principal=principal_of(key),
        permitted=permitted,
        customer=customer_of(key),
        deadline=time.monotonic() + CALL_SECONDS,
        mark_sent=attempt.mark_sent if attempt else never_sent,
        stopped=permitted if EVERYTHING in stopped else stopped,
        channel=CHANNEL,
        agent_id=key.pk,
        requested_by=lambda: key.owner_id,
        approval=attempt.said if attempt else no_approval,
    )


def never_sent(call: ToolCall) -> None:
    raise RuntimeError(f"{call} is not made by this caller")


def definitions_for(key: GatewayKey) -> list[dict[str, Any]]:
    """`name`, `description`, `input_schema` and the `tool` itself, of all that this key could call with some
    arguments."""
    caller = caller_of(key)
    found = [{**definition, "tool": catalog.find(definition["name"])} for definition in list_tools(caller)]
    return [
        definition
        for definition in found
        if isinstance(tool := definition["tool"], Tool) and (caller.customer.is_verified or not tool.needs_customer)
    ]


# -- calling


def call_for(key: GatewayKey, name: str, arguments: dict[str, Any], *, request_id: str = "") -> Answer:
    """Make the call, or say what it waits for."""
    tool = catalog.find(name)
    if (unfit := problem_of(arguments)) is not None:
        call = new_call(key, name, tool, {}, request_id=request_id)
        call.state, call.result, call.duration_ms = State.REFUSED, unfit, 0
        call.save(force_insert=True)
        return Answer(result=unfit, is_error=True)
    call = new_call(key, name, tool, screen_of(key).masked(arguments), request_id=request_id)
    if tool is not None and not tool.is_read and (earlier := earlier_call(call)) is not None:
        answer = go_on(key, earlier)
        if answer is not None:
            return answer
    call.save(force_insert=True)
    return Attempt(key, call).carry_out()


def new_call(key: GatewayKey, name: str, tool: Tool | None, arguments: dict[str, Any], *, request_id: str) -> ToolCall:
    """A row not yet saved. It bears the tool's own name, so that both of a tool's names make the same call."""
    return ToolCall(
        id=uuid7(),
        key_id=key.pk,
        tool_use_id=storable(request_id)[:120],
        tool_name=catalog.name_of(tool) if tool else storable(name)[:200],
        effect=tool.effect if tool else "",
        arguments=arguments,
        digest=ledger.digest_of(tool.key if tool else storable(name), arguments),
        created_at=timezone.now(),
    )


def screen_of(key: GatewayKey) -> Screen:
    """Raises `ValueError` where nobody has installed one: a call is never made past it."""
    (make,) = screens
    return make(key)


def storable(text: str) -> str:
    return text.encode(errors="replace").decode().replace("\x00", "")


def problem_of(arguments: dict[str, Any]) -> dict[str, Any] | None:
    """What keeps arguments out of the ledger: neither NUL nor half a surrogate pair, neither infinity nor NaN can be
    stored there as JSON."""
    try:
        text = json.dumps(arguments, allow_nan=False)
        json.dumps(arguments, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return problem("invalid_arguments", "An argument is no JSON that can be stored.")
    if len(text) > MAX_ARGUMENT_CHARACTERS:
        return problem("arguments_too_long", f"The arguments exceed {MAX_ARGUMENT_CHARACTERS} characters.")
    return problem("invalid_arguments", "An argument holds a NUL character.") if "\\u0000" in text else None


class Attempt:
    """One attempt at a call whose row is in `state`; what it writes is written only while the row is still there."""

    def __init__(self, key: GatewayKey, call: ToolCall) -> None:
        self.key = key
        self.call = call
        self.state = call.state
        self.is_approved = False

    def carry_out(self) -> Answer:
        screen = screen_of(self.key)
        try:
            outcome = screen.refusal(self.call) or call_tool(self.call, caller_of(self.key, self))
        except ApprovalNeeded as needed:
            return self.wait(needed.ask)
        except UnderWay:
            return UNDER_WAY
        outcome = replace(outcome, result=screen.result(self.call, outcome))
        self.settle(outcome, screen.take(fence="call"))
        return Answer(result=outcome.result, is_error=outcome.is_error)

    def said(self, call: ToolCall) -> Approval | None:
        """What a person has said to this call, or, for as long as it might have waited, to the same one before."""
        found = Approval.objects.filter(call_id=call.pk).first() or standing_refusal(call)
        self.is_approved = found is not None and found.status == Approval.Status.APPROVED
        return found

    def mark_sent(self, call: ToolCall) -> None:
        """Of two that make the same call one comes here first. Raises `UnderWay`."""
        with transaction.atomic():
            parts = [ledger.mark_sent(call, fence="call"), approvals.use(call.pk, fence="call")]
            is_ours, _, used = write(call, self.state, parts)
            if not is_ours or (self.is_approved and not used):
                raise UnderWay
        self.state = State.SENT

    def settle(self, outcome: Outcome, noted: Sequence[Part] = ()) -> None:
        parts = [
            ledger.settle(self.call, outcome, fence="call"),
            *ledger.consequences(self.call, outcome, fence="call"),
            *noted,
        ]
        write(self.call, self.state, parts)

    def wait(self, ask: Ask) -> Answer:
        """Ask for a person's yes, unless the same was asked a moment ago."""
        with transaction.atomic():
            lock(self.call)
            approval = waiting_approval(self.call)
            if approval is not None or too_many_wait(self.key):
                answer = waits(approval) if approval else TOO_MANY_WAIT
                self.settle(refusal(answer.result))
                return answer
            parts = [ledger.wait_for_person(self.call, ask.ruling, fence="call"), approvals.request(ask, fence="call")]
            write(self.call, self.state, parts)
            return waits(Approval.objects.get(call_id=self.call.pk))


def write(call: ToolCall, state: str, parts: list[Part]) -> list[int]:
    """All parts in one statement, or none where the row has left `state`. How many rows: of the fence, of each part."""
    tables = "".join(f", part{number} AS ({part.sql} RETURNING 1)" for number, part in enumerate(parts))
    counts = "".join(f", (SELECT count(*) FROM part{number})" for number in range(len(parts)))  # noqa: S608  numbers
    fence = "SELECT c.id FROM tools_toolcall AS c WHERE c.id = %s AND c.state = %s FOR UPDATE"
    sql = f"WITH call AS ({fence}){tables} SELECT (SELECT count(*) FROM call){counts}"  # noqa: S608  made of parts
    params: list[Any] = [call.pk, state]
    for part in parts:
        params += part.params
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return list(cursor.fetchone())


# -- waiting for a person


def waits(approval: Approval) -> Answer:
    words = (
        f"This waits for a person's approval ({approval.label}). Call it again with the same arguments once it is "
        "approved."
    )
    return Answer(result=problem("waiting_for_person", words), is_error=True)


TOO_MANY_WAIT = Answer(
    result=problem(
        "too_many_waiting", f"{MOST_WAITING} calls of this key wait for a person already. Nothing more is asked."
    ),
    is_error=True,
)


def refusal(result: dict[str, Any]) -> Outcome:
    return Outcome(state=State.REFUSED, result=result, attempts=0, duration_ms=0)


def lock(call: ToolCall) -> None:
    """One at a time for the same call of the same key, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"{call.key_id}{call.digest}"])


def waiting_approval(call: ToolCall) -> Approval | None:
    """Of the same call, made before."""
    same = Approval.objects.filter(call__key_id=call.key_id, call__digest=call.digest, call__state=State.RESERVED)
    return same.filter(status__in=Approval.OPEN).exclude(call_id=call.pk).first()


def standing_refusal(call: ToolCall) -> Approval | None:
    """A no holds for as long as the request might have waited: asking again and again wears nobody down."""
    same = Approval.objects.filter(call__key_id=call.key_id, call__digest=call.digest)
    return same.filter(status=Approval.Status.REJECTED, expires_at__gt=timezone.now()).order_by("-decided_at").first()


def too_many_wait(key: GatewayKey) -> bool:
    waiting = Approval.objects.filter(status=Approval.Status.PENDING, call__key_id=key.pk)
    return waiting.count() >= MOST_WAITING


# -- the same call again


def earlier_call(call: ToolCall) -> ToolCall | None:
    """The same write by the same key, of which it is not known yet what came."""
    same = ToolCall.objects.filter(key_id=call.key_id, digest=call.digest, state__in=ToolCall.OPEN)
    return same.select_related("approval").order_by("created_at").first()


def go_on(key: GatewayKey, earlier: ToolCall) -> Answer | None:
    """The answer to a call that was made before; None where that one was never made, and is ended."""
    approval = approval_of(earlier)
    if approval is not None and earlier.state == State.RESERVED:
        approval = end_in_time(approval)
        if approval.status == Approval.Status.PENDING:
            return waits(approval)
        return Attempt(key, earlier).carry_out()
    if not is_abandoned(earlier):
        return UNDER_WAY
    if earlier.state == State.SENT:
        return Attempt(key, earlier).carry_out()
    Attempt(key, earlier).settle(NOT_MADE)
    return None


def approval_of(call: ToolCall) -> Approval | None:
    return getattr(call, "approval", None)


def is_abandoned(call: ToolCall) -> bool:
    approval = approval_of(call)
    left_at = (approval.used_at if approval else None) or call.created_at
    return left_at <= timezone.now() - ABANDONED_AFTER


def end_in_time(approval: Approval) -> Approval:
    """What nobody decided in time has run out, and a yes that nobody used in as long a time again is void."""
    now = timezone.now()
    if approval.status == Approval.Status.PENDING and approval.expires_at <= now:
        approvals.end(approval.pk, status=Approval.Status.EXPIRED)
    elif approval.status == Approval.Status.APPROVED and (approval.decided_at or now) <= unused_before():
        approvals.end(approval.pk, status=Approval.Status.CANCELLED, reason="It was not used in time.")
    else:
        return approval
    approval.refresh_from_db()
    return approval


def unused_before() -> datetime:
    return timezone.now() - timedelta(seconds=settings.APPROVAL_SECONDS)


# -- the calls that nobody made again


def settle_abandoned(*, limit: int = 20) -> int:
    """End what a killed process or an agent that never came back has left: what was sent is found out, what was not is
    refused. How many were looked at; for a sweeper."""
    now = timezone.now()
    left = ToolCall.objects.filter(
        key_id__isnull=False, state__in=ToolCall.OPEN, created_at__lte=now - ABANDONED_AFTER
    ).select_related("approval")
    ended = 0
    for call in left.order_by("created_at"):
        if ended == limit:
            break
        if is_left(call):
            close(call)
            ended += 1
    return ended


def is_left(call: ToolCall) -> bool:
    """A call that waits, or whose decision was not fetched yet, is not."""
    approval = approval_of(call)
    if approval is None or call.state == State.SENT:
        return is_abandoned(call)
    decided_at = approval.decided_at
    end_in_time(approval)
    return decided_at is not None and decided_at <= unused_before()


def close(call: ToolCall) -> None:
    key = GatewayKey.objects.select_related("gateway").filter(pk__in=[call.key_id]).first()
    if call.state == State.SENT and key is not None:
        Attempt(key, call).carry_out()
    elif call.state == State.SENT:
        unknown = Outcome(state=State.UNKNOWN, result=ledger.LEFT_OPEN, attempts=call.attempts, duration_ms=0)
        Attempt(GatewayKey(pk=call.key_id), call).settle(unknown)
    else:
        Attempt(GatewayKey(pk=call.key_id), call).settle(NOT_MADE)
