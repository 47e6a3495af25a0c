from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from observability.cost_price_changes import changes_of
from observability.models import AuditEntry, Price, UnitPrice
from observability.price_import import read_prices
from observability.prices import price_list, unit_price_list
from tests.factories import client_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
HEADER = "model,valid_from,input_usd,output_usd\n"


@pytest.fixture(autouse=True)
def two_prices() -> None:
    price_list.forget()
    unit_price_list.forget()
    Price.objects.all().delete()
    amounts = dict.fromkeys(
        ("input_usd", "output_usd", "cache_read_usd", "cache_write_usd", "cache_write_1h_usd"), Decimal(3)
    )
    Price.objects.create(model="model-a", valid_from=today(-5), **amounts)
    UnitPrice.objects.create(kind="tool_call", valid_from=today(-5), usd=Decimal("0.005"), per=1000)


def today(days: int = 0) -> date:
    return timezone.now().date() + timedelta(days=days)


def post(user: User, text: str, **more: Any) -> Any:
    return client_of(user).post("/prices/import/", {"text": text, **more})


def test_what_would_change_is_shown_and_nothing_is_stored(admin: User) -> None:
    text = f"{HEADER}model-a,,2.5,3\nmodel-b,{today(4)},1,5\nmodel-a,{today(-3)},3,3\n"
    response = post(admin, text)
    assert response.status_code == 200
    shown = response.content.decode()
    assert "2 prices would be noted" in shown
    assert "1 is in force already" in shown
    assert "Import 2 prices" in shown
    first, second = response.context["changes"]
    changed = [amount.name for amount in first.amounts if amount.is_changed]
    # The cache costs what input costs, where the file says nothing else.
    assert changed == ["input_usd", "cache_read_usd", "cache_write_usd", "cache_write_1h_usd"]
    assert (second.is_new, second.row.valid_from) == (True, today(4))
    assert (Price.objects.count(), AuditEntry.objects.count()) == (1, 0)


def test_confirmed_it_is_stored_at_once_and_audited(admin: User) -> None:
    text = f"{HEADER}model-a,,2.5,3\nmodel-b,{today(4)},1,5\n"
    response = post(admin, text, confirm="1", file_name="prices.csv")
    assert (response.status_code, response["Location"]) == (302, "/prices/")
    assert set(Price.objects.values_list("model", "input_usd")) == {
        ("model-a", Decimal(3)),
        ("model-a", Decimal("2.5")),
        ("model-b", Decimal(1)),
    }
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject_name) == ("price.import", "prices.csv")
    again = post(admin, text, confirm="1", file_name="prices.csv")
    assert again.status_code == 302
    assert (Price.objects.count(), AuditEntry.objects.count()) == (3, 1)


def test_what_is_wrong_is_told_by_its_line_and_nothing_is_stored(admin: User) -> None:
    text = f"{HEADER}model-b,,1,5\nmodel-c,,dear,5\nmodel-d,2020-01-01,1,5\n<b>x</b>,,-1,5\n"
    for more in ({}, {"confirm": "1"}):
        response = post(admin, text, **more)
        assert response.status_code == 422
        shown = response.content.decode()
        assert "Line 3:" in shown
        assert "Line 4: model-d: A price begins today at the earliest" in shown
        assert "Line 5:" in shown
        assert "<b>x" not in shown
        assert "Import " not in shown.partition("<main")[2].partition("Show what")[0]
        # What was pasted stays to be mended.
        assert "model-c,,dear,5" in shown
    assert Price.objects.count() == 1


def test_a_day_that_has_a_price_already_is_refused(admin: User) -> None:
    Price.objects.update(valid_from=today(2))
    response = post(admin, f"{HEADER}model-a,{today(2)},9,9\n", confirm="1")
    assert response.status_code == 422
    assert "There is a price from that day on already" in response.content.decode()


def test_a_later_row_is_compared_to_an_earlier_one_of_the_file() -> None:
    text = f"{HEADER}model-a,{today(9)},2,3\nmodel-a,{today(4)},2,3\n"
    file = read_prices(text.encode(), "x.csv")
    last, first = changes_of(file.rows, file.lines)
    assert (first.is_same, last.is_same) == (False, True)
    assert (first.line, last.line) == (3, 2)


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (SimpleUploadedFile("p.csv", b"\xff\xfe\x00"), "not in UTF-8"),
        (SimpleUploadedFile("p.csv", b"x" * 1_000_001), "at most one megabyte"),
        (SimpleUploadedFile("p.xlsx", b"PK"), "ends neither with .csv nor with .json"),
        (SimpleUploadedFile("p.csv", b"colour\nred\n"), "neither a column model nor a column kind"),
        (SimpleUploadedFile("p.csv", b"model\n"), "no price in the file"),
        (None, "Choose a file, or give its text."),
    ],
    ids=["bytes", "long", "sheet", "columns", "empty", "nothing"],
)
def test_a_file_that_is_none(file: SimpleUploadedFile | None, words: str, admin: User) -> None:
    if file is not None:
        file.seek(0)
    response = client_of(admin).post("/prices/import/", {"file": file} if file else {})
    assert response.status_code == 422
    assert words in response.content.decode()


def test_a_file_comes_back_as_text_under_its_name(admin: User) -> None:
    file = SimpleUploadedFile("list.json", b'[{"model": "model-j", "input_usd": 1, "output_usd": "2"}]')
    client = client_of(admin)
    response = client.post("/prices/import/", {"file": file})
    assert response.status_code == 200
    given = {"text": response.context["text"], "file_name": response.context["file"].name, "confirm": "1"}
    assert given["file_name"] == "list.json"
    assert client.post("/prices/import/", given).status_code == 302
    assert Price.objects.get(model="model-j").output_usd == 2


def test_pasted_json_is_taken_for_such(admin: User) -> None:
    response = post(admin, ' [{"kind": "browser", "usd": 0.5, "per": 60}]', confirm="1")
    assert response.status_code == 302
    assert UnitPrice.objects.get(kind="browser").per == 60


# -- the export


def test_what_is_exported_can_be_imported_and_changes_nothing(admin: User, analyst: User) -> None:
    Price.objects.create(
        model="model-t",
        valid_from=today(3),
        above_input_tokens=100_000,
        input_usd=Decimal("0.00000001"),
        output_usd=Decimal("12.5"),
        cache_read_usd=Decimal("0.1"),
        cache_write_usd=Decimal(2),
        cache_write_1h_usd=Decimal(0),
    )
    UnitPrice.objects.create(kind="tool_call", subject='a, "b"', valid_from=today(), usd=Decimal("0.1"))
    text = client_of(analyst).get("/prices/export/").getvalue().decode()
    assert len(list(csv.DictReader(io.StringIO(text)))) == 4
    file = read_prices(text.encode(), "prices.csv")
    assert not file.errors
    assert all(change.is_same for change in changes_of(file.rows, file.lines))
    response = post(admin, text, confirm="1")
    assert response.status_code == 302
    assert (Price.objects.count(), UnitPrice.objects.count()) == (2, 2)
    Price.objects.all().delete()
    UnitPrice.objects.all().delete()
    late = [line for line in text.splitlines() if str(today(-5)) not in line]
    assert post(admin, "\n".join(late), confirm="1").status_code == 302
    again = client_of(analyst).get("/prices/export/").getvalue().decode()
    assert again.splitlines() == late


# -- lists that come along


def test_a_shipped_list_is_shown_before_it_is_taken(admin: User) -> None:
    response = client_of(admin).get("/prices/lists/seed/")
    assert response.status_code == 200
    text = response.content.decode()
    assert "claude-3-5-sonnet" in text
    assert "4 prices would be noted" in text
    assert UnitPrice.objects.count() == 1


def test_it_is_taken_from_a_day_on_and_audited(admin: User) -> None:
    client = client_of(admin)
    assert client.post("/prices/lists/agentcore-2026-09/", {"valid_from": today(7)}).status_code == 302
    assert UnitPrice.objects.filter(valid_from=today(7)).count() == 5
    assert AuditEntry.objects.get().action == "price.adopt"
    # Its tool calls cost what they cost before: that price was left out.
    assert not UnitPrice.objects.filter(kind="tool_call", valid_from=today(7)).exists()


def test_a_day_that_is_over_is_refused(admin: User) -> None:
    response = client_of(admin).post("/prices/lists/seed/", {"valid_from": today(-1)})
    assert response.status_code == 422
    assert UnitPrice.objects.count() == 1
    assert client_of(admin).get("/prices/lists/nothing/").status_code == 404


def test_a_list_against_a_price_of_that_day_says_so(admin: User) -> None:
    UnitPrice.objects.create(kind="memory_write", valid_from=today(2), usd=Decimal(9))
    client = client_of(admin)
    text = client.get(f"/prices/lists/seed/?valid_from={today(2)}").content.decode()
    assert "It cannot be taken from" in text
    assert client.post("/prices/lists/seed/", {"valid_from": today(2)}).status_code == 422
    assert UnitPrice.objects.count() == 2
