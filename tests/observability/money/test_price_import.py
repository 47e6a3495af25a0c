from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability.models import AuditEntry, Price, UnitPrice
from observability.price_import import MODEL_COLUMNS, MOST_BYTES, ImportRefused, import_prices, read_prices
from observability.prices import Tokens, cost_of_tokens, cost_of_units, price_list, unit_price_list

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
CSV = """\
model,valid_from,above_input_tokens,input_usd,output_usd,cache_read_usd,cache_write_usd,cache_write_1h_usd
own-1,{day},0,2,10,0.2,2.5,4
own-1,{day},100000,4,20,0.4,5,8
own-2,{day},,1,3,,,
"""
UNITS = "kind,subject,valid_from,usd,per\ntool_call,,{day},0.005,1000\ntool_call,process_refund,{day},0.01,\n"


@pytest.fixture(autouse=True)
def _fresh() -> Any:
    price_list.forget()
    unit_price_list.forget()
    yield
    price_list.forget()
    unit_price_list.forget()


def today(days: int = 0) -> date:
    return timezone.now().date() + timedelta(days=days)


def csv_file(text: str = CSV, day: object = "") -> Any:
    return read_prices(text.format(day=day).encode(), "prices.csv")


def errors_of(data: str | bytes, name: str = "prices.csv") -> list[str]:
    return [str(error) for error in read_prices(data.encode() if isinstance(data, str) else data, name).errors]


class TestImport:
    def test_models_from_csv(self, admin: User) -> None:
        added = import_prices(csv_file(day=today()), admin)
        assert (added.added, added.known) == (3, 0)
        assert cost_of_tokens("own-1", Tokens(cache_write=1_000_000, cache_write_1h=1_000_000)).usd == 8
        assert cost_of_tokens("own-1", Tokens(input=100_000, output=100_000)).usd == Decimal("1.2")
        plain = Price.objects.get(model="own-2")
        # Without prices of its own, the cache's tokens cost what input costs.
        assert {plain.cache_read_usd, plain.cache_write_usd, plain.cache_write_1h_usd} == {Decimal(1)}
        assert plain.valid_from == today()

    def test_units_from_csv(self, admin: User) -> None:
        assert import_prices(csv_file(UNITS, today()), admin).added == 2
        assert cost_of_units(UnitPrice.Kind.TOOL_CALL, "get_order", 1).usd == Decimal("0.000005")
        assert cost_of_units(UnitPrice.Kind.TOOL_CALL, "process_refund", 2).usd == Decimal("0.02")

    def test_both_from_one_csv_with_semicolons_and_a_byte_order_mark(self, admin: User) -> None:
        text = "\ufeffmodel;kind;input_usd;output_usd;usd\nown-1;;2;10;\n;browser;;;0.00003\n"
        assert import_prices(csv_file(text), admin).added == 2

    @pytest.mark.parametrize("in_lists", [False, True])
    def test_both_from_json(self, admin: User, *, in_lists: bool) -> None:
        models = [{"model": "own-1", "input_usd": 0.1, "output_usd": "0.3"}]
        units = [{"kind": "memory_search", "usd": 0.00001}]
        data = {"models": models, "none": [], "units": units} if in_lists else [*models, *units]
        file = read_prices(json.dumps(data, indent=1).encode(), "prices.JSON")
        assert import_prices(file, admin).added == 2
        # As written, and not as a float has it.
        assert Price.objects.get(model="own-1").input_usd == Decimal("0.1")
        assert UnitPrice.objects.get().usd == Decimal("0.00001")

    def test_the_same_again_changes_nothing(self, admin: User) -> None:
        first = import_prices(csv_file(day=today()), admin)
        rows = list(Price.objects.order_by("pk").values())
        again = import_prices(csv_file(day=today()), admin)
        assert (first.added, again.added, again.known) == (3, 0, 3)
        # Also without a date, and from a later day on: the same is in force then.
        assert import_prices(csv_file(), admin).added == 0
        assert import_prices(csv_file(day=today(9)), admin).added == 0
        assert list(Price.objects.order_by("pk").values()) == rows
        assert AuditEntry.objects.filter(action="price.import").count() == 1

    def test_a_file_whose_day_is_over_is_known_still(self, admin: User) -> None:
        import_prices(csv_file(day=today()), admin)
        Price.objects.filter(model__startswith="own").update(valid_from=today(-30))
        price_list.forget()
        assert import_prices(csv_file(day=today(-30)), admin).known == 3

    def test_shipped_prices_go_out_and_come_in_again(self, admin: User) -> None:
        names = MODEL_COLUMNS
        rows = [{name: str(row[name]) for name in names} for row in Price.objects.values(*names)]
        file = read_prices(json.dumps(rows).encode(), "all.json")
        assert import_prices(file, admin).known == len(rows) == Price.objects.count()


class TestRefused:
    def test_one_row_that_cannot_be_holds_up_all(self, admin: User) -> None:
        text = "model,valid_from,input_usd,output_usd\nown-1,,1,2\n\nown-2,2020-01-01,1,2\nown-3,,-1,2\n"
        assert errors_of(text) == ["Line 5: input_usd is '-1'; a price is 0 or more, and below 100,000,000."]
        with pytest.raises(ImportRefused, match="Line 5"):
            import_prices(csv_file(text), admin)
        with pytest.raises(ImportRefused) as refused:
            import_prices(csv_file(text.replace("-1", "1")), admin)
        (error,) = refused.value.errors
        assert (error.line, error.message[:30]) == (4, "A price begins today at the ea")
        assert not Price.objects.filter(model__startswith="own").exists()
        assert not AuditEntry.objects.filter(action="price.import").exists()

    @pytest.mark.parametrize("days", [0, 5])
    def test_another_price_from_that_day_stands(self, admin: User, days: int) -> None:
        import_prices(csv_file(day=today(days)), admin)
        with pytest.raises(ImportRefused, match=r"^Line 3: There is a price from that day on already"):
            import_prices(csv_file(CSV.replace(",4,20,", ",5,20,"), today(days)), admin)

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("", "There is no price in the file."),
            ("model,input_usd,output_usd\n", "There is no price in the file."),
            ("name,price\nx,1\n", "The header has neither a column model nor a column kind."),
            ("model,model\nx,1\n", "The header names a column twice."),
            ("model,input_usd,output_usd\n,1,2\n", "Line 2: model is missing."),
            ("model,input_usd,output_usd\nx,1\n", "Line 2: output_usd is missing."),
            ("model,input_usd,output_usd\nx,1,2,3\n", "Line 2: There are 4 cells under 3 columns."),
            ("model,input_usd,output_usd\nx,1 000,2\n", "Line 2: input_usd is '1 000', which is no number"),
            ('model;input_usd;output_usd\nx;"1,5";2\n', "Line 2: input_usd is '1,5', which is no number"),
            ("model,input_usd,output_usd\nx,NaN,2\n", "Line 2: input_usd is 'NaN'; a price is 0 or more"),
            ("model,input_usd,output_usd\nx,1e8,2\n", "Line 2: input_usd is '1e8'; a price is 0 or more"),
            ("model,input_usd,output_usd\nx,0.000000001,2\n", "Line 2: input_usd is '0.000000001'; a price has at"),
            ("model,input_usd,output_usd,valid_from\nx,1,2,31.12.2026\n", "Line 2: valid_from is '31.12.2026'; a day"),
            ("model,input_usd,output_usd,above_input_tokens\nx,1,2,-1\n", "Line 2: above_input_tokens is '-1'"),
            ("model,input_usd,output_usd,above_input_tokens\nx,1,2,²\n", "Line 2: above_input_tokens is '²'"),
            ("model,input_usd,output_usd,price\nx,1,2,9\n", "Line 2: A price of this kind has no price."),
            ("kind,usd\ntoolcall,1\n", "Line 2: There is no kind 'toolcall'; there are tool_call"),
            ("kind,usd,per\nbrowser,1,0\n", "Line 2: per is 0"),
            ("kind,usd\nbrowser,\n", "Line 2: usd is missing."),
            ('model,input_usd,output_usd\n"x\ny",1,2\nx,1\n', "Line 4: output_usd is missing."),
            ('model,input_usd,output_usd\n"x,1,2\n', "Line 2 cannot be read"),
            (f"model,input_usd,output_usd\n{'x' * 121},1,2\n", "Line 2: model is longer than 120 characters."),
            ("model,input_usd,output_usd\nx,1,2\ny,1,2\nx,1,3\n", "Line 4: Line 2 has a price of the same"),
            ("model\0", "The file holds a null character."),
            ("model,input_usd,output_usd\n" + "x,1,2\n" * 5001, "The file has more than 5,000 rows."),
        ],
        ids=lambda value: value[:32],
    )
    def test_csv_that_is_not_in_the_form(self, text: str, error: str) -> None:
        (found, *_) = errors_of(text)
        assert found.startswith(error)

    @pytest.mark.parametrize(
        ("text", "error"),
        [
            ("[", "The file is no JSON"),
            ("[" * 100_000, "The file is no JSON"),
            ("5", "The file is neither a list of prices nor an object of such lists."),
            ('{"models": {}}', "The file is neither a list of prices nor an object of such lists."),
            ("[]", "There is no price in the file."),
            ("{}", "There is no price in the file."),
            ("[\n1]", "Line 2: A price is an object."),
            ('[{"model": "x", "model": "y"}]', "The file is no JSON: an object has the same name twice."),
            ('[{"model": "x", "input_usd": NaN}]', "The file is no JSON: NaN is no number."),
            ('[\n{"model": 5,\n"input_usd": 1, "output_usd": 1}]', "Line 2: model is no text."),
            ('[{"model": "x", "input_usd": true, "output_usd": 1}]', "Line 1: input_usd is 'True'"),
            ('{"a": [], "b" :\n [\n{"kind":"browser",\n"usd":1},\n\n{"kind":"tool_call"}]}', "Line 6: usd is missing."),
            ('[{"kind": "browser", "usd": [1]}]', "Line 1: usd is '[1]'"),
            ('[{"kind": "browser", "usd": 1, "per": 1.5}]', "Line 1: per is '1.5'"),
            ('[{"kind": "browser", "usd": 1, "valid_from": 5}]', "Line 1: valid_from is '5'"),
        ],
        ids=lambda value: value[:32],
    )
    def test_json_that_is_not_in_the_form(self, text: str, error: str) -> None:
        (found, *_) = errors_of(text, "prices.json")
        assert found.startswith(error)

    def test_files_that_are_none(self) -> None:
        assert errors_of(b"\xff\xfe", "prices.csv") == ["The file is not in UTF-8."]
        assert errors_of("x", "prices.xlsx") == ["The file's name ends neither with .csv nor with .json."]
        assert errors_of("x" * (MOST_BYTES + 1)) == ["The file is larger than 1,000,000 bytes."]
