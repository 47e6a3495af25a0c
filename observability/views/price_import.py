"""Many prices at once: a file, or a list that comes with Tandem. What would change is shown before it is stored."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from observability.access import Role, role_required
from observability.cost_price_changes import Change, changes_of, price_lines
from observability.cost_streams import csv_response
from observability.price_adding import Added, RowsRefused
from observability.price_forms import AdoptForm, ImportForm
from observability.price_import import ImportRefused, LineError, PriceFile, import_prices, read_prices
from observability.price_lists import LISTS, adopt, rows_of
from observability.prices import PriceStands
from observability.views.cost_requests import DeskRequest

INVALID = 422
# A page of more differences would be read by nobody.
MOST_SHOWN = 200


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def price_import(request: DeskRequest) -> HttpResponse:
    """The form; with a file, what it would change; with `confirm`, what it changed."""
    if request.method != "POST":
        return render(request, "observability/price_import.html", {"form": ImportForm()})
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return render(request, "observability/price_import.html", {"form": form}, status=INVALID)
    file = read_prices(form.cleaned_data["text"].encode(), form.name())
    if "confirm" not in request.POST or file.errors:
        return preview(request, form, file)
    try:
        added = import_prices(file, request.user)
    except ImportRefused as refused:
        return preview(request, form, PriceFile(name=file.name, errors=refused.errors))
    tell(request, added)
    return redirect("observability:prices")


def preview(request: DeskRequest, form: ImportForm, file: PriceFile) -> HttpResponse:
    changes = changes_of(file.rows, file.lines)
    is_wrong = bool(file.errors) or any(change.problem for change in changes)
    context = {
        "form": form,
        "file": file,
        "text": form.cleaned_data["text"],
        "is_wrong": is_wrong,
        "errors": errors_of(file, changes),
        **sorted_changes(changes),
    }
    return render(request, "observability/price_import.html", context, status=INVALID if is_wrong else None)


def errors_of(file: PriceFile, changes: list[Change]) -> list[str]:
    """In the order of the lines."""
    refused = [
        LineError(line=change.line, message=f"{change.name}: {change.problem}") for change in changes if change.problem
    ]
    return [str(error) for error in sorted([*file.errors, *refused], key=lambda error: error.line)]


def sorted_changes(changes: list[Change]) -> dict[str, Any]:
    told = [change for change in changes if not change.is_same]
    return {
        "refused": [change for change in told if change.problem],
        "changes": [change for change in told if not change.problem][:MOST_SHOWN],
        "count": len([change for change in told if not change.problem]),
        "same": len(changes) - len(told),
    }


def tell(request: DeskRequest, added: Added) -> None:
    if added.added:
        messages.success(request, f"{added.added} price{'' if added.added == 1 else 's'} noted.")
    else:
        messages.info(request, "Nothing was changed: all of these prices are in force already.")


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def price_list(request: DeskRequest, key: str) -> HttpResponse:
    """A list that comes with Tandem, as it would change the prices from a day on."""
    if key not in LISTS:
        raise Http404("There is no such list of prices.")
    form = AdoptForm(request.POST if request.method == "POST" else request.GET or None)
    if request.method == "POST" and form.is_valid():
        try:
            added = adopt(key, form.cleaned_data["valid_from"], request.user)
        except (RowsRefused, PriceStands) as refused:
            form.add_error("valid_from", str(refused))
        else:
            tell(request, added)
            return redirect("observability:prices")
    day: date = form.cleaned_data["valid_from"] if form.is_valid() else timezone.now().date()
    context = {
        "list": LISTS[key],
        "form": form,
        "day": day,
        "notes": [line for line in LISTS[key].units if line.note],
        **sorted_changes(changes_of(rows_of(LISTS[key], day))),
    }
    return render(request, "observability/price_list.html", context, status=INVALID if form.errors else None)


@role_required(Role.ANALYST)
@require_GET
def price_export(request: DeskRequest) -> HttpResponseBase:
    return csv_response(request, f"prices-{timezone.now():%Y-%m-%d}.csv", price_lines())
