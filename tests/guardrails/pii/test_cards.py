from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum import luhn

from tests.guardrails.pii.looking import values

CARD = "CREDIT_DEBIT_CARD_NUMBER"


@pytest.mark.parametrize(
    "written",
    [
        "4012888888881881",
        "4012-8888-8888-1881",
        "4012 8888 8888 1881",
        "5555 5555 5555 4444",
        "2223003122003222",
        "378282246310005",
        "3782 822463 10005",
        "30569309025904",
        "3056 930902 5904",
        "6011111111111117",
        "3530111333300000",
        "6759649826438453",
        "6200000000000005",
        "4917 6100 0000 0000 003",
    ],
)
def test_a_card_needs_no_words(written: str) -> None:
    assert values(written, CARD) == [written]
    assert values(f"It is {written}.", CARD) == [written]
    assert values(f"({written}), please", CARD) == [written]


@pytest.mark.parametrize("written", ["122000000000003", "4222222222222", "6304000000000000", "501800000009"])
def test_unusual_lengths_count_beside_a_word_for_a_card(written: str) -> None:
    assert values(f"My card {written} was stolen", CARD) == [written]
    assert values(f"My parcel {written} was stolen", CARD) == []
    assert values(f"I paid by card for order {written}", CARD) == []


@pytest.mark.parametrize(
    "text",
    [
        "my card is 4012 8888 8888 1882",  # the check digit
        "my card is 4111 1111 1111",  # no brand's length
        "order 4539578763621486 is late",
        "Your tracking number: 4539578763621486",
        "order_id: 4539578763621486",
        "0.4539578763621486 of it",
        "4539578763621486.25 in all",
        "4539.5787.6362.1486",
        "$4539578763621486",
        "SKU-4539578763621486",
        "x4539578763621486",
        "4539578763621486th",
        "0000000000000000",
        "1705312200000 and 1705312200123 are times",
        "the IMEI is 490154203237518",
        "550e8400-e29b-41d4-a716-446655440000",
        "EAN 4006381333931",
        "it ends in 1111",
    ],
)
def test_what_only_looks_like_a_card(text: str) -> None:
    assert values(text, CARD) == []


def test_a_card_among_other_numbers() -> None:
    assert values("12 4111 1111 1111 1111 12/27 123", CARD) == ["4111 1111 1111 1111"]
    assert values("9,4111111111111111,12/27,123", CARD) == ["4111111111111111"]
    assert values("4111111111111111 5555555555554444", CARD) == ["4111111111111111", "5555555555554444"]


def test_a_word_for_a_card_weighs_more_than_an_order_farther_off() -> None:
    assert values("for order 1042 I used the card 4539578763621486", CARD) == ["4539578763621486"]


def test_any_grouping_counts_beside_a_word_for_a_card() -> None:
    assert values("my card: 41 11 11 11 11 11 11 11", CARD) == ["41 11 11 11 11 11 11 11"]
    assert values("codes 41 11 11 11 11 11 11 11", CARD) == []


@pytest.mark.parametrize(
    "written",
    [
        "\uff14\uff11\uff11\uff11 1111 1111 1111",
        "4111\u00a01111\u202f1111\u20091111",
        "4111\u20111111\u20131111\u22121111",
        "4111\u200b1111\u200d11111111",
        "\u0664\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661\u0661",
    ],
    ids=["full width", "spaces", "dashes", "invisible", "arabic"],
)
def test_other_scripts_and_separators(written: str) -> None:
    assert values(f"Karte: {written}!", CARD) == [written]
    assert values(f"\u6211\u7684\u5361{written}\u3002", CARD) == [written]


@given(st.from_regex(r"\A4[0-9]{14}\Z"), st.sampled_from([" ", "-", ""]))
def test_every_visa_is_found(beginning: str, separator: str) -> None:
    digits = beginning + luhn.calc_check_digit(beginning)
    written = separator.join(digits[place : place + 4] for place in range(0, 16, 4))
    assert values(f"Charge {written} please", CARD) == [written]


@given(st.from_regex(r"\A4[0-9]{14}\Z"), st.integers(1, 9))
def test_no_wrong_check_digit_is_taken(beginning: str, off: int) -> None:
    digit = (int(luhn.calc_check_digit(beginning)) + off) % 10
    assert values(f"Charge {beginning}{digit} please", CARD) == []


@pytest.mark.parametrize("before", ["Hello\n", "It is\n", "SKU 6011-2200-1145\n", "aus Köln\r\n"])
@pytest.mark.parametrize("written", ["4111 1111 1111 1111", "4111111111111111"])
def test_a_card_at_the_beginning_of_a_line(before: str, written: str) -> None:
    assert values(before + written, CARD) == [written]
