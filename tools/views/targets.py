"""Targets: the backends that tools are called at; an admin connects, changes and removes them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, role_required, staff_required
from tools.connecting import LEFT_OUT, NotConnected, change, connect, switch
from tools.credential_fields import kinds_for
from tools.credentials import clear_credential, credential_of, describe, set_credential
from tools.models import Credential, Target, Tool
from tools.target_forms import (
    KINDS,
    CredentialForm,
    NewTargetForm,
    PlaceForm,
    initial_of,
    proposed_credential,
)
from tools.tool_changes import InUse, delete_target, uses_of
from tools.views.policy_lines import CONFLICT, INVALID, DeskRequest, may_configure
from tools.views.target_lines import get_target, standing_of, target_lines, where_of

Kind = Target.Kind
ABOUT = {
    Kind.OPENAPI: ("file-text", "Your API has an OpenAPI 3.0 or 3.1 document: choose which operations become tools."),
    Kind.MCP: ("waypoints", "An MCP server with streamable HTTP: it lists its tools itself."),
    Kind.HTTP: ("link", "Any JSON API: paste the tools as JSON, and say how each is called."),
    Kind.AWS_LAMBDA: ("zap", "A function on AWS, called as AgentCore's gateway calls it."),
    Kind.MCP_STDIO: ("terminal", "A program on this machine that speaks MCP on its standard input and output."),
}


@staff_required
@require_GET
def targets(request: DeskRequest) -> HttpResponse:
    context = {"lines": target_lines(), "may_configure": may_configure(request.user)}
    return render(request, "tools/targets.html", context)


# -- connected


@role_required(Role.ADMIN)
@require_GET
def target_kinds(request: DeskRequest) -> HttpResponse:
    kinds = [{"kind": kind, "icon": ABOUT[kind][0], "text": ABOUT[kind][1]} for kind in KINDS]
    return render(request, "tools/target_kinds.html", {"kinds": kinds})


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_new(request: DeskRequest, kind: str) -> HttpResponse:
    if kind not in KINDS:
        raise Http404("There is no such kind of target.")
    form = NewTargetForm(request.POST or None, request.FILES or None, kind=kind)
    context = {"form": form, "kind": Kind(kind), "about": ABOUT[Kind(kind)][1], "can_wait": False}
    if request.method == "POST" and form.is_valid():
        target = form.target_of()
        try:
            connected = connect(target, request.user, lists=request.POST.get("do") != "without-tools")
        except NotConnected as error:
            form.add_error(error.field or None, str(error))
            context["can_wait"] = error.can_wait
        else:
            for warning in connected.warnings:
                messages.warning(request, warning)
            return connected_to(request, target, connected.listed)
    return render(request, "tools/target_new.html", context, status=INVALID if form.errors else None)


def connected_to(request: DeskRequest, target: Target, listed: int | None) -> HttpResponse:
    """The next step, whatever it is for this kind."""
    if listed is None and target.kind in {Kind.HTTP, Kind.AWS_LAMBDA}:
        messages.success(request, f"{target.name} is added. Paste its tools next.")
        return redirect("tools:target_paste", target.name)
    if listed is None:
        messages.success(request, f"{target.name} is added. Set its credential, then list its tools.")
        return redirect("tools:target", target.name)
    messages.success(request, f"{target.name} offers {listed} tool{'' if listed == 1 else 's'}. Choose which.")
    return redirect("tools:target_review", target.name)


# -- one


@staff_required
@require_GET
def target(request: DeskRequest, name: str) -> HttpResponse:
    found = get_target(name)
    credential = credential_of(found)
    context = {
        "target": found,
        "standing": standing_of(found, timezone.now()),
        "where": where_of(found),
        "tools": Tool.objects.filter(target=found).order_by("name"),
        "credential": describe(credential) if credential else None,
        "takes_credential": bool(kinds_for(found)),
        "asked_kind": asked_words(found),
        "left_out": found.settings.get(LEFT_OUT, []),
        "is_listed": found.kind in Target.LISTED,
        "is_own": found.kind == Kind.BUILTIN,
        "may_configure": may_configure(request.user),
    }
    return render(request, "tools/target.html", context)


def asked_words(found: Target) -> str:
    """The kind of credential that its document asks for."""
    kind, _ = proposed_credential(found)
    return str(Credential.Kind(kind).label) if kind else ""


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_change(request: DeskRequest, name: str) -> HttpResponse:
    found = get_connected(name)
    first = initial_of(found)
    form = PlaceForm(request.POST or None, request.FILES or None, kind=found.kind, target=found, initial=first)
    if request.method == "POST" and form.is_valid():
        fields = form.columns()
        if "settings" in fields:
            # What is known of its tools stays; where they are read from is another place.
            gone = {"document_url", "document", "function", "region", "endpoint"}
            kept = {key: value for key, value in found.settings.items() if key not in gone}
            fields["settings"] = {**kept, **fields["settings"]}
        if found.kind == Kind.OPENAPI and not fields["base_url"]:
            fields["base_url"] = found.base_url
        try:
            warnings = change(found, request.user, fields=fields)
        except NotConnected as error:
            form.add_error(error.field or None, str(error))
        else:
            messages.success(request, f"{found.name} is changed. It counts from the next call on.")
            for warning in warnings:
                messages.warning(request, warning)
            return redirect("tools:target", found.name)
    # The form's check has left its values in the instance.
    context = {"form": form, "target": get_target(name), "kind": Kind(found.kind)}
    return render(request, "tools/target_change.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def target_switch(request: DeskRequest, name: str) -> HttpResponse:
    found = get_target(name)
    enabled = request.POST.get("enabled") == "on"
    switch(found, request.user, enabled=enabled)
    messages.success(request, f"{found.name} is {'on' if enabled else 'off: nothing is called there'}.")
    return redirect("tools:target", found.name)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_delete(request: DeskRequest, name: str) -> HttpResponse:
    """Says what uses it; where nothing does, it can be deleted."""
    found = get_connected(name)
    tools = list(Tool.objects.filter(target=found).select_related("target"))
    if request.method == "POST":
        try:
            delete_target(found, request.user)
        except InUse as error:
            context = {"target": found, "tools": tools, "reasons": error.reasons}
            return render(request, "tools/target_delete.html", context, status=CONFLICT)
        messages.success(request, f"{name} is deleted.")
        return redirect("tools:targets")
    context = {"target": found, "tools": tools, "reasons": uses_of(tools)}
    return render(request, "tools/target_delete.html", context)


def get_connected(name: str) -> Target:
    """One that an admin has connected: the desk itself is no such target."""
    found = get_target(name)
    if found.kind == Kind.BUILTIN:
        raise Http404("The desk itself is not changed here.")
    return found


# -- its credential


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_credential(request: DeskRequest, name: str) -> HttpResponse:
    found = get_connected(name)
    kinds = kinds_for(found)
    proposed, values = proposed_credential(found)
    present = credential_of(found)
    wanted = request.POST.get("kind") or request.GET.get("kind") or (present.kind if present else proposed)
    kind = Credential.Kind(wanted) if wanted in kinds else kinds[0]
    initial: dict[str, Any] = present.public if present and present.kind == kind else {}
    if not initial and kind == proposed:
        initial = values
    form = CredentialForm(request.POST or None, kind=kind, target=found, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            set_credential(
                found, kind=kind, public=form.public(), secret=form.cleaned_data["secret"], user=request.user
            )
        except ValueError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The credential of {found.name} is set. It counts from the next call on.")
            return redirect("tools:target", found.name)
    context = {
        "target": found,
        "form": form,
        "kind": kind,
        "kinds": [
            {"name": each.label, "url": f"?kind={each}", "current": each == kind, "count": None} for each in kinds
        ],
        "credential": describe(present) if present else None,
        "proposed": Credential.Kind(proposed).label if proposed else "",
    }
    return render(request, "tools/target_credential.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def target_credential_remove(request: DeskRequest, name: str) -> HttpResponse:
    found = get_target(name)
    clear_credential(found, request.user)
    messages.success(request, f"The credential of {found.name} is removed. Calls are sent without one.")
    return redirect("tools:target", found.name)
