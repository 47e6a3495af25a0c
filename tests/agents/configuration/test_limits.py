"""Limits from a file, and the whole demo there and back."""

from __future__ import annotations

from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
import yaml
from django.core.management import CommandError, call_command
from django.db import transaction

from agents.demo import add_people, load_demo
from agents.models import Agent, Limit
from agents.versions import draft_version, publish_version
from observability.access import Role
from tests.agents.configuration.conftest import SAME, Apply, exported, refused
from tests.factories import make_user
from tools.models import ApproverLimit, MoneyLimit, PolicyRule, Target, Tool
from tools.policies import draft, publish, save_rule
from tools.policy.forms import Condition, FormRule

pytestmark = pytest.mark.django_db
LIMITS = """\
limits:
  usage:
    - {scope: customer, measure: usd, period: day, amount: 0.10}
    - {scope: all, measure: messages, period: minute, amount: 600, enabled: false}
  money:
    - {scope: customer, hours: 24, max_count: 3, max_amount: 100.50}
"""


def test_they_are_set_once(apply: Apply) -> None:
    assert apply(LIMITS) == [
        "+ limit of messages a minute for all: amount 600, off",
        "+ limit of usd a day for customer: amount 0.1, on",
        "+ money limit of every tool for customer in 24 h: max_count 3, max_amount 100.5, on",
    ]
    assert apply(LIMITS) == SAME
    assert apply(exported()) == SAME
    assert apply(LIMITS.replace("0.10", "0.25").replace("max_count: 3", "max_count: null")) == [
        "~ limit of usd a day for customer: amount: 0.1 -> 0.25",
        "~ money limit of every tool for customer in 24 h: max_count: 3 -> nothing",
    ]
    assert (Limit.objects.count(), MoneyLimit.objects.count()) == (2, 1)


BUDGET = """\
limits:
  usage:
    - scope: all
      measure: usd
      period: week
      amount: 20
      refuses: false
      steps: ["50 notify", "80 cheaper claude-haiku-5-5", "100 people"]
"""


def test_a_budget_with_its_steps_there_and_back(apply: Apply) -> None:
    assert apply(BUDGET) == ["+ limit of usd a week for all: amount 20, on"]
    assert apply(BUDGET) == SAME
    assert apply(exported()) == SAME
    limit = Limit.objects.get()
    assert not limit.refuses
    assert [(step.percent, step.action) for step in limit.steps.all()] == [
        (50, "notify"),
        (80, "cheaper"),
        (100, "people"),
    ]
    apply(BUDGET.replace('"100 people"', '"90 stop"').replace("refuses: false", "refuses: true"))
    assert Limit.objects.filter(refuses=True).exists()
    assert [step.percent for step in limit.steps.all()] == [50, 80, 90]


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ("50 notify", "0 notify", "is no step"),
        ("50 notify", "half", "is no step"),
        ("50 notify", "50 shout", "is nothing that a step does"),
        ("80 cheaper claude-haiku-5-5", "80 cheaper gpt-1", "not known"),
        ("100 people", "100 people claude-haiku-5-5", "where none is used"),
        ("measure: usd", "measure: tokens", "only a limit of usd is a budget"),
    ],
)
def test_a_step_that_cannot_be(apply: Apply, before: str, after: str, words: str) -> None:
    [line] = refused(apply, BUDGET.replace(before, after))
    assert words in line


def test_what_a_person_may_approve(apply: Apply) -> None:
    reviewer, analyst = make_user(Role.REVIEWER), make_user(Role.ANALYST)
    assert apply(f"limits: {{approvers: {{{reviewer.email}: 500}}}}") == [
        f"+ approver {reviewer.email}: max_amount 500"
    ]
    assert ApproverLimit.objects.get().max_amount == 500
    [line] = refused(apply, f"limits: {{approvers: {{{analyst.email}: 500}}}}")
    assert line.endswith(f"nobody who approves has the address {analyst.email!r}.")


def test_what_is_wrong_is_told_at_its_line(apply: Apply) -> None:
    found = refused(
        apply,
        """\
        limits:
          usage:
            - {scope: agent, agent: nobody, measure: usd, period: day, amount: 1}
            - {scope: all, measure: messages, period: day, amount: 1.5}
            - {scope: all, measure: messages, period: hour}
            - {scope: all, measure: usd, period: day, amount: -1}
            - {measure: usd, period: day, amount: 1}
          money:
            - {scope: all, tool: shop___refund, max_count: 1}
            - {scope: all}
            - {scope: all, hours: 0, max_count: 1}
        """,
    )
    assert [line.removeprefix("desk.yaml, ") for line in found] == [
        "line 3, limits.usage[1].agent: there is no agent 'nobody'.",
        "line 4, limits.usage[2].amount: Messages are counted whole: give a whole number.",
        "line 5, limits.usage[3]: `amount` is missing.",
        "line 6, limits.usage[4].amount: Ensure this value is greater than or equal to 0.",
        "line 7, limits.usage[5]: `scope` is missing.",
        "line 9, limits.money[1].tool: 'shop___refund' is no tool that moves money: it is none, or has no `amount`.",
        "line 10, limits.money[2]: it limits nothing: max_count says how often, max_amount how much.",
        "line 11, limits.money[3].hours: from 1 to 8,760 hours.",
    ]


def test_a_limit_stands_there_once(apply: Apply) -> None:
    twice = LIMITS + "    - {scope: customer, max_count: 9}\n"
    assert refused(apply, twice) == ["desk.yaml, line 7, limits.money[2]: there is such a limit above already."]


# -- the demo, there and back


def change_the_demo() -> None:
    """So that nothing in it is as a fresh desk would have it."""
    load_demo()
    agent = Agent.objects.get()
    version = draft_version(agent)
    version.instructions, version.max_usd = (
        "# Odd\n\n  - 'quoted': no\n\ttab ü\n",
        Decimal("0.12345678").quantize(Decimal("0.0001")),
    )
    version.greeting, version.tools = "1e5", ["shop___get_order", "get_refund_status"]
    version.fallback_model, version.merge_waiting = "claude-haiku-4-5", True
    version.save()
    publish_version(agent, user=None)
    Agent.objects.update(status="paused", description="012")
    Tool.objects.filter(name="cancel_order").update(
        enabled=False, retries=0, cost_usd="0.00000001", description="a\n b"
    )
    Tool.objects.filter(name="get_order").update(bindings={"order_id": "session.id"}, free_text=["order_id"])
    Target.objects.filter(name="shop").update(enabled=False)
    draft()
    condition = Condition(of="fact", name="amount", operator="above", value="100.00")
    form = FormRule(effect="approval", scope="shop___process_refund", conditions=(condition,), approver="reviewer")
    save_rule(name="formed", written=form, mode=PolicyRule.Mode.SHADOW)
    publish(user=None)
    Limit.objects.create(scope="agent", agent=agent, measure="usd", period="month", amount="12.5", enabled=False)
    MoneyLimit.objects.create(tool_key="shop___process_refund", scope="agent", hours=1, max_count=0)


@pytest.mark.parametrize("arguments", [(), ("--full",)], ids=["short", "full"])
def test_a_desk_is_the_same_on_an_empty_one(apply: Apply, arguments: tuple[str, ...]) -> None:
    add_people()
    ApproverLimit.objects.create(user=make_user(Role.REVIEWER, "approver@example.org"), max_amount="99.99")
    with transaction.atomic():
        change_the_demo()
        text, everything = exported(*arguments), exported("--full")
        assert apply(text) == SAME
        transaction.set_rollback(True)
    assert not Agent.objects.exists()
    apply(text)
    assert exported("--full") == everything
    assert apply(text) == SAME


def test_an_export_is_plain_yaml_for_others_too() -> None:
    load_demo()
    found = yaml.safe_load(exported())
    assert found["targets"]["shop"]["tools"]["process_refund"]["effect"] == "money"
    assert found["agents"]["support"]["tools"][0] == "get_order"
    assert "max_seconds" not in found["agents"]["support"]
    assert yaml.safe_load(exported("--full"))["agents"]["support"]["max_seconds"] == 120


def test_an_export_is_written_to_a_file(tmp_path: Path) -> None:
    load_demo()
    call_command("export", str(tmp_path / "desk.yaml"), stdout=StringIO())
    assert (tmp_path / "desk.yaml").read_text(encoding="utf-8") == exported()
    with pytest.raises(CommandError, match="cannot be written"):
        call_command("export", str(tmp_path / "gone" / "desk.yaml"), stdout=StringIO())


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("apply", str(tmp_path / "gone.yaml"), stdout=StringIO())
