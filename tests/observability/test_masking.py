from __future__ import annotations

from typing import Any

import pytest

from guardrails.config import PII_TYPES
from guardrails.pii import find_pii, find_secrets, mask
from observability import masking
from observability.masking import mask_json, mask_value, without_secrets


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "maskers", [])


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the application registers it."""
    monkeypatch.setattr(masking, "maskers", [lambda text: mask(text, find_pii(text, PII_TYPES))])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Write to ada.b+x@shop.example.com, please", "Write to {EMAIL}, please"),
        ("Card 4111111111111111.", "Card {NUMBER}."),
        ("Card 4111 1111 1111 1111 it is", "Card {NUMBER} it is"),
        ("Call +44 7700 900123 now", "Call {NUMBER} now"),
        ("At 2026-11-23 04:49:05 order 1042 cost 12.50", "At 2026-11-23 04:49:05 order 1042 cost 12.50"),
        ("0192f3a1-7c55-7123-9123-123456789012", "0192f3a1-7c55-7123-9123-123456789012"),
        ("  \n", "  \n"),
    ],
)
@pytest.mark.usefixtures("bare")
def test_without_a_masker(text: str, shown: str) -> None:
    assert mask_value(text) == shown


@pytest.mark.usefixtures("bare")
def test_json_keeps_its_shape() -> None:
    value = {"to": ["ada@example.com", 7, None, True, 1.5], "deep": {"ben@example.com": 4111111111111111}, "n": 12345}
    assert mask_json(value) == {
        "to": ["{EMAIL}", 7, None, True, 1.5],
        "deep": {"{EMAIL}": "{NUMBER}"},
        "n": 12345,
    }


@pytest.mark.usefixtures("bare")
def test_names_that_become_alike_keep_their_values() -> None:
    assert mask_json({"a@example.com": 1, "b@example.com": 2}) == {"{EMAIL}": 1, "{EMAIL} (2)": 2}


@pytest.mark.parametrize(
    ("value", "hidden"),
    [
        ({"card_number": "4111111111111111"}, "4111111111111111"),
        ({"email": "ada@example.com"}, "ada@example.com"),
        ({"note": "My IBAN is DE89370400440532013000"}, "DE89370400440532013000"),
        ({"pin": "4821"}, "4821"),
        ({"cards": [4111111111111111]}, "4111111111111111"),
    ],
)
@pytest.mark.usefixtures("found")
def test_with_the_guardrails_finder(value: dict[str, Any], hidden: str) -> None:
    assert hidden not in str(mask_json(value))


@pytest.mark.usefixtures("found")
def test_what_is_no_ones_is_left() -> None:
    value = {"order_id": "1042", "amount": 12.5, "status": "shipped", "items": [{"sku": "A-100", "count": 2}]}
    assert mask_json(value) == value


PLANTED = [
    {"headers": {"Authorization": "Bearer abcdef0123456789abcdef"}},
    {"api_key": "9f8e7d6c5b4a39281706abcd"},
    {"note": ["use sk-live-abcdefghijklmnop0123 please"]},
    "-----BEGIN PRIVATE KEY-----\nMIIEvQ\n-----END PRIVATE KEY-----",
]


@pytest.mark.parametrize("value", PLANTED, ids=["bearer", "named", "prefix", "block"])
def test_secrets_are_taken_out(value: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masking, "secret_maskers", [])
    assert without_secrets(value) == value
    monkeypatch.setattr(masking, "secret_maskers", [lambda text: mask(text, find_secrets(text))])
    told = str(without_secrets(value))
    for secret in ("abcdef0123456789abcdef", "9f8e7d6c5b4a39281706abcd", "abcdefghijklmnop", "MIIEvQ"):
        assert secret not in told
    assert "{" in told
