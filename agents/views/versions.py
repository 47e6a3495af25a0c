"""Versions of an agent: what would change, what was, and the way back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_GET, require_http_methods

from agents.access import get_agent_for, get_version_for
from agents.configure import DraftChanged, LiveChanged, publish_reviewed, review_mark, roll_back_reviewed, stored_draft
from agents.forms import LABELS, PublishForm, show_changes
from agents.models import Agent, AgentVersion
from agents.versions import NothingToPublish, changes_between
from agents.views.agents import check_may_configure, may_configure, whole
from observability.access import Role, role_required, staff_required
from observability.traces import turns_by_version
from tools.models import Tool

CONFLICT, INVALID = 409, 422
TURNS_DAYS = 30
DRAFT = "draft"


class DeskRequest(HttpRequest):
    user: User


@staff_required
@require_http_methods(["GET", "HEAD", "POST"])
def agent_changes(request: DeskRequest, slug: str) -> HttpResponse:
    """How the draft differs from what is live; an admin publishes it from here."""
    agent = get_agent_for(request.user, slug)
    if request.method == "POST":
        check_may_configure(request.user)
        return publish(request, agent)
    return render(request, "agents/agent_changes.html", review(request.user, agent, PublishForm()))


def publish(request: DeskRequest, agent: Agent) -> HttpResponse:
    form = PublishForm(request.POST)
    status = INVALID
    if form.is_valid():
        try:
            version = publish_reviewed(
                agent, user=request.user, note=form.cleaned_data["note"], mark=form.cleaned_data["mark"]
            )
        except DraftChanged:
            form.add_error(None, "The draft or the live version has changed since you looked. This is how it is now.")
            status = CONFLICT
        except NothingToPublish as error:
            form.add_error(None, str(error))
            status = CONFLICT
        except ValidationError as error:
            form.add_error(
                None, [f"{LABELS.get(name, name)}: {' '.join(said)}" for name, said in error.message_dict.items()]
            )
        else:
            messages.success(request, f"Version {version.number} is live.")
            return redirect("agents:agent", agent.slug)
        agent = get_agent_for(request.user, agent.slug)
    return render(request, "agents/agent_changes.html", review(request.user, agent, form), status=status)


def review(user: User, agent: Agent, form: PublishForm) -> dict[str, Any]:
    draft = stored_draft(agent)
    newest = agent.versions.exclude(number=None).order_by("-number").values_list("number", flat=True).first()
    return {
        "agent": agent,
        "draft": draft,
        "changes": show_changes(changes_between(agent.live_version, draft)) if draft else [],
        "form": form,
        "mark": review_mark(agent, draft) if draft else "",
        "next_number": (newest or 0) + 1,
        "may_configure": may_configure(user),
    }


@staff_required
@require_GET
def versions(request: DeskRequest, slug: str) -> HttpResponse:
    agent = get_agent_for(request.user, slug)
    published = list(agent.versions.filter(state=AgentVersion.State.PUBLISHED).select_related("published_by"))
    turns = turns_by_version(agent.pk, since=timezone.now() - timedelta(days=TURNS_DAYS))
    numbers = [version.number for version in published]
    context = {
        "agent": agent,
        "lines": [
            {"version": version, "turns": turns.get(version.number or 0, 0), "is_live": is_live(agent, version)}
            for version in published
        ],
        "days": TURNS_DAYS,
        "draft": stored_draft(agent),
        "from": numbers[1] if len(numbers) > 1 else None,
        "to": numbers[0] if numbers else None,
        "may_configure": may_configure(request.user),
    }
    return render(request, "agents/versions.html", context)


def is_live(agent: Agent, version: AgentVersion) -> bool:
    return version.pk == agent.live_version_id


@staff_required
@require_GET
def version(request: DeskRequest, slug: str, number: int) -> HttpResponse:
    """A published version whole; it never changes."""
    agent = get_agent_for(request.user, slug)
    found = get_version_for(request.user, agent, number)
    context = {
        **whole(found, list(Tool.objects.select_related("target"))),
        "agent": agent,
        "is_live": is_live(agent, found),
        "live": agent.live_version,
        "before": agent.versions.filter(number__lt=number).order_by("-number").first(),
        "after": agent.versions.filter(number__gt=number).order_by("number").first(),
        "may_configure": may_configure(request.user),
    }
    return render(request, "agents/version.html", context)


@staff_required
@require_GET
def version_compare(request: DeskRequest, slug: str) -> HttpResponse:
    """Any two versions, the draft among them, field by field."""
    agent = get_agent_for(request.user, slug)
    before = chosen_version(request, agent, request.GET.get("from", ""))
    after = chosen_version(request, agent, request.GET.get("to", ""))
    numbers = agent.versions.filter(state=AgentVersion.State.PUBLISHED).values_list("number", flat=True)
    context = {
        "agent": agent,
        "before": before,
        "after": after,
        "changes": show_changes(changes_between(before, after)),
        "numbers": list(numbers),
        "has_draft": DRAFT in {before.state, after.state} or stored_draft(agent) is not None,
    }
    return render(request, "agents/version_compare.html", context)


def chosen_version(request: DeskRequest, agent: Agent, text: str) -> AgentVersion:
    """By its number, or the draft. Raises `Http404`."""
    if text == DRAFT:
        draft = stored_draft(agent)
        if draft is None:
            raise Http404("There is no draft.")
        return draft
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise Http404("A version has a number.")
    return get_version_for(request.user, agent, int(text))


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def version_roll_back(request: DeskRequest, slug: str, number: int) -> HttpResponse:
    """Make an earlier version live again, after a page that says what that does."""
    agent = get_agent_for(request.user, slug)
    found = get_version_for(request.user, agent, number)
    if request.method == "POST":
        try:
            roll_back_reviewed(agent, to=found, live=request.POST.get("live", ""), user=request.user)
        except LiveChanged:
            messages.error(request, "Another version went live meanwhile. Look again before you roll back.")
            return redirect("agents:version_roll_back", agent.slug, number)
        messages.success(request, f"Version {number} is live.")
        return redirect("agents:agent", agent.slug)
    context = {
        "agent": agent,
        "version": found,
        "is_live": is_live(agent, found),
        "changes": show_changes(changes_between(agent.live_version, found)),
        "draft": stored_draft(agent),
    }
    return render(request, "agents/version_roll_back.html", context)
