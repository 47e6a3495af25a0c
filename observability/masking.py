"""What of a trace is hidden: personal data from readers who need not see it, secrets from everybody, before they are
written. How to find either is handed in from above."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.contrib.auth.models import AnonymousUser, User

from observability.access import Role, has_role

Mask = Callable[[str], str]
# Each gives the text with what it found replaced by {TYPE}; filled once a process by agents/hooks.py. The first are for
# personal data, at reading; the second for secrets, at writing.
maskers: list[Mask] = []
secret_maskers: list[Mask] = []

# These read traces as they were recorded; those may ask for it, with a reason that is kept.
READERS = (Role.REVIEWER,)
ASKERS = (Role.SUPPORT, Role.REVIEWER)

EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
# Account and card numbers in one piece, or in groups as people write them and phone numbers.
DIGITS = re.compile(r"(?<![\w.-])(?:\+?\d{9,}|\+?\d{1,4}(?:[ -]\d{2,}){2,})(?![\w-])")
# "cardNumber" and "card_number" are words for a card.
HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
FEWEST_DIGITS, FEWEST_IN_GROUPS = 9, 11
SHORTEST = 3


def sees_all(user: User | AnonymousUser) -> bool:
    return has_role(user, *READERS)


def may_reveal(user: User | AnonymousUser) -> bool:
    return has_role(user, *ASKERS)


def mask_value(text: str) -> str:
    """The text with its personal data replaced. Without a masker from above: addresses of e-mail, and long numbers."""
    for mask in maskers or [mask_plainly]:
        if text.strip():
            text = mask(text)
    return text


def mask_plainly(text: str) -> str:
    return DIGITS.sub(number_masked, EMAIL.sub("{EMAIL}", text))


def number_masked(match: re.Match[str]) -> str:
    digits = sum(letter.isdigit() for letter in match[0])
    is_date_like = any(letter in " -" for letter in match[0]) and digits < FEWEST_IN_GROUPS
    return match[0] if is_date_like else "{NUMBER}"


def mask_json(value: Any) -> Any:
    """The same JSON with its texts masked, those that are names of fields too. A field's name goes before its value:
    "account_number" says what the digits are. A number that is masked becomes a text."""
    return masked(value, mask_value)


def without_secrets(value: Any) -> Any:
    """The same JSON, or text, without the secrets in it: for everybody and for ever, before it is written."""
    return masked(value, mask_secrets) if secret_maskers else value


def mask_secrets(text: str) -> str:
    for mask in secret_maskers:
        text = mask(text)
    return text


def masked(value: Any, mask: Mask, *, key: str = "") -> Any:
    if isinstance(value, dict):
        found: dict[str, Any] = {}
        for name, each in value.items():
            found[free_name(mask(name) if isinstance(name, str) else name, found)] = masked(each, mask, key=str(name))
        return found
    if isinstance(value, list | tuple):
        return [masked(each, mask, key=key) for each in value]
    if isinstance(value, str):
        return masked_below(value, mask, key)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10 ** (FEWEST_DIGITS - 1):
        text = masked_below(str(value), mask, key)
        return value if text == str(value) else text
    return value


def masked_below(text: str, mask: Mask, key: str) -> str:
    """A text as it is masked under a field's name, so long as that itself stays what it is."""
    if len(text) < SHORTEST:
        return text
    if not key:
        return mask(text)
    label = label_of(key)
    found = mask(label + text)
    return found.removeprefix(label) if found.startswith(label) else mask(text)


@lru_cache(maxsize=4_096)
def label_of(key: str) -> str:
    return f"{HUMP.sub(' ', key).replace('_', ' ').replace('-', ' ')}: "


def free_name(name: str, taken: dict[str, Any]) -> str:
    """Two names that look alike once they are masked are told apart by a number."""
    number, free = 1, name
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
