"""A conversation that has ended, in a few sentences: what was asked, what was done by the ledger, how it ended."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from memory.extract.conversation import Conversation, Done, Known, Proposal
from memory.extract.secrets import without_secrets
from memory.extract.sentences import sentences_of
from memory.models import TEXT_LENGTH, Strategy
from memory.suspicion import why_suspicious

PROFILE = "profile"
ASKED_LENGTH = 200
MOST_DONE = 6
MOST_EPISODES = 200
GREETING = re.compile(
    r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|dear \w+|thanks?(?: you)?(?: (?:so|very) much)?|thx|"
    r"ok(?:ay)?|bye|goodbye|great|perfect|"
    r"yes|no|sure|please|there|all)(?:[ ,!.]+|$)",
    re.IGNORECASE,
)
# What an agent asked for, by the first word of its tool's name that is one of these.
VERBS = {
    "refund": "Refunded",
    "cancel": "Cancelled",
    "return": "Took back",
    "exchange": "Exchanged",
    "replace": "Replaced",
    "reship": "Sent again",
    "update": "Changed",
    "change": "Changed",
}


def episode_of(conversation: Conversation) -> Proposal | None:
    """Nothing where nothing was asked: a greeting is no episode."""
    asked = asked_in(conversation)
    done = done_in(conversation)
    if not conversation.has_ended or not (asked or done) or not conversation.asked:
        return None
    first, last = conversation.asked[0], conversation.messages[-1]
    outcome = outcome_of(conversation)
    parts = [
        f"On {first.at.day} {first.at:%B %Y} asked: {asked}" if asked else f"On {first.at.day} {first.at:%B %Y}.",
        *done,
        outcome,
    ]
    return Proposal(
        strategy=Strategy.EPISODES,
        topic=f"conversation {conversation.session_id}",
        text=" ".join(parts)[:TEXT_LENGTH],
        message_id=first.id,
        said_at=last.at,
        confidence=0.9,
        metadata={
            "on": first.at.date().isoformat(),
            "done": done,
            "orders": [call.subject for call in confirmed(conversation.calls) if call.subject],
            "amounts": [call.amount for call in confirmed(conversation.calls) if call.amount],
            "outcome": outcome,
        },
    )


def asked_in(conversation: Conversation) -> str:
    """The first sentence of the customer that is more than a greeting, in their words; as a quotation."""
    for said in conversation.asked:
        for sentence in sentences_of(said.text):
            rest = sentence
            while found := GREETING.match(rest):
                rest = rest[found.end() :]
            if len(rest.split()) >= 3:
                return quoted(rest)
    return ""


def quoted(sentence: str) -> str:
    """Without secrets; what looks like an order to the agent is not handed on."""
    if why_suspicious(sentence):
        return "(something that is not repeated here)."
    masked = without_secrets(sentence)
    shown = masked if len(masked) <= ASKED_LENGTH else masked[:ASKED_LENGTH].rsplit(" ", 1)[0] + " …"
    return f'"{shown}"'


def done_in(conversation: Conversation) -> list[str]:
    """From the ledger alone: what was not confirmed was not done."""
    done = list(dict.fromkeys(sentence_of(call) for call in confirmed(conversation.calls)))
    return done[:MOST_DONE]


def confirmed(calls: Sequence[Done]) -> list[Done]:
    return [call for call in calls if call.is_confirmed]


def sentence_of(call: Done) -> str:
    verb = next((VERBS[word] for word in re.split(r"[^a-z]+", call.tool.lower()) if word in VERBS), "")
    what = f"order {call.subject}" if call.subject else ""
    amount = f" ({call.amount})" if call.amount else ""
    if verb and what:
        return f"{verb} {what}{amount}."
    about = f" for {what}" if what else ""
    return f"Carried out {call.tool.replace('_', ' ')}{about}{amount}."


def outcome_of(conversation: Conversation) -> str:
    if not conversation.handed_over:
        return "Answered by the agent."
    last = conversation.handed_over[-1]
    ended = "who resolved it" if last.is_resolved else "who had not resolved it yet"
    return f"Passed to a person ({last.reason}), {ended}."


# -- the profile


def profile_of(episode: Proposal, known: Sequence[Known]) -> Proposal:
    """What is known of the customer's conversations together: from their episodes and this one."""
    earlier = [
        one.metadata
        for one in known
        if one.strategy == Strategy.EPISODES and one.topic != episode.topic and "on" in one.metadata
    ][:MOST_EPISODES]
    all_of_them = sorted([*earlier, episode.metadata], key=lambda one: str(one["on"]))
    amounts = [str(amount) for one in all_of_them for amount in one.get("amounts", [])]
    handed_over = sum(str(one.get("outcome", "")).startswith("Passed") for one in all_of_them)
    count = len(all_of_them)
    parts = [
        f"{count} conversation{'s' if count > 1 else ''} since {long_date(str(all_of_them[0]['on']))}, the last on "
        f"{long_date(str(all_of_them[-1]['on']))}.",
        f"Money moved: {', '.join(amounts[-5:])}." if amounts else "",
        f"Passed to a person: {handed_over}." if handed_over else "",
        *last_done(all_of_them[-1]),
    ]
    return Proposal(
        strategy=Strategy.SUMMARY,
        topic=PROFILE,
        text=" ".join(part for part in parts if part)[:TEXT_LENGTH],
        message_id=episode.message_id,
        said_at=episode.said_at,
        confidence=0.8,
        metadata={"conversations": count},
    )


def last_done(episode: dict[str, Any]) -> list[str]:
    done = [str(sentence) for sentence in episode.get("done", [])]
    return ["Last done:", *done] if done else []


def long_date(day: str) -> str:
    at = datetime.fromisoformat(day)
    return f"{at.day} {at:%B %Y}"
