"""Applies a configuration file: the network is asked first, then everything is written in one transaction, or nothing.

What is printed is read off the desk itself, before and after, within that transaction. So a dry run says exactly what
an application would do: it does it, and takes it back.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from django.contrib.auth.models import User
from django.db import DatabaseError, transaction

from agents.configuration.agents import write_agent
from agents.configuration.changes import lines_between
from agents.configuration.desk import Thing, desk_things
from agents.configuration.form import Form, read_form
from agents.configuration.limits import write_approver_limit, write_money_limit, write_usage_limit
from agents.configuration.listings import take_over
from agents.configuration.reading import Faults, read_tree
from agents.configuration.rules import problems_now, write_mode, write_rules
from agents.configuration.targets import Plan, plan_target, write_target
from agents.configuration.tools import write_tools
from agents.usage import limit_list
from observability.audit import record, recorded_last
from tools.authorize import book
from tools.catalog import catalog
from tools.policies import lock

logger = logging.getLogger(__name__)


class ApplyingFailed(Exception):
    """The database refused what was to be written, and nothing was."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """`user` answers for it; nobody for whoever holds the shell. `accepts_changes`: what backends list now is taken
    over though it differs from what was accepted."""

    user: User | None = None
    dry_run: bool = False
    accepts_changes: bool = False


@dataclass(kw_only=True)
class Applied:
    """`changes` are lines that begin with +, ~ or -; `notes` say what follows; `unnamed` are the labels of what the
    file does not name, in those of its parts that it has, and that is left as it is."""

    changes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unnamed: list[str] = field(default_factory=list)


def apply_file(path: Path, options: Options) -> Applied:
    """Raises `Refused`, `ApplyingFailed`, and `OSError` for a file that cannot be read."""
    faults = Faults(path.name)
    form = read_form(read_tree(path.read_bytes(), path.name), faults)
    faults.check()
    plans = plan_targets(form, path.parent, accepts=options.accepts_changes)
    faults.check()
    try:
        with transaction.atomic():
            with recorded_last():
                applied = write(form, plans, faults, options=options)
                if applied.changes:
                    told = {"changes": applied.changes}
                    record(options.user, "configuration.apply", kind="configuration file", name=path.name, after=told)
            transaction.set_rollback(options.dry_run)
    except DatabaseError as error:
        raise ApplyingFailed(f"Nothing was applied: {str(error).splitlines()[0]}") from error
    finally:
        # What was read meanwhile may have been taken back.
        for cache in (catalog, book, limit_list):
            cache.forget()
    if applied.changes:
        who = options.user.pk if options.user else None
        done = "tried, and taken back," if options.dry_run else "applied"
        logger.info("%s was %s by user %s: %d changes", path.name, done, who, len(applied.changes))
    return applied


def plan_targets(form: Form, folder: Path, *, accepts: bool) -> list[Plan]:
    plans = [plan_target(name, wanted, folder, accepts=accepts) for name, wanted in form.targets.items()]
    return [plan for plan in plans if plan is not None]


def write(form: Form, plans: list[Plan], faults: Faults, *, options: Options) -> Applied:
    """Part by part: what is wrong in one would only be found wrong again in the next. Raises `Refused`."""
    lock()  # one application after another, and no other version of the policies meanwhile
    before, known = desk_things(), problems_now()
    said: list[str] = []
    for plan in plans:
        said += write_target(plan, options.user)
        found = len(faults.found)
        said += take_over(plan, options.user, accepts=options.accepts_changes)
        if len(faults.found) == found:
            write_tools(plan)
    faults.check()
    note = f"applied from {faults.file}"[:200]
    said += write_rules(form, user=options.user, note=note, known=known)
    if form.policies is not None and "mode" in form.policies.values:
        said += write_mode(form.policies.values["mode"], form.policies, user=options.user)
    for slug, entry in form.agents.items():
        said += write_agent(slug, entry, user=options.user, note=note)
    faults.check()
    write_limits(form)
    faults.check()
    after = desk_things()
    marked = [line for line in said if line.startswith("~")]
    return Applied(
        changes=[*lines_between(before, after), *marked],
        notes=[line for line in said if line not in marked],
        unnamed=unnamed(form, before.values()),
    )


def write_limits(form: Form) -> None:
    for entry in form.usage_limits:
        write_usage_limit(entry)
    for entry in form.money_limits:
        write_money_limit(entry)
    for email, entry in form.approver_limits.items():
        write_approver_limit(email, entry)


def unnamed(form: Form, things: Iterable[Thing]) -> list[str]:
    """In the parts that the file has; tools only of targets whose tools it names."""
    named = form.named()
    parts = {place[:-1] for place in named}
    return [thing.label for thing in things if thing.place[:-1] in parts and thing.place not in named]
