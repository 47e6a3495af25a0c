from __future__ import annotations

import json
import string
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.config import (
    PII_TYPES,
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
    Regex,
    Side,
    ToolTraffic,
    Topic,
    Word,
    WordList,
)
from guardrails.findings import Confidence
from guardrails.reading import as_json, read_config
from guardrails.standard import standard_config

BLOCKING = st.sampled_from([Action.BLOCK, Action.NONE])
MASKING = st.sampled_from(list(Action))
LETTERS = st.characters(codec="utf-8", exclude_characters="\0")


def texts(alphabet: Any) -> st.SearchStrategy[str]:
    return st.text(alphabet, min_size=1, max_size=12).filter(lambda text: text.strip() != "")


def sides(actions: st.SearchStrategy[Action]) -> st.SearchStrategy[Side]:
    return st.builds(Side, enabled=st.booleans(), action=actions)


def strong_sides() -> st.SearchStrategy[Side]:
    return st.builds(Side, enabled=st.booleans(), action=BLOCKING, strength=st.sampled_from(list(Confidence)))


def both(actions: st.SearchStrategy[Action]) -> dict[str, st.SearchStrategy[Side]]:
    return {"input": sides(actions), "output": sides(actions)}


def several(strategy: st.SearchStrategy[Any], key: str, most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    def folded(rule: Any) -> str:
        return " ".join(getattr(rule, key).casefold().split())

    return st.lists(strategy, max_size=most, unique_by=folded).map(tuple)


def is_readable(rule: ContentFilter) -> bool:
    return rule.type is not ContentType.PROMPT_ATTACK or rule.output.strength is Confidence.NONE


FILTERS = st.builds(ContentFilter, type=st.sampled_from(ContentType), input=strong_sides(), output=strong_sides())
GROUNDING = st.builds(
    Grounding,
    type=st.sampled_from(["GROUNDING", "RELEVANCE"]),
    threshold=st.floats(0, 0.99),
    action=BLOCKING,
    enabled=st.booleans(),
)
ENTITIES = st.builds(PiiEntity, type=st.sampled_from(PII_TYPES), **both(MASKING))
TOOLS = st.builds(ToolTraffic, results=strong_sides(), arguments=sides(BLOCKING))


def configs(alphabet: Any = LETTERS) -> st.SearchStrategy[Config]:
    words = texts(alphabet)
    parts = st.lists(words, max_size=2, unique=True).map(tuple)
    topics = st.builds(
        Topic,
        name=texts(string.ascii_letters + "-_!?."),
        definition=words,
        examples=parts,
        **both(BLOCKING),
    )
    patterns = st.just(r"\bVIP-[0-9]{4}\b")
    regexes = st.builds(Regex, name=words, pattern=patterns, description=words | st.just(""), **both(MASKING))
    rules = st.builds(ClaimRule, claim=words, needs_any=parts, states=parts, same=parts)
    hosts = st.lists(st.sampled_from(["shop.example", "a-b.example", "x"]), unique=True).map(tuple)
    return st.builds(
        Config,
        filters=several(FILTERS.filter(is_readable), "type"),
        topics=several(topics, "name"),
        words=several(st.builds(Word, text=words, **both(BLOCKING)), "text"),
        word_lists=several(st.builds(WordList, **both(BLOCKING)), "type"),
        entities=several(ENTITIES, "type"),
        regexes=several(regexes, "name"),
        grounding=several(GROUNDING, "type"),
        claims=st.builds(
            Claims, values=sides(BLOCKING), claims=sides(BLOCKING), rules=several(rules, "claim"), hosts=hosts
        ),
        tools=TOOLS,
        judge=st.builds(
            Judge,
            enabled=st.booleans(),
            model=words,
            on_doubt=st.booleans(),
            sample_percent=st.floats(0, 100),
            is_fail_closed=st.booleans(),
            seconds=st.floats(0.1, 60),
        ),
        blocked_input=words,
        blocked_output=words,
    )


@settings(max_examples=60)
@given(configs())
def test_what_is_written_is_read_as_the_same(config):
    assert read_config(json.loads(json.dumps(as_json(config)))) == config


JUNK = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=True) | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.data())
def test_whatever_stands_in_the_place_of_a_setting_is_refused_or_read(data):
    given_json = standard_config()
    at: Any = given_json
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        inner = at[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            at[key] = data.draw(JUNK)
            break
        at = inner
    try:
        read = read_config(given_json)
    except ConfigRefused:
        return
    assert read_config(as_json(read)) == read


def test_the_standard_guardrail_is_one():
    config = read_config(standard_config())
    assert {rule.type for rule in config.filters} == set(ContentType)
    assert config.claims.values == Side(enabled=True, action=Action.BLOCK)
    assert config.tools.results.strength is Confidence.MEDIUM


def test_nothing_is_a_guardrail_in_which_everything_is_off():
    assert read_config({}) == Config()


def test_what_is_left_out_is_on_in_both_directions():
    config = read_config(
        {
            "topicPolicyConfig": {"topicsConfig": [{"name": "Tax advice", "definition": "Advice about taxes."}]},
            "sensitiveInformationPolicyConfig": {"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"}]},
            "contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": 0.7}]},
            "toolPolicyConfig": {},
        }
    )
    assert config.topics[0].input == config.topics[0].output == Side(enabled=True, action=Action.BLOCK)
    assert config.entities[0].input == Side(enabled=True, action=Action.ANONYMIZE)
    assert config.grounding[0] == Grounding(type="GROUNDING", threshold=0.7, action=Action.BLOCK, enabled=True)
    assert config.tools.results == Side(enabled=True, action=Action.BLOCK, strength=Confidence.MEDIUM)


def one_filter(**changed: Any) -> dict[str, Any]:
    rule = {"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH", **changed}
    return {"contentPolicyConfig": {"filtersConfig": [rule]}}


def topics(*given: dict[str, Any]) -> dict[str, Any]:
    return {"topicPolicyConfig": {"topicsConfig": list(given)}}


def regexes(*given: dict[str, Any]) -> dict[str, Any]:
    return {"sensitiveInformationPolicyConfig": {"regexesConfig": list(given)}}


def grounding(threshold: Any) -> dict[str, Any]:
    return {"contextualGroundingPolicyConfig": {"filtersConfig": [{"type": "GROUNDING", "threshold": threshold}]}}


TOPIC = {"name": "Tax", "definition": "Advice about taxes."}
REGEX = {"name": "vip", "pattern": "VIP", "action": "BLOCK"}
FILTER = "contentPolicyConfig.filtersConfig[0]"
FIRST_TOPIC = "topicPolicyConfig.topicsConfig[0]"
SENSITIVE = "sensitiveInformationPolicyConfig"
WRONG = {
    "no such section": ({"contentPolicy": {}}, "contentPolicy"),
    "no object": ({"contentPolicyConfig": []}, "contentPolicyConfig"),
    "no such key": (one_filter(inputModalities=["TEXT"]), f"{FILTER}.inputModalities"),
    "no such type": (one_filter(type="RUDE"), f"{FILTER}.type"),
    "no such strength": (one_filter(inputStrength="EXTREME"), f"{FILTER}.inputStrength"),
    "small letters": (one_filter(inputStrength="high"), f"{FILTER}.inputStrength"),
    "masked content": (one_filter(outputAction="ANONYMIZE"), f"{FILTER}.outputAction"),
    "a text for a flag": (one_filter(inputEnabled="true"), f"{FILTER}.inputEnabled"),
    "an attack that is said": (one_filter(type="PROMPT_ATTACK"), f"{FILTER}.outputStrength"),
    "no strength": (
        {"contentPolicyConfig": {"filtersConfig": [{"type": "HATE", "outputStrength": "NONE"}]}},
        f"{FILTER}.inputStrength",
    ),
    "no list": ({"contentPolicyConfig": {"filtersConfig": {}}}, "contentPolicyConfig.filtersConfig"),
    "a topic's name": (topics(TOPIC | {"name": "Größe"}), f"{FIRST_TOPIC}.name"),
    "a long definition": (topics(TOPIC | {"definition": "x" * 201}), f"{FIRST_TOPIC}.definition"),
    "an empty definition": (topics(TOPIC | {"definition": "  "}), f"{FIRST_TOPIC}.definition"),
    "six examples": (topics(TOPIC | {"examples": list("abcdef")}), f"{FIRST_TOPIC}.examples"),
    "a long example": (topics(TOPIC | {"examples": ["x" * 101]}), f"{FIRST_TOPIC}.examples[0]"),
    "a topic that is allowed": (topics(TOPIC | {"type": "ALLOW"}), f"{FIRST_TOPIC}.type"),
    "a topic twice": (topics(TOPIC, TOPIC | {"name": "TAX"}), "topicPolicyConfig.topicsConfig[1].name"),
    "31 topics": (topics(*(TOPIC | {"name": f"t{n}"} for n in range(31))), "topicPolicyConfig.topicsConfig"),
    "a long word": (
        {"wordPolicyConfig": {"wordsConfig": [{"text": "x" * 101}]}},
        "wordPolicyConfig.wordsConfig[0].text",
    ),
    "a word twice": (
        {"wordPolicyConfig": {"wordsConfig": [{"text": "Rival"}, {"text": "rival "}]}},
        "wordPolicyConfig.wordsConfig[1].text",
    ),
    "10,001 words": (
        {"wordPolicyConfig": {"wordsConfig": [{"text": f"w{n}"} for n in range(10_001)]}},
        "wordPolicyConfig.wordsConfig",
    ),
    "NUL": ({"wordPolicyConfig": {"wordsConfig": [{"text": "a\0b"}]}}, "wordPolicyConfig.wordsConfig[0].text"),
    "half a character": ({"blockedInputMessaging": "\ud83d"}, "blockedInputMessaging"),
    "no such list": (
        {"wordPolicyConfig": {"managedWordListsConfig": [{"type": "RUDE"}]}},
        "wordPolicyConfig.managedWordListsConfig[0].type",
    ),
    "no action": ({SENSITIVE: {"piiEntitiesConfig": [{"type": "EMAIL"}]}}, f"{SENSITIVE}.piiEntitiesConfig[0].action"),
    "no such entity": (
        {SENSITIVE: {"piiEntitiesConfig": [{"type": "SHOE_SIZE", "action": "BLOCK"}]}},
        f"{SENSITIVE}.piiEntitiesConfig[0].type",
    ),
    "an entity twice": (
        {SENSITIVE: {"piiEntitiesConfig": [{"type": "EMAIL", "action": "BLOCK"}] * 2}},
        f"{SENSITIVE}.piiEntitiesConfig[1].type",
    ),
    "no pattern": (regexes(REGEX | {"pattern": "(VIP"}), f"{SENSITIVE}.regexesConfig[0].pattern"),
    "a pattern without bounds": (regexes(REGEX | {"pattern": r"(a)\1"}), f"{SENSITIVE}.regexesConfig[0].pattern"),
    "a long pattern": (regexes(REGEX | {"pattern": "x" * 501}), f"{SENSITIVE}.regexesConfig[0].pattern"),
    "11 patterns": (regexes(*(REGEX | {"name": f"r{n}"} for n in range(11))), f"{SENSITIVE}.regexesConfig"),
    "a threshold of 1": (grounding(1), "contextualGroundingPolicyConfig.filtersConfig[0].threshold"),
    "a threshold below 0": (grounding(-0.1), "contextualGroundingPolicyConfig.filtersConfig[0].threshold"),
    "no number": (grounding(True), "contextualGroundingPolicyConfig.filtersConfig[0].threshold"),
    "NaN": (grounding(float("nan")), "contextualGroundingPolicyConfig.filtersConfig[0].threshold"),
    "a host with a path": (
        {"claimPolicyConfig": {"allowedHosts": ["a.example/x"]}},
        "claimPolicyConfig.allowedHosts[0]",
    ),
    "masked values": ({"claimPolicyConfig": {"valuesAction": "ANONYMIZE"}}, "claimPolicyConfig.valuesAction"),
    "no such fail mode": ({"judgePolicyConfig": {"failMode": "HALF"}}, "judgePolicyConfig.failMode"),
    "a judge without a model": ({"judgePolicyConfig": {"enabled": True}}, "judgePolicyConfig.modelId"),
    "101 per cent": ({"judgePolicyConfig": {"samplePercent": 101}}, "judgePolicyConfig.samplePercent"),
    "a long message": ({"blockedInputMessaging": "x" * 501}, "blockedInputMessaging"),
    "no message": ({"blockedOutputsMessaging": ""}, "blockedOutputsMessaging"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_refused_with_its_place(name):
    data, path = WRONG[name]
    with pytest.raises(ConfigRefused) as refused:
        read_config(data)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_everything_wrong_is_told_at_once():
    data = topics(TOPIC | {"definition": ""}, 7) | {"blockedInputMessaging": 3, "judgePolicyConfig": {"enabled": 1}}
    with pytest.raises(ConfigRefused) as refused:
        read_config(data)
    assert {problem.path for problem in refused.value.problems} == {
        f"{FIRST_TOPIC}.definition",
        "topicPolicyConfig.topicsConfig[1]",
        "judgePolicyConfig.enabled",
        "blockedInputMessaging",
    }


def test_a_text_is_no_guardrail():
    text: Any = "{}"
    with pytest.raises(ConfigRefused):
        read_config(text)
