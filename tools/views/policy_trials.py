"""Policies tried out: on a call that is made up, on the calls of the last days, and on everybody at once."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from observability.access import staff_required
from tools.authorize import book
from tools.models import PolicyVersion, Tool
from tools.policies import changes, compile_version, in_force, stored_draft
from tools.policy.statements import RulesRefused
from tools.policy_calls import CallForm
from tools.policy_modes import setting
from tools.policy_sources import MOST_CALLS, every_caller
from tools.policy_trials import MOST_DAYS, matrix_rows, replay, try_call
from tools.views.policy_lines import DeskRequest, may_configure, tabs

# The most flips that a page lists; all are counted.
MOST_SHOWN = 200
DRAFT = "draft"


@staff_required
@require_GET
def policy_try(request: DeskRequest) -> HttpResponse:
    tools, callers = every_tool(), every_caller()
    tool = next((tool for tool in tools if tool.key == request.GET.get("tool")), None)
    newest, draft = in_force(), stored_draft()
    context: dict[str, Any] = {
        "tabs": tabs("tools:policy_try"),
        "tools": tools,
        "tool": tool,
        "callers": callers,
        "version": newest,
        "mode": setting().mode,
        "has_draft": draft is not None and bool(changes(draft, newest)),
    }
    if tool is not None:
        asked = "do" in request.GET
        form = CallForm(request.GET if asked else None, tool=tool, callers=callers)
        if not asked:
            form.initial = {"caller": request.GET.get("caller", "")}
        context["form"] = form
        if asked and form.is_valid():
            call, refusal = form.call()
            context |= {"call": call, "refusal": refusal, "live_answer": try_call(newest, call)}
            if context["has_draft"]:
                context["draft_answer"] = try_call(draft, call)
    template = "tools/policy_try.html"
    return render(request, f"{template}#try-answer" if request.htmx else template, context)


def every_tool() -> list[Tool]:
    return list(Tool.objects.select_related("target").order_by("target__name", "name"))


# -- back-test


class DaysForm(forms.Form):
    days = forms.IntegerField(min_value=1, max_value=MOST_DAYS, label="Days")


@staff_required
@require_GET
def policy_backtest(request: DeskRequest) -> HttpResponse:
    newest, draft = in_force(), stored_draft()
    form = DaysForm(request.GET if "days" in request.GET else None, initial={"days": 7})
    context: dict[str, Any] = {
        "tabs": tabs("tools:policy_backtest"),
        "form": form,
        "version": newest,
        "draft": draft if draft and changes(draft, newest) else None,
        "mode": setting().mode,
        "most_calls": MOST_CALLS,
        "may_configure": may_configure(request.user),
    }
    if context["draft"] and form.is_valid():
        try:
            result = replay(context["draft"], form.cleaned_data["days"])
        except RulesRefused as refused:
            context["problems"] = refused.problems
        else:
            context |= {"result": result, "shown": result.flipped[:MOST_SHOWN]}
    return render(request, "tools/policy_backtest.html", context)


# -- who may call what


@staff_required
@require_GET
def policy_matrix(request: DeskRequest) -> HttpResponse:
    of = request.GET.get("of", "")
    if of not in {"", DRAFT}:
        raise Http404("There is no such matrix.")
    newest, draft = in_force(), stored_draft()
    callers, tools = every_caller(), every_tool()
    context: dict[str, Any] = {
        "tabs": tabs("tools:policy_matrix"),
        "of": of,
        "version": newest,
        "draft": draft if draft and changes(draft, newest) else None,
        "mode": setting().mode,
        "callers": callers,
        **compiled_for(draft if of == DRAFT else None),
    }
    if context["compiled"] is not None:
        context["rows"] = matrix_rows(context["compiled"], callers, tools)
    return render(request, "tools/policy_matrix.html", context)


def compiled_for(draft: PolicyVersion | None) -> dict[str, Any]:
    """The draft's rules, or without one those in force, which this process holds compiled."""
    if draft is None:
        live = book.live()
        return {"compiled": live.compiled, "problem": live.problem}
    try:
        return {"compiled": compile_version(draft), "problem": ""}
    except RulesRefused as refused:
        return {"compiled": None, "problem": f"The draft does not fit the tools: {refused.problems[0].message}"}
