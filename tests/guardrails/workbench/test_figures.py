from __future__ import annotations

import math

import pytest

from guardrails.case_lines import Span
from guardrails.figures import (
    Entities,
    Outcome,
    auc,
    blocks_of,
    by_strength,
    by_threshold,
    compare_spans,
    count,
    ms_per_200_words,
)
from guardrails.findings import Confidence, Finding, Policy


def outcomes(*pairs: tuple[bool, float]) -> list[Outcome]:
    return [Outcome(id=str(place), label=label, value=value) for place, (label, value) in enumerate(pairs)]


def found(entity: str, start: int, end: int) -> Finding:
    return Finding(policy=Policy.PII, type=entity, start=start, end=end)


def test_counts() -> None:
    counted = count(outcomes((True, 1), (True, 0), (False, 1), (False, 0), (False, 0)), lambda one: one.value > 0)
    assert (counted.cases, counted.positives, counted.caught, counted.alarms) == (5, 2, 1, 1)
    assert (counted.precision, counted.recall) == (0.5, 0.5)
    assert math.isclose(counted.alarms_per_thousand or 0, 1000 / 3)


def test_nothing_to_divide_by_is_no_figure() -> None:
    counted = count(outcomes((False, 0)), lambda one: one.value > 0)
    assert counted.precision is None
    assert counted.recall is None
    assert counted.alarms_per_thousand == 0


def test_strengths_are_bedrocks_table() -> None:
    given = outcomes((True, Confidence.HIGH), (True, Confidence.MEDIUM), (True, Confidence.LOW), (True, 0))
    assert [counted.caught for _, counted in by_strength(given)] == [1, 2, 3]


def test_thresholds_act_below() -> None:
    given = outcomes((True, 1 - 0.2), (True, 1 - 0.4), (False, 1 - 0.9))
    assert [counted.caught for _, counted in by_threshold(given, (0.3, 0.5))] == [1, 2]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param([(True, 3), (False, 1)], 1.0, id="apart"),
        pytest.param([(True, 1), (False, 3)], 0.0, id="reversed"),
        pytest.param([(True, 1), (False, 1)], 0.5, id="tie"),
        pytest.param([(True, 3), (True, 1), (False, 2), (False, 0)], 0.75, id="mixed"),
        pytest.param([(True, 3)], None, id="one-kind"),
    ],
)
def test_auc(given: list[tuple[bool, float]], expected: float | None) -> None:
    assert auc(outcomes(*given)) == expected


class TestSpans:
    text = "call 555 0100 or ada@example.com"
    phone, mail = Span(entity="PHONE", start=5, end=13), Span(entity="EMAIL", start=17, end=32)

    def test_nearly_all_of_it_counts(self) -> None:
        compared = compare_spans(self.text, [self.phone], [found("PHONE", 5, 12)])
        assert compared.caught == [self.phone]
        assert compared.is_right

    def test_half_of_it_does_not(self) -> None:
        compared = compare_spans(self.text, [self.phone], [found("PHONE", 5, 8)])
        assert compared.missed == [self.phone]
        assert not compared.alarms

    def test_another_type_is_missed_and_an_alarm(self) -> None:
        compared = compare_spans(self.text, [self.mail], [found("URL", 17, 32)])
        assert compared.missed == [self.mail]
        assert [alarm.type for alarm in compared.alarms] == ["URL"]

    def test_what_no_filter_knows_is_not_missed(self) -> None:
        place = Span(entity="GPE", start=0, end=4)
        compared = compare_spans(self.text, [place], [found("ADDRESS", 0, 4)])
        assert compared.is_right

    def test_somewhere_in_the_text(self) -> None:
        marked = Span(entity="PHONE")
        assert compare_spans(self.text, [marked], [found("PHONE", 5, 13)]).is_right
        assert compare_spans(self.text, [marked], []).missed == [marked]

    def test_sums(self) -> None:
        entities = Entities()
        entities.add(compare_spans(self.text, [self.phone], [found("PHONE", 5, 13), found("URL", 17, 20)]))
        entities.add(compare_spans(self.text, [self.mail], []))
        assert entities.counts["PHONE"].recall == 1
        assert entities.counts["EMAIL"].recall == 0
        assert entities.total().precision == 0.5
        assert entities.alarms_per_thousand == 500


class TestTime:
    def test_blocks_of_two_hundred_words(self) -> None:
        blocks = list(blocks_of([" ".join(["word"] * 250), " ".join(["word"] * 160)]))
        assert [len(block.split()) for block in blocks] == [200, 200]
        assert len(list(blocks_of(["three short words"]))) == 1

    def test_without_a_word_there_is_no_time(self) -> None:
        assert ms_per_200_words(["", " "], len) is None
        assert ms_per_200_words(["one"], len) is not None
