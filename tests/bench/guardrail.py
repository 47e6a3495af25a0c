"""What the standard guardrail costs locally: a message, a tool's result, a reply of 200 words, the same streamed.

`python -m tests.bench.guardrail` prints one line of JSON: for each the median milliseconds of CPU and of the clock,
over texts that are new each time, in one thread. The evidence of a reply is read anew for each, as it is once a turn.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from datetime import date
from importlib import import_module
from typing import Any

import django

CALLS = 100
ORDER = {
    "order_id": "1042",
    "status": "delivered",
    "total": "42.00",
    "currency": "EUR",
    "items": [{"name": "Kettle", "price": "42.00", "quantity": 1}],
    "delivered_at": "2026-11-15",
    "return_until": "2026-12-15",
}
REPLY = (
    "Thank you for writing to us about your order. Your order 1042 was delivered on 15 November and can be returned "
    "until 15 December. I have refunded 42.00 EUR to your original payment method, and it takes about 5 working days "
    "until you see it there. You do not have to send anything back before that, but please keep the kettle in its box "
    "for now. "
)
MESSAGE = "Hello, my order 1042 arrived damaged yesterday and I would like to have my money back as soon as you can. "
DOCUMENT = (
    "An item can be returned within 30 days of delivery. Refunds go back to the original payment method and take about "
    "5 working days. "
)


def main() -> None:
    django.setup()
    print(json.dumps(measure()))  # noqa: T201  its only output


def measure() -> dict[str, list[float]]:
    """By kind of text: milliseconds of CPU, milliseconds by the clock."""
    checks, findings = import_module("guardrails.checks"), import_module("guardrails.findings")
    speech = import_module("agents.runtime.speech")
    guard = import_module("guardrails.compiled").guard_for(
        import_module("guardrails.reading").read_config(import_module("guardrails.standard").standard_config())
    )
    replies = [" ".join((f"Dear customer {number}, " + REPLY * 5).split()[:200]) for number in range(CALLS)]
    given, said = findings.Direction.INPUT, findings.Direction.OUTPUT

    def stream(place: int) -> None:
        talk = speech.Speech(guard, evidence)
        for start in range(0, len(replies[place]), 12):
            talk.feed(replies[place][start : start + 12])

    return {
        "message": timed(lambda place: checks.check_text(guard, f"{MESSAGE} {place}", given)),
        "message_kept": timed(lambda place: checks.mask_incoming(guard, f"{MESSAGE} kept {place}")),
        "result": timed(
            lambda place: checks.check_result(guard, {"orders": [{**ORDER, "note": f"{MESSAGE} {place}"}] * 3})
        ),
        "reply": timed(lambda place: checks.check_text(guard, replies[place], said, evidence=evidence())),
        "streamed": timed(stream),
    }


def rows(found: dict[str, list[float]]) -> list[tuple[str, str, str]]:
    """For the report of `make bench`."""
    named = {
        "message": "a message through the guardrail",
        "message_kept": "  masking it before it is stored",
        "result": "a tool's result of three orders",
        "reply": "a reply of 200 words, claims and all",
        "streamed": "  the same sentence by sentence",
    }
    return [(named[kind], f"{found[kind][0]:.2f} ms CPU", "aim: 5 ms" if kind == "reply" else "") for kind in named]


def evidence() -> Any:
    made = import_module("guardrails.evidence")
    instructions = import_module("agents.demo").INSTRUCTIONS
    return made.Evidence(
        sources=(
            made.Source(kind="instructions", place="the agent's instructions", value=instructions),
            made.Source(kind="customer", place="the customer", value=MESSAGE),
            made.Source(kind="result", place="get_order", value=ORDER),
            made.Source(kind="result", place="get_orders", value={"orders": [ORDER, {**ORDER, "order_id": "1043"}]}),
            made.Source(kind="document", place="Returns, version 1", value=DOCUMENT * 4),
        ),
        deeds=(
            made.Deed(
                tool="process_refund",
                state="confirmed",
                effect="money",
                arguments={"order_id": "1042"},
                result={"refund_id": "RF-7", "amount": "42.00", "currency": "EUR", "order_id": "1042"},
            ),
        ),
        today=date(2026, 11, 23),
        query=MESSAGE,
    )


def timed(call: Callable[[int], object]) -> list[float]:
    call(0)
    used, passed = [], []
    for place in range(CALLS):
        cpu, clock = time.process_time(), time.perf_counter()
        call(place)
        used.append((time.process_time() - cpu) * 1000)
        passed.append((time.perf_counter() - clock) * 1000)
    return [round(statistics.median(used), 2), round(statistics.median(passed), 2)]


if __name__ == "__main__":
    main()
