"""Labelled cases as lines of JSON: what a line may say, and what is wrong with one that says something else.

`{"text", "label"}` for filters of texts, `{"text", "spans"}` for personal data, `{"answer", "source", "label"}` for
grounding, and `{"text"}` alone for ordinary messages. Other fields are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from guardrails.config import PII_TYPES

TEXT_LENGTH, SOURCE_LENGTH = 20_000, 60_000
# What other sets call the entities; names are compared in capitals. Presidio's are those of its documentation.
ENTITY_NAMES = {
    "CREDIT_CARD": "CREDIT_DEBIT_CARD_NUMBER",
    "CREDIT_CARD_NUMBER": "CREDIT_DEBIT_CARD_NUMBER",
    "CVV": "CREDIT_DEBIT_CARD_CVV",
    "EMAIL_ADDRESS": "EMAIL",
    "PHONE_NUMBER": "PHONE",
    "IBAN": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "PERSON": "NAME",
    "PER": "NAME",
    "STREET_ADDRESS": "ADDRESS",
    "DOMAIN_NAME": "URL",
    "IP": "IP_ADDRESS",
    "IPV4": "IP_ADDRESS",
    "IPV6": "IP_ADDRESS",
    "SSN": "US_SOCIAL_SECURITY_NUMBER",
    "US_SSN": "US_SOCIAL_SECURITY_NUMBER",
    "US_ITIN": "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT": "US_PASSPORT_NUMBER",
    "US_BANK_NUMBER": "US_BANK_ACCOUNT_NUMBER",
    "US_DRIVER_LICENSE": "DRIVER_ID",
    "US_LICENSE_PLATE": "LICENSE_PLATE",
    "UK_VEHICLE_REGISTRATION": "LICENSE_PLATE",
    "ABA_ROUTING_NUMBER": "US_BANK_ROUTING_NUMBER",
    "US_ABA_ROUTING": "US_BANK_ROUTING_NUMBER",
    "UK_NHS": "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NINO": "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UTR": "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "CA_SIN": "CA_SOCIAL_INSURANCE_NUMBER",
    "SWIFT": "SWIFT_CODE",
    "VIN": "VEHICLE_IDENTIFICATION_NUMBER",
}
TRUE_WORDS = frozenset(
    {"1", "true", "yes", "attack", "injection", "jailbreak", "malicious", "unsafe", "harmful", "toxic", "hate",
     "hateful", "abusive", "abuse", "offensive", "insult", "threat", "positive", "flagged", "unsupported",
     "not supported", "partially supported", "hallucination", "hallucinated", "unfaithful", "not attributable",
     "unattributable", "contradiction", "contradicted"}
)  # fmt: skip
FALSE_WORDS = frozenset(
    {"0", "false", "no", "benign", "harmless", "safe", "clean", "legitimate", "normal", "none", "negative", "non toxic",
     "not toxic", "non hateful", "not hateful", "not hate", "non abusive", "not abusive", "supported", "faithful",
     "grounded", "attributable", "fully attributable", "entailed", "entailment", "generic"}
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Span:
    """An entity under Bedrock's name where it has one, at `start` to `end` in characters; -1 for "somewhere"."""

    entity: str
    start: int = -1
    end: int = -1

    @property
    def is_known(self) -> bool:
        return self.entity in PII_TYPES


@dataclass(frozen=True, kw_only=True)
class Case:
    """`label`: whether a filter should act; for grounding, whether the answer is not borne out. `spans` is None where
    the line says nothing of personal data, and empty where it says that there is none. `of` names the set that the line
    belongs to, where a file holds several."""

    id: str
    text: str
    source: str = ""
    label: bool | None = None
    spans: tuple[Span, ...] | None = None
    of: str = ""
    line: int = 0


@dataclass(frozen=True, kw_only=True)
class LineProblem:
    line: int
    message: str


@dataclass(frozen=True, kw_only=True)
class Lines:
    cases: list[Case] = field(default_factory=list)
    problems: list[LineProblem] = field(default_factory=list)


class LineRefused(Exception):
    """The line is no case; the message says why."""


def read_lines(lines: Iterable[bytes | str]) -> Lines:
    """All of them; empty lines are passed over."""
    read = Lines()
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            read.cases.append(read_case(line, number))
        except LineRefused as refused:
            read.problems.append(LineProblem(line=number, message=str(refused)))
    return read


def read_case(line: bytes | str, number: int = 0) -> Case:
    """Raises `LineRefused`."""
    data = read_object(line)
    is_answer = "answer" in data
    if not is_answer and "text" not in data:
        raise LineRefused("It has neither text nor answer.")
    if is_answer and "source" not in data:
        raise LineRefused("It has an answer and no source that it should rest on.")
    text = read_text(data, "answer" if is_answer else "text", TEXT_LENGTH)
    return Case(
        id=str(data.get("id") or number),
        text=text,
        source=read_text(data, "source", SOURCE_LENGTH) if is_answer else "",
        label=read_label(data.get("label")),
        spans=None if is_answer else read_spans(data, text),
        of=str(data.get("set") or data.get("dataset") or ""),
        line=number,
    )


def read_object(line: bytes | str) -> Mapping[str, Any]:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LineRefused(f"It is not JSON: {error}.") from error
    if not isinstance(data, dict):
        raise LineRefused("It is no JSON object.")
    return data


def read_text(data: Mapping[str, Any], name: str, most: int) -> str:
    """A list of texts is joined; another JSON value is written out, as a tool's result is."""
    value = data[name]
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        value = "\n\n".join(value)
    elif isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    if not isinstance(value, str) or not value.strip():
        raise LineRefused(f"Its {name} is no text, or empty.")
    if len(value) > most:
        raise LineRefused(f"Its {name} has {len(value):,} characters; at most {most:,} are read.")
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise LineRefused(f"Its {name} holds a character that no text may hold.")
    return value


def read_label(value: object) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in (0, 1):
        return bool(value)
    if isinstance(value, str):
        word = " ".join(value.casefold().replace("_", " ").replace("-", " ").split())
        if word in TRUE_WORDS or word in FALSE_WORDS:
            return word in TRUE_WORDS
    raise LineRefused(f"Its label is {str(value)[:40]!r}; use 1 or 0, true or false.")


# -- personal data


def read_spans(data: Mapping[str, Any], text: str) -> tuple[Span, ...] | None:
    if "spans" not in data:
        # A text and the entity that is or is not somewhere in it, as in lists of test strings.
        entity, is_there = line_entity(data), read_label(data.get("label"))
        if not entity or is_there is None:
            return None
        return (Span(entity=entity),) if is_there else ()
    spans = data["spans"]
    if not isinstance(spans, list):
        raise LineRefused("Its spans are no list.")
    return tuple(read_span(span, text) for span in spans)


def read_span(span: object, text: str) -> Span:
    if not isinstance(span, dict):
        raise LineRefused("A span is no JSON object.")
    entity = span.get("entity") or span.get("type") or span.get("entity_type") or span.get("label")
    if not isinstance(entity, str):
        raise LineRefused("A span names no entity.")
    start, end = span.get("start"), span.get("end")
    value = span.get("value")
    if not isinstance(start, int) or not isinstance(end, int):
        if not isinstance(value, str) or value not in text:
            raise LineRefused(f"The span of {entity} says neither where it is nor a value that occurs in the text.")
        start = text.index(value)
        end = start + len(value)
    if not 0 <= start < end <= len(text):
        raise LineRefused(f"The span of {entity} is at {start} to {end}, in a text of {len(text)} characters.")
    return Span(entity=entity_name(entity), start=start, end=end)


def line_entity(data: Mapping[str, Any]) -> str:
    """What the whole line is about; under `type` only a name that an entity has."""
    for key in ("entity", "entity_type", "type"):
        value = data.get(key)
        if isinstance(value, str) and (key == "entity" or entity_name(value) in PII_TYPES):
            return entity_name(value)
    return ""


def entity_name(name: str) -> str:
    """Bedrock's name; that of an entity which Bedrock lacks stays as it is."""
    plain = name.strip().upper().replace(" ", "_").replace("-", "_")[:60]
    return plain if plain in PII_TYPES else ENTITY_NAMES.get(plain, plain)


# -- and back


def as_line(case: Case) -> str:
    data: dict[str, Any] = {"id": case.id}
    data |= {"answer": case.text, "source": case.source} if case.source else {"text": case.text}
    if case.spans is not None:
        data["spans"] = [{"start": span.start, "end": span.end, "entity": span.entity} for span in case.spans]
    if case.label is not None:
        data["label"] = int(case.label)
    return json.dumps(data, ensure_ascii=False)
