"""What the pages of targets and tools share: a target in one line, how it stands, and the way from page to page."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Q
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from tools.credentials import credential_of
from tools.definitions import Definition
from tools.listing import LISTED, SEEN, Listing
from tools.models import Target, TargetHealth, Tool

TOOL_PAGES = (
    ("Tool", "tools:tool"),
    ("Customer and money", "tools:tool_binding"),
    ("Test", "tools:tool_test"),
    ("Calls", "tools:tool_calls"),
)
ORDER = ("changed", "new", "kept", "")


@dataclass(frozen=True, kw_only=True)
class Standing:
    word: str
    tone: str
    icon: str
    text: str = ""


@dataclass(frozen=True, kw_only=True)
class TargetLine:
    """A target as the list shows it. `credential` is the kind in words, or empty."""

    target: Target
    standing: Standing
    where: str
    credential: str
    tools: int
    enabled: int


def health_of(target: Target) -> TargetHealth | None:
    """A target that never failed has none."""
    return getattr(target, "health", None)


def standing_of(target: Target, now: datetime) -> Standing:
    if target.held_at is not None:
        return held(target)
    if not target.enabled:
        return Standing(
            word="Off", tone="", icon="power", text="An admin has switched it off: nothing is called there."
        )
    return standing_of_health(health_of(target), now)


def held(target: Target) -> Standing:
    if not target.settings.get(SEEN) and not listed_tools(target):
        words = "Nothing is called there until an admin has chosen its tools."
        return Standing(word="Choose tools", tone="warn", icon="hand", text=words)
    words = "It offers other tools than an admin has seen. Nothing is called there until one has."
    return Standing(word="Changed: review", tone="bad", icon="shield-alert", text=words)


def standing_of_health(health: TargetHealth | None, now: datetime) -> Standing:
    """Of a target that may be called, by its circuit breaker."""
    if health is None or not health.failures:
        return Standing(word="No failures", tone="good", icon="circle-check")
    times = "1 failure" if health.failures == 1 else f"{health.failures} failures in a row"
    words = f"{times}: {health.last_error}"
    if health.retry_at is None:
        return Standing(word="Failing", tone="warn", icon="triangle-alert", text=words)
    if health.retry_at <= now:
        return Standing(word="Next call tries it", tone="bad", icon="unplug", text=words)
    until = f"Nothing is sent until {health.retry_at:%H:%M:%S} UTC, then one call tries. {words}"
    return Standing(word="Left alone", tone="bad", icon="unplug", text=until)


def listed_tools(target: Target) -> int:
    """How many of its tools came from a listing; counted by the query of the list, or asked."""
    counted = getattr(target, "listed_tools", None)
    return int(counted) if counted is not None else Tool.objects.filter(target=target, recipe__has_key=LISTED).count()


def where_of(target: Target) -> str:
    settings: Mapping[str, Any] = target.settings
    match target.kind:
        case Target.Kind.MCP_STDIO:
            return shlex.join(map(str, target.command))
        case Target.Kind.AWS_LAMBDA:
            return f"{settings.get('function', '')} in {settings.get('region') or settings.get('endpoint', '')}"
        case Target.Kind.BUILTIN:
            return ""
        case _:
            return target.base_url


def target_lines() -> list[TargetLine]:
    """All targets in three queries at most, whatever their number."""
    now = timezone.now()
    rows = (
        Target.objects.select_related("health", "credential")
        .defer("proposed")
        .annotate(
            tool_count=Count("tools"),
            enabled_count=Count("tools", filter=Q(tools__enabled=True)),
            listed_tools=Count("tools", filter=Q(tools__recipe__has_key=LISTED)),
        )
        .order_by("name")
    )
    return [
        TargetLine(
            target=target,
            standing=standing_of(target, now),
            where=where_of(target),
            credential=credential_words(target),
            tools=target.tool_count,
            enabled=target.enabled_count,
        )
        for target in rows
    ]


def credential_words(target: Target) -> str:
    credential = credential_of(target)
    return str(credential.get_kind_display()) if credential else ""


# -- one of them


def get_target(name: str) -> Target:
    found = Target.objects.select_related("health", "credential__changed_by").filter(name=name).first()
    if found is None:
        raise Http404("There is no such target.")
    return found


def get_tool(target: str, name: str) -> Tool:
    rows = Tool.objects.select_related("target__health", "target__credential")
    found = rows.filter(target__name=target, name=name).first()
    if found is None:
        raise Http404("There is no such tool.")
    return found


def tool_tabs(tool: Tool, current: str, *, may_configure: bool) -> list[dict[str, Any]]:
    """Only an admin tests, and only what is called somewhere else."""
    is_own = tool.target.kind == Target.Kind.BUILTIN
    shown = [
        (name, route)
        for name, route in TOOL_PAGES
        if (route != "tools:tool_test" or may_configure) and (not is_own or route in {"tools:tool", "tools:tool_calls"})
    ]
    address = [tool.target.name, tool.name]
    return [
        {"name": name, "url": reverse(route, args=address), "current": route == current, "count": None}
        for name, route in shown
    ]


# -- what a target offers


@dataclass(frozen=True, kw_only=True)
class OfferLine:
    """One tool of a listing. `status` is new, changed, kept or empty; `method` and `path` are of OpenAPI."""

    definition: Definition
    status: str
    is_checked: bool

    @property
    def method(self) -> str:
        return str(self.definition.recipe.get("method", ""))

    @property
    def path(self) -> str:
        return str(self.definition.recipe.get("path", ""))


def offer_lines(target: Target, listing: Listing, *, kept: set[str], picked: set[str]) -> list[OfferLine]:
    """What changed first. `kept` are the names that are tools already, `picked` those to check beside them."""
    changed = {after.name for _, after in listing.changes.changed}
    added = {definition.name for definition in listing.changes.added}
    tells_new = bool(kept) and target.kind != Target.Kind.OPENAPI
    lines = []
    for definition in listing.definitions:
        name = definition.name
        status = "changed" if name in changed else "kept" if name in kept else ""
        if not status and tells_new and name in added:
            status = "new"
        lines.append(OfferLine(definition=definition, status=status, is_checked=name in kept or name in picked))
    return sorted(lines, key=lambda line: ORDER.index(line.status))
