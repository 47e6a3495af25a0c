"""What must never be remembered: numbers of cards and accounts, passwords and keys."""

from __future__ import annotations

import re

MASK = "[left out]"
CARD = re.compile(r"(?<![\w.])(?:\d[ -]?){12,18}\d(?![\w])")
IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.IGNORECASE)
# National numbers in their usual form: US social security, UK national insurance.
NATIONAL = re.compile(r"\b\d{3}-\d{2}-\d{4}\b|\b[A-CEGHJ-PR-TW-Z]{2} ?\d{2} ?\d{2} ?\d{2} ?[A-D]\b")
SPOKEN = re.compile(
    r"\b(?:pass(?:word|code|phrase|wort)|pwd|pin(?: ?(?:code|number))?|cvv|cvc|cvc2|security code|secret(?: (?:code|"
    r"key|answer|question))?|"
    r"one[- ]time (?:code|password)|otp|2fa code|verification code|api[- ]?key|access[- ]?key|token|login code|tan)\b"
    r"(?:[^.!?\n]{0,30}?(?:\bis\b|\bwas\b|:|=|\bare\b)|\s+)\s*(?P<secret>\S{3,})",
    re.IGNORECASE,
)
KEY = re.compile(
    r"\b(?:sk|pk|rk)[-_](?:live|test|ant|proj)?[-_]?[A-Za-z0-9_-]{16,}|\bAKIA[0-9A-Z]{16}\b|"
    r"\bgh[pousr]_[A-Za-z0-9]{20,}|"
    r"\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\.|-----BEGIN [A-Z ]*PRIVATE KEY-----|\b[A-Fa-f0-9]{32,}\b"
)


def holds_secret(text: str) -> bool:
    return without_secrets(text) != text


def without_secrets(text: str) -> str:
    """With a mark in the place of each."""
    for pattern, is_one in ((KEY, None), (IBAN, is_iban), (CARD, is_card), (NATIONAL, None)):
        text = pattern.sub(lambda found, is_one=is_one: MASK if is_one is None or is_one(found[0]) else found[0], text)  # type: ignore[misc]  # the default binds it
    return SPOKEN.sub(without_spoken, text)


def without_spoken(found: re.Match[str]) -> str:
    """A word of the language after "password" is talk of passwords; what has a digit or a sign in it is one."""
    secret = found["secret"].strip("\"'.,;:!?)")
    says_so = re.search(r"\b(?:is|was|are)\b|[:=]", found[0][: found.start("secret") - found.start()]) is not None
    looks_so = re.search(r"[\d@#$%^&*_+=]", secret) is not None
    if MASK.startswith(secret) or not (looks_so or (says_so and secret.casefold() not in PLAIN)):
        return found[0]
    return found[0][: found.start("secret") - found.start()] + MASK


PLAIN = frozenset(
    {
        "not",
        "wrong",
        "lost",
        "gone",
        "the",
        "a",
        "an",
        "too",
        "always",
        "never",
        "missing",
        "unclear",
        "incorrect",
        "expired",
        "invalid",
    }
    | {
        "required",
        "needed",
        "working",
        "correct",
        "rejected",
        "refused",
        "blocked",
        "asked",
        "being",
        "there",
        "what",
        "where",
        "how",
        "so",
    }
)


def is_card(digits: str) -> bool:
    """13 to 19 digits that satisfy the check of ISO/IEC 7812-1 (Luhn)."""
    numbers = [int(digit) for digit in digits if digit.isdigit()]
    doubled = [
        number if place % 2 == 0 else number * 2 - 9 * (number > 4) for place, number in enumerate(reversed(numbers))
    ]
    return 13 <= len(numbers) <= 19 and len(set(numbers)) > 1 and sum(doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """ISO 13616: the remainder of the rearranged number by 97 is 1. Words that follow may have been taken with it."""
    joined = "".join(text.split()).upper()
    return any(is_valid_iban(joined[:length]) for length in range(15, min(34, len(joined)) + 1))


def is_valid_iban(joined: str) -> bool:
    turned = joined[4:] + joined[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1
