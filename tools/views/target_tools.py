"""The tools of a target: chosen from what it lists, reviewed when that changes, or pasted as JSON."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from observability.access import Role, role_required
from tools.connecting import LEFT_OUT, choose, list_again
from tools.definitions import Definition, DefinitionsRefused, changed_parts
from tools.listing import Accepted, Listing, ListingChanged, ListingFailed, accepted_of, list_now, proposed_of
from tools.models import Target, Tool
from tools.paste_forms import PasteForm, ToolsForm
from tools.pasting import put_pasted
from tools.routes import RouteRefused
from tools.tool_changes import BreaksPolicies
from tools.views.policy_lines import CONFLICT, INVALID, DeskRequest
from tools.views.target_lines import get_target, offer_lines

PARTS = {"description": "Description", "input_schema": "Input schema", "recipe": "How it is called"}


@role_required(Role.ADMIN)
@require_POST
def target_list(request: DeskRequest, name: str) -> HttpResponse:
    """List again: held and shown where something differs."""
    found = get_listed(name)
    try:
        is_held = list_again(found)
    except ListingFailed as error:
        messages.error(request, f"The tools of {name} could not be listed: {error} What is in use stays as it is.")
        return redirect("tools:target", name)
    if is_held:
        return redirect("tools:target_review", name)
    messages.success(request, f"{name} offers what you have seen: nothing has changed.")
    return redirect("tools:target", name)


def get_listed(name: str) -> Target:
    found = get_target(name)
    if found.kind not in Target.LISTED:
        raise Http404("Its tools are not listed: an admin writes them.")
    return found


# -- chosen


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_review(request: DeskRequest, name: str) -> HttpResponse:
    """What it offers, with what is different from what an admin has seen. Where nothing is proposed it is asked now."""
    found = get_listed(name)
    try:
        if request.method == "POST":
            return chosen(request, found)
        listing = proposed_of(found) or list_now(found)
    except ListingFailed as error:
        messages.error(request, f"The tools of {name} could not be listed: {error} What is in use stays as it is.")
        return redirect("tools:target", name)
    return review(request, found, listing)


def chosen(request: DeskRequest, found: Target) -> HttpResponse:
    """Raises `ListingFailed`."""
    names = set(request.POST.getlist("tool"))
    try:
        done = choose(found, names, request.user, seen=request.POST.get("seen", ""))
    except BreaksPolicies as error:
        listing = proposed_of(found) or list_now(found)
        return review(request, found, listing, picked=names, problems=error.problems, status=INVALID)
    except (ListingChanged, ValueError) as error:
        listing = proposed_of(found) or list_now(found)
        return review(request, found, listing, picked=names, conflict=str(error), status=CONFLICT)
    messages.success(request, words_of(found, done))
    return redirect("tools:target", found.name)


def words_of(found: Target, done: Accepted) -> str:
    """What came of it, the tools that need an admin's word first named as such."""
    off = Tool.objects.filter(target=found, name__in=done.created, enabled=False).count()
    parts = [
        f"{len(done.created)} new" if done.created else "",
        f"{len(done.updated)} kept or updated" if done.updated else "",
        f"{len(done.disabled)} switched off" if done.disabled else "",
    ]
    words = f"{found.name} is open: {', '.join(part for part in parts if part) or 'no tools'}."
    return f"{words} {off} that change something are off until you switch them on." if off else words


def review(
    request: DeskRequest, found: Target, listing: Listing, *, status: int | None = None, **more: Any
) -> HttpResponse:
    kept = {definition.name for definition in accepted_of(found)}
    picked = set(more.pop("picked", ()))
    wanted = request.GET.get("pick")
    if wanted in {"reads", "all"}:
        picked |= {each.name for each in listing.definitions if wanted == "all" or each.effect == "read"}
    context = {
        "target": found,
        "listing": listing,
        "lines": offer_lines(found, listing, kept=kept, picked=picked),
        "changed": [change_of(before, after) for before, after in listing.changes.changed],
        "is_first": not kept,
        "left_out": found.settings.get(LEFT_OUT, []),
        **more,
    }
    return render(request, "tools/target_review.html", context, status=status)


def change_of(before: Definition, after: Definition) -> dict[str, Any]:
    """Both sides of what differs, as text. Characters beyond ASCII are written out: some are not to be seen."""
    parts = [
        {
            "label": PARTS.get(part, part.capitalize()),
            "before": text_of(getattr(before, part)),
            "after": text_of(getattr(after, part)),
        }
        for part in changed_parts(before, after)
    ]
    return {"name": after.name, "effect": after.effect, "was_effect": before.effect, "parts": parts}


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, indent=2, sort_keys=True)


# -- pasted


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def target_paste(request: DeskRequest, name: str) -> HttpResponse:
    """First the JSON, then what each tool in it does and how it is called."""
    found = get_target(name)
    if found.kind not in {Target.Kind.HTTP, Target.Kind.AWS_LAMBDA}:
        raise Http404("The tools of this target are listed by itself.")
    paste = PasteForm(request.POST or None)
    context: dict[str, Any] = {"target": found, "paste": paste, "form": None}
    if request.method != "POST" or not paste.is_valid() or request.POST.get("do") == "back":
        return render(request, "tools/target_paste.html", context, status=INVALID if paste.errors else None)
    definitions = paste.definitions
    is_second = request.POST.get("do") == "add"
    form = ToolsForm(request.POST if is_second else None, target=found, definitions=definitions)
    context["form"] = form
    if is_second and form.is_valid():
        try:
            done = put_pasted(found, form.pasted(), request.user)
        except BreaksPolicies as error:
            context["problems"] = error.problems
            return render(request, "tools/target_paste.html", context, status=INVALID)
        except (RouteRefused, DefinitionsRefused) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, pasted_words(found, done))
            return redirect("tools:target", found.name)
    return render(request, "tools/target_paste.html", context, status=INVALID if form.errors else None)


def pasted_words(found: Target, done: Accepted) -> str:
    added = f"{len(done.created)} added" if done.created else ""
    updated = f"{len(done.updated)} updated" if done.updated else ""
    words = f"{found.name}: {' and '.join(part for part in (added, updated) if part)}."
    off = Tool.objects.filter(target=found, name__in=done.created, enabled=False).exists()
    return f"{words} Those that change something are off until you switch them on." if off else words
