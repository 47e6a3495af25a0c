"""The audit trail: who did what. Each row's hash is of the row with the hash of the one before it, so that a row which
somebody changes, takes out or slips in breaks the chain.

No personal data of customers belongs in it: name them by their ids. What is erased then need not be erased here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Context, Decimal
from hashlib import sha256
from typing import Any, TypedDict, Unpack

from django.contrib.auth.models import AnonymousUser, User
from django.db import connection, transaction
from django.utils import timezone

from observability.batch import as_text
from observability.masking import mask_value, without_secrets
from observability.models import AuditEntry

# The name under which the application itself acts.
APPLICATION = "Tandem"
BATCH = 2_000
# Of a value that is kept as it is, written as JSON.
LONGEST = 2_000
# Whoever appends waits until the last one's transaction has ended, so that the chain has one order.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('observability_auditentry', 0))"
# Numbers come back from a column of JSON in another spelling: 1e20 as 100000000000000000000.
EXACT = Context(prec=1_000)
_waiting: ContextVar[list[AuditEntry] | None] = ContextVar("audit_entries_waiting", default=None)


@dataclass(frozen=True, kw_only=True)
class Broken:
    """The first row that does not fit; `why` is a sentence."""

    id: int
    why: str


class Told(TypedDict, total=False):
    """`before` and `after` hold what changed; dates, decimals and ids in them become text. A reason's personal data is
    masked."""

    reason: str
    before: dict[str, Any] | None
    after: dict[str, Any] | None


def record(
    actor: User | AnonymousUser | None,
    action: str,
    *,
    kind: str,
    id: object = "",  # noqa: A002  as the column
    name: str = "",
    **told: Unpack[Told],
) -> AuditEntry:
    """Write down that `actor` (None for the application) did `action` ("price.add") to one thing, in the caller's
    transaction: both are kept or neither. Call it last in there, as others who append wait until it ends: one that
    did wait for a row of theirs afterwards would wait for ever. `recorded_last` sees to it."""
    is_known = actor is not None and actor.is_authenticated
    entry = AuditEntry(
        at=timezone.now(),
        actor_id=actor.pk if actor is not None and is_known else None,
        actor_name=clean(actor.get_username() if actor is not None and is_known else APPLICATION, 254),
        action=action,
        subject_kind=kind,
        subject_id=clean(str(id), 64),
        subject_name=clean(name, 200),
        reason=clean(mask_value(" ".join(told.get("reason", "").split())), 300),
        before=plain(told.get("before")),
        after=plain(told.get("after")),
    )
    waiting = _waiting.get()
    if waiting is None:
        append([entry])
    else:
        waiting.append(entry)
    return entry


@contextmanager
def recorded_last() -> Iterator[None]:
    """Around a transaction's many steps: what they record is written down when all of them are done."""
    waiting: list[AuditEntry] = []
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    append(waiting)


@transaction.atomic
def append(entries: Iterable[AuditEntry]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(LOCK)
    last = AuditEntry.objects.order_by("-id").values_list("hash", flat=True).first() or ""
    for entry in entries:
        entry.previous_hash = last
        entry.hash = last = hash_of(entry)
        entry.save(force_insert=True)


def record_changes(
    actor: User | AnonymousUser | None,
    action: str,
    *,
    kind: str,
    id: object = "",  # noqa: A002  as the column
    name: str = "",
    before: Mapping[str, Any],
    after: Mapping[str, Any],
) -> None:
    """As `record`, of what differs between two sets of facts, if anything does: without secrets, and of what is long
    its length."""
    names = sorted(each for each in {*before, *after} if before.get(each) != after.get(each))
    if names:
        was = {each: told_of(before[each]) for each in names if each in before}
        became = {each: told_of(after[each]) for each in names if each in after}
        record(actor, action, kind=kind, id=id, name=name, before=was, after=became)


def told_of(value: Any) -> Any:
    kept = without_secrets(value)
    size = len(json.dumps(kept, default=text_of))
    return kept if size <= LONGEST else f"{size:,} characters"


def verify() -> Broken | None:
    """Walk the chain from its first row; the first one that does not fit, or None. What was cut off at its end leaves
    no trace in it: compare `head` with one that was noted elsewhere."""
    expected, last = "", 0
    while rows := list(AuditEntry.objects.filter(pk__gt=last).order_by("id")[:BATCH]):
        for entry in rows:
            if entry.previous_hash != expected:
                return Broken(id=entry.pk, why="It does not follow the entry before it: one was taken out or put in.")
            if entry.hash != hash_of(entry):
                return Broken(id=entry.pk, why="Its content is not what was written.")
            expected, last = entry.hash, entry.pk
    return None


def head() -> AuditEntry | None:
    """The newest entry, whose hash stands for all before it."""
    return AuditEntry.objects.order_by("-id").first()


def hash_of(entry: AuditEntry) -> str:
    """SHA-256, in hexadecimal, of the row's JSON with sorted keys and no blanks; `id` and `hash` are not in it."""
    row = {
        "at": entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor_id": entry.actor_id,
        "actor_name": entry.actor_name,
        "action": entry.action,
        "subject_kind": entry.subject_kind,
        "subject_id": entry.subject_id,
        "subject_name": entry.subject_name,
        "reason": entry.reason,
        "before": canonical(entry.before),
        "after": canonical(entry.after),
        "previous_hash": entry.previous_hash,
    }
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return sha256(text.encode()).hexdigest()


def canonical(value: Any) -> Any:
    """The same value in the one spelling that is hashed."""
    if isinstance(value, dict):
        return {key: canonical(each) for key, each in value.items()}
    if isinstance(value, list):
        return [canonical(each) for each in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = Decimal(repr(value))
        return {"number": str(number.normalize(EXACT)) if number else "0"}
    return value


def plain(value: dict[str, Any] | None) -> dict[str, Any] | None:
    """As JSON keeps it. Raises TypeError or ValueError for what has no form there."""
    if value is None:
        return None
    kept: dict[str, Any] = json.loads(json.dumps(value, default=text_of, allow_nan=False), object_pairs_hook=clean_keys)
    return kept


def text_of(value: object) -> str:
    if hasattr(value, "isoformat") and not isinstance(value, datetime):
        return str(value.isoformat())
    return as_text(value)


def clean_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {clean(key): clean_value(value) for key, value in pairs}


def clean_value(value: Any) -> Any:
    if isinstance(value, list):
        return [clean_value(each) for each in value]
    return clean(value) if isinstance(value, str) else value


def clean(text: str, length: int | None = None) -> str:
    """Without what PostgreSQL keeps in no text: zero bytes, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()[:length]
