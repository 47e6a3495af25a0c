"""The audit trail as a list: what of it is shown, page by page from the newest, what changed, and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.utils import timezone

from observability.batch import encode
from observability.models import AuditEntry
from observability.trace_filter import ALL, RANGES, Range
from observability.traces import BadQuery

PAGE_SIZE = 50
# The people, acts and things on offer are those of so many of the newest entries: reading all would be a scan.
SAMPLE = 2_000
CHUNK = 500
APPLICATION = "0"
COLUMNS = (
    *("id", "at", "actor_id", "actor", "action", "subject_kind", "subject_id", "subject", "reason", "before", "after"),
    *("previous_hash", "hash"),
)
# A table program takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """`actor` is a user's id, "0" the application; `subject` the id of one thing of `kind`."""

    actor: str = ""
    action: str = ""
    kind: str = ""
    subject: str = ""
    range: Range = RANGES[ALL]

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Wanted:
        """From a query string. Raises `BadQuery`."""
        actor, key = params.get("actor", ""), params.get("range") or ALL
        if (actor and not (actor.isascii() and actor.isdecimal() and len(actor) <= 18)) or key not in RANGES:
            raise BadQuery("There is no such person or span of time.")
        texts = {name: params.get(name, "").replace("\0", "").strip()[:64] for name in ("action", "kind", "subject")}
        return cls(actor=actor, range=RANGES[key], **texts)

    def params(self, **changed: str) -> dict[str, str]:
        now = {
            "actor": self.actor,
            "action": self.action,
            "kind": self.kind,
            "subject": self.subject,
            "range": self.range.key,
            **changed,
        }
        return {name: value for name, value in now.items() if value and (name, value) != ("range", ALL)}

    def query(self, **changed: str) -> str:
        """A URL's query part, with its question mark."""
        return f"?{urlencode(self.params(**changed))}"

    @property
    def is_narrowed(self) -> bool:
        return bool(self.params())

    def apply(self, entries: QuerySet[AuditEntry]) -> QuerySet[AuditEntry]:
        if self.actor:
            entries = entries.filter(actor_id=None if self.actor == APPLICATION else int(self.actor))
        same = {"action": self.action, "subject_kind": self.kind, "subject_id": self.subject}
        entries = entries.filter(**{name: value for name, value in same.items() if value})
        since = self.range.begin(timezone.now())
        return entries.filter(at__gte=since) if since else entries


@dataclass(frozen=True, kw_only=True)
class Page:
    """One page, and the ids before and after it; None where there is nothing more."""

    entries: list[AuditEntry]
    newer: int | None
    older: int | None


def list_entries(wanted: Wanted, *, before: int | None = None, after: int | None = None) -> Page:
    """Up to `PAGE_SIZE`, newest first: the page below `before`, or the one above `after`."""
    entries = wanted.apply(AuditEntry.objects.all())
    if after is not None:
        rows = list(entries.filter(pk__gt=after).order_by("id")[: PAGE_SIZE + 1])
        has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE][::-1]
        return Page(entries=rows, newer=rows[0].pk if has_more else None, older=rows[-1].pk if rows else None)
    if before is not None:
        entries = entries.filter(pk__lt=before)
    rows = list(entries.order_by("-id")[: PAGE_SIZE + 1])
    has_more, rows = len(rows) > PAGE_SIZE, rows[:PAGE_SIZE]
    return Page(
        entries=rows,
        newer=rows[0].pk if rows and before is not None else None,
        older=rows[-1].pk if has_more else None,
    )


def read_place(text: str) -> int:
    """Raises `BadQuery`."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadQuery(f"{text!r} is no place in the list.")
    return int(text)


def choices_of(wanted: Wanted) -> list[dict[str, Any]]:
    """The selects; what is chosen is always on offer."""
    newest = AuditEntry.objects.order_by("-id").values_list("actor_id", "actor_name", "action", "subject_kind")
    rows = list(newest[:SAMPLE])
    people = {str(row[0] or APPLICATION): row[1] for row in reversed(rows)}
    if wanted.actor:
        people.setdefault(wanted.actor, "This person")
    selects = [
        ("actor", "Person", "Everybody", sorted(people.items(), key=lambda pair: pair[1].lower())),
        ("action", "Act", "Every act", pairs({row[2] for row in rows} | {wanted.action})),
        ("kind", "Thing", "Every kind of thing", pairs({row[3] for row in rows} | {wanted.kind})),
    ]
    return [
        {"name": name, "label": label, "all": every, "options": options, "chosen": getattr(wanted, name)}
        for name, label, every, options in selects
    ]


def pairs(words: set[str]) -> list[tuple[str, str]]:
    return [(word, word.replace("_", " ")) for word in sorted(words - {""})]


# -- what changed


@dataclass(frozen=True, kw_only=True)
class Change:
    """One field: `before` and `after` as texts, None where it was not there."""

    name: str
    before: str | None
    after: str | None

    @property
    def is_same(self) -> bool:
        return self.before == self.after


def changes_of(entry: AuditEntry) -> list[Change]:
    """By field; those that stayed the same come last."""
    before, after = (side if isinstance(side, dict) else {} for side in (entry.before, entry.after))
    names = [*before, *(name for name in after if name not in before)]
    found = [Change(name=name, before=text_at(before, name), after=text_at(after, name)) for name in names]
    return sorted(found, key=lambda change: change.is_same)


def text_at(side: Mapping[str, Any], name: str) -> str | None:
    if name not in side:
        return None
    value = side[name]
    return value if isinstance(value, str) else encode(value)


# -- as a file


def csv_lines(wanted: Wanted) -> Iterator[str]:
    """A header and one line for each entry, the newest first, with the hashes: whoever has the file can check it."""
    yield csv_line(COLUMNS)
    rows = wanted.apply(AuditEntry.objects.all()).order_by("-id")
    for entry in rows.iterator(chunk_size=CHUNK):
        yield csv_line(
            (
                entry.pk,
                entry.at.isoformat(timespec="microseconds"),
                entry.actor_id,
                entry.actor_name,
                entry.action,
                entry.subject_kind,
                entry.subject_id,
                entry.subject_name,
                entry.reason,
                "" if entry.before is None else encode(entry.before),
                "" if entry.after is None else encode(entry.after),
                entry.previous_hash,
                entry.hash,
            )
        )


def csv_line(values: tuple[Any, ...]) -> str:
    line = io.StringIO()
    csv.writer(line).writerow([harmless(value) for value in values])
    return line.getvalue()


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
