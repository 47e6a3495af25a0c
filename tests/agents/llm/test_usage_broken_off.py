"""What a call is charged for that gave no reply, over HTTP before a server of each wire form."""

from __future__ import annotations

import pytest

from agents.llm.failures import BrokenOff, billed_tokens
from observability.prices import Tokens
from tests.agents.llm.rigs import Rig
from tests.messages_api import Answer, text, tool_use

WORDS = "It was delivered on Monday. " * 20


def test_a_stream_that_is_cut_has_begun(streaming: Rig) -> None:
    streaming.answers = [text(WORDS, cut=True, chunks=3)]
    failed = streaming.fail()
    assert isinstance(failed, BrokenOff)
    assert (failed.kind, failed.retryable, failed.tokens.is_estimated) == ("cut", True, True)
    # 560 characters, of which about 4 are a token.
    assert 139 <= failed.tokens.output <= 142
    if "claude" in streaming.model.provider_model:
        assert failed.tokens.input == 500  # the message's beginning says so
    else:
        assert 100 < failed.tokens.input < 1000


def test_a_stream_whose_time_is_up_has_begun(streaming: Rig) -> None:
    # Of its ten seconds the first two: on a busy machine, too, something has come by then, and not everything.
    streaming.answers = [text("Hello."), text("slow " * 200, chunks=200, chunk_seconds=0.05)]
    streaming.call()
    failed = streaming.fail(seconds=2)
    assert isinstance(failed, BrokenOff)
    assert failed.kind == "timeout"
    assert 0 < failed.tokens.output < 200
    assert billed_tokens(failed) == failed.tokens


def test_an_overload_in_the_middle_has_begun(streaming: Rig) -> None:
    error = {"converse": "serviceUnavailableException"}.get(streaming.model.provider, "overloaded_error")
    streaming.answers = [text(WORDS, error=error)]
    failed = streaming.fail()
    assert isinstance(failed, BrokenOff)
    assert (failed.kind, failed.status) == ("overloaded", 200)
    assert failed.tokens.output >= 139


def test_a_tool_use_that_is_cut_has_begun(streaming: Rig) -> None:
    streaming.answers = [tool_use("get_order", {"order_id": "1042" * 50}, cut=True)]
    failed = streaming.fail()
    assert isinstance(failed, BrokenOff)
    assert failed.tokens.output > 50


@pytest.mark.parametrize("status", [400, 429, 500, 529])
def test_a_status_costs_nothing(rig: Rig, status: int) -> None:
    rig.answers = [Answer(status=status)]
    failed = rig.fail()
    assert not isinstance(failed, BrokenOff)
    assert billed_tokens(failed) == Tokens()


def test_no_answer_at_all_costs_nothing_that_is_known(rig: Rig) -> None:
    rig.answers = [text("Hello.", delay_seconds=30)]
    failed = rig.fail(seconds=0.5)
    assert not isinstance(failed, BrokenOff)
    assert (failed.kind, billed_tokens(failed)) == ("timeout", Tokens())


def test_what_nobody_counted_is_an_estimate(rig: Rig) -> None:
    rig.answers = [text("Hello.")]
    assert not rig.call().tokens.is_estimated
