from __future__ import annotations

import phonenumbers
import pytest
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from tests.guardrails.pii.looking import found, values

PHONE = "PHONE"
COUNTRIES = ["US", "GB", "DE", "FR", "IL", "IN", "BR", "JP", "ES", "IT", "AU", "NL", "SE", "PL", "MX", "ZA", "KR", "AE"]


def example(country: str, form: int) -> str:
    number = phonenumbers.example_number_for_type(country, PhoneNumberType.FIXED_LINE)
    assert number is not None
    return phonenumbers.format_number(number, form)


@pytest.mark.parametrize("country", COUNTRIES)
def test_numbers_of_many_countries(country: str) -> None:
    for form in (PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.E164):
        written = example(country, form)
        assert values(f"Here: {written}, thanks", PHONE) == [written]
    written = example(country, PhoneNumberFormat.NATIONAL)
    for text in (f"Call me on {written}.", f"Mobile: {written}\n", f"my number is {written}, thanks"):
        assert values(text, PHONE) == [written]


@pytest.mark.parametrize(
    "written",
    [
        "(415) 555-0132",
        "415-555-0132",
        "415.555.0132",
        "1-800-555-0132",
        "(415)555-0132",
        "020 7946 0958",
        "07700 900123",
        "01 84 17 61 18",
        "+1-903-140-4508x769",
        "+41 (0)71 526 99 04",
        "+44 7700 900 916",
        "001-253-366-9781",
        "0044 20 7946 0958",
        "415-899-3560x4587",
        "415-555-0132 ext. 12",
    ],
)
def test_forms_that_need_no_words(written: str) -> None:
    assert values(written, PHONE) == [written]
    assert values(f"It was {written}, I think", PHONE) == [written]


def test_a_label_speaks_for_any_form() -> None:
    assert values("Phone: 5551234", PHONE) == ["5551234"]
    assert values("Fax: 9498777106\nName: x", PHONE) == ["9498777106"]
    assert values("call me back on 450 0840?", PHONE) == ["450 0840"]


@pytest.mark.parametrize(
    "text",
    [
        "4155550132",
        "order 415-555-0132",
        "tracking number 415-555-0132",
        "My order number is 415-555-0132",
        "call me about order 4155550132",
        "call me on 2024-05-06 at 10:30",
        "call us between 9 and 17",
        "Tel Aviv 1909",
        "123-456-7890",  # no such area
        "2019-2024",
        "2024-01-15 10:30:00",
        "15.01.2024",
        "120 x 80 x 75 cm",
        "1 234 567 EUR",
        "phone case 1234567",
        "number 450458899 in your list",
        "iPhone 15 128 GB",
        "550e8400-e29b-41d4-a716-446655440000",
        "1Z999AA10123456784",
        "ISBN 978-3-16-148410-0",
        "1705312200",
        "49.99 - 59.99",
        "192.168.100.2000",
        "#W2378156",
    ],
)
def test_what_only_looks_like_a_telephone(text: str) -> None:
    assert values(text, PHONE) == []


def test_the_word_may_have_come_before_the_text() -> None:
    assert found("4155550132") == []
    assert found("4155550132", before="My mobile number is ") == [(PHONE, "4155550132")]
