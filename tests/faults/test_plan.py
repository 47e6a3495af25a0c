"""A seed is a plan."""

from __future__ import annotations

from dataclasses import replace

from tests.faults.decisions import MAY_BE_DEAR, STRIKES, VERDICTS
from tests.faults.plan import PROCESS_FAULTS, make_plan


def test_the_same_seed_gives_the_same_plan() -> None:
    assert make_plan(seed=7, conversations=40) == make_plan(seed=7, conversations=40)


def test_another_seed_gives_another_plan() -> None:
    one, other = make_plan(seed=7, conversations=40), make_plan(seed=8, conversations=40)
    assert one.conversations != other.conversations
    assert one.blows != other.blows


def test_a_longer_run_begins_like_a_shorter_one() -> None:
    assert make_plan(seed=7, conversations=60).conversations[:40] == make_plan(seed=7, conversations=40).conversations


def test_each_kind_of_blow_is_in_a_short_run() -> None:
    assert {blow.kind for blow in make_plan(seed=7, conversations=10).blows} == set(PROCESS_FAULTS)


def test_most_conversations_have_a_fault_of_their_own() -> None:
    conversations = make_plan(seed=7, conversations=200).conversations
    assert sum(bool(found.model_faults or found.shop_faults) for found in conversations) > 140


def test_some_conversations_want_the_word_of_a_person() -> None:
    conversations = make_plan(seed=7, conversations=400).conversations
    dear = [found for found in conversations if found.worth != "small"]
    assert 140 < len(dear) < 220
    assert {found.intent for found in dear} == MAY_BE_DEAR
    assert {found.decisions[0].verdict for found in dear} == set(VERDICTS)
    assert {found.decisions[0].strike for found in dear} == set(STRIKES)


def test_no_two_messages_of_a_conversation_say_the_same() -> None:
    """They are found again by their words."""
    for conversation in make_plan(seed=7, conversations=300).conversations:
        said = [text for step in conversation.steps if step.kind in {"say", "at_once"} for text in step.texts]
        assert len(said) == len(set(said)), conversation


def test_it_is_read_by_people() -> None:
    plan = make_plan(seed=7, conversations=1)
    conversation = replace(plan.conversations[0], steps=plan.conversations[0].steps[:1])
    assert str(conversation).startswith("#1 ")
    assert "kill_web" in "\n".join(map(str, plan.blows))
    assert "stop_worker" in "\n".join(map(str, plan.blows))
