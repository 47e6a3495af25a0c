"""Numbers of cards and accounts, passwords and keys are found; orders, dates and talk of passwords are not."""

from __future__ import annotations

import pytest

from memory.extract.secrets import MASK, holds_secret, without_secrets

SECRETS = (
    "4111 1111 1111 1111",
    "My card is 5500-0000-0000-0004.",
    "378282246310005",
    "IBAN DE89 3704 0044 0532 0130 00",
    "pay to GB82WEST12345698765432 please",
    "my password is hunter2",
    "Password: Sommer",
    "pin 4711",
    "The CVV is 123",
    "my one-time code is 998877",
    f"sk-live-{'a1B2' * 6}",
    "AKIAIOSFODNN7EXAMPLE",
    "ssn 123-45-6789",
)
HARMLESS = (
    "Order 1042 of 3 May 2026",
    "Tracking number 1234 5678 9012 3456",
    "Refunded order 1042 (49.90 EUR).",
    "I forgot my password.",
    "My password is not working",
    "Is there a token fee?",
    "Call +43 660 1234567",
    "0000 0000 0000 0000",
    "Is allergic to nuts.",
)


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_found_and_masked(text: str) -> None:
    assert holds_secret(text)
    assert MASK in without_secrets(text)
    assert not holds_secret(without_secrets(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_none_stays(text: str) -> None:
    assert without_secrets(text) == text
