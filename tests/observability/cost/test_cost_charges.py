from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from uuid import UUID

import httpx2
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from observability.cost_ledger import PAGE_SIZE, Place, every_charge, list_charges
from observability.cost_range import Wanted
from observability.cost_streams import from_a_thread
from observability.models import Charge, Price, Span, Trace, UnitPrice
from tests.factories import client_of
from tests.observability.cost.cases import AGENT, NOW, OTHER, make_charged, spent_on_this

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("within_a_day")]
MONTH = Wanted.read({"range": "30d"})


def pages_down(wanted: Wanted) -> list[list[UUID]]:
    found, before = [], None
    while True:
        page = list_charges(wanted, wanted.period(NOW), now=NOW, before=before)
        found.append([charge.span_id for charge in page.charges])
        if page.older is None:
            return found
        before = page.older


def expected(wanted: Wanted = MONTH) -> list[UUID]:
    return list(Charge.objects.order_by("-at", "-span_id").values_list("span_id", flat=True))


def make_ledger() -> None:
    """Several of one instant, a gap of days, and some in every sort of stretch."""
    for hours in (0, 0, 0, 1, 2, 5, 30, 31, 200, 600):
        make_charged(*["0.01"] * 13, at=NOW - timedelta(hours=hours))


def test_pages_hold_every_charge_once_newest_first() -> None:
    make_ledger()
    found = pages_down(MONTH)
    assert [len(ids) for ids in found] == [50, 50, 30]
    assert [span_id for ids in found for span_id in ids] == expected()


def test_the_way_back_is_the_way_there() -> None:
    make_ledger()
    there = pages_down(MONTH)
    last = list_charges(MONTH, MONTH.period(NOW), now=NOW, before=place_before(there[2][0]))
    page, back = last, [[charge.span_id for charge in last.charges]]
    while page.newer:
        page = list_charges(MONTH, MONTH.period(NOW), now=NOW, after=page.newer)
        back.append([charge.span_id for charge in page.charges])
    assert back[::-1] == there
    assert page.older is not None


def place_before(span_id: UUID) -> Place:
    """That of the charge above it in the list."""
    ids = expected()
    return Place.of(Charge.objects.get(pk=ids[ids.index(span_id) - 1]))


def test_what_a_clock_ahead_has_written_is_there_and_last_month_is_not() -> None:
    ahead = make_charged("1", at=NOW + timedelta(seconds=30))
    make_charged("1", at=NOW - timedelta(days=40))
    assert pages_down(MONTH) == [[ahead[0].span_id]]


@pytest.mark.parametrize(
    ("params", "count"),
    [
        ({"agent": str(AGENT)}, 2),
        ({"agent": str(AGENT), "version": "1"}, 1),
        ({"channel": "email"}, 1),
        ({"kind": "tool"}, 1),
        ({"subject": "get_order"}, 1),
        ({"basis": "estimated"}, 1),
        ({"from": str(NOW.date() - timedelta(days=2))}, 1),
        ({"since": (NOW - timedelta(hours=4)).isoformat(), "until": (NOW - timedelta(hours=2)).isoformat()}, 3),
        ({}, 4),
    ],
    ids=str,
)
def test_each_filter_narrows(params: dict[str, str], count: int) -> None:
    make_charged("1", agent_version=1)
    make_charged("1", agent_version=2, channel="email")
    make_charged("1", agent_id=OTHER, charge={"kind": "tool", "subject": "get_order"})
    make_charged("1", agent_id=OTHER, at=NOW - timedelta(days=2), charge={"basis": "estimated"})
    wanted = Wanted.read(params)
    assert len(list_charges(wanted, wanted.period(NOW), now=NOW).charges) == count


def test_all_of_them_come_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    make_ledger()
    monkeypatch.setattr("observability.cost_ledger.CHUNK", 7)
    pieces = list(every_charge(MONTH, MONTH.period(NOW), now=NOW))
    assert max(len(piece) for piece in pieces) == 7
    assert [charge.span_id for piece in pieces for charge in piece] == expected()


# -- the page


def recently(*usd: str, **values: object) -> list[Charge]:
    return make_charged(*usd, at=timezone.now() - timedelta(hours=1), **values)


def test_each_charge_has_its_price_its_tokens_and_its_step(analyst: User) -> None:
    price = Price.objects.create(
        model="m",
        valid_from="2026-01-01",
        input_usd=Decimal(3),
        output_usd=Decimal(15),
        cache_read_usd=Decimal("0.3"),
        cache_write_usd=Decimal("3.75"),
    )
    unit = UnitPrice.objects.create(kind="tool_call", valid_from="2026-01-01", usd=Decimal("0.005"), per=1000)
    (by_token,) = recently("0.00105", charge={"price_id": price.pk})
    recently(
        "0.000005",
        charge={"kind": "tool", "subject": "get_order", "unit_price_id": unit.pk, "quantity": Decimal("1.000")},
    )
    text = client_of(analyst).get("/cost/charges/").content.decode()
    assert f"/traces/{by_token.trace_id}/?span={by_token.span_id}" in text
    assert "$3.00 in, $15.00 out" in text
    assert "100 · 0 · 0 · 50" in text
    assert "$0.00500 for 1,000" in text
    assert 'title="$0.00105500"' in text
    assert "in 2 charges" in text


def test_a_charge_outlives_its_trace(analyst: User) -> None:
    (charge,) = recently("0.5")
    Trace.objects.all().delete()
    Span.objects.all().delete()
    text = client_of(analyst).get("/cost/charges/").content.decode()
    assert "trace deleted" in text
    assert str(charge.trace_id) not in text
    assert "$0.5000" in text


def test_filters_keep_their_choice_and_the_address_is_short(analyst: User) -> None:
    recently("0.5", agent_name="Refunds")
    query = "?range=30d&kind=&subject=&agent=&channel=chat&basis="
    response = client_of(analyst).get(f"/cost/charges/{query}", headers={"HX-Request": "true"})
    assert response["HX-Push-Url"] == "/cost/charges/?channel=chat"
    text = response.content.decode()
    assert "<html" not in text
    assert '<option value="chat" selected>' in text
    assert f'<option value="{AGENT}">Refunds' in text


def test_paging_links_lead_on(analyst: User) -> None:
    recently(*["0.01"] * (PAGE_SIZE + 1))
    client = client_of(analyst)
    first = client.get("/cost/charges/")
    assert len(first.context["lines"]) == PAGE_SIZE
    older = first.context["older"]
    second = client.get(f"/cost/charges/{older}")
    assert len(second.context["lines"]) == 1
    assert len(client.get(f"/cost/charges/{second.context['newer']}").context["lines"]) == PAGE_SIZE
    assert client.get("/cost/charges/?before=x").status_code == 404


def test_nothing_there_says_why(analyst: User) -> None:
    assert "No charges in this time" in client_of(analyst).get("/cost/charges/").content.decode()
    assert "No charge fits these filters" in client_of(analyst).get("/cost/charges/?kind=tool").content.decode()


# -- the file


def test_the_file_has_each_charge_with_all_its_digits(analyst: User) -> None:
    recently("0.00000001", "1.5", charge={"subject": "+cmd"}, agent_version=4)
    make_charged("7", at=timezone.now() - timedelta(days=80))
    response = client_of(analyst).get("/cost/charges/export/")
    rows = list(csv.DictReader(io.StringIO(response.getvalue().decode())))
    assert sum(Decimal(row["US dollars"]) for row in rows) == spent_on_this() - 7
    assert {row["US dollars"] for row in rows} == {"0.00000001", "1.50000000"}
    assert {(row["Model or tool"], row["Version"], row["Input tokens"]) for row in rows} == {("'+cmd", "4", "100")}


def test_a_stream_ends_where_its_reader_goes() -> None:
    asked: list[int] = []

    def chunks() -> Iterator[str]:
        for number in range(5):
            asked.append(number)
            yield str(number)

    async def read() -> list[str]:
        parts, stream = [], from_a_thread(chunks())
        async for part in stream:
            parts.append(part)
            if len(parts) == 2:
                break
        await stream.aclose()
        return parts

    assert asyncio.run(read()) == ["0", "1"]
    assert asked == [0, 1]


@pytest.mark.django_db(transaction=True)
def test_over_the_network_it_is_the_same_file(asgi_server: str, analyst: User) -> None:
    recently(*["0.01"] * 1_200)
    client = client_of(analyst)
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    address = f"{asgi_server}/cost/charges/export/"
    with httpx2.stream("GET", address, cookies=cookies, trust_env=False) as response:
        assert response.status_code == 200
        text = "".join(response.iter_text())
    assert len(text.splitlines()) == 1_201
    # In what order they came is the same: a client of the tests reads the same lines.
    plain = client.get("/cost/charges/export/").getvalue().decode()
    assert text == plain
