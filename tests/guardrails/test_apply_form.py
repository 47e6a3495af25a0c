"""ApplyGuardrail's form, held against the service model that botocore brings with it; units; what is no request."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import botocore.session
import pytest
from botocore.model import ListShape, OperationModel, Shape, StringShape, StructureShape
from botocore.parsers import create_parser
from botocore.validate import ParamValidator

from guardrails.apply import InvalidRequest, apply_guardrail
from guardrails.compiled import Guard, guard_for
from guardrails.config import Config
from tests.guardrails.apply_cases import ATTACK, CONFIG, MAIL, block, held, request


@pytest.fixture(scope="module")
def operation() -> OperationModel:
    return botocore.session.get_session().get_service_model("bedrock-runtime").operation_model("ApplyGuardrail")


@pytest.fixture(scope="module")
def guard() -> Guard:
    return guard_for(CONFIG)


# -- the form


def faults(shape: Shape, value: Any, path: str = "") -> Iterator[str]:
    """What of a value is not as its shape has it: members, enumerations, patterns, bounds, types."""
    match shape:
        case StructureShape():
            yield from (f"{path}.{name}: missing" for name in shape.required_members if name not in value)
            yield from (f"{path}.{name}: unknown" for name in value if name not in shape.members)
            for name, member in shape.members.items():
                if name in value:
                    yield from faults(member, value[name], f"{path}.{name}")
        case ListShape():
            for place, item in enumerate(value):
                yield from faults(shape.member, item, f"{path}[{place}]")
        case StringShape():
            pattern = shape.metadata.get("pattern")
            if not isinstance(value, str) or (shape.enum and value not in shape.enum):
                yield f"{path}: {value!r}"
            elif pattern and not re.fullmatch(pattern, value):
                yield f"{path}: {value!r} is not {pattern}"
        case _:
            types: dict[str, type | tuple[type, ...]] = {"boolean": bool, "double": (int, float)}
            low, high = shape.metadata.get("min", 0), shape.metadata.get("max", 2**31)
            if not isinstance(value, types.get(shape.type_name, int)) or not low <= value <= high:
                yield f"{path}: {value!r}"


REQUESTS = {
    "nothing": request("Where is my order?"),
    "nothing, full": request("Where is my order?", outputScope="FULL"),
    "blocked": request(ATTACK, "Project Athena", outputScope="INTERVENTIONS"),
    "blocked, full": request(ATTACK, MAIL, outputScope="FULL"),
    "masked": request(f"{MAIL} TCK-1234, soon, from 10.0.0.7.", source="OUTPUT"),
    "shadow": request("See you soon at 10.0.0.7."),
    "grounding": request(
        block("Shops open at nine.", "grounding_source"),
        block("When do you open?", "query"),
        block("Elephants love oranges.", "guard_content"),
        source="OUTPUT",
        outputScope="FULL",
    ),
    "several qualifiers": request(block("Hello.", "query", "guard_content")),
    "empty": request(""),
}


@pytest.mark.parametrize("given", REQUESTS.values(), ids=REQUESTS.keys())
def test_request_and_response_have_the_services_form(
    operation: OperationModel, guard: Guard, given: dict[str, Any]
) -> None:
    sent = {"guardrailIdentifier": "abc123", "guardrailVersion": "1", **given}
    assert not ParamValidator().validate(sent, operation.input_shape).has_errors()
    response = apply_guardrail(guard, sent)
    assert list(faults(operation.output_shape, response)) == []
    wire = {"status_code": 200, "headers": {}, "body": json.dumps(response).encode()}
    read = create_parser("rest-json").parse(wire, operation.output_shape)
    assert {name: value for name, value in read.items() if name != "ResponseMetadata"} == response


def test_the_walk_over_the_form_sees_what_is_wrong(operation: OperationModel, guard: Guard) -> None:
    response = apply_guardrail(guard, request(ATTACK, "Project Athena"))
    broken = {**response, "action": "BLOCKED", "usage": {}, "outputs": [{"text": 1}], "verdict": "no"}
    found = " ".join(faults(operation.output_shape, broken))
    assert all(path in found for path in (".action", ".usage.topicPolicyUnits", ".outputs[0].text", ".verdict"))


# -- what it comes to


@pytest.mark.parametrize(("length", "units"), [(0, 0), (1, 1), (1000, 1), (1001, 2), (5600, 6)])
def test_a_unit_is_a_thousand_characters(guard: Guard, length: int, units: int) -> None:
    usage = apply_guardrail(guard, request("ä" * length))["usage"]
    assert {name: count for name, count in usage.items() if count} == {
        name: units
        for name in (
            *("topicPolicyUnits", "contentPolicyUnits", "wordPolicyUnits"),
            *("sensitiveInformationPolicyUnits", "sensitiveInformationPolicyFreeUnits"),
        )
        if units
    }


def test_a_policy_that_is_off_costs_nothing(guard: Guard) -> None:
    usage = apply_guardrail(guard, request("Hello.", source="OUTPUT"))["usage"]
    assert (usage["topicPolicyUnits"], usage["contentPolicyUnits"]) == (0, 1)
    nothing = apply_guardrail(guard_for(Config()), request("Hello."))
    assert set(nothing["usage"].values()) == {0}
    assert nothing["action"] == "NONE"


def test_what_an_answer_is_held_against_counts_for_grounding_alone(guard: Guard) -> None:
    given = held("Yes.", query="x" * 1990)
    response = apply_guardrail(guard, given)
    usage = response["usage"]
    assert (usage["contextualGroundingPolicyUnits"], usage["wordPolicyUnits"]) == (3, 1)
    assert response["guardrailCoverage"]["textCharacters"]["guarded"] == 4
    metrics = response["assessments"][0]["invocationMetrics"]
    assert (metrics["usage"], metrics["guardrailCoverage"]) == (usage, response["guardrailCoverage"])


def test_the_version_is_named() -> None:
    guard = replace(guard_for(CONFIG), id=UUID(int=7), number=3)
    details = apply_guardrail(guard, request("Hello."))["assessments"][0]["appliedGuardrailDetails"]
    assert (details["guardrailId"], details["guardrailVersion"]) == (UUID(int=7).hex, "3")


# -- what is refused

IMAGE = {"image": {"format": "png", "source": {"bytes": b"x"}}}
REFUSED = {
    "no source": ({"content": [block("x")]}, "source"),
    "another source": (request("x", source="BOTH"), "source"),
    "no content": ({"source": "INPUT"}, "content"),
    "empty content": (request(), "content"),
    "content of a text": ({"source": "INPUT", "content": "x"}, "content"),
    "an image": (request("x", IMAGE), r"content\[1\].image"),
    "an image beside a text": (request({**block("x"), **IMAGE}), "image"),
    "an unknown block": (request({"video": {}}), r"content\[0\]"),
    "a block that is a text": ({"source": "INPUT", "content": ["x"]}, r"content\[0\]"),
    "a text that is none": (request({"text": {"text": 7}}), r"text\.text"),
    "an unknown qualifier": (request(block("x", "secret")), "qualifiers"),
    "qualifiers of a text": (request({"text": {"text": "x", "qualifiers": "query"}}), "qualifiers"),
    "a qualifier that is an object": (request({"text": {"text": "x", "qualifiers": [{}]}}), "qualifiers"),
    "another scope": (request("x", outputScope="ALL"), "outputScope"),
    "too much": (request("x" * 60_000, "x" * 60_000), "100,000"),
}


@pytest.mark.parametrize(("given", "words"), REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_request_is_refused(guard: Guard, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words) as caught:
        apply_guardrail(guard, given)
    assert caught.value.code == "ValidationException"
