"""The policies in the database: one draft, versions behind it that never change, and the newest of them in force.

Whoever changes them waits for who came first: every change takes the lock of the one row of settings.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from observability.audit import record
from tools.authorize import book, shapes_of
from tools.models import Approval, PolicyRule, PolicySetting, PolicyVersion, Tool
from tools.policy.check import compile_rules
from tools.policy.forms import FormRule, to_cedar
from tools.policy.schema import ToolShape
from tools.policy.slices import Compiled
from tools.policy.statements import Mode, Problem, Rule, RulesRefused
from tools.policy_form_json import form_to_json

COPIED = ("name", "position", "text", "mode", "form")


class NothingToPublish(Exception):
    """There is no draft, or it says the same as what is in force."""


class Changed(Exception):
    """Somebody else was quicker, and nothing was done. Its message says what happened."""


@dataclass(frozen=True, kw_only=True)
class RuleChange:
    """One rule that differs between two versions. A side where it is not there is None."""

    name: str
    kind: Literal["added", "removed", "changed"]
    before: PolicyRule | None
    after: PolicyRule | None


# -- reading


def in_force() -> PolicyVersion | None:
    """The newest published version, whatever the mode makes of it."""
    return PolicyVersion.objects.filter(number__isnull=False).order_by("-number").first()


def stored_draft() -> PolicyVersion | None:
    return PolicyVersion.objects.filter(number__isnull=True).first()


def editable() -> PolicyVersion | None:
    """What an admin begins with: the draft, or what it would be a copy of."""
    return stored_draft() or in_force()


def rules_of(version: PolicyVersion | None) -> list[PolicyRule]:
    return list(version.rules.all()) if version else []


def present_shapes() -> list[ToolShape]:
    """All tools as they are stored now, enabled or not; the catalog may be two seconds behind."""
    tools = Tool.objects.select_related("target").order_by("target__name", "name")
    return shapes_of(list(tools))


def plain_rule(rule: PolicyRule) -> Rule:
    return Rule(name=rule.name, text=rule.text, mode=mode_of(rule.mode))


def mode_of(mode: str) -> Mode:
    return "shadow" if mode == PolicyRule.Mode.SHADOW else "enforce"


def compile_version(version: PolicyVersion | None, shapes: Iterable[ToolShape] | None = None) -> Compiled:
    """Against the present tools, or these. Raises `RulesRefused`; no version is no rules, which allow nothing."""
    rules = [plain_rule(rule) for rule in rules_of(version)]
    return compile_rules(rules, present_shapes() if shapes is None else shapes)


def problems_of(version: PolicyVersion | None, shapes: Iterable[ToolShape] | None = None) -> list[Problem]:
    """Why it could not be in force with the present tools, or with these; nothing where it could."""
    try:
        compile_version(version, shapes)
    except RulesRefused as refused:
        return refused.problems
    return []


def check_draft() -> list[Problem]:
    return problems_of(stored_draft())


def check_tools_change(shapes: Iterable[ToolShape]) -> list[Problem]:
    """What the version in force would say to other tools: `shapes` are all of them, as they would be. Where it has
    problems and the change is made all the same, nothing is allowed until a version that fits is published."""
    return problems_of(in_force(), shapes)


def changes(after: PolicyVersion | None, before: PolicyVersion | None) -> list[RuleChange]:
    """The rules that differ, in the order of `after`, those that it lacks at the end."""
    old = {rule.name: rule for rule in rules_of(before)}
    new = {rule.name: rule for rule in rules_of(after)}
    found = [
        RuleChange(name=name, kind="changed" if name in old else "added", before=old.get(name), after=rule)
        for name, rule in new.items()
        if name not in old or rule_mark(old[name]) != rule_mark(rule)
    ]
    gone = [
        RuleChange(name=name, kind="removed", before=rule, after=None) for name, rule in old.items() if name not in new
    ]
    return found + gone


def rule_mark(rule: PolicyRule | None) -> str:
    """A digest of what a person sees of a rule; empty for none."""
    return digest([rule.name, rule.text, rule.mode]) if rule else ""


def review_mark(version: PolicyVersion | None) -> str:
    """A digest of all that a review shows: the rules of the draft, and which version they are compared with."""
    newest = in_force()
    rules = [rule_mark(rule) for rule in rules_of(version)]
    return digest([newest.number if newest else 0, str(version.pk) if version else "", rules])


def digest(value: object) -> str:
    """64 bits are plenty to notice a change."""
    return hashlib.sha256(json.dumps(value).encode(errors="surrogatepass")).hexdigest()[:16]


def waiting_approvals() -> int:
    """How many approvals another version would void: they are bound to the one that asked."""
    return Approval.objects.filter(status__in=Approval.OPEN).count()


# -- the draft


def lock() -> PolicySetting:
    """The one row, until the transaction ends."""
    PolicySetting.objects.get_or_create(pk=1)
    return PolicySetting.objects.select_for_update(no_key=True).get(pk=1)


@transaction.atomic
def draft() -> PolicyVersion:
    """The draft; a copy of the newest version where there is none."""
    lock()
    found = stored_draft()
    if found is None:
        newest = in_force()
        found = PolicyVersion.objects.create()
        copy_rules(rules_of(newest), found)
    return found


def copy_rules(rules: Sequence[PolicyRule], version: PolicyVersion) -> None:
    PolicyRule.objects.bulk_create(
        PolicyRule(version=version, **{name: getattr(rule, name) for name in COPIED}) for rule in rules
    )


def written_text(written: str | FormRule, shapes: Iterable[ToolShape]) -> str:
    """Raises `FormRefused`."""
    if isinstance(written, FormRule):
        return to_cedar(written, shapes)
    return written.replace("\r\n", "\n").replace("\r", "\n")


@transaction.atomic
def save_rule(
    *,
    name: str,
    written: str | FormRule,
    mode: str = PolicyRule.Mode.ENFORCE,
    replaces: str = "",
    seen: str | None = None,
) -> PolicyRule:
    """Put a rule into the draft: Cedar text, or the form that writes it. `replaces` is the name of the rule that it
    takes the place of, `seen` the mark of that one as it was read.

    Raises `FormRefused`, `RulesRefused` where it could not be in force, `ValidationError` for a name that cannot be or
    is taken, and `Changed` where somebody else changed the rule meanwhile.
    """
    lock()
    shapes = present_shapes()
    text = written_text(written, shapes)
    version = draft()
    found = version.rules.filter(name=replaces).first() if replaces else None
    if seen is not None and rule_mark(found) != seen:
        raise Changed(f"Somebody else {'changed' if found else 'deleted'} the rule {replaces or name!r} meanwhile.")
    if name != replaces and version.rules.filter(name=name).exists():
        raise ValidationError({"name": f"There is a rule named {name!r} already."})
    rule = found or PolicyRule(version=version, position=next_position(version))
    rule.name, rule.text, rule.mode = name, text, mode
    rule.form = form_to_json(written) if isinstance(written, FormRule) else None
    rule.clean_fields(exclude=["version", "form"])
    compile_rules([plain_rule(rule)], shapes)
    rule.save()
    return rule


def next_position(version: PolicyVersion) -> int:
    return (version.rules.aggregate(last=Max("position"))["last"] or 0) + 1


@transaction.atomic
def delete_rule(name: str, *, seen: str | None = None) -> None:
    """Out of the draft. Raises `Changed` where it is not there, or not what the person saw."""
    lock()
    found = draft().rules.filter(name=name).first()
    if found is None or (seen is not None and rule_mark(found) != seen):
        raise Changed(f"Somebody else {'changed' if found else 'deleted'} the rule {name!r} meanwhile.")
    found.delete()


@transaction.atomic
def discard(*, mark: str | None = None) -> None:
    """Throw the draft away, if it is still what was reviewed under `mark`. Raises `Changed`."""
    lock()
    found = stored_draft()
    if found is not None and mark is not None and review_mark(found) != mark:
        raise Changed("The draft was changed meanwhile, so it is kept.")
    if found is not None:
        found.delete()


# -- versions


@transaction.atomic
def publish(*, user: User | None, note: str = "", mark: str | None = None) -> PolicyVersion:
    """The draft becomes the next version, which is in force at once here and within two seconds everywhere.

    `mark` is what was reviewed. Raises `Changed`, `NothingToPublish`, and `RulesRefused` where the draft does not fit
    the present tools.
    """
    lock()
    found, newest = stored_draft(), in_force()
    if mark is not None and review_mark(found) != mark:
        published = f"version {newest.number} is in force" if newest else "no version is published"
        raise Changed(f"Somebody else changed or published the draft meanwhile; {published}.")
    if found is None or (newest is not None and not changes(found, newest)):
        raise NothingToPublish("There is nothing to publish: the draft says the same as what is in force.")
    compile_version(found)
    return give_number(found, user=user, note=note)


@transaction.atomic
def roll_back(to: int, *, user: User | None, seen: int | None = None) -> PolicyVersion:
    """A new version with the rules of an earlier one; the draft is kept. `seen` is the number that was in force.

    Raises `PolicyVersion.DoesNotExist`, `Changed`, `NothingToPublish`, and `RulesRefused` where the old rules do not
    fit the present tools.
    """
    lock()
    old, newest = PolicyVersion.objects.get(number=to), in_force()
    if seen is not None and newest is not None and newest.number != seen:
        raise Changed(f"Version {newest.number} was published meanwhile.")
    if not changes(old, newest):
        raise NothingToPublish(f"Version {to} says the same as what is in force.")
    compile_version(old)
    return add_version(rules_of(old), user=user, note=f"Back to version {to}")


def add_version(rules: Sequence[PolicyRule], *, user: User | None, note: str) -> PolicyVersion:
    """A new version of copies of these rules, in force once the transaction commits; the draft is not touched. Under
    the lock, and of rules that were compiled."""
    # Numbered from the beginning, as without a number it would be a second draft; and its rules before it, as the
    # database takes none for what has a number. That they belong to something is looked at when it commits.
    made = PolicyVersion()
    copy_rules(rules, made)
    return give_number(made, user=user, note=note, is_stored=False)


def give_number(version: PolicyVersion, *, user: User | None, note: str, is_stored: bool = True) -> PolicyVersion:
    """From then on the database lets neither it nor its rules be changed (migration `tools.0006`)."""
    version.number = version.number or next_number()
    version.note = note.strip()
    version.published_at, version.published_by = timezone.now(), user
    version.clean_fields(exclude=["published_by"])
    if is_stored:
        version.save(update_fields=["number", "note", "published_at", "published_by"])
    else:
        version.save(force_insert=True)
    transaction.on_commit(book.forget)
    name, told = f"Version {version.number}", {"version": version.number, "rules": version.rules.count()}
    record(user, "policy.publish", kind="policies", id=version.pk, name=name, reason=version.note, after=told)
    return version


def next_number() -> int:
    return (PolicyVersion.objects.aggregate(newest=Max("number"))["newest"] or 0) + 1
