"""The policies: whether they decide, and the rules in force with what they did in the last week."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from observability.access import Role, role_required, staff_required
from tools.authorize import book
from tools.models import PolicySetting, PolicyVersion
from tools.policies import Changed, changes, in_force, present_shapes, problems_of, review_mark, stored_draft
from tools.policy_figures import DAYS, DEFAULT_DENY, RuleFigures, figures_by_rule
from tools.policy_modes import RANK, NotAllowed, confirm_mode, request_mode, setting, withdraw_mode
from tools.views.policy_lines import DeskRequest, labels, line_of, lines_of, may_configure, tabs

Mode = PolicySetting.Mode
# What each mode makes of a call.
CONSEQUENCES = {
    Mode.OFF: "The policies are not asked. Agents may call whatever tools they were given.",
    Mode.SHADOW: "Every call is decided and recorded, and made whatever the decision is. Nothing is denied and "
    "nobody is asked.",
    Mode.ENFORCE: "A call is made only where a rule allows it, or once a person has approved it. Others are denied.",
}
WORDS = {Mode.OFF: "off", Mode.SHADOW: "in shadow", Mode.ENFORCE: "enforced"}


@staff_required
@require_GET
def policies(request: DeskRequest) -> HttpResponse:
    newest, draft = in_force(), stored_draft()
    figures = figures_by_rule()
    differing = changes(draft, newest) if draft else []
    # Compiled already where it fits; only what does not is looked into here.
    problems = problems_of(newest) if newest and book.live().compiled is None else []
    known, shapes = labels(), present_shapes()
    context = {
        "tabs": tabs("tools:policies"),
        "mode": mode_context(request),
        "version": newest,
        "problems": problems,
        "lines": lines_of(newest, figures=figures, changed={change.name: change.kind for change in differing}),
        "added": [line_of(change.after, shapes, known) for change in differing if change.after and not change.before],
        "default_deny": figures.get(DEFAULT_DENY, RuleFigures()),
        "days": DAYS,
        "may_configure": may_configure(request.user),
        **draft_bar(newest, draft),
    }
    return render(request, "tools/policies.html", context)


def mode_context(request: DeskRequest) -> dict[str, Any]:
    now = setting()
    others = [
        {"mode": mode, "consequence": CONSEQUENCES[mode], "needs_second": now.mode == Mode.ENFORCE}
        for mode in sorted(Mode, key=lambda mode: -RANK[mode])
        if mode != now.mode
    ]
    return {
        "setting": now,
        "now": Mode(now.mode),
        "word": WORDS[Mode(now.mode)],
        "consequence": CONSEQUENCES[Mode(now.mode)],
        "others": others,
        "requested": Mode(now.requested) if now.requested else None,
        "requested_consequence": CONSEQUENCES[Mode(now.requested)] if now.requested else "",
        "is_mine": bool(now.requested) and now.requested_by_id == request.user.pk,
    }


def draft_bar(newest: PolicyVersion | None, draft: PolicyVersion | None) -> dict[str, Any]:
    """The bar that says how the draft stands to what is in force."""
    differing = changes(draft, newest) if draft else []
    return {
        "draft": draft,
        "draft_changes": differing,
        "mark": review_mark(draft) if draft else "",
        "next_number": (newest.number or 0) + 1 if newest else 1,
    }


# -- the mode


@role_required(Role.ADMIN)
@require_POST
def policy_mode(request: DeskRequest) -> HttpResponse:
    wanted = request.POST.get("mode", "")
    if wanted not in Mode.values:
        messages.error(request, "There is no such mode. Nothing was changed.")
        return redirect("tools:policies")
    try:
        now = request_mode(wanted, user=request.user)
    except (Changed, NotAllowed) as error:
        messages.error(request, str(error))
        return redirect("tools:policies")
    if now.mode == wanted:
        messages.success(request, f"The policies are {WORDS[Mode(wanted)]}.")
    else:
        messages.info(request, "Asked for. The policies stay enforced until another admin confirms it.")
    return redirect("tools:policies")


@role_required(Role.ADMIN)
@require_POST
def policy_mode_confirm(request: DeskRequest) -> HttpResponse:
    try:
        now = confirm_mode(request.POST.get("mode", ""), user=request.user)
    except (Changed, NotAllowed) as error:
        messages.error(request, f"{error} Nothing was changed.")
    else:
        messages.success(request, f"The policies are {WORDS[Mode(now.mode)]}.")
    return redirect("tools:policies")


@role_required(Role.ADMIN)
@require_POST
def policy_mode_withdraw(request: DeskRequest) -> HttpResponse:
    withdraw_mode(user=request.user)
    messages.success(request, "The request is withdrawn. The policies stay enforced.")
    return redirect("tools:policies")
