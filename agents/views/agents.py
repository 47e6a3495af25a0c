"""Agents: the list, and one agent with its draft, which an admin edits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.access import get_agent_for
from agents.configure import (
    DraftChanged,
    create_agent,
    discard_reviewed,
    editable_version,
    fingerprint,
    review_mark,
    save_draft,
    set_status,
    stored_draft,
)
from agents.forms import (
    LABELS,
    AgentForm,
    DraftForm,
    WindowForm,
    read_out,
    show_changes,
    tokens_of,
    window_sentence,
)
from agents.model_list import label_of, notices_of
from agents.models import Agent, AgentVersion
from agents.versions import changes_between
from guardrails.choices import name_of
from observability.access import Role, has_role, role_required, staff_required
from observability.traces import AgentFigures, figures_by_agent, newest_of_agent, turns_by_hour
from tools.models import Tool

HOURS = 24
RECENT_TURNS = 5
CONFLICT, INVALID = 409, 422
# How dangerous a tool is: the badge's tone and icon.
EFFECTS = {
    Tool.Effect.READ: ("Reads", "", "eye"),
    Tool.Effect.WRITE: ("Writes", "info", "pencil"),
    Tool.Effect.MONEY: ("Moves money", "warn", "coins"),
    Tool.Effect.IRREVERSIBLE: ("Cannot be undone", "warn", "triangle-alert"),
}
SECTIONS = (
    ("Overview", "overview"),
    ("Instructions", "instructions"),
    ("Model", "model"),
    ("Tools", "tools"),
    ("Memory window", "memory-window"),
    ("Limits", "limits"),
    ("Texts", "texts"),
)


class DeskRequest(HttpRequest):
    user: User


@dataclass(frozen=True, kw_only=True)
class AgentLine:
    """An agent as a row of the list, with its last day."""

    agent: Agent
    figures: AgentFigures
    turns_by_hour: list[int]


@dataclass(frozen=True, kw_only=True)
class ToolLine:
    """A tool as a choice: what it does to the world, and whether this version has it."""

    tool: Tool
    word: str
    tone: str
    icon: str
    is_chosen: bool


@staff_required
@require_GET
def agents(request: DeskRequest) -> HttpResponse:
    figures = figures_by_agent(since=timezone.now() - timedelta(hours=HOURS))
    by_hour = turns_by_hour(hours=HOURS)
    lines = [
        AgentLine(
            agent=agent,
            figures=figures.get(agent.pk, AgentFigures()),
            turns_by_hour=by_hour.get(agent.pk, [0] * HOURS),
        )
        for agent in Agent.objects.select_related("live_version")
    ]
    return render(request, "agents/agents.html", {"lines": lines, "may_configure": may_configure(request.user)})


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def agent_new(request: DeskRequest) -> HttpResponse:
    form = AgentForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = create_agent(
            name=form.cleaned_data["name"],
            slug=form.cleaned_data["slug"],
            description=form.cleaned_data["description"],
            like=form.cleaned_data["like"],
        )
        messages.success(request, f"{made.name} is made. It answers nobody until its draft is published.")
        return redirect("agents:agent", made.slug)
    return render(request, "agents/agent_new.html", {"form": form}, status=INVALID if form.errors else None)


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def agent(request: DeskRequest, slug: str) -> HttpResponse:
    """The agent with its draft for an admin, with its live version for others."""
    found = get_agent_for(request.user, slug)
    tools = list(Tool.objects.select_related("target"))
    if request.method == "POST":
        check_may_configure(request.user)
        return save(request, found, tools)
    if not may_configure(request.user):
        return render(request, "agents/agent.html", {**overview(found), **whole(found.live_version, tools)})
    version = editable_version(found)
    form = DraftForm(instance=version, initial={"seen": json.dumps(fingerprint(version))}, tools=tools)
    return render(request, "agents/agent.html", {**overview(found), **editor(found, form, tools)})


def save(request: DeskRequest, found: Agent, tools: list[Tool]) -> HttpResponse:
    form = DraftForm(request.POST, instance=editable_version(found), tools=tools)
    conflict: DraftChanged | None = None
    if form.is_valid():
        try:
            kept = save_draft(found, values=form.values(), seen=form.cleaned_data["seen"])
        except DraftChanged as error:
            conflict = error
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, saved_words(kept))
            then_review = request.POST.get("then") == "review"
            return redirect("agents:agent_changes" if then_review else "agents:agent", found.slug)
    context: dict[str, Any] = {}
    if conflict and conflict.saved:
        mine = {name: form.cleaned_data[name] for name in conflict.fields}
        data = {**conflict.merged, "seen": json.dumps(fingerprint(conflict.saved))}
        form = DraftForm(data, instance=editable_version(found), tools=tools)
        context["conflicts"] = [
            {
                "label": LABELS[name],
                "theirs": read_out(name, getattr(conflict.saved, name)),
                "mine": read_out(name, mine[name]),
            }
            for name in conflict.fields
        ]
    context = {**overview(found), **editor(found, form, tools), **context}
    return render(request, "agents/agent.html", context, status=CONFLICT if conflict else INVALID)


def saved_words(kept: list[str]) -> str:
    if not kept:
        return "The draft is saved. Customers still get the live version."
    names = ", ".join(LABELS[name].lower() for name in kept)
    return f"The draft is saved. Somebody else changed {names} meanwhile; that is kept."


def overview(found: Agent) -> dict[str, Any]:
    """What the page of an agent shows to everybody."""
    since = timezone.now() - timedelta(hours=HOURS)
    by_hour = turns_by_hour(hours=HOURS, agent_id=found.pk).get(found.pk, [0] * HOURS)
    first = timezone.now() - timedelta(hours=HOURS - 1)
    return {
        "agent": found,
        "live_notices": notices_of(found.live_version) if found.live_version else [],
        "figures": figures_by_agent(since=since, agent_id=found.pk).get(found.pk, AgentFigures()),
        "hours": [
            {"label": f"{first + timedelta(hours=hour):%H}:00", "value": turns, "unfinished": hour == HOURS - 1}
            for hour, turns in enumerate(by_hour)
        ],
        "recent": newest_of_agent(found.pk, limit=RECENT_TURNS),
        "tabs": [{"name": name, "url": f"#{anchor}", "current": False, "count": None} for name, anchor in SECTIONS],
    }


def editor(found: Agent, form: DraftForm, tools: list[Tool]) -> dict[str, Any]:
    """What an admin edits, and how the stored draft stands to the live version."""
    draft = stored_draft(found)
    changes = changes_between(found.live_version, draft) if draft else []
    chosen = form["tools"].value() or []
    known = {tool.name for tool in tools}
    return {
        "may_configure": True,
        "form": form,
        "draft": draft,
        "changes": show_changes(changes) if found.live_version else [],
        "mark": review_mark(found, draft) if draft else "",
        "tool_lines": [tool_line(tool, is_chosen=tool.name in chosen) for tool in tools],
        "unknown_tools": [name for name in chosen if name not in known],
        "model_lines": form.model_lines,
        "notices": notices_of(form.instance),
        "instruction_tokens": tokens_of(str(form["instructions"].value() or "")),
        "window": window_of(form),
    }


def window_of(form: DraftForm) -> str:
    """The window as the form has it; empty where its numbers do not make one."""
    given = WindowForm({name: form[name].value() for name in WindowForm.Meta.fields})
    return given.sentence() if given.is_valid() else ""


def whole(version: AgentVersion | None, tools: list[Tool]) -> dict[str, Any]:
    """A version as a reader sees it; nothing where an agent was never published."""
    if version is None:
        return {"version": None}
    lines = [tool_line(tool, is_chosen=True) for tool in tools if tool.name in version.tools]
    return {
        "version": version,
        "model_label": label_of(version.model),
        "fallback_label": label_of(version.fallback_model),
        "notices": notices_of(version),
        "tool_lines": lines,
        "unknown_tools": sorted(set(version.tools) - {line.tool.name for line in lines}),
        "instruction_tokens": tokens_of(version.instructions),
        "guardrail": name_of(version.guardrail),
        "window": window_sentence(
            window_exchanges=version.window_exchanges,
            window_tokens=version.window_tokens,
            window_hours=version.window_hours,
        ),
    }


def tool_line(tool: Tool, *, is_chosen: bool) -> ToolLine:
    word, tone, icon = EFFECTS[Tool.Effect(tool.effect)]
    return ToolLine(tool=tool, word=word, tone=tone, icon=icon, is_chosen=is_chosen)


@staff_required
@require_GET
def agent_window(request: DeskRequest, slug: str) -> HttpResponse:
    """The sentence that says what a memory window keeps, for the numbers in the query."""
    get_agent_for(request.user, slug)
    form = WindowForm(request.GET)
    sentence = form.sentence() if form.is_valid() else ""
    return render(request, "agents/_window.html", {"window": sentence}, status=None if sentence else INVALID)


@role_required(Role.ADMIN)
@require_POST
def agent_discard(request: DeskRequest, slug: str) -> HttpResponse:
    found = get_agent_for(request.user, slug)
    try:
        discard_reviewed(found, mark=request.POST.get("mark", ""))
    except DraftChanged:
        messages.error(request, "The draft was changed meanwhile, so it is kept. Look at it first.")
        return redirect("agents:agent_changes", found.slug)
    messages.success(request, "The draft is discarded.")
    return redirect("agents:agent", found.slug)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def agent_pause(request: DeskRequest, slug: str) -> HttpResponse:
    """Pause, or resume where it is paused; the page says what that means for customers."""
    found = get_agent_for(request.user, slug)
    is_paused = found.status == Agent.Status.PAUSED
    if request.method == "POST":
        wanted = Agent.Status.ACTIVE if request.POST.get("status") == Agent.Status.ACTIVE else Agent.Status.PAUSED
        set_status(found, wanted, user=request.user)
        verb = "answers again" if wanted == Agent.Status.ACTIVE else "is paused"
        messages.success(request, f"{found.name} {verb}.")
        return redirect("agents:agent", found.slug)
    return render(request, "agents/agent_pause.html", {"agent": found, "is_paused": is_paused})


@staff_required
@require_GET
def agent_by_id(request: DeskRequest, agent_id: UUID, number: int = 0) -> HttpResponse:
    """From what is recorded of an agent (its id, and the version's number) to its page."""
    found = get_object_or_404(Agent, pk=agent_id)
    if number and found.versions.filter(number=number).exists():
        return redirect("agents:version", found.slug, number)
    return redirect("agents:agent", found.slug)


def may_configure(user: User) -> bool:
    return has_role(user, Role.ADMIN)


def check_may_configure(user: User) -> None:
    if not may_configure(user):
        raise PermissionDenied("Only an admin changes an agent.")
