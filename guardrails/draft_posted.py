"""What the editor's form posts, as the JSON of a version: unread, so that what is wrong in it is not lost.

A row is named by its list and its place, `topics-0-name`; rows in which nothing is written are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from guardrails.config import PII_TYPES, ContentType

OFF = "OFF"
ROW = re.compile(r"(topics|words|regexes|claims)-([0-9]{1,4})-")
PARTS = re.compile(r"[,\n]")


@dataclass(kw_only=True)
class WordGroup:
    """Words that are treated alike, one a line."""

    texts: str = ""
    input: str = "BLOCK"
    output: str = "BLOCK"

    @property
    def words(self) -> list[str]:
        return [word for line in self.texts.splitlines() if (word := line.strip())]


@dataclass(kw_only=True)
class Posted:
    """`data` is for `read_config`; the words of `groups` are in it one after another. The places of rows that somebody
    added or took away are counted as they are in it."""

    data: dict[str, Any] = field(default_factory=dict)
    groups: list[WordGroup] = field(default_factory=list)


def posted(form: Mapping[str, str], *, without: str = "") -> Posted:
    """`without` is a row to be left out: `topics-2`."""
    groups = [group for group in read_groups(form, without) if group.words]
    words = [
        {"text": word, **side("input", group.input), **side("output", group.output)}
        for group in groups
        for word in group.words
    ]
    data = {
        "contentPolicyConfig": {"filtersConfig": [read_filter(form, name) for name in ContentType]},
        "topicPolicyConfig": {"topicsConfig": list(read_topics(form, without))},
        "wordPolicyConfig": {"wordsConfig": words, "managedWordListsConfig": list(read_profanity(form))},
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": list(read_entities(form)),
            "regexesConfig": list(read_regexes(form, without)),
        },
        "contextualGroundingPolicyConfig": {"filtersConfig": list(read_grounding(form))},
        "claimPolicyConfig": {
            **side("values", text(form, "claims.values")),
            **side("claims", text(form, "claims.claims")),
            "rulesConfig": list(read_claim_rules(form, without)),
            "allowedHosts": parts(form, "claims.hosts"),
        },
        "toolPolicyConfig": {
            **side("results", text(form, "tools.results")),
            "resultsStrength": text(form, "tools.strength"),
            **side("arguments", text(form, "tools.arguments")),
        },
        "judgePolicyConfig": {
            "enabled": bool(form.get("judge.enabled")),
            "modelId": text(form, "judge.model"),
            "onDoubt": bool(form.get("judge.on_doubt")),
            "samplePercent": number(text(form, "judge.sample") or "0"),
            "failMode": text(form, "judge.fail"),
            "timeoutSeconds": number(text(form, "judge.seconds")),
        },
        "blockedInputMessaging": text(form, "messages.input"),
        "blockedOutputsMessaging": text(form, "messages.output"),
    }
    return Posted(data=data, groups=groups)


def read_filter(form: Mapping[str, str], name: ContentType) -> dict[str, Any]:
    said_strength, said = text(form, f"content.{name}.output_strength"), text(form, f"content.{name}.output")
    if name is ContentType.PROMPT_ATTACK:
        said_strength, said = "NONE", OFF
    return {
        "type": str(name),
        "inputStrength": text(form, f"content.{name}.input_strength"),
        "outputStrength": said_strength,
        **side("input", text(form, f"content.{name}.input")),
        **side("output", said),
    }


def read_topics(form: Mapping[str, str], without: str) -> Iterator[dict[str, Any]]:
    for row in rows(form, "topics", without):
        name, definition = text(form, f"{row}-name"), text(form, f"{row}-definition")
        examples = [line.strip() for line in form.get(f"{row}-examples", "").splitlines() if line.strip()]
        if name or definition or examples:
            yield {"name": name, "definition": definition, "examples": examples, "type": "DENY", **both(form, row)}


def read_groups(form: Mapping[str, str], without: str) -> Iterator[WordGroup]:
    for row in rows(form, "words", without):
        sent, said = text(form, f"{row}-input"), text(form, f"{row}-output")
        yield WordGroup(texts=form.get(f"{row}-texts", ""), input=sent, output=said)


def read_profanity(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    sent, said = text(form, "profanity.input"), text(form, "profanity.output")
    if (sent, said) != (OFF, OFF):
        yield {"type": "PROFANITY", **side("input", sent), **side("output", said)}


def read_entities(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name in PII_TYPES:
        sent, said = text(form, f"pii.{name}.input"), text(form, f"pii.{name}.output")
        if (sent, said) != (OFF, OFF):
            yield {"type": name, "action": whole(said), **side("input", sent), **side("output", said)}


def read_regexes(form: Mapping[str, str], without: str) -> Iterator[dict[str, Any]]:
    for row in rows(form, "regexes", without):
        # Blanks at a pattern's ends may be meant.
        name, pattern = text(form, f"{row}-name"), form.get(f"{row}-pattern", "")
        if name or pattern.strip():
            action = whole(text(form, f"{row}-output"))
            words = {"name": name, "pattern": pattern, "description": text(form, f"{row}-description")}
            yield {**words, "action": action, **both(form, row)}


def read_grounding(form: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    for name in ("GROUNDING", "RELEVANCE"):
        state, threshold = text(form, f"grounding.{name}.state"), text(form, f"grounding.{name}.threshold")
        if state != OFF or threshold:
            yield {"type": name, "threshold": number(threshold), "action": whole(state), "enabled": state != OFF}


def read_claim_rules(form: Mapping[str, str], without: str) -> Iterator[dict[str, Any]]:
    for row in rows(form, "claims", without):
        lists = {key: parts(form, f"{row}-{name}") for key, name in CLAIM_LISTS}
        claim = text(form, f"{row}-claim")
        if claim or any(lists.values()):
            yield {"claim": claim, **lists}


CLAIM_LISTS = (("needsAny", "needs"), ("states", "states"), ("same", "same"))


# -- parts of it


def rows(form: Mapping[str, str], name: str, without: str) -> list[str]:
    """The rows of a list in their order: `topics-0`."""
    found = {int(match[2]) for key in form if (match := ROW.match(key)) and match[1] == name}
    return [row for place in sorted(found) if (row := f"{name}-{place}") != without]


def both(form: Mapping[str, str], row: str) -> dict[str, Any]:
    return {**side("input", text(form, f"{row}-input")), **side("output", text(form, f"{row}-output"))}


def side(name: str, state: str) -> dict[str, Any]:
    return {f"{name}Action": whole(state), f"{name}Enabled": state != OFF}


def whole(state: str) -> str:
    """The action of a state; what is off does nothing."""
    return "NONE" if state == OFF else state


def text(form: Mapping[str, str], name: str) -> str:
    """Without the line ends of browsers."""
    return form.get(name, "").replace("\r\n", "\n").strip()


def parts(form: Mapping[str, str], name: str) -> list[str]:
    return [part.strip() for part in PARTS.split(form.get(name, "")) if part.strip()]


def number(written: str) -> Any:
    """As it was written where it is none."""
    try:
        return float(written.replace(",", "."))
    except ValueError:
        return written
