"""Labelled sets in the database: brought in from lines of JSON, added to from violations, and taken out again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import BinaryIO
from uuid import UUID

from django.db import transaction

from guardrails.case_lines import Case, LineProblem, Lines, Span, as_line, read_lines
from guardrails.models import LabelledCase, LabelledSet

MOST_LINES = 20_000
MOST_BYTES = 10_000_000
MOST_PROBLEMS = 20
WRITE_AT_ONCE = 1_000
Measures = LabelledSet.Measures
WANTED = {
    Measures.CONTENT: "a text and a label",
    Measures.PROMPT_ATTACK: "a text and a label",
    Measures.PII: "a text and its spans",
    Measures.GROUNDING: "an answer, its source and a label",
}


class ImportRefused(Exception):
    """Nothing was kept. `problems` are the first lines that are wrong, `count` says of how many."""

    def __init__(self, message: str, problems: Sequence[LineProblem] = (), count: int = 0) -> None:
        super().__init__(message)
        self.problems = list(problems)
        self.count = count


@dataclass(frozen=True, kw_only=True)
class Imported:
    """`skipped` were in the set already, or twice in the file. `ordinary` says that no line had a label, so that all
    are taken for texts in which nothing is to be found."""

    added: int
    skipped: int = 0
    ordinary: bool = False


def import_lines(labelled_set: LabelledSet, source: BinaryIO) -> Imported:
    """All lines or none. Raises `ImportRefused`."""
    lines = read_lines(limited(source))
    problems = [*lines.problems, *unfit(labelled_set, lines)]
    if problems:
        problems.sort(key=lambda problem: problem.line)
        count = len(problems)
        raise ImportRefused(
            f"{count:,} line{' is' if count == 1 else 's are'} wrong. Nothing was kept.",
            problems[:MOST_PROBLEMS],
            count,
        )
    if not lines.cases:
        raise ImportRefused("The file holds no case.")
    is_ordinary = needs_label(labelled_set) and not any(case.label is not None for case in lines.cases)
    return write_cases(labelled_set, lines.cases, is_ordinary=is_ordinary)


def limited(source: BinaryIO) -> Iterator[bytes]:
    """Its lines. Raises `ImportRefused` as soon as there is too much of them."""
    size = 0
    for number, line in enumerate(source, start=1):
        size += len(line)
        if size > MOST_BYTES:
            raise ImportRefused(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
        if number > MOST_LINES:
            raise ImportRefused(f"The file has more than {MOST_LINES:,} lines.")
        yield line


def needs_label(labelled_set: LabelledSet) -> bool:
    return labelled_set.measures != Measures.PII


def unfit(labelled_set: LabelledSet, lines: Lines) -> list[LineProblem]:
    """Cases that are well-formed and measure something else. Texts need no label if none of them has one."""
    measures = Measures(labelled_set.measures)
    has_labels = any(case.label is not None for case in lines.cases)
    found = []
    for case in lines.cases:
        if (bool(case.source) != (measures == Measures.GROUNDING)) or (
            measures == Measures.PII and case.spans is None and case.label is not False
        ):
            found.append(LineProblem(line=case.line, message=f"A set of this kind takes {WANTED[measures]}."))
        elif measures == Measures.PII and any(span.start < 0 for span in case.spans or ()):
            found.append(LineProblem(line=case.line, message="It does not say where the entity is."))
        elif needs_label(labelled_set) and case.label is None and (has_labels or measures == Measures.GROUNDING):
            found.append(LineProblem(line=case.line, message="It has no label, as others have."))
    return found


def write_cases(labelled_set: LabelledSet, cases: Sequence[Case], *, is_ordinary: bool) -> Imported:
    with transaction.atomic():
        # Two who bring in the same file wait for each other.
        LabelledSet.objects.select_for_update(no_key=True).get(pk=labelled_set.pk)
        there = set(labelled_set.cases.values_list("text", "source"))
        rows = []
        for case in cases:
            if (case.text, case.source) in there:
                continue
            there.add((case.text, case.source))
            rows.append(row_of(labelled_set, case, is_ordinary=is_ordinary))
        LabelledCase.objects.bulk_create(rows, batch_size=WRITE_AT_ONCE)
    return Imported(added=len(rows), skipped=len(cases) - len(rows), ordinary=is_ordinary)


def row_of(labelled_set: LabelledSet, case: Case, *, is_ordinary: bool) -> LabelledCase:
    spans = [asdict(span) for span in case.spans or ()] if labelled_set.measures == Measures.PII else []
    label = bool(spans) if labelled_set.measures == Measures.PII else case.label
    return LabelledCase(
        labelled_set=labelled_set,
        text=case.text,
        source=case.source,
        label=False if is_ordinary else label,
        spans=spans,
    )


def add_case(
    labelled_set: LabelledSet,
    *,
    text: str,
    label: bool,
    violation_id: UUID | None = None,
    source: str = "",
    spans: Sequence[Span] = (),
) -> tuple[LabelledCase, bool]:
    """From a violation that somebody judged: whether it was added; the same one again gives the case that it became.

    `label` is True where the filter was right to see something. Raises ImportRefused where the set cannot hold it.
    """
    case = Case(id="", text=text, source=source, label=label, spans=tuple(spans), line=1)
    if problems := unfit(labelled_set, Lines(cases=[case])):
        raise ImportRefused(problems[0].message, problems, 1)
    if labelled_set.measures == Measures.PII and label and not spans:
        raise ImportRefused("A case of personal data says where it is.")
    row = row_of(labelled_set, case, is_ordinary=False)
    if violation_id is None:
        row.save(force_insert=True)
        return row, True
    values = {"text": row.text, "source": row.source, "label": row.label, "spans": row.spans}
    return LabelledCase.objects.get_or_create(labelled_set=labelled_set, violation_id=violation_id, defaults=values)


def case_of(row: LabelledCase) -> Case:
    """As the filters are given it. `spans` where its set is of personal data."""
    spans = tuple(Span(entity=span["entity"], start=span["start"], end=span["end"]) for span in row.spans)
    return Case(id=str(row.pk), text=row.text, source=row.source, label=row.label, spans=spans)


def export_lines(labelled_set: LabelledSet) -> Iterator[str]:
    """The set as a file that `import_lines` takes, the oldest case first."""
    is_pii = labelled_set.measures == Measures.PII
    for row in labelled_set.cases.order_by("pk").iterator(chunk_size=WRITE_AT_ONCE):
        case = case_of(row)
        shown = Case(
            id=case.id,
            text=case.text,
            source=case.source,
            label=None if is_pii else case.label,
            spans=case.spans if is_pii else None,
        )
        yield as_line(shown) + "\n"
