"""What the gateway adds to a call: the same read through `call_tool` and straight through the target's adapter.

`python -m tests.bench.gateway` prints one line of JSON: the middle of each in milliseconds, taken in turn, in one
process, against a backend that does next to nothing. Policies are enforced; the ledger is not written here.
"""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

import django

CALLS = 400


def main() -> None:
    django.setup()
    print(json.dumps(measure()))  # noqa: T201  its only output


def measure() -> dict[str, float]:
    through, straight = ways()
    taken: dict[str, list[float]] = {"through": [], "straight": []}
    for _ in range(CALLS):
        for name, call in (("through", through), ("straight", straight)):
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    middle = {name: statistics.median(times) * 1000 for name, times in taken.items()}
    return {**middle, "adds": middle["through"] - middle["straight"]}


def ways() -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Both proven to answer; Django must be set up."""
    gateway, ledger = import_module("tools.gateway"), import_module("tools.ledger")
    binding, targets = import_module("tools.binding"), import_module("tools.targets.base")
    catalog = import_module("tools.catalog").catalog
    new_id = import_module("observability.ids").uuid7
    customer = binding.Customer(id="c1", email="ada@example.com", is_verified=True)
    tool = catalog.find("shop___get_order")
    adapter = import_module("tools.targets.registry").adapter_of(tool.target)
    arguments = {"order_id": "1042"}

    def through() -> Any:
        caller = gateway.Caller(
            principal=gateway.Principal(id="support", tags={"kind": "agent", "channel": "chat"}),
            permitted=frozenset({"get_order"}),
            customer=customer,
            deadline=time.monotonic() + 10,
            mark_sent=lambda _: None,
        )
        use = {"tool_use_id": "use_1", "tool_name": "get_order", "effect": "read", "arguments": arguments}
        call = ledger.new_call(session_id=new_id(), turn_id=new_id(), **use)
        outcome = gateway.call_tool(call, caller)
        assert outcome.state == "confirmed", outcome.result
        return outcome.result

    def straight() -> Any:
        values = {**arguments, **customer.values()}
        return adapter.send(
            targets.Call(tool=tool, arguments=arguments, values=values, key=None, deadline=time.monotonic() + 10)
        )

    assert through() == straight()
    return through, straight


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
