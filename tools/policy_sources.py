"""Who calls tools, and what was decided about their calls; read from whoever knows them.

Agents and their conversations belong to an app above this one, which adds its source when it is ready. The keys of
outside callers are known here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

from django.urls import reverse
from django.utils import timezone

from tools.binding import with_bound
from tools.catalog import catalog
from tools.errors import ToolRefused
from tools.gateways import customer_of, permitted_tools
from tools.models import GatewayKey, Tool, ToolCall
from tools.money import decimal_of
from tools.outside import CHANNEL, principal_of
from tools.policy.authorize import Principal, Request
from tools.policy.values import Customer
from tools.prechecks import AMOUNT

# The most calls that are read for one answer; the newest of them.
MOST_CALLS = 5_000
# The clocks of the processes that make ids may differ; what was decided when is read from the row itself.
CLOCK_MARGIN = timedelta(hours=1)


@dataclass(frozen=True, kw_only=True)
class KnownCaller:
    """`granted` are the tools, by either name, that it may use where the policies let it; None where any."""

    principal: Principal
    label: str
    url: str = ""
    granted: frozenset[str] | None = None

    def has(self, tool: Tool) -> bool:
        return self.granted is None or not self.granted.isdisjoint({tool.key, tool.name})


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """A call that was decided, as it can be decided again. `money` is what it moves, None where it moves none."""

    request: Request
    tool: Tool
    at: datetime
    who: str
    url: str = ""
    tainted: bool = False
    money: Decimal | None = None
    currency: str = ""


class Source(Protocol):
    def callers(self) -> list[KnownCaller]: ...

    def recorded(self, since: datetime, names: Iterable[str]) -> list[Recorded]:
        """The newest `MOST_CALLS` calls of these tools (by any of their names) that were decided since then."""
        ...


def earliest_id(moment: datetime) -> UUID:
    """The least UUID of version 7 (RFC 9562) that a row of this moment can have: calls are read by their key, which
    is in the order of time."""
    milliseconds = int((moment - CLOCK_MARGIN).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62)


def decided_calls(since: datetime, names: Iterable[str], **only: Any) -> list[ToolCall]:
    """The newest first."""
    calls = ToolCall.objects.filter(
        id__gte=earliest_id(since), created_at__gte=since, decided__isnull=False, tool_name__in=list(names), **only
    )
    return list(calls.defer("result").order_by("-id")[:MOST_CALLS])


def recorded_call(
    call: ToolCall, principal: Principal, customer: Customer, *, channel: str, who: str, url: str = "", name: str = ""
) -> Recorded | None:
    """The call as the policies saw it; `name` is the customer's. None where its tool is gone, or where what the
    gateway would fill in is not known any more."""
    tool, record = catalog.find(call.tool_name), call.decided or {}
    if tool is None:
        return None
    values = {"customer.id": customer.id, "customer.email": customer.email, "customer.name": name}
    try:
        arguments = with_bound(tool, call.arguments, {**values, "session.id": str(call.session_id or "")})
    except (ToolRefused, AttributeError):
        return None
    facts, tainted = record.get("facts") or {}, bool(record.get("tainted"))
    is_verified = bool(record.get("verified"))
    request = Request(
        principal=principal,
        tool=tool.key,
        input=arguments,
        customer=Customer(
            verified=is_verified,
            id=customer.id if is_verified else "",
            email=customer.email if is_verified else "",
        ),
        channel=channel,
        tainted=tainted,
        facts=facts,
    )
    return Recorded(
        request=request,
        tool=tool,
        at=call.created_at,
        who=who,
        url=url,
        tainted=tainted,
        money=decimal_of(facts.get(AMOUNT)) if tool.amount is not None else None,
        currency=str((tool.amount or {}).get("currency", "")),
    )


# -- outside callers


class KeySource:
    def callers(self) -> list[KnownCaller]:
        now = timezone.now()
        return [
            KnownCaller(
                principal=principal_of(key),
                label=f"Key {key.name} ({key.gateway.slug})",
                url=reverse("tools:gateway", args=[key.gateway.slug]),
                granted=permitted_tools(key),
            )
            for key in GatewayKey.objects.select_related("gateway").filter(revoked_at__isnull=True)
            if key.expires_at is None or key.expires_at > now
        ]

    def recorded(self, since: datetime, names: Iterable[str]) -> list[Recorded]:
        calls = decided_calls(since, names, key_id__isnull=False)
        keys = GatewayKey.objects.select_related("gateway").in_bulk({call.key_id for call in calls})
        return [found for call in calls if (key := keys.get(call.key_id)) and (found := self.call_of(call, key))]

    def call_of(self, call: ToolCall, key: GatewayKey) -> Recorded | None:
        of = customer_of(key)
        customer = Customer(verified=of.is_verified, id=of.id, email=of.email)
        return recorded_call(call, principal_of(key), customer, channel=CHANNEL, who=f"Key {key.name}")


sources: list[Source] = [KeySource()]


def every_caller() -> list[KnownCaller]:
    return [caller for source in sources for caller in source.callers()]


def every_recorded(since: datetime, names: Iterable[str]) -> list[Recorded]:
    """From all sources, the newest first, at most `MOST_CALLS`."""
    wanted = list(names)
    found = [recorded for source in sources for recorded in source.recorded(since, wanted)]
    return sorted(found, key=lambda recorded: recorded.at, reverse=True)[:MOST_CALLS]
