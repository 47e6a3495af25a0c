"""Putting and lifting kill switches, and the banner that every page of the desk shows while one stands."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents.models import Agent, Stop
from agents.running import load_by_agent
from agents.stops import (
    NARROW,
    REASON_LENGTH,
    CannotStop,
    NoSuchSubject,
    Subject,
    TurnEnded,
    find_subject,
    lift,
    may_stop,
    put,
)
from agents.views.requests import StaffRequest
from observability.access import Role, role_required, staff_required
from tools.models import Tool

INVALID = 422
CONVERSATION = "conversation"
TITLES = {
    Stop.Scope.ALL: "Stop everything",
    Stop.Scope.AGENT: "Stop an agent",
    Stop.Scope.TOOL: "Switch a tool off",
    Stop.Scope.SESSION: "Stop the agent in this conversation",
    Stop.Scope.TURN: "Stop the agent",
}
# Scopes whose subject is chosen in the form where the address names none.
CHOSEN = {Stop.Scope.AGENT: "Agent", Stop.Scope.TOOL: "Tool"}
stopper_required = role_required(Role.SUPPORT, Role.REVIEWER)


class StopForm(forms.Form):
    """Why, and where the address leaves it open, what: an agent or a tool, or how much of a conversation."""

    subject = forms.ChoiceField()
    extent = forms.ChoiceField(
        label="What stops",
        choices=[(Stop.Scope.TURN, "This turn only"), (Stop.Scope.SESSION, "The whole conversation")],
        help_text="A conversation stays stopped until somebody lifts it.",
        widget=forms.RadioSelect,
        initial=Stop.Scope.TURN,
    )
    reason = forms.CharField(
        label="Reason",
        max_length=REASON_LENGTH,
        help_text="Stands on the banner and in the history.",
        widget=forms.TextInput(attrs={"autofocus": True, "autocomplete": "off"}),
        error_messages={"required": "Say why, so that whoever lifts it knows."},
    )

    def __init__(self, *args: object, scope: Stop.Scope, subject: Subject | None, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as Django's form takes them
        if subject is None:
            field = self.fields["subject"]
            assert isinstance(field, forms.ChoiceField)  # noqa: S101  for the type checker
            field.label = CHOSEN[scope]
            field.choices = [("", "Choose"), *subjects_of(scope)]
        else:
            del self.fields["subject"]
        if scope != Stop.Scope.TURN:
            del self.fields["extent"]
        if scope in NARROW:
            self.fields["reason"].help_text = "The team reads it in the conversation; the customer does not."


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the address asks to stop; no subject where the form lets one choose."""

    scope: Stop.Scope
    subject: Subject | None
    from_conversation: bool


@staff_required
@require_GET
def stops(request: StaffRequest, session_id: UUID | None = None) -> HttpResponse:
    """The banner as it is now, for a page that stands open."""
    return render(request, "shell/stops.html")


@stopper_required
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: StaffRequest, scope: str, subject: str = "") -> HttpResponse:
    """Says what a stop does and asks why; posted, it stops. A second one finds the first and changes nothing."""
    try:
        asked = read_asked(request, scope, subject)
    except TurnEnded as error:
        return ended(request, error)
    form = StopForm(request.POST or None, scope=asked.scope, subject=asked.subject)
    if request.method == "POST" and form.is_valid():
        try:
            done = carry_out(asked, form, user=request.user)
        except NoSuchSubject as error:
            raise Http404(str(error)) from error
        except TurnEnded as error:
            return ended(request, error)
        except CannotStop as error:
            form.add_error("reason", str(error))
        else:
            return stopped(request, asked, done)
    context = {
        "asked": asked,
        "title": TITLES[asked.scope],
        "form": form,
        "loads": load_by_agent() if asked.scope == Stop.Scope.ALL else [],
    }
    # Asked for by a link of a page, it is the inside of that page's dialog.
    template = "agents/stop.html#stop-form" if request.htmx else "agents/stop.html"
    return render(request, template, context, status=INVALID if form.errors else None)


@stopper_required
@require_POST
def stop_lift(request: StaffRequest, stop_id: UUID) -> HttpResponse:
    found = get_object_or_404(Stop, pk=stop_id)
    check_may_stop(request.user, found.scope)
    if lift(stop_id, by=request.user):
        messages.success(request, "Lifted. What people have taken over stays with them.")
    else:
        messages.info(request, "Somebody else has lifted it already.")
    if came_from_conversation(request) and found.scope == Stop.Scope.SESSION:
        return redirect("agents:conversation", found.subject)
    return redirect("agents:live")


def read_asked(request: StaffRequest, scope: str, subject: str) -> Asked:
    """Raises `Http404`, `PermissionDenied`, `TurnEnded`."""
    if scope not in Stop.Scope.values:
        raise Http404("There is no such stop.")
    wanted = Stop.Scope(scope)
    check_may_stop(request.user, wanted)
    is_left_open = wanted in CHOSEN and not subject
    try:
        found = None if is_left_open else find_subject(wanted, subject)
    except NoSuchSubject as error:
        raise Http404(str(error)) from error
    return Asked(scope=wanted, subject=found, from_conversation=came_from_conversation(request))


def check_may_stop(user: User, scope: str) -> None:
    if not may_stop(user, scope):
        raise PermissionDenied("Only an admin stops an agent, a tool or everything.")


def carry_out(asked: Asked, form: StopForm, *, user: User) -> Stop:
    """Raises what `put` raises."""
    scope, reason = asked.scope, form.cleaned_data["reason"]
    subject = asked.subject.id if asked.subject else form.cleaned_data["subject"]
    if asked.subject and asked.subject.session and form.cleaned_data.get("extent") == Stop.Scope.SESSION:
        scope, subject = Stop.Scope.SESSION, str(asked.subject.session.pk)
    return put(scope, subject, reason=reason, by=user)


def stopped(request: StaffRequest, asked: Asked, done: Stop) -> HttpResponse:
    if done.by_id == request.user.pk:
        messages.success(request, "Stopped. It takes effect before the next step.")
    else:
        messages.info(request, f"It was stopped already: {done.reason}")
    if asked.from_conversation and asked.subject and asked.subject.session:
        return redirect("agents:conversation", asked.subject.session.pk)
    return redirect("agents:live")


def ended(request: StaffRequest, error: TurnEnded) -> HttpResponse:
    messages.info(request, str(error))
    if came_from_conversation(request):
        return redirect("agents:conversation", error.session_id)
    return redirect("agents:live")


def came_from_conversation(request: StaffRequest) -> bool:
    return (request.POST.get("from") or request.GET.get("from")) == CONVERSATION


def subjects_of(scope: Stop.Scope) -> list[tuple[str, str]]:
    if scope == Stop.Scope.TOOL:
        return [(name, name) for name in Tool.objects.values_list("name", flat=True)]
    return [(str(pk), name) for pk, name in Agent.objects.values_list("pk", "name")]
