"""What the conventions of v1.41.1 say of spans and metrics (docs/gen-ai of open-telemetry/semantic-conventions), as far
as we make them; and whether a span keeps to it. Types are those of OTLP's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STRING, INT, DOUBLE, BOOL, STRINGS = "stringValue", "intValue", "doubleValue", "boolValue", "arrayValue"

# gen_ai.* and what they are used with: the type of each attribute.
TYPES = {
    "gen_ai.operation.name": STRING,
    "gen_ai.provider.name": STRING,
    "gen_ai.agent.id": STRING,
    "gen_ai.agent.name": STRING,
    "gen_ai.agent.version": STRING,
    "gen_ai.conversation.id": STRING,
    "gen_ai.data_source.id": STRING,
    "gen_ai.output.type": STRING,
    "gen_ai.request.model": STRING,
    "gen_ai.response.id": STRING,
    "gen_ai.response.model": STRING,
    "gen_ai.response.finish_reasons": STRINGS,
    "gen_ai.response.time_to_first_chunk": DOUBLE,
    "gen_ai.tool.name": STRING,
    "gen_ai.tool.type": STRING,
    "gen_ai.tool.call.id": STRING,
    "gen_ai.tool.call.arguments": STRING,
    "gen_ai.tool.call.result": STRING,
    "gen_ai.token.type": STRING,
    "gen_ai.usage.input_tokens": INT,
    "gen_ai.usage.output_tokens": INT,
    "gen_ai.usage.cache_read.input_tokens": INT,
    "gen_ai.usage.cache_creation.input_tokens": INT,
    "gen_ai.input.messages": STRING,
    "gen_ai.output.messages": STRING,
    "gen_ai.retrieval.query.text": STRING,
    "gen_ai.retrieval.documents": STRING,
    "error.type": STRING,
    "session.id": STRING,
    "user.id": STRING,
}
INTERNAL, CLIENT = "SPAN_KIND_INTERNAL", "SPAN_KIND_CLIENT"
# By operation: the kind of the span, what its name is made of, what it must have.
SPANS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "invoke_agent": (INTERNAL, "gen_ai.agent.name", ("gen_ai.provider.name",)),
    "chat": (CLIENT, "gen_ai.request.model", ("gen_ai.provider.name", "gen_ai.request.model")),
    "execute_tool": (INTERNAL, "gen_ai.tool.name", ("gen_ai.tool.name",)),
    "retrieval": (CLIENT, "gen_ai.data_source.id", ("gen_ai.data_source.id",)),
}
PROVIDERS = {"anthropic", "aws.bedrock", "openai", "tandem.scripted", "_OTHER"}
OPT_IN = {
    "gen_ai.input.messages",
    "gen_ai.output.messages",
    "gen_ai.tool.call.arguments",
    "gen_ai.tool.call.result",
    "gen_ai.retrieval.query.text",
    "gen_ai.retrieval.documents",
}
METRICS = {
    "gen_ai.client.token.usage": ("{token}", [4.0**n for n in range(14)], ("gen_ai.token.type",)),
    "gen_ai.client.operation.duration": (
        "s",
        [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
        (),
    ),
}


def attributes_of(thing: Mapping[str, Any]) -> dict[str, Any]:
    """Values without their types; whole numbers come as text in OTLP's JSON."""
    found = {}
    for pair in thing.get("attributes", []):
        [(kind, value)] = pair["value"].items()
        found[pair["key"]] = int(value) if kind == INT else value
    return found


def problems_of(span: Mapping[str, Any], *, with_content: bool = False) -> list[str]:
    types = {pair["key"]: next(iter(pair["value"])) for pair in span["attributes"]}
    problems = [problem for name, kind in types.items() for problem in problems_with(name, kind, with_content)]
    if len(types) != len(span["attributes"]):
        problems.append("an attribute stands twice")
    is_failed = span.get("status", {}).get("code") == "STATUS_CODE_ERROR"
    if is_failed != ("error.type" in types):
        problems.append("error.type is there if and only if it failed")
    values = attributes_of(span)
    if "gen_ai.operation.name" not in values:
        return problems + [f"{name} without an operation" for name in types if name.startswith("gen_ai.")]
    return problems + problems_of_operation(span, values)


def problems_with(name: str, kind: str, with_content: bool) -> list[str]:
    if name.startswith("app."):
        return []
    if name not in TYPES:
        return [f"{name} is no attribute of the conventions"]
    problems = [] if TYPES[name] == kind else [f"{name} is a {kind}"]
    return [*problems, f"{name} is opt-in"] if name in OPT_IN and not with_content else problems


def problems_of_operation(span: Mapping[str, Any], values: Mapping[str, Any]) -> list[str]:
    operation = values["gen_ai.operation.name"]
    if operation not in SPANS:
        return [f"there is no operation {operation}"]
    kind, subject, required = SPANS[operation]
    problems = [f"{name} is missing" for name in required if not values.get(name)]
    if span["kind"] != kind:
        problems.append(f"{operation} is {span['kind']}")
    if span["name"] != f"{operation} {values.get(subject)}":
        problems.append(f"its name is {span['name']}")
    if values.get("gen_ai.provider.name", "anthropic") not in PROVIDERS:
        problems.append(f"there is no provider {values['gen_ai.provider.name']}")
    return problems
