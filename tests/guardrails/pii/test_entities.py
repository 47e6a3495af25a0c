from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.config import PII_TYPES
from guardrails.findings import Confidence, Policy
from guardrails.pii import GRADES, Strength, find_pii, find_secrets
from tests.guardrails.pii.looking import EVERY, found

LENGTH = 20_000
# Each repeated to `LENGTH`: what a pattern that looks back and forth would take minutes for.
HOSTILE = [
    *("4", "4 ", "4111 ", "4111-", "1.", ":", "a:", "1:", "@", "a@", "a.", "a@a.", "a.com", ".com", "http://", "("),
    *("password ", "password:", "pin is ", "A1", "AB12 ", "12 Aa ", "12 a b c street ", " ", "\n", "Mr Aa ", "Aaa "),
    *("GB29 ", "GB29NWBK6016", "+", "+1 ", "+1(", "call 1234567 ", "eyJ", "eyJaaaaa.", "-----BEGIN ", "-", "a://"),
    *(
        "-----BEGIN PRIVATE KEY-----",
        "a://b:",
        "bearer ",
        "sk-",
        "api key ",
        "12 years old ",
        "4\u200b",
        "\u4e2d",
        "\uff14",
    ),
    *(
        "driver's license ",
        "plate A1 ",
        "123-45-6789 ",
        "aB3/",
        "x",
        "bank 123456 ",
        "swift DEUTDEFF ",
        "Rue a 1 ",
        "'",
    ),
    *("card 12/27 ", "12 Baker Street, Apt 1, ", ")", "%", "a" * 60 + "@", "1\t", "when i was ", "\u0301"),
]
PIECES = st.sampled_from(
    [
        *(
            "4111 1111 1111 1111",
            "john@example.com",
            "https://a.example/x",
            "call 415-555-0132",
            "536-90-4399",
            "GB29NWBK60161331926819",
        ),
        *(
            "12 Baker Street",
            "my password is hunter2",
            "10.0.0.1",
            "order 1042",
            "at",
            "\n",
            ", ",
            "12/27",
            "4111",
            "SSN",
            "@",
            ".",
        ),
    ]
)
TEXTS = st.lists(PIECES, max_size=8).flatmap(
    lambda pieces: st.sampled_from([" ", "", "-"]).map(lambda gap: gap.join(pieces))
)


def test_every_entity_has_a_grade_and_words_for_it() -> None:
    assert set(GRADES) == set(PII_TYPES)
    assert all(grade.words.endswith(".") and len(grade.words) <= 100 for grade in GRADES.values())
    assert {GRADES["NAME"].strength, GRADES["ADDRESS"].strength} == {Strength.KNOWN}


@given(TEXTS)
def test_findings_lie_in_the_text_and_apart(text: str) -> None:
    findings = find_pii(text, EVERY)
    assert all(0 <= one.start < one.end <= len(text) for one in findings)
    assert all(one.end <= other.start for one, other in pairwise(findings))
    assert all(one.policy is Policy.PII and one.why and one.confidence > Confidence.NONE for one in findings)


@given(TEXTS, st.sampled_from(sorted(EVERY)))
def test_only_what_is_asked_for_is_found(text: str, entity: str) -> None:
    assert {one.type for one in find_pii(text, [entity])} <= {entity}
    assert find_pii(text, []) == []


@given(st.text(max_size=60), st.text(max_size=120))
def test_any_text_can_be_searched(text: str, before: str) -> None:
    for one in (*find_pii(text, EVERY, before=before), *find_secrets(text)):
        assert 0 <= one.start < one.end <= len(text)


@pytest.mark.parametrize("piece", HOSTILE)
def test_a_hostile_text_is_searched_to_its_end(piece: str) -> None:
    text = (piece * (LENGTH // len(piece) + 1))[:LENGTH] + " john@example.com "
    assert ("EMAIL", "john@example.com") in [(one.type, one.text_of(text)) for one in find_pii(text, EVERY)]
    assert all(one.end <= len(text) for one in find_secrets(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # The checksum is worth more than the grouping, the whole more than what is in it.
        ("call 4111 1111 1111 1111", [("CREDIT_DEBIT_CARD_NUMBER", "4111 1111 1111 1111")]),
        ("+44 7700 900 916", [("PHONE", "+44 7700 900 916")]),
        ("+672 10 6609", [("PHONE", "+672 10 6609")]),
        ("NHS 943 476 5919", [("UK_NATIONAL_HEALTH_SERVICE_NUMBER", "943 476 5919")]),
        ("phone 943 476 5919", [("PHONE", "943 476 5919")]),
        ("password: john@example.com1", [("PASSWORD", "john@example.com1")]),
        ("https://john@example.com/4111111111111111", [("URL", "https://john@example.com/4111111111111111")]),
    ],
)
def test_overlaps(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Order #W2378156 of 12 May 2024 was shipped on 15.05.2024 at 10:30:00.",
        "The refund of $1,299.00 goes back in 5-7 business days.",
        "Tracking 1Z999AA10123456784, 9400 1118 9922 3197 4285 67, JD014600006281230704",
        "550e8400-e29b-41d4-a716-446655440000 is the request's id",
        "SKU 6011-2200-1145, article 123 456 789, batch 12345678901234567",
        "120 x 80 x 75 cm, 12.5 kg, 3.5 stars, 16/9, 100 % cotton",
        "Invoice INV-2024-000123, customer number 12345678, membership 9988776655",
        "1705312200 and 1705312200000 and 2024-01-15T10:30:00Z",
        "Your verification code is 4821, use code 123456 at checkout.",
        "We are open 9-17, Mon-Fri, since 2019-2024, room 101, seat 12A, flight LH1234.",
        "iPhone 15 128 GB, iOS 17.4.1, build 10.0.19045.3803",
        "My card ends in 1111 and the parcel weighs 4,242 g.",
    ],
)
def test_what_a_shop_writes_every_day(text: str) -> None:
    assert found(text) == []
