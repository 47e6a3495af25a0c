"""A version's JSON, good or not, as the editor's rows and cells, each with what is wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from guardrails.config import BLOCKED_INPUT, BLOCKED_OUTPUT, ContentType, Problem
from guardrails.draft_posted import CLAIM_LISTS, OFF, WordGroup
from guardrails.pii import GRADES
from guardrails.wording import CONTENT, GROUNDING, PII_GROUPS, PII_NAMES

INDEX = re.compile(r"\[(\d+)\]$")
DEFAULT_THRESHOLD = {"GROUNDING": 0.3, "RELEVANCE": 0.1}


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One control: `name` is the field's, `label` stands before it; `row` says which of several rows it is in."""

    name: str
    value: Any
    label: str
    errors: list[str] = field(default_factory=list)
    row: str = ""

    @property
    def id(self) -> str:
        return f"f-{self.name.replace('.', '-')}"


class Rows:
    """The whole editor. `wrong` are the cells with errors; `other` is what is wrong in no cell."""

    def __init__(
        self, data: Mapping[str, Any], problems: Sequence[Problem] = (), groups: Sequence[WordGroup] | None = None
    ) -> None:
        self.data = data
        self.problems = list(problems)
        self.wrong: list[Cell] = []
        self.content = [self._content_row(name) for name in ContentType]
        self.topics = [self._topic_row(place, rule) for place, rule in enumerate(self._list("topicPolicy", "topics"))]
        words = self._list("wordPolicy", "words")
        self.words = list(self._word_rows(groups_of(words) if groups is None else groups))
        self.profanity = self._profanity_row()
        self.entities = [
            {"name": name, "rows": [self._entity_row(each) for each in names]} for name, names in PII_GROUPS
        ]
        regexes = self._list("sensitiveInformationPolicy", "regexes")
        self.regexes = [self._regex_row(place, rule) for place, rule in enumerate(regexes)]
        self.grounding = [self._grounding_row(name) for name in GROUNDING]
        self.claims = self._claims()
        self.claim_rules = [
            self._claim_rule_row(place, rule) for place, rule in enumerate(self._list("claimPolicy", "rules"))
        ]
        self.tools = self._tools()
        self.judge = self._judge()
        self.messages = self._messages()
        self.other = [f"{problem.path}: {problem.message}" for problem in self.problems]

    @property
    def errors(self) -> int:
        return len(self.wrong) + len(self.other)

    @property
    def is_strict_without_judge(self) -> bool:
        return not self.judge["enabled"].value

    # -- section by section

    def _content_row(self, name: ContentType) -> dict[str, Any]:
        path, rule = self._of_type("contentPolicy", "filters", name)
        title, help_text = CONTENT[name]
        row: dict[str, Any] = {"type": str(name), "title": title, "help": help_text}
        for way, whose in WAYS:
            # What says nothing of its strength is off, and would begin in the middle.
            strength = rule.get(f"{way}Strength", "NONE")
            state = OFF if strength == "NONE" else state_of(rule, way)
            base = f"content.{name}"
            shown = "MEDIUM" if strength == "NONE" else strength
            row[f"{way}_strength"] = self._cell(
                f"{base}.{way}_strength", shown, f"{title}, {whose}, strength", f"{path}.{way}Strength"
            )
            row[way] = self._cell(f"{base}.{way}", state, f"{title}, {whose}", f"{path}.{way}Action")
        return row

    def _topic_row(self, place: int, rule: Any) -> dict[str, Any]:
        path, base = f"topicPolicyConfig.topicsConfig[{place}]", f"topics-{place}"
        rule = rule if isinstance(rule, Mapping) else {}
        examples, row = rule.get("examples", []), f"Topic {place + 1}"
        return {
            "row": base,
            "number": place + 1,
            "name": self._cell(f"{base}-name", rule.get("name", ""), "Name", f"{path}.name", row),
            "definition": self._cell(
                f"{base}-definition", rule.get("definition", ""), "Definition", f"{path}.definition", row
            ),
            "examples": self._cell(
                f"{base}-examples", "\n".join(map(str, examples)), "Examples, one a line", f"{path}.examples", row
            ),
            **self._sides(base, rule, path, row),
        }

    def _word_rows(self, groups: Sequence[WordGroup]) -> Iterator[dict[str, Any]]:
        first = 0
        for place, group in enumerate(groups):
            base, words = f"words-{place}", group.words
            places = {f"wordPolicyConfig.wordsConfig[{first + at}].text": word for at, word in enumerate(words)}
            mine = [problem for problem in self.problems if problem.path in places]
            found = [f"“{places[problem.path][:40]}”: {problem.message}" for problem in mine]
            self.problems = [problem for problem in self.problems if problem.path not in places]
            row = f"List {place + 1}"
            texts = Cell(
                name=f"{base}-texts", value=group.texts, label="Words and phrases, one a line", errors=found, row=row
            )
            self.wrong += [texts] if found else []
            yield {
                "row": base,
                "number": place + 1,
                "count": len(words),
                "texts": texts,
                "input": Cell(name=f"{base}-input", value=group.input, label=f"{row}, messages"),
                "output": Cell(name=f"{base}-output", value=group.output, label=f"{row}, replies"),
            }
            first += len(words)

    def _profanity_row(self) -> dict[str, Any]:
        path, rule = self._of_type("wordPolicy", "managedWordLists", "PROFANITY")
        return self._sides("profanity", rule, path, "Profanity", joined_by=".")

    def _entity_row(self, name: str) -> dict[str, Any]:
        path, rule = self._of_type("sensitiveInformationPolicy", "piiEntities", name)
        title = PII_NAMES[name]
        sides = self._sides(f"pii.{name}", rule, path, title, joined_by=".", otherwise=str(rule.get("action", "BLOCK")))
        return {"type": name, "title": title, "grade": GRADES.get(name), **sides}

    def _regex_row(self, place: int, rule: Any) -> dict[str, Any]:
        path, base = f"sensitiveInformationPolicyConfig.regexesConfig[{place}]", f"regexes-{place}"
        rule, row = rule if isinstance(rule, Mapping) else {}, f"Pattern {place + 1}"
        texts = {
            key: self._cell(f"{base}-{key}", rule.get(key, ""), key.capitalize(), f"{path}.{key}", row)
            for key in ("name", "pattern", "description")
        }
        sides = self._sides(base, rule, path, row, otherwise=str(rule.get("action", "BLOCK")))
        return {"row": base, "number": place + 1, **texts, **sides}

    def _grounding_row(self, name: str) -> dict[str, Any]:
        path, rule = self._of_type("contextualGroundingPolicy", "filters", name)
        title, help_text = GROUNDING[name]
        base, state = f"grounding.{name}", OFF
        if rule and rule.get("enabled", True):
            state = str(rule.get("action", "BLOCK"))
        threshold = rule.get("threshold", DEFAULT_THRESHOLD[name])
        return {
            "title": title,
            "help": help_text,
            "threshold": self._cell(f"{base}.threshold", plain(threshold), f"{title}, threshold", f"{path}.threshold"),
            "state": self._cell(f"{base}.state", state, title, f"{path}.action"),
        }

    def _claims(self) -> dict[str, Any]:
        section = self._section("claimPolicy")
        found: dict[str, Any] = {
            name: self._cell(
                f"claims.{name}", state_of(section, name), name.capitalize(), f"claimPolicyConfig.{name}Action"
            )
            for name in ("values", "claims")
        }
        hosts = section.get("allowedHosts", [])
        found["hosts"] = self._cell(
            "claims.hosts",
            "\n".join(map(str, hosts)),
            "Hosts that replies may link to",
            "claimPolicyConfig.allowedHosts",
        )
        return found

    def _claim_rule_row(self, place: int, rule: Any) -> dict[str, Any]:
        path, base = f"claimPolicyConfig.rulesConfig[{place}]", f"claims-{place}"
        rule, row = rule if isinstance(rule, Mapping) else {}, f"Rule {place + 1}"
        lists = {
            name: self._cell(f"{base}-{name}", ", ".join(rule.get(key, [])), CLAIM_LABELS[name], f"{path}.{key}", row)
            for key, name in CLAIM_LISTS
        }
        claim = self._cell(f"{base}-claim", rule.get("claim", ""), "Claim", f"{path}.claim", row)
        return {"row": base, "number": place + 1, "claim": claim, **lists}

    def _tools(self) -> dict[str, Any]:
        section, path = self._section("toolPolicy"), "toolPolicyConfig"
        strength = section.get("resultsStrength", "MEDIUM")
        shown = "MEDIUM" if strength == "NONE" else strength
        results = OFF if strength == "NONE" else state_of(section, "results")
        return {
            "results": self._cell("tools.results", results, "Results", f"{path}.resultsAction"),
            "strength": self._cell("tools.strength", shown, "Results, strength", f"{path}.resultsStrength"),
            "arguments": self._cell(
                "tools.arguments", state_of(section, "arguments"), "Arguments", f"{path}.argumentsAction"
            ),
        }

    def _judge(self) -> dict[str, Any]:
        section, path = self._section("judgePolicy"), "judgePolicyConfig"

        def cell(name: str, key: str, value: Any, label: str) -> Cell:
            return self._cell(f"judge.{name}", value, label, f"{path}.{key}")

        doubt = "In doubt: something was seen, and not clearly enough to act"
        return {
            "enabled": cell("enabled", "enabled", section.get("enabled") is True, "Ask a judge"),
            "model": cell("model", "modelId", section.get("modelId", ""), "Model"),
            "on_doubt": cell("on_doubt", "onDoubt", section.get("onDoubt", True) is True, doubt),
            "sample": cell(
                "sample", "samplePercent", plain(section.get("samplePercent", 0)), "And for the rest, per cent"
            ),
            "fail": cell("fail", "failMode", section.get("failMode", "OPEN"), "Where it gives no answer"),
            "seconds": cell("seconds", "timeoutSeconds", plain(section.get("timeoutSeconds", 4)), "Seconds to answer"),
        }

    def _messages(self) -> dict[str, Any]:
        sent, said = (self.data.get(name) for name in ("blockedInputMessaging", "blockedOutputsMessaging"))
        return {
            "input": self._cell(
                "messages.input",
                BLOCKED_INPUT if sent is None else sent,
                "Instead of answering a blocked message",
                "blockedInputMessaging",
            ),
            "output": self._cell(
                "messages.output",
                BLOCKED_OUTPUT if said is None else said,
                "Instead of a blocked reply",
                "blockedOutputsMessaging",
            ),
        }

    # -- parts of it

    def _sides(
        self,
        base: str,
        rule: Mapping[str, Any],
        path: str,
        label: str,
        *,
        joined_by: str = "-",
        otherwise: str = "BLOCK",
    ) -> dict[str, Cell]:
        return {
            way: self._cell(
                f"{base}{joined_by}{way}",
                state_of(rule, way, otherwise) if rule else OFF,
                f"{label}, {whose}",
                f"{path}.{way}Action",
            )
            for way, whose in WAYS
        }

    def _cell(self, name: str, value: Any, label: str, path: str, row: str = "") -> Cell:
        """With the problems of the path and of what is below it, which are taken."""
        mine = [problem for problem in self.problems if problem.path == path or problem.path.startswith(f"{path}[")]
        errors = [in_line(problem, path) for problem in mine]
        self.problems = [problem for problem in self.problems if problem not in mine]
        cell = Cell(name=name, value=value, label=label, errors=errors, row=row)
        self.wrong += [cell] if errors else []
        return cell

    def _section(self, name: str) -> Mapping[str, Any]:
        found = self.data.get(f"{name}Config")
        return found if isinstance(found, Mapping) else {}

    def _list(self, section: str, name: str) -> list[Any]:
        found = self._section(section).get(f"{name}Config")
        return found if isinstance(found, list) else []

    def _of_type(self, section: str, name: str, type_: str) -> tuple[str, Mapping[str, Any]]:
        """The rule of a kind of which there is one, and its path; nothing where it is left out."""
        for place, rule in enumerate(self._list(section, name)):
            if isinstance(rule, Mapping) and rule.get("type") == type_:
                return f"{section}Config.{name}Config[{place}]", rule
        return "?", {}


WAYS = (("input", "messages"), ("output", "replies"))
CLAIM_LABELS = {
    "needs": "Borne out by one of these tools",
    "states": "Or by one of these states",
    "same": "Must agree on",
}


def state_of(rule: Mapping[str, Any], way: str, otherwise: str = "BLOCK") -> str:
    """What a direction does as one word: off, or its action."""
    if not rule or not rule.get(f"{way}Enabled", True):
        return OFF
    return str(rule.get(f"{way}Action", otherwise))


def groups_of(words: Sequence[Any]) -> list[WordGroup]:
    """Words that are treated alike, in the order in which each treatment first occurs."""
    found: dict[tuple[str, str], list[str]] = {}
    for word in words:
        if isinstance(word, Mapping):
            key = state_of(word, "input"), state_of(word, "output")
            found.setdefault(key, []).append(str(word.get("text", "")))
    return [WordGroup(texts="\n".join(texts), input=sent, output=said) for (sent, said), texts in found.items()]


def plain(value: Any) -> str:
    return str(value).removesuffix(".0") if isinstance(value, float) else str(value)


def in_line(problem: Problem, path: str) -> str:
    """With its line where the problem is one of several."""
    found = INDEX.search(problem.path)
    if problem.path != path and found:
        return f"Line {int(found[1]) + 1}: {problem.message}"
    return problem.message
