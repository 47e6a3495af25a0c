"""What a guardrail's settings are called on the screens."""

from __future__ import annotations

from guardrails.config import Action, ContentType
from guardrails.findings import Confidence, Policy

CONTENT = {
    ContentType.HATE: ("Hate", "Attacks or demeans people for what they are."),
    ContentType.INSULTS: ("Insults", "Demeans, mocks or bullies somebody."),
    ContentType.SEXUAL: ("Sexual", "Sexual interest, acts or bodies."),
    ContentType.VIOLENCE: ("Violence", "Threatens, praises or describes harm to people."),
    ContentType.MISCONDUCT: ("Misconduct", "Asks for or gives help with crime, fraud or weapons."),
    ContentType.PROMPT_ATTACK: ("Prompt attacks", "Tries to make the agent drop its instructions or tell them."),
}
PII_GROUPS = (
    ("People and contact", ("NAME", "EMAIL", "PHONE", "ADDRESS", "AGE", "USERNAME", "URL")),
    (
        "Cards and banks",
        (
            *("CREDIT_DEBIT_CARD_NUMBER", "CREDIT_DEBIT_CARD_CVV", "CREDIT_DEBIT_CARD_EXPIRY"),
            *("INTERNATIONAL_BANK_ACCOUNT_NUMBER", "SWIFT_CODE", "US_BANK_ACCOUNT_NUMBER", "US_BANK_ROUTING_NUMBER"),
        ),
    ),
    (
        "Sign-in and network",
        ("PASSWORD", "PIN", "AWS_ACCESS_KEY", "AWS_SECRET_KEY", "IP_ADDRESS", "MAC_ADDRESS"),
    ),
    ("Vehicles and drivers", ("DRIVER_ID", "LICENSE_PLATE", "VEHICLE_IDENTIFICATION_NUMBER")),
    (
        "United States",
        ("US_SOCIAL_SECURITY_NUMBER", "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER", "US_PASSPORT_NUMBER"),
    ),
    (
        "United Kingdom",
        (
            *("UK_NATIONAL_INSURANCE_NUMBER", "UK_NATIONAL_HEALTH_SERVICE_NUMBER"),
            "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
        ),
    ),
    ("Canada", ("CA_SOCIAL_INSURANCE_NUMBER", "CA_HEALTH_NUMBER")),
)
PII_NAMES = {
    "ADDRESS": "Postal address",
    "AGE": "Age",
    "AWS_ACCESS_KEY": "AWS access key",
    "AWS_SECRET_KEY": "AWS secret key",
    "CA_HEALTH_NUMBER": "Health number",
    "CA_SOCIAL_INSURANCE_NUMBER": "Social insurance number",
    "CREDIT_DEBIT_CARD_CVV": "Card security code",
    "CREDIT_DEBIT_CARD_EXPIRY": "Card expiry date",
    "CREDIT_DEBIT_CARD_NUMBER": "Card number",
    "DRIVER_ID": "Driving licence",
    "EMAIL": "Email address",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER": "IBAN",
    "IP_ADDRESS": "IP address",
    "LICENSE_PLATE": "Licence plate",
    "MAC_ADDRESS": "MAC address",
    "NAME": "Name",
    "PASSWORD": "Password",
    "PHONE": "Telephone number",
    "PIN": "PIN",
    "SWIFT_CODE": "SWIFT code",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER": "NHS number",
    "UK_NATIONAL_INSURANCE_NUMBER": "National insurance number",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER": "Taxpayer reference",
    "URL": "Web address",
    "USERNAME": "User name",
    "US_BANK_ACCOUNT_NUMBER": "US bank account",
    "US_BANK_ROUTING_NUMBER": "US routing number",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER": "Taxpayer number (ITIN)",
    "US_PASSPORT_NUMBER": "Passport number",
    "US_SOCIAL_SECURITY_NUMBER": "Social security number",
    "VEHICLE_IDENTIFICATION_NUMBER": "Vehicle identification number",
}
GROUNDING = {
    "GROUNDING": ("Grounding", "How far the reply's words are those of its sources."),
    "RELEVANCE": ("Relevance", "How far the reply takes up what was asked."),
}
DONE = {Action.BLOCK: "blocked", Action.ANONYMIZE: "masked", Action.NONE: "noted"}
# A filter of this strength acts from this confidence up (`Confidence.reaches`).
ACTS_FROM = {Confidence.LOW: "high", Confidence.MEDIUM: "medium", Confidence.HIGH: "low"}
POLICIES = {
    Policy.CONTENT: "Content",
    Policy.TOPIC: "Denied topic",
    Policy.WORD: "Word",
    Policy.PII: "Personal data",
    Policy.REGEX: "Pattern",
    Policy.GROUNDING: "Grounding",
    Policy.VALUE: "Value",
    Policy.CLAIM: "Claim",
    Policy.SECRET: "Secret",
}


def name_of(policy: Policy, type_: str) -> str:
    """The rule of a finding, in words: "Personal data: Email address"."""
    name = type_
    if policy is Policy.PII:
        name = PII_NAMES.get(type_, type_)
    elif policy is Policy.CONTENT and type_ in list(ContentType):
        name = CONTENT[ContentType(type_)][0]
    elif policy in {Policy.SECRET, Policy.GROUNDING, Policy.VALUE, Policy.CLAIM}:
        name = type_.replace("_", " ").lower()
    return f"{POLICIES[policy]}: {name}"
