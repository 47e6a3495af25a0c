"""Prices: what models and units cost, since when and from when on. An admin changes them, others read."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, has_role, role_required
from observability.audit import record
from observability.cost_areas import areas
from observability.cost_prices import long_date, model_histories, unit_histories, values_of
from observability.figures import spending
from observability.models import Charge, Price, UnitPrice
from observability.price_forms import ModelPriceForm, UnitPriceForm
from observability.price_lists import LISTS
from observability.prices import PriceStands, add_price, withdraw_price
from observability.unit_prices import add_unit_price, withdraw_unit_price
from observability.views.cost_requests import DeskRequest

INVALID = 422
UNIT = "unit"


@role_required(Role.ANALYST)
@require_GET
def prices(request: DeskRequest) -> HttpResponse:
    models, units = model_histories(), unit_histories()
    context = {
        "areas": areas("observability:prices"),
        "models": models,
        "units": units,
        "coming": sum(len(history.coming) for history in models)
        + sum(len(history.coming) for unit in units for history in unit.prices),
        "unpriced": unpriced_models(),
        "lists": list(LISTS.values()),
        "may_edit": has_role(request.user, Role.ADMIN),
    }
    return render(request, "observability/prices.html", context)


def unpriced_models(days: int = 30) -> list[str]:
    """What was charged without a price of late, and has none to this day."""
    now = timezone.now()
    found = spending(
        since=now - timedelta(days=days),
        until=now,
        by=("subject",),
        where={"basis": Charge.Basis.UNKNOWN, "kind": Charge.Kind.MODEL},
    )
    today = now.date()
    known = set(Price.objects.filter(valid_from__lte=today).values_list("model", flat=True))
    return sorted({each.subject or "" for each in found} - known)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def price_new(request: DeskRequest) -> HttpResponse:
    """A price of a model, or with `?what=unit` of a unit."""
    is_unit = request.GET.get("what") == UNIT
    form = form_of(request, is_unit=is_unit)
    if request.method == "POST" and form.is_valid():
        try:
            made = keep(request, form)
        except PriceStands as error:
            form.add_error("valid_from", str(error))
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, f"The price of {name_of(made)} from {long_date(made.valid_from)} on is noted.")
            return redirect("observability:prices")
    context = {
        "areas": areas("observability:prices"),
        "form": form,
        "is_unit": is_unit,
        "kinds": [
            {"name": "A model", "url": "?", "current": not is_unit},
            {"name": "A unit", "url": f"?what={UNIT}", "current": is_unit},
        ],
        "known_models": sorted({*Price.objects.values_list("model", flat=True), *unpriced_models()}),
    }
    return render(request, "observability/price_new.html", context, status=INVALID if form.errors else None)


def form_of(request: DeskRequest, *, is_unit: bool) -> ModelPriceForm | UnitPriceForm:
    made: type[ModelPriceForm | UnitPriceForm] = UnitPriceForm if is_unit else ModelPriceForm
    initial: dict[str, Any] = {name: request.GET[name] for name in ("model", "kind", "subject") if name in request.GET}
    return made(request.POST) if request.method == "POST" else made(initial=initial)


def keep(request: DeskRequest, form: ModelPriceForm | UnitPriceForm) -> Price | UnitPrice:
    """Raises `PriceStands`, and `ValidationError`."""
    price = form.price()
    with transaction.atomic():
        made = add_unit_price(price) if isinstance(price, UnitPrice) else add_price(price)
        record(request.user, "price.add", kind="price", id=made.pk, name=name_of(made), after=values_of(made))
    return made


@role_required(Role.ADMIN)
@require_POST
def price_withdraw(request: DeskRequest, price_id: int) -> HttpResponse:
    """Of a model, a price whose day has not come."""
    with transaction.atomic():
        price = get_object_or_404(Price, pk=price_id)
        is_gone = withdraw_price(price.model, price_id)
        if is_gone:
            record(
                request.user, "price.withdraw", kind="price", id=price_id, name=name_of(price), before=values_of(price)
            )
    return told(request, is_gone=is_gone)


@role_required(Role.ADMIN)
@require_POST
def price_unit_withdraw(request: DeskRequest, price_id: int) -> HttpResponse:
    with transaction.atomic():
        price = withdraw_unit_price(price_id)
        if price is not None:
            record(
                request.user, "price.withdraw", kind="price", id=price_id, name=name_of(price), before=values_of(price)
            )
    return told(request, is_gone=price is not None)


def told(request: DeskRequest, *, is_gone: bool) -> HttpResponse:
    if is_gone:
        messages.success(request, "The price is withdrawn; it was never in force.")
    else:
        messages.error(request, "That price is in force or gone, so it stays as it is.")
    return redirect("observability:prices")


def name_of(price: Price | UnitPrice) -> str:
    if isinstance(price, Price):
        return price.model
    label = str(UnitPrice.Kind(price.kind).label)
    return f"{label}: {price.subject}" if price.subject else label
