"""The judge's word on top of the local tier's, and what holds where it gives none."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

from guardrails.checks import Assessment, Hit, Taken, check_text, leaves_of, taken_of, withheld_leaf
from guardrails.compiled import Guard
from guardrails.config import Action
from guardrails.evidence import Evidence
from guardrails.findings import Confidence, Context, Direction
from guardrails.judge import Ask, Judge, NoVerdict, is_wanted, is_wanted_of_result
from guardrails.judge.wanted import STRICT_TYPES, is_on


class SecondTier:
    """One turn's judge; without one in the version's rules every assessment stays as it is."""

    def __init__(self, guard: Guard, ask: Ask) -> None:
        self._guard = guard
        self._judge = Judge(guard, ask)

    def judged(self, assessment: Assessment, evidence: Evidence | None = None) -> Assessment:
        """The assessment with what the judge found; `assessment` is of a whole message or reply."""
        config, text, direction = self._guard.config, assessment.seen, assessment.direction
        if assessment.taken is Taken.BLOCKED:
            return assessment
        if not is_wanted(config, assessment.doubts, text=text, direction=direction):
            return assessment
        began = time.perf_counter()
        sources = tuple(as_text(source.value) for source in evidence.sources) if evidence else ()
        context = Context(direction=direction, query=evidence.query if evidence else "", sources=sources)
        try:
            found = self._judge.check(text, context)
        except NoVerdict as error:
            return without_verdict(assessment, error, is_closed=self._judge.is_fail_closed)
        again = check_text(self._guard, text, direction, evidence=evidence, more=found)
        return replace(again, ms=assessment.ms + (time.perf_counter() - began) * 1000)

    def judged_result(self, result: Any, assessment: Assessment) -> tuple[Any, Assessment]:
        """A tool's result, where the judge says that it speaks to the agent without the text that does."""
        text = as_text(result)
        if not is_wanted_of_result(self._guard.config, assessment.doubts, text=text):
            return result, assessment
        try:
            found = self._judge.check_result(text)
        except NoVerdict as error:
            # What a write then needs is for the policies to say: the result is untrusted in any case.
            return result, without_verdict(assessment, error, is_closed=False)
        side = self._guard.config.tools.results
        hits = [
            Hit(finding=finding, action=side.action) for finding in found if finding.confidence.reaches(side.strength)
        ]
        if side.action is Action.BLOCK:
            for hit in hits:
                result = withheld_leaf(result, leaf_with(result, hit.finding.text_of(text)))
        placed = tuple(Hit(finding=replace(hit.finding, start=-1, end=-1), action=hit.action) for hit in hits)
        return result, replace(assessment, hits=(*assessment.hits, *placed))


def without_verdict(assessment: Assessment, error: NoVerdict, *, is_closed: bool) -> Assessment:
    """Noted in any case; a version that is closed lets nothing through."""
    hit = Hit(finding=error.finding, action=Action.BLOCK if is_closed else Action.NONE)
    hits = (*assessment.hits, hit)
    return replace(assessment, hits=hits, taken=taken_of(hits))


def leaf_with(value: Any, quote: str) -> str:
    """The text that the judge quoted from, or the longest one: instructions are sentences, values are not."""
    leaves = list(leaves_of(value))
    quoted = [leaf for leaf in leaves if quote and quote in json.dumps(leaf, ensure_ascii=False)]
    return max(quoted or leaves, key=len, default="")


def as_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def guard_judges(guard: Guard) -> bool:
    return is_on(guard.config.judge)


def may_be_judged(guard: Guard) -> bool:
    """Whether any reply may be read by the judge as a whole: then no part of it is shown before."""
    way, judge = guard.ways[Direction.OUTPUT], guard.config.judge
    is_strict = any(way.filters[name].strength is Confidence.HIGH for name in STRICT_TYPES & way.filters.keys())
    has_topics = any(topic.output.enabled for topic in guard.config.topics)
    return is_on(judge) and (is_strict or has_topics or judge.sample_percent > 0)
