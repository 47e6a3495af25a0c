"""What interactions cost, worked out line by line in decimal: the source document's formula with the right sum.

The document (its section on cost) takes a support interaction of 500 input and 200 output tokens at $0.003 and $0.015 a
thousand, three tool calls at $0.0001, one memory stored at $0.00002 and one memory search at $0.00001, 10,000 times a
day. It says $0.002 for the model, and $24 a day or $720 a month in all. Its own prices give $0.0045 for the model,
$0.00483 an interaction, $48.30 a day and $1,449 a month of 30 days.

The prices of AgentCore are those published for us-east-1: gateway 0.005 a thousand calls, policy 0.000025 an
authorization, memory 0.25 a thousand events and 0.50 a thousand retrievals, guardrails 0.15 (content) and 0.10 (PII) a
thousand text units, runtime 0.0895 a vCPU hour and 0.00945 a GB hour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

MILLION, THOUSAND, DAYS = Decimal(1_000_000), Decimal(1_000), Decimal(30)
ZERO = Decimal(0)
TIMES = "\N{MULTIPLICATION SIGN}"


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What one interaction uses and what it is charged by; the usual values are the source document's.

    Prices of tokens are US dollars a million, all others US dollars each. `resolved_percent` is of all interactions.
    """

    interactions: Decimal = Decimal(10000)
    input_tokens: Decimal = Decimal(500)
    cached_tokens: Decimal = Decimal(0)
    written_tokens: Decimal = Decimal(0)
    output_tokens: Decimal = Decimal(200)
    tool_calls: Decimal = Decimal(3)
    memory_writes: Decimal = Decimal(1)
    memory_searches: Decimal = Decimal(1)
    guardrail_units: Decimal = Decimal(3)
    input_price: Decimal = Decimal(3)
    cached_price: Decimal = Decimal("0.3")
    written_price: Decimal = Decimal("3.75")
    output_price: Decimal = Decimal(15)
    tool_price: Decimal = Decimal("0.0001")
    write_price: Decimal = Decimal("0.00002")
    search_price: Decimal = Decimal("0.00001")
    unit_price: Decimal = Decimal(0)
    staff_low: Decimal = Decimal(3000)
    staff_high: Decimal = Decimal(5000)
    resolved_percent: Decimal = Decimal(25)

    def with_values(self, values: Mapping[str, Decimal | None]) -> Inputs:
        """The same with those that are known."""
        return replace(self, **{name: value for name, value in values.items() if value is not None})

    @property
    def is_document(self) -> bool:
        return self == Inputs()


QUANTITIES = (
    *("interactions", "input_tokens", "cached_tokens", "written_tokens", "output_tokens"),
    *("tool_calls", "memory_writes", "memory_searches", "guardrail_units"),
)
PRICES = (
    *("input_price", "cached_price", "written_price", "output_price"),
    *("tool_price", "write_price", "search_price", "unit_price"),
)
STAFF = ("staff_low", "staff_high", "resolved_percent")


@dataclass(frozen=True, kw_only=True)
class Line:
    """A part of the cost of one interaction, in US dollars, with its working. `said` is what the document says."""

    key: str
    name: str
    working: str
    usd: Decimal
    said: Decimal | None = None


@dataclass(frozen=True, kw_only=True)
class Bill:
    """The lines of one interaction, and their sums."""

    lines: list[Line]
    interactions: Decimal

    @property
    def each(self) -> Decimal:
        return sum((line.usd for line in self.lines), ZERO)

    @property
    def day(self) -> Decimal:
        return self.each * self.interactions

    @property
    def month(self) -> Decimal:
        return self.day * DAYS


# -- one's own, or the document's


def tokens_cost(inputs: Inputs) -> Decimal:
    return (
        inputs.input_tokens * inputs.input_price
        + inputs.cached_tokens * inputs.cached_price
        + inputs.written_tokens * inputs.written_price
        + inputs.output_tokens * inputs.output_price
    ) / MILLION


def bill(inputs: Inputs) -> Bill:
    lines = [
        Line(
            key="model",
            name="Model",
            working=tokens_working(inputs),
            usd=tokens_cost(inputs),
            said=Decimal("0.002"),
        ),
        times("tools", "Tool calls", inputs.tool_calls, inputs.tool_price, said="0.0003"),
        times("writes", "Memories written", inputs.memory_writes, inputs.write_price, said="0.00002"),
        times("searches", "Memory searches", inputs.memory_searches, inputs.search_price, said="0.00001"),
        times("guardrail", "Guardrail checks", inputs.guardrail_units, inputs.unit_price),
    ]
    return Bill(lines=lines, interactions=inputs.interactions)


def times(key: str, name: str, quantity: Decimal, price: Decimal, *, said: str = "") -> Line:
    return Line(
        key=key,
        name=name,
        working=f"{plain(quantity)} {TIMES} ${plain(price)}",
        usd=quantity * price,
        said=Decimal(said) if said else None,
    )


def tokens_working(inputs: Inputs) -> str:
    parts = [
        (inputs.input_tokens, inputs.input_price),
        (inputs.cached_tokens, inputs.cached_price),
        (inputs.written_tokens, inputs.written_price),
        (inputs.output_tokens, inputs.output_price),
    ]
    used = [f"{plain(tokens)} {TIMES} ${plain(price)}" for tokens, price in parts if tokens]
    return f"({' + '.join(used)}) ÷ 1,000,000" if used else "no tokens"


@dataclass(frozen=True, kw_only=True)
class Said:
    """What the document says of the whole, for its own numbers."""

    day: Decimal = Decimal(24)
    month: Decimal = Decimal(720)

    @property
    def each(self) -> Decimal:
        """It names no sum of an interaction; its day divided by its interactions."""
        return self.day / Inputs().interactions


# -- the published prices of AgentCore

GATEWAY_CALL = Decimal("0.005") / THOUSAND
AUTHORIZATION = Decimal("0.000025")
MEMORY_EVENT = Decimal("0.25") / THOUSAND
# What is said and what is answered are an event each.
EVENTS_A_WRITE = 2
RETRIEVAL = Decimal("0.50") / THOUSAND
TEXT_UNIT = (Decimal("0.15") + Decimal("0.10")) / THOUSAND
VCPU_HOUR, GB_HOUR = Decimal("0.0895"), Decimal("0.00945")
# A session of a minute on half a gigabyte, and the 15 minutes after which an idle one is ended; memory is billed while
# it waits, a processor only while it works.
SESSION_GB, SESSION_MINUTES, SESSION_VCPU_SECONDS = Decimal("0.5"), 1 + 15, 5


def agentcore_bill(inputs: Inputs) -> Bill:
    """The same interaction on AgentCore, the model at the same price."""
    calls, events = inputs.tool_calls, inputs.memory_writes * EVENTS_A_WRITE
    runtime = (
        SESSION_GB * SESSION_MINUTES * GB_HOUR / Decimal(60) + SESSION_VCPU_SECONDS * VCPU_HOUR / Decimal(3_600)
    )  # fmt: skip
    lines = [
        Line(key="model", name="Model", working=tokens_working(inputs), usd=tokens_cost(inputs)),
        times("tools", "Gateway calls", calls, GATEWAY_CALL),
        times("policy", "Policy authorizations", calls, AUTHORIZATION),
        times("writes", "Memory events", events, MEMORY_EVENT),
        times("searches", "Memory retrievals", inputs.memory_searches, RETRIEVAL),
        times("guardrail", "Guardrail content and PII", inputs.guardrail_units, TEXT_UNIT),
        Line(
            key="runtime",
            name="Runtime",
            working=f"{SESSION_GB} GB {TIMES} {SESSION_MINUTES} min {TIMES} ${GB_HOUR} an hour + "
            f"{SESSION_VCPU_SECONDS} vCPU s {TIMES} ${VCPU_HOUR} an hour",
            usd=runtime,
        ),
    ]
    return Bill(lines=lines, interactions=inputs.interactions)


# -- against people


@dataclass(frozen=True, kw_only=True)
class Staff:
    """A month of a bill against a month of a person, who costs from `low` to `high` US dollars.

    `people_*` is how many people's pay the month's bill is, `break_even_*` how many interactions a person has to
    resolve in a month to be as cheap as the agent; None where the agent resolves nothing, or costs nothing.
    """

    resolved: Decimal
    usd_a_resolved: Decimal | None
    people_low: Decimal | None
    people_high: Decimal | None
    break_even_low: Decimal | None
    break_even_high: Decimal | None


def against_staff(made: Bill, inputs: Inputs) -> Staff:
    resolved = inputs.interactions * DAYS * inputs.resolved_percent / Decimal(100)
    each = made.month / resolved if resolved else None
    return Staff(
        resolved=resolved,
        usd_a_resolved=each,
        people_low=made.month / inputs.staff_high if inputs.staff_high else None,
        people_high=made.month / inputs.staff_low if inputs.staff_low else None,
        break_even_low=inputs.staff_low / each if each else None,
        break_even_high=inputs.staff_high / each if each else None,
    )


def plain(value: Decimal) -> str:
    """A number as people write it: no exponent, no empty decimals, commas between thousands."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
