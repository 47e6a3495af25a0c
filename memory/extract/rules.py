"""Extraction by rules: for the scripted model, and where a model's answer is of no use."""

from __future__ import annotations

from collections.abc import Collection

from memory.extract import facts, preferences
from memory.extract.conversation import Conversation, Proposal
from memory.extract.episodes import episode_of, profile_of
from memory.extract.matching import read
from memory.extract.secrets import holds_secret
from memory.models import Strategy


def by_rules(conversation: Conversation, strategies: Collection[str]) -> list[Proposal]:
    """Of the strategies that are switched on, in the order in which it was said; no secrets."""
    found: list[Proposal] = []
    if Strategy.PREFERENCES in strategies:
        found += read(conversation.new_words, preferences.RULES, Strategy.PREFERENCES)
    if Strategy.FACTS in strategies:
        found += read(conversation.new_words, facts.RULES, Strategy.FACTS)
    return [*without(found), *of_the_whole(conversation, strategies)]


def of_the_whole(conversation: Conversation, strategies: Collection[str]) -> list[Proposal]:
    """The episode and the profile, which rest on the ledger: a model does not write them."""
    episode = episode_of(conversation)
    if episode is None:
        return []
    found = [episode] if Strategy.EPISODES in strategies else []
    return [*found, profile_of(episode, conversation.known)] if Strategy.SUMMARY in strategies else found


def without(proposals: list[Proposal]) -> list[Proposal]:
    """Of a topic said twice the last word; nothing that holds a secret."""
    last = {
        (one.strategy, one.topic): one
        for one in proposals
        if not holds_secret(f"{one.text} {one.metadata.get('said', '')}")
    }
    return list(last.values())
