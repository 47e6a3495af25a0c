from __future__ import annotations

import pytest
from django.db import IntegrityError, transaction

from agents.versions import NothingToPublish, changes_between, draft_version, publish_version, roll_back
from tests.factories import make_agent

pytestmark = pytest.mark.django_db


def test_publishing_makes_the_next_number_live() -> None:
    agent = make_agent(instructions="First")
    draft = draft_version(agent)
    draft.instructions = "Second"
    draft.save()
    assert [change.field for change in changes_between(agent.live_version, draft)] == ["instructions"]
    publish_version(agent, user=None, note="Better words")
    agent.refresh_from_db()
    assert agent.live_version is not None
    assert (agent.live_version.number, agent.live_version.instructions) == (2, "Second")


def test_a_draft_like_the_live_version_is_not_published() -> None:
    agent = make_agent()
    draft_version(agent)
    with pytest.raises(NothingToPublish):
        publish_version(agent, user=None)


def test_rolling_back_moves_the_pointer_and_keeps_both() -> None:
    agent = make_agent(instructions="First")
    first = agent.live_version
    assert first is not None
    draft = draft_version(agent)
    draft.instructions = "Second"
    draft.save()
    publish_version(agent, user=None)
    roll_back(agent, to=first, user=None)
    agent.refresh_from_db()
    assert agent.live_version == first
    assert agent.versions.count() == 2


def test_a_draft_cannot_be_made_live() -> None:
    agent = make_agent()
    with pytest.raises(ValueError, match="published version"):
        roll_back(agent, to=draft_version(agent), user=None)


def test_the_database_keeps_a_published_version_as_it_was() -> None:
    agent = make_agent()
    version = agent.live_version
    assert version is not None
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        type(version).objects.filter(pk=version.pk).update(instructions="Changed behind its back")
    with pytest.raises(IntegrityError, match="never changes"), transaction.atomic():
        type(version).objects.filter(pk=version.pk)._raw_delete("default")


def test_there_is_one_draft() -> None:
    agent = make_agent()
    assert draft_version(agent) == draft_version(agent)
