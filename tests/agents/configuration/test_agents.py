"""Agents from a file: what changes becomes a version, and a draft that somebody has begun is theirs."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agents.models import Agent, AgentVersion
from agents.versions import draft_version
from observability.access import Role
from tests.agents.configuration.conftest import SAME, Apply, refused
from tests.factories import make_agent, make_user
from tools.models import Target, Tool

pytestmark = pytest.mark.django_db
CLERK = """\
agents:
  clerk:
    name: The clerk
    instructions: |
      Answer.
      Be brief.
    tools: [get_order]
    max_usd: 0.25
    merge_waiting: true
"""


@pytest.fixture(autouse=True)
def _tools() -> None:
    for name in ("shop", "store"):
        target = Target.objects.create(name=name, kind=Target.Kind.HTTP, base_url=f"https://{name}.example.com")
        for tool in ("look", "get_order") if name == "shop" else ("look",):
            Tool.objects.create(target=target, name=tool, description="d", input_schema={}, effect="read")


def clerk() -> Agent:
    return Agent.objects.select_related("live_version").get(slug="clerk")


def live() -> AgentVersion:
    version = clerk().live_version
    assert version is not None
    return version


def test_it_is_made_and_live(apply: Apply) -> None:
    assert apply(CLERK) == [
        "+ agent clerk: status active, model claude-sonnet-5-5",
        "  agent clerk: version 1 is live",
    ]
    version = live()
    assert (clerk().name, version.instructions, version.tools) == ("The clerk", "Answer.\nBe brief.\n", ["get_order"])
    assert (version.max_usd, version.merge_waiting, version.note) == (Decimal("0.25"), True, "applied from desk.yaml")
    assert apply(CLERK) == SAME
    assert AgentVersion.objects.count() == 1


def test_what_differs_becomes_the_next_version(apply: Apply) -> None:
    apply(CLERK)
    admin = make_user(Role.ADMIN)
    text = "agents: {clerk: {description: For orders., status: paused, tools: [get_order, store___look], max_usd: 1}}"
    assert apply(text, "--as", admin.email) == [
        "~ agent clerk: description: nothing -> For orders.",
        "~ agent clerk: status: active -> paused",
        "~ agent clerk: tools: +store___look",
        "~ agent clerk: max_usd: 0.25 -> 1",
        "  agent clerk: version 2 is live",
    ]
    assert (live().number, live().published_by, live().instructions) == (2, admin, "Answer.\nBe brief.\n")


def test_a_draft_is_neither_published_nor_changed(apply: Apply) -> None:
    apply(CLERK)
    draft = draft_version(clerk())
    draft.instructions = "Half a thought"
    draft.save()
    apply("agents: {clerk: {greeting: Hello.}}")
    assert (live().greeting, live().instructions) == ("Hello.", "Answer.\nBe brief.\n")
    draft.refresh_from_db()
    assert (draft.state, draft.instructions, draft.greeting) == ("draft", "Half a thought", "")


def test_a_pause_alone_makes_no_version(apply: Apply) -> None:
    apply(CLERK)
    assert apply("agents: {clerk: {status: paused}}") == ["~ agent clerk: status: active -> paused"]


def test_a_tool_that_is_off_is_said_to_be(apply: Apply) -> None:
    Tool.objects.filter(name="get_order").update(enabled=False)
    assert apply(CLERK)[-1] == "  agent clerk: shop___get_order cannot be called: switched off"


def test_what_is_wrong_is_told_at_its_line(apply: Apply) -> None:
    text = (
        CLERK.replace("get_order", "get_ordr, look")
        .replace("0.25", "0")
        .replace("    name:", "    model: gpt\n    name:")
    )
    assert refused(apply, text) == [
        "desk.yaml, line 9, agents.clerk.max_usd: Ensure this value is greater than or equal to 0.0001."
    ]
    assert refused(apply, text.replace("max_usd: 0", "max_usd: 1")) == [
        "desk.yaml, line 3, agents.clerk.model: no model that takes calls is named 'gpt'.",
        "desk.yaml, line 8, agents.clerk.tools: there is no tool 'get_ordr'; did you mean 'get_order'?",
        "desk.yaml, line 8, agents.clerk.tools: 'look' could be shop___look or store___look: write which.",
    ]
    assert refused(apply, "agents: {new: {instructions: x}, other: {name: y}}") == [
        "desk.yaml, line 1, agents.new: 'new' cannot be an agent's address: "
        "it has small letters, and no page has it already.",
        "desk.yaml, line 1, agents.other: it is new, so it needs instructions.",
    ]


def test_others_are_listed_and_left_alone(apply: Apply) -> None:
    make_agent("other")
    assert "? agent other: not in the file, left as it is" in apply(CLERK, "--prune")
    assert Agent.objects.get(slug="other").status == "active"
