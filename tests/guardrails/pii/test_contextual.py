from __future__ import annotations

import pytest

from tests.guardrails.pii.looking import found, values

CVV, EXPIRY, PIN = "CREDIT_DEBIT_CARD_CVV", "CREDIT_DEBIT_CARD_EXPIRY", "PIN"


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("CVV 123", CVV, "123"),
        ("cvc: 999.", CVV, "999"),
        ("the security code on the back is 4321", CVV, "4321"),
        ("my card expires 04/27", EXPIRY, "04/27"),
        ("exp date: 4/2027", EXPIRY, "4/2027"),
        ("Visa, valid thru 11/29", EXPIRY, "11/29"),
        ("my pin is 1234", PIN, "1234"),
        ("PIN: 4321", PIN, "4321"),
        ("the PIN for my debit card is 998877", PIN, "998877"),
        ("Password: hunter2", "PASSWORD", "hunter2"),
        ("my password is Tr0ub4dor&3!", "PASSWORD", "Tr0ub4dor&3"),
        ("pwd=abc123", "PASSWORD", "abc123"),
        ("I changed my password to sunny-day-42", "PASSWORD", "sunny-day-42"),
        ("password: swordfish", "PASSWORD", "swordfish"),
        ('the password is "swordfish"', "PASSWORD", "swordfish"),
        ("password for netflix is kA7-plum", "PASSWORD", "kA7-plum"),
        ("password:" + "a1" * 200, "PASSWORD", "a1" * 200),
        ("my username is jsmith", "USERNAME", "jsmith"),
        ("login: j_smith99", "USERNAME", "j_smith99"),
        ("User name = jane.doe", "USERNAME", "jane.doe"),
    ],
)
def test_what_is_told(text: str, entity: str, value: str) -> None:
    assert values(text, entity) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "123",
        "the code is 123",
        "CVV is on the back",
        "item 123 without CVV",
        "the voucher expires 12/27",
        "valid until 12/27",
        "on 12/27 I ordered",
        "the pin fell off, 1234 of them",
        "pin 12 of 20",
        "pins: 4.5000 inches",
        "my password is not working",
        "the password is incorrect.",
        "your password was reset",
        "Password required",
        "Forgot your password? Reset it here",
        "Password: Please choose a longer one",
        "password: {PASSWORD}",
        "password: ********",
        "the password reset link expired",
        "username is taken",
        "Username: required",
        "log in to see order 1042",
        "how do I change my username",
        "user_id: mia_li_8761",
    ],
)
def test_nothing_is_told(text: str) -> None:
    told = [one for one in found(text) if one[0] in {CVV, EXPIRY, PIN, "PASSWORD", "USERNAME"}]
    assert told == []


def test_what_stands_behind_a_card() -> None:
    assert found("4111 1111 1111 1111, 12/27, 123") == [
        ("CREDIT_DEBIT_CARD_NUMBER", "4111 1111 1111 1111"),
        (EXPIRY, "12/27"),
        (CVV, "123"),
    ]


def test_the_word_may_have_come_before_the_text() -> None:
    assert found("swordfish99", before="my password is ") == [("PASSWORD", "swordfish99")]
    assert found("1234", before="What is your PIN: ") == [(PIN, "1234")]
    assert found("1234", before="What is your PIN? " + "I forgot. " * 12) == []


def test_nothing_is_found_in_what_came_before() -> None:
    assert found("and more", before="my password is swordfish99 ") == []
