"""The JSON of a guardrail's version read into `Config`, strictly, and written back.

The form, the names and the limits are those of Bedrock's `CreateGuardrail` (API reference of the control plane),
without what belongs to the account (name, description, tags, keys): `guardrails/bedrock.py` reads whole documents.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from guardrails.config import (
    BLOCKED_INPUT,
    BLOCKED_OUTPUT,
    DEFINITION_LENGTH,
    EXAMPLE_LENGTH,
    MESSAGE_LENGTH,
    MOST_EXAMPLES,
    MOST_REGEXES,
    MOST_TOPICS,
    MOST_WORDS,
    OFF,
    PATTERN_LENGTH,
    PII_TYPES,
    WORD_LENGTH,
    Action,
    ClaimRule,
    Claims,
    Config,
    ConfigRefused,
    ContentFilter,
    ContentType,
    Grounding,
    Judge,
    PiiEntity,
    Problem,
    Regex,
    Side,
    ToolTraffic,
    Topic,
    Word,
    WordList,
)
from guardrails.fields import Fields
from guardrails.findings import Confidence
from guardrails.regexes import check_pattern

STRENGTHS = [strength.name for strength in Confidence]
BLOCKS = [Action.BLOCK, Action.NONE]
MASKS = [Action.BLOCK, Action.ANONYMIZE, Action.NONE]
NAME_LENGTH, DESCRIPTION_LENGTH, MODEL_LENGTH = 100, 1000, 100
MOST_RULES, MOST_HOSTS, MOST_OF_A_RULE = 50, 100, 20
TOPIC_NAME = re.compile(r"[0-9A-Za-z\-_ !?.]+")
HOST = re.compile(r"[a-z0-9]([a-z0-9\-.]*[a-z0-9])?")
SIDED = ["inputAction", "inputEnabled", "outputAction", "outputEnabled"]
SECTIONS = {
    "contentPolicyConfig": ["filtersConfig"],
    "topicPolicyConfig": ["topicsConfig"],
    "wordPolicyConfig": ["wordsConfig", "managedWordListsConfig"],
    "sensitiveInformationPolicyConfig": ["piiEntitiesConfig", "regexesConfig"],
    "contextualGroundingPolicyConfig": ["filtersConfig"],
    "claimPolicyConfig": [
        *["valuesAction", "valuesEnabled", "claimsAction", "claimsEnabled"],
        *["rulesConfig", "allowedHosts"],
    ],
    "toolPolicyConfig": [
        *["resultsAction", "resultsEnabled", "resultsStrength"],
        *["argumentsAction", "argumentsEnabled"],
    ],
    "judgePolicyConfig": ["enabled", "modelId", "onDoubt", "samplePercent", "failMode", "timeoutSeconds"],
}


def read_config(data: Mapping[str, Any]) -> Config:
    """Raises ConfigRefused with everything that is wrong in it."""
    problems: list[Problem] = []
    root = Fields(data, "", problems, [*SECTIONS, "blockedInputMessaging", "blockedOutputsMessaging"])
    section = {name: root.section(name, keys) for name, keys in SECTIONS.items()}
    config = Config(
        filters=read_filters(section["contentPolicyConfig"]),
        topics=read_topics(section["topicPolicyConfig"]),
        words=read_words(section["wordPolicyConfig"]),
        word_lists=read_word_lists(section["wordPolicyConfig"]),
        entities=read_entities(section["sensitiveInformationPolicyConfig"]),
        regexes=read_regexes(section["sensitiveInformationPolicyConfig"]),
        grounding=read_grounding(section["contextualGroundingPolicyConfig"]),
        claims=read_claims(section["claimPolicyConfig"]),
        tools=read_tools(section["toolPolicyConfig"]),
        judge=read_judge(section["judgePolicyConfig"]),
        blocked_input=root.text("blockedInputMessaging", MESSAGE_LENGTH, default=BLOCKED_INPUT),
        blocked_output=root.text("blockedOutputsMessaging", MESSAGE_LENGTH, default=BLOCKED_OUTPUT),
    )
    if problems:
        raise ConfigRefused(problems)
    return config


# -- Bedrock's sections


def read_filters(section: Fields) -> tuple[ContentFilter, ...]:
    keys = ["type", "inputStrength", "outputStrength", *SIDED]
    read = []
    for item in section.objects("filtersConfig", keys, most=len(ContentType)):
        name = item.choice("type", list(ContentType))
        said = item.choice("outputStrength", STRENGTHS)
        if name == ContentType.PROMPT_ATTACK and said not in ("", "NONE"):
            item.refuse("outputStrength", "Attacks come in; what an agent says has NONE here.")
        read.append(
            ContentFilter(
                type=ContentType(name or ContentType.HATE),
                input=sided(item, "input", BLOCKS, strength=item.choice("inputStrength", STRENGTHS)),
                output=sided(item, "output", BLOCKS, strength=said),
            )
        )
    section.refuse_twice("filtersConfig", "type")
    return tuple(read)


def read_topics(section: Fields) -> tuple[Topic, ...]:
    keys = ["name", "definition", "examples", "type", *SIDED]
    read = []
    for item in section.objects("topicsConfig", keys, most=MOST_TOPICS):
        item.choice("type", ["DENY"], default="DENY")
        name = item.text("name", NAME_LENGTH)
        if name and not TOPIC_NAME.fullmatch(name):
            item.refuse("name", "Letters from a to z, digits, spaces and - _ ! ? . only.")
        read.append(
            Topic(
                name=name,
                definition=item.text("definition", DEFINITION_LENGTH),
                examples=item.texts("examples", most=MOST_EXAMPLES, length=EXAMPLE_LENGTH),
                input=sided(item, "input", BLOCKS),
                output=sided(item, "output", BLOCKS),
            )
        )
    section.refuse_twice("topicsConfig", "name")
    return tuple(read)


def read_words(section: Fields) -> tuple[Word, ...]:
    read = tuple(
        Word(
            text=item.text("text", WORD_LENGTH),
            input=sided(item, "input", BLOCKS),
            output=sided(item, "output", BLOCKS),
        )
        for item in section.objects("wordsConfig", ["text", *SIDED], most=MOST_WORDS)
    )
    section.refuse_twice("wordsConfig", "text")
    return read


def read_word_lists(section: Fields) -> tuple[WordList, ...]:
    return tuple(
        WordList(
            type=item.choice("type", ["PROFANITY"]),
            input=sided(item, "input", BLOCKS),
            output=sided(item, "output", BLOCKS),
        )
        for item in section.objects("managedWordListsConfig", ["type", *SIDED], most=1)
    )


def read_entities(section: Fields) -> tuple[PiiEntity, ...]:
    read = []
    for item in section.objects("piiEntitiesConfig", ["type", "action", *SIDED], most=len(PII_TYPES)):
        action = item.choice("action", MASKS)
        read.append(
            PiiEntity(
                type=item.choice("type", PII_TYPES),
                input=sided(item, "input", MASKS, action=action),
                output=sided(item, "output", MASKS, action=action),
            )
        )
    section.refuse_twice("piiEntitiesConfig", "type")
    return tuple(read)


def read_regexes(section: Fields) -> tuple[Regex, ...]:
    keys = ["name", "pattern", "description", "action", *SIDED]
    read = []
    for item in section.objects("regexesConfig", keys, most=MOST_REGEXES):
        action = item.choice("action", MASKS)
        pattern = item.text("pattern", PATTERN_LENGTH)
        if pattern and (reason := check_pattern(pattern)):
            item.refuse("pattern", reason)
        read.append(
            Regex(
                name=item.text("name", NAME_LENGTH),
                pattern=pattern,
                description=item.text("description", DESCRIPTION_LENGTH, default="", may_be_empty=True),
                input=sided(item, "input", MASKS, action=action),
                output=sided(item, "output", MASKS, action=action),
            )
        )
    section.refuse_twice("regexesConfig", "name")
    return tuple(read)


def read_grounding(section: Fields) -> tuple[Grounding, ...]:
    keys = ["type", "threshold", "action", "enabled"]
    read = tuple(
        Grounding(
            type=item.choice("type", ["GROUNDING", "RELEVANCE"]),
            threshold=item.number("threshold", 0, 0.99),
            action=Action(item.choice("action", BLOCKS, default=Action.BLOCK) or Action.BLOCK),
            enabled=item.flag("enabled", default=True),
        )
        for item in section.objects("filtersConfig", keys, most=2)
    )
    section.refuse_twice("filtersConfig", "type")
    return read


def sided(item: Fields, way: str, actions: list[Action], *, action: str = Action.BLOCK, strength: str = "NONE") -> Side:
    """`inputAction` and `inputEnabled`, or those of the output; what is left out has `action`, and is enabled."""
    return Side(
        enabled=item.flag(f"{way}Enabled", default=True),
        action=Action(item.choice(f"{way}Action", actions, default=action) or Action.BLOCK),
        strength=Confidence[strength or "NONE"],
    )


# -- ours: a section that is left out is off


def read_claims(section: Fields) -> Claims:
    if not section.is_there:
        return Claims(values=OFF, claims=OFF)
    rules = tuple(
        ClaimRule(
            claim=item.text("claim", NAME_LENGTH),
            needs_any=item.texts("needsAny", most=MOST_OF_A_RULE, length=NAME_LENGTH),
            states=item.texts("states", most=MOST_OF_A_RULE, length=NAME_LENGTH),
            same=item.texts("same", most=MOST_OF_A_RULE, length=NAME_LENGTH),
        )
        for item in section.objects("rulesConfig", ["claim", "needsAny", "states", "same"], most=MOST_RULES)
    )
    section.refuse_twice("rulesConfig", "claim")
    hosts = section.texts("allowedHosts", most=MOST_HOSTS, length=253)
    for place, host in enumerate(hosts):
        if host and not HOST.fullmatch(host):
            section.refuse(f"allowedHosts[{place}]", "A host's name such as shop.example, in small letters.")
    return Claims(values=switch(section, "values"), claims=switch(section, "claims"), rules=rules, hosts=hosts)


def read_tools(section: Fields) -> ToolTraffic:
    if not section.is_there:
        return ToolTraffic(results=OFF, arguments=OFF)
    strength = section.choice("resultsStrength", STRENGTHS, default="MEDIUM")
    return ToolTraffic(results=switch(section, "results", strength=strength), arguments=switch(section, "arguments"))


def switch(section: Fields, name: str, *, strength: str = "NONE") -> Side:
    return Side(
        enabled=section.flag(f"{name}Enabled", default=True),
        action=Action(section.choice(f"{name}Action", BLOCKS, default=Action.BLOCK) or Action.BLOCK),
        strength=Confidence[strength or "NONE"],
    )


def read_judge(section: Fields) -> Judge:
    is_on, model = section.flag("enabled", default=False), section.data.get("modelId", "")
    if is_on and not model:
        section.refuse("modelId", "Name a model: without one the judge is never asked.")
    return Judge(
        enabled=is_on,
        model=section.text("modelId", MODEL_LENGTH, default="", may_be_empty=True),
        on_doubt=section.flag("onDoubt", default=True),
        sample_percent=section.number("samplePercent", 0, 100, default=0),
        is_fail_closed=section.choice("failMode", ["OPEN", "CLOSED"], default="OPEN") == "CLOSED",
        seconds=section.number("timeoutSeconds", 0.1, 60, default=4),
    )


# -- and back


def as_json(config: Config) -> dict[str, Any]:
    """The whole of it, nothing left to a default: `read_config` gives the same `Config` again."""
    return {
        "contentPolicyConfig": {"filtersConfig": [filter_json(rule) for rule in config.filters]},
        "topicPolicyConfig": {"topicsConfig": [topic_json(rule) for rule in config.topics]},
        "wordPolicyConfig": {
            "wordsConfig": [{"text": rule.text, **sides_json(rule)} for rule in config.words],
            "managedWordListsConfig": [{"type": rule.type, **sides_json(rule)} for rule in config.word_lists],
        },
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": [
                {"type": rule.type, "action": str(rule.output.action), **sides_json(rule)} for rule in config.entities
            ],
            "regexesConfig": [regex_json(rule) for rule in config.regexes],
        },
        "contextualGroundingPolicyConfig": {"filtersConfig": [grounding_json(rule) for rule in config.grounding]},
        "claimPolicyConfig": claims_json(config.claims),
        "toolPolicyConfig": {
            **switch_json("results", config.tools.results),
            "resultsStrength": config.tools.results.strength.name,
            **switch_json("arguments", config.tools.arguments),
        },
        "judgePolicyConfig": judge_json(config.judge),
        "blockedInputMessaging": config.blocked_input,
        "blockedOutputsMessaging": config.blocked_output,
    }


def filter_json(rule: ContentFilter) -> dict[str, Any]:
    strengths = {"inputStrength": rule.input.strength.name, "outputStrength": rule.output.strength.name}
    return {"type": str(rule.type), **strengths, **sides_json(rule)}


def topic_json(rule: Topic) -> dict[str, Any]:
    words = {"name": rule.name, "definition": rule.definition, "examples": list(rule.examples), "type": "DENY"}
    return {**words, **sides_json(rule)}


def regex_json(rule: Regex) -> dict[str, Any]:
    words = {"name": rule.name, "pattern": rule.pattern} | (
        {"description": rule.description} if rule.description else {}
    )
    return {**words, "action": str(rule.output.action), **sides_json(rule)}


def grounding_json(rule: Grounding) -> dict[str, Any]:
    return {"type": rule.type, "threshold": rule.threshold, "action": str(rule.action), "enabled": rule.enabled}


def claims_json(claims: Claims) -> dict[str, Any]:
    return {
        **switch_json("values", claims.values),
        **switch_json("claims", claims.claims),
        "rulesConfig": [
            {
                "claim": rule.claim,
                "needsAny": list(rule.needs_any),
                "states": list(rule.states),
                "same": list(rule.same),
            }
            for rule in claims.rules
        ],
        "allowedHosts": list(claims.hosts),
    }


def judge_json(judge: Judge) -> dict[str, Any]:
    return {
        "enabled": judge.enabled,
        "modelId": judge.model,
        "onDoubt": judge.on_doubt,
        "samplePercent": judge.sample_percent,
        "failMode": "CLOSED" if judge.is_fail_closed else "OPEN",
        "timeoutSeconds": judge.seconds,
    }


def sides_json(rule: Any) -> dict[str, Any]:
    return {**switch_json("input", rule.input), **switch_json("output", rule.output)}


def switch_json(name: str, side: Side) -> dict[str, Any]:
    return {f"{name}Action": str(side.action), f"{name}Enabled": side.enabled}
