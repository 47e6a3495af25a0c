"""What a call brings, as Cedar reads it.

Values are built from the Cedar type that the schema gave the attribute, never passed through: an argument cannot pose
as an entity or as another type, and whatever does not fit raises `Unfit`, which is a denial.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from typing import Any

import cedarpy

from tools.policy.schema import ACTION, PRINCIPAL, CedarType, is_text

LONG_MAX = 2**63 - 1
# Cedar's decimal is a 64-bit integer of ten-thousandths (docs.cedarpolicy.com, "Data types").
DECIMAL_MAX = Decimal(LONG_MAX).scaleb(-4)
TEN_THOUSANDTH = Decimal("0.0001")
DECIMAL_TEXT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,4})?")
MAX_ID = 200
ID_MARKS = frozenset(" -_.:@/+|")


class Unfit(Exception):
    """A value that no policy may be asked about. `path` says where: `context.input.amount`."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(message)
        self.path = path


@dataclass(frozen=True, kw_only=True)
class Customer:
    """The customer of the session; what is not known of them is empty."""

    verified: bool = False
    id: str = ""
    email: str = ""


def context_of(kind: CedarType, parts: Mapping[str, object]) -> dict[str, Any]:
    """`parts` by name (input, customer, channel, tainted, facts) as the context of a tool whose context type is `kind`.
    Raises `Unfit`."""
    return record_of(parts, kind, "context")


def customer_part(customer: Customer) -> dict[str, object]:
    return {"verified": customer.verified, "id": customer.id or None, "email": customer.email or None}


def cedar_value(value: object, kind: CedarType, path: str) -> Any:
    match kind["type"]:
        case "String":
            return text_of(value, path)
        case "Long":
            return long_of(value, path)
        case "Boolean":
            if not isinstance(value, bool):
                raise Unfit(path, "is not true or false")
            return value
        case "Extension":
            return {"__extn": {"fn": "decimal", "arg": decimal_of(value, path)}}
        case "Set":
            if not isinstance(value, list | tuple):
                raise Unfit(path, "is not a list")
            return [cedar_value(element, kind["element"], path) for element in value]
        case _:
            return record_of(value, kind, path)


def record_of(value: object, kind: CedarType, path: str) -> dict[str, Any]:
    """The known attributes; others are left out, as no policy can name them. A null is an attribute that is missing."""
    if not isinstance(value, Mapping):
        raise Unfit(path, "is not an object")
    known = {}
    for name, inner in kind["attributes"].items():
        given = value.get(name)
        if given is not None:
            known[name] = cedar_value(given, inner, f"{path}.{name}")
        elif inner["required"]:
            raise Unfit(f"{path}.{name}", "is missing")
    return known


def text_of(value: object, path: str) -> str:
    if not isinstance(value, str):
        raise Unfit(path, "is not text")
    if not is_text(value):
        raise Unfit(path, "is not valid text")
    return value


def long_of(value: object, path: str) -> int:
    """A whole number; 3.0 is one in JSON Schema."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Unfit(path, "is not a whole number")
    if not -LONG_MAX - 1 <= value <= LONG_MAX:
        raise Unfit(path, "is too large a number")
    return value


def decimal_of(value: object, path: str) -> str:
    """Cedar's text of a number with at most four decimals. A number written as text counts: amounts often are."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise Unfit(path, "is not a number")
    if isinstance(value, str) and not DECIMAL_TEXT.fullmatch(value):
        raise Unfit(path, "is not a number of at most four decimals")
    # An integer of thousands of digits cannot even be made a text.
    if isinstance(value, int) and abs(value) > LONG_MAX:
        raise Unfit(path, "is too large a number")
    number = Decimal(str(value))
    if not number.is_finite() or abs(number) > DECIMAL_MAX:
        raise Unfit(path, "is too large a number")
    exact = number.quantize(TEN_THOUSANDTH)
    if exact != number:
        raise Unfit(path, "has more than four decimals")
    return format(exact, "f")


def check_caller(principal: str, tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """The tags in a steady order. Raises `Unfit`.

    An id is letters, digits and a few marks: what Cedar's text form would have to escape has no place in one.
    """
    known = all(character.isalnum() or character in ID_MARKS for character in principal)
    if not known or not 0 < len(principal) <= MAX_ID:
        raise Unfit("principal", "is not the id of a caller")
    return tuple(sorted((text_of(name, "tags"), text_of(value, f"tags.{name}")) for name, value in tags.items()))


@lru_cache(maxsize=4096)
def entities_of(
    principal: str, tags: tuple[tuple[str, str], ...], tool: str, groups: tuple[str, ...]
) -> cedarpy.Entities:
    """The caller, and the tool within its groups, as Cedar knows them, parsed once."""
    caller = {
        "uid": {"type": PRINCIPAL, "id": principal},
        "attrs": {"id": principal},
        "parents": [],
        "tags": dict(tags),
    }
    action = {
        "uid": {"type": ACTION, "id": tool},
        "attrs": {},
        "parents": [{"type": ACTION, "id": group} for group in groups],
    }
    return cedarpy.Entities.from_json_str(json.dumps([caller, action]))
