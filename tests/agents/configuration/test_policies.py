"""Policies and their mode from a file: refused unless they fit the tools as they will be."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.management import CommandError

from observability.access import Role
from tests.agents.configuration.conftest import SAME, Apply, exported, refused
from tests.factories import make_user
from tools.models import PolicyRule, PolicySetting, PolicyVersion, Tool
from tools.policies import draft, in_force, publish, rules_of, save_rule
from tools.policy_modes import confirm_mode

pytestmark = pytest.mark.django_db
SHOP = """\
targets:
  shop:
    http: https://shop.example.com
    tools:
      get_order:
        description: One order.
        effect: read
        input_schema: {type: object, properties: {id: {type: string}, pages: {type: integer}}}
        routes: [{method: GET, path: "/orders/{id}"}]
"""
RULES = """\
policies:
  rules:
    reads: |
      permit (
        principal,
        action == AgentCore::Action::"shop___get_order",
        resource
      )
      when { context.input has pages && context.input.pages < 3 };
"""
FORM = """\
policies:
  rules:
    not-many:
      mode: shadow
      form:
        effect: forbid
        scope: shop___get_order
        conditions:
          - {name: pages, operator: above, value: 2}
        reason: Two pages are enough.
"""


def mode() -> str:
    return str(PolicySetting.objects.get(pk=1).mode)


def names() -> list[str]:
    return [rule.name for rule in rules_of(in_force())]


def test_tools_and_the_rules_on_them_come_together(apply: Apply) -> None:
    printed = apply(SHOP + RULES)
    assert "+ rule reads: mode enforce" in printed
    assert "  policies: version 1 is in force" in printed
    assert PolicyVersion.objects.get().note == "applied from desk.yaml"
    assert apply(SHOP + RULES) == SAME
    assert PolicyVersion.objects.count() == 1


def test_a_rule_that_does_not_compile_is_told_with_its_line(apply: Apply) -> None:
    [line] = refused(apply, SHOP + RULES.replace("context.input.pages <", "context.input.pagse <"))
    assert line.startswith("desk.yaml, line 18, policies.rules.reads: ")
    assert "pagse" in line
    assert not Tool.objects.exists()


def test_a_form_is_kept_as_a_form(apply: Apply) -> None:
    apply(SHOP + FORM)
    rule = PolicyRule.objects.get()
    assert rule.mode == "shadow"
    assert rule.form is not None
    assert "Two pages are enough." in rule.text
    assert apply(SHOP + FORM) == SAME
    assert apply(exported()) == SAME
    [line] = refused(apply, SHOP + FORM.replace("name: pages", "name: ppages"))
    assert line.startswith("desk.yaml, line 14, policies.rules.not-many.form: ")


def test_other_rules_and_somebodys_draft_are_left_alone(apply: Apply) -> None:
    apply(SHOP + RULES)
    draft()
    save_rule(name="begun", written='forbid (principal, action, resource) when { context.channel == "x" };')
    printed = apply(FORM)
    assert printed == ["+ rule not-many: mode shadow", "  policies: version 2 is in force"]
    assert names() == ["reads", "not-many"]
    assert [rule.name for rule in draft().rules.all()] == ["reads", "begun"]


def test_only_the_mode_of_a_rule_can_be_named(apply: Apply) -> None:
    apply(SHOP + RULES)
    printed = apply("policies: {rules: {reads: {mode: shadow}}}")
    assert printed[0] == "~ rule reads: mode: enforce -> shadow"
    [line] = refused(apply, "policies: {rules: {raeds: {mode: shadow}}}")
    assert line.endswith("it is new, so it needs its text, or a form.")


def test_tools_are_not_changed_under_the_rules_in_force(apply: Apply) -> None:
    apply(SHOP + RULES)
    [line] = refused(apply, SHOP.replace("pages: {type: integer}", "pages: {type: string}"))
    assert line.startswith(
        "desk.yaml, line 3, policies: version 1 of the policies would not fit the tools any more: rule 'reads', line 1:"
    )
    both = SHOP.replace("pages: {type: integer}", "pages: {type: string}") + RULES.replace("pages < 3", 'pages == "1"')
    assert "  policies: version 2 is in force" in apply(both)


def test_what_was_broken_before_need_not_be_mended_with_something_else(apply: Apply) -> None:
    apply(SHOP + RULES)
    Tool.objects.update(input_schema={"type": "object", "properties": {"id": {"type": "string"}}})
    assert apply("targets: {shop: {tools: {get_order: {retries: 1}}}}") == ["~ tool shop___get_order: retries: 2 -> 1"]


def test_a_version_that_was_published_by_hand_is_no_obstacle(apply: Apply) -> None:
    apply(SHOP + RULES)
    draft()
    save_rule(name="more", written="forbid (principal, action, resource) when { context.tainted };")
    publish(user=None)
    apply(FORM)
    assert names() == ["reads", "more", "not-many"]


# -- whether they decide


@pytest.fixture
def off(db: Any) -> None:
    PolicySetting.objects.update(mode=PolicySetting.Mode.OFF)


def test_up_is_at_once(apply: Apply, off: None) -> None:
    assert apply("policies: {mode: enforce}") == ["~ policies: mode: off -> enforce"]
    assert mode() == "enforce"
    assert PolicySetting.objects.get().changed_by is None


def test_down_from_enforce_takes_a_second_admin(apply: Apply) -> None:
    one, other = make_user(Role.ADMIN), make_user(Role.ADMIN)
    [line] = refused(apply, "policies: {mode: off}")
    assert (
        line
        == "desk.yaml, line 1, policies.mode: to stop enforcing takes two admins: say with --as EMAIL who asks for it."
    )
    asked = "~ policies: mode: enforce -> off is asked for; another admin has to confirm it"
    assert apply("policies: {mode: off}", "--as", one.email) == [asked]
    assert mode() == "enforce"
    assert apply("policies: {mode: off}", "--as", one.email) == [
        "  policies: mode off is asked for already; another admin has to confirm it",
        *SAME,
    ]
    confirm_mode("off", user=other)
    assert apply("policies: {mode: off}", "--as", one.email) == SAME


def test_who_answers_for_it_is_an_admin(apply: Apply) -> None:
    reviewer, admin = make_user(Role.REVIEWER), make_user(Role.ADMIN)
    for email in (reviewer.email, "nobody@example.org"):
        with pytest.raises(CommandError, match=f"There is no admin with the address {email}"):
            apply(SHOP + RULES, "--as", email)
    apply(SHOP + RULES, "--as", admin.email)
    assert PolicyVersion.objects.get().published_by == admin
