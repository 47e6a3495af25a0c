"""One rule of the draft, written with the form or by hand; nothing that could not be in force is stored."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from observability.access import Role, role_required
from tools.models import PolicyRule
from tools.policies import (
    Changed,
    delete_rule,
    editable,
    in_force,
    present_shapes,
    rule_mark,
    save_rule,
)
from tools.policy.check import compile_rules
from tools.policy.forms import FormRefused, to_cedar
from tools.policy.schema import ToolShape
from tools.policy.sentences import sentence
from tools.policy.statements import Problem, Rule, RulesRefused
from tools.policy_figures import DAYS, RuleFigures, figures_by_rule
from tools.policy_form_json import form_from_json
from tools.policy_forms import OPERATORS, BuilderForm, Row, TextForm, operands_of, rows_of, rows_of_rule
from tools.policy_sources import every_caller
from tools.views.policy_lines import CONFLICT, INVALID, DeskRequest, labels, line_of

FORM, TEXT = "form", "text"
PAGE = "tools/policy_rule.html"
FEWEST_LINES = 12
# What is marked of a line: a word, a text in quotes, or one character.
WORD = re.compile(r'\w+|"[^"]*"|\S')
# Another tool has other arguments: the conditions are asked for again.
SCOPE_ATTRIBUTES = {
    "hx-vals": '{"do": "look"}',
    "hx-trigger": "change",
    "hx-target": "#rule-conditions",
    "hx-select": "#rule-conditions",
    "hx-swap": "outerHTML",
    "hx-sync": "this:replace",
}
FIRST_TEXT = """\
permit (
  principal,
  action == AgentCore::Action::"TARGET___TOOL",
  resource
)
when { context.customer.verified };
"""


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def policy_rule_new(request: DeskRequest) -> HttpResponse:
    return edit(request, None)


@role_required(Role.ADMIN)
@require_http_methods(["GET", "HEAD", "POST"])
def policy_rule(request: DeskRequest, name: str) -> HttpResponse:
    """Of the draft or, before there is one, of what it will be a copy of."""
    version = editable()
    found = version.rules.filter(name=name).first() if version else None
    # What was written for a rule that somebody deleted meanwhile is not lost.
    if found is None and request.method != "POST":
        raise Http404("The draft has no such rule.")
    return edit(request, found)


def edit(request: DeskRequest, rule: PolicyRule | None) -> HttpResponse:
    way, shapes = way_of(request, rule), present_shapes()
    if request.method != "POST":
        form = form_for(way, shapes, initial=initial_of(rule, shapes, way))
        return render(request, PAGE, page(form, way, rule, shapes))
    form = form_for(way, shapes, data=request.POST)
    wish = request.POST.get("do", "save")
    if wish == "save":
        return save(request, form, rule, shapes)
    if wish == "as-text" and isinstance(form, BuilderForm) and form.is_valid():
        values = {**form.cleaned_data, "text": to_cedar(form.rule(), shapes)}
        return render(request, PAGE, page(TextForm(initial=values), TEXT, rule, shapes, seen=seen_by(request)))
    if wish == "as-text":
        return render(request, PAGE, page(form, way, rule, shapes, seen=seen_by(request)), status=INVALID)
    # Another tool, or one more line of conditions: what was filled in stays, and nothing is judged yet.
    form = form_for(way, shapes, initial={**request.POST.dict(), "rows": rows_of(request.POST)})
    return render(request, PAGE, page(form, way, rule, shapes, seen=seen_by(request), spare=2 if wish == "more" else 1))


def save(
    request: DeskRequest, form: BuilderForm | TextForm, rule: PolicyRule | None, shapes: Sequence[ToolShape]
) -> HttpResponse:
    way = FORM if isinstance(form, BuilderForm) else TEXT
    status, more = INVALID, dict[str, Any]()
    if form.is_valid():
        values = form.cleaned_data
        try:
            saved = save_rule(
                name=values["name"],
                written=form.rule() if isinstance(form, BuilderForm) else values["text"],
                mode=values["mode"],
                replaces=rule.name if rule else "",
                seen=seen_by(request),
            )
        except Changed as error:
            status = CONFLICT
            more = {"conflict": str(error), "theirs": rule, "mine": text_of(form, shapes), "seen": rule_mark(rule)}
        except RulesRefused as refused:
            more["problems"] = refused.problems
        except FormRefused as error:
            form.add_error(None, str(error))
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, f"{saved.name} is saved in the draft. What is in force is unchanged.")
            return redirect("tools:policy_draft")
    return render(request, PAGE, page(form, way, rule, shapes, **{"seen": seen_by(request), **more}), status=status)


def seen_by(request: DeskRequest) -> str | None:
    """The mark of the rule as it was when the form was opened."""
    return request.POST.get("seen") or None


def text_of(form: BuilderForm | TextForm, shapes: Sequence[ToolShape]) -> str:
    return to_cedar(form.rule(), shapes) if isinstance(form, BuilderForm) else str(form.cleaned_data["text"])


@role_required(Role.ADMIN)
@require_POST
def policy_rule_delete(request: DeskRequest, name: str) -> HttpResponse:
    try:
        delete_rule(name, seen=seen_by(request))
    except Changed as error:
        messages.error(request, f"{error} Nothing was deleted.")
        return redirect("tools:policy_draft")
    messages.success(request, f"{name} is deleted in the draft. What is in force is unchanged.")
    return redirect("tools:policy_draft")


# -- while it is written


@role_required(Role.ADMIN)
@require_GET
def policy_rule_preview(request: DeskRequest) -> HttpResponse:
    """The form in the query as a sentence and as Cedar."""
    shapes = present_shapes()
    form = form_for(FORM, shapes, data=request.GET)
    return render(request, f"{PAGE}#rule-preview", preview(form, shapes))


@role_required(Role.ADMIN)
@require_POST
def policy_rule_check(request: DeskRequest) -> HttpResponse:
    """What is wrong with a text, line by line."""
    text = request.POST.get("text", "").replace("\r\n", "\n")
    return render(request, f"{PAGE}#rule-check", {**checked(text, problems_of_text(text)), "is_fragment": True})


def preview(form: BuilderForm | TextForm, shapes: Sequence[ToolShape]) -> dict[str, Any]:
    """A name is not needed yet."""
    if not isinstance(form, BuilderForm):
        return {}
    form.fields["name"].required = False
    if not form.is_bound or not form.is_valid():
        said = [error for name, errors in form.errors.items() if name != "name" for error in errors]
        return {"preview_problem": said[0] if said else ""}
    rule = form.rule()
    text = to_cedar(rule, shapes)
    return {
        "sentence": sentence(rule, labels()),
        "cedar": text,
        "preview_problems": problems_of_text(text),
    }


def problems_of_text(text: str) -> list[Problem]:
    if not text.strip():
        return []
    try:
        compile_rules([Rule(name="rule", text=text)], present_shapes())
    except RulesRefused as refused:
        return refused.problems
    return []


def checked(text: str, problems: Sequence[Problem]) -> dict[str, Any]:
    """The lines of the text, each with whether something is wrong there, and what."""
    wrong = {problem.line for problem in problems}
    lines = text.split("\n")
    count = max(len(lines), FEWEST_LINES)
    return {
        "problems": [excerpt(problem, lines) for problem in problems],
        "gutter": [{"number": number, "is_wrong": number in wrong} for number in range(1, count + 1)],
        "line_count": count,
        "is_checked": bool(text.strip()),
    }


def excerpt(problem: Problem, lines: Sequence[str]) -> dict[str, Any]:
    """A problem with its line, cut at the word that it is about."""
    text = lines[problem.line - 1] if problem.line <= len(lines) else ""
    before, rest = text[: problem.column - 1], text[problem.column - 1 :]
    word = WORD.match(rest)
    at = word[0] if word else ""
    return {"problem": problem, "text": text, "before": before, "at": at, "rest": rest[len(at) :]}


# -- the page


def way_of(request: DeskRequest, rule: PolicyRule | None) -> str:
    """By form or by hand: as asked, else as the rule was written."""
    asked = request.POST.get("as") or request.GET.get("as")
    if asked in {FORM, TEXT}:
        return asked
    return FORM if rule is None or form_from_json(rule.form) else TEXT


def form_for(way: str, shapes: Sequence[ToolShape], **given: Any) -> BuilderForm | TextForm:
    if way == TEXT:
        return TextForm(**given)
    return BuilderForm(shapes=shapes, callers=every_caller(), **given)


def initial_of(rule: PolicyRule | None, shapes: Sequence[ToolShape], way: str) -> dict[str, Any]:
    if rule is None:
        text = FIRST_TEXT.replace("TARGET___TOOL", shapes[0].key) if shapes else FIRST_TEXT
        return {"mode": PolicyRule.Mode.ENFORCE, "text": text, "effect": "permit", "approvals": 1}
    values: dict[str, Any] = {"name": rule.name, "mode": rule.mode, "text": rule.text}
    form = form_from_json(rule.form)
    if way == FORM and form is not None:
        names = ("effect", "scope", "agent", "kind", "role", "verified_customer", "approver", "approvals", "reason")
        values |= {**{name: getattr(form, name) for name in names}, "rows": rows_of_rule(form)}
    return values


def page(
    form: BuilderForm | TextForm,
    way: str,
    rule: PolicyRule | None,
    shapes: Sequence[ToolShape],
    *,
    seen: str | None = None,
    spare: int = 1,
    **more: Any,
) -> dict[str, Any]:
    live = in_force()
    here = reverse("tools:policy_rule", args=[rule.name]) if rule else reverse("tools:policy_rule_new")
    context: dict[str, Any] = {
        "form": form,
        "here": here,
        "way": way,
        "rule": rule,
        "seen": seen if seen is not None else rule_mark(rule),
        "ways": [
            {"name": name, "url": f"{here}?as={key}", "current": key == way, "count": None}
            for key, name in ((FORM, "Form"), (TEXT, "Cedar"))
        ],
        "is_by_hand": rule is not None and form_from_json(rule.form) is None,
        "live_rule": live.rules.filter(name=rule.name).first() if rule and live else None,
        "live": live,
        "figures": figures_by_rule().get(rule.name, RuleFigures()) if rule else None,
        "days": DAYS,
        "line": line_of(rule, shapes, {}) if rule else None,
    }
    problems = more.pop("problems", [])
    if isinstance(form, BuilderForm):
        form.fields["scope"].widget.attrs |= {"hx-post": here, **SCOPE_ATTRIBUTES}
        context |= {**builder(form, shapes, spare), **({"preview_problems": problems} if problems else {})}
    else:
        text = str(form["text"].value() or "")
        context |= checked(text, problems or (problems_of_text(text) if rule else []))
    return {**context, **more}


def builder(form: BuilderForm, shapes: Sequence[ToolShape], spare: int) -> dict[str, Any]:
    """What the form has beside its fields: the lines of conditions, and what it would write."""
    rows = rows_of(form.data) if form.is_bound else list(form.initial.get("rows", []))
    operands = operands_of(str(form["scope"].value() or ""), shapes)
    known = {operand.key for group in operands.values() for operand in group}
    filled = form if form.is_bound else form_for(FORM, shapes, data={**form.initial, "rows": rows})
    return {
        "rows": [*rows, *(Row() for _ in range(spare))],
        "operands": operands,
        "unknown_operands": sorted({row.operand for row in rows} - known),
        "operators": OPERATORS,
        "is_narrowed": any(form[name].value() for name in ("agent", "kind", "role", "reason")),
        **({} if form.errors else preview(filled, shapes)),
    }
