"""The proxy passes on what it gets, and spoils it as it is told."""

from __future__ import annotations

import asyncio
import json
import random

import httpx2
import pytest

from agents.scripted.testing import running_model
from tests.faults.plan import ModelFault, Plan, make_plan
from tests.faults.proxy import Answer, Exchange, Proxy, dechunk
from tests.faults.trouble import ModelTrouble, first_events, with_garbage
from tests.messages_api import events_of, text, tool_use


def with_model_faults(faults: dict[int, ModelFault]) -> Plan:
    plan = make_plan(seed=1, conversations=1)
    plan.conversations[0].model_faults.clear()
    plan.conversations[0].model_faults.update(faults)
    return plan


def body_of(plan: Plan) -> dict[str, object]:
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 500,
        "stream": True,
        "system": f"The customer is verified as {plan.conversations[0].email}.",
        "messages": [{"role": "user", "content": "Hello"}],
    }


def ask(plan: Plan, calls: int) -> list[httpx2.Response | Exception]:
    """So many calls of the scripted model through the proxy, one after another over one connection."""

    async def talk(port: int) -> list[httpx2.Response | Exception]:
        proxy = Proxy(port, ModelTrouble(plan).treat)
        url = await proxy.start()
        answers: list[httpx2.Response | Exception] = []
        async with httpx2.AsyncClient(trust_env=False, timeout=60) as client:
            for _ in range(calls):
                try:
                    answers.append(await client.post(f"{url}/v1/messages", json=body_of(plan)))
                except httpx2.HTTPError as error:
                    answers.append(error)
        await proxy.stop()
        assert proxy.under_way == 0
        return answers

    with running_model() as url:
        return asyncio.run(talk(int(url.rpartition(":")[2])))


def test_it_passes_on_and_fails_as_planned() -> None:
    first, second, third, fourth = ask(with_model_faults({2: "throttled", 3: "cut"}), calls=4)
    assert isinstance(first, httpx2.Response)
    assert isinstance(second, httpx2.Response)
    assert first.status_code == 200
    assert "message_stop" in first.text
    assert (second.status_code, second.headers["retry-after"]) == (429, "1")
    assert isinstance(third, httpx2.RemoteProtocolError)
    assert isinstance(fourth, httpx2.Response)
    assert "message_stop" in fourth.text


def test_a_stream_cut_short_is_well_formed_http() -> None:
    (answer,) = ask(with_model_faults({1: "cut_short"}), calls=1)
    assert isinstance(answer, httpx2.Response)
    assert "message_start" in answer.text
    assert "message_stop" not in answer.text


def test_what_a_client_gave_up_arrives_all_the_same() -> None:
    given_up, arrived = asyncio.Event(), asyncio.Event()

    async def late(exchange: Exchange) -> None:
        await given_up.wait()
        arrived.set()
        await exchange.answer(Answer(status=200, body=b"{}"))

    async def give_up() -> None:
        proxy = Proxy(9, late)
        url = await proxy.start()
        async with httpx2.AsyncClient(trust_env=False, timeout=httpx2.Timeout(60, read=0.05)) as client:
            with pytest.raises(httpx2.ReadTimeout):
                await client.get(url)
            given_up.set()
        await asyncio.wait_for(arrived.wait(), 60)
        await proxy.stop()

    asyncio.run(give_up())


def test_garbage_takes_the_place_of_a_tools_arguments() -> None:
    stream = b"".join(events_of(tool_use("get_order", {"order_id": "1042"}), "claude")).replace(b'": ', b'":')
    stream = stream.replace(b', "', b',"')
    spoilt = with_garbage(stream, random.Random(1))
    data = [json.loads(line[5:]) for line in spoilt.splitlines() if line.startswith(b"data:")]
    given = "".join(event.get("delta", {}).get("partial_json", "") for event in data)
    assert given
    assert "1042" not in given


def test_half_of_the_events_are_whole_events() -> None:
    stream = b"".join(events_of(text("One. Two.", chunks=4), "claude"))
    half = first_events(stream)
    assert stream.startswith(half)
    assert half.endswith(b"\n\n")


def test_chunks_are_joined() -> None:
    assert dechunk(b"4\r\nWiki\r\n5;x=y\r\npedia\r\n0\r\n\r\n") == b"Wikipedia"
