"""The form of a configuration file: which keys there are, and what each may be.

What is not named is left as it is on the desk, or, in a new thing, as the desk makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from agents.configuration.reading import Faults, Node
from agents.configuration.values import (
    Entry,
    Read,
    Unfit,
    amount,
    amount_or_none,
    flag,
    line_of_text,
    mapping,
    mapping_or_none,
    mappings,
    members_of,
    one_of,
    read_entry,
    several_of,
    shown,
    text,
    text_mapping,
    texts,
    unknown_words,
    unlike,
    whole,
    whole_or_none,
)
from agents.models import Agent, Limit
from agents.versions import FIELDS
from memory.models import Strategy
from tools.credential_fields import FIELDS as CREDENTIAL_FIELDS
from tools.models import Credential, MoneyLimit, PolicyRule, PolicySetting, Target, Tool
from tools.policy.forms import Operator

# Under these a target says its kind and where it is: one of them.
ADDRESSES = tuple(kind.value for kind in Target.Kind)
EVERY_TOOL = "all"
NAMED_TOOLS = "named"


@dataclass(frozen=True, kw_only=True)
class SecretAt:
    """Where a secret is read from: an environment variable, or a file."""

    env: str = ""
    file: str = ""


@dataclass(kw_only=True)
class TargetEntry:
    entry: Entry
    tools: dict[str, Entry] = field(default_factory=dict)
    names_tools: bool = False


@dataclass(kw_only=True)
class Form:
    """What a file says, by name; a part that it does not have is empty."""

    agents: dict[str, Entry] = field(default_factory=dict)
    targets: dict[str, TargetEntry] = field(default_factory=dict)
    policies: Entry | None = None
    rules: dict[str, Entry] = field(default_factory=dict)
    usage_limits: list[Entry] = field(default_factory=list)
    money_limits: list[Entry] = field(default_factory=list)
    approver_limits: dict[str, Entry] = field(default_factory=dict)

    def named(self) -> set[tuple[str, ...]]:
        """The places of what it names, but for what stands in a list."""
        found: set[tuple[str, ...]] = {("agents", slug) for slug in self.agents}
        found |= {("targets", name) for name in self.targets}
        for name, target in self.targets.items():
            found |= {("targets", name, "tools", tool) for tool in target.tools}
        return found | {("policies", "rules", name) for name in self.rules}

    def first_entry(self) -> Entry:
        """Where to point for what no line of its own says."""
        if self.policies is not None:
            return self.policies
        return next(iter([*(target.entry for target in self.targets.values()), *self.agents.values()]))


# -- readers of what is made of several


def openapi_address(node: Node) -> dict[str, str]:
    """`{"document_url"}`, or `{"file"}` or `{"document"}` for one that is kept on the desk."""
    if isinstance(node.value, str):
        return {"document_url": line_of_text(node)}
    found = text_mapping(node)
    if len(found) != 1 or not found.keys() <= {"file", "document"}:
        raise Unfit("the document's address is expected, or one of `file: PATH` and `document: TEXT`")
    return found


def lambda_address(node: Node) -> dict[str, str]:
    found = text_mapping(node)
    for name in found:
        if name not in ("function", "region", "endpoint"):
            raise Unfit(unknown_words(name, ("function", "region", "endpoint")))
    if not found.get("function"):
        raise Unfit("`function` is missing: its name or ARN")
    return found


def command(node: Node) -> list[str]:
    found = texts(node)
    if not found or not found[0]:
        raise Unfit("the program and its arguments are expected, as a list")
    return found


def desk_itself(node: Node) -> bool:
    if node.value is not True:
        raise Unfit("only true can stand here")
    return True


def secret_at(node: Node) -> SecretAt:
    """Whatever stands there is never repeated: it may be the secret."""
    members = node.value if isinstance(node.value, dict) else {}
    if len(members) != 1 or not members.keys() <= {"env", "file"}:
        raise Unfit("a secret does not stand in the file; write {env: VARIABLE} or {file: PATH}")
    try:
        return SecretAt(**{name: line_of_text(inner) for name, inner in members.items()})
    except Unfit as error:
        raise Unfit("the name of a variable or file is expected") from error


def credential(node: Node) -> dict[str, Any] | None:
    """`{"kind", "public", "secret"}`; None takes the credential away."""
    if node.value is None or node.text == "none":
        return None
    if not isinstance(node.value, dict):
        raise Unfit("an object is expected, such as {kind: bearer, secret: {env: VARIABLE}}, or none")
    members = dict(node.value)
    if "kind" not in members:
        raise Unfit("`kind` is missing")
    kind = one_of(Credential.Kind.values)(members.pop("kind"))
    secret = secret_at(members.pop("secret")) if "secret" in members else None
    known = ["kind", "secret", *dict.fromkeys(["name", *(part.name for part in CREDENTIAL_FIELDS[kind])])]
    public = {}
    for name, inner in members.items():
        if name not in known:
            raise Unfit(unknown_words(name, known), inner)
        public[name] = line_of_text(inner)
    return {"kind": kind, "public": public, "secret": secret}


def conditions(node: Node) -> list[dict[str, Any]]:
    mappings(node)
    return [condition(item) for item in node.value]


def condition(node: Node) -> dict[str, Any]:
    readers: dict[str, Read] = {
        "of": one_of(("argument", "fact")),
        "name": line_of_text,
        "operator": one_of(get_args(Operator)),
        "value": compared_value,
    }
    found = {}
    for name, inner in node.value.items():
        if name not in readers:
            raise Unfit(unknown_words(name, readers), inner)
        found[name] = readers[name](inner)
    if missing := [name for name in ("name", "operator") if name not in found]:
        raise Unfit(f"`{missing[0]}` is missing", node)
    return found


def compared_value(node: Node) -> Any:
    """A decimal stays as it is written: 100.00."""
    if isinstance(node.value, list):
        return [compared_value(item) for item in node.value]
    if isinstance(node.value, dict) or node.value is None:
        raise Unfit("a text, a number, true or false is expected, or a list of them", node)
    return node.text if isinstance(node.value, float) else node.value


# -- the keys

AGENT: dict[str, Read] = {
    "name": line_of_text,
    "description": line_of_text,
    "status": one_of(Agent.Status.values),
    "instructions": text,
    "model": line_of_text,
    "fallback_model": line_of_text,
    "tools": unlike,
    "guardrail": line_of_text,
    "greeting": text,
    "handoff_text": text,
    **{name: whole for name in FIELDS if name.startswith(("window_", "max_", "recall_"))},
    "max_usd": amount,
    "merge_waiting": flag,
    "recall_own_only": flag,
    "memory_strategies": several_of(Strategy.values),
}
TARGET: dict[str, Read] = {
    Target.Kind.HTTP: line_of_text,
    Target.Kind.OPENAPI: openapi_address,
    Target.Kind.MCP: line_of_text,
    Target.Kind.MCP_STDIO: command,
    Target.Kind.AWS_LAMBDA: lambda_address,
    Target.Kind.BUILTIN: desk_itself,
    "url": line_of_text,
    "internal": flag,
    "enabled": flag,
    "credential": credential,
    "take": one_of((EVERY_TOOL, NAMED_TOOLS)),
}
TOOL: dict[str, Read] = {
    "description": text,
    "input_schema": mapping,
    "effect": one_of(Tool.Effect.values),
    "enabled": flag,
    "risk": one_of(Tool.Risk.values),
    "routes": mappings,
    "recipe": mapping,
    "idempotency": one_of(Tool.Idempotency.values),
    "lookup": mapping_or_none,
    "needs_customer": flag,
    "bindings": text_mapping,
    "owners": mappings,
    "precheck": mapping_or_none,
    "amount": mapping_or_none,
    "subject_argument": line_of_text,
    "free_text": unlike,
    "progress": line_of_text,
    "deadline_ms": whole,
    "retries": whole,
    "cost_usd": amount,
}
RULE_FORM: dict[str, Read] = {
    "effect": one_of(("permit", "forbid", "approval")),
    "scope": line_of_text,
    "agent": line_of_text,
    "kind": one_of(("", "agent", "key")),
    "role": line_of_text,
    "verified_customer": flag,
    "conditions": conditions,
    "approver": line_of_text,
    "approvals": whole,
    "reason": line_of_text,
}
USAGE_LIMIT: dict[str, Read] = {
    "scope": one_of(Limit.Scope.values),
    "measure": one_of(Limit.Measure.values),
    "period": one_of(Limit.Period.values),
    "agent": line_of_text,
    "amount": amount,
    "enabled": flag,
    "refuses": flag,
    "steps": unlike,
}
MONEY_LIMIT: dict[str, Read] = {
    "tool": line_of_text,
    "scope": one_of(MoneyLimit.Scope.values),
    "hours": whole,
    "max_count": whole_or_none,
    "max_amount": amount_or_none,
    "enabled": flag,
}


# -- the whole


def read_form(tree: Node, faults: Faults) -> Form:
    """What can be read; the rest is among the faults."""
    parts = {
        "agents": read_agents,
        "targets": read_targets,
        "policies": read_policies,
        "limits": read_limits,
    }
    form = Form()
    if not isinstance(tree.value, dict):
        faults.add(tree.line, "", f"an object with {', '.join(parts)} is expected.")
        return form
    for name, node in tree.value.items():
        if name in parts:
            parts[name](node, form, faults)
        else:
            faults.add(tree.lines[name], "", unknown_words(name, parts))
    return form


def read_agents(node: Node, form: Form, faults: Faults) -> None:
    for slug, inner in members_of(node, "agents", faults).items():
        form.agents[slug] = read_entry(inner, f"agents.{slug}", AGENT, faults)


def read_targets(node: Node, form: Form, faults: Faults) -> None:
    for name, inner in members_of(node, "targets", faults).items():
        form.targets[name] = read_target(name, inner, faults)


def read_target(name: str, node: Node, faults: Faults) -> TargetEntry:
    key = f"targets.{name}"
    members = members_of(node, key, faults)
    own = Node(value={part: inner for part, inner in members.items() if part != "tools"}, line=node.line)
    own.lines.update(node.lines)
    found = TargetEntry(entry=read_entry(own, key, TARGET | {"tools": mapping}, faults), names_tools="tools" in members)
    for tool, inner in members_of(members.get("tools"), f"{key}.tools", faults).items():
        found.tools[tool] = read_entry(inner, f"{key}.tools.{tool}", TOOL, faults)
    kinds = [part for part in ADDRESSES if part in members]
    if len(kinds) > 1:
        found.entry.refuse(kinds[1], f"a target is one thing: it is {kinds[0]} already.")
    return found


def read_policies(node: Node, form: Form, faults: Faults) -> None:
    members = members_of(node, "policies", faults)
    own = Node(value={part: inner for part, inner in members.items() if part != "rules"}, line=node.line)
    own.lines.update(node.lines)
    readers: dict[str, Read] = {"mode": one_of(PolicySetting.Mode.values), "rules": mapping}
    form.policies = read_entry(own, "policies", readers, faults)
    for name, inner in members_of(members.get("rules"), "policies.rules", faults).items():
        form.rules[name] = read_rule(inner, f"policies.rules.{name}", faults)


def read_rule(node: Node, key: str, faults: Faults) -> Entry:
    """Its values are `text` or `form`, and `mode`."""
    if isinstance(node.value, str):
        return Entry(key=key, node=node, faults=faults, values={"text": node.value})
    readers: dict[str, Read] = {"text": text, "form": mapping, "mode": one_of(PolicyRule.Mode.values)}
    entry = read_entry(node, key, readers, faults)
    if "form" in entry.values:
        form = node.value["form"]
        entry.values["form"] = read_entry(form, f"{key}.form", RULE_FORM, faults).values
        if "effect" not in form.value:
            entry.refuse("form", "`effect` is missing.")
        if "text" in entry.values:
            entry.refuse("text", "a rule is its text or its form, not both.")
    return entry


def read_limits(node: Node, form: Form, faults: Faults) -> None:
    members = members_of(node, "limits", faults)
    form.usage_limits = read_list(members.get("usage"), "limits.usage", USAGE_LIMIT, faults)
    form.money_limits = read_list(members.get("money"), "limits.money", MONEY_LIMIT, faults)
    refuse_twice(form.usage_limits, {"scope": "", "agent": "", "measure": "", "period": ""})
    refuse_twice(form.money_limits, {"scope": "", "tool": "", "hours": 24})
    for email, inner in members_of(members.get("approvers"), "limits.approvers", faults).items():
        one = Node(value={"max_amount": inner}, line=inner.line)
        entry = read_entry(one, "limits.approvers", {"max_amount": amount}, faults)
        form.approver_limits[email] = entry
    for name in members.keys() - {"usage", "money", "approvers"}:
        faults.add(node.lines[name], "limits", unknown_words(name, ("usage", "money", "approvers")))


def refuse_twice(entries: list[Entry], names: Mapping[str, Any]) -> None:
    """`names` are the keys by which a limit is known, each with what counts where it is not named."""
    seen = set()
    for entry in entries:
        known_by = tuple(entry.values.get(name, default) for name, default in names.items())
        if known_by in seen:
            entry.refuse("", "there is such a limit above already.")
        seen.add(known_by)


def read_list(node: Node | None, key: str, readers: Mapping[str, Read], faults: Faults) -> list[Entry]:
    if node is None or node.value is None:
        return []
    if not isinstance(node.value, list):
        faults.add(node.line, key, f"a list is expected, not {shown(node)}.")
        return []
    return [read_entry(item, f"{key}[{place}]", readers, faults) for place, item in enumerate(node.value, start=1)]
