from __future__ import annotations

import pytest

from tests.guardrails.pii.looking import found, values


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("I am 34 years old", "34"),
        ("a 5-year-old girl", "5"),
        ("He just turned 69 years old", "69"),
        ("my daughter is 7 years old", "7"),
        ("She turned 40 yesterday.", "40"),
        ("when he was 12, we moved", "12"),
        ("aged 42,", "42"),
        ("a 9 month old baby", "9"),
        ("he is 71 y/o", "71"),
    ],
)
def test_ages(text: str, age: str) -> None:
    assert values(text, "AGE") == [age]


@pytest.mark.parametrize(
    "text",
    [
        "my laptop is 3 years old",
        "the phone was 2 years old when it broke",
        "I turned 90 degrees",
        "when I was 5 minutes away",
        "turned 3 of them off",
        "a 2 year warranty",
        "pages 12 to 40",
        "aged 3.5",
    ],
)
def test_no_ages(text: str) -> None:
    assert values(text, "AGE") == []


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My name is Mary Ann O'Neil and I need help", "Mary Ann O'Neil"),
        ("Mr. Ludwig van Beethoven called", "Ludwig van Beethoven"),
        ("Dear Jos\u00e9 \u00c1lvarez,", "Jos\u00e9 \u00c1lvarez"),
        ("Thank you.\nBest regards,\nAnna Schmidt", "Anna Schmidt"),
    ],
)
def test_names(text: str, name: str) -> None:
    assert found(text, "NAME") == [("NAME", name)]


@pytest.mark.parametrize(
    "text", ["Hello There,", "Dear Customer,", "this is The end", "Hi Team,", "Thanks,\nI will wait"]
)
def test_no_names(text: str) -> None:
    assert found(text, "NAME") == []


@pytest.mark.parametrize(
    "text",
    [
        "12 Baker Street, London NW1 6XE",
        "742 Evergreen Terrace",
        "1600 Pennsylvania Avenue NW",
        "350 Fifth Ave, Apt 12, New York, NY 10118",
        "Hauptstra\u00dfe 12",
        "P.O. Box 1234",
    ],
)
def test_addresses(text: str) -> None:
    assert found(text, "ADDRESS") == [("ADDRESS", text)]


@pytest.mark.parametrize(
    "text", ["2 of my items are on the way", "5 days in a row", "10 % off the drive", "12 in place"]
)
def test_no_addresses(text: str) -> None:
    assert found(text, "ADDRESS") == []


def test_weak_forms_are_looked_for_where_they_are_asked_for_alone() -> None:
    text = "My name is Mary Miller, 12 Baker Street"
    assert found(text, "EMAIL", "PHONE") == []
    assert found(text) == [("NAME", "Mary Miller"), ("ADDRESS", "12 Baker Street")]
