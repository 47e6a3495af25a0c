"""Personal data that this customer may be told: their own, and what the shop publishes of itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guardrails.findings import Finding

# Never repeated, whoever's it is: who reads over a shoulder, or in a forwarded mail, is not the customer.
NEVER_SAID = frozenset(
    {"CREDIT_DEBIT_CARD_NUMBER", "CREDIT_DEBIT_CARD_CVV", "PASSWORD", "PIN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY"}
)
SEPARATORS = re.compile(r"[\s().\-/]+")


def is_own(finding: Finding, text: str, own: Sequence[str]) -> bool:
    if finding.type in NEVER_SAID:
        return False
    value = bare(finding.text_of(text))
    return bool(value) and any(value in bare(known) for known in own)


def bare(text: str) -> str:
    """Without what people write between the parts of a number."""
    return SEPARATORS.sub("", text).casefold()
