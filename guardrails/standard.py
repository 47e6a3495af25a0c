"""The guardrail that a new installation has: what is safe to enforce from the first day, and the rest in shadow."""

from __future__ import annotations

from typing import Any

from guardrails.config import BLOCKED_INPUT, BLOCKED_OUTPUT

# A customer's e-mail address or telephone is what a shop works with; what opens an account or moves money is not.
MASKED_WHEN_SENT = (
    "CREDIT_DEBIT_CARD_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "PASSWORD",
    "PIN",
    "US_SOCIAL_SECURITY_NUMBER",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
)
MASKED_WHEN_SAID = (
    *MASKED_WHEN_SENT,
    "EMAIL",
    "PHONE",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "US_BANK_ACCOUNT_NUMBER",
    "US_PASSPORT_NUMBER",
)


def standard_config() -> dict[str, Any]:
    """The JSON of its first version."""
    return {
        "contentPolicyConfig": {
            "filtersConfig": [
                content_filter("HATE", sent="MEDIUM", said="MEDIUM"),
                # An angry customer is a customer: insults at the shop are noted, and answered.
                content_filter("INSULTS", sent="MEDIUM", said="MEDIUM", sent_action="NONE"),
                content_filter("SEXUAL", sent="MEDIUM", said="MEDIUM"),
                content_filter("VIOLENCE", sent="LOW", said="MEDIUM"),
                content_filter("MISCONDUCT", sent="MEDIUM", said="MEDIUM"),
                content_filter("PROMPT_ATTACK", sent="MEDIUM", said="NONE"),
            ]
        },
        "wordPolicyConfig": {
            "managedWordListsConfig": [
                {
                    "type": "PROFANITY",
                    "inputAction": "NONE",
                    "inputEnabled": False,
                    "outputAction": "BLOCK",
                    "outputEnabled": True,
                }
            ]
        },
        "sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [entity(name) for name in MASKED_WHEN_SAID]},
        "contextualGroundingPolicyConfig": {
            "filtersConfig": [
                {"type": "GROUNDING", "threshold": 0.3, "action": "NONE", "enabled": True},
                {"type": "RELEVANCE", "threshold": 0.1, "action": "NONE", "enabled": False},
            ]
        },
        "claimPolicyConfig": {
            "valuesAction": "BLOCK",
            "valuesEnabled": True,
            "claimsAction": "BLOCK",
            "claimsEnabled": True,
            "rulesConfig": [],
            "allowedHosts": [],
        },
        "toolPolicyConfig": {
            "resultsAction": "BLOCK",
            "resultsEnabled": True,
            "resultsStrength": "MEDIUM",
            "argumentsAction": "BLOCK",
            "argumentsEnabled": True,
        },
        "judgePolicyConfig": {
            "enabled": False,
            "modelId": "",
            "onDoubt": True,
            "samplePercent": 0,
            "failMode": "OPEN",
            "timeoutSeconds": 4,
        },
        "blockedInputMessaging": BLOCKED_INPUT,
        "blockedOutputsMessaging": BLOCKED_OUTPUT,
    }


def content_filter(name: str, *, sent: str, said: str, sent_action: str = "BLOCK") -> dict[str, Any]:
    return {
        "type": name,
        "inputStrength": sent,
        "outputStrength": said,
        "inputAction": sent_action,
        "outputAction": "BLOCK",
        "inputEnabled": sent != "NONE",
        "outputEnabled": said != "NONE",
    }


def entity(name: str) -> dict[str, Any]:
    is_sent = name in MASKED_WHEN_SENT
    return {
        "type": name,
        "action": "ANONYMIZE",
        "inputAction": "ANONYMIZE" if is_sent else "NONE",
        "inputEnabled": is_sent,
        "outputAction": "ANONYMIZE",
        "outputEnabled": True,
    }
