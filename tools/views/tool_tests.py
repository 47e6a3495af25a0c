"""The test of a tool by an admin: the call as it is made, then what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from observability.access import Role, role_required
from observability.ids import uuid7
from tools.argument_forms import ArgumentForm, initial_from
from tools.binding import Customer
from tools.binding_forms import SOURCES
from tools.credentials import credential_of
from tools.errors import ToolRefused
from tools.models import Target, Tool
from tools.trying import SentAlready, Tried, call_of, send, shown_of
from tools.views.policy_lines import CONFLICT, INVALID, DeskRequest
from tools.views.target_lines import get_tool
from tools.views.tools import frame

OUTCOMES = {
    "confirmed": ("Answered", "good", "circle-check"),
    "failed": ("Refused by the backend", "bad", "circle-x"),
    "refused": ("Not sent", "bad", "ban"),
    "unreachable": ("Not reached", "bad", "unplug"),
    "unreadable": ("Unreadable answer", "warn", "triangle-alert"),
    "unknown": ("Unknown", "warn", "triangle-alert"),
}
PARTS = ("id", "email", "name")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A call that an admin wants to make, under a key that is its alone."""

    arguments: dict[str, Any]
    customer: Customer
    key: str


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def tool_test(request: DeskRequest, target: str, name: str) -> HttpResponse:
    """A read is sent at once; what changes something is shown first, and sent when the admin says so of that call."""
    found = get_tool(target, name)
    if found.target.kind == Target.Kind.BUILTIN:
        raise Http404("The desk's own tools are tried in a conversation.")
    credential_of(found.target)  # read here: there is no query between the database and the network
    if request.method != "POST":
        return page(request, found, ArgumentForm(tool=found))
    wish = request.POST.get("do", "show")
    if wish == "send-shown":
        return send_shown(request, found)
    form = ArgumentForm(request.POST, tool=found)
    if not form.is_valid():
        return page(request, found, form, status=INVALID)
    wanted = Wanted(arguments=form.arguments(), customer=form.customer(), key=str(uuid7()))
    if wish == "send" and found.is_read:
        return make(request, found, form, wanted)
    try:
        shown = shown_of(call_of(found, wanted.arguments, wanted.customer, key=wanted.key))
    except ToolRefused as error:
        form.add_error(None, str(error))
        return page(request, found, form, status=INVALID)
    return page(request, found, form, shown=shown, again=carried(wanted))


def carried(wanted: Wanted) -> dict[str, str]:
    """The call as the form of its confirmation carries it: exactly what was shown is sent."""
    parts = {part: getattr(wanted.customer, part) for part in PARTS}
    return {"arguments": json.dumps(wanted.arguments), "key": wanted.key, **parts}


def send_shown(request: DeskRequest, found: Tool) -> HttpResponse:
    try:
        arguments = json.loads(request.POST.get("arguments", ""))
        key = str(UUID(request.POST.get("key", "")))
    except ValueError:
        arguments, key = None, ""
    if not isinstance(arguments, dict):
        form = ArgumentForm(tool=found)
        return page(request, found, form, problem="The call cannot be read. Nothing was sent.", status=INVALID)
    parts = {part: request.POST.get(part, "") for part in PARTS}
    customer = Customer(**parts, is_verified=bool(parts["id"] or parts["email"]))
    form = ArgumentForm(tool=found, initial=initial_from(found, arguments, customer))
    return make(request, found, form, Wanted(arguments=arguments, customer=customer, key=key))


def make(request: DeskRequest, found: Tool, form: ArgumentForm, wanted: Wanted) -> HttpResponse:
    if found.target.held_at is not None:
        words = f"Nothing was sent: {found.target.name} is held until you have reviewed its tools."
        return page(request, found, form, problem=words, status=CONFLICT)
    try:
        call = call_of(found, wanted.arguments, wanted.customer, key=wanted.key)
        shown = shown_of(call)
        tried = send(call, request.user, key=wanted.key)
    except ToolRefused as error:
        return page(request, found, form, problem=f"Nothing was sent. {error}", status=INVALID)
    except SentAlready as error:
        return page(request, found, form, problem=str(error), status=CONFLICT)
    return page(request, found, form, shown=shown, tried=tried, outcome=outcome(tried))


def outcome(tried: Tried) -> dict[str, str]:
    word, tone, icon = OUTCOMES[tried.outcome]
    return {"word": word, "tone": tone, "icon": icon}


def page(
    request: DeskRequest, found: Tool, form: ArgumentForm, *, status: int | None = None, **more: Any
) -> HttpResponse:
    bound = [(argument, dict(SOURCES).get(source, source)) for argument, source in found.bindings.items()]
    context = {**frame(request, found, "tools:tool_test"), "form": form, "bound": bound, **more}
    return render(request, "tools/tool_test.html", context, status=status)
