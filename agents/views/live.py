"""What happens now: the turns that run and wait, what is stopped, and the stream that tells open pages of changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_GET

from agents.access import STAFF, get_agent_for
from agents.channels import stream
from agents.models import Stop
from agents.running import AgentLoad, load_by_agent, open_turns
from agents.stops import lifted, may_stop, standing
from agents.views.requests import StaffRequest
from observability.access import has_role, public, staff_required


@staff_required
@require_GET
def live(request: StaffRequest) -> HttpResponse:
    loads = load_by_agent()
    chosen = chosen_agent(request, loads)
    turns = open_turns(chosen)
    asked = [load for load in loads if chosen in (None, load.agent_id)]
    lines = standing()
    context = {
        "turns": turns,
        "more": max(0, sum(load.open for load in asked) - len(turns)),
        "running": sum(load.running for load in asked),
        "queued": sum(load.queued for load in asked),
        "waiting": sum(load.waiting for load in asked),
        "longest": seconds_since(load.running_since for load in asked),
        "longest_wait": seconds_since(load.queued_since for load in asked),
        "usd": sum(turn.usd for turn in turns),
        "facets": facets(loads, chosen),
        "standing": [(line, may_stop(request.user, line.scope)) for line in lines],
        "is_all_stopped": any(line.scope == Stop.Scope.ALL for line in lines),
        "history": lifted(),
        "may_stop_turns": may_stop(request.user, Stop.Scope.TURN),
        "may_stop_all": may_stop(request.user, Stop.Scope.ALL),
    }
    template = "agents/live.html#live-now" if request.htmx else "agents/live.html"
    return render(request, template, context)


def chosen_agent(request: StaffRequest, loads: Sequence[AgentLoad]) -> UUID | None:
    """Of the address. An agent with nothing to do is chosen too: its list is empty. Raises `Http404`."""
    slug = request.GET.get("agent", "")
    if not slug:
        return None
    found = next((load.agent_id for load in loads if load.slug == slug), None)
    if found is None and "\x00" in slug:
        raise Http404("There is no such agent.")
    return found or get_agent_for(request.user, slug).pk


def facets(loads: Sequence[AgentLoad], chosen: UUID | None) -> list[dict[str, Any]]:
    """How much each agent has to do, as links."""
    everything = {
        "name": "All agents",
        "url": "?",
        "current": chosen is None,
        "count": sum(load.open for load in loads),
    }
    return [
        everything,
        *(
            {"name": load.name, "url": f"?agent={load.slug}", "current": chosen == load.agent_id, "count": load.open}
            for load in loads
        ),
    ]


def seconds_since(moments: Any) -> int | None:
    """Since the earliest; None where there is none."""
    earliest = min((moment for moment in moments if moment), default=None)
    return None if earliest is None else max(0, int((timezone.now() - earliest).total_seconds()))


@public
@require_GET
async def desk_changes(request: HttpRequest) -> HttpResponseBase:
    """Which sessions change, for the lists and counts of any page. Staff only; an async view checks for itself."""
    if not await stream.in_thread(lambda: request.user.is_authenticated):
        return redirect_to_login(request.get_full_path())
    if not await stream.in_thread(has_role, request.user, *STAFF):
        raise PermissionDenied("This stream is for the people of the desk.")
    return stream.event_stream_response(stream.desk_changes(stream.until_signed_out(request, *STAFF)))
