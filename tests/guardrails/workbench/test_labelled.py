"""Labelled sets are brought in whole or not at all, and come out as they went in."""

from __future__ import annotations

import io
import json

import pytest

from guardrails import labelled
from guardrails.case_lines import Span
from guardrails.labelled import ImportRefused, add_case, export_lines, import_lines
from guardrails.models import LabelledCase, LabelledSet
from observability.ids import uuid7
from tests.guardrails.workbench.cases import CARD, CARD_SPANS, file_of, make_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def texts() -> LabelledSet:
    return LabelledSet.objects.create(name="Texts", measures="content")


def refusal(labelled_set: LabelledSet, *lines: object) -> ImportRefused:
    with pytest.raises(ImportRefused) as caught:
        import_lines(labelled_set, file_of(*lines))
    assert not labelled_set.cases.exists()
    return caught.value


class TestImport:
    def test_cases(self, texts: LabelledSet) -> None:
        assert import_lines(texts, file_of({"text": "a", "label": 1}, "", {"text": "b", "label": "benign"})).added == 2
        assert list(texts.cases.order_by("pk").values_list("text", "label")) == [("a", True), ("b", False)]

    def test_again_is_passed_over(self, texts: LabelledSet) -> None:
        import_lines(texts, file_of({"text": "a", "label": 1}))
        again = import_lines(
            texts, file_of({"text": "a", "label": 1}, {"text": "b", "label": 0}, {"text": "b", "label": 0})
        )
        assert (again.added, again.skipped) == (1, 2)

    def test_texts_without_labels_are_ordinary(self, texts: LabelledSet) -> None:
        assert import_lines(texts, file_of({"text": "a"}, {"text": "b"})).ordinary
        assert set(texts.cases.values_list("label", flat=True)) == {False}

    def test_one_wrong_line_keeps_all_out(self, texts: LabelledSet) -> None:
        refused = refusal(texts, {"text": "a", "label": 1}, "oops", {"text": "b"}, {"answer": "a", "source": "b"})
        assert [(problem.line, problem.message[:20]) for problem in refused.problems] == [
            (2, "It is not JSON: Expe"),
            (3, "It has no label, as "),
            (4, "A set of this kind t"),
        ]
        assert "3 lines are wrong" in str(refused)

    def test_only_the_first_problems_are_listed(self, texts: LabelledSet) -> None:
        refused = refusal(texts, *["oops"] * 30)
        assert len(refused.problems) == 20
        assert refused.count == 30

    def test_an_empty_file(self, texts: LabelledSet) -> None:
        assert "holds no case" in str(refusal(texts, "", "  "))

    def test_limits(self, texts: LabelledSet, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(labelled, "MOST_LINES", 2)
        assert "more than 2 lines" in str(refusal(texts, *[{"text": "a", "label": 1}] * 3))
        monkeypatch.setattr(labelled, "MOST_BYTES", 1_000_000)
        assert "larger than 1 MB" in str(refusal(texts, {"text": "a" * 1_000_001, "label": 1}))

    def test_personal_data(self) -> None:
        made = make_set(
            "pii", {"text": CARD, "spans": CARD_SPANS}, {"text": "none", "spans": []}, {"text": "x", "label": 0}
        )
        rows = list(made.cases.order_by("pk"))
        assert rows[0].spans == [{"entity": "CREDIT_DEBIT_CARD_NUMBER", "start": 12, "end": 31}]
        assert [row.label for row in rows] == [True, False, False]

    def test_personal_data_says_where(self) -> None:
        made = LabelledSet.objects.create(name="P", measures="pii")
        assert "where the entity is" in refusal(made, {"text": "a", "entity": "PHONE", "label": 1}).problems[0].message
        assert "its spans" in refusal(made, {"text": "a", "label": 1}).problems[0].message

    def test_answers(self) -> None:
        made = make_set("grounding", {"answer": "a", "source": "b", "label": "unsupported"})
        assert list(made.cases.values_list("text", "source", "label")) == [("a", "b", True)]
        empty = LabelledSet.objects.create(name="G", measures="grounding")
        assert "no label" in refusal(empty, {"answer": "a", "source": "b"}).problems[0].message


class TestExport:
    @pytest.mark.parametrize(
        ("measures", "line"),
        [
            ("content", {"text": "a", "label": 1}),
            ("pii", {"text": CARD, "spans": CARD_SPANS}),
            ("pii", {"text": "none", "spans": []}),
            ("grounding", {"answer": "a", "source": "b\nc", "label": 0}),
        ],
        ids=str,
    )
    def test_comes_out_as_it_went_in(self, measures: str, line: dict[str, object]) -> None:
        lines = list(export_lines(make_set(measures, line)))
        again = LabelledSet.objects.create(name="Again", measures=measures)
        assert import_lines(again, io.BytesIO("".join(lines).encode())).added == 1
        fields = ("text", "source", "label", "spans")
        assert len(set(map(str, LabelledCase.objects.values_list(*fields)))) == 1
        assert "id" in json.loads(lines[0])


class TestFromViolations:
    def test_once(self, texts: LabelledSet) -> None:
        violation = uuid7()
        first, added = add_case(texts, text="you fool", label=False, violation_id=violation)
        again, added_again = add_case(texts, text="you fool", label=True, violation_id=violation)
        assert (added, added_again) == (True, False)
        assert first.pk == again.pk
        assert not again.label

    def test_a_set_takes_what_it_measures(self, texts: LabelledSet) -> None:
        personal = LabelledSet.objects.create(name="P", measures="pii")
        with pytest.raises(ImportRefused, match="says where"):
            add_case(personal, text="a", label=True)
        add_case(personal, text=CARD, label=True, spans=[Span(entity="CREDIT_DEBIT_CARD_NUMBER", start=12, end=31)])
        add_case(personal, text="none", label=False)
        with pytest.raises(ImportRefused, match="a text and a label"):
            add_case(texts, text="a", label=True, source="b")
        grounding = LabelledSet.objects.create(name="G", measures="grounding")
        with pytest.raises(ImportRefused, match="its source"):
            add_case(grounding, text="a", label=True)
