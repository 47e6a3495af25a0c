"""Price lists that come with the application, to be adopted from a day on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.contrib.auth.models import User
from django.db import transaction

from observability.audit import record
from observability.models import Price, UnitPrice
from observability.price_adding import Added, Row, add_all

Kind = UnitPrice.Kind


@dataclass(frozen=True, kw_only=True)
class ModelLine:
    """US dollars per million tokens. The source names no prices of the cache: its tokens cost what input costs."""

    model: str
    input_usd: Decimal
    output_usd: Decimal


@dataclass(frozen=True, kw_only=True)
class UnitLine:
    """`usd` for each `per` units; `note` says how the source's words become this number, where that takes some."""

    kind: UnitPrice.Kind
    usd: Decimal
    per: int = 1
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class ShippedPrices:
    key: str
    name: str
    source: str
    models: tuple[ModelLine, ...]
    units: tuple[UnitLine, ...]


SEED = ShippedPrices(
    key="seed",
    name="The source document's",
    source=(
        "The text that Tandem was built from. Beside AWS's published prices its tool call is 20 times too dear, its "
        "memory write 12.5 times and its memory search 50 times too cheap."
    ),
    models=(ModelLine(model="claude-3-5-sonnet", input_usd=Decimal(3), output_usd=Decimal(15)),),
    units=(
        UnitLine(kind=Kind.TOOL_CALL, usd=Decimal("0.0001")),
        UnitLine(kind=Kind.MEMORY_WRITE, usd=Decimal("0.00002")),
        UnitLine(kind=Kind.MEMORY_SEARCH, usd=Decimal("0.00001")),
    ),
)
AGENTCORE = ShippedPrices(
    key="agentcore-2026-09",
    name="AWS Bedrock AgentCore, us-east-1, 2026-09",
    source="AWS's price list of September 2026 for Bedrock AgentCore, Bedrock Guardrails and Amazon Nova, us-east-1.",
    models=(
        ModelLine(model="bedrock/nova-micro", input_usd=Decimal("0.035"), output_usd=Decimal("0.14")),
        ModelLine(model="bedrock/nova-lite", input_usd=Decimal("0.06"), output_usd=Decimal("0.24")),
        ModelLine(model="bedrock/nova-pro", input_usd=Decimal("0.80"), output_usd=Decimal("3.20")),
    ),
    units=(
        UnitLine(kind=Kind.TOOL_CALL, usd=Decimal("0.005"), per=1000),
        UnitLine(kind=Kind.POLICY_DECISION, usd=Decimal("0.025"), per=1000),
        UnitLine(kind=Kind.MEMORY_WRITE, usd=Decimal("0.25"), per=1000),
        UnitLine(kind=Kind.MEMORY_SEARCH, usd=Decimal("0.50"), per=1000),
        UnitLine(
            kind=Kind.GUARDRAIL_UNIT,
            usd=Decimal("0.25"),
            per=1000,
            note="Content filters 0.15 and personal data 0.10 for 1,000 text units.",
        ),
        UnitLine(
            kind=Kind.BROWSER_SECOND,
            usd=Decimal("0.1084"),
            per=3600,
            note="An hour of one busy vCPU (0.0895) and 2 GB (0.00945 each).",
        ),
    ),
)
LISTS = {shipped.key: shipped for shipped in (SEED, AGENTCORE)}


def adopt(list_key: str, valid_from: date, user: User | None) -> Added:
    """Every price of a list from that day on, where another one holds then; the same again adds nothing.

    Raises `KeyError`, and `RowsRefused` or `PriceStands` where a price begins on that day already, or the day is over.
    """
    shipped = LISTS[list_key]
    with transaction.atomic():
        added = add_all(rows_of(shipped, valid_from))
        if added.rows:
            after = {"valid_from": valid_from.isoformat(), "added": [str(row) for row in added.rows]}
            record(user, "price.adopt", kind="price list", id=shipped.key, name=shipped.name, after=after)
    return added


def rows_of(shipped: ShippedPrices, valid_from: date) -> list[Row]:
    models = [
        Price(
            model=line.model,
            valid_from=valid_from,
            input_usd=line.input_usd,
            output_usd=line.output_usd,
            cache_read_usd=line.input_usd,
            cache_write_usd=line.input_usd,
            cache_write_1h_usd=line.input_usd,
        )
        for line in shipped.models
    ]
    units = [UnitPrice(kind=line.kind, valid_from=valid_from, usd=line.usd, per=line.per) for line in shipped.units]
    return [*models, *units]
