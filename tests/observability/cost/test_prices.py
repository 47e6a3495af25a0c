from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability.models import AuditEntry, Charge, Price, UnitPrice
from observability.prices import Tokens, cost_of_tokens, price_list, unit_price_list
from tests.factories import client_of
from tests.observability.cost.cases import make_charged

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]


@pytest.fixture(autouse=True)
def fresh_lists() -> None:
    price_list.forget()
    unit_price_list.forget()


def today(days: int = 0) -> date:
    return timezone.now().date() + timedelta(days=days)


def add(model: str = "model-a", days: int = 0, **values: Any) -> Price:
    amounts = dict.fromkeys(("input_usd", "output_usd", "cache_read_usd", "cache_write_usd"), Decimal(3))
    return Price.objects.create(model=model, valid_from=today(days), **{**amounts, **values})


def page(user: User) -> str:
    response = client_of(user).get("/prices/")
    assert response.status_code == 200
    return response.content.decode()


# -- the list


def test_what_is_in_force_what_comes_and_what_was(analyst: User) -> None:
    Price.objects.all().delete()
    past, live = add(days=-9, input_usd=Decimal(9)), add(days=-2)
    tier = add(days=-2, above_input_tokens=200_000, input_usd=Decimal(6))
    coming = add(days=5, input_usd=Decimal(2))
    (history,) = client_of(analyst).get("/prices/").context["models"]
    assert (history.live, history.coming, history.past) == ([live, tier], [coming], [past])
    assert "above 200k tokens" in page(analyst)


def test_who_reads_is_offered_nothing_to_change(analyst: User, admin: User) -> None:
    add(days=5)
    UnitPrice.objects.create(kind="tool_call", valid_from=today(5), usd=Decimal("0.1"))
    for text, may in ((page(analyst), False), (page(admin), True)):
        for offer in ("/prices/new/", "/prices/import/", "/withdraw/", "/prices/lists/seed/"):
            assert (offer in text) is may, offer


def test_what_is_called_without_a_price_is_told(analyst: User) -> None:
    values = {"basis": Charge.Basis.UNKNOWN, "subject": "unheard-of"}
    make_charged("0", at=timezone.now() - timedelta(days=2), charge=values)
    assert client_of(analyst).get("/prices/").context["unpriced"] == ["unheard-of"]
    add("unheard-of")
    assert client_of(analyst).get("/prices/").context["unpriced"] == []


def test_each_kind_of_unit_is_listed_with_or_without_a_price(analyst: User) -> None:
    UnitPrice.objects.create(kind="tool_call", subject="get_order", valid_from=today(), usd=Decimal("0.5"), per=1000)
    text = page(analyst)
    for label in UnitPrice.Kind.labels:
        assert label in text
    assert "get_order" in text


# -- one more


@pytest.mark.parametrize("path", ["/prices/new/", "/prices/import/", "/prices/lists/seed/"])
def test_only_an_admin_changes_prices(path: str, analyst: User, support: User) -> None:
    for user in (analyst, support):
        assert client_of(user).get(path).status_code == 403
        assert client_of(user).post(path, {}).status_code == 403


def test_a_price_counts_from_now_on_and_is_audited(admin: User) -> None:
    before = cost_of_tokens("model-n", Tokens(input=1_000_000)).basis
    given = {"model": "model-n", "valid_from": today(), "above_input_tokens": 0, "input_usd": "2.5", "output_usd": "12"}
    response = client_of(admin).post("/prices/new/", given)
    assert (response.status_code, response["Location"]) == (302, "/prices/")
    made = Price.objects.get(model="model-n")
    assert made.cache_read_usd == made.cache_write_usd == Decimal("2.5")
    assert made.cache_write_1h_usd == 0
    assert before == Charge.Basis.UNKNOWN
    assert cost_of_tokens("model-n", Tokens(input=1_000_000)).usd == Decimal("2.5")
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.subject_name, entry.actor_id) == ("price.add", "model-n", admin.pk)
    assert entry.after
    assert entry.after["input_usd"] == "2.5"


def test_a_units_price(admin: User) -> None:
    given = {"kind": "guardrail", "subject": "", "valid_from": today(3), "usd": "0.25", "per": "1000"}
    assert client_of(admin).post("/prices/new/?what=unit", given).status_code == 302
    made = UnitPrice.objects.get(kind="guardrail")
    assert (made.usd, made.per, made.valid_from) == (Decimal("0.25"), 1000, today(3))
    assert "text units" in AuditEntry.objects.get().subject_name


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"valid_from": "2020-01-01"}, "valid_from"),
        ({"valid_from": "soon"}, "valid_from"),
        ({"input_usd": "-1"}, "input_usd"),
        ({"output_usd": ""}, "output_usd"),
        ({"model": ""}, "model"),
        ({"input_usd": "0.123456789"}, "input_usd"),
        ({"above_input_tokens": "-1"}, "above_input_tokens"),
    ],
    ids=str,
)
def test_what_cannot_be_taken_is_told_and_nothing_is_stored(changed: dict[str, str], field: str, admin: User) -> None:
    given = {"model": "model-n", "valid_from": today(), "above_input_tokens": 0, "input_usd": "2", "output_usd": "12"}
    response = client_of(admin).post("/prices/new/", given | changed)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Price.objects.filter(model="model-n").exists()
    assert not AuditEntry.objects.exists()


def test_a_second_price_of_the_same_day_is_refused(admin: User) -> None:
    add("model-n")
    given = {"model": "model-n", "valid_from": today(), "above_input_tokens": 0, "input_usd": "2", "output_usd": "12"}
    response = client_of(admin).post("/prices/new/", given)
    assert response.status_code == 422
    assert "There is a price from that day on already" in response.content.decode()


def test_the_form_begins_with_what_the_link_names(admin: User) -> None:
    text = client_of(admin).get("/prices/new/?model=vllm/qwen").content.decode()
    assert 'value="vllm/qwen"' in text
    assert '<option value="browser" selected>' in (
        client_of(admin).get("/prices/new/?what=unit&kind=browser").content.decode()
    )


# -- withdrawn


def test_a_price_to_come_is_withdrawn(admin: User) -> None:
    coming = add(days=4)
    unit = UnitPrice.objects.create(kind="browser", valid_from=today(4), usd=Decimal(1))
    client = client_of(admin)
    assert client.post(f"/prices/{coming.pk}/withdraw/")["Location"] == "/prices/"
    assert client.post(f"/prices/units/{unit.pk}/withdraw/")["Location"] == "/prices/"
    assert not Price.objects.filter(pk=coming.pk).exists()
    assert not UnitPrice.objects.exists()
    assert list(AuditEntry.objects.values_list("action", "subject_name")) == [
        ("price.withdraw", "Browser seconds"),
        ("price.withdraw", "model-a"),
    ]


def test_one_in_force_stays(admin: User) -> None:
    live = add()
    unit = UnitPrice.objects.create(kind="browser", valid_from=today(), usd=Decimal(1))
    client = client_of(admin)
    for path in (f"/prices/{live.pk}/withdraw/", f"/prices/units/{unit.pk}/withdraw/"):
        response = client.post(path, follow=True)
        assert "so it stays as it is" in response.content.decode()
    assert Price.objects.filter(pk=live.pk).exists()
    assert UnitPrice.objects.filter(pk=unit.pk).exists()
    assert not AuditEntry.objects.exists()
    assert client.post("/prices/999999999/withdraw/").status_code == 404
    assert client.get(f"/prices/{live.pk}/withdraw/").status_code == 405


@pytest.mark.parametrize("place", ["", "units/"])
def test_an_analyst_withdraws_nothing(place: str, analyst: User) -> None:
    coming = add(days=4)
    unit = UnitPrice.objects.create(kind="browser", valid_from=today(4), usd=Decimal(1))
    pk = unit.pk if place else coming.pk
    assert client_of(analyst).post(f"/prices/{place}{pk}/withdraw/").status_code == 403
    assert Price.objects.filter(pk=coming.pk).exists()
    assert UnitPrice.objects.exists()
