"""What the workbench's pages list: sets with their last figures, cases, measurements, and two of them side by side."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.db.models.fields.json import KeyTransform

from guardrails.figures import THRESHOLDS
from guardrails.models import LabelledCase, LabelledSet, Measurement

PAGE_SIZE = 50
RECENT = 15
EXCERPT = 220
MISSING = "–"  # noqa: RUF001  an en dash, as typographers set an absent value
SHOWS = ("all", "positive", "negative", "wrong", "right")
LABELS = {"pii": ("With an entity", "Without"), "grounding": ("Not borne out", "Borne out")}


def show_words(labelled_set: LabelledSet) -> dict[str, str]:
    """What the filters of a set's list are called."""
    positive, negative = LABELS.get(labelled_set.measures, ("To be caught", "Harmless"))
    return {"all": "All", "positive": positive, "negative": negative, "wrong": "Wrong", "right": "Right"}


# -- numbers as words


def percent(value: float | None) -> str:
    return MISSING if value is None else f"{value * 100:.1f} %"


def per_thousand(value: float | None) -> str:
    return MISSING if value is None else f"{value:.1f}"


def decimal(value: float | None) -> str:
    return MISSING if value is None else f"{value:.3f}"


def milliseconds(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f} ms"


def figures_of(counted: Mapping[str, Any]) -> dict[str, Any]:
    """A count's numbers as a page shows them, beside the numbers."""
    return {
        **counted,
        "precision_words": percent(counted.get("precision")),
        "recall_words": percent(counted.get("recall")),
        "alarms_words": per_thousand(counted.get("alarmsPerThousand")),
    }


# -- measurements


def measurements() -> QuerySet[Measurement]:
    """Without the long parts; `configured` are the figures of the version as it is."""
    rows = Measurement.objects.select_related("guardrail", "labelled_set", "requested_by").defer("result", "config")
    return rows.annotate(
        configured=KeyTransform("configured", "result"),
        touched=KeyTransform("touched", "result"),
        texts=KeyTransform("texts", "result"),
    )


def lines_of(rows: Sequence[Measurement]) -> list[dict[str, Any]]:
    return [
        {
            "row": row,
            "label": label_of(row),
            "figures": figures_of(row.configured) if row.configured else None,  # type: ignore[attr-defined]  # annotated
            "touched": row.touched,  # type: ignore[attr-defined]  # annotated
            "texts": row.texts,  # type: ignore[attr-defined]  # annotated
        }
        for row in rows
    ]


def label_of(row: Measurement) -> str:
    return f"{row.guardrail.name}, {'draft' if row.number is None else f'version {row.number}'}"


def recent_measurements() -> list[dict[str, Any]]:
    return lines_of(list(measurements().order_by("-requested_at")[:RECENT]))


def measurements_of(labelled_set: LabelledSet) -> list[dict[str, Any]]:
    return lines_of(list(measurements().filter(labelled_set=labelled_set).order_by("-requested_at")[:RECENT]))


def newest_by_set() -> dict[UUID, list[dict[str, Any]]]:
    """The newest figures of each version, at most three versions a set, the newest measured first."""
    rows = measurements().filter(status=Measurement.Status.DONE, labelled_set__isnull=False)
    newest = rows.order_by("labelled_set_id", "guardrail_id", "number", "-requested_at").distinct(
        "labelled_set_id", "guardrail_id", "number"
    )
    found: dict[UUID, list[dict[str, Any]]] = {}
    for line in sorted(lines_of(list(newest)), key=lambda line: line["row"].requested_at, reverse=True):
        found.setdefault(line["row"].labelled_set_id, []).append(line)
    return {pk: lines[:3] for pk, lines in found.items()}


# -- sets and cases


def set_lines() -> list[dict[str, Any]]:
    counted = LabelledSet.objects.annotate(
        case_count=Count("cases"), positive_count=Count("cases", filter=Q(cases__label=True))
    )
    newest = newest_by_set()
    return [{"set": row, "newest": newest.get(row.pk, [])} for row in counted.order_by("name")]


@dataclass(frozen=True, kw_only=True)
class Judged:
    """The last measurement of a set that is done, and the cases that it has wrong. `is_cut`: there are more of them."""

    measurement: Measurement
    wrong: dict[str, Mapping[str, Any]]
    is_cut: bool


def last_judged(labelled_set: LabelledSet) -> Judged | None:
    rows = Measurement.objects.filter(labelled_set=labelled_set, status=Measurement.Status.DONE)
    last = rows.select_related("guardrail").order_by("-requested_at").first()
    return judged_by(last) if last else None


def judged_by(measurement: Measurement) -> Judged:
    wrong = {case["id"]: case for case in measurement.result.get("wrong", [])}
    return Judged(measurement=measurement, wrong=wrong, is_cut=measurement.result.get("wrongCount", 0) > len(wrong))


@dataclass(frozen=True, kw_only=True)
class CasePage:
    cases: list[dict[str, Any]]
    after: str


def case_page(labelled_set: LabelledSet, *, show: str, after: UUID | None, judged: Judged | None) -> CasePage:
    """In the order in which they came in; `after` is the last case of the page before."""
    rows = labelled_set.cases.order_by("pk")
    if show in {"positive", "negative"}:
        rows = rows.filter(label=show == "positive")
    elif show in {"wrong", "right"}:
        of_wrong = Q(pk__in=list(judged.wrong) if judged else [])
        rows = rows.filter(of_wrong if show == "wrong" else ~of_wrong)
    if after is not None:
        rows = rows.filter(pk__gt=after)
    found = list(rows[: PAGE_SIZE + 1])
    shown = found[:PAGE_SIZE]
    wrong = judged.wrong if judged else {}
    return CasePage(
        cases=[case_line(row, wrong.get(str(row.pk))) for row in shown],
        after=str(shown[-1].pk) if len(found) > PAGE_SIZE else "",
    )


def case_line(row: LabelledCase, wrong: Mapping[str, Any] | None) -> dict[str, Any]:
    return {
        "row": row,
        "segments": segments_of(row.text, row.spans),
        "is_long": len(row.text) > EXCERPT,
        "excerpt": row.text[:EXCERPT],
        "wrong": {**wrong, "score": 1 - wrong.get("value", 0)} if wrong else None,
        "entities": sorted({span["entity"] for span in row.spans}),
    }


def segments_of(text: str, spans: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """The text in pieces, each with the entity that is marked there, or none."""
    pieces, at = [], 0
    for span in sorted(spans, key=lambda span: (span["start"], span["end"])):
        if span["start"] < at:
            continue
        pieces += [(text[at : span["start"]], ""), (text[span["start"] : span["end"]], span["entity"])]
        at = span["end"]
    return [piece for piece in [*pieces, (text[at:], "")] if piece[0]]


def wrong_cases(measurement: Measurement, ids: Collection[str], most: int = PAGE_SIZE) -> list[dict[str, Any]]:
    """Those of its wrong ones that are in `ids` and still there, in the order in which it met them."""
    wrong = judged_by(measurement).wrong
    wanted = [pk for pk in wrong if pk in ids][:most]
    rows = LabelledCase.objects.in_bulk([UUID(pk) for pk in wanted])
    return [case_line(row, wrong[pk]) for pk in wanted if (row := rows.get(UUID(pk)))]


# -- two side by side


@dataclass(frozen=True, kw_only=True)
class Beside:
    """One figure of two measurements; `tone` is good where the second is better."""

    name: str
    before: str
    after: str
    change: str
    tone: str


def beside(before: Measurement, after: Measurement) -> list[Beside]:
    """Of two that are done, of one set."""
    old, new = before.result, after.result
    rows = [
        row("Precision", old["configured"], new["configured"], "precision"),
        row("Recall", old["configured"], new["configured"], "recall"),
        row("False alarms per 1,000", old["configured"], new["configured"], "alarmsPerThousand"),
    ]
    if "auc" in old:
        rows.append(row("AUC", old, new, "auc"))
    return [*rows, row("Time for 200 words", old, new, "ms")]


def row(name: str, old: Mapping[str, Any], new: Mapping[str, Any], key: str) -> Beside:
    show = {"alarmsPerThousand": per_thousand, "ms": milliseconds, "auc": decimal}.get(key, percent)
    before, after = old.get(key), new.get(key)
    if before is None or after is None:
        return Beside(name=name, before=show(before), after=show(after), change="", tone="")
    change = after - before
    is_lower_better = key in {"alarmsPerThousand", "ms"}
    # What a machine was busy with meanwhile is no change of the version.
    is_same = show(after) == show(before) or (key == "ms" and abs(change) < 0.2 * max(after, before))
    tone = "" if is_same else "good" if (change < 0) == is_lower_better else "bad"
    words = "" if is_same else f"{'+' if change > 0 else '−'}{show(abs(change))}"  # noqa: RUF001  a minus sign
    return Beside(name=name, before=show(before), after=show(after), change=words, tone=tone)


def points_shown(curve: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The rows of the table behind the chart: of thresholds each tenth."""
    shown = [point for point in curve if isinstance(point["at"], str) or is_tenth(point["at"])]
    return [{**figures_of(point), "at": point["at"]} for point in shown]


def is_tenth(threshold: float) -> bool:
    return threshold in THRESHOLDS[1::2]
