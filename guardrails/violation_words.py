"""What a violation is called on the screens: its rule, what was done about it, and what people made of it."""

from __future__ import annotations

from dataclasses import dataclass

from guardrails.config import ConfigRefused
from guardrails.findings import Confidence, Policy
from guardrails.models import GuardrailVersion, Violation
from guardrails.sentences import Line, lines_of
from guardrails.versions import config_of
from guardrails.wording import name_of

RULE_LENGTH = 140
# Their types are named by code, in small letters.
WRITTEN_SMALL = frozenset({Policy.SECRET, Policy.GROUNDING, Policy.VALUE, Policy.CLAIM})
PROFANITY = "word:PROFANITY"
# One of them, where the rule's own name says many.
ONE = {"content:PROMPT_ATTACK": "Prompt attack", "content:INSULTS": "Insult", PROFANITY: "Profanity"}
# How words of a type's name are written that are none of the language's.
SPELT = {"api": "API", "aws": "AWS", "jwt": "JWT", "url": "URL", "id": "ID"}


@dataclass(frozen=True, kw_only=True)
class Look:
    """A badge: `tone` is good, warn, bad, info, outline or empty."""

    word: str
    icon: str
    tone: str = ""


Action, Triage = Violation.Action, Violation.Triage
ACTIONS = {
    Action.BLOCKED: Look(word="Blocked", icon="ban", tone="bad"),
    Action.MASKED: Look(word="Masked", icon="eye-off", tone="warn"),
    Action.REPAIRED: Look(word="Repaired", icon="refresh-cw", tone="info"),
    Action.HANDED_OVER: Look(word="Handed over", icon="hand", tone="bad"),
    Action.DETECTED: Look(word="Noted", icon="eye", tone="outline"),
}
TRIAGES = {
    Triage.OPEN: Look(word="Open", icon="circle-dashed"),
    Triage.CONFIRMED: Look(word="Confirmed", icon="circle-check", tone="good"),
    Triage.FALSE_POSITIVE: Look(word="False positive", icon="circle-x", tone="warn"),
    Triage.FIXED: Look(word="Fixed", icon="wrench", tone="info"),
}
# What each of the actions means for the one who reads it.
DONE = {
    Action.BLOCKED: "It was blocked.",
    Action.MASKED: "The words were masked before anybody or anything else read them.",
    Action.REPAIRED: "The agent was told what failed, and its next try passed.",
    Action.HANDED_OVER: "The reply was held back, and a person has the conversation.",
    Action.DETECTED: "It was noted and nothing else: the rule is in shadow, or only notes.",
}


def category_of(violation: Violation) -> str:
    """The policy and the type in words: "Personal data: Card number"."""
    return category_of_rule(violation.rule)


def category_of_rule(rule: str) -> str:
    policy, _, kind = rule.partition(":")
    if policy not in list(Policy):
        return rule
    group, _, name = name_of(Policy(policy), kind).partition(": ")
    if rule == PROFANITY:
        name = ONE[rule]
    elif policy in WRITTEN_SMALL:
        name = " ".join(SPELT.get(word, word) for word in name.split())
        name = name[:1].upper() + name[1:]
    return group if group == name else f"{group}: {name}"


def kind_of_rule(rule: str) -> str:
    """The type alone: "Card number", "Prompt attack"."""
    return ONE.get(rule) or category_of_rule(rule).partition(": ")[2] or category_of_rule(rule)


def in_a_sentence(words: str) -> str:
    """With a small letter at its beginning, unless it begins with an abbreviation."""
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def stage_words(stage: str) -> str:
    """Short, for a column: a customer's message is what is meant by a message."""
    return "Message" if stage == Violation.Stage.INPUT else Violation.Stage(stage).label


def confidence_words(confidence: int) -> str:
    return Confidence(confidence).name.capitalize() if confidence in list(Confidence) else "–"  # noqa: RUF001  an absent value


def version_words(violation: Violation) -> str:
    number = violation.guardrail_number
    return f"{violation.guardrail_name} {'draft' if number is None else f'v{number}'}"


# -- the rule, read out


def rule_line(violation: Violation, version: GuardrailVersion | None) -> Line | None:
    """The rule as its version has it; None where the version is gone or has no such rule."""
    try:
        lines = list(lines_of(config_of(version))) if version else []
    except ConfigRefused:
        return None
    key = key_of(violation.rule)
    for line in lines:
        if line.key == key or (key == "words" and is_among(line, violation.rule)):
            return line
    return None


def key_of(rule: str) -> str:
    """What `sentences.Line` calls it; "words" for a word, whose line is that of all that are treated alike."""
    policy, _, kind = rule.partition(":")
    match policy:
        case Policy.WORD:
            return f"list:{kind}" if rule == PROFANITY else "words"
        case Policy.VALUE:
            return "claims:values"
        case Policy.CLAIM:
            return "claims:claims"
    return rule


def is_among(line: Line, rule: str) -> bool:
    word = rule.partition(":")[2].casefold()
    return line.key.startswith("words:") and word in (text.casefold() for text in line.detail.split("\n"))
