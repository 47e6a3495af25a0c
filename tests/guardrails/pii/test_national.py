from __future__ import annotations

import pytest

from tests.guardrails.pii.looking import found, values

SSN, ITIN = "US_SOCIAL_SECURITY_NUMBER", "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER"
NHS, NINO = "UK_NATIONAL_HEALTH_SERVICE_NUMBER", "UK_NATIONAL_INSURANCE_NUMBER"
UTR, SIN = "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER", "CA_SOCIAL_INSURANCE_NUMBER"
HEALTH, PASSPORT = "CA_HEALTH_NUMBER", "US_PASSPORT_NUMBER"


@pytest.mark.parametrize(
    ("text", "entity", "value"),
    [
        ("536-90-4399", SSN, "536-90-4399"),
        ("536 90 4399", SSN, "536 90 4399"),
        ("536.90.4399", SSN, "536.90.4399"),
        ("my SSN is 536904399", SSN, "536904399"),
        ("911-70-1234", ITIN, "911-70-1234"),
        ("911-701234", ITIN, "911-701234"),
        ("my ITIN: 911701234", ITIN, "911701234"),
        ("943 476 5919", NHS, "943 476 5919"),
        ("NHS number 943-476-5919", NHS, "943-476-5919"),
        ("NHS 9434765919", NHS, "9434765919"),
        ("AB 12 34 56 C", NINO, "AB 12 34 56 C"),
        ("ab123456c", NINO, "ab123456c"),
        ("AB 123456 C", NINO, "AB 123456 C"),
        ("130-692-544", SIN, "130-692-544"),
        ("SIN 046 454 286", SIN, "046 454 286"),
        ("social insurance number 130692544", SIN, "130692544"),
        ("UTR 1955839661", UTR, "1955839661"),
        ("OHIP health card 1234-567-890-AB", HEALTH, "1234-567-890-AB"),
        ("RAMQ: TREM 7605 2212", HEALTH, "TREM 7605 2212"),
        ("passport number 912803456", PASSPORT, "912803456"),
        ("my travel document is A12803456", PASSPORT, "A12803456"),
    ],
)
def test_what_is_one(text: str, entity: str, value: str) -> None:
    assert (entity, value) in found(text)


@pytest.mark.parametrize(
    ("text", "entity"),
    [
        ("078-05-1120", SSN),  # of an advertisement
        ("000-12-3456", SSN),
        ("666-12-3456", SSN),
        ("536-00-4399", SSN),
        ("536-90-0000", SSN),
        ("1-536-90-4399", SSN),
        ("536-90 4399", SSN),
        ("536904399", SSN),
        ("part 536-90-4399", SSN),
        ("911-93-1234", ITIN),
        ("911701234", ITIN),
        ("943 476 5918", NHS),  # the check digit
        ("9434765919", NHS),
        ("tracking 943 476 5919", NHS),
        ("BG 12 34 56 C", NINO),
        ("AB 12 34 56 E", NINO),
        ("AB 12 34 5 C", NINO),
        ("SKU ab123456c", NINO),
        ("130-692-545", SIN),
        ("130692544", SIN),
        ("1955839661", UTR),
        ("1234-567-890", HEALTH),
        ("912803456", PASSPORT),
        ("passport wallet, item 912803456", PASSPORT),
        ("smart watch for your health 9434765919", NHS),
        ("smart watch for your health 9434765919", HEALTH),
        ("with tax 911701234", ITIN),
        ("social media 536904399", SSN),
        ("label 130 692 544", SIN),
        ("Passport holders may enter, 123456789 of them came", PASSPORT),
        ("on 2024-01-15 and 15.01.2024", SSN),
    ],
)
def test_what_is_none(text: str, entity: str) -> None:
    assert values(text, entity) == []
