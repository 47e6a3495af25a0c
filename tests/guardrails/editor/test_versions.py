from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from guardrails import versions
from guardrails.compiled import forget, guard_of
from guardrails.config import ConfigRefused
from guardrails.models import Guardrail
from guardrails.reading import as_json, read_config
from guardrails.standard import standard_config
from guardrails.versions import (
    Changed,
    NotAllowed,
    NothingToPublish,
    Use,
    changes,
    config_of,
    delete,
    discard,
    draft_of,
    editable,
    make_guardrail,
    mark_of,
    newest_version,
    publish,
    review_mark,
    roll_back,
    save_draft,
    set_default,
    uses_by_guardrail,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def standard() -> Guardrail:
    return Guardrail.objects.get(slug="standard")


@pytest.fixture
def _uses() -> Iterator[None]:
    """Whatever is told of agents here is told by the test alone."""
    kept, versions.users[:] = versions.users[:], []
    yield
    versions.users[:] = kept


def said(text: str) -> dict[str, Any]:
    return standard_config() | {"blockedInputMessaging": text}


def test_a_draft_is_published_once_and_never_changes(standard, admin, django_capture_on_commit_callbacks):
    assert draft_of(standard) is None
    with pytest.raises(NothingToPublish):
        publish(standard, user=admin)
    saved = save_draft(standard, config=said("Ask a colleague."))
    with django_capture_on_commit_callbacks(execute=True):
        made = publish(standard, user=admin, note=" Kinder ")
    assert (made.pk, made.number, made.note, made.published_by) == (saved.pk, 2, "Kinder", admin)
    assert draft_of(standard) is None
    assert newest_version(standard) == made
    # What runs has it at once in this process.
    assert guard_of("standard").config.blocked_input == "Ask a colleague."
    with pytest.raises(IntegrityError), transaction.atomic():
        standard.versions.filter(number=2).update(note="Meaner")


def test_a_draft_that_says_the_same_is_not_published(standard, admin):
    save_draft(standard, config=standard_config())
    with pytest.raises(NothingToPublish):
        publish(standard, user=admin)
    assert draft_of(standard)


def test_a_stale_edit_is_refused(standard):
    seen = mark_of(editable(standard))
    save_draft(standard, config=said("Hers"), seen=seen)
    with pytest.raises(Changed):
        save_draft(standard, config=said("His"), seen=seen)
    assert config_of(draft_of(standard)).blocked_input == "Hers"
    save_draft(standard, config=said("His"), seen=mark_of(editable(standard)))
    assert config_of(draft_of(standard)).blocked_input == "His"


def test_what_is_no_guardrail_is_not_saved(standard):
    with pytest.raises(ConfigRefused):
        save_draft(standard, config={"contentPolicyConfig": 1})
    assert draft_of(standard) is None


def test_only_what_was_reviewed_is_published_or_discarded(standard, admin):
    save_draft(standard, config=said("One"))
    mark = review_mark(standard)
    save_draft(standard, config=said("Two"))
    with pytest.raises(Changed):
        publish(standard, user=admin, mark=mark)
    with pytest.raises(Changed):
        discard(standard, mark=mark)
    discard(standard, mark=review_mark(standard))
    assert draft_of(standard) is None


def test_the_way_back_is_a_new_version_and_keeps_the_draft(standard, admin):
    save_draft(standard, config=said("Two"))
    publish(standard, user=admin)
    save_draft(standard, config=said("A draft"))
    with pytest.raises(Changed):
        roll_back(standard, to=1, user=admin, seen=1)
    made = roll_back(standard, to=1, user=admin, seen=2)
    assert (made.number, made.note) == (3, "Back to version 1")
    assert config_of(made) == read_config(standard_config())
    assert config_of(draft_of(standard)).blocked_input == "A draft"
    with pytest.raises(NothingToPublish):
        roll_back(standard, to=1, user=admin)


def test_a_guardrail_is_made_with_a_draft_alone(admin):
    made = make_guardrail(name="Shop & more", config={})
    assert (made.slug, newest_version(made), draft_of(made).config) == ("shop-more", None, as_json(read_config({})))
    assert make_guardrail(name="Shop, more", config={}).slug == "shop-more-2"
    assert make_guardrail(name="New", config={}).slug == "new-2"
    with pytest.raises(NotAllowed):
        set_default(made)
    with pytest.raises(ValidationError):
        make_guardrail(name="", config={})
    with pytest.raises(ConfigRefused):
        make_guardrail(name="Wrong", config={"x": 1})
    assert not Guardrail.objects.filter(name="Wrong").exists()


def test_there_is_one_default(standard, admin, django_capture_on_commit_callbacks):
    made = make_guardrail(name="Strict", config=said("Strictly"))
    publish(made, user=admin)
    with django_capture_on_commit_callbacks(execute=True):
        set_default(made)
    assert [row.slug for row in Guardrail.objects.filter(is_default=True)] == ["strict"]
    assert guard_of().config.blocked_input == "Strictly"


def test_the_default_stays(standard):
    with pytest.raises(NotAllowed, match="default"):
        delete(standard)


@pytest.mark.usefixtures("_uses")
def test_what_agents_use_stays():
    made = make_guardrail(name="Used", config={})
    versions.users.append(lambda: {made.slug: [Use(agent="Shop agent", slug="shop", number=2)]})
    with pytest.raises(NotAllowed, match=r"Shop agent uses it\."):
        delete(made)
    versions.users.clear()
    delete(made)
    assert not Guardrail.objects.filter(pk=made.pk).exists()


@pytest.mark.usefixtures("_uses")
def test_agents_that_name_none_use_the_default(standard):
    other = make_guardrail(name="Other", config={})
    plain, named = Use(agent="B", slug="b"), Use(agent="A", slug="a")
    versions.users.append(lambda: {"": [plain], other.slug: [named]})
    assert uses_by_guardrail([standard, other]) == {standard.pk: [plain], other.pk: [named]}


def test_a_deleted_guardrail_is_not_saved(standard):
    made = make_guardrail(name="Short-lived", config={})
    delete(made)
    with pytest.raises(Changed):
        save_draft(made, config={})


def with_filter(**changed: Any) -> dict[str, Any]:
    config = standard_config()
    config["contentPolicyConfig"]["filtersConfig"][0] |= changed
    return config


def with_section(name: str, **changed: Any) -> dict[str, Any]:
    return standard_config() | {name: standard_config().get(name, {}) | changed}


TOPIC = {"name": "Tax", "definition": "Advice about taxes.", "examples": ["Do I pay VAT?"]}
RULE = {"claim": "refund", "needsAny": ["refund"], "states": ["refunded"], "same": ["order"]}
ADDED = "sensitiveInformationPolicyConfig"
DIFFERENT = {
    "strength": (with_filter(inputStrength="LOW"), "content:HATE", "changed"),
    "shadow": (with_filter(outputAction="NONE"), "content:HATE", "changed"),
    "one way off": (with_filter(inputEnabled=False), "content:HATE", "changed"),
    "both off": (with_filter(inputEnabled=False, outputEnabled=False), "content:HATE", "removed"),
    "a topic": (with_section("topicPolicyConfig", topicsConfig=[TOPIC]), "topic:Tax", "added"),
    "a word": (
        with_section("wordPolicyConfig", wordsConfig=[{"text": "Rival"}]),
        "words:Blocked in messages and replies.",
        "added",
    ),
    "no profanity": (with_section("wordPolicyConfig", managedWordListsConfig=[]), "list:PROFANITY", "removed"),
    "a pattern": (
        with_section(ADDED, regexesConfig=[{"name": "vip", "pattern": "VIP", "action": "BLOCK"}]),
        "regex:vip",
        "added",
    ),
    "a threshold": (
        with_section(
            "contextualGroundingPolicyConfig",
            filtersConfig=[{"type": "GROUNDING", "threshold": 0.5, "action": "NONE", "enabled": True}],
        ),
        "grounding:GROUNDING",
        "changed",
    ),
    "values": (with_section("claimPolicyConfig", valuesAction="NONE"), "claims:values", "changed"),
    "claims": (with_section("claimPolicyConfig", claimsEnabled=False), "claims:claims", "removed"),
    "a rule": (with_section("claimPolicyConfig", rulesConfig=[RULE]), "claim:refund", "added"),
    "hosts": (with_section("claimPolicyConfig", allowedHosts=["shop.example"]), "claims:hosts", "added"),
    "results": (with_section("toolPolicyConfig", resultsStrength="HIGH"), "tools:results", "changed"),
    "arguments": (with_section("toolPolicyConfig", argumentsAction="NONE"), "tools:arguments", "changed"),
    "the judge": (with_section("judgePolicyConfig", enabled=True, modelId="claude-haiku-4-5"), "judge", "added"),
    "a message": (said("No."), "message:input", "changed"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_every_difference_is_told(name):
    config, key, kind = DIFFERENT[name]
    found = changes(read_config(standard_config()), read_config(config))
    assert [(change.line.key, change.kind) for change in found] == [(key, kind)]
    back = changes(read_config(config), read_config(standard_config()))
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    assert [(change.line.key, change.kind) for change in back] == [(key, turned[kind])]


def test_more_of_a_topic_or_a_list_is_a_change_of_it():
    before = with_section("topicPolicyConfig", topicsConfig=[TOPIC]) | {
        "wordPolicyConfig": {"wordsConfig": [{"text": "one"}]}
    }
    after = with_section("topicPolicyConfig", topicsConfig=[TOPIC | {"examples": []}]) | {
        "wordPolicyConfig": {"wordsConfig": [{"text": "one"}, {"text": "two"}]}
    }
    found = changes(read_config(before), read_config(after))
    assert [(change.line.key, change.kind) for change in found] == [
        ("topic:Tax", "changed"),
        ("words:Blocked in messages and replies.", "changed"),
    ]


def test_users_know_nothing_of_a_user_who_left(standard):
    leaving = User.objects.create(username="leaving")
    save_draft(standard, config=said("Two"))
    publish(standard, user=leaving)
    leaving.delete()
    assert newest_version(standard).published_by is None


def test_a_name_that_was_given_anew_means_the_new_one() -> None:
    """Another process has read the old one: that it is gone it learns only by asking."""
    old = make_guardrail(name="Shop", config=said("Old."))
    publish(old, user=None)
    assert guard_of("shop:1").id == old.pk
    delete(old)
    new = make_guardrail(name="Shop", config=standard_config())
    publish(new, user=None)
    forget()  # as two seconds later
    assert guard_of("shop:1").id == new.pk
