"""The screen on which one approval is decided, and what became of it afterwards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.functional import SimpleLazyObject
from django.views.decorators.http import require_GET, require_POST

from agents.access import check_staff
from agents.approval_arguments import ArgumentsForm, arguments_of
from agents.approval_checks import Edited, edited
from agents.approval_decisions import Snooze, approve, reject, snooze, standing, take_over
from agents.approval_evidence import (
    earlier_approvals,
    evidence_of,
    facts_of,
    money_in_all,
    money_moved,
    result_of,
    rules_of,
    similar_to,
    trace_of,
)
from agents.approval_list import Line, lines_of, next_waiting, skip_from
from agents.approval_words import consequence, label_of, words_of
from agents.decisions import Conflict
from agents.models import Message
from agents.sessions import label_of as label_of_user
from agents.views.requests import StaffRequest
from observability.access import Role, has_role, role_required, staff_required
from tools.approvals import NotAllowed, Stale, check_may_approve, check_role
from tools.authorize import book
from tools.catalog import catalog
from tools.models import Approval, ApprovalVote, ApproverLimit, PolicySetting

REASON_LENGTH = 500
DECIDERS = (Role.SUPPORT, Role.REVIEWER)
decider_required = role_required(*DECIDERS)


class RejectForm(forms.Form):
    digest = forms.CharField(max_length=64, required=False)
    reason = forms.CharField(
        max_length=REASON_LENGTH,
        error_messages={
            "required": "Say why: the agent is told, and goes on with it. Nothing was decided.",
            "max_length": "The reason has %(show_value)d characters; %(limit_value)d fit. Nothing was decided.",
        },
    )


@staff_required
@require_GET
def approvals(request: StaffRequest) -> HttpResponse:
    """What waits is listed in the queue."""
    return redirect("agents:queue")


@staff_required
@require_GET
def approval(request: StaffRequest, approval_id: UUID) -> HttpResponse:
    found = get_approval_for(request, approval_id)
    template = "agents/approval.html"
    if request.htmx:
        template = f"{template}#approval-live"
    return render(request, template, describe(request, found))


@staff_required
@require_POST
def approval_check(request: StaffRequest, approval_id: UUID) -> HttpResponse:
    """What the arguments in the form would come to; nothing is decided by it."""
    found = get_approval_for(request, approval_id)
    form = form_of(found, request.POST)
    checked = edited(form, lines_of([found])[0].session) if form else None
    template = "agents/approval.html"
    if request.htmx:
        template = f"{template}#approval-change"
    context = describe(request, found, form=form, checked=checked, is_editing=True)
    # While it is being written a problem is the answer that was asked for.
    is_wrong = form is not None and bool(form.errors) and not request.htmx
    return render(request, template, context, status=422 if is_wrong else 200)


@decider_required
@require_POST
def approval_approve(request: StaffRequest, approval_id: UUID) -> HttpResponse:
    """As the agent asked, or with the arguments in the form where `edit` is given."""
    found = get_approval_for(request, approval_id)
    change: Edited | None = None
    kept: dict[str, Any] = {}
    if "edit" in request.POST:
        form = form_of(found, request.POST)
        change = edited(form, lines_of([found])[0].session) if form else None
        kept = {"form": form, "is_editing": True, "checked": change}
        if change is None:
            text = "The tool is gone, so nothing can be changed." if form is None else "Nothing was decided."
            return refused(request, found, text, **kept)
    try:
        approved = approve(
            found,
            user=request.user,
            digest=request.POST.get("digest", ""),
            arguments=change.arguments if change else None,
            amount=change.amount if change else None,
        )
    except (Stale, NotAllowed) as error:
        return undone(request, found, error, **kept)
    if approved.status == Approval.Status.PENDING:
        messages.info(request, f"You approved {approved.label}. It waits for {people(missing(approved))}.")
        return redirect("agents:approval", approved.pk)
    return decided(request, approved, f"You approved {approved.label}.")


@decider_required
@require_POST
def approval_reject(request: StaffRequest, approval_id: UUID) -> HttpResponse:
    found = get_approval_for(request, approval_id)
    form = RejectForm(request.POST)
    reason = request.POST.get("reason", "")
    if not form.is_valid():
        return refused(request, found, str(next(iter(form.errors.values()))[0]), reason=reason, is_rejecting=True)
    try:
        rejected = reject(
            found, user=request.user, digest=form.cleaned_data["digest"], reason=form.cleaned_data["reason"]
        )
    except (Stale, NotAllowed) as error:
        return undone(request, found, error, reason=reason)
    return decided(request, rejected, f"You rejected {rejected.label}. The agent is told why.")


@decider_required
@require_POST
def approval_take_over(request: StaffRequest, approval_id: UUID) -> HttpResponse:
    """The person goes on with the customer; the request is withdrawn by it."""
    found = get_approval_for(request, approval_id)
    session = lines_of([found])[0].session
    if session is None:
        return refused(request, found, "An outside caller asked for this: there is no conversation to take over.")
    try:
        take_over(found, session, user=request.user, digest=request.POST.get("digest", ""))
    except (Stale, Conflict) as error:
        return undone(request, found, error)
    messages.success(request, f"You answer now. {found.label} is withdrawn: nothing of it was done.")
    return redirect("agents:conversation", session.pk)


@decider_required
@require_POST
def approval_snooze(request: StaffRequest, approval_id: UUID) -> HttpResponse:
    found = get_approval_for(request, approval_id)
    if found.status != Approval.Status.PENDING:
        return undone(request, found, Stale())
    choice = request.POST.get("for", "")
    if choice not in Snooze.values:
        return refused(request, found, "Say for how long. Nothing was changed.")
    until = snooze(found, choice=Snooze(choice))
    is_short = until == found.expires_at
    ends = "runs out then" if is_short else "is back in the queue then"
    messages.success(request, f"{found.label} sleeps until {until:%d %b, %H:%M} UTC and {ends}.")
    return redirect("agents:queue")


# -- what the screen shows


def get_approval_for(request: StaffRequest, approval_id: UUID) -> Approval:
    check_staff(request.user)
    return get_object_or_404(Approval.objects.select_related("call", "requested_by"), pk=approval_id)


def form_of(found: Approval, data: Mapping[str, Any] | None = None) -> ArgumentsForm | None:
    """None where the tool is gone."""
    tool = catalog.find(found.tool_key)
    return ArgumentsForm(data, approval=found, tool=tool) if tool else None


def describe(request: StaffRequest, found: Approval, **more: Any) -> dict[str, Any]:
    """The screen's context. `more` is what a refused form keeps: `notice`, `tone`, `form`, `reason`."""
    line = lines_of([found])[0]
    votes = list(found.votes.select_related("user").order_by("at"))
    is_open = found.status == Approval.Status.PENDING and found.expires_at > timezone.now()
    bars = why_not(request, found, amount=found.amount)
    checked: Edited | None = more.get("checked")
    words = changed_words(found, line, checked)
    left = missing(found)
    context = {
        "approval": found,
        "line": line,
        "session": line.session,
        "customer": line.customer,
        "words": line.words,
        "consequence": consequence(words, missing=left),
        "approve_words": words.named,
        "is_open": is_open,
        "is_snoozed": bool(found.snoozed_until and found.snoozed_until > timezone.now()),
        "standing": standing(found),
        "may_act": has_role(request.user, *DECIDERS),
        "may_decide": is_open and not bars,
        "newer_policies": newer_policies(found) if is_open else None,
        # Who may approve less than this can make it less.
        "may_edit": is_open and not why_not(request, found, amount=Decimal(0)),
        "why_not": bars,
        "has_voted": any(vote.user_id == request.user.pk and vote.digest == found.digest for vote in votes),
        "decided_by": decided_by(found, votes),
        "votes": [vote for vote in votes if vote.digest == found.digest or not is_open],
        "missing": left,
        "limit": ApproverLimit.objects.filter(pk=request.user.pk).first(),
        "tool": catalog.find(found.tool_key),
        "arguments": arguments_of(found, catalog.find(found.tool_key), checked.arguments if checked else None),
        "tainted": [label_of(name) for name in found.seen.get("tainted", [])],
        "snoozes": Snooze.choices,
        **moving(request, found),
        **beside(request, found, line),
    }
    context["form"] = more.pop("form", None) or (form_of(found) if is_open else None)
    return {**context, **more}


def moving(request: StaffRequest, found: Approval) -> dict[str, Any]:
    """What changes while the page stands open."""
    seen = request.GET.get("seen", "")
    shown = request.GET.get("digest", "")
    newer = 0
    if found.session_id and seen.isascii() and seen.isdecimal() and len(seen) < 19:
        said = Message.objects.filter(session_id=found.session_id, seq__gt=int(seen), author=Message.Author.CUSTOMER)
        newer = said.count()
    return {
        "new_messages": newer,
        # A page of a decided one has no form that could be too late.
        "has_moved_on": shown.startswith("pending-") and shown != f"{found.status}-{found.digest}",
        "result": result_of(found),
    }


def beside(request: StaffRequest, found: Approval, line: Line) -> dict[str, Any]:
    """The evidence; the live fragment shows none of it, so it asks for none."""
    session = line.session
    lazy: dict[str, Any] = {
        "facts": SimpleLazyObject(lambda: facts_of(found)),
        "rules": SimpleLazyObject(lambda: rules_of(found)),
        "similar": SimpleLazyObject(lambda: similar_to(found)),
        "trace": SimpleLazyObject(lambda: trace_of(found)),
        "next": SimpleLazyObject(lambda: next_waiting(found)),
        "skip": SimpleLazyObject(lambda: skip_from(found)),
    }
    if session is not None:
        lazy |= {
            "evidence": SimpleLazyObject(lambda: evidence_of(found, session, reader=request.user)),
            "earlier": SimpleLazyObject(lambda: earlier_approvals(found, session)),
            "moved": SimpleLazyObject(lambda: money_moved(session)),
            "moved_in_all": SimpleLazyObject(lambda: money_in_all(session)),
        }
    return lazy


def changed_words(found: Approval, line: Line, checked: Edited | None) -> Any:
    """The words of the request as it would be with the changes."""
    if checked is None:
        return line.words
    changed = Approval(
        **{name: getattr(found, name) for name in ("tool_key", "asked", "amount")}, arguments=checked.arguments
    )
    return words_of(changed, line.customer, amount=checked.amount)


def why_not(request: StaffRequest, found: Approval, *, amount: Decimal | None) -> str:
    """Why this person may not approve it with this amount; empty where they may."""
    try:
        check_role(found, user=request.user)
        check_may_approve(found, user=request.user, amount=amount)
    except NotAllowed as error:
        return str(error)
    return ""


def decided_by(found: Approval, votes: Sequence[ApprovalVote]) -> str:
    """Whose word was the last; empty where nobody's was."""
    by_person = found.status in {Approval.Status.APPROVED, Approval.Status.USED, Approval.Status.REJECTED}
    return label_of_user(votes[-1].user) if votes and by_person else ""


def newer_policies(found: Approval) -> int | None:
    """The version that has come into force since, under which the gateway would ask anew; None where none has."""
    live = book.live()
    is_newer = live.mode == PolicySetting.Mode.ENFORCE and live.number != found.policy_version
    return live.number if is_newer else None


def missing(found: Approval) -> int:
    """How many yeses are still wanted."""
    given = found.votes.filter(digest=found.digest, verdict="approve").count()
    return max(0, found.needed - given)


def people(count: int) -> str:
    return "one more person" if count == 1 else f"{count} more people"


# -- answers


def decided(request: StaffRequest, found: Approval, text: str) -> HttpResponse:
    messages.success(request, text)
    return redirect("agents:approval", found.pk)


def refused(request: StaffRequest, found: Approval, text: str, **kept: Any) -> HttpResponse:
    """A form that cannot be taken comes back with what was written in it."""
    context = describe(request, found, notice=text, tone="bad", **kept)
    return render(request, "agents/approval.html", context, status=422)


def undone(request: StaffRequest, found: Approval, error: Exception, **kept: Any) -> HttpResponse:
    """Somebody was quicker (409), or this person may not (403): how it stands now, with what was written kept."""
    fresh = get_approval_for(request, found.pk)
    if isinstance(error, NotAllowed):
        status, text = 403, f"{error} Nothing was decided."
    else:
        status, text = 409, f"{standing(fresh) or error} What you sent changed nothing."
    return render(
        request, "agents/approval.html", describe(request, fresh, notice=text, tone="bad", **kept), status=status
    )
