"""The table of a run, and the evidence for what must not be."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.faults.blows import Dealt
from tests.faults.customers import Record
from tests.faults.deciders import Answer
from tests.faults.plan import Plan
from tests.faults.reconcile import Case, cases_of, overlapping
from tests.faults.reconcile_approvals import outcomes
from tests.faults.records import ApprovalRow, Finding, Rows
from tests.faults.watch import Recovery

MOST_SHOWN = 8
MOST_FINDINGS = 12
ATTEMPTS_TO_ASK = 2
# The last line of a traceback: what was raised. Those of a database that is away are what it was restarted for.
RAISED = re.compile(
    r"^([A-Za-z_]\w*(?:\.\w+)*(?:Error|Exception|Timeout|Exhausted|LeaseLost|Warning))\b(?::|$)", re.MULTILINE
)


@dataclass(kw_only=True)
class Run:
    """Everything that is known of a run when it is over."""

    plan: Plan
    records: list[Record]
    dealt: list[Dealt]
    recoveries: list[Recovery]
    kinds: Counter[str]
    troubles: dict[int, list[str]]
    rows: Rows
    findings: dict[str, list[Finding]]
    died: list[str]
    logs: Path
    started_at: float
    seconds: float
    settled_seconds: float | None
    # What people said to approvals: each one's word and what became of it, and how often what was meant.
    answers: list[Answer] = field(default_factory=list)
    decided: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)

    @property
    def is_clean(self) -> bool:
        return not self.problems and not any(self.findings.values())


def table(run: Run) -> Iterator[str]:
    rows = [*overview(run), *(("  " + name, count) for name, count in sorted(run.kinds.items()))]
    rows += [("MUST BE 0", ""), *(("  " + name, len(found)) for name, found in run.findings.items())]
    rows += [("  what the harness itself noticed", len(run.problems)), *recovery(run), *remarks(run)]
    width = max(len(name) for name, _ in rows)
    yield f"make faults CONVERSATIONS={len(run.plan.conversations)} SEED={run.plan.seed}"
    for name, value in rows:
        yield f"{name:<{width}}  {value}".rstrip()


def overview(run: Run) -> Iterator[tuple[str, object]]:
    turns = Counter(turn.status for turn in run.rows.turns)
    effects = Counter(call.state for call in run.rows.calls if call.tool_name in {"process_refund", "cancel_order"})
    yield "conversations", len(run.records)
    yield "  with a fault of their own", len(run.troubles)
    yield "  with one, or under way while a process was hurt", len(hit_by(run))
    yield "messages sent", sum(len(record.sent) for record in run.records)
    fates = Counter(sent.fate for record in run.records for sent in record.sent)
    yield "  accepted, unsure, refused", f"{fates['accepted']}, {fates['unsure']}, {fates['refused']}"
    yield "turns", f"{len(run.rows.turns)}: {in_words(turns)}"
    yield "  begun again by another worker", sum(turn.attempts > 1 for turn in run.rows.turns)
    yield "effects in the ledger", in_words(effects)
    yield "refunds in the shop", len(run.rows.refunds)
    yield from approvals(run)
    yield "seconds until all was quiet", "never" if run.settled_seconds is None else f"{run.settled_seconds:.1f}"
    yield "seconds in all", f"{run.seconds:.0f}"
    yield "FAULTS", sum(run.kinds.values())


def approvals(run: Run) -> Iterator[tuple[str, object]]:
    asked = {approval.session_id for approval in run.rows.approvals}
    yield "approvals", f"{len(run.rows.approvals)} in {len(asked)} conversations: {in_words(outcomes(run.rows))}"
    yield "  as people meant to decide them", in_words(run.decided)
    yield "  their words", in_words(Counter(f"{answer.word} {answer.told}" for answer in run.answers))
    yield "  whose button was pressed again after a lost answer", sum(answer.presses > 1 for answer in run.answers)
    yield "  whose turn lost a worker", len(asking_turns_begun_again(run.rows))


def asking_turns_begun_again(rows: Rows) -> set[str]:
    """A turn that asks is begun twice where nothing breaks: to ask, and to go on."""
    asked = {approval.call_id for approval in rows.approvals}
    turns = {call.turn_id for call in rows.calls if call.id in asked}
    return {turn.id for turn in rows.turns if turn.id in turns and turn.attempts > ATTEMPTS_TO_ASK}


def in_words(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def hit_by(run: Run) -> set[int]:
    """Conversations with a fault of their own, or under way while a process was hurt."""
    hit = set(run.troubles)
    for record in run.records:
        if any(dealt.began_at < record.ended_at and dealt.ended_at > record.began_at for dealt in run.dealt):
            hit.add(record.conversation.number)
    return hit


def recovery(run: Run) -> Iterator[tuple[str, object]]:
    seconds = [took for found in run.recoveries for took in found.seconds.values()]
    yield "RECOVERY AFTER A KILLED WORKER", ""
    yield "  turns that it held", len(seconds)
    if seconds:
        yield "  until begun again, median", f"{statistics.median(seconds):.1f} s"
        yield "  until begun again, at most", f"{max(seconds):.1f} s"


def remarks(run: Run) -> Iterator[tuple[str, object]]:
    parked = sum(turn.status == "queued" for turn in run.rows.turns)
    yield "BESIDES", ""
    waits = sorted(seconds for case in cases_of(run.rows).values() for seconds in seconds_until_begun(case))
    if waits:
        figures = f"{statistics.median(waits):.1f} s, {waits[len(waits) * 95 // 100]:.1f} s, {waits[-1]:.1f} s"
        yield "  until a turn was begun: median, 95 of 100, all", figures
    yield "  turns that wait while a person speaks", parked
    cases = cases_of(run.rows).values()
    yield "  turns whose times overlap, not their events", sum(1 for case in cases for _ in overlapping(case))
    yield "  turns given up after an exception", in_words(given_up(run.logs))
    yield "  processes that ended by themselves", len(run.died)


def seconds_until_begun(case: Case) -> Iterator[float]:
    """From when a turn could have been begun (asked for, the one before it ended) until it was."""
    free_at = None
    for turn in sorted(case.turns, key=lambda turn: turn.seq):
        if turn.started_at and turn.status != "merged":
            since = max(turn.queued_at, free_at) if free_at else turn.queued_at
            yield max(0.0, (turn.started_at - since).total_seconds())
        free_at = turn.finished_at or free_at


def given_up(logs: Path) -> Counter[str]:
    """The exceptions at which turns failed, by kind; a worker writes a traceback for each."""
    found: Counter[str] = Counter()
    for log in logs.glob("worker-*.log"):
        for part in re.split(r"turn \S+ failed in attempt \d+", log.read_text(errors="replace"))[1:]:
            trace = re.split(r"^\d\d:\d\d:\d\d ", part, maxsplit=1, flags=re.MULTILINE)[0]
            raised = RAISED.findall(trace)
            found[raised[-1] if raised else "unknown"] += 1
    return found


# -- evidence


def evidence(run: Run) -> Iterator[str]:
    yield from run.problems
    yield from run.died
    cases = cases_of(run.rows)
    named: dict[str, None] = {}
    for name, findings in run.findings.items():
        for finding in findings[:MOST_FINDINGS]:
            yield f"{name}: session {finding.session_id or '(none)'}: {finding.text}"
            if finding.session_id:
                named[finding.session_id] = None
        if len(findings) > MOST_FINDINGS:
            yield f"{name}: and {len(findings) - MOST_FINDINGS} more"
    for session_id in list(named)[:MOST_SHOWN]:
        if session_id in cases:
            yield ""
            yield from of_session(run, cases[session_id])


def of_session(run: Run, case: Case) -> Iterator[str]:
    session = case.session
    yield f"session {session.id} of {session.email}, {session.controller}, {session.event_seq} events"
    record = next((record for record in run.records if record.session_id == session.id), None)
    if record:
        yield f"  planned: {record.conversation}"
        began, ended = record.began_at - run.started_at, record.ended_at - run.started_at
        yield f"  from {began:.1f} to {ended:.1f} s; {'; '.join(record.notes) or 'no notes'}"
        for dealt in run.dealt:
            if dealt.began_at < record.ended_at and dealt.ended_at > record.began_at:
                yield f"  meanwhile: {dealt.blow}"
        for trouble in run.troubles.get(record.conversation.number, []):
            yield f"  fault: {trouble}"
    for turn in case.turns:
        times = f"{turn.started_at:%H:%M:%S.%f} to " if turn.started_at else "never begun, "
        times += f"{turn.finished_at:%H:%M:%S.%f}" if turn.finished_at else "not ended"
        yield f"  turn {turn.id} of {turn.seq}: {turn.status}, {turn.attempts} attempts, {times} {turn.failure[:200]}"
    for call in case.calls:
        yield f"  call {call.id} {call.tool_name} {call.order_id}: {call.state} {call.result[:120]}"
    for approval in (row for row in run.rows.approvals if row.session_id == session.id):
        yield from of_approval(run, approval)
    said = {message.seq: message for message in case.messages}
    for event in case.events:
        message = said.get(event.seq)
        words = f"{message.author}, {message.visibility}: {message.text[:100]!r}" if message else event.detail[:100]
        yield f"  event {event.seq} {event.kind} {f'of turn {event.turn_id}' if event.turn_id else ''} {words}".rstrip()
    yield from of_logs(run.logs, [turn.id for turn in case.turns])


def of_approval(run: Run, approval: ApprovalRow) -> Iterator[str]:
    arrived = run.rows.arrived.get(approval.call_id)
    at = f"{arrived:%H:%M:%S.%f}" if arrived else "never"
    yield f"  {approval}; at the shop {at}"
    for answer in (answer for answer in run.answers if answer.approval_id == approval.id):
        yield f"    {answer}"


def of_logs(logs: Path, turn_ids: list[str]) -> Iterator[str]:
    for log in sorted(logs.glob("worker-*.log")):
        for line in log.read_text(errors="replace").splitlines():
            if any(turn_id in line for turn_id in turn_ids):
                yield f"  {log.stem}: {line[:220]}"
