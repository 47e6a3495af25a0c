from __future__ import annotations

import pytest

from tests.guardrails.pii.looking import values

IBAN, BIC = "INTERNATIONAL_BANK_ACCOUNT_NUMBER", "SWIFT_CODE"
ROUTING, ACCOUNT = "US_BANK_ROUTING_NUMBER", "US_BANK_ACCOUNT_NUMBER"
IBANS = [
    "AL47212110090000000235698741",
    "AT611904300234573201",
    "BE68539007547034",
    "CH9300762011623852957",
    "DE89370400440532013000",
    "ES9121000418450200051332",
    "FR1420041010050500013M02606",
    "GB29NWBK60161331926819",
    "IL620108000000099999999",
    "IT60X0542811101000000123456",
    "MT84MALT011000012345MTLCAST001S",
    "NL91ABNA0417164300",
    "NO9386011117947",
    "QA58DOHB00001234567890ABCDEFG",
    "SA0380000000608010167519",
    "VG96VPVG0000012345678901",
]


@pytest.mark.parametrize("iban", IBANS)
def test_ibans_of_many_countries(iban: str) -> None:
    groups = [iban[place : place + 4] for place in range(0, len(iban), 4)]
    for written in (iban, iban.lower(), " ".join(groups), "-".join(groups)):
        assert values(f"Pay to {written}, please", IBAN) == [written]
        assert values(written, IBAN) == [written]


def test_what_follows_an_iban_is_not_a_part_of_it() -> None:
    assert values("to VG96 VPVG 0000 0123 4567 8901 X in March", IBAN) == ["VG96 VPVG 0000 0123 4567 8901"]
    assert values("NL91 ABNA 0417 1643 00 AND more", IBAN) == ["NL91 ABNA 0417 1643 00"]


@pytest.mark.parametrize(
    "text",
    [
        "GB29NWBK60161331926818",  # the checksum
        "XX29NWBK60161331926819",
        "GB29 NWBK 6016 1331",
        "AB12CD34EF56GH78",
        "xGB29NWBK60161331926819",
        "DE12 items, 34 boxes and 5678 9012 3456 7890 12",
    ],
)
def test_what_only_looks_like_an_iban(text: str) -> None:
    assert values(text, IBAN) == []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SWIFT: DEUTDEFF", ["DEUTDEFF"]),
        ("the BIC is NEDSZAJJXXX.", ["NEDSZAJJXXX"]),
        ("a bank transfer to BOFAUS3N", ["BOFAUS3N"]),
        ("DEUTDEFF", []),  # no word for a bank
        ("a bank transfer: DELIVERY tomorrow", []),
        ("swift DEUTXXFF", []),  # no country
        ("swift delivery of ABCDEFGH2", []),
    ],
)
def test_bic(text: str, expected: list[str]) -> None:
    assert values(text, BIC) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("routing number 021000021", ["021000021"]),
        ("ABA: 121000358", ["121000358"]),
        ("routing number 021000022", []),  # the checksum
        ("order 021000021", []),
        ("021000021", []),
    ],
)
def test_routing_numbers(text: str, expected: list[str]) -> None:
    assert values(text, ROUTING) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("My bank account number is 945456787654.", ["945456787654"]),
        ("checking account 12345678901", ["12345678901"]),
        ("my account number is 12345678", []),  # the shop's own, as often
        ("checking my order 370795561790", []),
        ("the bank said order 370795561790 was paid", []),
        ("945456787654", []),
        ("Power bank, black, 4068787148", []),
        ("bank card reader, item 4068787148", []),
    ],
)
def test_account_numbers(text: str, expected: list[str]) -> None:
    assert values(text, ACCOUNT) == expected
