"""Which cases there are in some folders, and which filters they measure: by their fields, then by the set's name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from guardrails.case_lines import Case, LineProblem, read_lines
from guardrails.measuring import Filter

# The first that fits. A file may hold several sets, named in each line's `set`; their names count before the file's.
BY_NAME = (
    (
        Filter.PROMPT_ATTACK,
        "attack|inject|jailbreak|prompt|tensor.?trust|agentdojo|garak|wild|bipia|deepset|cybersec|pint|llm.?guard",
    ),
    (Filter.CONTENT, "tox|hate|abuse|insult|threat|slur|surge|moderation|openai|profan|content"),
    (Filter.PII, "pii|presidio|personal"),
)
NOT_TEXTS = re.compile(r"xss|ssrf|markup|html|url")
TEXTS = (Filter.PROMPT_ATTACK, Filter.CONTENT, Filter.PII)
SUFFIXES = (".jsonl", ".ndjson")
OTHER_DATA = (".json", ".csv", ".tsv", ".txt", ".parquet", ".gz")


@dataclass(frozen=True, kw_only=True)
class QualitySet:
    """`filters` are what it measures. `is_ordinary`: it has neither labels nor spans, so that whatever acts on it is a
    false alarm. `unlabelled` lines of a set with labels are left out of its figures."""

    name: str
    path: Path
    cases: list[Case]
    filters: tuple[Filter, ...]
    is_ordinary: bool = False
    unlabelled: int = 0


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    path: Path
    why: str


@dataclass(frozen=True, kw_only=True)
class Found:
    sets: list[QualitySet] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    malformed: dict[Path, list[LineProblem]] = field(default_factory=dict)


class NoSuchFolder(Exception):
    """A folder that was named is not there; the message names it."""


def find_sets(folders: Iterable[Path]) -> Found:
    """Raises `NoSuchFolder`. A file may be named as well as a folder."""
    found = Found()
    for folder in folders:
        for path in files_of(folder):
            if path.suffix in SUFFIXES:
                read_file(path, found)
            else:
                found.left_out.append(LeftOut(path=path, why=f"Lines of JSON are read from {' and '.join(SUFFIXES)}."))
    return found


def files_of(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    if not folder.is_dir():
        raise NoSuchFolder(f"There is no folder {folder}.")
    return sorted(path for path in folder.rglob("*") if path.suffix in (*SUFFIXES, *OTHER_DATA) and path.is_file())


def read_file(path: Path, found: Found) -> None:
    with path.open("rb") as source:
        lines = read_lines(source)
    if NOT_TEXTS.search(path.stem.casefold()):
        why = "Markup or addresses: what the sanitiser and the network guard are tested with."
        found.left_out.append(LeftOut(path=path, why=why))
        return
    if lines.problems and not lines.cases:
        first = lines.problems[0]
        why = f"No line of it is a case. Line {first.line}: {first.message}"
        found.left_out.append(LeftOut(path=path, why=why))
        return
    if lines.problems:
        found.malformed[path] = lines.problems
    for name, cases in by_set(path, lines.cases).items():
        found.sets.append(set_of(name, path, cases))


def by_set(path: Path, cases: Sequence[Case]) -> dict[str, list[Case]]:
    """Under the file's name, or the file's and the set's."""
    grouped: dict[str, list[Case]] = {}
    for case in cases:
        grouped.setdefault(f"{path.stem}/{case.of}" if case.of else path.stem, []).append(case)
    return grouped


def set_of(name: str, path: Path, cases: list[Case]) -> QualitySet:
    labelled = [case for case in cases if case.label is not None]
    if any(case.source for case in cases):
        kept = [case for case in labelled if case.source]
        filters: tuple[Filter, ...] = (Filter.GROUNDING,)
    elif any(case.spans is not None for case in cases):
        kept = [case for case in cases if case.spans is not None]
        filters = (Filter.PII,)
    elif labelled:
        kept, filters = labelled, by_name(name)
    else:
        return QualitySet(name=name, path=path, cases=cases, filters=TEXTS, is_ordinary=True)
    return QualitySet(name=name, path=path, cases=kept, filters=filters, unlabelled=len(cases) - len(kept))


def by_name(name: str) -> tuple[Filter, ...]:
    """Of a set of texts with labels; one whose name tells nothing is taken for attacks and for content."""
    for part in reversed(name.casefold().split("/")):
        for kind, words in BY_NAME:
            if re.search(words, part):
                return (kind,)
    return (Filter.PROMPT_ATTACK, Filter.CONTENT)
