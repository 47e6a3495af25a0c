"""Our detectors beside Presidio's, on the same labelled sentences, by the same rule, with the time of both.

    python -m tests.quality.presidio SENTENCES.jsonl [MESSAGES.jsonl]

Each line of SENTENCES has `text` and `spans` with `entity` (Presidio's name), `start` and `end`; each line of MESSAGES
has a `text` without any of it. It needs presidio-analyzer beside phonenumbers and python-stdnum, in an environment of
its own: the product does not depend on it. Nothing is written but the table, which is Markdown.
"""

from __future__ import annotations

import importlib.util
import json
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from guardrails.pii import find_pii

Span = tuple[str, int, int]  # entity, start, end
Find = Callable[[str], list[Span]]
# Presidio's name for an entity, and ours.
NAMES = {
    "CREDIT_CARD": "CREDIT_DEBIT_CARD_NUMBER",
    "EMAIL_ADDRESS": "EMAIL",
    "IBAN_CODE": "INTERNATIONAL_BANK_ACCOUNT_NUMBER",
    "IP_ADDRESS": "IP_ADDRESS",
    "MAC_ADDRESS": "MAC_ADDRESS",
    "US_SSN": "US_SOCIAL_SECURITY_NUMBER",
    "US_ITIN": "US_INDIVIDUAL_TAX_IDENTIFICATION_NUMBER",
    "US_PASSPORT": "US_PASSPORT_NUMBER",
    "US_DRIVER_LICENSE": "DRIVER_ID",
    "US_BANK_NUMBER": "US_BANK_ACCOUNT_NUMBER",
    "UK_NHS": "UK_NATIONAL_HEALTH_SERVICE_NUMBER",
    "UK_NINO": "UK_NATIONAL_INSURANCE_NUMBER",
    "URL": "URL",
    "PHONE_NUMBER": "PHONE",
    "STREET_ADDRESS": "ADDRESS",
    "PERSON": "NAME",
    "AGE": "AGE",
}
LABELS = {**NAMES, "DOMAIN_NAME": "URL"}
# What a guardrail would have on from the first day: weak forms apart.
STRONG = frozenset(NAMES.values()) - {"ADDRESS", "NAME", "AGE"}
CARDS_AND_PHONES = frozenset({"CREDIT_DEBIT_CARD_NUMBER", "PHONE"})
TIMED_WORDS, REPEATS, MOST_TEXTS = 200, 15, 25


@dataclass(frozen=True, kw_only=True)
class Case:
    text: str
    spans: list[Span]


@dataclass(kw_only=True)
class Count:
    """`labelled` spans, those of them that a hit overlaps, hits, and those of them that overlap a label."""

    labelled: int = 0
    caught: int = 0
    hits: int = 0
    right: int = 0

    @property
    def recall(self) -> str:
        return f"{self.caught / self.labelled:.2f}" if self.labelled else "\u2013"

    @property
    def precision(self) -> str:
        return f"{self.right / self.hits:.2f}" if self.hits else "\u2013"


def main(arguments: Sequence[str]) -> int:
    if not arguments:
        return fail(__doc__ or "")
    if importlib.util.find_spec("presidio_analyzer") is None:
        return fail("presidio-analyzer is not installed here: the comparison needs it.\n")
    cases = read_cases(Path(arguments[0]))
    messages = read_texts(Path(arguments[1])) if len(arguments) > 1 else []
    finders: dict[str, Find] = {"ours": find_ours, "Presidio": presidio()}
    lines = [*table_of_entities(cases, finders), "", *table_of_the_rest(cases, messages, finders)]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def fail(message: str) -> int:
    sys.stderr.write(message)
    return 2


# -- the two


def find_ours(text: str, types: frozenset[str] = frozenset(NAMES.values())) -> list[Span]:
    return [(one.type, one.start, one.end) for one in find_pii(text, types)]


def presidio() -> Find:
    """Presidio's English registry over a tokenizer without a model: names and places are beyond it then."""
    spacy: Any = import_module("spacy")
    analyzer: Any = import_module("presidio_analyzer")
    nlp_engine: Any = import_module("presidio_analyzer.nlp_engine")
    suffixes: Any = import_module("tldextract.tldextract")
    # The list of endings that it comes with, in place of one from the network.
    suffixes.TLD_EXTRACTOR = suffixes.TLDExtract(suffix_list_urls=())
    blank = spacy.blank("en")

    class Tokens(nlp_engine.NoOpNlpEngine):
        """Lower-cased tokens as lemmas, so that words beside a number count."""

        def process_text(self, text: str, language: str) -> Any:
            words = blank(text)
            return nlp_engine.NlpArtifacts(
                entities=[],
                tokens=words,
                tokens_indices=[word.idx for word in words],
                lemmas=[word.lower_ for word in words],
                nlp_engine=self,
                language=language,
            )

        def is_stopword(self, word: str, language: str) -> bool:
            return bool(blank.vocab[word].is_stop)

        def is_punct(self, word: str, language: str) -> bool:
            return bool(blank.vocab[word].is_punct)

    engine = analyzer.AnalyzerEngine(
        nlp_engine=Tokens(models=[{"lang_code": "en", "model_name": "none"}]), supported_languages=["en"]
    )
    return partial(find_presidio, engine, sorted(set(NAMES) & set(engine.get_supported_entities("en"))))


def find_presidio(engine: Any, entities: list[str], text: str) -> list[Span]:
    """At the threshold 0.35, which its own documentation uses."""
    results = engine.analyze(text=text, language="en", entities=entities, score_threshold=0.35)
    return [(NAMES[one.entity_type], one.start, one.end) for one in results]


# -- quality


def read_cases(path: Path) -> list[Case]:
    rows = (json.loads(line) for line in path.read_text(encoding="utf-8").splitlines())
    return [
        Case(
            text=row["text"],
            spans=[
                (LABELS[span["entity"]], span["start"], span["end"])
                for span in row["spans"]
                if span["entity"] in LABELS
            ],
        )
        for row in rows
    ]


def read_texts(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def table_of_entities(cases: Sequence[Case], finders: dict[str, Find]) -> list[str]:
    counts = {name: count(cases, find) for name, find in finders.items()}
    labelled = {entity: one.labelled for entity, one in counts["ours"].items()}
    lines = [
        "| entity | spans | ours: recall | precision | Presidio: recall | precision |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for entity in sorted(labelled, key=lambda name: (-labelled[name], name)):
        ours, theirs = counts["ours"][entity], counts["Presidio"][entity]
        figures = (labelled[entity], ours.recall, ours.precision, theirs.recall, theirs.precision)
        lines.append(f"| {entity} | {' | '.join(map(str, figures))} |")
    return lines


def count(cases: Iterable[Case], find: Find) -> dict[str, Count]:
    """By entity, of all that are labelled or found. A hit and a label agree where they overlap."""
    counts: dict[str, Count] = defaultdict(Count)
    for case in cases:
        hits = find(case.text)
        for span in case.spans:
            counts[span[0]].labelled += 1
            counts[span[0]].caught += any(overlap(span, hit) for hit in hits)
        for hit in hits:
            counts[hit[0]].hits += 1
            counts[hit[0]].right += any(overlap(span, hit) for span in case.spans)
    return counts


def overlap(one: Span, other: Span) -> bool:
    return one[0] == other[0] and one[1] < other[2] and other[1] < one[2]


# -- false alarms and time


def table_of_the_rest(cases: Sequence[Case], messages: Sequence[str], finders: dict[str, Find]) -> list[str]:
    lines = ["| | ours | Presidio |", "| --- | --- | --- |"]
    for label, types in (("strong entities", STRONG), ("cards and phones", CARDS_AND_PHONES)):
        if messages:
            alarms = [per_thousand(messages, find, types) for find in finders.values()]
            lines.append(f"| hits per 1,000 messages without any: {label} | {alarms[0]:.1f} | {alarms[1]:.1f} |")
    for label, texts in (("labelled sentences", [case.text for case in cases]), ("messages", messages)):
        if texts:
            times = [milliseconds(find, of_words(texts)) for find in finders.values()]
            lines.append(f"| ms per {TIMED_WORDS} words of {label}, median | {times[0]:.2f} | {times[1]:.2f} |")
    return lines


def per_thousand(messages: Sequence[str], find: Find, types: frozenset[str]) -> float:
    return 1000 * sum(hit[0] in types for text in messages for hit in find(text)) / len(messages)


def of_words(texts: Sequence[str]) -> list[str]:
    """The texts as pieces of `TIMED_WORDS` words."""
    words = " ".join(texts).split()
    pieces = range(0, len(words) - TIMED_WORDS, TIMED_WORDS)
    return [" ".join(words[start : start + TIMED_WORDS]) for start in pieces][:MOST_TEXTS]


def milliseconds(find: Find, texts: Sequence[str]) -> float:
    taken = []
    for text in texts:
        find(text)
        for _ in range(REPEATS):
            began = time.perf_counter()
            find(text)
            taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
