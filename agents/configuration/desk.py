"""The desk as a file would say it: every agent, target, tool, rule and limit, with what need not be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.configuration.form import AGENT, TOOL
from agents.configuration.limits import words_of_steps
from agents.models import Agent, AgentVersion, Limit
from agents.versions import FIELDS
from tools.credentials import credential_of
from tools.definitions import plain_text
from tools.listing import LISTED, RISKS, bare
from tools.models import ApproverLimit, MoneyLimit, PolicyRule, Target, Tool
from tools.policies import in_force, present_shapes, rules_of
from tools.policy.forms import FormRefused, to_cedar
from tools.policy.schema import ToolShape
from tools.policy_form_json import form_from_json
from tools.policy_modes import setting

Json = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Thing:
    """`label` names it to people; `place` are the keys that lead to it in a file, the last one empty in a list.
    `values` is all that the file could say of it, `defaults` what it would be without a word."""

    label: str
    place: tuple[str, ...]
    values: Json
    defaults: Json = field(default_factory=dict)

    def said(self) -> Json:
        """Without what would be so anyway."""
        nothing = object()
        return {name: value for name, value in self.values.items() if value != self.defaults.get(name, nothing)}


def desk_things() -> dict[str, Thing]:
    """By label, in the order in which a reader looks for them."""
    found = [*agent_things(), *target_things(), *policy_things(), *limit_things()]
    return {thing.label: thing for thing in found}


# -- agents


def agent_things() -> Iterator[Thing]:
    for agent in Agent.objects.select_related("live_version").order_by("slug"):
        yield agent_thing(agent)


def agent_thing(agent: Agent) -> Thing:
    """What its live version says; of one that has none yet only what it is called."""
    live = agent.live_version
    own = {name: getattr(agent, name) for name in ("name", "description", "status")}
    version = {name: getattr(live, name) for name in FIELDS} if live else {}
    return Thing(
        label=f"agent {agent.slug}",
        place=("agents", agent.slug),
        values={name: value for name in AGENT if (value := {**own, **version}.get(name)) is not None},
        defaults={"description": "", "status": Agent.Status.ACTIVE, **agent_defaults()},
    )


def agent_defaults() -> Json:
    """A fresh version, without the two that every agent has to say."""
    fresh = AgentVersion()
    return {name: getattr(fresh, name) for name in FIELDS if name not in ("instructions", "model")}


# -- targets and their tools


def target_things() -> Iterator[Thing]:
    for target in Target.objects.select_related("credential").order_by("name"):
        yield Thing(
            label=f"target {target.name}",
            place=("targets", target.name),
            values={
                **address_of(target),
                "internal": target.is_internal,
                "enabled": target.enabled,
                "credential": credential_said(target),
            },
            defaults={"internal": False, "enabled": True, "credential": None},
        )
        for tool in target.tools.order_by("name"):
            tool.target = target
            yield tool_thing(tool)


def address_of(target: Target) -> Json:
    kind = target.kind
    if kind == Target.Kind.OPENAPI:
        url = target.settings.get("document_url")
        return {kind: url or {"document": target.settings.get("document", "")}, "url": target.base_url}
    if kind == Target.Kind.AWS_LAMBDA:
        names = ("function", "region", "endpoint")
        return {kind: {name: value for name in names if (value := target.settings.get(name))}}
    if kind == Target.Kind.MCP_STDIO:
        return {kind: target.command}
    return {kind: True if kind == Target.Kind.BUILTIN else target.base_url}


def credential_said(target: Target) -> Json | None:
    """Never the secret."""
    credential = credential_of(target)
    return {"kind": credential.kind, **credential.public} if credential else None


def tool_thing(tool: Tool) -> Thing:
    values = {name: getattr(tool, name) for name in TOOL}
    values["recipe"] = bare(tool.recipe)
    listed: Mapping[str, Any] | None = tool.recipe.get(LISTED)
    if listed is not None:
        del values["recipe"]  # from the listing, with every other part that nobody changed
    return Thing(
        label=f"tool {tool.key}",
        place=("targets", tool.target.name, "tools", tool.name),
        values=values,
        defaults=tool_defaults(tool, listed),
    )


def tool_defaults(tool: Tool, listed: Mapping[str, Any] | None) -> Json:
    """What a new tool is, whose effect is known. `listed` is what the backend says of it."""
    fresh = Tool()
    named = {"description", "input_schema", "effect"}
    defaults = {name: getattr(fresh, name) for name in TOOL if name not in named}
    if listed is not None:
        defaults |= {name: listed[name] for name in named}
    effect = Tool.Effect(tool.effect)
    return {**defaults, **effect_defaults(effect), "progress": progress_of(tool.name)}


def effect_defaults(effect: Tool.Effect) -> Json:
    """Whatever does more than read is off until somebody has said that it is safe."""
    return {"risk": RISKS[effect], "enabled": effect == Tool.Effect.READ}


def progress_of(name: str) -> str:
    return f"Using {plain_text(name.replace('_', ' '), 100)}"


# -- policies


def policy_things() -> Iterator[Thing]:
    yield Thing(label="policies", place=("policies",), values={"mode": setting().mode})
    shapes = present_shapes()
    for rule in rules_of(in_force()):
        yield Thing(
            label=f"rule {rule.name}",
            place=("policies", "rules", rule.name),
            values={**written(rule, shapes), "mode": rule.mode},
            defaults={"mode": PolicyRule.Mode.ENFORCE},
        )


def written(rule: PolicyRule, shapes: list[ToolShape]) -> Json:
    """Its form where that still says the same as its text."""
    form = form_from_json(rule.form) if rule.form else None
    if form is None:
        return {"text": rule.text}
    try:
        is_same = to_cedar(form, shapes) == rule.text
    except FormRefused:
        is_same = False
    if not is_same:
        return {"text": rule.text}
    return {"form": {name: value for name, value in (rule.form or {}).items() if value not in ("", [], False)}}


# -- limits


def limit_things() -> Iterator[Thing]:
    for limit in Limit.objects.select_related("agent").order_by("scope", "measure", "period", "agent__slug"):
        yield usage_limit_thing(limit)
    for money in MoneyLimit.objects.order_by("tool_key", "scope", "hours"):
        yield money_limit_thing(money)
    for own in ApproverLimit.objects.select_related("user").order_by("user__email"):
        yield Thing(
            label=f"approver {own.user.email}",
            place=("limits", "approvers", own.user.email),
            values={"max_amount": own.max_amount},
        )


def usage_limit_thing(limit: Limit) -> Thing:
    agent = limit.agent.slug if limit.agent else ""
    names = ("scope", "measure", "period")
    return Thing(
        label=f"limit of {limit.measure} a {limit.period} for {limit.scope}{f' of {agent}' if agent else ''}",
        place=("limits", "usage", ""),
        values={
            **{name: getattr(limit, name) for name in names},
            "agent": agent,
            "amount": limit.amount,
            "enabled": limit.enabled,
            "refuses": limit.refuses,
            "steps": words_of_steps(limit),
        },
        defaults={"agent": "", "enabled": True, "refuses": True, "steps": []},
    )


def money_limit_thing(limit: MoneyLimit) -> Thing:
    return Thing(
        label=f"money limit of {limit.tool_key or 'every tool'} for {limit.scope} in {limit.hours} h",
        place=("limits", "money", ""),
        values={
            "tool": limit.tool_key,
            **{name: getattr(limit, name) for name in ("scope", "hours", "max_count", "max_amount", "enabled")},
        },
        defaults={"tool": "", "max_count": None, "max_amount": None, "enabled": True},
    )
