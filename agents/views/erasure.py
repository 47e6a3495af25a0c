"""A customer erased, and the receipts of those who were."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from agents.erasure import clean_up_later, erase, preview
from agents.models import Customer
from agents.retention_words import counted, person_of
from agents.views.requests import StaffRequest
from memory.models import Erasure
from observability.access import Role, role_required

INVALID = 422
SHOWN = 200


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def customer_erase(request: StaffRequest, customer_id: UUID) -> HttpResponse:
    """Shows what goes; erases where the address was typed."""
    if request.method != "POST":
        return erase_page(request, get_object_or_404(Customer, pk=customer_id))
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        return gone(request)
    typed = request.POST.get("address", "")
    if typed.strip().lower() != customer.email.lower():
        return erase_page(request, customer, typed=typed, status=INVALID)
    try:
        receipt = erase(customer, request.user)
    except Customer.DoesNotExist:
        return gone(request)
    clean_up_later(receipt)
    messages.success(request, "The customer was erased. This is the receipt.")
    return redirect("agents:erasure", receipt.pk)


def erase_page(request: StaffRequest, customer: Customer, *, typed: str = "", status: int = 200) -> HttpResponse:
    counts = counted(preview(customer))
    context = {
        "customer": customer,
        "counts": counts,
        "rows": sum(count for _, count in counts),
        "typed": typed,
        "is_wrong": status == INVALID,
    }
    return render(request, "agents/erasure/customer_erase.html", context, status=status)


def gone(request: StaffRequest) -> HttpResponse:
    """A form sent twice, or two people at once."""
    messages.info(request, "There is no such customer any more. Nothing was deleted now.")
    return redirect("agents:erasures")


@role_required(Role.ADMIN)
@require_safe
def erasures(request: StaffRequest) -> HttpResponse:
    found = Erasure.objects.select_related("user")[:SHOWN]
    receipts = [(receipt, person_of(receipt), sum(receipt.counts.values())) for receipt in found]
    return render(request, "agents/erasure/erasures.html", {"receipts": receipts, "shown": SHOWN})


@role_required(Role.ADMIN)
@require_safe
def erasure(request: StaffRequest, erasure_id: UUID) -> HttpResponse:
    receipt = get_object_or_404(Erasure.objects.select_related("user"), pk=erasure_id)
    counts = counted(receipt.counts)
    context = {
        "receipt": receipt,
        "person": person_of(receipt),
        "counts": counts,
        "rows": sum(count for _, count in counts),
    }
    return render(request, "agents/erasure/erasure.html", context)
