"""Changing what a unit costs: a dated row follows those before it, and none that steps were charged by is touched."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.utils import timezone

from observability.models import UnitPrice
from observability.prices import BEGINS_TODAY, STANDS, PriceStands, unit_price_list


def add_unit_price(price: UnitPrice) -> UnitPrice:
    """Store a dated price. Raises `PriceStands`, and `ValidationError`."""
    if price.valid_from < timezone.now().date():
        raise PriceStands(BEGINS_TODAY)
    price.full_clean(validate_unique=False, validate_constraints=False)
    try:
        with transaction.atomic():
            price.save(force_insert=True)
    except IntegrityError as error:
        raise PriceStands(STANDS) from error
    unit_price_list.forget()
    return price


def withdraw_unit_price(price_id: int) -> UnitPrice | None:
    """Take back a price whose day has not come, which is returned; None where it is in force or gone."""
    with transaction.atomic():
        coming = UnitPrice.objects.select_for_update().filter(pk=price_id, valid_from__gt=timezone.now().date()).first()
        if coming is not None:
            UnitPrice.objects.filter(pk=coming.pk).delete()
    return coming


def unit_prices_to_come() -> list[UnitPrice]:
    """Those whose day has not come, the next first."""
    coming = UnitPrice.objects.filter(valid_from__gt=timezone.now().date())
    return list(coming.order_by("valid_from", "kind", "subject"))
