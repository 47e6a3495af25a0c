"""The reports as text: one table a filter, then the targets, then what was left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from guardrails.measuring import Filter
from tests.quality.measure import Report, by_form
from tests.quality.sets import Found
from tests.quality.targets import Met

MISSING = "-"
TITLES = {
    Filter.PROMPT_ATTACK: "PROMPT_ATTACK",
    Filter.CONTENT: "CONTENT (HATE, INSULTS, SEXUAL, VIOLENCE, MISCONDUCT)",
    Filter.PII: "PII",
    Filter.GROUNDING: "GROUNDING",
}
TEXT_HEAD = (
    "set",
    "strength",
    "cases",
    "to catch",
    "caught",
    "alarms",
    "precision",
    "recall",
    "alarms/1000",
    "ms/200w",
)
ENTITY_HEAD = ("set", "entity", "marked", "caught", "alarms", "precision", "recall", "alarms/1000", "ms/200w")
GROUND_HEAD = (
    "set",
    "threshold",
    "answers",
    "not borne out",
    "caught",
    "alarms",
    "precision",
    "recall",
    "AUC",
    "ms/200w",
)
Row = tuple[str, ...]


def share(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def number(value: float | None, places: int = 1) -> str:
    return MISSING if value is None else f"{value:.{places}f}"


def lines_of(reports: Sequence[Report], met: Sequence[Met], found: Found, *, wrong: bool) -> Iterator[str]:
    for kind in Filter:
        of_kind = [report for report in reports if report.filter is kind]
        if not of_kind:
            continue
        yield ""
        yield TITLES[kind]
        yield from table(head_of(kind), [row for report in of_kind for row in rows_of(report)])
        for report in of_kind:
            yield from notes_of(report)
    yield from target_lines(met)
    yield from left_lines(found)
    if wrong:
        yield from example_lines(reports)


def head_of(kind: Filter) -> Row:
    return {Filter.PII: ENTITY_HEAD, Filter.GROUNDING: GROUND_HEAD}.get(kind, TEXT_HEAD)


def rows_of(report: Report) -> list[Row]:
    if report.entities is not None:
        return entity_rows(report)
    if report.filter is Filter.PII:
        return [labelled_row(report)]
    rows: list[Row] = []
    for place, (name, counted) in enumerate(report.rows):
        last = share(report.auc) if report.filter is Filter.GROUNDING else number(counted.alarms_per_thousand)
        row = (
            name,
            f"{counted.cases}",
            f"{counted.positives}",
            f"{counted.caught}",
            f"{counted.alarms}",
            share(counted.precision),
            share(counted.recall),
            last,
            number(report.ms, 2),
        )
        rows.append(("" if place else report.set_name, *row))
    return rows


def labelled_row(report: Report) -> Row:
    """Of texts that are said to hold something: whatever was found in them."""
    counted = report.at("HIGH")
    return (
        report.set_name,
        "texts with any",
        f"{counted.positives}",
        f"{counted.caught}",
        f"{counted.alarms}",
        share(counted.precision),
        share(counted.recall),
        number(counted.alarms_per_thousand),
        number(report.ms, 2),
    )


def entity_rows(report: Report) -> list[Row]:
    entities = report.entities
    assert entities is not None
    counts = [("all", entities.total()), ("those with a form", by_form(entities)), *sorted(entities.counts.items())]
    return [
        (
            "" if place else report.set_name,
            name,
            f"{counted.marked}",
            f"{counted.caught}",
            f"{counted.alarms}",
            share(counted.precision),
            share(counted.recall),
            MISSING if place else number(entities.alarms_per_thousand),
            MISSING if place else number(report.ms, 2),
        )
        for place, (name, counted) in enumerate(counts)
    ]


def notes_of(report: Report) -> Iterator[str]:
    if report.is_ordinary:
        yield f"  {report.set_name}: no labels, so taken for ordinary messages: whatever acts is a false alarm."
    if report.kinds and report.filter is not Filter.PII:
        seen = ", ".join(f"{name} {count}" for name, count in report.kinds.most_common())
        yield f"  {report.set_name}: acted on at MEDIUM as {seen}."
    if report.unknown:
        names = ", ".join(f"{name} {count}" for name, count in report.unknown.most_common())
        yield f"  {report.set_name}: marked, and no entity of a guardrail: {names}."
    if report.unlabelled:
        yield f"  {report.set_name}: {report.unlabelled} lines without a label left out."
    if report.auc is not None and report.auc < 0.4:
        yield f"  {report.set_name}: the labels look reversed; 1 means that an answer is not borne out."


def target_lines(met: Sequence[Met]) -> Iterator[str]:
    if not met:
        return
    yield ""
    yield "TARGETS (sections 2.6 and 3.5; texts at strength MEDIUM)"
    yield from table(
        ("set", "filter", "what", "wanted", "measured", ""),
        [
            (
                one.report.set_name,
                str(one.target.filter),
                one.target.words,
                f"{'>=' if one.target.at_least else '<='} {one.target.bound:g}",
                f"{one.figure:.4g}",
                "met" if one.is_met else "MISSED",
            )
            for one in met
        ],
        is_parted=False,
    )


def left_lines(found: Found) -> Iterator[str]:
    if found.malformed:
        yield ""
        yield "LINES THAT ARE NO CASES"
        for path, problems in found.malformed.items():
            shown = "; ".join(f"line {problem.line}: {problem.message}" for problem in problems[:3])
            yield f"  {path.name}: {len(problems)}. {shown}"
    if found.left_out:
        yield ""
        yield "NOT FOR A GUARDRAIL"
        for left in found.left_out:
            yield f"  {left.path.name}: {left.why}"


def example_lines(reports: Sequence[Report]) -> Iterator[str]:
    for report in reports:
        if report.examples:
            yield ""
            at = ", at strength MEDIUM" if report.filter in (Filter.PROMPT_ATTACK, Filter.CONTENT) else ""
            yield f"WRONG: {TITLES[report.filter].partition(' ')[0]} on {report.set_name}{at}"
            for what, text in report.examples:
                yield f"  {what}: {text}"


def table(head: Row, rows: Sequence[Row], *, is_parted: bool = True) -> Iterator[str]:
    """Words to the left, numbers to the right, a line between sets."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    is_number = [all(not any(cell.isalpha() for cell in row[column]) for row in rows) for column in range(len(head))]
    line = "  " + "  ".join("-" * width for width in widths)
    yield from (render(head, widths, is_number), line)
    for before, row in pairwise([head, *rows]):
        if is_parted and row[0] and before is not head:
            yield line
        yield render(row, widths, is_number)


def render(row: Row, widths: Sequence[int], is_number: Sequence[bool]) -> str:
    cells = [
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(row, widths, is_number, strict=True)
    ]
    return ("  " + "  ".join(cells)).rstrip()
