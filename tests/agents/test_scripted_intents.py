"""Reading a customer's words: spelling, numbers, intents, times, answers, policies."""

import random
import string
import time
from datetime import date
from decimal import Decimal

import pytest

from agents.scripted.intents import Intent, find_numbers, read_message
from agents.scripted.orders import read_order, time_span
from agents.scripted.policies import policy_bullets
from agents.scripted.tokens import count_text
from agents.scripted.words import distance, mend, read_words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("refnud", ("refund",)),
        ("asisstant", ("assistant",)),
        ("doyou", ("do", "you")),
        ("cancelingpurchase", ("canceling", "purchase")),
        ("don't", ("do", "not")),
        ("edt", ("edit",)),
        ("weather", ("weather",)),
        ("later", ("later",)),
        ("xqzzk", ("xqzzk",)),
    ],
)
def test_mends_spelling(typed, meant):
    assert mend(typed) == meant


def test_distance_counts_a_transposition_once():
    assert (distance("order", "odrer"), distance("order", "ordr"), distance("", "abc")) == (1, 1, 3)


@pytest.mark.parametrize(
    ("text", "orders", "amounts"),
    [
        ("order #1042 please", ("1042",), ()),
        ("order1042 and 00123842", ("1042", "00123842"), ()),
        ("I paid $160 for order 1042", ("1042",), ("160",)),
        ("1200 dollars, or EUR 49.90", (), ("1200", "49.90")),
        ("on 2026-11-14 or in November 2026", (), ()),
        ("call +33 6 12 34 56 78 about 1042", ("1042",), ()),
        ("within 100 days", (), ()),
        ("RF-000001", (), ()),
        ("", (), ()),
    ],
)
def test_finds_order_numbers_and_sums(text, orders, amounts):
    assert find_numbers(text) == (orders, tuple(Decimal(amount) for amount in amounts))


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("I don't want a refund, where is my order", Intent.TRACK),
        ("please do not cancel my order", Intent.UNCLEAR),
        ("I want a refund for my phone case", Intent.REFUND),
        ("how do I get my money back", Intent.REFUND),
        ("I want to speak to someone about my refund", Intent.PERSON),
        ("are you a human?", Intent.ROBOT),
        ("I want a human", Intent.PERSON),
        ("", Intent.UNCLEAR),
        ("\x00\ufffd🙂🙂", Intent.UNCLEAR),
    ],
)
def test_reads_intents(text, intent):
    assert read_message(text).intent is intent


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("last week", date(2026, 11, 7), date(2026, 11, 19)),
        ("yesterday", date(2026, 11, 20), date(2026, 11, 22)),
        ("two weeks ago", date(2026, 11, 3), date(2026, 11, 13)),
        ("in october", date(2026, 10, 1), date(2026, 10, 31)),
        ("in december", date(2025, 12, 1), date(2025, 12, 31)),
        ("on monday", date(2026, 11, 16), date(2026, 11, 16)),
    ],
)
def test_reads_times(text, first, last):
    assert time_span(read_words(text).text, date(2026, 11, 22)) == (first, last)


def test_reads_an_order_with_odd_fields():
    order = read_order(
        {"order_id": 1042, "total": "x", "items": "none", "delivered_on": "soon", "within_return_window": "yes"}
    )
    assert order is not None
    assert (order.order_id, order.total, order.items, order.delivered_on, order.within_window) == (
        "1042",
        None,
        (),
        None,
        False,
    )
    assert read_order({"order_id": None}) is None
    assert read_order("1042") is None


def test_reads_the_policies_section_only():
    system = "# Agent\n- not this\n\n## Policies\n- One\n  and more\n* Two\n\n## Manner\n- not that\n"
    assert policy_bullets(system) == ("One and more", "Two")
    assert policy_bullets("no section") == ()


def test_counts_tokens_near_what_is_usual_for_english():
    text = "Please send me the status of my order number 1042, which I placed last week on your website."
    assert len(text) / 6 < count_text(text) < len(text) / 3
    assert count_text("") == 0


def test_reading_takes_less_than_two_milliseconds():
    dice = random.Random(7)
    words = ["".join(dice.choices(string.ascii_lowercase, k=dice.randint(3, 9))) for _ in range(400)]
    messages = [f"please {' '.join(dice.choices(words, k=5))} my ordr {number}" for number in range(1000, 1200)]
    read_message("warm")
    times = []
    for message in messages:
        begin = time.process_time()
        read_message(message)
        times.append(time.process_time() - begin)
    assert sorted(times)[len(times) // 2] < 0.002


def test_hostile_input_does_not_slow_the_reading():
    for text in ("a" * 100_000, "ab " * 50_000, "1" * 100_000, "$" * 100_000, "- " * 50_000, "do not want " * 10_000):
        begin = time.process_time()
        read_message(text)
        assert time.process_time() - begin < 0.5
