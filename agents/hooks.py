"""What the tools' side is handed by this one, as it may not import it: once a process."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Lower

from agents import decisions_replay
from agents.approving import on_decided
from agents.models import Agent, AgentVersion, Customer, Stop
from tools import approvals, gateways, outside, tool_changes

EVERYTHING = "*"


def install() -> None:
    if on_decided in approvals.listeners:
        return
    approvals.listeners.append(on_decided)
    gateways.customer_finders.append(customer_of)
    outside.switches.append(stopped_tools)
    tool_changes.users.append(agents_using)
    decisions_replay.register()


def customer_of(email: str) -> UUID | None:
    """For a key that acts for one customer: somebody who is known here."""
    known = Customer.objects.alias(address=Lower("email")).filter(address=email.strip().lower())
    return known.values_list("pk", flat=True).first()


def stopped_tools() -> frozenset[str]:
    """What is stopped for callers that are no agents: single tools, or everything."""
    standing = Stop.objects.filter(lifted_at=None, scope__in=[Stop.Scope.TOOL, Stop.Scope.ALL])
    found = standing.values_list("scope", "subject")
    return frozenset(EVERYTHING if scope == Stop.Scope.ALL else subject for scope, subject in found)


def agents_using(names: frozenset[str]) -> list[str]:
    """Which agents have one of these tools, now or in their draft."""
    is_live = Q(pk__in=Agent.objects.values("live_version"))
    current = AgentVersion.objects.filter(is_live | Q(state=AgentVersion.State.DRAFT))
    found = current.select_related("agent").order_by("agent__name")
    uses = {(version.agent.name, name) for version in found for name in version.tools if name in names}
    return [f"The agent {agent} has {name}." for agent, name in sorted(uses)]
