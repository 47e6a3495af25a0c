"""A guardrail as Bedrock has it, made a version's JSON: what `CreateGuardrail` is sent, what `GetGuardrail` answers,
and the command line of `aws bedrock create-guardrail`.

What this product has no use for is left out and named; whatever else is unknown stays, and `read_config` refuses it.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from guardrails.config import ConfigRefused, Problem
from guardrails.shorthand import read_shorthand

# `GetGuardrail` answers with other names than `CreateGuardrail` is sent.
SECTIONS = {
    name: f"{name}Config"
    for name in (
        *["contentPolicy", "topicPolicy", "wordPolicy", "sensitiveInformationPolicy"],
        *["contextualGroundingPolicy", "claimPolicy", "toolPolicy", "judgePolicy"],
    )
}
LISTS = {
    name: f"{name}Config"
    for name in ("filters", "topics", "words", "managedWordLists", "piiEntities", "regexes", "rules")
}
# Of the account, of the service, or of what only a service with images, regions and provers has.
WITHOUT_USE = frozenset(
    {
        *["tags", "kmsKeyId", "kmsKeyArn", "clientRequestToken", "crossRegionConfig", "crossRegionDetails"],
        *["automatedReasoningPolicyConfig", "automatedReasoningPolicy", "guardrailId", "guardrailArn"],
        *["guardrailIdentifier", "version", "status", "statusReasons", "failureRecommendations", "createdAt"],
        *["updatedAt", "ResponseMetadata"],
    }
)
TIERS = frozenset({"tier", "tierConfig"})
# Options of every command of `aws`, which say nothing of the guardrail.
OPTIONS_OF_THE_CLIENT = frozenset({"region", "profile", "output", "endpoint-url", "query", "debug", "no-cli-pager"})


@dataclass(kw_only=True)
class Imported:
    """`config` is for `read_config`, which has not seen it; `ignored` are the paths that were left out."""

    name: str = ""
    description: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)


def from_text(text: str) -> Imported:
    """JSON, or a command line. Raises ConfigRefused where it is neither."""
    if not text.strip():
        raise refused("Nothing was given.")
    if "create-guardrail" in text or "update-guardrail" in text:
        return from_bedrock(read_command(text))
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise refused(f"This is neither JSON nor the command `aws bedrock create-guardrail`{place}.") from None
    return from_bedrock(data)


def from_bedrock(data: Any) -> Imported:
    """Raises ConfigRefused where it is no object."""
    if not isinstance(data, Mapping):
        raise refused("A guardrail is an object: {…}.")
    imported = Imported()
    for key, value in dict[str, Any](data).items():
        if key in WITHOUT_USE:
            imported.ignored.append(key)
        elif key in ("name", "description"):
            setattr(imported, key, value.strip() if isinstance(value, str) else "")
        else:
            name = SECTIONS.get(key, key)
            imported.config[name] = read_section(name, value, imported.ignored)
    return imported


def read_section(name: str, section: Any, ignored: list[str]) -> Any:
    if not isinstance(section, Mapping):
        return section
    kept = {}
    for key, value in section.items():
        if key in TIERS or (name == "contentPolicyConfig" and key.endswith("TierConfig")) or key == "topicsTierConfig":
            ignored.append(f"{name}.{key}")
        else:
            kept[LISTS.get(key, key)] = value
    if name == "contentPolicyConfig" and isinstance(filters := kept.get("filtersConfig"), list):
        kept["filtersConfig"] = [read_filter(rule, place, ignored) for place, rule in enumerate(filters)]
    return kept


def read_filter(rule: Any, place: int, ignored: list[str]) -> Any:
    """Without images: a direction that is for them alone is off. An attack's strength for replies is NONE."""
    if not isinstance(rule, Mapping):
        return rule
    path = f"contentPolicyConfig.filtersConfig[{place}]"
    kept = dict(rule)
    for way in ("input", "output"):
        modalities = kept.pop(f"{way}Modalities", None)
        if not isinstance(modalities, list) or modalities == ["TEXT"]:
            continue
        ignored.append(f"{path}.{way}Modalities")
        if "TEXT" not in modalities:
            kept[f"{way}Enabled"] = False
    if kept.get("type") == "PROMPT_ATTACK" and kept.get("outputStrength", "NONE") != "NONE":
        ignored.append(f"{path}.outputStrength")
        kept["outputStrength"] = "NONE"
    return kept


# -- a command line


def read_command(text: str) -> dict[str, Any]:
    """The options of the command as `CreateGuardrail` names them. Raises ConfigRefused."""
    try:
        words = shlex.split(text.replace("\\\r\n", " "))
    except ValueError as error:
        raise refused(f"The command cannot be read: {error}.") from None
    data: dict[str, Any] = {}
    option = ""
    for word in words:
        if word.startswith("--"):
            option, _, word = word[2:].partition("=")  # noqa: PLW2901  the value after the sign, if there is one
        if not option or not word or option in OPTIONS_OF_THE_CLIENT:
            continue
        if option == "cli-input-json":
            data |= as_object(read_value(option, word))
        elif option != "tags":
            data[camel_case(option)] = read_value(option, word)
        else:
            data["tags"] = word
        option = ""
    return data


def read_value(option: str, word: str) -> Any:
    if word.startswith(("file://", "fileb://")):
        raise refused(f"--{option} names a file on somebody's machine. Paste what is in it.")
    if not option.endswith("-config") and option != "cli-input-json":
        return word
    try:
        return json.loads(word) if word.lstrip().startswith(("{", "[")) else read_shorthand(word)
    except (ValueError, RecursionError) as error:
        raise refused(f"--{option} cannot be read: {error}.") from None


def as_object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise refused("--cli-input-json is no object.")
    return value


def camel_case(option: str) -> str:
    first, *rest = option.split("-")
    return first + "".join(word.capitalize() for word in rest)


def refused(message: str) -> ConfigRefused:
    return ConfigRefused([Problem(path="", message=message)])
