"""The fields of an event: their names in a query, what they are, and where they stand in `observability_event`.

Every other name is an attribute of the span.
"""

from __future__ import annotations

from dataclasses import dataclass

from observability.query.values import Type, Value


@dataclass(frozen=True, kw_only=True)
class FieldDoc:
    """`sql` speaks of an event as `e`, and of its trace as `t` where `is_of_trace`."""

    name: str
    type: Type
    text: str
    sql: str
    is_integer: bool = False
    is_of_trace: bool = False
    uuid: str = ""
    column: str = ""

    @property
    def value(self) -> Value:
        return Value(sql=self.sql, type=self.type, is_integer=self.is_integer, uuid=self.uuid, column=self.column)


def word(name: str, text: str, column: str) -> FieldDoc:
    """Of a column in which "" means nothing."""
    is_of_trace = column.startswith("t.")
    sql = f"nullif({column}, '')"
    return FieldDoc(name=name, text=text, sql=sql, type=Type.TEXT, column=column, is_of_trace=is_of_trace)


def identifier(name: str, text: str, column: str) -> FieldDoc:
    is_of_trace = column.startswith("t.")
    return FieldDoc(name=name, text=text, sql=f"{column}::text", type=Type.TEXT, uuid=column, is_of_trace=is_of_trace)


def count(name: str, text: str, column: str) -> FieldDoc:
    is_of_trace = column.startswith("t.")
    return FieldDoc(name=name, text=text, sql=column, type=Type.NUMBER, is_integer=True, is_of_trace=is_of_trace)


def special(name: str, text: str, sql: str, type_: Type = Type.TEXT, *, is_of_trace: bool = False) -> FieldDoc:
    return FieldDoc(name=name, text=text, sql=sql, type=type_, is_of_trace=is_of_trace)


def attribute(name: str, text: str) -> FieldDoc:
    return FieldDoc(name=name, text=text, sql=f"(e.attributes ->> '{name}')", type=Type.ANY)


MODEL = "CASE WHEN e.kind = 'model' THEN e.name ELSE coalesce(e.attributes ->> 'model', nullif(t.model, '')) END"
ALL = (
    special("@timestamp", "When it began.", "e.at", Type.TIME),
    special("@message", "All of it as one line: kind, name, status, error, attributes.", "e.message"),
    identifier("@logStream", "The trace's id, as invocationId.", "e.trace_id"),
    special("@log", "The agent, as a log group's name.", "('tandem/' || e.agent)"),
    identifier("@ptr", "The event's own id: the span's, or the trace's.", "e.id"),
    word("agentId", "The agent's short name, such as my-support-agent.", "e.agent"),
    word("agentName", "The agent's name.", "t.agent_name"),
    count("agentVersion", "The number of the agent's version; 0 for a draft.", "t.agent_version"),
    identifier("invocationId", "The turn that the event belongs to; its trace bears the same id.", "e.trace_id"),
    identifier("sessionId", "The conversation.", "t.session_id"),
    word("customer", "The customer's address.", "t.customer"),
    word("channel", "Where the conversation takes place: chat, email and so on.", "t.channel"),
    special("model", "The language model that was asked; elsewhere the agent's.", f"({MODEL})", is_of_trace=True),
    word("outcome", "How the turn ended: replied, escalated, failed and so on.", "t.outcome"),
    special(
        "kind",
        "invocation for a turn as a whole, else the step's: model, tool, guardrail, memory, approval, wait, delivery.",
        "e.kind",
    ),
    special("name", "The step's name: the tool's, the model's, or what was checked.", "e.name"),
    special("toolName", "The tool, of a tool call.", "(CASE WHEN e.kind = 'tool' THEN e.name END)"),
    attribute("toolInputs", "The tool's arguments as JSON; one of them as toolInputs.order_id."),
    attribute("toolOutput", "What the tool answered, as JSON; a part of it as toolOutput.status."),
    count("duration", "Milliseconds; empty while a turn runs.", "e.duration_ms"),
    special("status", "ok or error; running for a turn that has not ended.", "e.status"),
    word("error", "Why it failed.", "e.error"),
    count("inputTokens", "Tokens given at the full price.", "e.input_tokens"),
    count("outputTokens", "Tokens written.", "e.output_tokens"),
    count("cacheReadTokens", "Tokens read from the prompt cache.", "e.cache_read_tokens"),
    count("cacheWriteTokens", "Tokens written to the prompt cache.", "e.cache_write_tokens"),
    special("cost", "US dollars. An invocation has its steps' sum, of tokens as well.", "e.cost_usd", Type.NUMBER),
    word("guardrailAction", "What a check did: none, blocked, masked, repaired, handed_over, detected.", "e.action"),
    word("violationCategory", "The rules that a check found broken.", "e.category"),
    special("attributes", "All attributes of the step as JSON.", "e.attributes::text", Type.ANY),
)  # fmt: skip
FIELDS = {each.name: each for each in ALL}
BY_SMALL_NAME = {name.lower(): name for name in FIELDS}
