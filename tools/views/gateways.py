"""Gateways: MCP endpoints for outside agents, what each of them offers, and the keys to it. For admins."""

from __future__ import annotations

from itertools import groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, F, Max, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, role_required
from tools.gateway_forms import GatewayForm, KeyForm, NewGatewayForm, tools_to_offer
from tools.gateways import make_key, offered_tools, revoke_key, save_gateway, switch_gateway
from tools.mcp_server.snippets import address_of, snippets
from tools.models import Gateway, GatewayKey, ToolCall
from tools.outside import definitions_for

INVALID = 422
LAST_CALLS = 30
ARGUMENTS_SHOWN = 200


class AdminRequest(HttpRequest):
    user: User


@role_required(Role.ADMIN)
@require_GET
def gateways(request: AdminRequest) -> HttpResponse:
    good = Q(keys__revoked_at=None) & (Q(keys__expires_at=None) | Q(keys__expires_at__gt=timezone.now()))
    found = Gateway.objects.annotate(
        good_keys=Count("keys", filter=good), last_used_at=Max("keys__last_used_at")
    ).order_by("label")
    lines = [{"gateway": one, "address": address_of(one), "tools": len(offered_tools(one))} for one in found]
    return render(request, "tools/gateways.html", {"lines": lines})


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def gateway_new(request: AdminRequest) -> HttpResponse:
    form = NewGatewayForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = form.save(commit=False)
        save_gateway(made, request.user)
        messages.success(request, f"{made.label} is made. It offers nothing yet: choose its tools.")
        return redirect("tools:gateway", made.slug)
    context = {"form": form, "prefix": f"{settings.PUBLIC_URL}/mcp/"}
    return render(request, "tools/gateway_new.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def gateway(request: AdminRequest, slug: str) -> HttpResponse:
    """One gateway: its address, tools, keys and last calls; a post saves what it offers."""
    found = get_gateway(slug)
    form = GatewayForm(request.POST if request.method == "POST" else None, instance=found)
    if request.method == "POST" and form.is_valid():
        save_gateway(form.save(commit=False), request.user)
        messages.success(request, f"{found.label} is saved. It holds from the next request on.")
        return redirect("tools:gateway", found.slug)
    shown = get_gateway(slug)
    keys = list(shown.keys.select_related("owner").order_by(F("revoked_at").desc(nulls_first=True), "name"))
    context = {
        "gateway": shown,
        "address": address_of(shown),
        "form": form,
        "targets": targets_with_tools(form),
        "keys": [key_line(key) for key in keys],
        "calls": last_calls(keys),
        "most_calls": LAST_CALLS,
        "snippets": snippets(shown),
    }
    return render(request, "tools/gateway.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def gateway_switch(request: AdminRequest, slug: str) -> HttpResponse:
    found = get_gateway(slug)
    switch_gateway(found, request.user, enabled=request.POST.get("enabled") == "on")
    messages.success(request, f"{found.label} is {'on' if found.enabled else 'off: it refuses every key'}.")
    return redirect("tools:gateway", found.slug)


@role_required(Role.ADMIN)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def gateway_key_new(request: AdminRequest, slug: str) -> HttpResponse:
    """The new key stands in the answer to the post and nowhere else, so there is no redirect after it."""
    found = get_gateway(slug)
    form = KeyForm(request.POST or None, gateway=found, initial={"scopes": [GatewayKey.Scope.READ]})
    if request.method == "POST" and form.is_valid():
        made = make_key(
            found,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            owner=request.user,
            customer=form.cleaned_data["customer"],
            expires_at=form.expires_at(),
        )
        return render(request, "tools/gateway_key.html", shown_once(made.key, made.text))
    context = {"form": form, "gateway": found}
    return render(request, "tools/gateway_key_new.html", context, status=INVALID if form.errors else None)


@role_required(Role.ADMIN)
@require_POST
def gateway_key_revoke(request: AdminRequest, slug: str, key_id: UUID) -> HttpResponse:
    key = get_object_or_404(GatewayKey.objects.select_related("gateway"), pk=key_id, gateway__slug=slug)
    if revoke_key(key, user=request.user):
        messages.success(request, f"{key.name} is revoked. Its next request is refused.")
    else:
        messages.info(request, f"{key.name} was revoked already.")
    return redirect("tools:gateway", slug)


# -- what the pages show


def get_gateway(slug: str) -> Gateway:
    return get_object_or_404(Gateway, slug=slug)


def targets_with_tools(form: GatewayForm) -> list[dict[str, Any]]:
    """What can be offered, by target, with what is ticked."""
    grouped = groupby(tools_to_offer(), key=lambda tool: tool.target.name)
    return [
        {"name": name, "lines": [{"tool": tool, "ticked": form.is_ticked(tool)} for tool in tools]}
        for name, tools in grouped
    ]


def key_line(key: GatewayKey) -> dict[str, Any]:
    """`state` says whether it is good, and why it is not."""
    if key.revoked_at is not None:
        state = "revoked"
    elif key.expires_at is not None and key.expires_at <= timezone.now():
        state = "expired"
    else:
        state = "good" if key.owner.is_active else "orphaned"
    return {
        "id": str(key.pk),
        "key": key,
        "state": state,
        "scopes": [GatewayKey.Scope(scope).label for scope in key.scopes],
    }


def last_calls(keys: list[GatewayKey]) -> list[dict[str, Any]]:
    names = {key.pk: key.name for key in keys}
    rows = ToolCall.objects.filter(key_id__in=names).select_related("approval").order_by("-created_at")[:LAST_CALLS]
    return [call_line(row, names[row.key_id]) for row in rows if row.key_id is not None]


def call_line(row: ToolCall, key: str) -> dict[str, Any]:
    """`waits` is said of a call that waits for a person, or for its agent to come back with the person's yes."""
    approval = getattr(row, "approval", None)
    said = ", ".join(f"{name} {value}" for name, value in row.arguments.items())
    waits = f"{approval.label} {approval.status}" if approval else ""
    return {"call": row, "key": key, "approval": approval, "waits": waits, "arguments": said[:ARGUMENTS_SHOWN]}


def shown_once(key: GatewayKey, text: str) -> dict[str, Any]:
    tools = [definition["name"] for definition in definitions_for(key)]
    context = {"gateway": key.gateway, "key": key_line(key), "text": text, "tools": tools}
    return {**context, "snippets": snippets(key.gateway, text)}
