"""An MCP server over streamable HTTP, in both eras, well and unwell."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.tools.targets.calls import ask, call_of, mcp_target
from tests.tools.targets.front import Front, running
from tests.tools.targets.shelf import stock
from tools.credentials import set_credential
from tools.errors import OutcomeUnclear, TargetUnreachable, ToolFailed, Unreadable
from tools.models import Target, Tool
from tools.targets.registry import adapter_of

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["modern", "old"])
def front(request: pytest.FixtureRequest) -> Iterator[Front]:
    with running(Front(server=stock(), is_old=request.param == "old")) as front:
        yield front


@pytest.fixture
def target(front: Front) -> Target:
    return mcp_target(front.url)


def test_a_tool_answers_in_its_structured_form(target: Target, front: Front) -> None:
    assert ask(target, "get_order", order_id="4471") == {"id": "4471", "total": "61.00"}
    began = len(front.asked)
    assert ask(target, "get_order", order_id="4472")["id"] == "4472"
    assert len(front.asked) == began + 1  # the session is kept, and nothing is listed again
    assert ("mcp-session-id" in front.asked[-1]) == front.is_old


def test_words_and_pictures(target: Target) -> None:
    assert ask(target, "words") == {"text": "It ships on Monday."}
    Tool.objects.create(
        target=target,
        name="json_words",
        effect="read",
        description="d",
        input_schema={},
        recipe={"source_name": "json-words"},
    )
    assert ask(target, "json_words") == {"not_carried": ["image (image/png)"], "orders": [1, 2]}


def test_an_error_is_a_no(target: Target) -> None:
    with pytest.raises(ToolFailed, match=r"The order is closed\.") as failed:
        ask(target, "fails")
    assert (failed.value.code, failed.value.status) == ("tool_error", 422)
    with pytest.raises(ToolFailed, match=r"^There is no such order\.$") as failed:
        ask(target, "finds_nothing")
    assert (failed.value.code, failed.value.status) == ("not_found", 404)
    with pytest.raises(ToolFailed):
        ask(target, "there_is_no_such_tool")


def test_a_tool_that_asks_back_gets_no_answer(target: Target, front: Front) -> None:
    """In the old era it asks when it has begun, and may have done something by then."""
    with pytest.raises(OutcomeUnclear if front.is_old else ToolFailed):
        ask(target, "asks_back")
    assert ask(target, "words")


def test_a_huge_answer_is_not_taken_in(target: Target) -> None:
    assert len(ask(target, "much", size=200_000)["text"]) == 200_000
    for size in (300_000, 3_000_000):
        with pytest.raises(Unreadable):
            ask(target, "much", size=size)
    assert ask(target, "words")  # the session goes on


def test_progress_does_not_get_in_the_way(target: Target) -> None:
    assert ask(target, "slow", pause=0.3) == {"text": "done"}


def test_many_threads_share_a_session(target: Target, front: Front) -> None:
    with ThreadPoolExecutor(16) as threads:
        calls = [call_of(target, "get_order", order_id=str(number)) for number in range(48)]
        found = list(threads.map(adapter_of(target).send, calls))
    assert [order["id"] for order in found] == [str(number) for number in range(48)]
    assert front.methods().count("server/discover") <= 1


def test_the_idempotency_key_travels(target: Target, front: Front) -> None:
    ask(target, "refund", key="key-7", order_id="1", amount=5)
    assert front.asked[-1]["idempotency-key"] == "key-7"


def test_the_credential_travels_and_a_refusal_is_a_no(target: Target, front: Front) -> None:
    front.token = "right-token"
    with pytest.raises(ToolFailed) as failed:
        ask(target, "words")
    assert failed.value.status == 401
    set_credential(target, kind="bearer", public={}, secret="right-token", user=None)
    target.refresh_from_db()
    assert ask(target, "words")
    set_credential(target, kind="bearer", public={}, secret="wrong-token", user=None)
    target.refresh_from_db()
    with pytest.raises(ToolFailed) as failed:
        ask(target, "words")
    assert failed.value.status == 401


# -- a server that is away


def test_where_nobody_listens_nothing_was_sent(db: None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    target = mcp_target(f"http://127.0.0.1:{port}/mcp")
    with pytest.raises(TargetUnreachable):
        ask(target, "words")


def test_a_private_address_is_refused_unless_it_is_internal(target: Target) -> None:
    target.is_internal = False
    with pytest.raises(TargetUnreachable):
        ask(target, "words")


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_failing_server_leaves_it_open(target: Target, front: Front, status: int) -> None:
    ask(target, "words")
    front.status = status
    with pytest.raises(OutcomeUnclear):
        ask(target, "words")
    front.status = 0
    assert ask(target, "words")


def test_before_a_session_is_open_a_failing_server_was_sent_nothing(target: Target, front: Front) -> None:
    front.status = 503
    with pytest.raises(TargetUnreachable):
        ask(target, "words")


def test_a_dropped_connection_leaves_it_open(target: Target, front: Front) -> None:
    ask(target, "words")
    front.drops = True
    with pytest.raises(OutcomeUnclear):
        ask(target, "words")
    front.drops = False
    assert ask(target, "words")


def test_a_session_that_the_server_has_forgotten_is_opened_anew(target: Target, front: Front) -> None:
    ask(target, "words")
    front.forgets = True
    assert ask(target, "words")


def test_a_deadline_is_kept(target: Target) -> None:
    ask(target, "words")
    with pytest.raises(OutcomeUnclear, match="timeout"):
        ask(target, "slow", seconds=3, pause=60)
    assert ask(target, "words")
