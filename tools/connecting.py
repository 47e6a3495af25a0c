"""A backend becomes a target: its address is judged, its tools are read, and then it is stored.

What can list its tools is asked before anything is stored, so that a wrong address is noticed while it is typed. Such
a target begins held: nothing is called there until an admin has chosen from what it lists.
"""

from __future__ import annotations

import logging
import shlex
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ValidationError
from django.db import transaction

from observability.audit import record_changes
from observability.database import give_back_connection
from tools.catalog import catalog
from tools.credential_fields import check_kind
from tools.credentials import credential_of, try_to_open
from tools.definitions import Definition, by_name, plain_text
from tools.listing import (
    FAILURES,
    Accepted,
    ListingChanged,
    ListingFailed,
    accept,
    hold,
    list_now,
    listing_of,
    proposed_of,
    sync,
)
from tools.models import Target
from tools.models.targets import CLASHES
from tools.net.addresses import AddressRefused, Reach
from tools.net.urls import check_url
from tools.openapi import (
    Document,
    Operation,
    definition_of,
    operations_of,
    security_of,
    server_warnings,
    servers_of,
)
from tools.targets.openapi import document_of
from tools.targets.registry import lister_of
from tools.tool_changes import BreaksPolicies

logger = logging.getLogger(__name__)
# Keys of `Target.settings` that say what the document could not give, and what it asks for.
LEFT_OUT, ASKS = "left_out", "asks"
MAX_LEFT_OUT, MAX_ASKS = 200, 10
MAX_WORDS = 200
MAX_COMMAND = 50


class NotConnected(ValueError):
    """Nothing was stored. The text is meant for the form; `field` names the part of it at fault, empty for the whole.
    `can_wait` where the target may be stored without its tools."""

    def __init__(self, message: str, *, field: str = "", can_wait: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.can_wait = can_wait


@dataclass(kw_only=True)
class Connected:
    """`listed` is how many tools it offers, None where an admin writes them; `warnings` are about its document."""

    target: Target
    listed: int | None = None
    warnings: list[str] = field(default_factory=list)


# -- what a person writes


def check_name(target: Target) -> None:
    """Raises `NotConnected`."""
    try:
        CLASHES(target.name)
    except ValidationError as error:
        raise NotConnected(" ".join(error.messages), field="name") from error


def check_address(url: str, *, is_internal: bool, field: str = "base_url", is_whole: bool = False) -> str:
    """The address as it is asked for. `is_whole` where nothing is put behind it. Raises `NotConnected`."""
    try:
        checked = check_url(url.strip(), Reach.INTERNAL if is_internal else Reach.PUBLIC)
    except AddressRefused as error:
        raise NotConnected(str(error), field=field) from error
    if "#" in url or ("?" in checked.path_and_query and not is_whole):
        raise NotConnected("The address ends before ? and #: what comes behind it is each tool's.", field=field)
    return checked.url if is_whole else checked.url.rstrip("/")


def command_of(text: str) -> list[str]:
    """A line as a shell reads it, without a shell. Raises `NotConnected`."""
    try:
        parts = shlex.split(text)
    except ValueError as error:
        raise NotConnected(f"The line cannot be read: {error}.", field="command") from error
    if not parts or not parts[0] or len(parts) > MAX_COMMAND:
        raise NotConnected("Write the program and its arguments in one line.", field="command")
    if not text.isprintable():
        raise NotConnected("The line holds a line break or another control character.", field="command")
    return parts


# -- connected


def connect(target: Target, user: User | AnonymousUser, *, lists: bool = True) -> Connected:
    """Store a new target, and with `lists` what it offers; then it is held. Raises `NotConnected`."""
    check_name(target)
    connected = Connected(target=target)
    definitions: list[Definition] | None = None
    if target.kind == Target.Kind.OPENAPI:
        document = read(target)
        connected.warnings = server_warnings(document, base=document_url(target))
        target.base_url = target.base_url or address_in(document, target)
        definitions = offered(note(target, document))
    elif lists and target.kind in Target.LISTED:
        definitions = ask(target)
    with transaction.atomic():
        target.save(force_insert=True)
        if definitions is not None:
            hold(target, listing_of(target, definitions))
        tell(user, "target.connect", target, before={}, after=facts_of(target))
    catalog.forget()
    connected.listed = None if definitions is None else len(definitions)
    logger.info("The target %s (%s) was connected by user %s", target, target.kind, user.pk)
    return connected


def ask(target: Target) -> list[Definition]:
    """What a backend that need not be stored yet lists. Raises `NotConnected`."""
    lister = lister_of(target)
    if lister is None:
        raise LookupError(f"a target of the kind {target.kind} lists no tools")
    give_back_connection()
    try:
        definitions = lister.list_definitions(target)
        by_name(definitions)
    except FAILURES as error:
        raise NotConnected(
            f"Its tools could not be listed: {plain_text(error, MAX_WORDS)}", field=place_field(target), can_wait=True
        ) from error
    return definitions


def place_field(target: Target) -> str:
    return "command" if target.kind == Target.Kind.MCP_STDIO else "base_url"


# -- an OpenAPI document


def document_url(target: Target) -> str:
    return str(target.settings.get("document_url") or "")


def read(target: Target) -> Document:
    """Raises `NotConnected`."""
    give_back_connection()
    try:
        return document_of(target)
    except FAILURES as error:
        field = "document_url" if document_url(target) else "document"
        raise NotConnected(plain_text(error, MAX_WORDS), field=field) from error


def address_in(document: Document, target: Target) -> str:
    """Where the document says that its service is. Raises `NotConnected`."""
    servers = servers_of(document, base=document_url(target))
    if not servers:
        raise NotConnected("The document names no address that can be used. Write it here.", field="base_url")
    try:
        return check_address(servers[0], is_internal=target.is_internal)
    except NotConnected as error:
        raise NotConnected(f"The document says {servers[0][:MAX_WORDS]!r}. {error}", field="base_url") from error


def note(target: Target, document: Document) -> list[Operation]:
    """The operations. What cannot be offered, and what the document asks for, is kept beside the target for its pages;
    the caller saves it."""
    operations = operations_of(document)
    target.settings = {
        **target.settings,
        LEFT_OUT: [left_out(operation) for operation in operations if operation.problems][:MAX_LEFT_OUT],
        ASKS: [
            {"kind": scheme.kind, "parameter": scheme.parameter[:MAX_WORDS], "token_url": scheme.token_url[:500]}
            for scheme in security_of(document, base=document_url(target))[:MAX_ASKS]
        ],
    }
    return operations


def left_out(operation: Operation) -> dict[str, str]:
    return {
        "method": operation.method,
        "path": operation.path[:MAX_WORDS],
        "problem": plain_text(operation.problems[0], MAX_WORDS),
    }


def offered(operations: list[Operation]) -> list[Definition]:
    """Raises `NotConnected` where the document offers nothing that can be used."""
    definitions = [definition_of(operation) for operation in operations if not operation.problems]
    if not definitions:
        problem = next((operation.problems[0] for operation in operations), "it describes no operation")
        raise NotConnected(f"Nothing in the document can be offered: {problem}.", field="document")
    return definitions


# -- later


def list_again(target: Target) -> bool:
    """Whether the target is held now, because something differs. Raises `ListingFailed`."""
    if target.kind == Target.Kind.OPENAPI:
        try:
            note(target, read(target))
        except NotConnected as error:
            raise ListingFailed(str(error)) from error
        target.save(update_fields=["settings"])
    return sync(target)


def choose(target: Target, names: Collection[str], user: User | AnonymousUser, *, seen: str) -> Accepted:
    """Make these of what is proposed, or else of what it lists now, the target's tools, and open it. `seen` is the
    digest of what the admin looked at.

    Raises `ListingFailed`, `ListingChanged`, `BreaksPolicies`, and `ValueError` for a name that is not offered.
    """
    listing = proposed_of(target) or list_now(target)
    if listing.digest != seen:
        raise ListingChanged("What it offers has changed meanwhile. Look at it again.")
    try:
        with transaction.atomic():  # so that nobody sees it held in between
            if target.held_at is None:
                hold(target, listing)
            return accept(target, names, user, seen=seen)
    except (BreaksPolicies, ListingChanged, ValueError):
        target.refresh_from_db()  # which may say that it is held
        raise


def change(target: Target, user: User | AnonymousUser, *, fields: dict[str, Any]) -> list[str]:
    """Another address, program or setting; what the admin should know of it. Raises `NotConnected`."""
    credential = credential_of(target)
    did_open = credential is not None and not try_to_open(target, credential)[1]
    before = facts_of(Target.objects.get(pk=target.pk))  # a form may have changed this one already
    for name, value in fields.items():
        setattr(target, name, value)
    if credential is not None:
        try:
            check_kind(credential.kind, target)
        except ValueError as error:
            raise NotConnected(f"Its credential cannot be kept: {error}", field=place_field(target)) from error
    with transaction.atomic():
        target.save(update_fields=list(fields))
        tell(user, "target.change", target, before=before, after=facts_of(target))
    catalog.forget()
    logger.info("The target %s was changed by user %s: %s", target, user.pk, ", ".join(sorted(fields)))
    if did_open and credential is not None and try_to_open(target, credential)[1]:
        return ["The credential was given for the former address and is not sent to another one. Set it again."]
    return []


def tell(
    user: User | AnonymousUser, action: str, target: Target, *, before: dict[str, Any], after: dict[str, Any]
) -> None:
    record_changes(user, action, kind="target", id=target.pk, name=target.name, before=before, after=after)


def facts_of(target: Target) -> dict[str, Any]:
    """For the audit trail: what it is and where, as far as that holds no secret. The arguments of a program may."""
    found = {"kind": target.kind, "base_url": target.base_url, "is_internal": target.is_internal}
    places = ("document_url", "function", "region", "endpoint")
    found |= {name: target.settings[name] for name in places if target.settings.get(name)}
    found |= {"program": target.command[0], "arguments": len(target.command) - 1} if target.command else {}
    document = target.settings.get("document")
    return found | ({"document": f"{len(document):,} characters"} if document else {})


def switch(target: Target, user: User | AnonymousUser, *, enabled: bool) -> None:
    with transaction.atomic():
        Target.objects.filter(pk=target.pk).update(enabled=enabled)
        tell(user, "target.switch", target, before={"enabled": target.enabled}, after={"enabled": enabled})
    catalog.forget()
    logger.info("The target %s was switched %s by user %s", target, "on" if enabled else "off", user.pk)
