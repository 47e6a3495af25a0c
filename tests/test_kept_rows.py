from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test import TransactionTestCase

from agents.models import AgentVersion, LanguageModel
from observability.access import Role
from observability.models import Price
from tests.factories import make_agent, make_user


def rows() -> dict[str, list[Any]]:
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    found = {}
    with connection.cursor() as cursor:
        for name in names:
            cursor.execute(f"SELECT kept::text FROM {connection.ops.quote_name(name)} kept ORDER BY 1")  # noqa: S608
            found[name] = cursor.fetchall()
    return found


@pytest.mark.django_db(transaction=True)
def test_after_a_test_that_commits_there_is_what_migrations_made() -> None:
    """Also where a trigger guards a row, as it does a published version."""
    before = rows()
    make_agent()
    make_user(Role.ADMIN)
    Price.objects.all().delete()
    LanguageModel.objects.filter(pk=LanguageModel.objects.earliest("pk").pk).update(provider_model="another")
    Group.objects.filter(name=Role.ANALYST).update(name="renamed")
    assert rows() != before
    TransactionTestCase._fixture_teardown(None)  # type: ignore[attr-defined]  # of Django, and not in the stubs
    assert rows() == before
    assert not User.objects.exists()
    assert not AgentVersion.objects.exists()
    assert Price.objects.exists()
