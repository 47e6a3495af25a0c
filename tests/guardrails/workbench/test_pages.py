"""The workbench's pages: who may, what they show, and what they do."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from guardrails.findings import Direction
from guardrails.models import GuardrailVersion, LabelledCase, LabelledSet, Measurement
from guardrails.workbench import run_all, run_claimed
from observability.ids import uuid7
from tests.factories import client_of
from tests.guardrails.workbench.cases import (
    CARD,
    CARD_SPANS,
    Conversations,
    file_of,
    make_set,
    make_version,
    words_config,
)

pytestmark = pytest.mark.django_db
URL = "/workbench/"
LINES = [{"text": "What a blimey mess", "label": 1}, {"text": "Where is <b>it</b>?", "label": 0}]


@pytest.fixture
def texts() -> LabelledSet:
    return make_set("content", *LINES, name="Spring's complaints")


@pytest.fixture
def desk(reviewer: User) -> Client:
    return client_of(reviewer)


def page(client: Client, path: str, status: int = 200) -> str:
    response = client.get(path)
    assert response.status_code == status
    return response.content.decode()


def said(text: str) -> str:
    """What a reader sees."""
    return " ".join(re.sub(r"<[^>]*>", " ", text).split())


def upload(*lines: Any) -> Any:
    file = file_of(*lines)
    file.name = "lines.jsonl"
    return file


def measured(client: Client, labelled_set: LabelledSet, version: GuardrailVersion) -> str:
    """The address of the result."""
    response = client.post(f"{URL}sets/{labelled_set.pk}/measure/", {"version": str(version.pk)})
    run_claimed()
    return str(response["Location"])


class TestWho:
    def test_reads(self, texts: LabelledSet, analyst: User, reviewer: User, admin: User) -> None:
        for path in ("", "backtest/", f"sets/{texts.pk}/", f"sets/{texts.pk}/compare/", f"sets/{texts.pk}/download/"):
            for user in (analyst, reviewer, admin):
                assert client_of(user).get(f"{URL}{path}").status_code == 200

    def test_support_and_strangers_do_not(self, texts: LabelledSet, support: User, stranger: User) -> None:
        for path in ("", "backtest/", "sets/", "sets/new/", f"sets/{texts.pk}/", f"sets/{texts.pk}/download/"):
            for user in (support, stranger):
                page(client_of(user), f"{URL}{path}", 403)
        assert Client().get(URL).status_code == 302

    def test_an_analyst_measures_and_changes_no_set(self, texts: LabelledSet, analyst: User) -> None:
        client, version = client_of(analyst), make_version(words_config("a"))
        assert client.post(f"{URL}sets/{texts.pk}/measure/", {"version": str(version.pk)}).status_code == 302
        case = texts.cases.first()
        assert case is not None
        for path in (f"sets/{texts.pk}/add/", f"sets/{texts.pk}/delete/", f"cases/{case.pk}/delete/", "sets/new/"):
            assert client.post(f"{URL}{path}").status_code == 403
        text = page(client, f"{URL}sets/{texts.pk}/")
        assert "/delete/" not in text
        assert "New set" not in page(client, URL)

    @pytest.mark.parametrize("path", ["measure/", "add/", "delete/"])
    def test_changes_are_posted(self, texts: LabelledSet, desk: Client, path: str) -> None:
        assert desk.get(f"{URL}sets/{texts.pk}/{path}").status_code == 405

    def test_what_is_not_there(self, desk: Client, texts: LabelledSet) -> None:
        for path in (f"sets/{uuid7()}/", f"measurements/{uuid7()}/", f"sets/{texts.pk}/?show=odd"):
            page(desk, f"{URL}{path}", 404)
        for path in (f"sets/{texts.pk}/?after=x", f"sets/{texts.pk}/?show=wrong", f"sets/{texts.pk}/compare/?a=1"):
            page(desk, f"{URL}{path}", 404)


class TestOverview:
    def test_empty(self, desk: Client, analyst: User) -> None:
        assert "No labelled sets yet" in page(desk, URL)
        assert "Once a reviewer has made one" in page(client_of(analyst), URL)

    def test_the_last_figures_of_each_set(self, desk: Client, texts: LabelledSet) -> None:
        assert "Not measured yet" in page(desk, URL)
        version = make_version(words_config("blimey"))
        measured(desk, texts, version)
        measured(desk, texts, make_version(words_config("parcel"), number=None, guardrail=version.guardrail))
        text = said(page(desk, URL))
        assert "Spring&#x27;s complaints Content filters 2 Words, draft and 1 more \u2013 0.0 %" in text
        assert "Words, version 1 Done 100.0 % 100.0 % 0.0" in text

    def test_the_pages_of_many_measurements_cost_the_same(
        self, desk: Client, texts: LabelledSet, django_assert_max_num_queries: Any
    ) -> None:
        for word in ("a", "b", "c"):
            measured(desk, texts, make_version(words_config(word)))
        with django_assert_max_num_queries(12):
            page(desk, URL)

    def test_the_way_up_from_a_set(self, desk: Client) -> None:
        assert desk.get(f"{URL}sets/")["Location"] == URL


class TestNewSet:
    values = {"name": "Mine", "measures": "content", "description": "CC0"}

    def test_with_its_lines(self, desk: Client) -> None:
        response = desk.post(f"{URL}sets/new/", {**self.values, "file": upload(*LINES)})
        made = LabelledSet.objects.get(name="Mine")
        assert response["Location"] == f"{URL}sets/{made.pk}/"
        assert "2 cases came in" in page(desk, response["Location"])

    def test_without_lines(self, desk: Client) -> None:
        response = desk.post(f"{URL}sets/new/", self.values)
        assert "No cases yet" in page(desk, response["Location"])

    def test_a_wrong_line_leaves_no_set(self, desk: Client) -> None:
        response = desk.post(f"{URL}sets/new/", {**self.values, "file": upload(*LINES, "oops", {"text": "x"})})
        assert response.status_code == 422
        text = said(response.content.decode())
        assert "2 lines are wrong. Nothing was kept." in text
        assert "Line 3 It is not JSON" in text
        assert "Line 4 It has no label, as others have." in text
        assert not LabelledSet.objects.exists()

    def test_bad_input(self, desk: Client, texts: LabelledSet) -> None:
        response = desk.post(f"{URL}sets/new/", {"name": texts.name, "measures": "beauty"})
        assert response.status_code == 422
        text = response.content.decode()
        assert "already exists" in text
        assert "beauty is not one of" in text


class TestOneSet:
    def test_cases_page_by_page(self, desk: Client) -> None:
        made = make_set("content", *[{"text": f"text {number:03d}", "label": number % 2} for number in range(120)])
        text = page(desk, f"{URL}sets/{made.pk}/?show=positive")
        assert "text 001" in text
        assert "text 002" not in text
        more = re.search(r'rel="next" href="([^"#]*)', text)
        assert more is not None
        text = page(desk, f"{URL}sets/{made.pk}/{more[1].replace('&amp;', '&')}")
        assert "text 101" in text
        assert "text 119" in text
        assert "text 099" not in text
        assert "First page" in text
        assert 'rel="next"' not in text

    def test_wrong_and_right_by_the_last_measurement(self, desk: Client) -> None:
        lines = [
            {"text": "blimey alarm", "label": 0},
            {"text": "missed one", "label": 1},
            {"text": "harmless one", "label": 0},
        ]
        made = make_set("content", *lines)
        measured(desk, made, make_version(words_config("blimey")))
        wrong = said(page(desk, f"{URL}sets/{made.pk}/?show=wrong"))
        assert "blimey alarm False alarm word:blimey" in wrong
        assert "missed one Missed" in wrong
        assert "harmless one" not in wrong
        right = said(page(desk, f"{URL}sets/{made.pk}/?show=right"))
        assert "harmless one" in right
        assert "missed one" not in right

    def test_texts_are_no_markup(self, desk: Client, texts: LabelledSet) -> None:
        text = page(desk, f"{URL}sets/{texts.pk}/")
        assert "&lt;b&gt;it&lt;/b&gt;" in text

    def test_entities_are_marked(self, desk: Client) -> None:
        made = make_set("pii", {"text": CARD, "spans": CARD_SPANS})
        text = page(desk, f"{URL}sets/{made.pk}/")
        assert '<mark class="labelled-entity" title="CREDIT_DEBIT_CARD_NUMBER">4111 1111 1111 1111</mark>' in text

    def test_more_lines(self, desk: Client, texts: LabelledSet) -> None:
        response = desk.post(f"{URL}sets/{texts.pk}/add/", {"file": upload(LINES[0], {"text": "new", "label": 1})})
        assert response.status_code == 302
        assert "1 case came in, 1 were there already." in page(desk, response["Location"])
        response = desk.post(f"{URL}sets/{texts.pk}/add/", {"file": upload("oops")})
        assert response.status_code == 422
        assert "Line 1" in response.content.decode()
        assert desk.post(f"{URL}sets/{texts.pk}/add/").status_code == 422
        assert texts.cases.count() == 3

    def test_download_and_back(self, desk: Client, texts: LabelledSet) -> None:
        response = desk.get(f"{URL}sets/{texts.pk}/download/")
        assert response["Content-Disposition"] == 'attachment; filename="springs-complaints.jsonl"'
        lines = [json.loads(line) for line in b"".join(response.streaming_content).splitlines()]  # type: ignore[attr-defined]
        assert [(line["text"], line["label"]) for line in lines] == [(line["text"], line["label"]) for line in LINES]

    def test_a_case_is_deleted(self, desk: Client, texts: LabelledSet) -> None:
        case = texts.cases.order_by("pk")[0]
        assert desk.post(f"{URL}cases/{case.pk}/delete/")["Location"] == f"{URL}sets/{texts.pk}/"
        assert list(texts.cases.values_list("text", flat=True)) == [LINES[1]["text"]]

    def test_every_form_bears_its_token(self, desk: Client, texts: LabelledSet) -> None:
        text = page(desk, f"{URL}sets/{texts.pk}/")
        forms = re.findall(r'<form[^>]*method="post".*?</form>', text, re.DOTALL)
        assert len(forms) >= 5
        assert all("csrfmiddlewaretoken" in form for form in forms)

    def test_a_set_is_deleted_with_all_of_it(self, desk: Client, texts: LabelledSet) -> None:
        measured(desk, texts, make_version(words_config("a")))
        assert desk.post(f"{URL}sets/{texts.pk}/delete/")["Location"] == URL
        assert not LabelledCase.objects.exists()
        assert not Measurement.objects.exists()


class TestMeasuring:
    def test_progress_then_the_result(self, desk: Client, texts: LabelledSet) -> None:
        version = make_version(words_config("blimey"))
        address = desk.post(f"{URL}sets/{texts.pk}/measure/", {"version": str(version.pk)})["Location"]
        assert "Waiting for a worker" in page(desk, address)
        Measurement.objects.update(status="running", done=1, total=2)
        waiting = desk.get(address, headers={"HX-Request": "true"})
        assert "<html" not in waiting.content.decode()
        assert "1 of 2" in waiting.content.decode()
        assert "HX-Refresh" not in waiting
        Measurement.objects.update(status="queued")
        run_claimed()
        done = desk.get(address, headers={"HX-Request": "true"})
        assert done["HX-Refresh"] == "true"
        assert "hx-trigger" not in done.content.decode()
        text = said(page(desk, address))
        assert "Precision 100.0 %" in text
        assert "word:blimey 1 0" in text
        assert "Every case is right" in text

    def test_who_asked_and_for_what(self, desk: Client, reviewer: User, texts: LabelledSet) -> None:
        version = make_version(words_config("blimey"))
        measured(desk, texts, version)
        job = Measurement.objects.get()
        assert (job.requested_by, job.guardrail, job.number) == (reviewer, version.guardrail, 1)
        assert job.config == version.config

    def test_a_curve_with_its_table(self, desk: Client) -> None:
        source = "The parcel of order 1042 was shipped on Monday with Northway."
        lines = [
            {"answer": "Order 1042 was shipped on Monday.", "source": source, "label": 0},
            {"answer": "Elephants dance near purple volcanoes.", "source": source, "label": 1},
        ]
        address = measured(desk, make_set("grounding", *lines), make_version(words_config(grounding=0.4)))
        text = page(desk, address)
        assert text.count("<polyline") == 2
        assert "Recall at 0.3: 100.0 %" in text
        assert "As the version has it (0.40)" in said(text)
        assert "AUC 1.000" in said(text)

    def test_personal_data_by_entity(self, desk: Client) -> None:
        made = make_set("pii", {"text": CARD, "spans": CARD_SPANS}, {"text": "I am Bo", "label": 0})
        text = said(page(desk, measured(desk, made, make_version(words_config(pii=["CREDIT_DEBIT_CARD_NUMBER"])))))
        assert "CREDIT_DEBIT_CARD_NUMBER 1 of 1 100.0 % 0 100.0 %" in text

    def test_wrong_cases_that_are_deleted_since(self, desk: Client) -> None:
        made = make_set("content", {"text": "missed", "label": 1})
        address = measured(desk, made, make_version(words_config("a")))
        assert "missed Missed" in said(page(desk, address))
        made.cases.all().delete()
        assert "They were deleted since." in page(desk, address)

    def test_it_failed(self, desk: Client, texts: LabelledSet) -> None:
        version = make_version({"contentPolicyConfig": {"filtersConfig": [{"type": "RUDENESS"}]}})
        text = page(desk, measured(desk, texts, version))
        assert "It failed." in text
        assert "cannot be read" in text

    def test_nothing_to_measure(self, desk: Client) -> None:
        empty = LabelledSet.objects.create(name="Empty", measures="pii")
        version = make_version(words_config("a"))
        address = desk.post(f"{URL}sets/{empty.pk}/measure/", {"version": str(version.pk)})["Location"]
        assert "holds no case yet" in page(desk, address)
        assert not Measurement.objects.exists()

    def test_no_such_version(self, desk: Client, texts: LabelledSet) -> None:
        assert desk.post(f"{URL}sets/{texts.pk}/measure/", {"version": str(uuid7())}).status_code == 404


class TestCompare:
    def test_two_are_needed(self, desk: Client, texts: LabelledSet) -> None:
        assert "Two measurements are needed" in page(desk, f"{URL}sets/{texts.pk}/compare/")

    def test_what_became_right_and_wrong(self, desk: Client) -> None:
        made = make_set("content", {"text": "blimey", "label": 1}, {"text": "parcel", "label": 0})
        first = make_version(words_config("parcel"))
        measured(desk, made, first)
        measured(desk, made, make_version(words_config("blimey"), number=2, guardrail=first.guardrail))
        text = said(page(desk, f"{URL}sets/{made.pk}/compare/"))
        assert "Recall 0.0 % 100.0 % +100.0 %" in text
        assert "Now wrong 0" in text
        assert "Now right 2" in text
        old, new = Measurement.objects.order_by("requested_at")
        text = said(page(desk, f"{URL}sets/{made.pk}/compare/?a={new.pk}&b={old.pk}"))
        assert "Now wrong 2" in text

    def test_of_another_set(self, desk: Client, texts: LabelledSet) -> None:
        other = make_set("content", *LINES)
        address = measured(desk, other, make_version(words_config("a")))
        page(desk, f"{URL}sets/{texts.pk}/compare/?a={address.split('/')[-2]}", 404)


class TestBacktest:
    def test_no_draft(self, desk: Client) -> None:
        assert "No draft to test" in page(desk, f"{URL}backtest/")

    def test_what_would_be_otherwise(self, desk: Client, conversations: Conversations) -> None:
        new = conversations.add("Well <i>crikey</i>, write to ada@example.com", Direction.OUTPUT)
        conversations.add("hello")
        published = make_version(words_config("gosh", pii=["EMAIL"]))
        draft = make_version(words_config("crikey", pii=["EMAIL"]), number=None, guardrail=published.guardrail)
        address = desk.post(f"{URL}backtest/", {"draft": str(draft.pk), "days": "7"})["Location"]
        run_all()
        text = page(desk, address)
        assert f"/inbox/{new.session_id}/" in text
        assert "Well &lt;i&gt;<mark>crikey</mark>" in text
        assert "{EMAIL}" in text
        assert "ada@example.com" not in text
        assert "Newly caught 1" in said(text)
        conversations.said.clear()
        assert "1 message of them was deleted since" in said(page(desk, address))
        assert "What was said in the last 7 days" in said(page(desk, f"{URL}backtest/"))

    def test_nothing_otherwise(self, desk: Client, conversations: Conversations) -> None:
        draft = make_version(words_config("crikey"), number=None)
        for word, expected in (("", "Nothing was said"), ("hello", "The draft does the same")):
            if word:
                conversations.add(word)
            address = desk.post(f"{URL}backtest/", {"draft": str(draft.pk), "days": "7"})["Location"]
            run_all()
            assert expected in page(desk, address)

    @pytest.mark.parametrize("days", ["0", "91", "x", ""])
    def test_bad_input(self, desk: Client, days: str) -> None:
        draft = make_version(words_config("crikey"), number=None)
        response = desk.post(f"{URL}backtest/", {"draft": str(draft.pk), "days": days})
        assert response.status_code == 422
        assert 'role="alert"' in response.content.decode()

    def test_a_version_is_no_draft(self, desk: Client) -> None:
        version = make_version(words_config("crikey"))
        assert desk.post(f"{URL}backtest/", {"draft": str(version.pk), "days": "7"}).status_code == 422
