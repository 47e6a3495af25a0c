from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.bedrock import from_bedrock, from_text
from guardrails.config import Action, ConfigRefused, Side
from guardrails.findings import Confidence
from guardrails.reading import as_json, read_config

COMMAND = """aws bedrock create-guardrail \\
  --name shop-guardrail --region eu-central-1 \\
  --description 'What the shop allows' \\
  --content-policy-config '{"filtersConfig": [{"type": "HATE", "inputStrength": "HIGH", "outputStrength": "LOW"}]}' \\
  --sensitive-information-policy-config '{"piiEntitiesConfig": [{"type": "EMAIL", "action": "ANONYMIZE"},
     {"type": "CREDIT_DEBIT_CARD_NUMBER", "action": "BLOCK"}]}' \\
  --blocked-input-messaging "Ask a colleague." --blocked-outputs-messaging="A colleague answers." """
SHORTHAND = """aws bedrock create-guardrail --name shop
  --content-policy-config 'filtersConfig=[{type=HATE,inputStrength=HIGH,outputStrength=HIGH,inputEnabled=true},
    {type=VIOLENCE,inputStrength=LOW,outputStrength=NONE}]'
  --topic-policy-config 'topicsConfig=[{name=Tax,definition="Advice, of any kind, about taxes.",
    examples=[Do I pay,"How, and when?"],type=DENY}]'
  --contextual-grounding-policy-config 'filtersConfig=[{type=GROUNDING,threshold=0.7}]'
  --sensitive-information-policy-config piiEntitiesConfig=[{type=EMAIL,action=ANONYMIZE}],regexesConfig=[]
"""
ANSWER = {
    "name": "shop",
    "description": "Ours",
    "guardrailId": "abc123",
    "guardrailArn": "arn:aws:bedrock:eu-central-1:123456789012:guardrail/abc123",
    "version": "DRAFT",
    "status": "READY",
    "topicPolicy": {
        "topics": [{"name": "Tax", "definition": "Advice about taxes.", "examples": [], "type": "DENY"}],
        "tier": {"tierName": "CLASSIC"},
    },
    "contentPolicy": {
        "filters": [
            {
                "type": "SEXUAL",
                "inputStrength": "HIGH",
                "outputStrength": "HIGH",
                "inputModalities": ["TEXT", "IMAGE"],
                "outputModalities": ["IMAGE"],
                "inputAction": "NONE",
            },
            {
                "type": "PROMPT_ATTACK",
                "inputStrength": "HIGH",
                "outputStrength": "HIGH",
                "inputModalities": ["TEXT"],
            },
        ],
        "tier": {"tierName": "STANDARD"},
    },
    "wordPolicy": {"words": [{"text": "rival"}], "managedWordLists": [{"type": "PROFANITY"}]},
    "sensitiveInformationPolicy": {
        "piiEntities": [{"type": "EMAIL", "action": "ANONYMIZE", "inputAction": "NONE", "outputEnabled": False}],
        "regexes": [{"name": "vip", "description": "", "pattern": "VIP-[0-9]+", "action": "BLOCK"}],
    },
    "contextualGroundingPolicy": {"filters": [{"type": "RELEVANCE", "threshold": 0.5}]},
    "blockedInputMessaging": "No.",
    "blockedOutputsMessaging": "Not that.",
    "kmsKeyArn": "arn:aws:kms:eu-central-1:123456789012:key/1",
    "createdAt": "2026-01-01T00:00:00Z",
    "ResponseMetadata": {"RequestId": "1"},
}


def test_a_command_is_read():
    imported = from_text(COMMAND)
    config = read_config(imported.config)
    assert (imported.name, imported.description) == ("shop-guardrail", "What the shop allows")
    assert imported.ignored == []
    assert [rule.type for rule in config.filters] == ["HATE"]
    assert config.filters[0].output.strength is Confidence.LOW
    assert [rule.output.action for rule in config.entities] == [Action.ANONYMIZE, Action.BLOCK]
    assert (config.blocked_input, config.blocked_output) == ("Ask a colleague.", "A colleague answers.")


def test_a_command_in_shorthand_is_read():
    config = read_config(from_text(SHORTHAND).config)
    assert [rule.type for rule in config.filters] == ["HATE", "VIOLENCE"]
    assert config.topics[0].definition == "Advice, of any kind, about taxes."
    assert config.topics[0].examples == ("Do I pay", "How, and when?")
    assert config.grounding[0].threshold == 0.7
    assert config.entities[0].input == Side(enabled=True, action=Action.ANONYMIZE)


def test_an_answer_of_bedrock_is_read_and_what_has_no_use_is_named():
    imported = from_text(json.dumps(ANSWER))
    config = read_config(imported.config)
    sexual, attack = config.filters
    assert sexual.input == Side(enabled=True, action=Action.NONE, strength=Confidence.HIGH)
    # The replies' side was for images alone.
    assert not sexual.output.enabled
    assert attack.output.strength is Confidence.NONE
    assert config.entities[0].input.action is Action.NONE
    assert not config.entities[0].output.enabled
    assert config.words[0].text == "rival"
    assert config.word_lists[0].type == "PROFANITY"
    assert set(imported.ignored) == {
        "guardrailId",
        "guardrailArn",
        "version",
        "status",
        "topicPolicyConfig.tier",
        "contentPolicyConfig.filtersConfig[0].inputModalities",
        "contentPolicyConfig.filtersConfig[0].outputModalities",
        "contentPolicyConfig.filtersConfig[1].outputStrength",
        "contentPolicyConfig.tier",
        "kmsKeyArn",
        "createdAt",
        "ResponseMetadata",
    }


def test_a_request_of_bedrock_is_read():
    request = {
        "name": "shop",
        "tags": [{"key": "a", "value": "b"}],
        "contentPolicyConfig": {
            "filtersConfig": [{"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH"}],
            "tierConfig": {"tierName": "CLASSIC"},
        },
        "topicPolicyConfig": {"topicsConfig": [], "tierConfig": {"tierName": "CLASSIC"}},
        "automatedReasoningPolicyConfig": {"policies": ["arn:x"]},
        "crossRegionConfig": {"guardrailProfileIdentifier": "eu"},
    }
    imported = from_bedrock(request)
    assert [rule.type for rule in read_config(imported.config).filters] == ["HATE"]
    assert imported.ignored == [
        "tags",
        "contentPolicyConfig.tierConfig",
        "topicPolicyConfig.tierConfig",
        "automatedReasoningPolicyConfig",
        "crossRegionConfig",
    ]


def test_a_versions_own_json_is_read_as_it_is():
    config = read_config(from_bedrock(ANSWER).config)
    assert from_bedrock(as_json(config)).config == as_json(config)


def test_what_nobody_knows_is_left_for_the_reader_to_refuse():
    with pytest.raises(ConfigRefused) as refused:
        read_config(from_bedrock({"contentPolicy": {"filters": [], "colour": 1}}).config)
    assert [problem.path for problem in refused.value.problems] == ["contentPolicyConfig.colour"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hate: high",
        "[]",
        "3",
        "aws bedrock create-guardrail --content-policy-config '{",
        "aws bedrock create-guardrail --content-policy-config '{x'",
        "aws bedrock create-guardrail --content-policy-config filtersConfig=[{type=HATE",
        "aws bedrock create-guardrail --content-policy-config filtersConfig=[type}",
        "aws bedrock create-guardrail --content-policy-config file://policy.json",
        "aws bedrock create-guardrail --cli-input-json '[]'",
        "aws bedrock create-guardrail --topic-policy-config " + "a=[" * 2000,
        "[" * 100_000,
    ],
    ids=lambda text: text[-24:],
)
def test_what_is_no_guardrail_is_refused(text):
    with pytest.raises(ConfigRefused):
        from_text(text)


@given(st.text(alphabet="ab=,[]{}\"'\\ \n-", max_size=60))
def test_any_shorthand_is_read_or_refused(text):
    try:
        imported = from_text(f"aws bedrock create-guardrail --topic-policy-config {text}")
    except ConfigRefused:
        return
    assert isinstance(imported.config, dict)
