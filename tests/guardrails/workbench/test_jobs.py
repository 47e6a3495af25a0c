"""Measurements are run once, by one worker at a time, and say what came of it."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from guardrails import workbench
from guardrails.backtest import Said
from guardrails.findings import Direction
from guardrails.models import LabelledSet, Measurement
from guardrails.workbench import LeaseLost, TooMany, claim, request_measurement, run_all, run_claimed
from tests.guardrails.workbench.cases import CARD, CARD_SPANS, Conversations, make_set, make_version, words_config

pytestmark = pytest.mark.django_db
Status = Measurement.Status
LINES = [
    {"text": "What a blimey mess", "label": 1},
    {"text": "Blimey, that was quick", "label": 0},
    {"text": "Another bad one", "label": 1},
    {"text": "Where is my parcel?", "label": 0},
]


def asked(measures: str, *lines: Any, config: Any) -> Measurement:
    return request_measurement(user=None, version=make_version(config), labelled_set=make_set(measures, *lines))


def run(measures: str, *lines: Any, config: Any) -> dict[str, Any]:
    job = asked(measures, *lines, config=config)
    run_claimed()
    job.refresh_from_db()
    assert job.status == Status.DONE, job.error
    assert job.done == job.total == len(lines)
    return dict(job.result)


class TestOnSets:
    def test_texts(self) -> None:
        result = run("content", *LINES, config=words_config("blimey"))
        configured = result["configured"]
        assert (configured["caught"], configured["alarms"], configured["positives"]) == (1, 1, 2)
        assert configured["alarmsPerThousand"] == 500
        assert result["rules"] == [{"rule": "word:blimey", "right": 1, "wrong": 1}]
        assert sorted(case["how"] for case in result["wrong"]) == ["alarm", "missed"]
        assert [point["at"] for point in result["curve"]] == ["LOW", "MEDIUM", "HIGH"]
        assert result["ms"] > 0

    def test_a_rule_in_shadow_is_measured_too(self) -> None:
        result = run("content", *LINES, config=words_config("blimey", action="NONE"))
        assert result["configured"]["caught"] == 1

    def test_attacks_are_no_matter_of_words(self) -> None:
        result = run("prompt_attack", *LINES, config=words_config("blimey"))
        assert result["configured"]["caught"] == 0

    def test_personal_data(self) -> None:
        lines = [
            {"text": CARD, "spans": CARD_SPANS},
            {"text": "Write to ada@example.com", "spans": [{"start": 9, "end": 24, "entity": "EMAIL"}]},
            {"text": "In Paris", "spans": [{"start": 3, "end": 8, "entity": "GPE"}]},
            {"text": "It is 4111 1111 1111 1111 again", "spans": []},
        ]
        result = run("pii", *lines, config=words_config(pii=["CREDIT_DEBIT_CARD_NUMBER"]))
        assert result["lookedFor"] == ["CREDIT_DEBIT_CARD_NUMBER"]
        assert result["leftOut"] == {"EMAIL": 1, "GPE": 1}
        card = result["entities"][0]
        assert (card["entity"], card["marked"], card["caught"], card["alarms"]) == ("CREDIT_DEBIT_CARD_NUMBER", 1, 1, 1)
        assert result["configured"]["alarmsPerThousand"] == 250
        assert [case["how"] for case in result["wrong"]] == ["alarm"]

    def test_grounding(self) -> None:
        source = "The parcel of order 1042 was shipped on Monday with Northway."
        lines = [
            {"answer": "Order 1042 was shipped on Monday.", "source": source, "label": 0},
            {"answer": "Elephants dance near purple volcanoes.", "source": source, "label": 1},
        ]
        result = run("grounding", *lines, config=words_config(grounding=0.4))
        assert result["threshold"] == 0.4
        assert result["auc"] == 1
        assert result["configured"]["recall"] == 1
        assert not result["wrong"]
        assert len(result["curve"]) == 19

    def test_in_batches(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workbench, "BATCH", 3)
        lines = [{"text": f"text {number}", "label": 0} for number in range(8)]
        assert run("content", *lines, config=words_config())["configured"]["cases"] == 8


class TestBacktest:
    def measured(self, days: int = 7) -> dict[str, Any]:
        published = make_version(words_config("blimey", "gosh"))
        draft = make_version(
            words_config("blimey", "crikey", action="NONE"), number=None, guardrail=published.guardrail
        )
        job = request_measurement(user=None, version=draft, days=days)
        run_all()
        job.refresh_from_db()
        assert job.status == Status.DONE, job.error
        return dict(job.result)

    def test_what_would_be_otherwise(self, conversations: Conversations) -> None:
        gone = conversations.add("oh gosh")
        new = conversations.add("Well, crikey!", Direction.OUTPUT)
        conversations.add("blimey")
        conversations.add("nothing at all")
        conversations.add("crikey", days_ago=9)
        result = self.measured()
        assert (result["texts"], result["touched"]) == (4, 3)
        assert (result["new"], result["gone"], result["changed"]) == (1, 1, 1)
        assert result["published"] == "1"
        rules = {rule["rule"]: rule for rule in result["rules"]}
        assert rules["word:crikey"]["new"] == rules["word:gosh"]["gone"] == rules["word:blimey"]["changed"] == 1
        examples = {example["change"]: example for example in result["examples"]}
        assert examples["new"]["message"] == str(new.message_id)
        assert examples["gone"]["session"] == str(gone.session_id)
        assert (examples["changed"]["was"], examples["changed"]["becomes"]) == ("BLOCK", "NONE")

    def test_no_words_are_kept(self, conversations: Conversations) -> None:
        conversations.add("oh gosh, my name is Tanner")
        assert "Tanner" not in str(self.measured())

    def test_only_the_newest_are_read(self, conversations: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workbench, "MOST_TEXTS", 2)
        for number in range(4):
            conversations.add(f"gosh {number}")
        result = self.measured()
        assert result["isCut"]
        assert result["texts"] == 2

    def test_nothing_in_force(self, conversations: Conversations) -> None:
        conversations.add("crikey")
        draft = make_version(words_config("crikey"), number=None)
        request_measurement(user=None, version=draft, days=1)
        job = run_claimed()
        assert job is not None
        job.refresh_from_db()
        assert job.result["published"] == ""
        assert job.result["new"] == 1


class TestTheQueue:
    def test_the_same_is_asked_for_once(self, reviewer: User) -> None:
        version, labelled_set = make_version(words_config("a")), make_set("content", *LINES)
        first = request_measurement(user=reviewer, version=version, labelled_set=labelled_set)
        assert request_measurement(user=reviewer, version=version, labelled_set=labelled_set).pk == first.pk
        run_claimed()
        assert request_measurement(user=reviewer, version=version, labelled_set=labelled_set).pk != first.pk

    def test_not_without_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(workbench, "MOST_OPEN", 1)
        asked("content", *LINES, config=words_config("a"))
        with pytest.raises(TooMany, match="1 measurements are still to be run"):
            asked("content", *LINES, config=words_config("b"))

    def test_a_worker_is_told(self, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any) -> None:
        told: list[bool] = []
        monkeypatch.setattr(workbench, "nudges", [lambda: told.append(True)])
        with django_capture_on_commit_callbacks(execute=True):
            asked("content", *LINES, config=words_config("a"))
        assert told == [True]

    def test_the_oldest_first_and_one_at_a_time(self) -> None:
        first = asked("content", *LINES, config=words_config("a"))
        second = asked("content", *LINES, config=words_config("b"))
        running = claim()
        assert running == first
        assert claim() is None
        workbench.finish(running, Status.DONE, result={})
        assert claim() == second

    def test_what_a_dead_worker_held_is_taken_again(self) -> None:
        job = asked("content", *LINES, config=words_config("a"))
        dead = claim()
        assert dead is not None
        assert claim() is None
        Measurement.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        assert run_all() == 1
        job.refresh_from_db()
        assert job.status == Status.DONE
        assert job.done == 4

    def test_who_was_replaced_writes_nothing(self) -> None:
        asked("content", *LINES, config=words_config("a"))
        slow = claim()
        assert slow is not None
        Measurement.objects.update(claimed_until=timezone.now() - timedelta(seconds=1))
        other = claim()
        assert other is not None
        with pytest.raises(LeaseLost):
            workbench.renew(slow, 1)
        workbench.finish(slow, Status.FAILED, error="too late")
        other.refresh_from_db()
        assert (other.status, other.error, other.done) == (Status.RUNNING, "", 0)

    def test_one_that_takes_workers_with_it_is_given_up(self) -> None:
        job = asked("content", *LINES, config=words_config("a"))
        claim()
        long_ago = timezone.now() - timedelta(hours=2)
        Measurement.objects.update(claimed_until=long_ago, requested_at=long_ago)
        assert run_claimed() is None
        job.refresh_from_db()
        assert job.status == Status.FAILED
        assert "within an hour" in job.error

    def test_a_version_that_cannot_be_read(self) -> None:
        job = asked("content", *LINES, config={"contentPolicyConfig": {"filtersConfig": [{"type": "RUDENESS"}]}})
        run_claimed()
        job.refresh_from_db()
        assert job.status == Status.FAILED
        assert "cannot be read" in job.error
        assert job.finished_at

    def test_a_fault_fails_one_job_alone(self, conversations: Conversations, monkeypatch: pytest.MonkeyPatch) -> None:
        def broken(_: Any) -> list[Said]:
            raise RuntimeError("the messages are gone")

        monkeypatch.setattr("guardrails.backtest.sources", [broken])
        failing = request_measurement(user=None, version=make_version(words_config("a"), number=None), days=3)
        fine = asked("content", *LINES, config=words_config("a"))
        assert run_all() == 2
        failing.refresh_from_db()
        fine.refresh_from_db()
        assert (failing.status, failing.error) == (Status.FAILED, "RuntimeError: the messages are gone")
        assert fine.status == Status.DONE

    def test_a_set_that_is_deleted_meanwhile(self) -> None:
        asked("content", *LINES, config=words_config("a"))
        job = claim()
        assert job is not None
        LabelledSet.objects.all().delete()
        with pytest.raises(LeaseLost):
            workbench.measure(job)


@pytest.mark.django_db(transaction=True)
def test_two_workers_never_take_the_same_job() -> None:
    for word in ("a", "b"):
        asked("content", *LINES, config=words_config(word))
    taken: list[Any] = []
    together = threading.Barrier(2)

    def work() -> None:
        try:
            together.wait(60)
            job = claim()
            taken.extend([job.pk] if job else [])
        finally:
            connection.close()

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert 1 <= len(taken) <= 2
    assert len(set(taken)) == len(taken)
