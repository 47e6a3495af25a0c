from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Agent, AgentVersion
from agents.versions import draft_version, publish_version
from tests.factories import client_of, make_agent, make_trace

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>"


def publish(agent: Agent, note: str = "", **values: object) -> AgentVersion:
    agent.refresh_from_db()
    edit(agent, **values)
    return publish_version(agent, user=None, note=note)


def edit(agent: Agent, **values: object) -> AgentVersion:
    agent.refresh_from_db()
    draft = draft_version(agent)
    for name, value in values.items():
        setattr(draft, name, value)
    draft.save()
    return draft


@pytest.fixture
def agent() -> Agent:
    """Version 2 is live."""
    made = make_agent("refunds", name="Refunds", instructions="Be brief.\nBe kind.", tools=["get_order"])
    publish(made, "Exact as well", instructions="Be brief.\nBe exact.", window_hours=48)
    made.refresh_from_db()
    return made


def url_of(rest: str = "") -> str:
    return f"/agents/refunds/{rest}"


class TestChanges:
    url = "/agents/refunds/changes/"

    def test_it_shows_what_would_change(self, agent: Agent, support: User) -> None:
        edit(agent, instructions="Be brief.\nBe precise.", tools=["cancel_order"], max_seconds=60)
        text = client_of(support).get(self.url).content.decode()
        assert "<mark>precise</mark>" in text
        assert "cancel_order" in text
        assert "120 seconds a turn" in text
        assert "60 seconds a turn" in text
        assert "Publish version" not in text

    def test_an_admin_publishes_with_a_note(self, agent: Agent, admin: User) -> None:
        edit(agent, instructions="Third.")
        client = client_of(admin)
        mark = client.get(self.url).context["mark"]
        assert client.post(self.url, {"mark": mark, "note": "Why"}).status_code == 302
        agent.refresh_from_db()
        live = agent.live_version
        assert live is not None
        assert (live.number, live.note, live.published_by, live.instructions) == (3, "Why", admin, "Third.")

    def test_a_draft_that_changed_since_it_was_looked_at_is_not_published(self, agent: Agent, admin: User) -> None:
        edit(agent, instructions="Reviewed.")
        client = client_of(admin)
        mark = client.get(self.url).context["mark"]
        edit(agent, instructions="Slipped in.")
        response = client.post(self.url, {"mark": mark, "note": "My note"})
        assert response.status_code == 409
        assert "My note" in response.content.decode()
        assert "Slipped in" in response.content.decode()
        agent.refresh_from_db()
        assert agent.live_version is not None
        assert agent.live_version.number == 2

    def test_a_roll_back_meanwhile_counts_too(self, agent: Agent, admin: User) -> None:
        edit(agent, instructions="Reviewed.")
        client = client_of(admin)
        mark = client.get(self.url).context["mark"]
        client.post(url_of("versions/1/roll-back/"), {"live": str(agent.live_version_id)})
        assert client.post(self.url, {"mark": mark}).status_code == 409

    def test_nothing_to_publish(self, agent: Agent, admin: User) -> None:
        client = client_of(admin)
        assert "Nothing to publish" in client.get(self.url).content.decode()
        assert client.post(self.url, {"mark": ""}).status_code == 409

    def test_an_incomplete_draft_is_refused(self, admin: User) -> None:
        fresh = Agent.objects.create(slug="fresh", name="Fresh")
        draft_version(fresh)
        client = client_of(admin)
        mark = client.get("/agents/fresh/changes/").context["mark"]
        response = client.post("/agents/fresh/changes/", {"mark": mark})
        assert response.status_code == 422
        assert "Instructions: This field cannot be blank" in response.content.decode()

    def test_a_note_that_is_too_long_is_kept(self, agent: Agent, admin: User) -> None:
        edit(agent, instructions="Third.")
        client = client_of(admin)
        mark = client.get(self.url).context["mark"]
        response = client.post(self.url, {"mark": mark, "note": "n" * 201})
        assert response.status_code == 422
        assert "n" * 201 in response.content.decode()

    def test_only_an_admin_publishes(self, agent: Agent, support: User, reviewer: User, analyst: User) -> None:
        edit(agent, instructions="Third.")
        mark = client_of(support).get(self.url).context["mark"]
        for user in (support, reviewer, analyst):
            assert client_of(user).post(self.url, {"mark": mark}).status_code == 403
        agent.refresh_from_db()
        assert agent.live_version is not None
        assert agent.live_version.number == 2

    def test_hostile_text_is_inert(self, agent: Agent, admin: User) -> None:
        edit(agent, instructions=f"Be brief.\nBe {HOSTILE} exact.", greeting=HOSTILE, model=HOSTILE, tools=[HOSTILE])
        text = client_of(admin).get(self.url).content.decode()
        assert HOSTILE not in text
        assert "&lt;" in text

    def test_signed_out_stranger_and_method(self, agent: Agent, admin: User, stranger: User) -> None:
        assert Client().get(self.url).status_code == 302
        assert client_of(stranger).get(self.url).status_code == 403
        assert client_of(admin).put(self.url).status_code == 405


class TestList:
    url = "/agents/refunds/versions/"

    def test_it_works(self, agent: Agent, support: User, admin: User) -> None:
        for _ in range(3):
            make_trace(agent_id=agent.pk, agent_version=2, spans=0)
        text = client_of(support).get(self.url).content.decode()
        assert "Exact as well" in text
        assert 'data-label="Turns">3<' in text
        assert text.count("Roll back") == 0
        assert client_of(admin).get(self.url).content.decode().count("Roll back") == 1

    def test_signed_out_stranger_and_unknown(self, agent: Agent, support: User, stranger: User) -> None:
        assert Client().get(self.url).status_code == 302
        assert client_of(stranger).get(self.url).status_code == 403
        assert client_of(support).get("/agents/nobody/versions/").status_code == 404
        assert client_of(support).post(self.url).status_code == 405

    def test_without_versions(self, admin: User) -> None:
        Agent.objects.create(slug="fresh", name="Fresh")
        assert "No versions yet" in client_of(admin).get("/agents/fresh/versions/").content.decode()

    def test_more_versions_take_no_more_queries(self, agent: Agent, admin: User, django_assert_max_num_queries) -> None:
        for number in range(8):
            publish(agent, instructions=f"Number {number}")
        AgentVersion.objects.filter(agent=agent).first()
        client = client_of(admin)
        with django_assert_max_num_queries(9):
            client.get(self.url)


class TestVersion:
    def test_it_is_shown_whole_and_says_that_it_stays(self, agent: Agent, support: User) -> None:
        text = client_of(support).get(url_of("versions/1/")).content.decode()
        assert "Be kind." in text
        assert "Never changes" in text
        assert "Compare with live" in text
        assert "Roll back" not in text

    def test_the_draft_has_no_number_and_no_page(self, agent: Agent, support: User) -> None:
        edit(agent, instructions="Draft.")
        assert client_of(support).get(url_of("versions/3/")).status_code == 404

    def test_hostile_text_is_inert(self, agent: Agent, support: User) -> None:
        publish(agent, HOSTILE, instructions=HOSTILE, greeting=HOSTILE, handoff_text=HOSTILE, model=HOSTILE)
        text = client_of(support).get(url_of("versions/3/")).content.decode()
        assert HOSTILE not in text
        assert "&lt;script&gt;" in text

    def test_signed_out_stranger_and_method(self, agent: Agent, support: User, stranger: User) -> None:
        assert Client().get(url_of("versions/1/")).status_code == 302
        assert client_of(stranger).get(url_of("versions/1/")).status_code == 403
        assert client_of(support).post(url_of("versions/1/")).status_code == 405


class TestCompare:
    def test_any_two(self, agent: Agent, support: User) -> None:
        text = client_of(support).get(url_of("versions/compare/?from=1&to=2")).content.decode()
        assert "<mark>kind</mark>" in text
        assert "<mark>exact</mark>" in text
        assert "48 hours" in text
        assert "2 fields differ" in text

    def test_with_the_draft(self, agent: Agent, support: User) -> None:
        edit(agent, model="claude-haiku-5-5")
        text = client_of(support).get(url_of("versions/compare/?from=2&to=draft")).content.decode()
        assert "claude-haiku-5-5" in text

    def test_with_itself(self, agent: Agent, support: User) -> None:
        assert "They say the same" in client_of(support).get(url_of("versions/compare/?from=2&to=2")).content.decode()

    @pytest.mark.parametrize(
        "query", ["", "?from=1", "?from=1&to=9", "?from=one&to=2", "?from=-1&to=2", "?to=draft&from=1"]
    )
    def test_what_is_not_there(self, agent: Agent, support: User, query: str) -> None:
        assert client_of(support).get(url_of(f"versions/compare/{query}")).status_code == 404

    def test_signed_out_stranger_and_method(self, agent: Agent, support: User, stranger: User) -> None:
        url = url_of("versions/compare/?from=1&to=2")
        assert Client().get(url).status_code == 302
        assert client_of(stranger).get(url).status_code == 403
        assert client_of(support).post(url).status_code == 405


class TestRollBack:
    url = "/agents/refunds/versions/1/roll-back/"

    def test_it_says_what_it_does_then_does_it(self, agent: Agent, admin: User) -> None:
        edit(agent, instructions="Kept.")
        client = client_of(admin)
        text = client.get(self.url).content.decode()
        assert "New turns use version 1 at once" in text
        assert "The draft is kept" in text
        assert client.post(self.url, {"live": str(agent.live_version_id)}).status_code == 302
        agent.refresh_from_db()
        assert agent.live_version is not None
        assert agent.live_version.number == 1
        assert agent.versions.count() == 3

    def test_it_refuses_when_another_version_went_live_meanwhile(self, agent: Agent, admin: User) -> None:
        before = str(agent.live_version_id)
        publish(agent, instructions="Third.")
        response = client_of(admin).post(self.url, {"live": before})
        assert response["Location"] == self.url
        agent.refresh_from_db()
        assert agent.live_version is not None
        assert agent.live_version.number == 3

    def test_only_an_admin_rolls_back(self, agent: Agent, support: User, reviewer: User, analyst: User) -> None:
        for user in (support, reviewer, analyst):
            assert client_of(user).get(self.url).status_code == 403
            assert client_of(user).post(self.url, {"live": str(agent.live_version_id)}).status_code == 403
        agent.refresh_from_db()
        assert agent.live_version is not None
        assert agent.live_version.number == 2

    def test_what_is_not_there(self, agent: Agent, admin: User) -> None:
        assert Client().post(self.url).status_code == 302
        assert client_of(admin).post(url_of("versions/9/roll-back/")).status_code == 404
        assert "live already" in client_of(admin).get(url_of("versions/2/roll-back/")).content.decode()
