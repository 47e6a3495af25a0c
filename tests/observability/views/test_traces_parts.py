from __future__ import annotations

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from observability.models import AuditEntry, SavedView
from tests.factories import client_of, make_trace
from tests.observability.views.test_traces import HTMX, URL, ids

pytestmark = pytest.mark.django_db


class TestMasking:
    hidden = "4111 1111 1111 1111"

    @pytest.fixture(autouse=True)
    def _trace(self, db: None) -> None:
        make_trace(spans=0, input_text=f"My card is {self.hidden}", output_text="Write to eve@example.net")

    @pytest.mark.parametrize("form", ["", "?format=csv", "?format=jsonl"])
    def test_who_reads_what(self, support: User, reviewer: User, analyst: User, admin: User, form: str) -> None:
        for user, sees in ((support, False), (analyst, False), (reviewer, True), (admin, True)):
            response = client_of(user).get(URL + form)
            body = response.getvalue() if response.streaming else response.content
            assert (self.hidden in body.decode()) is sees
            assert ("eve@example.net" in body.decode()) is sees


class TestExport:
    def test_csv_and_json_have_what_the_list_shows(self, reviewer: User) -> None:
        wanted = make_trace(spans=0, channel="email", input_text='=SUM(1) "quoted", and\nmore')
        make_trace(spans=0)
        client = client_of(reviewer)
        lines = list(csv.DictReader(io.StringIO(client.get(f"{URL}?q=channel:email&format=csv").getvalue().decode())))
        assert [line["id"] for line in lines] == ids(wanted)
        assert lines[0]["first_line_in"] == f"'{wanted.input_text}"
        told = client.get(f"{URL}?q=channel:email&format=jsonl").getvalue().decode().splitlines()
        assert [json.loads(line)["first_line_in"] for line in told] == [wanted.input_text]

    def test_sorted_as_the_list(self, reviewer: User) -> None:
        cheap, dear = make_trace(spans=0, cost_usd=Decimal("0.1")), make_trace(spans=0, cost_usd=Decimal("0.9"))
        body = client_of(reviewer).get(f"{URL}?sort=cost&format=csv").getvalue().decode()
        assert [line.split(",")[0] for line in body.splitlines()[1:]] == ids(dear, cheap)


class TestSavedViews:
    def save(self, user: User, query: str = "?q=status%3Aerror", **fields: str) -> Any:
        return client_of(user).post(URL + query, {"name": "Mine", **fields}, follow=True)

    def test_ones_own(self, support: User, reviewer: User) -> None:
        text = self.save(support).content.decode()
        assert "Saved as Mine." in text
        kept = SavedView.objects.get()
        assert (kept.owner, kept.query) == (support, "q=status%3Aerror")
        assert '<a href="?q=status%3Aerror" aria-current="page">Mine' in text
        assert "Mine" not in client_of(reviewer).get(URL).content.decode()

    def test_everybodys_are_the_admins(self, support: User, admin: User) -> None:
        assert "Nothing was saved." in self.save(support, everybody="1").content.decode()
        self.save(admin, everybody="1")
        assert SavedView.objects.get().owner is None
        assert AuditEntry.objects.get().action == "view.save"
        assert ">Mine" in client_of(support).get(URL).content.decode()

    def test_a_name_stands_once(self, support: User) -> None:
        self.save(support)
        assert "There is a view" in self.save(support, query="?q=status%3Aok").content.decode()
        assert SavedView.objects.get().query == "q=status%3Aerror"

    @pytest.mark.parametrize("name", ["", "  ", "x" * 61])
    def test_names_that_are_none(self, support: User, name: str) -> None:
        assert "Nothing was saved." in self.save(support, name=name).content.decode()

    def test_words_that_are_not_understood_are_not_kept(self, support: User) -> None:
        client_of(support).post(f"{URL}?q=odd:1", {"name": "Odd"})
        assert not SavedView.objects.exists()

    def test_deleting(self, support: User, reviewer: User, admin: User) -> None:
        self.save(support)
        self.save(admin, everybody="1", name="All of ours")
        own, shared = SavedView.objects.get(owner=support), SavedView.objects.get(owner=None)
        assert client_of(reviewer).post(URL, {"delete": str(own.pk)}).status_code == 404
        assert client_of(reviewer).post(URL, {"delete": "odd"}).status_code == 404
        assert "Nothing was deleted." in self.save(support, delete=str(shared.pk)).content.decode()
        self.save(support, delete=str(own.pk))
        self.save(admin, delete=str(shared.pk))
        assert not SavedView.objects.exists()


class TestPeek:
    def test_beside_the_list(self, support: User) -> None:
        trace = make_trace()
        headers = {**HTMX, "HX-Target": "peek", "HX-Current-URL": f"http://testserver{URL}?q=status%3Aok"}
        response = client_of(support).get(f"{URL}{trace.pk}/", headers=headers)
        text = response.content.decode()
        assert text.strip().startswith('<aside class="peek" id="peek"')
        assert "Where is my order?" in text
        assert "get_order" in text
        assert response["HX-Replace-Url"] == f"{URL}?q=status%3Aok&peek={trace.pk}"

    def test_the_address_has_it(self, support: User) -> None:
        trace = make_trace()
        text = client_of(support).get(f"{URL}?peek={trace.pk}").content.decode()
        assert f'<tr data-row id="trace-{trace.pk}" class="is-selected"' in text
        assert "data-closes-peek" in text
