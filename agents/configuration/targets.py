"""Targets: what a file wants them to be, planned without storing anything, and then written.

The network is asked while planning, with targets that are only in memory yet: no transaction waits for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from agents.configuration.form import ADDRESSES, EVERY_TOOL, TargetEntry
from agents.configuration.secrets import Wanted, put_in_memory, wanted_credential
from agents.configuration.values import Entry
from tools.connecting import NotConnected, address_in, ask, check_address, note, offered, read
from tools.credentials import clear_credential, credential_of, set_credential, try_to_open
from tools.listing import Listing, accepted_of, listing_of
from tools.models import Target
from tools.openapi import Document
from tools.policy.schema import GROUPS
from tools.target_forms import NAME, RESERVED_NAMES

# What decides where a target is: when one of these changes, its tools are listed again.
PLACE = ("base_url", "command", "settings", "is_internal")
DOCUMENT = ("document_url", "document")
LAMBDA = ("function", "region", "endpoint")


@dataclass(kw_only=True)
class Plan:
    """What is to be made of one target. `row` is as the file wants it, not stored yet; `listing` is what it lists
    now, where that has to be known; `changed` are the fields to be stored, `fresh` the tools that have come with the
    listing."""

    wanted: TargetEntry
    row: Target
    is_new: bool
    changed: list[str] = field(default_factory=list)
    clears: bool = False
    credential: Wanted | None = None
    document: Document | None = None
    listing: Listing | None = None
    fresh: set[str] = field(default_factory=set)

    @property
    def entry(self) -> Entry:
        return self.wanted.entry

    @property
    def takes_all(self) -> bool:
        """Every tool that is listed becomes one here: where the file says so, or names none of a new target's."""
        said = self.entry.values.get("take")
        return said == EVERY_TOOL or (said is None and self.is_new and not self.wanted.names_tools)


class Misfit(Exception):
    """What is wrong with the value of one key; the plan ends there."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key


def plan_target(name: str, wanted: TargetEntry, folder: Path, *, accepts: bool) -> Plan | None:
    """None where it cannot be planned; why is among the faults. Asks the network, and stores nothing."""
    row = Target.objects.select_related("credential").filter(name=name).first()
    before = {field: getattr(row, field) for field in (*PLACE, "enabled")} if row else {}
    plan = Plan(wanted=wanted, row=row or Target(name=name), is_new=row is None)
    try:
        set_kind(plan)
        set_place(plan, folder)
        check_fields(plan)
        moves = any(getattr(plan.row, field) != value for field, value in before.items() if field in PLACE)
        plan_credential(plan, folder, moves=moves)
        if accepts or moves or needs_listing(plan):
            plan_listing(plan)
    except Misfit as error:
        plan.entry.refuse(error.key, str(error))
        return None
    plan.changed = [field for field, value in before.items() if getattr(plan.row, field) != value]
    return plan


# -- what it is, and where


def set_kind(plan: Plan) -> None:
    values, row = plan.entry.values, plan.row
    kind = next((name for name in ADDRESSES if name in values), None)
    if plan.is_new and kind is None:
        raise Misfit("", f"it is new, so it needs an address under one of {', '.join(ADDRESSES)}")
    if plan.is_new and (not NAME.fullmatch(row.name) or row.name in {*GROUPS, *RESERVED_NAMES}):
        raise Misfit("", f"a target cannot be named {row.name!r}: use small letters, digits and hyphens")
    if not plan.is_new and kind not in (None, row.kind):
        raise Misfit(kind or "", f"it is a target of the kind {row.kind}, which stays; give the new one another name")
    row.kind = kind or row.kind
    row.is_internal = values.get("internal", row.is_internal)
    row.enabled = values.get("enabled", row.enabled)


def set_place(plan: Plan, folder: Path) -> None:
    values, row = plan.entry.values, plan.row
    if "url" in values and row.kind != Target.Kind.OPENAPI:
        raise Misfit("url", f"the address of this kind stands under `{row.kind}`")
    said = values.get(row.kind)
    match row.kind:
        case Target.Kind.HTTP | Target.Kind.MCP:
            is_whole = row.kind == Target.Kind.MCP
            judged = checked(said or row.base_url, row, key=row.kind, is_whole=is_whole)
            row.base_url = judged if said else row.base_url
        case Target.Kind.MCP_STDIO:
            row.command = said or row.command
        case Target.Kind.AWS_LAMBDA:
            set_function(row, said or row.settings)
        case Target.Kind.OPENAPI:
            set_document(plan, said, folder)


def checked(url: str, row: Target, *, key: str, is_whole: bool = False) -> str:
    """Raises `Misfit`."""
    try:
        return check_address(url, is_internal=row.is_internal, is_whole=is_whole)
    except NotConnected as error:
        hint = "" if row.is_internal else " A backend in your own network needs `internal: true`."
        raise Misfit(key, f"{str(error).rstrip('.')}.{hint}") from error


def set_function(row: Target, said: Mapping[str, str]) -> None:
    if not said.get("region") and not said.get("endpoint"):
        raise Misfit(row.kind, "it needs a `region`, or an `endpoint`")
    if said.get("endpoint"):
        checked(said["endpoint"], row, key=row.kind)
    row.settings = {**without(row.settings, LAMBDA), **{name: said[name] for name in LAMBDA if said.get(name)}}


def set_document(plan: Plan, said: Mapping[str, str] | None, folder: Path) -> None:
    """Where the document is, or its text; and where the service is, as the document says unless the file does."""
    values, row = plan.entry.values, plan.row
    known = {name: row.settings[name] for name in DOCUMENT if name in row.settings}
    wanted = known if said is None else document_said(said, row, folder)
    row.settings = {**without(row.settings, DOCUMENT), **wanted}
    if "url" in values:
        row.base_url = checked(values["url"], row, key="url")
    elif wanted != known or not row.base_url:
        row.base_url = ""
        document = document_of_plan(plan)
        try:
            row.base_url = address_in(document, row)
        except NotConnected as error:
            raise Misfit(row.kind, f"{error} Or give `url`.") from error


def document_said(said: Mapping[str, str], row: Target, folder: Path) -> dict[str, str]:
    if "document_url" in said:
        return {"document_url": checked(said["document_url"], row, key=row.kind, is_whole=True)}
    if "document" in said:
        return dict(said)
    try:
        return {"document": (folder / said["file"]).read_text(encoding="utf-8-sig")}
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise Misfit(row.kind, f"the file {said['file']!r} cannot be read: {why}") from error


def document_of_plan(plan: Plan) -> Document:
    """Read once. Raises `Misfit`."""
    if plan.document is None:
        try:
            plan.document = read(plan.row)
        except NotConnected as error:
            raise Misfit(plan.row.kind, str(error)) from error
    return plan.document


def without(settings: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def check_fields(plan: Plan) -> None:
    try:
        plan.row.clean_fields(exclude=["proposed", "held_at", "listed_at"])
    except ValidationError as error:
        raise Misfit("", " ".join(error.messages)) from error


# -- its credential


def plan_credential(plan: Plan, folder: Path, *, moves: bool) -> None:
    values, row = plan.entry.values, plan.row
    stored = credential_of(row)
    if "credential" not in values:
        if moves and stored is not None and try_to_open(row, stored)[1]:
            raise Misfit("", "it moves, and its credential is sealed for where it was: name the credential with it")
        return
    said = values["credential"]
    if said is None:
        plan.clears = stored is not None
        return
    try:
        plan.credential = wanted_credential(row, said, folder)
    except ValueError as error:
        raise Misfit("credential", str(error)) from error
    if plan.credential.is_new:
        put_in_memory(row, plan.credential)


# -- what it lists


def needs_listing(plan: Plan) -> bool:
    """A target that is as it was is not asked; what it lists is kept up to date elsewhere."""
    if plan.is_new or plan.takes_all:
        return True
    return not plan.wanted.tools.keys() <= {definition.name for definition in accepted_of(plan.row)}


def plan_listing(plan: Plan) -> None:
    row = plan.row
    if row.kind not in Target.LISTED:
        return
    try:
        is_document = row.kind == Target.Kind.OPENAPI
        definitions = offered(note(row, document_of_plan(plan))) if is_document else ask(row)
    except NotConnected as error:
        raise Misfit(row.kind if row.kind in plan.entry.values else "", str(error)) from error
    plan.listing = listing_of(row, definitions)


# -- written


def write_target(plan: Plan, user: User | None) -> list[str]:
    """Within the transaction. What cannot be read off the rows, as a line."""
    row, wanted = plan.row, plan.credential
    if plan.is_new:
        row.save(force_insert=True)
    elif plan.changed:
        row.save(update_fields=plan.changed)
    if plan.clears:
        clear_credential(row, user)
    if wanted is None or not wanted.is_new:
        return []
    set_credential(row, kind=wanted.kind, public=wanted.public, secret=wanted.secret, user=user)
    return [f"~ target {row.name}: credential: another secret"] if wanted.is_renewed else []
