"""What a guardrail's version says: Bedrock's own form and names, with three sections beside it that Bedrock lacks.

`read_config` takes the JSON of `CreateGuardrail` and gives frozen values; `GuardrailVersion.config` holds that JSON.
The
limits are Bedrock's. Ours are `claimPolicyConfig`, `toolPolicyConfig` and `judgePolicyConfig`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from guardrails.findings import Confidence, Direction

MOST_TOPICS, MOST_EXAMPLES, MOST_WORDS, MOST_REGEXES = 30, 5, 10_000, 10
DEFINITION_LENGTH, EXAMPLE_LENGTH, WORD_LENGTH, PATTERN_LENGTH, MESSAGE_LENGTH = 200, 100, 100, 500, 500
BLOCKED_INPUT = "I cannot help with that message. Ask me about your order, or ask for a colleague."
BLOCKED_OUTPUT = "I cannot answer that properly myself. I have passed it to a colleague, who will answer you here."


class Action(StrEnum):
    """NONE sees and notes, and does nothing: a rule in shadow."""

    NONE = "NONE"
    BLOCK = "BLOCK"
    ANONYMIZE = "ANONYMIZE"


class ContentType(StrEnum):
    HATE = "HATE"
    INSULTS = "INSULTS"
    SEXUAL = "SEXUAL"
    VIOLENCE = "VIOLENCE"
    MISCONDUCT = "MISCONDUCT"
    PROMPT_ATTACK = "PROMPT_ATTACK"


PII_TYPES = (
    "ADDRESS",
    "AGE",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "CA_HEALTH_NUMBER",
    "CA_SOCIAL_INSURANCE_NUMBER",
    "CREDIT_DEBIT_CARD_CVV",
    "CREDIT_DEBIT_CARD_EXPIRY",
    "CREDIT_DEBIT_CARD_NUMBER",
    "DRIVER_ID",
    "EMAIL",
    "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS",
    "LICENSE_PLATE",
    "MAC_ADDRESS",
    "NAME",
    "PASSWORD",
    "PHONE",
    "PIN",
    "SWIFT_CODE",
    "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NATIONAL_INSURANCE_NUMBER",
    "UK_UNIQUE_TAXPAYER_REFERENCE_NUMBER",
    "URL",
    "USERNAME",
    "US_BANK_ACCOUNT_NUMBER",
    "US_BANK_ROUTING_NUMBER",
    "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT_NUMBER",
    "US_SOCIAL_SECURITY_NUMBER",
    "VEHICLE_IDENTIFICATION_NUMBER",
)


@dataclass(frozen=True, kw_only=True)
class Side:
    """One direction of a rule. `strength` is that of content filters alone."""

    enabled: bool = True
    action: Action = Action.BLOCK
    strength: Confidence = Confidence.NONE


OFF = Side(enabled=False, action=Action.NONE)


@dataclass(frozen=True, kw_only=True)
class TwoSided:
    input: Side = field(default_factory=Side)
    output: Side = field(default_factory=Side)

    def side(self, direction: Direction) -> Side:
        return self.input if direction is Direction.INPUT else self.output


@dataclass(frozen=True, kw_only=True)
class ContentFilter(TwoSided):
    type: ContentType


@dataclass(frozen=True, kw_only=True)
class Topic(TwoSided):
    name: str
    definition: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Word(TwoSided):
    text: str


@dataclass(frozen=True, kw_only=True)
class WordList(TwoSided):
    """A managed list; there is one, `PROFANITY`."""

    type: str = "PROFANITY"


@dataclass(frozen=True, kw_only=True)
class PiiEntity(TwoSided):
    type: str


@dataclass(frozen=True, kw_only=True)
class Regex(TwoSided):
    name: str
    pattern: str
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class Grounding:
    """`type` GROUNDING or RELEVANCE; a score below `threshold` (0 to 0.99) is a finding."""

    type: str
    threshold: float
    action: Action = Action.BLOCK
    enabled: bool = True


@dataclass(frozen=True, kw_only=True)
class ClaimRule:
    """That a statement such as "refunded" needs a confirmed call of one of these tools (shell patterns on their short
    names), or one of these states in a result; `same` are arguments that must agree with what the sentence names."""

    claim: str
    needs_any: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    same: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Claims:
    """What a reply states, held against what is known. `values`: amounts, dates, ids, links, addresses; `claims`: that
    something was or will be done."""

    values: Side = field(default_factory=Side)
    claims: Side = field(default_factory=Side)
    # In place of the rules that come with the product (`guardrails/claims/rules.py`), by claim.
    rules: tuple[ClaimRule, ...] = ()
    # Hosts that a reply may link to, beside those of its sources.
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ToolTraffic:
    """`results`: instructions to the agent inside a tool's result (BLOCK withholds that text from the model);
    `arguments`: secrets and entities to be blocked in what the agent sends to a tool (BLOCK refuses the call)."""

    results: Side = field(default_factory=Side)
    arguments: Side = field(default_factory=Side)


@dataclass(frozen=True, kw_only=True)
class Judge:
    """A language model as the second tier. It is asked where a local finding stays below what would act (`on_doubt`),
    for filters of strength HIGH, for denied topics, and for `sample_percent` of the rest."""

    enabled: bool = False
    model: str = ""
    on_doubt: bool = True
    sample_percent: float = 0.0
    # What counts where it gives no answer: closed blocks, open lets through and says so.
    is_fail_closed: bool = False
    seconds: float = 4.0


@dataclass(frozen=True, kw_only=True)
class Config:
    filters: tuple[ContentFilter, ...] = ()
    topics: tuple[Topic, ...] = ()
    words: tuple[Word, ...] = ()
    word_lists: tuple[WordList, ...] = ()
    entities: tuple[PiiEntity, ...] = ()
    regexes: tuple[Regex, ...] = ()
    grounding: tuple[Grounding, ...] = ()
    claims: Claims = field(default_factory=lambda: Claims(values=OFF, claims=OFF))
    tools: ToolTraffic = field(default_factory=lambda: ToolTraffic(results=OFF, arguments=OFF))
    judge: Judge = field(default_factory=Judge)
    blocked_input: str = BLOCKED_INPUT
    blocked_output: str = BLOCKED_OUTPUT


@dataclass(frozen=True, kw_only=True)
class Problem:
    """`path` as in the JSON: `contentPolicyConfig.filtersConfig[2].inputStrength`."""

    path: str
    message: str


class ConfigRefused(Exception):
    """The JSON is no guardrail; `problems` say where and why, all of them."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems))
        self.problems = problems
