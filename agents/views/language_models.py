"""Models: which there are, what they cost, which names lead to them, and who uses them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.model_changes import NameTaken, add_alias, remove_alias, store_model
from agents.model_directory import directory, is_retired, long_date
from agents.model_forms import AliasForm, ModelForm, PriceForm
from agents.model_list import agents_by_model, model_lines, standing_of, successor_of
from agents.models import LanguageModel
from observability import audit
from observability.access import Role, has_role, role_required, staff_required
from observability.cost_prices import values_of
from observability.models import Price
from observability.prices import PriceStands, add_price, prices_in_force, withdraw_price

INVALID = 422


class DeskRequest(HttpRequest):
    user: User


@staff_required
@require_GET
def models(request: DeskRequest) -> HttpResponse:
    provider = request.GET.get("provider", "")
    lines = model_lines()
    known = provider in LanguageModel.Provider.values
    context = {
        "lines": [line for line in lines if not known or line.model.provider == provider],
        "facets": provider_facets([line.model for line in lines], provider if known else ""),
        "may_edit": may_edit(request.user),
    }
    return render(request, "agents/models.html", context)


def provider_facets(found: list[LanguageModel], provider: str) -> list[dict[str, Any]]:
    url = reverse("agents:models")
    facets = [{"name": "All", "url": url, "current": not provider, "count": len(found)}]
    for value, label in LanguageModel.Provider.choices:
        count = sum(model.provider == value for model in found)
        facets.append({"name": label, "url": f"{url}?provider={value}", "current": value == provider, "count": count})
    return facets


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def model_new(request: DeskRequest) -> HttpResponse:
    form = ModelForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = store_model(form.instance, request.user)
        messages.success(request, f"{made.label} is added. Say what it costs, so that limits in US dollars hold it.")
        return redirect("agents:model", made.pk)
    return render(request, "agents/model_new.html", {"form": form}, status=INVALID if form.errors else None)


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def model(request: DeskRequest, model_id: UUID) -> HttpResponse:
    """One model: an admin changes it, others read it."""
    found = get_object_or_404(LanguageModel, pk=model_id)
    if request.method != "POST":
        return show(request, found)
    if not may_edit(request.user):
        raise PermissionDenied("Only an admin changes a model.")
    form = ModelForm(request.POST, instance=found)
    if not form.is_valid():
        return show(request, LanguageModel.objects.get(pk=model_id), form=form)
    store_model(form.instance, request.user)
    messages.success(request, f"{form.instance.label} is saved. It counts from the next call on.")
    return redirect("agents:model", model_id)


def show(request: DeskRequest, found: LanguageModel, **forms: Any) -> HttpResponse:
    """The page; with a form that could not be taken it answers 422."""
    successor = successor_of(found)
    context = {
        "model": found,
        "standing": standing_of(found),
        "is_retired": is_retired(found),
        "retires": long_date(found.retires_on),
        "successor": successor,
        "aliases": [
            {"alias": alias, "takes_over": directory.models().get(alias.alias)}
            for alias in found.aliases.order_by("alias")
        ],
        "prices": price_rows(found),
        "agents": agents_by_model().get(found.key, []),
        "may_edit": may_edit(request.user),
        "form": forms.get("form") or ModelForm(instance=found),
        "alias_form": forms.get("alias_form") or AliasForm(),
        "price_form": forms.get("price_form") or PriceForm(),
    }
    return render(request, "agents/model.html", context, status=INVALID if forms else None)


def price_rows(found: LanguageModel) -> list[dict[str, Any]]:
    """Every dated price, those to come first; `state` is coming, live (in force) or past."""
    today = timezone.now().date()
    in_force = {price.pk for price in prices_in_force().get(found.key, [])}
    rows = Price.objects.filter(model=found.key).order_by("-valid_from", "above_input_tokens")
    return [
        {
            "price": price,
            "state": "coming" if price.valid_from > today else "live" if price.pk in in_force else "past",
        }
        for price in rows
    ]


@role_required(Role.ADMIN)
@require_POST
def model_alias_add(request: DeskRequest, model_id: UUID) -> HttpResponse:
    found = get_object_or_404(LanguageModel, pk=model_id)
    form = AliasForm(request.POST)
    if form.is_valid():
        try:
            made = add_alias(found, request.user, alias=form.cleaned_data["alias"], reason=form.cleaned_data["reason"])
        except NameTaken as error:
            form.add_error("alias", str(error))
        else:
            messages.success(request, f"{made.alias} leads to {found.label}.")
            return redirect(f"{reverse('agents:model', args=[model_id])}#aliases")
    return show(request, found, alias_form=form)


@role_required(Role.ADMIN)
@require_POST
def model_alias_remove(request: DeskRequest, model_id: UUID) -> HttpResponse:
    found = get_object_or_404(LanguageModel, pk=model_id)
    alias = request.POST.get("alias", "")
    if remove_alias(found, request.user, alias=alias):
        messages.success(request, f"{alias} no longer leads to {found.label}.")
    else:
        messages.error(request, f"{found.label} has no such name any more.")
    return redirect(f"{reverse('agents:model', args=[model_id])}#aliases")


@role_required(Role.ADMIN)
@require_POST
def model_price_add(request: DeskRequest, model_id: UUID) -> HttpResponse:
    found = get_object_or_404(LanguageModel, pk=model_id)
    form = PriceForm(request.POST)
    if form.is_valid():
        try:
            with transaction.atomic():
                made = add_price(form.price_of(found))
                audit.record(
                    request.user, "price.add", kind="price", id=made.pk, name=made.model, after=values_of(made)
                )
        except PriceStands as error:
            form.add_error("valid_from", str(error))
        except ValidationError as error:
            form.add_error(None, error.messages)
        else:
            messages.success(request, f"The price of {found.label} from {long_date(made.valid_from)} on is noted.")
            return redirect(f"{reverse('agents:model', args=[model_id])}#prices")
    return show(request, found, price_form=form)


@role_required(Role.ADMIN)
@require_POST
def model_price_withdraw(request: DeskRequest, model_id: UUID, price_id: int) -> HttpResponse:
    found = get_object_or_404(LanguageModel, pk=model_id)
    if withdrawn(request.user, found, price_id):
        messages.success(request, "The price is withdrawn; it was never in force.")
    else:
        messages.error(request, "That price is in force or gone, so it stays as it is.")
    return redirect(f"{reverse('agents:model', args=[model_id])}#prices")


@transaction.atomic
def withdrawn(user: User, model: LanguageModel, price_id: int) -> bool:
    price = Price.objects.filter(pk=price_id, model=model.key).first()
    if price is None or not withdraw_price(model.key, price_id):
        return False
    audit.record(user, "price.withdraw", kind="price", id=price_id, name=model.key, before=values_of(price))
    return True


def may_edit(user: User) -> bool:
    return has_role(user, Role.ADMIN)
