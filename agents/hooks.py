"""What the floors below are handed by this one, as they may not import it: once a process."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Lower

from agents import decisions_replay
from agents.approving import on_decided
from agents.budget_lines import budget_lines
from agents.desk_gauges import desk_gauges, slugs_of_agents
from agents.guardrail_texts import said_in, said_since
from agents.model_list import usable_lines, words_of
from agents.models import Agent, AgentVersion, Customer, LanguageModel, Stop
from agents.outgoing import SafeClient
from agents.outside_guard import OutsideGuard
from agents.resolution import resolved_between
from guardrails import backtest, versions
from guardrails.config import PII_TYPES
from guardrails.pii import find_pii, find_secrets, mask
from observability import cost, masking, metrics, notice_channels, otlp
from tools import approvals, gateways, outside, tool_changes

EVERYTHING = "*"


def install() -> None:
    if on_decided in approvals.listeners:
        return
    approvals.listeners.append(on_decided)
    gateways.customer_finders.append(customer_of)
    outside.switches.append(stopped_tools)
    outside.screens.append(OutsideGuard)
    tool_changes.users.append(agents_using)
    decisions_replay.register()
    otlp.providers.append(providers_of_models)
    metrics.gauges.append(desk_gauges)
    metrics.agent_slugs.append(slugs_of_agents)
    versions.users.append(guardrail_uses)
    versions.judge_models.append(judge_models)
    backtest.sources.append(said_since)
    backtest.readers.append(said_in)
    masking.maskers.append(without_pii)
    masking.secret_maskers.append(without_keys)
    notice_channels.clients.append(SafeClient())
    cost.budget_lines.append(budget_lines)
    cost.resolved_counters.append(resolved_where)


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


def guardrail_uses() -> dict[str, list[versions.Use]]:
    """Who names which guardrail, live or in a draft; under "" who names none."""
    is_live = Q(pk__in=Agent.objects.values("live_version"))
    current = AgentVersion.objects.filter(is_live | Q(state=AgentVersion.State.DRAFT)).select_related("agent")
    found: dict[str, list[versions.Use]] = {}
    for version in current.order_by("agent__name"):
        slug, _, number = version.guardrail.partition(":")
        use = versions.Use(
            agent=version.agent.name,
            slug=version.agent.slug,
            number=int(number) if number.isdecimal() else None,
            is_draft=version.state == AgentVersion.State.DRAFT,
        )
        found.setdefault(slug, []).append(use)
    return found


def providers_of_models() -> dict[str, str]:
    return dict(LanguageModel.objects.values_list("key", "provider"))


def judge_models() -> list[versions.JudgeModel]:
    return [
        versions.JudgeModel(id=line.model.key, label=words_of(line), is_ready=can_judge(line.model))
        for line in usable_lines()
    ]


def can_judge(model: LanguageModel) -> bool:
    """As `agents/guardrail_model.py` would ask it: the scripted model judges nothing."""
    needs_key = model.provider == LanguageModel.Provider.ANTHROPIC
    return model.calls_tools and bool(not needs_key or settings.ANTHROPIC_API_KEY or model.key_variable)


def without_pii(text: str) -> str:
    """For readers of traces who need not see it."""
    return mask(text, find_pii(text, PII_TYPES))


def without_keys(text: str) -> str:
    """For the trace itself: a secret is in no row of it."""
    return mask(text, find_secrets(text))


def resolved_where(since: datetime, until: datetime, where: cost.Where) -> int | None:
    """A conversation has an agent and a channel; by version or model it cannot be told."""
    if set(where) - {"agent_id", "channel"}:
        return None
    agent_id, channel = where.get("agent_id"), where.get("channel")
    return resolved_between(since, until, agent_id if isinstance(agent_id, UUID) else None, str(channel or ""))
