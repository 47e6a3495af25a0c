from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.configure import editable_version, fingerprint
from agents.demo import add_tools
from agents.models import Agent, AgentVersion
from agents.versions import FIELDS, draft_version
from observability.ids import uuid7
from tests.factories import client_of, make_agent, make_trace

pytestmark = pytest.mark.django_db
HOSTILE = "</textarea><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def agent() -> Agent:
    add_tools()
    return make_agent("refunds", name="Refunds", instructions="Be exact.\nBe brief.\n", tools=["get_order"])


def url_of(agent: Agent, rest: str = "") -> str:
    return f"/agents/{agent.slug}/{rest}"


def form_of(agent: Agent, **changed: Any) -> dict[str, Any]:
    """What a browser would send from the page as it is now, with some fields changed."""
    version = editable_version(agent)
    values = {name: getattr(version, name) for name in FIELDS}
    return {**values, "seen": json.dumps(fingerprint(version)), **changed}


def draft_of(agent: Agent) -> AgentVersion | None:
    return agent.versions.filter(state=AgentVersion.State.DRAFT).first()


def test_staff_read_what_is_live(agent: Agent, support: User, reviewer: User, analyst: User) -> None:
    draft = draft_version(agent)
    draft.instructions = "Not said yet."
    draft.save()
    for user in (support, reviewer, analyst):
        text = client_of(user).get(url_of(agent)).content.decode()
        assert "Be brief." in text
        assert "Not said yet." not in text
        assert 'id="draft"' not in text


def test_an_admin_edits_the_draft(agent: Agent, admin: User) -> None:
    client = client_of(admin)
    text = client.get(url_of(agent)).content.decode()
    assert 'id="draft"' in text
    assert "What the model sees" in text
    assert "Moves money" in text
    response = client.post(url_of(agent), form_of(agent, instructions="Be kind.", tools=["get_order", "cancel_order"]))
    assert response.status_code == 302
    draft = draft_of(agent)
    assert draft is not None
    assert (draft.instructions, draft.tools) == ("Be kind.", ["get_order", "cancel_order"])
    assert "Draft differs from live (2)" in client.get(url_of(agent)).content.decode()
    agent.refresh_from_db()
    assert agent.live_version is not None
    assert agent.live_version.instructions == "Be exact.\nBe brief.\n"


def test_saving_what_is_there_changes_nothing(agent: Agent, admin: User) -> None:
    """A browser sends CRLF line ends and the tools in the page's order."""
    values = form_of(agent)
    client_of(admin).post(url_of(agent), {**values, "instructions": values["instructions"].replace("\n", "\r\n")})
    assert draft_of(agent) is None


def test_review_leads_to_the_changes(agent: Agent, admin: User) -> None:
    response = client_of(admin).post(url_of(agent), form_of(agent, model="claude-haiku-5-5", then="review"))
    assert response["Location"] == url_of(agent, "changes/")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"instructions": "  \n"}, "Say who the agent is"),
        ({"tools": ["get_order", "delete_everything"]}, "There is no tool named delete_everything"),
        ({"window_exchanges": "0"}, "greater than or equal to 1"),
        ({"window_tokens": "many"}, "whole number"),
        ({"max_model_calls": "51"}, "less than or equal to 50"),
        ({"handoff_text": ""}, "required"),
        ({"model": "gpt-x"}, "No model that takes calls is named gpt-x"),
        ({"model": "claude-mythos-5"}, "No model that takes calls"),
        ({"model": "anthropic.claude-3-5-sonnet-20241022-v2:0"}, "No model that takes calls"),
        ({"fallback_model": "gpt-x"}, "No model that takes calls is named gpt-x"),
        ({"fallback_model": "claude-sonnet-5-5"}, "It has to be another model"),
        ({"model": "bedrock/llama-3-3-70b", "max_output_tokens": "9000"}, "writes at most 8,192 tokens"),
        ({"max_tokens": "999"}, "greater than or equal to 1000"),
        ({"max_usd": "0"}, "greater than or equal to 0.0001"),
        ({"max_same_call": "21"}, "less than or equal to 20"),
    ],
)
def test_bad_input_is_said_at_the_field_and_loses_nothing(
    agent: Agent, admin: User, changed: dict[str, Any], said: str
) -> None:
    response = client_of(admin).post(url_of(agent), form_of(agent, **{"greeting": "A greeting of mine", **changed}))
    assert response.status_code == 422
    text = response.content.decode()
    assert said in text
    assert "A greeting of mine" in text
    assert draft_of(agent) is None


def test_a_fall_back_and_the_limits_of_money_are_saved(agent: Agent, admin: User) -> None:
    changed = {
        "fallback_model": "bedrock/llama-4-maverick",
        "max_tokens": "50000",
        "max_usd": "0.25",
        "max_same_call": "2",
        "merge_waiting": "on",
    }
    client = client_of(admin)
    assert client.post(url_of(agent), form_of(agent, **changed)).status_code == 302
    draft = draft_of(agent)
    assert draft is not None
    assert (draft.model, draft.fallback_model) == ("claude-sonnet-5-5", "bedrock/llama-4-maverick")
    assert (draft.max_tokens, draft.max_usd, draft.max_same_call) == (50_000, Decimal("0.25"), 2)
    assert draft.merge_waiting
    text = client.get(url_of(agent, "changes/")).content.decode()
    for said in ("Limits: us dollars", "$1.00 a turn", "$0.2500 a turn", "50,000 tokens a turn", "Together"):
        assert said in text
    # Another spelling of the same amount is no change.
    client.post(url_of(agent), form_of(agent, max_usd="0.250000000"))
    assert client.post(url_of(agent), form_of(agent, max_usd="0.25")).status_code == 302


def test_the_models_are_offered_by_provider(agent: Agent, admin: User) -> None:
    text = client_of(admin).get(url_of(agent)).content.decode()
    assert '<optgroup label="Bedrock Converse">' in text
    assert '<option value="claude-sonnet-5-5" selected>Claude Sonnet 5.5 · $2.00 in, $10.00 out</option>' in text
    assert "claude-mythos-5" not in text


def test_a_former_name_is_kept_with_its_warning(admin: User, support: User) -> None:
    name = "anthropic.claude-3-5-sonnet-20241022-v2:0"
    old = make_agent("old", model=name, instructions="Be exact.")
    warning = f"{name} was retired; Claude Sonnet 5.5 answers instead."
    for user in (admin, support):
        assert warning in client_of(user).get(url_of(old)).content.decode()
        assert warning in client_of(user).get(url_of(old, "versions/1/")).content.decode()
    assert f'<option value="{name}" selected>' in client_of(admin).get(url_of(old)).content.decode()
    response = client_of(admin).post(url_of(old), form_of(old, instructions="Be kind."))
    assert response.status_code == 302
    draft = draft_of(old)
    assert draft is not None
    assert (draft.model, draft.instructions) == (name, "Be kind.")


def test_a_model_that_nobody_knows_is_named(admin: User, support: User) -> None:
    lost = make_agent("lost", model="gpt-x")
    for user in (admin, support):
        text = client_of(user).get(url_of(lost)).content.decode()
        assert "There is no model named &#x27;gpt-x&#x27;. Each conversation goes to a person." in text


def test_two_admins_changing_different_fields_both_keep_theirs(agent: Agent, admin: User) -> None:
    first, second = form_of(agent, instructions="From the first."), form_of(agent, window_hours=48)
    client = client_of(admin)
    assert client.post(url_of(agent), first).status_code == 302
    assert client.post(url_of(agent), second).status_code == 302
    draft = draft_of(agent)
    assert draft is not None
    assert (draft.instructions, draft.window_hours) == ("From the first.", 48)


def test_two_admins_changing_the_same_field_are_told(agent: Agent, admin: User) -> None:
    client = client_of(admin)
    mine = form_of(agent, instructions="Mine.")
    client.post(url_of(agent), form_of(agent, instructions="Theirs.", window_hours=72))
    response = client.post(url_of(agent), mine)
    assert response.status_code == 409
    text = response.content.decode()
    assert "Mine." in text
    assert "Theirs." in text
    draft = draft_of(agent)
    assert draft is not None
    assert draft.instructions == "Theirs."
    # Saving again is deliberate: it puts mine over theirs, and leaves what only they changed.
    again = {**form_of(agent, instructions="Mine."), "seen": response.context["form"]["seen"].value()}
    assert response.context["form"]["window_hours"].value() == 72
    assert client.post(url_of(agent), again).status_code == 302
    draft.refresh_from_db()
    assert (draft.instructions, draft.window_hours) == ("Mine.", 72)


@pytest.mark.parametrize("seen", ["", "{", "[]", '{"instructions": 1}'])
def test_a_broken_fingerprint_overwrites_nothing(agent: Agent, admin: User, seen: str) -> None:
    response = client_of(admin).post(url_of(agent), form_of(agent, instructions="Mine.", seen=seen))
    assert response.status_code == 409
    assert draft_of(agent) is None


def test_others_may_not_save(agent: Agent, support: User, reviewer: User, analyst: User, stranger: User) -> None:
    for user in (support, reviewer, analyst, stranger):
        assert client_of(user).post(url_of(agent), form_of(agent, instructions="Mine.")).status_code == 403
    assert Client().post(url_of(agent), {}).status_code == 302
    assert draft_of(agent) is None


def test_an_unknown_agent_is_not_found(admin: User) -> None:
    assert client_of(admin).get("/agents/nobody/").status_code == 404


def test_other_methods_are_refused(agent: Agent, admin: User) -> None:
    assert client_of(admin).delete(url_of(agent)).status_code == 405


def test_hostile_instructions_are_inert(agent: Agent, admin: User, support: User) -> None:
    live = make_agent("hostile", name=HOSTILE[:80], instructions=HOSTILE, greeting=HOSTILE)
    make_trace(agent_id=live.pk, input_text=HOSTILE, output_text=HOSTILE)
    for user in (admin, support):
        text = client_of(user).get(url_of(live)).content.decode()
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "&lt;script&gt;alert(1)" in text


def test_a_tool_that_is_gone_is_named(agent: Agent, admin: User) -> None:
    other = make_agent("other", tools=["get_order", "gone_tool"])
    assert "No longer there: gone_tool" in client_of(admin).get(url_of(other)).content.decode()


def test_an_agent_that_was_never_published(admin: User, support: User) -> None:
    agent = Agent.objects.create(slug="fresh", name="Fresh")
    assert "Never published" in client_of(admin).get(url_of(agent)).content.decode()
    assert "/chat/fresh/" not in client_of(admin).get(url_of(agent)).content.decode()
    assert "Never published" in client_of(support).get(url_of(agent)).content.decode()


def test_more_tools_and_turns_take_no_more_queries(agent: Agent, admin: User, django_assert_max_num_queries) -> None:
    draft_version(agent)
    for _ in range(8):
        make_trace(agent_id=agent.pk, spans=0)
    client = client_of(admin)
    # Three of them for the tools and the models, which a process keeps.
    with django_assert_max_num_queries(18):
        client.get(url_of(agent))


class TestWindow:
    def test_the_sentence_follows_the_numbers(self, agent: Agent, support: User) -> None:
        query = "window/?window_exchanges=1&window_tokens=2000&window_hours=72"
        text = client_of(support).get(url_of(agent, query)).content.decode()
        assert "the last exchange" in text
        assert "3 days" in text
        assert "2,000 tokens (about 1,500 words)" in text

    def test_bad_input(self, agent: Agent, support: User) -> None:
        response = client_of(support).get(url_of(agent, "window/?window_exchanges=0"))
        assert response.status_code == 422
        assert "three whole numbers" in response.content.decode()

    def test_it_is_for_staff(self, agent: Agent, stranger: User) -> None:
        assert client_of(stranger).get(url_of(agent, "window/")).status_code == 403
        assert Client().get(url_of(agent, "window/")).status_code == 302
        assert client_of(stranger).post(url_of(agent, "window/")).status_code == 403


class TestDiscard:
    def test_it_works(self, agent: Agent, admin: User) -> None:
        client = client_of(admin)
        client.post(url_of(agent), form_of(agent, instructions="Mine."))
        mark = client.get(url_of(agent)).context["mark"]
        assert client.post(url_of(agent, "discard/"), {"mark": mark}).status_code == 302
        assert draft_of(agent) is None

    def test_a_draft_that_was_changed_meanwhile_is_kept(self, agent: Agent, admin: User) -> None:
        client = client_of(admin)
        client.post(url_of(agent), form_of(agent, instructions="Mine."))
        response = client.post(url_of(agent, "discard/"), {"mark": "of an older draft"})
        assert response["Location"] == url_of(agent, "changes/")
        assert draft_of(agent) is not None

    def test_only_an_admin_discards(self, agent: Agent, support: User, reviewer: User, analyst: User) -> None:
        draft_version(agent)
        for user in (support, reviewer, analyst):
            assert client_of(user).post(url_of(agent, "discard/")).status_code == 403
        assert draft_of(agent) is not None

    def test_it_is_posted(self, agent: Agent, admin: User) -> None:
        assert client_of(admin).get(url_of(agent, "discard/")).status_code == 405


class TestPause:
    def test_pause_and_resume(self, agent: Agent, admin: User) -> None:
        client = client_of(admin)
        assert "goes to the queue" in client.get(url_of(agent, "pause/")).content.decode()
        client.post(url_of(agent, "pause/"), {"status": "paused"})
        agent.refresh_from_db()
        assert agent.status == Agent.Status.PAUSED
        assert "The agent is paused." in client.get(url_of(agent)).content.decode()
        assert "stay with them" in client.get(url_of(agent, "pause/")).content.decode()
        client.post(url_of(agent, "pause/"), {"status": "active"})
        agent.refresh_from_db()
        assert agent.status == Agent.Status.ACTIVE

    def test_only_an_admin_pauses(self, agent: Agent, support: User, reviewer: User, analyst: User) -> None:
        for user in (support, reviewer, analyst):
            assert client_of(user).get(url_of(agent, "pause/")).status_code == 403
            assert client_of(user).post(url_of(agent, "pause/"), {"status": "paused"}).status_code == 403
        agent.refresh_from_db()
        assert agent.status == Agent.Status.ACTIVE

    def test_signed_out_and_unknown(self, admin: User) -> None:
        assert Client().post("/agents/nobody/pause/").status_code == 302
        assert client_of(admin).post("/agents/nobody/pause/").status_code == 404


class TestById:
    def test_it_leads_to_the_version_or_the_agent(self, agent: Agent, support: User) -> None:
        client = client_of(support)
        assert client.get(f"/agents/id/{agent.pk}/")["Location"] == url_of(agent)
        assert client.get(f"/agents/id/{agent.pk}/1/")["Location"] == url_of(agent, "versions/1/")
        assert client.get(f"/agents/id/{agent.pk}/9/")["Location"] == url_of(agent)

    def test_unknown_and_strangers(self, support: User, stranger: User) -> None:
        assert client_of(support).get(f"/agents/id/{uuid7()}/").status_code == 404
        assert client_of(stranger).get(f"/agents/id/{uuid7()}/").status_code == 403
