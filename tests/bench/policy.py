"""What a policy decision costs at 10, 100 and 1,000 rules: over the whole set, and over the tool's slice of it.

`python -m tests.bench.policy` prints a table; `measure()` returns the figures. Times are the processor's:
nothing is waited for.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import cedarpy

from tools.policy.authorize import Principal, Request, decide, question_of
from tools.policy.check import compile_rules
from tools.policy.listing import possible_tools
from tools.policy.schema import ToolShape, cedar_schema
from tools.policy.slices import Compiled, policy_set
from tools.policy.statements import Rule
from tools.policy.values import entities_of

SIZES = (10, 100, 1_000)
TARGETS = 10
# Each figure is the median of so many timings: other processes disturb single ones.
ROUNDS = 7
AGENT = Principal(id="support-assistant", tags={"kind": "agent", "role": "support"})


@dataclass(frozen=True, kw_only=True)
class Cost:
    """Of so many rules over as many tools."""

    rules: int
    compile_ms: float
    slices_ms: float
    whole_us: float
    slice_us: float
    decide_us: float
    listing_ms: float
    listing_again_ms: float


def main() -> None:
    rows: list[tuple[str, Callable[[Cost], str]]] = [
        ("rules and tools", lambda cost: f"{cost.rules}"),
        ("a decision, with its values and its result", lambda cost: f"{cost.decide_us:.0f} us"),
        ("  the engine's part, over the tool's slice", lambda cost: f"{cost.slice_us:.0f} us"),
        ("  the engine's part, were the set whole", lambda cost: f"{cost.whole_us:.0f} us"),
        ("which of all tools a caller may see", lambda cost: f"{cost.listing_ms:.1f} ms"),
        ("  asked again", lambda cost: f"{cost.listing_again_ms:.2f} ms"),
        ("rules parsed and checked", lambda cost: f"{cost.compile_ms:.0f} ms"),
        ("every slice made", lambda cost: f"{cost.slices_ms:.0f} ms"),
    ]
    costs = measure()
    width = max(len(name) for name, _ in rows)
    for name, figure in rows:
        line = "".join(f"{figure(cost):>12}" for cost in costs)
        print(f"{name:<{width}}{line}", flush=True)  # noqa: T201  the benchmark's output


def measure() -> list[Cost]:
    return [cost_of(size) for size in SIZES]


def cost_of(size: int) -> Cost:
    tools = [tool(number) for number in range(size)]
    rules = [rule(number) for number in range(size)]
    started = time.process_time()
    compiled = compile_rules(rules, tools)
    compiled_at = time.process_time()
    for shape in tools:
        compiled.slice_of(shape.key)
    sliced_at = time.process_time()
    # One that its rule allows.
    keys = [shape.key for shape in tools]
    request = Request(principal=AGENT, tool=keys[size // 2], input={"order_id": "1042", "amount": 49.5}, channel="chat")
    assert decide(compiled, request).outcome == "allow"
    whole, sliced = engine_of(compiled, request, tools)
    return Cost(
        rules=size,
        compile_ms=(compiled_at - started) * 1_000,
        slices_ms=(sliced_at - compiled_at) * 1_000,
        whole_us=microseconds(whole),
        slice_us=microseconds(sliced),
        decide_us=microseconds(lambda: decide(compiled, request)),
        listing_ms=listing_ms(compiled, keys, again=False),
        listing_again_ms=listing_ms(compiled, keys, again=True),
    )


def tool(number: int) -> ToolShape:
    target = f"target-{number % TARGETS}"
    properties = {"order_id": {"type": "string"}, "amount": {"type": "number"}}
    schema = {"type": "object", "properties": properties, "required": ["order_id", "amount"]}
    return ToolShape(key=f"{target}___tool_{number}", target=target, input_schema=schema)


def rule(number: int) -> Rule:
    """Mostly a permit of one tool; one in ten forbids something of a whole target."""
    shape = tool(number)
    text = (
        f'permit (principal is AgentCore::OAuthUser, action == AgentCore::Action::"{shape.key}", resource)'
        ' when { context.input.amount.lessThanOrEqual(decimal("50.00")) };'
    )
    if number % 10 == 9 and number > TARGETS:
        text = (
            f'forbid (principal, action in AgentCore::Action::"{tool(number // 10).target}", resource)'
            ' when { context.tainted && context.channel == "email" };'
        )
    return Rule(name=f"rule-{number}", text=text)


def engine_of(
    compiled: Compiled, request: Request, tools: list[ToolShape]
) -> tuple[Callable[[], object], Callable[[], object]]:
    """The engine's own call over all policies with the schema of all tools, and over the slice."""
    cut = compiled.slice_of(request.tool)
    question = question_of(request, cut)
    tags = tuple(sorted(AGENT.tags.items()))
    entities = entities_of(AGENT.id, tags, request.tool, cut.groups)
    schema = cedarpy.Schema.from_json_str(json.dumps(cedar_schema(tools)))
    policies = policy_set(list(compiled.statements.values()))
    return (
        lambda: cedarpy.is_authorized(question, policies, entities, schema),
        lambda: cedarpy.is_authorized(question, cut.enforced, entities, cut.schema),
    )


def microseconds(call: Callable[[], object], calls: int = 200) -> float:
    timings = []
    for _ in range(ROUNDS):
        started = time.process_time()
        for _ in range(calls):
            call()
        timings.append((time.process_time() - started) / calls * 1_000_000)
    return statistics.median(timings)


def listing_ms(compiled: Compiled, keys: list[str], *, again: bool) -> float:
    def listing() -> None:
        if not again:
            compiled.cells.clear()
        possible_tools(compiled, AGENT, keys)

    return microseconds(listing, calls=1) / 1_000


if __name__ == "__main__":
    main()
