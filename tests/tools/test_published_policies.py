"""What was published stays as it was: the database refuses to change it, whoever asks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, OperationalError, connection, transaction
from django.utils import timezone

from observability.access import Role
from tests.factories import make_user
from tests.tools.policies_cases import READS, publish_rules, shop_tools
from tools.models import PolicyRule, PolicyVersion
from tools.policies import discard, draft, in_force, publish, roll_back, rules_of, save_rule, stored_draft

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]
OTHER = READS.replace("permit", "forbid")


def marks() -> list[tuple[Any, ...]]:
    published = PolicyRule.objects.filter(version__number__isnull=False)
    return sorted(published.values_list("pk", "version__number", "version__note", "name", "position", "text", "mode"))


def new_rule(version: PolicyVersion) -> PolicyRule:
    return PolicyRule(version=version, name="more", position=9, text=READS)


def raw(statement: str) -> Callable[[PolicyVersion], object]:
    def run(version: PolicyVersion) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"version": version.pk})

    return run


CHANGES: dict[str, Callable[[PolicyVersion], object]] = {
    "rule-added": lambda version: new_rule(version).save(),
    "rules-added": lambda version: PolicyRule.objects.bulk_create([new_rule(version)]),
    "rule-saved": lambda version: version.rules.get().save(),
    "text": lambda version: version.rules.update(text=OTHER),
    "mode": lambda version: version.rules.update(mode="shadow"),
    "name": raw("UPDATE tools_policyrule SET name = 'other' WHERE version_id = %(version)s"),
    "rule-deleted": lambda version: version.rules.all().delete(),
    "rule-deleted-raw": raw("DELETE FROM tools_policyrule WHERE version_id = %(version)s"),
    "moved-into-it": lambda version: draft().rules.update(version=version, name="more"),
    "moved-out-of-it": lambda version: version.rules.update(version=draft(), name="gone"),
    "renumbered": lambda version: PolicyVersion.objects.filter(pk=version.pk).update(number=7),
    "unpublished": lambda version: PolicyVersion.objects.filter(pk=version.pk).update(number=None, published_at=None),
    "note": lambda version: PolicyVersion.objects.filter(pk=version.pk).update(note="Nothing new"),
    "time": lambda version: PolicyVersion.objects.filter(pk=version.pk).update(published_at=timezone.now()),
    "another-publisher": lambda version: PolicyVersion.objects.filter(pk=version.pk).update(
        published_by=make_user(Role.ADMIN)
    ),
    "version-deleted": lambda version: version.delete(),
    "version-deleted-raw": raw("DELETE FROM tools_policyversion WHERE id = %(version)s"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_published_version_never_changes(change: Callable[[PolicyVersion], object]) -> None:
    version = publish_rules(reads=READS)
    before = marks()
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        change(version)
    assert marks() == before


def test_who_published_it_may_leave(admin: User) -> None:
    save_rule(name="reads", written=READS)
    version = publish(user=admin)
    admin.delete()
    version.refresh_from_db()
    assert (version.number, version.published_by) == (1, None)


def test_a_draft_is_edited_published_and_thrown_away_as_before(admin: User) -> None:
    publish_rules(reads=READS)
    save_rule(name="more", written=OTHER)
    save_rule(name="more", written=OTHER, mode="shadow", replaces="more")
    discard()
    assert stored_draft() is None
    save_rule(name="more", written=OTHER)
    PolicyRule.objects.filter(version=stored_draft(), name="reads").delete()
    second = publish(user=admin, note="Other")
    assert [rule.name for rule in rules_of(second)] == ["more"]
    third = roll_back(1, user=admin)
    assert (third.number, third.note, third.published_by) == (3, "Back to version 1", admin)
    assert [(rule.name, rule.text) for rule in rules_of(in_force())] == [("reads", READS)]
    with pytest.raises(IntegrityError, match="never change"), transaction.atomic():
        new_rule(third).save()


@pytest.mark.django_db(transaction=True)
def test_a_rule_on_its_way_into_the_draft_is_waited_for() -> None:
    """By whoever numbers the version past the product's own lock: otherwise it would come in behind the number."""
    save_rule(name="reads", written=READS)
    version = stored_draft()
    assert version is not None
    with transaction.atomic():
        new_rule(version).save()
        with ThreadPoolExecutor(1) as elsewhere:
            assert not elsewhere.submit(may_be_numbered, version).result(60)
    with ThreadPoolExecutor(1) as elsewhere:
        assert elsewhere.submit(may_be_numbered, version).result(60)


def may_be_numbered(version: PolicyVersion) -> bool:
    """Now, by another connection."""
    try:
        with transaction.atomic():
            PolicyVersion.objects.select_for_update(nowait=True, no_key=True).get(pk=version.pk)
    except OperationalError:
        return False
    finally:
        connection.close()
    return True
