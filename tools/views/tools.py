"""One tool: what the model reads of it and how it is called, for whom, and what was called lately."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, role_required, staff_required
from tools.binding import visible_schema
from tools.binding_forms import COLUMNS, SOURCES, BindingForm
from tools.definitions import Definition, changed_parts
from tools.errors import ToolFailed
from tools.listing import LISTED, bare, definition_in
from tools.models import Target, Tool, ToolCall
from tools.owners import own_part
from tools.tool_changes import (
    BreaksPolicies,
    Changed,
    InUse,
    delete_tool,
    mark_of,
    names_of,
    save_tool,
    switch_tool,
    uses_of,
)
from tools.tool_forms import ToolForm
from tools.views.policy_lines import CONFLICT, INVALID, DeskRequest, may_configure
from tools.views.target_lines import get_tool, tool_tabs

CALLS = 50
CALL_DAYS = 7
RULES = {"customer.email": "the customer's e-mail address", "customer.id": "the customer's id"}


# -- what it is


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def tool(request: DeskRequest, target: str, name: str) -> HttpResponse:
    """An admin changes it, others read it."""
    found = get_tool(target, name)
    if request.method != "POST":
        return show(request, found)
    check_may_change(request, found)
    form = ToolForm(request.POST, instance=get_tool(target, name))
    if not form.is_valid():
        return show(request, found, form=form, status=INVALID)
    try:
        save_tool(found, request.user, fields=form.columns(), seen=request.POST.get("seen", ""))
    except Changed as error:
        return show(request, found, form=form, conflict=str(error), status=CONFLICT)
    except BreaksPolicies as error:
        return show(request, found, form=form, problems=error.problems, status=INVALID)
    messages.success(request, f"{found.name} is saved. It counts within two seconds.")
    return redirect("tools:tool", target, name)


def show(
    request: DeskRequest, found: Tool, *, form: ToolForm | None = None, status: int | None = None, **more: Any
) -> HttpResponse:
    form = form or ToolForm(instance=found)
    context = {
        **frame(request, found, "tools:tool"),
        "form": form,
        "seen": mark_of(found, form.fields),
        "recipe": bare(found.recipe),
        "differs": differences(found),
        **more,
    }
    return render(request, "tools/tool.html", context, status=status)


def frame(request: DeskRequest, found: Tool, route: str) -> dict[str, Any]:
    """What every page of a tool shows around its own content."""
    admin = may_configure(request.user)
    return {
        "tool": found,
        "target": found.target,
        "tabs": tool_tabs(found, route, may_configure=admin),
        "may_configure": admin,
        "may_change": admin and found.target.kind != Target.Kind.BUILTIN,
        "is_gone": found.target.kind in Target.LISTED and LISTED not in found.recipe,
    }


def differences(found: Tool) -> list[str]:
    """What an admin has made of it beside what its target listed: "description", "input_schema"."""
    if LISTED not in found.recipe:
        return []
    listed = definition_in(found.recipe)
    here = Definition(
        name=found.name,
        description=found.description,
        input_schema=found.input_schema,
        effect=listed.effect,
        recipe=listed.recipe,
        annotations=listed.annotations,
    )
    return [part.replace("_", " ") for part in changed_parts(listed, here)]


def check_may_change(request: DeskRequest, found: Tool) -> None:
    if not may_configure(request.user) or found.target.kind == Target.Kind.BUILTIN:
        raise PermissionDenied("Only an admin changes a tool, and the desk's own are as they are.")


@role_required(Role.ADMIN)
@require_POST
def tool_switch(request: DeskRequest, target: str, name: str) -> HttpResponse:
    found = get_tool(target, name)
    enabled = request.POST.get("enabled") == "on"
    try:
        switch_tool(found, request.user, enabled=enabled)
    except ValueError as error:
        messages.error(request, str(error))
    else:
        words = "on: agents that have it may call it where the policies allow it" if enabled else "off"
        messages.success(request, f"{name} is {words}.")
    if request.POST.get("from") == "target":
        return redirect("tools:target", target)
    return redirect("tools:tool", target, name)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def tool_delete(request: DeskRequest, target: str, name: str) -> HttpResponse:
    """Says what uses it; where nothing does, it can be deleted."""
    found = get_tool(target, name)
    if found.target.kind == Target.Kind.BUILTIN:
        raise Http404("The desk's own tools stay.")
    context = {"tool": found, "target": found.target}
    if request.method == "POST":
        try:
            delete_tool(found, request.user)
        except InUse as error:
            return render(request, "tools/tool_delete.html", {**context, "reasons": error.reasons}, status=CONFLICT)
        messages.success(request, f"{name} is deleted.")
        return redirect("tools:target", target)
    return render(request, "tools/tool_delete.html", {**context, "reasons": uses_of([found])})


# -- for whom


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def tool_binding(request: DeskRequest, target: str, name: str) -> HttpResponse:
    """Which arguments the gateway fills, whose results are, what is asked first and what money moves."""
    found = get_tool(target, name)
    if found.target.kind == Target.Kind.BUILTIN:
        raise Http404("The desk's own tools are bound by themselves.")
    siblings = reads_beside(found)
    if request.method != "POST":
        return bind_page(request, found, BindingForm(tool=found, siblings=siblings))
    check_may_change(request, found)
    form = BindingForm(request.POST, tool=found, siblings=siblings)
    match request.POST.get("do"):
        case "preview":
            return render(request, "tools/tool_binding.html#model-sees", {"sees": form.seen_by_model()})
        case "try":
            return try_owners(request, found, form)
        case "last":
            return with_last_result(request, found, form)
        case _:
            return save_binding(request, found, form)


def save_binding(request: DeskRequest, found: Tool, form: BindingForm) -> HttpResponse:
    if not form.is_valid():
        return bind_page(request, found, form, status=INVALID)
    try:
        save_tool(found, request.user, fields=form.columns(), seen=request.POST.get("seen", ""))
    except Changed as error:
        return bind_page(request, found, form, conflict=str(error), status=CONFLICT)
    except BreaksPolicies as error:
        return bind_page(request, found, form, problems=error.problems, status=INVALID)
    messages.success(request, f"{found.name} is saved. It counts within two seconds.")
    return redirect("tools:tool_binding", found.target.name, found.name)


def reads_beside(found: Tool) -> list[Tool]:
    rows = Tool.objects.filter(target_id=found.target_id, effect=Tool.Effect.READ).exclude(pk=found.pk)
    return list(rows.order_by("name"))


def bind_page(
    request: DeskRequest, found: Tool, form: BindingForm, *, status: int | None = None, **more: Any
) -> HttpResponse:
    context = {
        **frame(request, found, "tools:tool_binding"),
        "form": form,
        "seen": mark_of(found, COLUMNS),
        "sees": form.seen_by_model() if form.is_bound else visible_schema(found),
        "bound": [(argument, dict(SOURCES).get(source, source)) for argument, source in found.bindings.items()],
        "owners": [(rule["path"], RULES.get(rule["is"], rule["is"])) for rule in found.owners],
        **more,
    }
    return render(request, "tools/tool_binding.html", context, status=status)


def try_owners(request: DeskRequest, found: Tool, form: BindingForm) -> HttpResponse:
    """What of a result remains for a customer, by the rules as they are written; nothing is saved."""
    form.is_valid()  # only the example is looked at here
    wrong = form.errors.get("example")
    tried: dict[str, Any] = {"problem": " ".join(map(str, wrong)) if wrong else ""}
    example = form.cleaned_data.get("example")
    if not wrong:
        rules = form.owners_written()
        values = {f"customer.{part}": form.cleaned_data.get(f"example_{part}", "") for part in ("email", "id")}
        try:
            tried |= {"kept": own_part(example, rules, values), "rules": len(rules)}
        except ToolFailed:
            tried |= {"is_dropped": True, "rules": len(rules)}
    if request.htmx:
        return render(request, "tools/tool_binding.html#owners-try", {"tried": tried})
    shown = BindingForm(request.POST, tool=found, siblings=reads_beside(found))
    shown.errors.clear()
    return bind_page(request, found, shown, tried=tried)


def with_last_result(request: DeskRequest, found: Tool, form: BindingForm) -> HttpResponse:
    data = request.POST.copy()
    call = calls_of(found).filter(state=ToolCall.State.CONFIRMED).first()
    if call is None:
        messages.info(request, f"No answer of {found.name} was recorded in the last {CALL_DAYS} days.")
    else:
        data["example"] = form.fields["example"].prepare_value(call.result)
    shown = BindingForm(data, tool=found, siblings=reads_beside(found))
    shown.errors.clear()
    return bind_page(request, found, shown)


# -- its calls


@staff_required
@require_GET
def tool_calls(request: DeskRequest, target: str, name: str) -> HttpResponse:
    found = get_tool(target, name)
    context = {
        **frame(request, found, "tools:tool_calls"),
        "calls": calls_of(found)[:CALLS],
        "most": CALLS,
        "days": CALL_DAYS,
    }
    return render(request, "tools/tool_calls.html", context)


def calls_of(found: Tool) -> QuerySet[ToolCall]:
    """Newest first, of the last days only. There is no index by name: the ids, which sort by time, say where to begin,
    and everything since then is looked through."""
    since = int((time.time() - timedelta(days=CALL_DAYS).total_seconds()) * 1000)
    return ToolCall.objects.filter(tool_name__in=names_of([found]), pk__gte=UUID(int=since << 80)).order_by("-pk")
