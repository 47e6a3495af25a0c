"""The calculator: what interactions cost by the document's numbers, by one's own, and on AgentCore."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from observability.access import Role, role_required
from observability.calculator import Bill, Inputs, Said, against_staff, agentcore_bill, bill
from observability.cost_areas import areas
from observability.cost_forms import CalculatorForm
from observability.cost_measured import Measured, measure

INVALID = 422
OWN = "own"


@role_required(Role.ANALYST)
@require_GET
def cost_calculator(request: HttpRequest) -> HttpResponse:
    is_own = request.GET.get("from") == OWN
    measured = measure(timezone.now()) if is_own else None
    usual = measured.inputs if measured else Inputs()
    form = CalculatorForm(request.GET, usual=usual)
    inputs = form.inputs()
    ours, agentcore = bill(inputs), agentcore_bill(inputs)
    context = {
        "areas": areas("observability:cost_calculator"),
        "form": form,
        "is_own": is_own,
        "measured": measured,
        "rows": rows_of(ours, agentcore),
        "ours": ours,
        "agentcore": agentcore,
        "said": Said() if inputs.is_document else None,
        "staff": against_staff(ours, inputs),
        "inputs": inputs,
        "sources": sources(measured, is_own=is_own),
    }
    return render(request, "observability/cost_calculator.html", context, status=INVALID if form.errors else None)


def rows_of(ours: Bill, agentcore: Bill) -> list[dict[str, Any]]:
    """Both bills side by side, in the order of the longer one."""
    own = {line.key: line for line in ours.lines}
    return [
        {"name": own[line.key].name if line.key in own else line.name, "own": own.get(line.key), "agentcore": line}
        for line in agentcore.lines
    ]


def sources(measured: Measured | None, *, is_own: bool) -> list[dict[str, Any]]:
    return [
        {"name": "The document's numbers", "url": "?", "current": not is_own},
        {"name": "Your last 30 days", "url": f"?from={OWN}", "current": is_own},
    ]
