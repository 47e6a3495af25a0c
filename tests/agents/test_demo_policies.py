from __future__ import annotations

import logging

import pytest

from agents.demo import add_tools
from agents.demo_policies import RULES, add_policies
from tools.models import MoneyLimit, PolicyVersion, Tool
from tools.policies import in_force, problems_of, publish, rules_of, save_rule, stored_draft

pytestmark = pytest.mark.django_db


def test_they_are_published_once_and_then_left_alone() -> None:
    add_tools()
    add_policies()
    version, limits = in_force(), MoneyLimit.objects.count()
    assert version is not None
    assert (version.number, version.note) == (1, "First version")
    assert {rule.name: rule.text for rule in rules_of(version)} == RULES
    assert problems_of(version) == []
    assert stored_draft() is None
    save_rule(name="hand-over", written=RULES["hand-over"], mode="shadow", replaces="hand-over")
    publish(user=None)
    add_policies()
    assert (PolicyVersion.objects.count(), MoneyLimit.objects.count()) == (2, limits)


def test_where_they_do_not_fit_the_tools_nothing_is_published(caplog: pytest.LogCaptureFixture) -> None:
    add_tools()
    Tool.objects.filter(name="process_refund").update(precheck=None, amount=None)
    with caplog.at_level(logging.WARNING, "agents.demo_policies"):
        add_policies()
    assert "small-refunds" in caplog.text
    assert not PolicyVersion.objects.exists()
    assert not MoneyLimit.objects.exists()
