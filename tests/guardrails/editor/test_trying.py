from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.compiled import guard_for
from guardrails.config import Action
from guardrails.findings import Finding, Policy
from guardrails.reading import read_config
from guardrails.trying import ACTS, Seen, Try, Whose, evidence_of, pieces_of, results_of, try_out

EMAIL = {"type": "EMAIL", "action": "ANONYMIZE"}
CARD = {"type": "CREDIT_DEBIT_CARD_NUMBER", "action": "BLOCK"}


def guard(*entities: dict[str, str], **sections: object):
    sensitive = {"piiEntitiesConfig": list(entities)}
    return guard_for(read_config({"sensitiveInformationPolicyConfig": sensitive, **sections}))


def test_what_is_masked_is_shown_and_what_becomes_of_it():
    tried = try_out(guard(EMAIL), Try(text="Write to ben@example.com, please."))
    assert [(row.rule, row.word, row.match) for row in tried.seen] == [
        ("Personal data: Email address", "Masks", "ben@example.com")
    ]
    assert [(piece.text, piece.is_marked) for piece in tried.pieces] == [
        ("Write to ", False),
        ("ben@example.com", True),
        (", please.", False),
    ]
    assert tried.pieces[1].ends == ["Personal data: Email address, masks"]
    assert tried.becomes == "Write to {EMAIL}, please."
    assert not tried.is_blocked


def test_what_is_blocked_says_what_is_said_instead():
    message = Try(text="My card is 4111 1111 1111 1111")
    tried = try_out(guard(CARD, blockedInputMessaging="No cards here."), message)
    assert (tried.is_blocked, tried.becomes) == (True, "No cards here.")
    assert tried.seen[0].word == "Blocks"


def test_a_rule_in_shadow_notes_and_changes_nothing():
    text = "Write to ben@example.com"
    tried = try_out(guard(EMAIL | {"inputAction": "NONE"}), Try(text=text))
    assert ([row.word for row in tried.seen], tried.becomes) == (["Notes"], text)


def test_the_customers_own_words_may_be_told_back():
    reply = Try(text="We write to ben@example.com.", whose=Whose.REPLY, query="I am ben@example.com")
    assert try_out(guard(EMAIL), reply).seen == []
    stranger = Try(text="We write to ben@example.com.", whose=Whose.REPLY)
    assert [row.match for row in try_out(guard(EMAIL), stranger).seen] == ["ben@example.com"]


def test_a_reply_is_held_against_what_tools_returned():
    claims = {"valuesAction": "BLOCK", "claimsEnabled": False}
    known = Try(text="The total is EUR 42.00.", whose=Whose.REPLY, returned='get_order: {"total": "42.00"}')
    assert not try_out(guard(claimPolicyConfig=claims), known).is_blocked
    unknown = Try(text="The total is EUR 43.00.", whose=Whose.REPLY, returned='get_order: {"total": "42.00"}')
    tried = try_out(guard(claimPolicyConfig=claims), unknown)
    assert tried.is_blocked
    assert [(row.kind, row.word) for row in tried.stated] == [("money", "Blocks")]
    # It is told once, as a statement, and marked in the text.
    assert tried.seen == []
    assert tried.is_marked


def test_a_tools_result_keeps_its_form():
    result = Try(text='{"order": "1042", "email": "ben@example.com"}', whose=Whose.RESULT)
    tried = try_out(guard(EMAIL), result)
    assert '"order": "1042"' in tried.becomes
    assert "ben@example.com" not in tried.becomes


@pytest.mark.parametrize(
    ("returned", "results"),
    [
        ("", []),
        (
            'get_order: {"total": 1}\nrefund: {"state": "refunded"}',
            [("get_order", {"total": 1}), ("refund", {"state": "refunded"})],
        ),
        ('{\n "total": 1\n}', [("a tool", {"total": 1})]),
        ("shipped: on Monday", [("shipped", "on Monday")]),
        ("It left on Monday", [("a tool", "It left on Monday")]),
        ("[" * 5000, [("a tool", "[" * 5000)]),
    ],
    ids=["none", "two", "whole", "named text", "text", "nested"],
)
def test_results_are_read_as_they_are_written(returned, results):
    assert list(results_of(returned)) == results


def test_what_was_returned_counts_as_done():
    evidence = evidence_of(Try(text="x", returned='refund: {"state": "refunded"}', sources="Returns in 30 days"))
    assert [(deed.tool, deed.state) for deed in evidence.deeds] == [("refund", "confirmed")]
    assert [source.kind for source in evidence.sources] == ["document", "result"]


SPANS = st.lists(st.tuples(st.integers(-1, 30), st.integers(-1, 30)), max_size=8)


@given(st.text(max_size=25), SPANS)
def test_the_pieces_are_the_text_whatever_overlaps(text, spans):
    word, tone, icon = ACTS[Action.NONE]
    seen = [
        Seen(
            rule="r",
            word=word,
            tone=tone,
            icon=icon,
            match="",
            finding=Finding(policy=Policy.WORD, type="w", start=start, end=end),
        )
        for start, end in spans
    ]
    pieces = list(pieces_of(text, seen))
    assert "".join(piece.text for piece in pieces) == text
    marked = {at for start, end in spans if 0 <= start < end <= len(text) for at in range(start, end)}
    at = 0
    for piece in pieces:
        assert piece.is_marked == (at in marked)
        at += len(piece.text)
