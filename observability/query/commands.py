"""What the commands are, in a line each, for help and completion."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class CommandDoc:
    name: str
    signature: str
    text: str
    example: str


ALL = (
    CommandDoc(
        name="fields",
        signature="fields expression [as name], …",
        text="The columns of the result; each may be calculated.",
        example="fields @timestamp, toolName, duration / 1000 as seconds",
    ),
    CommandDoc(
        name="filter",
        signature="filter condition",
        text="Only the events for which the condition holds.",
        example='filter toolName = "get_order" and duration > 2s',
    ),
    CommandDoc(
        name="stats",
        signature="stats function(field) [as name], … [by field, …]",
        text="One row for each group: how many, how much, how long.",
        example="stats count(), pct(duration, 95) by bin(5m)",
    ),
    CommandDoc(
        name="sort",
        signature="sort field [asc | desc], …",
        text="The order of the rows; ascending where nothing is said.",
        example="sort duration desc",
    ),
    CommandDoc(
        name="limit",
        signature="limit number",
        text="The first rows only: at most 10,000.",
        example="limit 20",
    ),
    CommandDoc(
        name="dedup",
        signature="dedup field, …",
        text="Of rows with the same values the first in order; without one, the newest.",
        example="dedup sessionId",
    ),
    CommandDoc(
        name="parse",
        signature='parse [field] "text * text *" as name, … or parse [field] /(?<name>…)/',
        text="New fields from parts of a text: by stars, or by a pattern with named groups.",
        example='parse toolOutput "*status*:*,*" as before, between, status, after',
    ),
    CommandDoc(
        name="display",
        signature="display field, …",
        text="These columns and no others.",
        example="display @timestamp, toolName",
    ),
)
COMMANDS = {each.name: each for each in ALL}
