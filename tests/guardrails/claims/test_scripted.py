"""What the scripted model says truthfully passes; the same, made untrue, does not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

from guardrails.claims import check_claims
from guardrails.evidence import Evidence, Statement
from guardrails.grounding import grounding_of, sources_of
from guardrails.values import check_values
from tests.guardrails.claims.chats import Reply, replies


@cache
def told() -> tuple[Reply, ...]:
    return tuple(replies())


def checked(reply: str, evidence: Evidence) -> list[Statement]:
    return [*check_values(reply, evidence), *check_claims(reply, evidence)]


def test_nothing_true_is_flagged() -> None:
    flagged = [
        (reply, each) for reply, evidence in told() for each in checked(reply, evidence) if not each.is_borne_out
    ]
    assert [(reply, each.kind, each.said, each.why) for reply, each in flagged if each.score is None] == []
    assert len(told()) >= 150


def test_its_replies_hold_enough_to_be_wrong_about() -> None:
    kinds = Counter(each.kind for reply, evidence in told() for each in checked(reply, evidence))
    assert {kind for kind, count in kinds.items() if count >= 10} >= {
        "value:money",
        "value:order",
        "value:date",
        "value:duration",
        "value:id",
        "claim:refund",
        "claim:delivery",
        "claim:escalation",
    }


def one_digit_changed() -> Iterator[tuple[str, Statement, Evidence]]:
    """Every digit of every value, once each, to another."""
    dice = random.Random(1042)
    for reply, evidence in told():
        for each in check_values(reply, evidence):
            for at in range(each.start, each.end):
                if reply[at].isdigit():
                    others = [digit for digit in "0123456789" if digit != reply[at]]
                    yield reply[:at] + dice.choice(others) + reply[at + 1 :], each, evidence


def test_a_changed_digit_is_caught() -> None:
    """What is missed turned into another true value: the other option's price, another order of the list."""
    caught: dict[str, list[bool]] = {}
    for reply, each, evidence in one_digit_changed():
        near = [other for other in check_values(reply, evidence) if abs(other.start - each.start) < 25]
        caught.setdefault(each.kind, []).append(any(not other.is_borne_out for other in near))
    shares = {kind: sum(found) / len(found) for kind, found in caught.items()}
    everything = [is_caught for found in caught.values() for is_caught in found]
    assert sum(everything) / len(everything) >= 0.98, shares
    assert shares["value:id"] >= 0.99, shares
    assert min(shares["value:order"], shares["value:money"], shares["value:date"]) >= 0.97, shares
    assert shares["value:duration"] >= 0.9, shares


def test_a_claim_without_its_deed_is_caught() -> None:
    """The same replies where nothing was called but what reads, and nobody said it before."""
    missed, count = [], 0
    for reply, evidence in told():
        claims = [each for each in check_claims(reply, evidence) if each.evidence.endswith(", confirmed")]
        if not claims:
            continue
        written = {deed.tool for deed in evidence.deeds if deed.effect != "read"}
        bare = replace(
            evidence,
            deeds=tuple(deed for deed in evidence.deeds if deed.effect == "read"),
            sources=tuple(each for each in evidence.sources if each.place not in written and each.kind != "said"),
        )
        flagged = {(each.kind, each.start) for each in check_claims(reply, bare) if not each.is_borne_out}
        count += len(claims)
        missed += [(reply, each.said) for each in claims if (each.kind, each.start) not in flagged]
    assert missed == []
    assert count >= 100


def test_the_prose_of_true_replies_is_grounded() -> None:
    scores = [
        grounding_of(reply, sources_of(evidence), values=check_values(reply, evidence)).value
        for reply, evidence in told()
    ]
    assert sum(score < 0.3 for score in scores) / len(scores) <= 0.01
