"""The window of a conversation: three limits at once, each exact, and what is left is a history that a model takes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from agents.models import AgentVersion
from agents.runtime.context import opening_messages
from agents.runtime.history import append_message
from memory.window import Exchange, fit

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=timezone.get_default_timezone())
DOCUMENTS = {"exchanges": 10, "tokens": 5000, "hours": 24}  # the source document's three


def exchange(*, tokens: int = 20, age: timedelta = timedelta(0), words: str = "") -> Exchange:
    """One message of exactly so many tokens, as they are estimated."""
    bare = len('[{"role": "user", "content": [{"type": "text", "text": ""}]}]')
    text = words or "x" * (tokens * 4 - bare)
    made = Exchange(messages=[{"role": "user", "content": [{"type": "text", "text": text}]}], at=NOW - age)
    assert words or made.tokens == tokens
    return made


# -- each limit, exactly


def test_ten_exchanges_are_kept_and_the_eleventh_is_not() -> None:
    for count, dropped in ((9, 0), (10, 0), (11, 1), (25, 15)):
        window = fit([exchange() for _ in range(count)], **DOCUMENTS, now=NOW)
        assert (len(window.kept), window.dropped) == (count - dropped, dropped)


def test_five_thousand_tokens_are_kept_and_one_more_is_not() -> None:
    just = [exchange(tokens=2000), exchange(tokens=3000)]
    assert fit(just, **DOCUMENTS, now=NOW).dropped == 0
    above = [exchange(tokens=2001), exchange(tokens=3000)]
    assert fit(above, **DOCUMENTS, now=NOW).kept == above[1:]


def test_what_is_24_hours_old_is_kept_and_a_moment_more_is_not() -> None:
    just = [exchange(age=timedelta(hours=24)), exchange()]
    assert fit(just, **DOCUMENTS, now=NOW).kept == just
    older = [exchange(age=timedelta(hours=24, microseconds=1)), exchange()]
    assert fit(older, **DOCUMENTS, now=NOW).kept == older[1:]


@pytest.mark.parametrize(
    ("earlier", "kept"),
    [
        ([exchange(age=timedelta(hours=25)), *[exchange() for _ in range(3)]], 3),
        ([exchange(tokens=4000), exchange(tokens=1001), exchange()], 2),
        ([exchange(tokens=5001)], 0),
        ([], 0),
    ],
    ids=["hours decide", "tokens decide", "one alone is too long", "nothing"],
)
def test_the_tightest_decides(earlier: list[Exchange], kept: int) -> None:
    assert len(fit(earlier, **DOCUMENTS, now=NOW).kept) == kept


# -- any conversation


@st.composite
def conversations(draw: st.DrawFn) -> list[Exchange]:
    """As the rows give them: tool exchanges whole, a person's words as the assistant's, turns that nobody asked for
    (handed back), messages without an answer."""
    ages = sorted(draw(st.lists(st.integers(0, 60), max_size=16)), reverse=True)
    made = []
    for place, hours in enumerate(ages):
        messages: list[dict[str, Any]] = []
        for number, part in enumerate(
            draw(st.lists(st.sampled_from(["customer", "tool", "answer", "person"]), min_size=1, max_size=6))
        ):
            words = [{"type": "text", "text": "w" * draw(st.integers(1, 4000))}]
            use = f"toolu_{place}_{number}"
            if part == "tool":
                block = {"type": "tool_use", "id": use, "name": "get_order", "input": {"n": draw(st.integers(0, 9))}}
                append_message(messages, "assistant", [*(words if draw(st.booleans()) else []), block])
                append_message(messages, "user", [{"type": "tool_result", "tool_use_id": use, "content": "{}"}])
            else:
                append_message(messages, "user" if part == "customer" else "assistant", words)
        made.append(Exchange(messages=messages, at=NOW - timedelta(hours=hours)))
    return made


limits = st.fixed_dictionaries(
    {"exchanges": st.integers(1, 12), "tokens": st.integers(200, 8000), "hours": st.integers(1, 48)}
)


@given(conversations(), limits)
def test_as_much_is_kept_as_the_three_allow(earlier: list[Exchange], limits: dict[str, int]) -> None:
    window = fit(earlier, **limits, now=NOW)
    kept = len(window.kept)
    assert window.kept == earlier[len(earlier) - kept :]
    assert window.dropped == len(earlier) - kept

    def allowed(count: int) -> bool:
        chosen = earlier[len(earlier) - count :]
        return (
            count <= limits["exchanges"]
            and sum(one.tokens for one in chosen) <= limits["tokens"]
            and all(one.at >= NOW - timedelta(hours=limits["hours"]) for one in chosen)
        )

    assert allowed(kept)
    assert kept == len(earlier) or not allowed(kept + 1)


@given(conversations(), limits, st.sampled_from(["new message", "goes on"]))
def test_what_is_left_is_a_history_that_a_model_takes(
    earlier: list[Exchange], limits: dict[str, int], now: str
) -> None:
    version = AgentVersion(**{f"window_{name}": value for name, value in limits.items()})
    shifted = [Exchange(messages=one.messages, at=timezone.now() - (NOW - one.at)) for one in earlier]
    messages, _ = opening_messages(version, shifted)
    append_message(messages, "user", [{"type": "text", "text": "And now?"}])
    if now == "goes on":
        append_message(messages, "assistant", [{"type": "tool_use", "id": "new", "name": "get_order", "input": {}}])
        append_message(messages, "user", [{"type": "tool_result", "tool_use_id": "new", "content": "{}"}])
    check_valid(messages)


def check_valid(messages: list[dict[str, Any]]) -> None:
    """The Messages API's rules: the user begins, roles take turns, nothing is empty, and each tool use is answered at
    once, by results that nothing precedes and that answer nothing else."""
    assert messages[0]["role"] == "user"
    asked: list[str] = []
    for place, message in enumerate(messages):
        assert message["role"] == ("user" if place % 2 == 0 else "assistant")
        assert message["content"]
        results = [block["tool_use_id"] for block in message["content"] if block["type"] == "tool_result"]
        assert results == asked, f"message {place}"
        kinds = [block["type"] for block in message["content"]]
        assert kinds[: len(results)] == ["tool_result"] * len(results)
        asked = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
    assert not asked
