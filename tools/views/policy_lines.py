"""What the pages of the policies share: a rule in one line, and the way from one page to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.models import User
from django.http import HttpRequest
from django.urls import reverse
from django_htmx.middleware import HtmxDetails

from observability.access import Role, has_role
from tools.models import PolicyRule, PolicyVersion
from tools.policies import present_shapes, rules_of
from tools.policy.schema import SEPARATOR, ToolShape
from tools.policy.sentences import sentence
from tools.policy_figures import RuleFigures, statements_of, summary, tools_touched
from tools.policy_form_json import form_from_json
from tools.policy_sources import every_caller

CONFLICT, INVALID = 409, 422
PAGES = (
    ("Rules", "tools:policies"),
    ("Draft", "tools:policy_draft"),
    ("Try a call", "tools:policy_try"),
    ("Back-test", "tools:policy_backtest"),
    ("Who may call what", "tools:policy_matrix"),
    ("Versions", "tools:policy_versions"),
)


class DeskRequest(HttpRequest):
    user: User
    htmx: HtmxDetails


@dataclass(frozen=True, kw_only=True)
class RuleLine:
    """One rule as a list shows it. `effects` are the words of its statements, `change` how the draft differs."""

    rule: PolicyRule
    words: str
    tools: list[str]
    effects: list[str]
    figures: RuleFigures = field(default_factory=RuleFigures)
    change: str = ""

    @property
    def is_shadow(self) -> bool:
        return self.rule.mode == PolicyRule.Mode.SHADOW


def tabs(current: str) -> list[dict[str, Any]]:
    return [{"name": name, "url": reverse(route), "current": route == current, "count": None} for name, route in PAGES]


def may_configure(user: User) -> bool:
    return has_role(user, Role.ADMIN)


def labels() -> dict[str, str]:
    """Words for callers."""
    return {caller.principal.id: caller.label for caller in every_caller()}


def lines_of(
    version: PolicyVersion | None,
    *,
    figures: Mapping[str, RuleFigures] | None = None,
    changed: Mapping[str, str] | None = None,
) -> list[RuleLine]:
    shapes, known = present_shapes(), labels()
    return [
        line_of(rule, shapes, known, figures=(figures or {}).get(rule.name), change=(changed or {}).get(rule.name, ""))
        for rule in rules_of(version)
    ]


def line_of(
    rule: PolicyRule,
    shapes: Sequence[ToolShape],
    known: Mapping[str, str],
    *,
    figures: RuleFigures | None = None,
    change: str = "",
) -> RuleLine:
    statements = statements_of(rule)
    return RuleLine(
        rule=rule,
        words=words_of_rule(rule, known),
        tools=[key.partition(SEPARATOR)[2] for key in tools_touched(statements, shapes)],
        effects=list(
            dict.fromkeys("approval" if statement.approvers else statement.effect for statement in statements)
        ),
        figures=figures or RuleFigures(),
        change=change,
    )


def words_of_rule(rule: PolicyRule, known: Mapping[str, str]) -> str:
    """The sentence of the form that wrote it, or what can be told from its text."""
    form = form_from_json(rule.form)
    return sentence(form, known) if form else summary(rule.text, statements_of(rule))
