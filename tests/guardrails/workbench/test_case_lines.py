from __future__ import annotations

import json
from typing import Any

import pytest

from guardrails.case_lines import LineRefused, Span, as_line, read_case, read_lines


def case_of(**data: Any) -> Any:
    return read_case(json.dumps(data))


@pytest.mark.parametrize(
    ("label", "read"),
    [
        *[(1, True), (0, False), (True, True), (False, False), (1.0, True), ("1", True), ("false", False)],
        *[("Not Toxic", False), ("jailbreak", True), ("not_supported", True), ("Fully attributable", False)],
        (None, None),
    ],
    ids=str,
)
def test_labels(label: object, read: bool | None) -> None:
    assert case_of(text="a", label=label).label is read


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "not JSON"),
        ("[1]", "no JSON object"),
        ('{"url": "x"}', "neither text nor answer"),
        ('{"text": ""}', "no text, or empty"),
        ('{"text": 4}', "no text, or empty"),
        ('{"answer": "a"}', "no source"),
        ('{"text": "a", "label": "perhaps"}', "Its label is 'perhaps'"),
        ('{"text": "a", "label": 3}', "Its label is '3'"),
        ('{"text": "a\\u0000"}', "no text may hold"),
        ('{"text": "\\ud800"}', "no text may hold"),
        ('{"text": "abc", "spans": {}}', "no list"),
        ('{"text": "abc", "spans": [{"start": 0, "end": 2}]}', "names no entity"),
        ('{"text": "abc", "spans": [{"start": 2, "end": 9, "entity": "EMAIL"}]}', "2 to 9, in a text of 3"),
        ('{"text": "abc", "spans": [{"value": "x", "entity": "EMAIL"}]}', "neither where it is"),
    ],
    ids=str,
)
def test_what_is_wrong_is_said(line: str, why: str) -> None:
    with pytest.raises(LineRefused, match=why):
        read_case(line)


def test_too_long() -> None:
    with pytest.raises(LineRefused, match="at most 20,000"):
        case_of(text="a" * 20_001)


@pytest.mark.parametrize("key", ["entity", "type", "label", "entity_type"])
def test_spans_of_others(key: str) -> None:
    span = {"start": 0, "end": 3, key: "CREDIT_CARD"}
    assert case_of(text="abc", spans=[span]).spans == (Span(entity="CREDIT_DEBIT_CARD_NUMBER", start=0, end=3),)


def test_a_value_says_where_it_is() -> None:
    assert case_of(text="to a@b.c", spans=[{"entity": "email", "value": "a@b.c"}]).spans == (
        Span(entity="EMAIL", start=3, end=8),
    )


def test_an_entity_somewhere() -> None:
    assert case_of(text="abc", entity="UK_NHS", label=1).spans == (Span(entity="UK_NATIONAL_HEALTH_SERVICE_NUMBER"),)
    assert case_of(text="abc", entity="UK_NHS", label=0).spans == ()
    assert case_of(text="abc", label=0).spans is None


def test_sources_of_any_form() -> None:
    assert case_of(answer="a", source=["b", "c"], label=0).source == "b\n\nc"
    assert json.loads(case_of(answer="a", source={"total": 4}, label=0).source) == {"total": 4}


def test_lines_are_numbered_as_an_editor_does() -> None:
    read = read_lines([b'{"text": "a"}', b"", b"\xff\xfe", b'{"text": "b"}'])
    assert [case.line for case in read.cases] == [1, 4]
    assert [problem.line for problem in read.problems] == [3]


def test_a_line_is_read_as_it_was_written() -> None:
    case = case_of(id="7", text="to a@b.c", spans=[{"entity": "EMAIL", "start": 3, "end": 8}])
    assert read_case(as_line(case)) == case
