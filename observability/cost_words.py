"""What a page of money is narrowed to, in words, and what there is to choose from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from observability.cost_figures import BASES, KINDS, agent_names, kind_word
from observability.cost_range import DAY, Wanted
from observability.figures import Spent
from observability.waterfall import version_label


def narrowing(wanted: Wanted, names: Mapping[UUID, str]) -> list[dict[str, str]]:
    """Each with the way to take it away."""
    agent = names.get(wanted.agent, "One agent") if wanted.agent else ""
    words = {
        "agent": f"Agent: {agent}",
        "version": f"Version: {version_label(wanted.version or 0)}",
        "channel": f"Channel: {wanted.channel}",
        "kind": f"Kind: {kind_word(wanted.kind)}",
        "subject": wanted.subject,
        "basis": BASES.get(wanted.basis, ""),
    }
    # A version is one of its agent.
    with_it = {"agent": {"agent": "", "version": ""}}
    links = [{"word": words[name], "url": wanted.query(**with_it.get(name, {name: ""}))} for name in wanted.narrowed()]
    if wanted.since and wanted.until:
        links.append({"word": f"Only {bar_words(wanted)}", "url": wanted.query(since="", until="")})
    return links


def bar_words(wanted: Wanted) -> str:
    since, until = wanted.since, wanted.until
    if since is None or until is None:
        return ""
    day = f"{since.day} {since:%b}"
    if until - since == DAY:
        return day
    if until - since < DAY + timedelta(hours=1):
        return f"{day}, {since:%H:%M} to {until:%H:%M}"
    return f"{day}, {since:%H:%M} to {until.day} {until:%b}, {until:%H:%M}"


def names_for(wanted: Wanted) -> dict[UUID, str]:
    return agent_names([wanted.agent]) if wanted.agent else {}


def choices_of(wanted: Wanted, there: Sequence[Spent]) -> list[dict[str, Any]]:
    """The selects of the ledger: name, label, the words for all, and value with name of each choice. On offer is what
    was charged in this time, and what is chosen."""
    agents = {each.agent_id for each in there if each.agent_id} | ({wanted.agent} if wanted.agent else set())
    named = sorted(agent_names(agents).items(), key=lambda pair: pair[1].lower())
    channels = sorted({each.channel or "" for each in there} | {wanted.channel})
    subjects = sorted({each.subject or "" for each in there} | {wanted.subject})
    selects: list[tuple[str, str, str, list[tuple[str, str]]]] = [
        ("kind", "Kind", "All kinds", list(KINDS.items())),
        ("subject", "Model or tool", "All models and tools", [(name, name) for name in subjects if name]),
        ("agent", "Agent", "All agents", [(str(pk), name) for pk, name in named]),
        ("channel", "Channel", "All channels", [(name, name.capitalize()) for name in channels if name]),
        ("basis", "Basis", "Exact or not", list(BASES.items())),
    ]
    return [
        {
            "name": name,
            "label": label,
            "all": all_words,
            "options": options,
            "chosen": str(getattr(wanted, name) or ""),
        }
        for name, label, all_words, options in selects
    ]
