from __future__ import annotations

from guardrails.findings import Finding, Policy
from guardrails.pii import find_pii, mask, mask_value
from tests.guardrails.pii.looking import EVERY


def at(start: int, end: int, name: str = "A") -> Finding:
    return Finding(policy=Policy.PII, type=name, start=start, end=end)


def test_spans_become_placeholders() -> None:
    assert mask("abcdef", [at(4, 6, "B"), at(0, 2)]) == "{A}cd{B}"
    assert mask("abcdef", []) == "abcdef"


def test_overlaps_become_one_of_the_longest() -> None:
    assert mask("abcdefgh", [at(0, 3), at(2, 7, "LONG"), at(6, 8)]) == "{LONG}"
    assert mask("abcdef", [at(1, 5), at(2, 3, "INNER")]) == "a{A}f"
    assert mask("abcd", [at(0, 2), at(2, 4, "B")]) == "{A}{B}"


def test_findings_of_the_whole_text_have_no_place() -> None:
    assert mask("abc", [Finding(policy=Policy.TOPIC, type="x")]) == "abc"


def test_json_keeps_its_form() -> None:
    value = {
        "order": {"id": "4539578763621486", "total": 12.5, "paid": True, "note": None},
        "people": [{"email": "john@example.com", "age": 34}, "Write to ana@example.com"],
        "john@example.com": "a key stays",
    }
    assert mask_value(value, lambda text: find_pii(text, EVERY)) == {
        "order": {"id": "4539578763621486", "total": 12.5, "paid": True, "note": None},
        "people": [{"email": "{EMAIL}", "age": 34}, "Write to {EMAIL}"],
        "john@example.com": "a key stays",
    }


def test_a_key_says_what_its_value_is() -> None:
    value = {"cvv": "123", "cardPin": "1234", "password": "swordfish", "phone_numbers": ["4155550132"], "code": "123"}
    assert mask_value(value, lambda text: find_pii(text, EVERY)) == {
        "cvv": "{CREDIT_DEBIT_CARD_CVV}",
        "cardPin": "{PIN}",
        "password": "{PASSWORD}",
        "phone_numbers": ["{PHONE}"],
        "code": "123",
    }
