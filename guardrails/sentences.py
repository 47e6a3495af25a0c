"""A guardrail read out: one line for each rule that does anything, which is also what two versions are compared by."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import groupby

from guardrails.config import Action, Claims, Config, ContentFilter, Judge, Side, TwoSided
from guardrails.findings import Confidence
from guardrails.wording import ACTS_FROM, CONTENT, DONE, GROUNDING, PII_GROUPS, PII_NAMES

# Of content that is no attack the local tier sees what is plain; an attack has its signs in the words.
JUDGED_TYPES = frozenset({"HATE", "INSULTS", "SEXUAL", "VIOLENCE", "MISCONDUCT"})
ORDER = {name: place for place, name in enumerate(name for _, names in PII_GROUPS for name in names)}
CLAIM_PARTS = (("needs one of", "needs_any"), ("or the state", "states"), ("agrees on", "same"))


@dataclass(frozen=True, kw_only=True)
class Line:
    """`key` is the same for the same rule in every version. `words` say what it does, `detail` by what: a definition, a
    pattern, a list of words, one a line."""

    key: str
    section: str
    name: str
    words: str
    detail: str = ""
    is_mono: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    name: str
    lines: list[Line]


def sections_of(config: Config) -> list[Section]:
    return [
        Section(name=name, lines=list(lines)) for name, lines in groupby(lines_of(config), lambda line: line.section)
    ]


def lines_of(config: Config) -> Iterator[Line]:
    """In the order of the editor; what is off in both directions is left out."""
    yield from content_lines(config)
    yield from topic_lines(config)
    yield from word_lines(config)
    yield from entity_lines(config)
    yield from regex_lines(config)
    yield from grounding_lines(config)
    yield from claim_lines(config.claims)
    yield from tool_lines(config)
    yield from judge_lines(config.judge)
    yield Line(key="message:input", section="Messages", name="Instead of a message", words=config.blocked_input)
    yield Line(key="message:output", section="Messages", name="Instead of a reply", words=config.blocked_output)


def notices_of(config: Config, ready_models: Collection[str]) -> list[str]:
    """What the guardrail asks for and cannot have without the judge. `ready_models` are those that could be asked."""
    if config.judge.enabled and config.judge.model in ready_models:
        return []
    strict = [CONTENT[rule.type][0] for rule in config.filters if rule.type in JUDGED_TYPES and is_strict(rule)]
    found = []
    if config.judge.enabled:
        found.append(f"The judge is on, and {config.judge.model} cannot be asked: it is off, or has no key.")
    found += [f"HIGH for {name} needs the judge; without one it acts on what patterns see." for name in strict]
    if config.topics:
        found.append("Denied topics are told by their words alone; what is said in other words needs the judge.")
    return found


def is_strict(rule: ContentFilter) -> bool:
    return any(side.enabled and side.strength is Confidence.HIGH for side in (rule.input, rule.output))


# -- section by section


def content_lines(config: Config) -> Iterator[Line]:
    for rule in sorted(config.filters, key=lambda rule: list(CONTENT).index(rule.type)):
        sent, said = (strength_words(side) for side in (rule.input, rule.output))
        if sent or said:
            name = CONTENT[rule.type][0]
            yield Line(key=f"content:{rule.type}", section="Content filters", name=name, words=both(sent, said))


def strength_words(side: Side) -> str:
    if not side.enabled or side.strength is Confidence.NONE:
        return ""
    return f"{DONE[side.action]} from {ACTS_FROM[side.strength]} confidence up"


def topic_lines(config: Config) -> Iterator[Line]:
    for rule in config.topics:
        detail = "\n".join([rule.definition, *(f"“{example}”" for example in rule.examples)])
        words = sides_words(rule) or "Off."
        yield Line(key=f"topic:{rule.name}", section="Denied topics", name=rule.name, words=words, detail=detail)


def word_lines(config: Config) -> Iterator[Line]:
    for rule in config.word_lists:
        if words := sides_words(rule):
            yield Line(key=f"list:{rule.type}", section="Words", name="Profanity, the managed list", words=words)
    groups: dict[str, list[str]] = {}
    for word in config.words:
        groups.setdefault(sides_words(word) or "Off.", []).append(word.text)
    for words, texts in groups.items():
        name = f"{len(texts):,} words and phrases" if len(texts) > 1 else "One word or phrase"
        yield Line(key=f"words:{words}", section="Words", name=name, words=words, detail="\n".join(texts))


def entity_lines(config: Config) -> Iterator[Line]:
    for rule in sorted(config.entities, key=lambda rule: ORDER[rule.type]):
        if words := sides_words(rule):
            yield Line(key=f"pii:{rule.type}", section="Personal data", name=PII_NAMES[rule.type], words=words)


def regex_lines(config: Config) -> Iterator[Line]:
    for rule in config.regexes:
        detail = "\n".join(filter(None, [rule.pattern, rule.description]))
        words = sides_words(rule) or "Off."
        yield Line(
            key=f"regex:{rule.name}", section="Patterns", name=rule.name, words=words, detail=detail, is_mono=True
        )


def grounding_lines(config: Config) -> Iterator[Line]:
    for rule in sorted(config.grounding, key=lambda rule: rule.type):
        if rule.enabled:
            name = GROUNDING[rule.type][0]
            words = f"Replies below {rule.threshold:.2f} are {DONE[rule.action]}."
            yield Line(key=f"grounding:{rule.type}", section="Grounding", name=name, words=words)


def claim_lines(claims: Claims) -> Iterator[Line]:
    section = "Claims and values"
    if claims.values.enabled:
        words = (
            f"Amounts, dates, numbers and links in replies that no source bears out are {DONE[claims.values.action]}."
        )
        yield Line(key="claims:values", section=section, name="Values", words=words)
    if claims.claims.enabled:
        words = f"Replies that say something was or will be done, and it was not, are {DONE[claims.claims.action]}."
        yield Line(key="claims:claims", section=section, name="Claims", words=words)
    for rule in claims.rules:
        parts = [(words, getattr(rule, name)) for words, name in CLAIM_PARTS]
        words = "; ".join(f"{words} {', '.join(values)}" for words, values in parts if values) or "nothing bears it out"
        yield Line(key=f"claim:{rule.claim}", section=section, name=f"“{rule.claim}”", words=sentence(words))
    if claims.hosts:
        words = f"Replies may link to {', '.join(claims.hosts)}."
        yield Line(key="claims:hosts", section=section, name="Links", words=words)


def tool_lines(config: Config) -> Iterator[Line]:
    results, arguments = config.tools.results, config.tools.arguments
    if words := strength_words(results):
        does = words.replace("blocked", "withheld from the agent")
        words = f"Instructions to the agent in what a tool returns are {does}."
        yield Line(key="tools:results", section="Tool traffic", name="Results", words=words)
    if arguments.enabled:
        does = "refused" if arguments.action is Action.BLOCK else DONE[arguments.action]
        words = f"Calls whose arguments hold secrets or guarded personal data are {does}."
        yield Line(key="tools:arguments", section="Tool traffic", name="Arguments", words=words)


def judge_lines(judge: Judge) -> Iterator[Line]:
    if judge.enabled:
        when = ["for filters of strength HIGH and denied topics", *(["in doubt"] if judge.on_doubt else [])]
        when += [f"for {judge.sample_percent:g} % of the rest"] if judge.sample_percent else []
        late = "blocks" if judge.is_fail_closed else "lets through"
        words = f"Asks {judge.model} {', '.join(when)}; after {judge.seconds:g} s without an answer it {late}."
        yield Line(key="judge", section="Judge", name="Second tier", words=words)


# -- words of the two directions


def sides_words(rule: TwoSided) -> str:
    sent, said = (DONE[side.action] if side.enabled else "" for side in (rule.input, rule.output))
    return both(sent, said) if sent or said else ""


def both(sent: str, said: str) -> str:
    """Empty for a direction that is off."""
    if sent == said:
        done, _, how = sent.partition(" ")
        return sentence(f"{done} in messages and replies{f', {how}' if how else ''}")
    if sent and said:
        return f"Messages: {sent}. Replies: {said}."
    done, _, how = (sent or said).partition(" ")
    where = "messages" if sent else "replies"
    return sentence(f"{done} in {where}{f', {how}' if how else ''}; {'replies' if sent else 'messages'} pass")


def sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}."
