"""Guardrails in the database: one draft each, and numbered versions behind it that never change.

The newest version holds for every agent that names no other. Whoever changes a guardrail waits for who came first:
every change takes the lock of its row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.text import slugify

from guardrails import compiled
from guardrails.config import Config
from guardrails.models import Guardrail, GuardrailVersion
from guardrails.reading import as_json, read_config
from guardrails.sentences import Line, lines_of
from observability.audit import record

# The names of pages, which a guardrail's address may not take.
TAKEN_SLUGS = frozenset({"new"})


@dataclass(frozen=True, kw_only=True)
class Use:
    """An agent that names a guardrail, or a fixed version of it; `is_draft` where its draft alone does."""

    agent: str
    slug: str
    number: int | None = None
    is_draft: bool = False


# Each tells which agents use which guardrail, by its slug; under "" those that name none, and so have the default one.
# Apps above this one add theirs, as they know who names it.
users: list[Callable[[], Mapping[str, Sequence[Use]]]] = []


@dataclass(frozen=True, kw_only=True)
class JudgeModel:
    """A model that may judge; `is_ready` where it could be asked now: it has a key, and calls tools."""

    id: str
    label: str
    is_ready: bool


# Each tells which models there are, as apps above this one know them.
judge_models: list[Callable[[], Sequence[JudgeModel]]] = []


class NothingToPublish(Exception):
    """There is no draft, or it says the same as the newest version."""


class Changed(Exception):
    """Somebody else was quicker, and nothing was done. Its message says what happened."""


class NotAllowed(Exception):
    """It stays as it is, and its message says why."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """One rule that differs. A side where it is not there is None."""

    kind: Literal["added", "removed", "changed"]
    before: Line | None
    after: Line | None

    @property
    def line(self) -> Line:
        found = self.after or self.before
        assert found is not None  # noqa: S101  one of the two always is
        return found


# -- reading


def newest_version(guardrail: Guardrail) -> GuardrailVersion | None:
    return guardrail.versions.filter(number__isnull=False).order_by("-number").first()


def draft_of(guardrail: Guardrail) -> GuardrailVersion | None:
    return guardrail.versions.filter(number__isnull=True).first()


def editable(guardrail: Guardrail) -> GuardrailVersion:
    """The draft, or what it would begin as, which is not stored then."""
    found = draft_of(guardrail)
    if found is not None:
        return found
    newest = newest_version(guardrail)
    return GuardrailVersion(guardrail=guardrail, config=newest.config if newest else as_json(Config()))


def config_of(version: GuardrailVersion | None) -> Config:
    """Nothing at all without a version. Raises ConfigRefused, which only a version from elsewhere can be."""
    return read_config(version.config) if version else Config()


def changes(before: Config, after: Config) -> list[Change]:
    """The rules that differ in what they do, in the order of `after`, those that it lacks at the end."""
    old = {line.key: line for line in lines_of(before)}
    new = {line.key: line for line in lines_of(after)}
    found = [
        Change(kind="changed" if key in old else "added", before=old.get(key), after=line)
        for key, line in new.items()
        if old.get(key) != line
    ]
    return found + [Change(kind="removed", before=line, after=None) for key, line in old.items() if key not in new]


def mark_of(version: GuardrailVersion) -> str:
    """A digest of what an editor shows of it."""
    return digest(version.config)


def review_mark(guardrail: Guardrail) -> str:
    """A digest of what a review shows: the draft, and which version it is compared with."""
    draft, newest = draft_of(guardrail), newest_version(guardrail)
    return digest([newest.number if newest else 0, draft.config if draft else None])


def digest(value: object) -> str:
    """64 bits are plenty to notice a change."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def present_judges() -> list[JudgeModel]:
    return [model for tell in judge_models for model in tell()]


def uses_of(guardrail: Guardrail) -> list[Use]:
    """By name; those that name none are the default's."""
    return uses_by_guardrail([guardrail])[guardrail.pk]


def uses_by_guardrail(guardrails: Sequence[Guardrail]) -> dict[UUID, list[Use]]:
    told = [tell() for tell in users]
    found = {}
    for guardrail in guardrails:
        keys = [guardrail.slug, *([""] if guardrail.is_default else [])]
        uses = [use for uses in told for key in keys for use in uses.get(key, ())]
        found[guardrail.pk] = sorted(uses, key=lambda use: (use.agent, use.is_draft, use.number or 0))
    return found


# -- the draft


def lock(guardrail: Guardrail) -> Guardrail:
    """Its row as it is now, until the transaction ends. Raises `Changed` where it was deleted."""
    found = Guardrail.objects.select_for_update(no_key=True).filter(pk=guardrail.pk).first()
    if found is None:
        raise Changed("The guardrail was deleted meanwhile.")
    return found


@transaction.atomic
def save_draft(guardrail: Guardrail, *, config: Mapping[str, Any], seen: str | None = None) -> GuardrailVersion:
    """`seen` is the mark of what was edited. Raises ConfigRefused, and `Changed` where somebody saved meanwhile."""
    read = as_json(read_config(config))
    lock(guardrail)
    if seen is not None and mark_of(editable(guardrail)) != seen:
        raise Changed("Somebody else changed this guardrail while you edited it.")
    version = draft_of(guardrail)
    if version is None:
        return GuardrailVersion.objects.create(guardrail=guardrail, config=read)
    version.config, version.updated_at = read, timezone.now()
    version.save(update_fields=["config", "updated_at"])
    return version


@transaction.atomic
def discard(guardrail: Guardrail, *, mark: str | None = None) -> None:
    """Throw the draft away, if it is still what was reviewed under `mark`. Raises `Changed`."""
    lock(guardrail)
    if mark is not None and review_mark(guardrail) != mark:
        raise Changed("The draft was changed meanwhile, so it is kept.")
    guardrail.versions.filter(number__isnull=True).delete()


# -- versions


@transaction.atomic
def publish(guardrail: Guardrail, *, user: User | None, note: str = "", mark: str | None = None) -> GuardrailVersion:
    """The draft becomes the next version, in force at once here and within two seconds everywhere.

    `mark` is what was reviewed. Raises `Changed`, `NothingToPublish` and ConfigRefused.
    """
    lock(guardrail)
    draft, newest = draft_of(guardrail), newest_version(guardrail)
    if mark is not None and review_mark(guardrail) != mark:
        raise Changed("Somebody else changed or published the draft meanwhile.")
    if draft is None or (newest is not None and not changes(config_of(newest), config_of(draft))):
        raise NothingToPublish("There is nothing to publish: the draft says the same as what is in force.")
    read_config(draft.config)
    return give_number(draft, user=user, note=note)


@transaction.atomic
def roll_back(guardrail: Guardrail, *, to: int, user: User | None, seen: int | None = None) -> GuardrailVersion:
    """A new version that says what an earlier one said; the draft is kept. `seen` is the number that was in force.

    Raises `GuardrailVersion.DoesNotExist`, `Changed`, `NothingToPublish` and ConfigRefused.
    """
    lock(guardrail)
    old, newest = guardrail.versions.get(number=to), newest_version(guardrail)
    if seen is not None and newest is not None and newest.number != seen:
        raise Changed(f"Version {newest.number} was published meanwhile.")
    if not changes(config_of(newest), config_of(old)):
        raise NothingToPublish(f"Version {to} says the same as what is in force.")
    made = GuardrailVersion(guardrail=guardrail, config=old.config)
    # Numbered from the beginning, as without a number it would be a second draft.
    return give_number(made, user=user, note=f"Back to version {to}", is_stored=False)


def give_number(version: GuardrailVersion, *, user: User | None, note: str, is_stored: bool = True) -> GuardrailVersion:
    """From then on the database lets it not be changed (migration `guardrails.0002`)."""
    version.number = next_number(version.guardrail)
    version.note = note.strip()
    version.published_at, version.published_by = timezone.now(), user
    version.clean_fields(exclude=["guardrail", "config", "published_by"])
    if is_stored:
        version.save(update_fields=["number", "note", "published_at", "published_by"])
    else:
        version.save(force_insert=True)
    transaction.on_commit(compiled.forget)
    of, told = version.guardrail, {"version": version.number}
    record(user, "guardrail.publish", kind="guardrail", id=of.pk, name=of.name, reason=version.note, after=told)
    return version


def next_number(guardrail: Guardrail) -> int:
    return (guardrail.versions.aggregate(newest=Max("number"))["newest"] or 0) + 1


# -- the guardrail itself


@transaction.atomic
def make_guardrail(*, name: str, slug: str = "", description: str = "", config: Mapping[str, Any]) -> Guardrail:
    """With a draft and no version. `slug` is made from the name where none is given. Raises ConfigRefused, and
    ValidationError for a name or an address that cannot be or is taken."""
    read = as_json(read_config(config))
    made = Guardrail(name=name.strip(), slug=slug or free_slug(name), description=description.strip())
    made.full_clean()
    made.save(force_insert=True)
    GuardrailVersion.objects.create(guardrail=made, config=read)
    return made


def free_slug(name: str) -> str:
    stem = slugify(name)[:50] or "guardrail"
    taken = set(Guardrail.objects.filter(slug__startswith=stem).values_list("slug", flat=True)) | TAKEN_SLUGS
    candidates = [stem, *(f"{stem}-{number}" for number in range(2, len(taken) + 3))]
    return next(slug for slug in candidates if slug not in taken)


@transaction.atomic
def set_default(guardrail: Guardrail) -> None:
    """It holds from now on for every agent that names none. Raises `NotAllowed` where nothing of it is published."""
    # All of them, in one order, so that two who do this wait for each other.
    rows = {row.pk: row for row in Guardrail.objects.select_for_update(no_key=True).order_by("pk")}
    if guardrail.pk not in rows:
        raise Changed("The guardrail was deleted meanwhile.")
    if newest_version(guardrail) is None:
        raise NotAllowed("Publish a version first: a draft holds for nobody.")
    Guardrail.objects.filter(is_default=True).exclude(pk=guardrail.pk).update(is_default=False)
    Guardrail.objects.filter(pk=guardrail.pk).update(is_default=True)
    transaction.on_commit(compiled.forget)


def why_it_stays(guardrail: Guardrail) -> str:
    """Why it may not be deleted; empty where it may."""
    if guardrail.is_default:
        return "It is the default one: make another one the default first."
    names = list(dict.fromkeys(use.agent for use in uses_of(guardrail)))
    return f"{' and '.join(names)} use{'s' if len(names) == 1 else ''} it." if names else ""


@transaction.atomic
def delete(guardrail: Guardrail) -> None:
    """With its versions; what it saw stays in the list of violations. Raises `Changed` and `NotAllowed`.

    An agent that goes back to an old version of its own which names it has the default one."""
    if reason := why_it_stays(lock(guardrail)):
        raise NotAllowed(reason)
    guardrail.delete()
    transaction.on_commit(compiled.forget)
