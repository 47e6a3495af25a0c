"""Answers policy questions out of the agent's instructions, and only out of them.

The instructions may hold a section with the heading "Policies" whose bullets are short facts. Which bullets fit is
decided by the same concepts that read customers' messages.
"""

import re
from functools import lru_cache

from agents.scripted.intents import Intent, Reading
from agents.scripted.words import Words, base_of, is_common, read_words

MOST_BULLETS = 4

_HEADING = re.compile(r"^#{1,6}[ \t]*policies\b.*$", re.IGNORECASE | re.MULTILINE)
_NEXT_HEADING = re.compile(r"^#{1,6}[ \t]", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*(?:[-*•]|\d+[.)])[ \t]+")
_DURATION = re.compile(
    r"\b(?:\d+|one|two|three|next|same)[\w ]{0,24}\b(?:day|days|hour|hours|week|weeks)\b|\btracking\b"
)
_DESTINATION = re.compile(
    r"\b(?:ship|ships|deliver|delivers|shipping|delivery|send) (?:\w+ )?(?:to|within|in)\b|\bcountr(?:y"
    r"|ies)\b|\bworldwide\b|"
    r"\binternational(?:ly)?\b|\beurope\w*\b|\babroad\b"
)
_FREE = re.compile(r"\beur\b|\bfree\b|\bno (?:fee|charge|cost)\b|\bcosts?\b|\bfees?\b|\bcharge\w*\b")
_REACHING_US = re.compile(r"\b(?:phone|telephone|call|hours?|open|support|customer service|e-?mail)\b")


@lru_cache(maxsize=64)
def policy_bullets(system: str) -> tuple[str, ...]:
    """The bullets of the first "Policies" section, each on one line without its mark."""
    heading = _HEADING.search(system)
    if not heading:
        return ()
    rest = system[heading.end() :]
    following = _NEXT_HEADING.search(rest)
    bullets: list[str] = []
    for line in (rest[: following.start()] if following else rest).splitlines():
        if _BULLET.match(line):
            bullets.append(_BULLET.sub("", line).strip())
        elif line.strip() and bullets and line[0] in " \t":
            bullets[-1] += " " + line.strip()
    return tuple(bullet for bullet in bullets if bullet)


def fitting_bullets(system: str, reading: Reading, topic: Intent | None = None) -> list[str]:
    """The policy facts that answer a question, in their own order; none when the instructions do not answer it.

    `topic` is what the question is about where that is not the message's own intent.
    """
    bullets = [(bullet, read_words(bullet)) for bullet in policy_bullets(system)]
    choose = {
        Intent.REFUND_POLICY: _refund_facts,
        Intent.CANCELLATION_FEE: _cancellation_facts,
        Intent.DELIVERY_OPTIONS: _delivery_facts,
        Intent.DELIVERY_PERIOD: _period_facts,
        Intent.PERSON: _contact_facts,
    }.get(topic or reading.intent, _overlapping_facts)
    return choose(bullets, reading.words)[:MOST_BULLETS]


_Bullets = list[tuple[str, Words]]


def _refund_facts(bullets: _Bullets, asked: Words) -> list[str]:
    about = [(text, words) for text, words in bullets if words.concepts & {"REFUND", "RETURN"}]
    if "FEE" in asked.concepts:
        return [text for text, words in about if _FREE.search(words.text)]
    if "HOWLONG" in asked.concepts or "WHEN" in asked.concepts:
        timed = [text for text, words in about if _DURATION.search(words.text)]
        return [text for text in timed if "REFUND" in read_words(text).concepts] or timed
    return [text for text, _ in about]


def _cancellation_facts(bullets: _Bullets, asked: Words) -> list[str]:
    about = [(text, words) for text, words in bullets if "CANCEL" in words.concepts]
    priced = [text for text, words in about if _FREE.search(words.text)]
    return priced if "FEE" in asked.concepts else [text for text, _ in about]


def _delivery_facts(bullets: _Bullets, asked: Words) -> list[str]:
    about = _about_delivery(bullets)
    if "PLACE" in asked.concepts:
        named = _telling(asked)
        with_place = [text for text, words in about if named & {base_of(token) for token in words.tokens}]
        return with_place or [text for text, words in about if _DESTINATION.search(words.text)]
    if "FEE" in asked.concepts:
        return [text for text, words in about if _FREE.search(words.text)]
    return [text for text, _ in about]


def _period_facts(bullets: _Bullets, _asked: Words) -> list[str]:
    return [text for text, words in _about_delivery(bullets) if _DURATION.search(words.text)]


def _contact_facts(bullets: _Bullets, _asked: Words) -> list[str]:
    return [
        text
        for text, words in bullets
        if _REACHING_US.search(words.text) and not words.concepts & {"REFUND", "RETURN", "CANCEL", "DELIVERY"}
    ]


def _telling(asked: Words) -> set[str]:
    """The words of a question that few other questions have: names of places and things."""
    return {base_of(token) for token in asked.tokens if len(token) > 3 and not is_common(token)}


def _about_delivery(bullets: _Bullets) -> _Bullets:
    """Bullets on delivery itself, not those on returns that count days from a delivery."""
    return [
        (text, words)
        for text, words in bullets
        if "DELIVERY" in words.concepts and not words.concepts & {"REFUND", "RETURN", "CANCEL"}
    ]


def _overlapping_facts(bullets: _Bullets, asked: Words) -> list[str]:
    """Bullets that share a telling word with the question, for topics without a rule of their own."""
    telling = _telling(asked)
    if "PAYMENT" in asked.concepts and "TOPIC" not in asked.concepts:
        about_orders = {"REFUND", "RETURN", "CANCEL"}
        return [text for text, words in bullets if "PAYMENT" in words.concepts and not words.concepts & about_orders]
    return [text for text, words in bullets if telling & {base_of(token) for token in words.tokens}]
