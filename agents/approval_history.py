"""What was decided: filtered, page by page from the newest, and as a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from agents.approval_list import Line, lines_of
from agents.queue import BadCursor, read_cursor
from agents.sessions import label_of
from tools.models import Approval, ApprovalVote

PAGE_SIZE = 50
MOST_EXPORTED = 10_000
APPROVED = (Approval.Status.APPROVED, Approval.Status.USED)
DECISIONS: dict[str, tuple[str, tuple[Approval.Status, ...]]] = {
    "approved": ("Approved", APPROVED),
    "rejected": ("Rejected", (Approval.Status.REJECTED,)),
    "expired": ("Ran out", (Approval.Status.EXPIRED,)),
    "cancelled": ("Withdrawn", (Approval.Status.CANCELLED,)),
}
COLUMNS = (
    "number", "decided_at", "decision", "decided_by", "changed", "tool", "request", "amount", "customer", "waited_s",
    "outcome", "reason",
)  # fmt: skip
# A cell that begins with one of these is a formula to a spreadsheet.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    decision: str = ""
    tool: str = ""
    user: str = ""

    def query(self, **more: str) -> str:
        values = {"decision": self.decision, "tool": self.tool, "user": self.user, **more}
        return urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, kw_only=True)
class Decided:
    """One decided approval. `outcome` is the state of its call, empty where a no needs none."""

    line: Line
    decision: str
    who: str
    waited: timedelta
    is_changed: bool
    outcome: str

    @property
    def approval(self) -> Approval:
        return self.line.approval

    @property
    def waited_ms(self) -> int:
        return round(self.waited.total_seconds() * 1000)


@dataclass(frozen=True, kw_only=True)
class Page:
    """`after` is the cursor of the page after this one, or None on the last."""

    rows: list[Decided]
    after: str | None


def decided(wanted: Wanted) -> QuerySet[Approval]:
    votes = ApprovalVote.objects.select_related("user").order_by("-at")
    rows = (
        Approval.objects.exclude(status=Approval.Status.PENDING)
        .select_related("call")
        .prefetch_related(Prefetch("votes", queryset=votes))
        .order_by("-decided_at", "-pk")
    )
    if wanted.decision:
        rows = rows.filter(status__in=DECISIONS[wanted.decision][1])
    if wanted.tool:
        rows = rows.filter(tool_key=wanted.tool)
    if wanted.user:
        rows = rows.filter(pk__in=ApprovalVote.objects.filter(user_id=int(wanted.user)).values("approval_id"))
    return rows


def page_of(wanted: Wanted, *, after: str = "") -> Page:
    """Raises `BadCursor`."""
    rows = decided(wanted)
    if after:
        at, pk = read_cursor(after)
        # The first condition is implied by the second; it is what the index can use.
        rows = rows.filter(Q(decided_at__lte=at) & (Q(decided_at__lt=at) | Q(pk__lt=pk)))
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    return Page(rows=rows_of(shown), after=cursor_of(shown[-1]) if len(found) > PAGE_SIZE else None)


def cursor_of(row: Approval) -> str:
    moment: datetime = row.decided_at or row.requested_at
    return f"{moment.timestamp() * 1_000_000:.0f}-{row.pk.hex}"


def rows_of(approvals: list[Approval]) -> list[Decided]:
    return [row_of(line) for line in lines_of(approvals)]


def row_of(line: Line) -> Decided:
    approval = line.approval
    last = next(iter(approval.votes.all()), None)
    by_person = approval.status in (*APPROVED, Approval.Status.REJECTED)
    return Decided(
        line=line,
        decision=next(label for label, of in DECISIONS.values() if approval.status in of),
        who=label_of(last.user) if last and by_person else "",
        waited=(approval.decided_at or timezone.now()) - approval.requested_at,
        is_changed=approval.arguments != approval.asked,
        outcome=approval.call.state if approval.status in APPROVED else "",
    )


def tools_decided() -> list[str]:
    return list(Approval.objects.order_by("tool_key").values_list("tool_key", flat=True).distinct()[:100])


def deciders() -> list[tuple[str, str]]:
    """Who has ever voted: id and name."""
    votes = ApprovalVote.objects.select_related("user").order_by("user_id").distinct("user_id")
    return sorted(((str(vote.user_id), label_of(vote.user)) for vote in votes), key=lambda one: one[1].casefold())


def csv_lines(wanted: Wanted) -> Iterator[str]:
    """A header and one line for each, the newest first; at most ten thousand."""
    yield csv_line(COLUMNS)
    for row in rows_of(list(decided(wanted)[:MOST_EXPORTED])):
        yield csv_line(values_of(row))


def values_of(row: Decided) -> tuple[Any, ...]:
    approval = row.approval
    return (
        approval.label,
        approval.decided_at.isoformat(timespec="seconds") if approval.decided_at else "",
        row.decision,
        row.who,
        "yes" if row.is_changed else "no",
        approval.tool_key,
        row.line.words.sentence,
        row.line.words.money,
        row.line.customer,
        round(row.waited.total_seconds()),
        row.outcome,
        approval.reason,
    )


def csv_line(values: tuple[Any, ...]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([harmless(value) for value in values])
    return written.getvalue()


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value


def read_wanted(given: Any) -> Wanted:
    """The filters of an address. Raises `BadCursor` for those that no list has."""
    wanted = Wanted(
        decision=given.get("decision", ""), tool=given.get("tool", "")[:130], user=given.get("user", "")[:9]
    )
    is_known = not wanted.decision or wanted.decision in DECISIONS
    is_number = not wanted.user or (wanted.user.isascii() and wanted.user.isdecimal())
    if not is_known or not is_number or "\x00" in wanted.tool:
        raise BadCursor("There is no such list.")
    return wanted
