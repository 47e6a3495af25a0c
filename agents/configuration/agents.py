"""Agents as a file wants them: what differs from the live version becomes a new one, which is live at once."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils import timezone

from agents.configuration.values import Entry, nearest_words
from agents.configure import FIRST_MODEL, lock, set_status
from agents.forms import RESERVED_SLUGS, row_of
from agents.models import Agent, AgentVersion
from agents.versions import FIELDS, go_live
from tools.models import Tool

OWN = ("name", "description")


def write_agent(slug: str, entry: Entry, *, user: User | None, note: str) -> list[str]:
    """Within the transaction, after the tools. Returns what to tell; what is wrong is among the faults.

    A draft that somebody has begun is theirs: it is neither published nor changed.
    """
    agent = Agent.objects.filter(slug=slug).first()
    if agent is None:
        agent = new_agent(slug, entry)
        if agent is None:
            return []
    agent = lock(agent)
    changed = [name for name in OWN if name in entry.values and getattr(agent, name) != entry.values[name]]
    for name in changed:
        setattr(agent, name, entry.values[name])
    if changed and is_clean(agent, entry, changed):
        agent.save(update_fields=changed)
    if "status" in entry.values:
        set_status(agent, Agent.Status(entry.values["status"]), user=user)
    return publish(agent, entry, user=user, note=note)


def new_agent(slug: str, entry: Entry) -> Agent | None:
    agent = Agent(slug=slug, name=entry.values.get("name") or slug.replace("-", " ").capitalize())
    if slug in RESERVED_SLUGS or slug != slug.lower():
        entry.refuse("", f"{slug!r} cannot be an agent's address: it has small letters, and no page has it already.")
        return None
    if "instructions" not in entry.values:
        entry.refuse("", "it is new, so it needs instructions.")
        return None
    if not is_clean(agent, entry, ["slug", "name"]):
        return None
    agent.save(force_insert=True)
    return agent


def is_clean(row: Agent | AgentVersion, entry: Entry, names: list[str]) -> bool:
    try:
        others = {field.name for field in type(row)._meta.fields} - {*names}  # noqa: SLF001  Django's own door to them
        row.clean_fields(exclude=others)
    except ValidationError as error:
        for name, messages in error.message_dict.items():
            entry.refuse(name, " ".join(messages))
        return False
    return True


# -- its version


def publish(agent: Agent, entry: Entry, *, user: User | None, note: str) -> list[str]:
    live = agent.live_version
    before: dict[str, Any] = {name: getattr(live, name) for name in FIELDS} if live else {}
    said = {name: entry.values[name] for name in FIELDS if name in entry.values}
    if live is not None and all(before[name] == value for name, value in said.items()):
        return []
    version = AgentVersion(agent=agent, **{"model": FIRST_MODEL, **before, **said})
    found = len(entry.faults.found)
    if is_clean(version, entry, list(FIELDS)):
        check_version(version, entry)
    if len(entry.faults.found) > found:
        return []
    newest = agent.versions.aggregate(newest=Max("number"))["newest"] or 0
    version.state, version.number = AgentVersion.State.PUBLISHED, newest + 1
    version.note, version.published_at, version.published_by = note, timezone.now(), user
    version.full_clean(exclude=["agent", "published_by"])
    version.save(force_insert=True)
    go_live(agent, version, user=user, action="agent.publish", reason=note)
    return [f"agent {agent.slug}: version {version.number} is live", *off_words(agent, version)]


def check_version(version: AgentVersion, entry: Entry) -> None:
    """What its form checks as well."""
    if not version.instructions.strip():
        entry.refuse("instructions", "say who the agent is and how it works.")
    model, fallback = row_of(version.model), row_of(version.fallback_model)
    if model is None:
        entry.refuse("model", f"no model that takes calls is named {version.model!r}.")
    if version.fallback_model and fallback is None:
        entry.refuse("fallback_model", f"no model that takes calls is named {version.fallback_model!r}.")
    if fallback is not None and fallback == model:
        entry.refuse("fallback_model", "it has to be another model: where one is down, so is the same one again.")
    longest = min((row.max_output_tokens for row in (model, fallback) if row), default=version.max_output_tokens)
    if version.max_output_tokens > longest:
        entry.refuse("max_output_tokens", f"the model writes at most {longest:,} tokens in one call.")
    check_tools(version, entry)


def check_tools(version: AgentVersion, entry: Entry) -> None:
    """Those that the file names; what an older version names besides may be gone by now."""
    keys = tool_keys()
    for name in entry.values.get("tools", []):
        found = [key for key in keys if name in (key, short(key))]
        if not found:
            entry.refuse("tools", f"there is no tool {name!r}{nearest_words(name, [*map(short, keys), *keys])}")
        elif len(found) > 1:
            entry.refuse("tools", f"{name!r} could be {' or '.join(found)}: write which.")


def short(key: str) -> str:
    return key.partition("___")[2]


def tool_keys() -> list[str]:
    return sorted(tool.key for tool in Tool.objects.select_related("target"))


def off_words(agent: Agent, version: AgentVersion) -> list[str]:
    rows = Tool.objects.select_related("target")
    off = [tool.key for tool in rows if not tool.is_open and {tool.key, tool.name} & set(version.tools)]
    return [f"agent {agent.slug}: {', '.join(sorted(off))} cannot be called: switched off"] if off else []
