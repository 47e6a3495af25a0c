"""Texts broken at random: each is refused with a place, or taken, and what is taken never fails at a decision."""

from __future__ import annotations

import random

import pytest

from tests.tools.policy.randoms import random_statement
from tests.tools.policy.shapes import REFUND, TOOLS, ask, compiled, problems_of
from tests.tools.policy.test_check import REFUSED

TEXTS = [text.replace("^", "") for text, _, _ in REFUSED.values() if len(text) < 2_000]
SCRAPS = (
    *('"', "\\", "{", "}", "(", ")", "[", "]", ";", "//", "\n", "\r", "&&", "||", "!", "-", "+", "==", ".", "::"),
    *("9", "99999999999999999999", "?principal", "if", "then", "else", "has", "in", "is", "like", "when", "unless"),
    *("context", "principal", "action", "resource", '@reason("x")', '"__entity"', "{a: 1}", "\ud800", "é", "\x00"),
    *('decimal("1.0")', "context.input", 'ip("1.1.1.1")', 'datetime("2024-01-01")', '.offset(duration("1d"))'),
)
INPUTS = (
    {"order_id": "1", "reason": "x", "amount": "1.00"},
    {"amount": 1, "count": 3, "tags": ["a"], "to": "x", "address": {"country": "FR"}},
)


def broken(chance: random.Random) -> str:
    text = chance.choice(TEXTS) if chance.random() < 0.6 else random_statement(chance)
    for _ in range(chance.randint(0, 3)):
        start = chance.randrange(len(text) + 1)
        text = text[:start] + chance.choice((*SCRAPS, "", "", "", "")) + text[start + chance.randint(0, 6) :]
    return text


@pytest.mark.parametrize("seed", range(10))
def test_a_text_is_refused_or_never_fails(seed: int) -> None:
    chance = random.Random(seed)
    taken = 0
    for _ in range(60):
        text = broken(chance)
        problems = problems_of(text)
        assert all(each.line >= 1 and each.column >= 1 and each.message for each in problems)
        if problems:
            continue
        rules = compiled(text)
        taken += 1
        for tool in TOOLS:
            for given in INPUTS:
                decision = ask(rules, tool, input=given, facts={"amount": "1"} if tool is REFUND else {})
                assert {error.code for error in decision.errors} <= {"unfit_request"}, text
    assert 0 < taken < 60
