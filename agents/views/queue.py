"""The queue, and the screen on which one escalation is decided."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET, require_POST

from agents.access import get_escalation_for
from agents.decisions import (
    Conflict,
    Next,
    answer_escalation,
    claim_escalation,
    claim_oldest,
    release_escalation,
    resolve_escalation,
    take_escalation,
)
from agents.evidence import evidence_for
from agents.models import Escalation
from agents.queue import (
    APPROVALS,
    BadCursor,
    Figures,
    Show,
    cost_of_session,
    figures,
    messages_since,
    next_waiting,
    others_of_customer,
    page_of,
    urgency,
)
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, role_required, staff_required

ANSWER_LENGTH = 8000
RESOLUTION_LENGTH = 2000
DECIDERS = (Role.SUPPORT, Role.REVIEWER)
decider_required = role_required(*DECIDERS)
# Who the request is about, in a sentence; the reason's own name stands beside it.
SENTENCES = {
    Escalation.Reason.CUSTOMER_REQUESTED: "{} asks for a person",
    Escalation.Reason.MISSING_KNOWLEDGE: "{} asks what the agent does not know",
    Escalation.Reason.UNSUPPORTED_REQUEST: "{} wants what the agent cannot do",
    Escalation.Reason.POLICY_RESTRICTION: "{} wants what a policy does not allow",
    Escalation.Reason.TOOL_FAILURE: "A tool failed while the agent worked for {}",
    Escalation.Reason.PENDING_CLARIFICATION: "It is not clear what {} wants",
    Escalation.Reason.USAGE_LIMIT: "The agent reached a limit while it worked for {}",
    Escalation.Reason.UNCLASSIFIED: "The agent could not go on with {}",
}


REASONS = [("", "All reasons"), (APPROVALS, "Approval"), *Escalation.Reason.choices]


class AnswerForm(forms.Form):
    text = forms.CharField(
        max_length=ANSWER_LENGTH,
        error_messages={
            "required": "Write the answer first. Nothing was sent.",
            "max_length": "The answer has %(show_value)d characters; %(limit_value)d can be sent. Nothing was sent.",
        },
    )
    then = forms.ChoiceField(choices=Next.choices, required=False)
    # Without a value (⌘⏎ presses no button) the answer resolves.
    do = forms.ChoiceField(choices=[("resolve", "Answer and resolve"), ("answer", "Answer only")], required=False)
    # How far the conversation had gone when the page was made.
    seen = forms.IntegerField(min_value=0, max_value=2**63 - 1, required=False)


class ResolveForm(forms.Form):
    resolution = forms.CharField(
        max_length=RESOLUTION_LENGTH,
        error_messages={"required": "Say how it was resolved. Nothing was changed."},
    )
    then = forms.ChoiceField(
        choices=Next.choices, error_messages={"required": "Say what becomes of the conversation. Nothing was changed."}
    )


@staff_required
@require_GET
def queue(request: StaffRequest) -> HttpResponse:
    show, reason = read_filters(request)
    try:
        page = page_of(show, user=request.user, reason=reason, after=request.GET.get("after", ""))
    except BadCursor as error:
        raise Http404(str(error)) from error
    now = figures(request.user)
    template = "agents/queue.html"
    if request.htmx:
        template = f"{template}#queue-live"
    context = {
        "figures": now,
        "show": show,
        "reason": reason,
        "reason_label": dict(REASONS).get(reason, ""),
        "reasons": [*reason_links(show, reason)],
        "facets": facets(show, reason, now),
        "rows": [(row, urgency(row)) for row in page.rows],
        "older": f"?{query(show, reason, page.after)}" if page.after else "",
        "newest": f"?{query(show, reason)}" if request.GET.get("after") else "",
        "decides": has_role(request.user, *DECIDERS),
    }
    return render(request, template, context)


@decider_required
@require_POST
def queue_claim_next(request: StaffRequest) -> HttpResponse:
    escalation = claim_oldest(user=request.user)
    if escalation is None:
        messages.info(request, "Nothing waits for a person.")
        return redirect("agents:queue")
    messages.success(request, f"{escalation} is yours.")
    return redirect("agents:escalation", escalation.pk)


@staff_required
@require_GET
def escalation(request: StaffRequest, escalation_id: UUID) -> HttpResponse:
    found = get_escalation_for(request.user, escalation_id)
    template = "agents/escalation.html"
    if request.htmx:
        template = f"{template}#escalation-live"
    return render(request, template, describe(request, found))


@decider_required
@require_POST
def escalation_claim(request: StaffRequest, escalation_id: UUID) -> HttpResponse:
    found = get_escalation_for(request.user, escalation_id)
    try:
        claim_escalation(found, user=request.user)
    except Conflict as error:
        return conflicted(request, found, error)
    return decided(request, found, f"{found} is yours. The agent stays silent in this conversation.")


@decider_required
@require_POST
def escalation_release(request: StaffRequest, escalation_id: UUID) -> HttpResponse:
    found = get_escalation_for(request.user, escalation_id)
    try:
        release_escalation(found, user=request.user)
    except Conflict as error:
        return conflicted(request, found, error)
    return decided(request, found, f"{found} is back in the queue.")


@decider_required
@require_POST
def escalation_take(request: StaffRequest, escalation_id: UUID) -> HttpResponse:
    """From the person named in the form: who was asked about one holder does not take it from another."""
    found = get_escalation_for(request.user, escalation_id)
    holder = request.POST.get("holder", "")
    if not holder.isdecimal() or len(holder) > 9:
        return refused(request, found, "Say from whom it is to be taken. Nothing was changed.")
    try:
        take_escalation(found, holder_id=int(holder), user=request.user)
    except Conflict as error:
        return conflicted(request, found, error)
    return decided(request, found, f"{found} is yours now.")


@decider_required
@require_POST
def escalation_answer(request: StaffRequest, escalation_id: UUID) -> HttpResponse:
    found = get_escalation_for(request.user, escalation_id)
    form = AnswerForm(request.POST)
    if not form.is_valid():
        return refused(request, found, first_error(form), answer=request.POST.get("text", ""))
    text, resolves = form.cleaned_data["text"], form.cleaned_data["do"] != "answer"
    then = Next(form.cleaned_data["then"] or Next.HAND_BACK) if resolves else None
    try:
        answer_escalation(found, user=request.user, text=text, then=then, seen=form.cleaned_data["seen"])
    except Conflict as error:
        return conflicted(request, found, error, answer=text)
    customer = found.session.customer
    return decided(
        request, found, f"Answered {customer} and resolved {found}." if resolves else f"Answered {customer}."
    )


@decider_required
@require_POST
def escalation_resolve(request: StaffRequest, escalation_id: UUID) -> HttpResponse:
    found = get_escalation_for(request.user, escalation_id)
    form = ResolveForm(request.POST)
    if not form.is_valid():
        return refused(request, found, first_error(form), resolution=request.POST.get("resolution", ""))
    resolution, then = form.cleaned_data["resolution"], Next(form.cleaned_data["then"])
    try:
        resolve_escalation(found, user=request.user, resolution=resolution, then=then)
    except Conflict as error:
        return conflicted(request, found, error, resolution=resolution)
    return decided(request, found, f"Resolved {found}.")


# -- the list's filters


def read_filters(request: StaffRequest) -> tuple[Show, str]:
    show, reason = request.GET.get("show", Show.OPEN), request.GET.get("reason", "")
    is_known = not reason or reason in Escalation.Reason.values or (reason == APPROVALS and show == Show.OPEN)
    if show not in Show.values or not is_known:
        raise Http404("There is no such list.")
    return Show(show), reason


def query(show: Show, reason: str = "", after: str | None = None) -> str:
    return urlencode({name: value for name, value in (("show", show), ("reason", reason), ("after", after)) if value})


def facets(current: Show, reason: str, now: Figures) -> list[dict[str, Any]]:
    """The list of today stands among them only while it is shown: its figures lead to it. An approval is neither
    claimed nor resolved, so that choice is not carried into those lists."""
    counts = {Show.OPEN: now.all_waiting, Show.MINE: now.mine, Show.CLAIMED: now.claimed}
    shown = [show for show in Show if show != Show.TODAY or show == current]
    return [
        {
            "name": show.label,
            "url": f"?{query(show, '' if reason == APPROVALS and show != Show.OPEN else reason)}",
            "current": show == current,
            "count": f"{counts[show]:,}" if show in counts else None,
        }
        for show in shown
    ]


def reason_links(show: Show, current: str) -> list[dict[str, Any]]:
    choices = [choice for choice in REASONS if choice[0] != APPROVALS or show == Show.OPEN]
    return [{"name": label, "url": f"?{query(show, value)}", "current": value == current} for value, label in choices]


# -- the decision screen


def describe(request: StaffRequest, found: Escalation, **more: Any) -> dict[str, Any]:
    """The screen's context. `more` is what a refused form keeps: `notice`, `tone`, `answer`, `resolution`."""
    is_mine = found.status == Escalation.Status.CLAIMED and found.assignee == request.user
    decides = has_role(request.user, *DECIDERS)
    seen = request.GET.get("seen", "")
    return {
        "escalation": found,
        "session": found.session,
        "customer": found.session.customer,
        "sentence": SENTENCES[Escalation.Reason(found.reason)].format(found.session.customer),
        "urgency": urgency(found),
        "decides": decides,
        "is_mine": is_mine,
        "is_free": found.status == Escalation.Status.OPEN,
        "is_resolved": found.status == Escalation.Status.RESOLVED,
        "may_answer": decides and (is_mine or found.status == Escalation.Status.OPEN) and not found.session.is_closed,
        # The live fragment shows none of these, so it asks for none.
        "evidence": SimpleLazyObject(lambda: evidence_for(found, reader=request.user)),
        "others": SimpleLazyObject(lambda: others_of_customer(found)),
        "cost": SimpleLazyObject(lambda: cost_of_session(found.session_id)),
        "next": SimpleLazyObject(lambda: next_waiting(found)),
        "new_messages": messages_since(found, int(seen)) if seen.isdecimal() and len(seen) < 19 else 0,
        "choices": Next,
        **more,
    }


def decided(request: StaffRequest, found: Escalation, text: str) -> HttpResponse:
    """What was done, said once: in the fragment, or on the page that the browser is sent to."""
    if request.htmx:
        fresh = get_escalation_for(request.user, found.pk)
        context = describe(request, fresh, notice=text, tone="good", answer=request.POST.get("kept", ""))
        return render(request, "agents/escalation.html#escalation-decided", context)
    messages.success(request, text)
    return redirect("agents:escalation", found.pk)


def refused(request: StaffRequest, found: Escalation, text: str, **kept: str) -> HttpResponse:
    """A form that cannot be taken comes back with what was written in it."""
    template = "agents/escalation.html"
    if request.htmx:
        template = f"{template}#escalation-decided"
    return render(request, template, describe(request, found, notice=text, tone="bad", **kept), status=422)


def conflicted(request: StaffRequest, found: Escalation, error: Conflict, **kept: str) -> HttpResponse:
    """Somebody was quicker: how it stands now, with what was written kept."""
    fresh = get_escalation_for(request.user, found.pk)
    template = "agents/escalation.html"
    if request.htmx:
        template = f"{template}#escalation-decided"
    return render(request, template, describe(request, fresh, notice=str(error), tone="bad", **kept), status=409)


def first_error(form: forms.Form) -> str:
    return str(next(iter(form.errors.values()))[0])
