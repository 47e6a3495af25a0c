"""Personal data and secrets in a text: patterns, checksums and the words beside them; no model of a language."""

from guardrails.pii.entities import GRADES, Grade, Strength, find_pii
from guardrails.pii.known import KnownValues
from guardrails.pii.masking import mask, mask_value
from guardrails.pii.secrets import SECRET_TYPES, find_secrets

__all__ = [
    "GRADES",
    "SECRET_TYPES",
    "Grade",
    "KnownValues",
    "Strength",
    "find_pii",
    "find_secrets",
    "mask",
    "mask_value",
]
