"""The fast local Messages API of the benchmark, and the backend of its tools, in one process that does next to nothing.

`python -m tests.bench.backend`: prints the two addresses as one line of JSON and serves until it is stopped.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
from urllib.parse import unquote

from tests.messages_api import Answer, Body, serve, text, tool_use

PLAN = ("get_order", "get_refund_status", "get_order")
REPLY = "Order 1042 was delivered on 14 November and can be returned until 14 December. Shall I refund it?"
ORDER = {
    "order_id": "1042",
    "status": "delivered",
    "placed_on": "2026-11-10",
    "delivered_on": "2026-11-14",
    "items": [{"sku": "MUG-1", "name": "Mug", "quantity": 1, "price": "42.00"}],
    "total": "42.00",
    "currency": "EUR",
    "return_window_days": 30,
    "returnable_until": "2026-12-14",
    "within_return_window": True,
    "refunded": "0.00",
}
WHOSE = re.compile(rb"[?&]customer=([^& ]+)")


def planned(body: Body, delay_seconds: float) -> Answer:
    """Three tool uses, then a text: the number of results since the customer's last words tells where the turn is."""
    done = 0
    for message in reversed(body["messages"]):
        content = message["content"]
        if message["role"] == "user" and (isinstance(content, str) or content[-1]["type"] == "text"):
            break
        done += message["role"] == "user"
    if done == len(PLAN):
        return text(REPLY, delay_seconds=delay_seconds)
    use_id = f"toolu_{len(body['messages'])}"
    return tool_use(PLAN[done], {"order_id": "1042"}, use_id=use_id, delay_seconds=delay_seconds)


class Shop(asyncio.Protocol):
    """Answers every request with the same order, whoever asks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        for request in data.split(b"\r\n\r\n")[:-1]:
            customer = unquote((WHOSE.search(request) or [b"", b""])[1].decode())
            body = json.dumps({**ORDER, "customer": customer}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            self.transport.write(head.encode() + body)


async def main(delay_seconds: float) -> None:
    model = await serve(lambda body: planned(body, delay_seconds))
    shop = await asyncio.get_running_loop().create_server(Shop, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (model, shop)]
    print(json.dumps([f"http://127.0.0.1:{port}" for port in ports]), flush=True)  # noqa: T201  its only output
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--delay-ms", type=int, default=0)
    asyncio.run(main(parser.parse_args().delay_ms / 1000))
