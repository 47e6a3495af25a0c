"""A guardrail's version made ready to run, kept by the process.

A numbered version never changes and is read once; which one is the newest is asked again every two seconds, so a rule
that is mended holds everywhere soon. No check waits for the database but the first.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass
from uuid import UUID

from guardrails.config import Action, Config, ContentFilter, PiiEntity, Side
from guardrails.findings import Direction
from guardrails.models import Guardrail, GuardrailVersion
from guardrails.reading import read_config
from guardrails.regexes import Regexes
from guardrails.standard import standard_config
from guardrails.topics import Topics
from guardrails.words import Words

logger = logging.getLogger(__name__)
CACHE_SECONDS = 2.0
PROMPT_ATTACK = "PROMPT_ATTACK"


@dataclass(frozen=True, kw_only=True)
class OneWay:
    """The rules of one direction, with the side of each; what is switched off is not in it."""

    filters: dict[str, Side]
    entities: dict[str, Side]
    topics: Topics
    words: Words
    regexes: Regexes
    sides: dict[str, Side]  # of topics, words and regexes, by `Finding.rule`

    @property
    def content_types(self) -> list[str]:
        return [name for name in self.filters if name != PROMPT_ATTACK]


@dataclass(frozen=True, kw_only=True)
class Guard:
    """`id` and `number` None where it is of no stored version (a draft that is tried, a text that is imported)."""

    config: Config
    ways: dict[Direction, OneWay]
    # What enters no prompt and no trace as it is: entities masked or blocked on their way in.
    guarded: frozenset[str]
    id: UUID | None = None
    name: str = ""
    number: int | None = None

    @property
    def label(self) -> str:
        return "DRAFT" if self.number is None else str(self.number)


def guard_for(config: Config, *, guardrail: Guardrail | None = None, number: int | None = None) -> Guard:
    return Guard(
        config=config,
        ways={direction: one_way(config, direction) for direction in Direction},
        guarded=guarded_entities(config.entities),
        id=guardrail.pk if guardrail else None,
        name=guardrail.name if guardrail else "",
        number=number,
    )


def one_way(config: Config, direction: Direction) -> OneWay:
    topics = [topic for topic in config.topics if topic.side(direction).enabled]
    words = [word for word in config.words if word.side(direction).enabled]
    lists = [words_list for words_list in config.word_lists if words_list.side(direction).enabled]
    regexes = [regex for regex in config.regexes if regex.side(direction).enabled]
    return OneWay(
        filters={rule.type: rule.side(direction) for rule in config.filters if is_on(rule, direction)},
        entities={rule.type: rule.side(direction) for rule in config.entities if rule.side(direction).enabled},
        topics=Topics(topics),
        words=Words([word.text for word in words], is_profanity=bool(lists)),
        regexes=Regexes(regexes),
        sides={
            **{f"topic:{rule.name}": rule.side(direction) for rule in topics},
            **{f"word:{rule.text}": rule.side(direction) for rule in words},
            **{f"word:{rule.type}": rule.side(direction) for rule in lists},
            **{f"regex:{rule.name}": rule.side(direction) for rule in regexes},
        },
    )


def is_on(rule: ContentFilter, direction: Direction) -> bool:
    side = rule.side(direction)
    return side.enabled and side.strength > 0


def acts(side: Side) -> bool:
    return side.enabled and side.action is not Action.NONE


def guarded_entities(entities: tuple[PiiEntity, ...]) -> frozenset[str]:
    return frozenset(entity.type for entity in entities if acts(entity.input))


# -- the stored ones


class Shelf:
    """The versions that this process has read, by their ids, and which of them a name means."""

    def __init__(self) -> None:
        self._versions: dict[UUID, Guard] = {}
        self._named: dict[str, tuple[float, Guard]] = {}
        self._reading = threading.Lock()

    def get(self, name: str) -> Guard:
        """By `slug:number`; the newest version by `slug`; that of the default guardrail by "".

        A name that nothing bears means the default one too: a check is never left out because of a name.
        """
        known = self._named.get(name)
        if known is None:
            return self._read(name)
        if time.monotonic() - known[0] > CACHE_SECONDS and self._reading.acquire(blocking=False):
            # The others go on with what there is: who waits here may hold the last connection of the pool.
            try:
                return self._read(name)
            finally:
                self._reading.release()
        return known[1]

    def forget(self, *, versions: bool = False) -> None:
        self._named = {}
        if versions:  # which never change, but in a test that is rolled back
            self._versions = {}

    def _read(self, name: str) -> Guard:
        version_id = find_version(name)
        if version_id is not None:
            guard = self._versions.get(version_id) or self._read_version(version_id)
        elif name:
            logger.error("there is no guardrail %s; the default one holds in its place", name)
            guard = self.get("")
        else:
            guard = guard_for(read_config(standard_config()))
        self._named[name] = (time.monotonic(), guard)
        return guard

    def _read_version(self, version_id: UUID) -> Guard:
        version = GuardrailVersion.objects.select_related("guardrail").get(pk=version_id)
        guard = guard_for(read_config(version.config), guardrail=version.guardrail, number=version.number)
        self._versions[version_id] = guard
        return guard


def find_version(name: str) -> UUID | None:
    slug, _, number = name.partition(":")
    published = GuardrailVersion.objects.filter(number__isnull=False)
    whose = published.filter(guardrail__slug=slug) if slug else published.filter(guardrail__is_default=True)
    if number:
        whose = whose.filter(number=int(number)) if number.isdecimal() and len(number) < 10 else whose.none()
    return whose.order_by("-number").values_list("pk", flat=True).first()


shelf = Shelf()


def guard_of(name: str = "") -> Guard:
    """As `AgentVersion.guardrail` names it."""
    return shelf.get(name)


def forget() -> None:
    """What is newest is asked again at once: after a version was published here."""
    shelf.forget()
