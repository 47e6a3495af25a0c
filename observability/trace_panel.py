"""The panel of one span: what it was given and gave, what a check saw, and the money."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from observability.batch import encode
from observability.models import Charge, Price, Span
from observability.waterfall import LOOKS, tokens_of

MILLION = Decimal(1_000_000)
# A longer text is folded, its length said; one that is longer still is not in the page: the file has it.
FOLDED_FROM, LEFT_OUT_FROM = 6_000, 200_000


def mapping_of(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


@dataclass(frozen=True, kw_only=True)
class PriceLine:
    """One of the four counters, priced: tokens, US dollars per million, US dollars."""

    counter: str
    tokens: int
    per_million: Decimal | None
    usd: Decimal | None


def output_blocks(span: Span) -> list[dict[str, Any]]:
    """The content blocks that the model gave, each a dict with a `type`; anything else becomes an `other` block."""
    output = mapping_of(span.attributes).get("output")
    blocks = output if isinstance(output, list) else [] if output is None else [output]
    return [
        block if isinstance(block, dict) and isinstance(block.get("type"), str) else {"type": "other", "value": block}
        for block in blocks
    ]


def price_lines(span: Span, price: Price | None) -> list[PriceLine]:
    return [
        price_line("Input", span.input_tokens, price.input_usd if price else None),
        *cache_write_lines(span, price),
        price_line("Cache read", span.cache_read_tokens, price.cache_read_usd if price else None),
        price_line("Output", span.output_tokens, price.output_usd if price else None),
    ]


def cache_write_lines(span: Span, price: Price | None) -> list[PriceLine]:
    """One line; two where some of it is kept for an hour, which has a price of its own."""
    hour = mapping_of(span.attributes).get("cacheWrite1hTokens")
    if not isinstance(hour, int) or not 0 < hour <= span.cache_write_tokens:
        return [price_line("Cache write", span.cache_write_tokens, price.cache_write_usd if price else None)]
    dearer = (price.cache_write_1h_usd or price.cache_write_usd) if price else None
    return [
        price_line("Cache write", span.cache_write_tokens - hour, price.cache_write_usd if price else None),
        price_line("Cache write, for an hour", hour, dearer),
    ]


def price_line(counter: str, tokens: int, per_million: Decimal | None) -> PriceLine:
    usd = None if per_million is None else tokens * per_million / MILLION
    return PriceLine(counter=counter, tokens=tokens, per_million=per_million, usd=usd)


@dataclass(frozen=True, kw_only=True)
class Check:
    """What one check of the guardrail saw and did; `word`, `tone` and `icon` are its outcome's badge. Findings and
    statements are as they were recorded (`guardrails/record.py`)."""

    word: str
    tone: str
    icon: str
    version: str
    findings: list[dict[str, Any]]
    statements: list[dict[str, Any]]
    milliseconds: float | None
    is_judge: bool


OUTCOMES = {
    "none": ("Passed", "good", "circle-check"),
    "masked": ("Masked", "warn", "eye-off"),
    "blocked": ("Blocked", "bad", "ban"),
    "repaired": ("Said again", "info", "refresh-cw"),
    "handed_over": ("Handed over", "bad", "hand"),
}


def check_of(span: Span) -> Check:
    attributes = mapping_of(span.attributes)
    version, took = str(attributes.get("version", "")), attributes.get("ms")
    is_judge = span.name == "judge"
    action = str(attributes.get("guardrailAction", ""))
    asked = ("Failed", "bad", "circle-x") if span.error else ("Asked", "", "circle-check")
    word, tone, icon = asked if is_judge else OUTCOMES.get(action, (action or "Unknown", "", "circle"))
    return Check(
        word=word,
        tone=tone,
        icon=icon,
        version=f"v{version}" if version.isdecimal() else version.lower(),
        findings=mappings_of(attributes.get("findings")),
        statements=mappings_of(attributes.get("statements")),
        milliseconds=float(took) if isinstance(took, int | float) else None,
        is_judge=is_judge,
    )


def mappings_of(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


@dataclass(kw_only=True)
class CostLine:
    """The charges of a trace with one subject and one price, added up."""

    subject: str
    kind: str
    basis: str
    price: Price | None
    calls: int = 0
    tokens: int = 0
    usd: Decimal = Decimal(0)


def cost_lines(spans: Sequence[Span], charges: Mapping[UUID, Charge], prices: Mapping[int, Price]) -> list[CostLine]:
    lines: dict[tuple[str, str, str, int | None], CostLine] = {}
    for span in spans:
        charge = charges.get(span.pk)
        if charge is None:
            continue
        key = (charge.kind, charge.subject, charge.basis, charge.price_id)
        if key not in lines:
            price = prices.get(charge.price_id) if charge.price_id is not None else None
            lines[key] = CostLine(subject=charge.subject, kind=charge.kind, basis=charge.basis, price=price)
        line = lines[key]
        line.calls += 1
        line.tokens += tokens_of(span)
        line.usd += charge.usd
    return list(lines.values())


# -- all of it


@dataclass(frozen=True, kw_only=True)
class Sized:
    """A value and how long its JSON is, in characters: `is_folded` in the page, or `is_left_out` of it."""

    value: Any
    length: int

    @property
    def is_folded(self) -> bool:
        return self.length > FOLDED_FROM

    @property
    def is_left_out(self) -> bool:
        return self.length > LEFT_OUT_FROM


def sized(value: Any) -> Sized:
    return Sized(value=value, length=len(value) if isinstance(value, str) else len(encode(value)))


def panel_of_span(span: Span, charge: Charge | None, prices: Mapping[int, Price]) -> dict[str, Any]:
    """Of a span as its reader may see it."""
    attributes = mapping_of(span.attributes)
    price = prices.get(charge.price_id) if charge and charge.price_id is not None else None
    return {
        "span": span,
        "look": LOOKS.get(span.kind),
        "attributes": attributes,
        "everything": sized(span.attributes),
        "blocks": [sized_block(block) for block in output_blocks(span)],
        "inputs": sized(attributes["toolInputs"]) if "toolInputs" in attributes else None,
        "output": sized(attributes["toolOutput"]) if "toolOutput" in attributes else None,
        "policy": mapping_of(attributes.get("policy")),
        "guardrail": check_of(span) if span.kind == Span.Kind.GUARDRAIL else None,
        "charge": charge,
        "price": price,
        "price_lines": price_lines(span, price) if span.kind == Span.Kind.MODEL else [],
    }


def sized_block(block: dict[str, Any]) -> dict[str, Any]:
    """A block of the model's output with the length of what it says; one without is shown as JSON."""
    said = block.get({"text": "text", "thinking": "thinking", "tool_use": "input"}.get(block["type"], ""), block)
    return {"type": block["type"], "name": block.get("name", ""), "said": sized(said)}
