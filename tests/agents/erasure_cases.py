"""A customer whose words stand in every field that they can reach, and a search of the whole database for them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone
from psycopg import sql

from agents.models import (
    BudgetCrossing,
    Customer,
    Escalation,
    Limit,
    Message,
    Reservation,
    Session,
    Stop,
    Turn,
    TurnEvent,
    Usage,
)
from guardrails.models import LabelledCase, LabelledSet, Violation
from memory.models import Document, DocumentUse, Reading, SessionSummary
from memory.reach import bound_to
from observability.models import Charge, Span
from tests.agents.cases import make_call
from tests.factories import (
    make_agent,
    make_escalation,
    make_message,
    make_session,
    make_trace,
    make_turn,
    make_user,
    next_seq,
)
from tests.kept_rows import own_connection
from tests.memory.cases import add_memory
from tools.models import Approval, ApprovalVote, Gateway, GatewayKey, MoneyUse, Target, TargetHealth, ToolCall

NOW = timezone.now()


@dataclass(frozen=True, kw_only=True)
class Planted:
    """`mark` is in each of the customer's words, and in their name and address."""

    customer: Customer
    mark: str

    @property
    def wanted(self) -> list[str]:
        """What nothing may contain afterwards: the id too, in both of its forms."""
        return [self.mark, str(self.customer.pk), self.customer.pk.hex]


def plant(mark: str) -> Planted:
    """Every table that can hold a word of a customer gets one."""
    customer = Customer.objects.create(email=f"{mark}@example.com", name=f"Name {mark}")
    agent = make_agent()
    session = make_session(agent=agent, customer=customer, preview=f"preview {mark}")
    open_one = make_session(agent=agent, customer=customer, waiting_since=NOW)
    make_message(open_one, f"said {mark}")
    turn = plant_turn(session, mark)
    plant_call(turn, mark, customer.pk)
    plant_outside_calls(mark, customer)
    plant_records(turn, mark, customer)
    plant_knowledge(turn, mark)
    plant_limits(turn, mark)
    make_turn(open_one, status=Turn.Status.QUEUED, failure=f"failure {mark}")
    return Planted(customer=customer, mark=mark)


def plant_turn(session: Session, mark: str) -> Turn:
    make_message(session, f"said {mark}", external_id=f"external-{mark}")
    turn = make_turn(session, status=Turn.Status.ESCALATED, failure=f"failure {mark}")
    TurnEvent.objects.create(
        session=session, seq=next_seq(session), turn=turn, kind=TurnEvent.Kind.TEXT, data={"text": f"released {mark}"}
    )
    note = {"author": Message.Author.PERSON, "visibility": Message.Visibility.NOTE, "user": make_user(None)}
    make_message(session, f"note {mark}", **note)
    make_escalation(
        session,
        turn=turn,
        summary=f"summary {mark}",
        resolution=f"resolution {mark}",
        status=Escalation.Status.RESOLVED,
        resolved_at=NOW,
    )
    return turn


def plant_call(turn: Turn, mark: str, customer_id: UUID) -> None:
    call = make_call(
        turn, "process_refund", {"result": f"result {mark}"}, arguments={"a": f"argument {mark}"}, decided={"f": mark}
    )
    approval = Approval.objects.create(
        call=call,
        session_id=turn.session_id,
        customer_id=customer_id,
        tool_key="shop___process_refund",
        asked={"a": f"asked {mark}"},
        arguments={"a": f"arguments {mark}"},
        digest="",
        policy_version=1,
        role="reviewer",
        seen={"facts": f"seen {mark}"},
        reason=f"reason {mark}",
        expires_at=NOW,
    )
    ApprovalVote.objects.create(approval=approval, user=make_user(None), verdict="approve", digest="")
    MoneyUse.objects.create(
        call=call, tool_key="t", customer_id=customer_id, subject=f"order {mark}", amount=Decimal(3)
    )


def plant_outside_calls(mark: str, customer: Customer) -> None:
    """Of a key that acts for them, of one that does not but was told of them, and what one long gone left."""
    gateway = Gateway.objects.create(slug=uuid4().hex, label="Gateway")
    owner = make_user(None)
    theirs = GatewayKey.objects.create(
        gateway=gateway,
        name="theirs",
        sha256=uuid4().hex * 2,
        hint="x",
        owner=owner,
        customer_id=customer.pk,
        customer_email=customer.email,
    )
    other = GatewayKey.objects.create(gateway=gateway, name="other", sha256=uuid4().hex * 2, hint="x", owner=owner)
    seen = outside_call(theirs.pk, {"order_id": "1"})
    violation = Violation.objects.create(
        guardrail_id=uuid4(), guardrail_name="g", call_id=seen.pk, stage="tool_result", policy="content",
        rule="content:PROMPT_ATTACK", confidence=3, action="blocked", excerpt=f"outside excerpt {mark}",
    )  # fmt: skip
    plant_case(violation, mark)
    outside_call(other.pk, {"to": f"Mail {customer.email.upper()}."})
    outside_call(other.pk, {}, result={"url": f"/orders?of={customer.email.replace('@', '%40')}"})
    outside_call(other.pk, {}, result={"customer": {"id": str(customer.pk)}})
    outside_call(other.pk, {"to": "somebody@example.org"})
    kept = ToolCall.objects.create(
        session_id=uuid4(), turn_id=uuid4(), tool_use_id="t", tool_name="t", arguments={}, digest="", result={},
        state="confirmed",
    )  # fmt: skip
    MoneyUse.objects.create(
        call=kept, tool_key="t", customer_id=customer.pk, subject=f"order {mark}", amount=Decimal(3)
    )


def outside_call(key_id: UUID, arguments: dict[str, Any], **fields: Any) -> ToolCall:
    return ToolCall.objects.create(
        key_id=key_id,
        tool_use_id=uuid4().hex,
        tool_name="t",
        digest="",
        arguments=arguments,
        **{"state": "confirmed", "result": {}, **fields},
    )


def plant_records(turn: Turn, mark: str, customer: Customer) -> None:
    trace = make_trace(
        turn_id=turn.pk,
        session_id=turn.session_id,
        customer=customer.email,
        input_text=f"input {mark}",
        output_text=f"output {mark}",
        status="error",
        error=f"error {mark}",
    )
    Span.objects.filter(trace=trace).update(attributes={"modelInput": f"attribute {mark}"}, error=f"error {mark}")
    span = Span.objects.filter(trace=trace).first()
    assert span is not None
    Charge.objects.create(span_id=span.pk, trace_id=trace.pk, agent_id=uuid4(), kind="model", subject="m", usd=1)
    violation = Violation.objects.create(
        guardrail_id=uuid4(),
        stage="input",
        policy="word",
        rule="word:w",
        confidence=3,
        action="detected",
        session_id=turn.session_id,
        excerpt=f"excerpt {mark}",
    )
    plant_case(violation, mark)
    # Its conversation is gone already.
    make_trace(customer=customer.email, input_text=f"input {mark}")
    target, _ = Target.objects.get_or_create(
        name="planted", kind=Target.Kind.HTTP, defaults={"base_url": "https://backend.example"}
    )
    TargetHealth.objects.update_or_create(target=target, defaults={"last_error": f"GET /of/{customer.email}: 503"})


def plant_case(violation: Violation, mark: str) -> None:
    labelled, _ = LabelledSet.objects.get_or_create(name="planted", measures="content")
    LabelledCase.objects.create(labelled_set=labelled, text=f"case {mark}", violation_id=violation.pk)


def plant_knowledge(turn: Turn, mark: str) -> None:
    session = turn.session
    memory = add_memory(
        session.customer_id, f"memory {mark}", topic=f"topic_{mark}", metadata={"value": mark}, session_id=session.pk
    )
    add_memory(
        session.customer_id, f"older {mark}", reason=f"reason {mark}", state="superseded", superseded_by_id=memory.pk
    )
    with bound_to(session.customer_id):
        SessionSummary.objects.create(
            session_id=session.pk, customer_id=session.customer_id, upto_seq=1, text=f"short {mark}", model="m"
        )
    Reading.objects.create(session_id=session.pk, customer_id=session.customer_id, error=f"error {mark}")
    document, _ = Document.objects.get_or_create(title="Returns", source="text")
    DocumentUse.objects.create(document=document, turn_id=turn.pk, session_id=session.pk, passages=[])


def plant_limits(turn: Turn, mark: str) -> None:
    for scope, subject in (("customer", turn.session.customer_id), ("session", turn.session_id)):
        limit, _ = Limit.objects.get_or_create(scope=scope, measure="messages", period="ever", defaults={"amount": 9})
        Usage.objects.create(limit=limit, subject=str(subject), begins_at=NOW, spent=1)
        BudgetCrossing.objects.create(
            limit=limit, subject=str(subject), begins_at=NOW, percent=50, action="notify", amount=9, spent=5
        )
        Reservation.objects.create(turn_id=turn.pk, limit_id=limit.pk, begins_at=NOW, subject=str(subject), amount=1)
    Stop.objects.create(scope="session", subject=str(turn.session_id), reason=f"stopped {mark}")
    Stop.objects.create(scope="turn", subject=str(turn.pk), reason=f"stopped {mark}")
    Stop.objects.create(scope="all", reason=f"angry mail of {turn.session.customer.email}", lifted_at=NOW)


# -- searched as the login, whom no policy of a table holds back


STATISTICS = "pg_catalog.pg_statistic"


def found_in_tables(wanted: list[str]) -> dict[str, int]:
    """Rows of every table of every schema, catalogs and the queue's among them, that contain one of these.

    The planner's statistics are left out: they are made anew after an erasure.
    """
    return {table: count for table, count in found_anywhere(wanted).items() if table != STATISTICS}


def found_anywhere(wanted: list[str]) -> dict[str, int]:
    with own_connection() as own:
        tables = own.execute(
            "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace "
            "WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't'"
        ).fetchall()
        counts = {}
        for schema, table in tables:
            query = sql.SQL("SELECT count(*) FROM {} AS t WHERE t::text ILIKE ANY(%s)").format(
                sql.Identifier(schema, table)
            )
            row = own.execute(query, [[f"%{word}%" for word in wanted]]).fetchone()
            if row and row[0]:
                counts[f"{schema}.{table}"] = row[0]
        return counts


def all_rows() -> set[tuple[str, str]]:
    """Every row of the application's tables, as text."""
    with own_connection() as own:
        tables = own.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        return {
            (table, row)
            for (table,) in tables
            for (row,) in own.execute(sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(table))).fetchall()
        }


def found_in_files(folder: Path, wanted: list[str]) -> dict[str, int]:
    """Files below it that contain one of these, as they are on the disk; how often."""
    counts: dict[str, int] = {}
    for path in sorted(folder.rglob("*")):
        try:
            content = path.read_bytes().lower()
        except (FileNotFoundError, IsADirectoryError):  # the server takes away what it needs no more
            continue
        count = sum(content.count(word.lower().encode()) for word in wanted)
        if count:
            counts[path.name] = count
    return counts
