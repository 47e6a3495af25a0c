"""The tools that a target says it has: listed, compared with what an admin has seen, and accepted.

A backend that changes a tool behind an admin's back changes what the agents do. What it lists is therefore only
proposed. From the first listing on each accepted tool keeps the definition that was accepted (`recipe["listed"]`);
when a later listing differs, the target is held: nothing is called there until an admin has accepted the difference.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from observability.audit import record
from observability.database import give_back_connection
from observability.models import Event, Notice
from observability.notices import tell
from tools.catalog import catalog
from tools.definitions import (
    Changes,
    Definition,
    DefinitionsRefused,
    by_name,
    compare,
    digest,
    digest_of,
    plain_text,
)
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, ToolRefused
from tools.models import Target, Tool
from tools.net.addresses import AddressRefused
from tools.net.fetch import FetchFailed
from tools.openapi import DocumentRefused
from tools.targets.registry import lister_of

logger = logging.getLogger(__name__)
SYNC_EVERY = timedelta(hours=1)
RETRY_AFTER = timedelta(minutes=5)
# Keys of `Tool.recipe` and of `Target.settings`.
LISTED = "listed"
SEEN = "seen"
RISKS = {
    Tool.Effect.READ: Tool.Risk.LOW,
    Tool.Effect.WRITE: Tool.Risk.MEDIUM,
    Tool.Effect.MONEY: Tool.Risk.HIGH,
    Tool.Effect.IRREVERSIBLE: Tool.Risk.HIGH,
}
SEVERITY = [Tool.Effect.READ, Tool.Effect.WRITE, Tool.Effect.MONEY, Tool.Effect.IRREVERSIBLE]
FAILURES = (
    *(ToolFailed, ToolRefused, TargetUnreachable, OutcomeUnclear),
    *(DefinitionsRefused, DocumentRefused, FetchFailed, AddressRefused),
)


class ListingFailed(Exception):
    """The tools could not be listed; the text is meant for an admin."""


class ListingChanged(Exception):
    """What is proposed by now is not what the admin has looked at."""


@dataclass(frozen=True, kw_only=True)
class Listing:
    """`changes` are those since the tools were accepted: `added` are neither tools yet nor known to have been declined.
    `digest` names the listing."""

    definitions: list[Definition]
    changes: Changes
    digest: str


@dataclass(kw_only=True)
class Accepted:
    """Names of tools. `disabled` are those that are gone, or that were not chosen."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    disabled: list[str] = field(default_factory=list)


# -- listed


def list_now(target: Target) -> Listing:
    """Ask the backend, or read the document. Raises `ListingFailed`; `LookupError` for a kind that lists nothing."""
    lister = lister_of(target)
    if lister is None:
        raise LookupError(f"a target of the kind {target.kind} lists no tools")
    give_back_connection()
    try:
        definitions = lister.list_definitions(target)
        by_name(definitions)
    except FAILURES as error:
        raise ListingFailed(str(error)) from error
    return listing_of(target, definitions)


def propose(target: Target) -> Listing:
    """List, and hold the target until an admin has accepted what is listed. Raises as `list_now` does."""
    listing = list_now(target)
    hold(target, listing)
    return listing


def proposed_of(target: Target) -> Listing | None:
    """What waits for an admin, compared with the tools as they are."""
    if target.proposed is None:
        return None
    return listing_of(target, [Definition(**definition) for definition in target.proposed["definitions"]])


def listing_of(target: Target, definitions: list[Definition]) -> Listing:
    accepted = accepted_of(target)
    changes = compare(accepted, definitions)
    seen: Mapping[str, str] = target.settings.get(SEEN, {})
    new = [definition for definition in changes.added if seen.get(definition.name) != digest_of(definition)]
    return Listing(definitions=definitions, changes=replace(changes, added=new), digest=digest(definitions))


def accepted_of(target: Target) -> list[Definition]:
    """The definitions behind the target's tools, as they were accepted; what an admin changed in a tool since does not
    count."""
    recipes = Tool.objects.filter(target=target, recipe__has_key=LISTED).values_list("recipe", flat=True)
    return [definition_in(recipe) for recipe in recipes]


def definition_in(recipe: Mapping[str, Any]) -> Definition:
    return Definition(**recipe[LISTED], recipe=bare(recipe))


def bare(recipe: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in recipe.items() if key != LISTED}


def hold(target: Target, listing: Listing) -> None:
    target.proposed = {"definitions": [asdict(definition) for definition in listing.definitions]}
    target.held_at = target.held_at or timezone.now()
    target.listed_at = timezone.now()
    target.save(update_fields=["proposed", "held_at", "listed_at"])
    catalog.forget()


# -- accepted


def accept(
    target: Target,
    names: Collection[str],
    user: User | AnonymousUser | None,
    *,
    seen: str | None = None,
    checks_policies: bool = True,
) -> Accepted:
    """Make what is proposed under these names the target's tools, and open the target. Where nothing is proposed, what
    is listed now counts. `seen` is the digest of the listing that the admin looked at; without `checks_policies` the
    caller checks the rules against the tools before its transaction ends.

    Tools that are gone or not chosen are switched off, never deleted. Raises `ListingChanged`, `ListingFailed`,
    `tool_changes.BreaksPolicies`, and `ValueError` for a name that is not offered; then nothing is stored.
    """
    fresh = list_now(target) if target.proposed is None else None
    with transaction.atomic():
        row = Target.objects.select_for_update(no_key=True).get(pk=target.pk)
        listing = proposed_of(row) or fresh
        if listing is None or (seen is not None and listing.digest != seen):
            raise ListingChanged("What is proposed has changed meanwhile. Look at it again.")
        offered = by_name(listing.definitions)
        if unknown := sorted(set(names) - offered.keys()):
            raise ValueError(f"No tool named {unknown[0]!r} is offered.")
        wanted = [offered[name] for name in sorted(set(names))]
        if checks_policies:
            check_fit(row, wanted)
        done = put_tools(row, wanted)
        done.disabled = switch_off(row, keep=set(names))
        declined = {name: digest_of(offered[name]) for name in offered.keys() - set(names)}
        # Of a document most operations may never be wanted; what is not a tool is not called, whatever it says.
        target.settings = {**row.settings, SEEN: {} if row.kind == Target.Kind.OPENAPI else declined}
        target.proposed, target.held_at, target.listed_at = None, None, timezone.now()
        target.save(update_fields=["settings", "proposed", "held_at", "listed_at"])
        record(user, "target.accept", kind="target", id=target.pk, name=target.name, after=asdict(done))
    catalog.forget()
    logger.info(
        "The tools of %s were accepted by user %s: %d new, %d updated, %d switched off",
        *(target, user.pk if user else None),
        *(len(done.created), len(done.updated), len(done.disabled)),
    )
    return done


def check_fit(target: Target, definitions: Iterable[Definition]) -> None:
    """Raises `tool_changes.BreaksPolicies` where rules in force would not fit these tools."""
    tool_changes = import_module("tools.tool_changes")  # by name: it builds on this module
    tool_changes.check_policies(tool_changes.as_they_would_be(target, definitions))


def put_tools(target: Target, definitions: Iterable[Definition]) -> Accepted:
    """Create or update the target's tools of these definitions, also where an admin has pasted them."""
    done = Accepted()
    rows = {tool.name: tool for tool in Tool.objects.filter(target=target)}
    for definition in definitions:
        known = rows.get(definition.name)
        tool = new_tool(target, definition) if known is None else updated(known, definition)
        listed = {name: value for name, value in asdict(definition).items() if name != "recipe"}
        tool.recipe = {**definition.recipe, LISTED: listed}
        tool.clean_fields()
        tool.save()
        (done.created if known is None else done.updated).append(tool.name)
    catalog.forget()
    return done


def new_tool(target: Target, definition: Definition) -> Tool:
    """Off, unless it only reads: what a write needs to be safe an admin has to say first."""
    effect = Tool.Effect(definition.effect)
    words = plain_text(definition.name.replace("_", " "), 100)
    return Tool(
        target=target,
        name=definition.name,
        description=definition.description,
        input_schema=definition.input_schema,
        effect=effect,
        risk=RISKS[effect],
        progress=f"Using {words}",
        enabled=effect == Tool.Effect.READ,
    )


def updated(tool: Tool, definition: Definition) -> Tool:
    """With the new description and schema. What an admin said of it stays, unless the backend now says worse: a tool
    that only read and does so no longer is off until an admin has looked at it."""
    was_read = tool.is_read
    before = definition_in(tool.recipe) if LISTED in tool.recipe else None
    if before is None or before.effect != definition.effect:
        tool.effect = max(tool.effect, definition.effect, key=lambda effect: SEVERITY.index(Tool.Effect(effect)))
    if was_read and not tool.is_read:
        tool.risk, tool.enabled = RISKS[Tool.Effect(tool.effect)], False
    tool.description = definition.description
    tool.input_schema = definition.input_schema
    return tool


def switch_off(target: Target, *, keep: Collection[str]) -> list[str]:
    """Those that came from a listing and are not to be kept. If one comes back, it is new again."""
    gone = list(Tool.objects.filter(target=target, recipe__has_key=LISTED).exclude(name__in=keep).order_by("name"))
    for tool in gone:
        tool.enabled = False
        tool.recipe = bare(tool.recipe)
        tool.save(update_fields=["enabled", "recipe"])
    return [tool.name for tool in gone]


# -- kept up to date


def sync(target: Target) -> bool:
    """List again; whether the target is held now because something differs. Raises as `list_now` does."""
    listing = list_now(target)
    if target.held_at is not None or differs(target, listing.changes):
        if target.held_at is None:
            logger.warning("target %s: its tools have changed, so it is held until an admin has seen it", target)
            tell(
                Event.TOOL_CHANGED,
                key=f"tools:{target.pk}:{timezone.now():%Y%m%d%H%M%S%f}",
                title=f"The target {target.name} lists its tools differently",
                text="It is held until an admin has looked at what has changed.",
                path=reverse("tools:target", args=[target.name]),
                tone=Notice.Tone.WARN,
            )
        hold(target, listing)
        return True
    Target.objects.filter(pk=target.pk).update(listed_at=timezone.now())
    return False


def differs(target: Target, changes: Changes) -> bool:
    """Whether an admin has to look. A document may get operations that nobody wants: that alone is no reason."""
    first = not Tool.objects.filter(target=target, recipe__has_key=LISTED).exists()
    added = bool(changes.added) and (first or target.kind != Target.Kind.OPENAPI)
    return bool(changes.removed or changes.changed) or added


def sync_due(limit: int) -> int:
    """Sync up to so many targets that were listed over an hour ago, or that say that they changed; how many were.

    One that fails is tried again after five minutes.
    """
    now = timezone.now()
    due = Target.objects.filter(
        Q(listed_at=None) | Q(listed_at__lt=now - SYNC_EVERY), kind__in=Target.LISTED, enabled=True
    ).exclude(kind=Target.Kind.OPENAPI, settings__has_key="document")
    done = 0
    for target in due.select_related("credential").order_by(F("listed_at").asc(nulls_first=True))[:limit]:
        claim = Target.objects.filter(pk=target.pk, listed_at=target.listed_at)
        if not claim.update(listed_at=now - SYNC_EVERY + RETRY_AFTER):
            continue  # another process is at it
        try:
            sync(target)
            done += 1
        except ListingFailed as error:
            logger.warning("target %s: its tools could not be listed: %s", target, error)
    return done
