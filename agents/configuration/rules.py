"""Policies as a file wants them: a new version, compiled against the tools as they will be, and in force at once.

A draft that somebody has begun is theirs: the version is made beside it, as a way back to an older one is.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from agents.configuration.form import Form
from agents.configuration.values import Entry
from tools.authorize import book
from tools.models import PolicyRule, PolicySetting, PolicyVersion
from tools.policies import (
    COPIED,
    Changed,
    add_version,
    in_force,
    plain_rule,
    present_shapes,
    rules_of,
    waiting_approvals,
    written_text,
)
from tools.policy.check import compile_rules
from tools.policy.forms import FormRefused
from tools.policy.schema import ToolShape
from tools.policy.statements import Problem, RulesRefused
from tools.policy_form_json import form_from_json, form_to_json
from tools.policy_modes import NOBODY_ASKS, NotAllowed, request_mode

Mode = PolicySetting.Mode


def problems_now() -> list[Problem]:
    """What keeps the version in force from fitting the tools as they are."""
    return problems_with(rules_of(in_force()), present_shapes())


def problems_with(rules: list[PolicyRule], shapes: list[ToolShape]) -> list[Problem]:
    try:
        compile_rules([plain_rule(rule) for rule in rules], shapes)
    except RulesRefused as refused:
        return refused.problems
    return []


def write_rules(form: Form, *, user: User | None, note: str, known: list[Problem]) -> list[str]:
    """Within the transaction, after the tools, under the lock. `known` are the problems that the version in force had
    before: a file that changes no rule does not have to mend them. Returns what to tell."""
    newest, shapes = in_force(), present_shapes()
    rules = [fresh_copy(rule) for rule in rules_of(newest)]
    changed = [name for name, entry in form.rules.items() if put_rule(rules, name, entry, shapes)]
    problems = problems_with(rules, shapes)
    refuse([problem for problem in problems if changed or problem not in known], form, newest)
    if not changed or any(entry.faults.found for entry in form.rules.values()):
        return []
    waiting = waiting_approvals()
    made = add_version(rules, user=user, note=note)
    void = [f"policies: {waiting} approvals that waited are void: they were asked for under other rules"]
    return [f"policies: version {made.number} is in force", *(void if waiting else [])]


def fresh_copy(rule: PolicyRule) -> PolicyRule:
    return PolicyRule(**{name: getattr(rule, name) for name in COPIED})


def put_rule(rules: list[PolicyRule], name: str, entry: Entry, shapes: list[ToolShape]) -> bool:
    """Put what the file says into the list; whether that changes it."""
    values = entry.values
    known = next((rule for rule in rules if rule.name == name), None)
    if known is None and not values.keys() & {"text", "form"}:
        entry.refuse("", "it is new, so it needs its text, or a form.")
        return False
    rule = known or PolicyRule(name=name, position=max((each.position for each in rules), default=0) + 1)
    before = (rule.text, rule.mode, rule.form)
    rule.mode = values.get("mode", rule.mode)
    if not set_text(rule, entry, values, shapes):
        return False
    try:
        rule.clean_fields(exclude=["version", "form"])
    except ValidationError as error:
        entry.refuse("", " ".join(error.messages))
        return False
    if known is None:
        rules.append(rule)
    return known is None or before != (rule.text, rule.mode, rule.form)


def set_text(rule: PolicyRule, entry: Entry, values: dict[str, Any], shapes: list[ToolShape]) -> bool:
    if "form" in values:
        form = form_from_json(values["form"])
        if form is None:
            entry.refuse("form", "no rule can be made of this.")
            return False
        try:
            rule.text, rule.form = written_text(form, shapes), form_to_json(form)
        except FormRefused as refused:
            entry.refuse("form", f"{refused.field}: {refused}")
            return False
    elif "text" in values:
        text = written_text(values["text"], shapes)
        # Another text is not what the form says; the same one may be.
        rule.form = rule.form if text == rule.text else None
        rule.text = text
    return True


def refuse(problems: list[Problem], form: Form, newest: PolicyVersion | None) -> None:
    """Each where it stands in the file; one of a rule that the file does not name where its policies begin."""
    for problem in problems:
        hint = f" {problem.hint}" if problem.hint else ""
        entry = form.rules.get(problem.rule)
        if entry is None:
            version = f"version {newest.number} of the policies" if newest else "the policies"
            place = form.first_entry()
            place.faults.add(
                place.node.line,
                "policies",
                f"{version} would not fit the tools any more: rule {problem.rule!r}, line {problem.line}: "
                f"{problem.message}{hint}",
            )
            continue
        node = entry.node.value["text"] if isinstance(entry.node.value, dict) and "text" in entry.values else entry.node
        line = node.begins + problem.line - 1 if node.begins else node.line
        entry.faults.add(line, entry.key, f"{problem.message}{hint}")


# -- whether they decide


def write_mode(wanted: str, entry: Entry, *, user: User | None) -> list[str]:
    """Within the transaction, under the lock. Up at once; down from enforce takes two admins, so it is asked for."""
    now = PolicySetting.objects.get(pk=1)
    if wanted == now.mode:
        return []
    if now.mode == Mode.ENFORCE and wanted == now.requested:
        return [f"policies: mode {wanted} is asked for already; another admin has to confirm it"]
    if user is not None:
        return ask_for_mode(wanted, entry, user=user)
    if now.mode == Mode.ENFORCE:
        entry.refuse("mode", "to stop enforcing takes two admins: say with --as EMAIL who asks for it.")
    else:
        switched = {"mode": wanted, "changed_at": timezone.now(), "changed_by": None}
        PolicySetting.objects.filter(pk=1).update(**switched, **NOBODY_ASKS)
        transaction.on_commit(book.forget)
    return []


def ask_for_mode(wanted: str, entry: Entry, *, user: User) -> list[str]:
    try:
        asked = request_mode(wanted, user=user)
    except (Changed, NotAllowed) as error:
        entry.refuse("mode", str(error))
        return []
    if asked.mode == wanted:
        return []
    return [f"~ policies: mode: {asked.mode} -> {wanted} is asked for; another admin has to confirm it"]
