from __future__ import annotations

import pytest

from tests.guardrails.pii.looking import found, values

VIN, PLATE, DRIVER = "VEHICLE_IDENTIFICATION_NUMBER", "LICENSE_PLATE", "DRIVER_ID"


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("1HGCM82633A004352", VIN, "1HGCM82633A004352"),
        ("VIN: WVWZZZ1JZXW000001", VIN, "WVWZZZ1JZXW000001"),  # Europe has no check digit
        ("License plate: ABC 1234", PLATE, "ABC 1234"),
        ("my number plate is AB12 CDE.", PLATE, "AB12 CDE"),
        ("registration number KA-01-AB-1234", PLATE, "KA-01-AB-1234"),
        ("driver's license H12234567", DRIVER, "H12234567"),
        ("My driver license number: AA1B2**9ABA7", DRIVER, "AA1B2**9ABA7"),
        ("DL# C12T345672", DRIVER, "C12T345672"),
        ("MORGA657054SM9IJ", DRIVER, "MORGA657054SM9IJ"),
    ],
)
def test_what_is_one(text: str, entity: str, value: str) -> None:
    assert values(text, entity) == [value]


@pytest.mark.parametrize(
    "text",
    [
        "1HGCM82633A004353",  # the check digit
        "WVWZZZ1JZXW000001",
        "1Z999AA10123456784",
        "12345678901234567",
        "ABCDEFGHJKLMNPRST",
        "4 plates and 20 forks",
        "registration is open",
        "dinner plates X2000 and product registration AB12CD",
        "plate 12 of 20",
        "the driver has license to wait",
        "a drivers license is required",
        "H12234567",
        "SKU ABC 1234",
    ],
)
def test_what_is_none(text: str) -> None:
    assert [one for one in found(text) if one[0] in {VIN, PLATE, DRIVER}] == []
