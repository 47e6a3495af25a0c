"""The agents, and the decisions about their calls, for the pages of the policies."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.urls import reverse

from agents.models import Agent, Session
from tools.models import ToolCall
from tools.policy.authorize import Principal
from tools.policy.values import Customer
from tools.policy_sources import KnownCaller, Recorded, decided_calls, recorded_call, sources


class AgentSource:
    def callers(self) -> list[KnownCaller]:
        agents = Agent.objects.filter(live_version__isnull=False).select_related("live_version").order_by("name")
        return [
            KnownCaller(
                principal=agent_principal(agent.slug),
                label=agent.name,
                url=reverse("agents:agent", args=[agent.slug]),
                granted=frozenset(agent.live_version.tools if agent.live_version else ()),
            )
            for agent in agents
        ]

    def recorded(self, since: datetime, names: Iterable[str]) -> list[Recorded]:
        calls = decided_calls(since, names, session_id__isnull=False)
        sessions = Session.objects.select_related("customer", "agent").in_bulk({call.session_id for call in calls})
        return [
            found for call in calls if (session := sessions.get(call.session_id)) and (found := call_of(call, session))
        ]


def agent_principal(slug: str, channel: str = "") -> Principal:
    """As the loop names it."""
    return Principal(id=slug, tags={"kind": "agent", **({"channel": channel} if channel else {})})


def call_of(call: ToolCall, session: Session) -> Recorded | None:
    customer = session.customer
    return recorded_call(
        call,
        agent_principal(session.agent.slug, session.channel),
        Customer(verified=True, id=str(customer.pk), email=customer.email),
        channel=session.channel,
        who=f"{session.agent.name} for {customer}",
        url=reverse("agents:conversation", args=[session.pk]),
        name=customer.name,
    )


SOURCE = AgentSource()


def register() -> None:
    """Once a process."""
    if SOURCE not in sources:
        sources.insert(0, SOURCE)
