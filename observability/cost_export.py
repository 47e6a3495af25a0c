"""Money as files: the figures of a page, and the charges themselves. Amounts have all their digits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from observability.cost_figures import Figures, Row, Table
from observability.cost_ledger import ChargeLine, every_charge, lines_of
from observability.cost_range import Period, Wanted
from observability.cost_trend import Trend

FIGURE_COLUMNS = ("Table", "Name", "Charges", "Turns", "US dollars", "Percent")
CHARGE_COLUMNS = (
    *("Time", "Kind", "Model or tool", "Basis", "US dollars", "Quantity", "Price from", "Input tokens"),
    *("Cache read tokens", "Cache write tokens", "Output tokens", "Agent", "Version", "Channel", "Conversation"),
    *("Trace", "Span"),
)
# A table program takes a text that begins so for a formula.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


def figure_lines(figures: Figures, trend: Trend) -> Iterator[str]:
    """Every table of the page with all its rows and its sum, and the chart's bars."""
    yield csv_line(FIGURE_COLUMNS)
    for bar in trend.bars:
        if not bar.is_coming:
            yield csv_line((trend.title, bar.begin.isoformat(timespec="minutes"), "", "", f"{bar.usd:f}", ""))
    yield csv_line((trend.title, "All", "", "", f"{trend.total:f}", ""))
    for table in figures.tables:
        for row in [*table.rows, table.total]:
            yield csv_line(values_of_row(table, row))


def values_of_row(table: Table, row: Row) -> tuple[Any, ...]:
    percent = "" if row.percent is None else f"{row.percent:.4f}"
    turns = "" if row.turns is None else row.turns
    return table.title, row.name, row.charges, turns, f"{row.usd:f}", percent


def charge_lines(wanted: Wanted, period: Period, *, now: datetime) -> Iterator[str]:
    """A header and a line for each charge, the newest first."""
    yield csv_line(CHARGE_COLUMNS)
    for charges in every_charge(wanted, period, now=now):
        for line in lines_of(charges):
            yield csv_line(values_of_charge(line))


def values_of_charge(line: ChargeLine) -> tuple[Any, ...]:
    charge, trace, span = line.charge, line.trace, line.span
    price = line.price or line.unit_price
    tokens: Iterable[Any] = ("", "", "", "")
    if line.is_by_token and span:
        tokens = (span.input_tokens, span.cache_read_tokens, span.cache_write_tokens, span.output_tokens)
    return (
        charge.at.isoformat(),
        charge.kind,
        charge.subject,
        charge.basis,
        f"{charge.usd:f}",
        "" if charge.quantity is None else f"{charge.quantity:f}",
        price.valid_from.isoformat() if price else "",
        *tokens,
        trace.agent_name if trace else "",
        trace.agent_version if trace else "",
        trace.channel if trace else "",
        trace.session_id if trace else "",
        charge.trace_id,
        charge.span_id,
    )


def csv_line(values: Iterable[Any]) -> str:
    written = io.StringIO()
    csv.writer(written).writerow([harmless(value) for value in values])
    return written.getvalue()


def harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
