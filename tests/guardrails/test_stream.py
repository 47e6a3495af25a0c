from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.config import PII_TYPES
from guardrails.findings import Finding, Policy
from guardrails.pii import find_pii, find_secrets, mask
from guardrails.stream import HELD, LONGEST_RUN, Redactor, Sentences

EVERY = frozenset(PII_TYPES)
ENTITIES = [
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "5555555555554444",
    "john.doe@example.com",
    "a.rather.long.name.of.somebody.with.a.department@sales.of.the.example-company.co.uk",
    "https://shop.example.com/orders/1042?token=" + "abcdef0123456789" * 6,
    "www.example.com/a_(b)",
    "GB29 NWBK 6016 1331 9268 19",
    "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
    "NL91ABNA0417164300",
    "+41 (0)71 526 99 04",
    "+1-903-140-4508x769",
    "(415) 555-0132",
    "01 84 17 61 18",
    "536-90-4399",
    "911-70-1234",
    "943 476 5919",
    "AB 12 34 56 C",
    "192.168.10.1",
    "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
    "00:1A:2B:3C:4D:5E",
    "1HGCM82633A004352",
    "AKIAIOSFODNN7EXAMPLE",
    "12 Baker Street, Flat 3, London NW1 6XE",
    "\uff14\uff11\uff11\uff11 1111 1111 1111",
    "4111\u200b1111\u200b1111\u200b1111",
]
TOLD = [
    "My password is hunter2x!",
    "PIN: 4821",
    "the security code on the back is 321",
    "my card 4111 1111 1111 1111 12/27 123",
    "call me back on 450 0840",
    "my bank account number is 945456787654",
    "driver's license number H12234567",
    "License plate: ABC 1234",
    "He just turned 69 years old",
    "My name is Mary Ann O'Neil",
    "SWIFT: DEUTDEFF",
    "username: j_smith99",
    "my passport is A12803456",
]
ORDINARY = [
    "Your order #W2378156 was shipped on 15.05.2024 at 10:30.",
    "The refund of $1,299.00 goes back in 5-7 business days",
    "order 4539578763621486",
    "Thank You For Shopping With Us",
    "e.g. at 12 to 14 o'clock",
    "I WANT MY MONEY BACK",
    "SKU 6011-2200-1145",
    "\u6211\u7684\u8ba2\u5355\u8fd8\u6ca1\u6709\u5230\u3002",
    "Gr\u00fc\u00dfe aus K\u00f6ln",
    "1 2 3 4 5",
    "ok",
    "\U0001f600",
]
GAPS = st.sampled_from([" ", " ", " ", "\n", ", ", ". ", "  ", " - ", ": ", "\t", "; ", ' "', "\n\n"])
TEXTS = st.lists(
    st.tuples(st.sampled_from([*ENTITIES, *TOLD, *ORDINARY, *ORDINARY]), GAPS), min_size=1, max_size=9
).map(lambda pieces: "".join(piece + gap for piece, gap in pieces))
# Longer than a word reaches that says of a number what it is: right behind "SKU 6011-2200-1145" another is none either.
FAR = "So much for that. And now for something that has nothing to do with what you have read of me above:"
SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=12)


def find(text: str, before: str) -> list[Finding]:
    return find_pii(text, EVERY, before=before)


def chunks_of(text: str, sizes: list[int]) -> list[str]:
    chunks, place, turn = [], 0, 0
    while place < len(text):
        size = sizes[turn % len(sizes)]
        chunks.append(text[place : place + size])
        place, turn = place + size, turn + 1
    return chunks


def redact(text: str, sizes: list[int]) -> list[str]:
    redactor = Redactor(find)
    return [*(redactor.feed(chunk) for chunk in chunks_of(text, sizes)), redactor.close()]


@settings(max_examples=300)
@given(TEXTS, SIZES)
def test_a_stream_is_masked_as_the_whole_text_is(text: str, sizes: list[int]) -> None:
    assert "".join(redact(text, sizes)) == mask(text, find(text, ""))


@settings(max_examples=100)
@given(st.sampled_from(ENTITIES), TEXTS, TEXTS, SIZES)
def test_no_entity_passes_as_it_is(entity: str, before: str, after: str, sizes: list[int]) -> None:
    text = f"{before}\n{FAR} {entity}\n{after}"
    assert any(entity in one.text_of(text) for one in find(text, ""))
    # Around it there may be the same again, in words that make something else of it.
    assert "".join(redact(text, sizes)).count(entity) < text.count(entity)


@given(st.text(max_size=300), SIZES)
def test_any_text_comes_out_as_the_whole_would(text: str, sizes: list[int]) -> None:
    assert "".join(redact(text, sizes)) == mask(text, find(text, ""))


@pytest.mark.parametrize("size", [1, 7, 90])
@pytest.mark.parametrize(
    "run",
    [
        "https://a.example/" + "x" * 3000,
        "password: " + "a1!" * 700,
        "4111 1111 1111 1111 " * 60,
        "x" * 2000 + "@example.com",
        "1 2 3 4 5 6 7 8 9 " * 80,
        "\u4e2d\u6587" * 500 + "john@example.com",
        "john@example.com" + "\u4e2d\u6587" * 500,
        "aB3/" * 500,
        "I WANT MY MONEY BACK " * 40,
        "=" * 900,
    ],
    ids=["link", "password", "cards", "address", "count", "no spaces", "behind", "noise", "capitals", "line"],
)
def test_runs_without_end(run: str, size: int) -> None:
    text = f"Look: {run} and write to ana@example.com, please, before the end of this week."
    assert "".join(redact(text, [size])) == mask(text, find(text, ""))


def test_a_private_key_is_masked_however_long_it_is() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\n" + "MIIEowIBAAKCAQEA\n" * 90 + "-----END RSA PRIVATE KEY-----"
    redactor = Redactor(lambda text, before: find_secrets(text))
    out = "".join(redactor.feed(chunk) for chunk in chunks_of(f"The key:\n{key}\nKeep it safe.", [5, 11]))
    assert out + redactor.close() == "The key:\n{PRIVATE_KEY}\nKeep it safe."


def test_what_is_certain_is_released_at_once() -> None:
    text = "Thanks for waiting, I have looked into it and the parcel is on its way to you. " * 3
    redactor = Redactor(find)
    held = 0
    for place in range(0, len(text), 4):
        held += 4 - len(redactor.feed(text[place : place + 4]))
        assert held <= HELD + 16


def test_no_more_than_one_long_run_is_held() -> None:
    redactor = Redactor(find)
    held = 0
    for _ in range(2000):
        held += 3 - len(redactor.feed("ab1"))
        assert held <= LONGEST_RUN + 3


def test_a_value_that_is_not_masked_is_not_torn() -> None:
    """What `find` leaves out, a customer's own address, must not be read as another entity from its middle on."""

    def others(text: str, before: str) -> list[Finding]:
        return [one for one in find(text, before) if one.text_of(text) != "ana@sub.example.com"]

    text = "We write to ana@sub.example.com today, and to bob@example.com later on, as you have asked us to do."
    for size in range(1, 40):
        redactor = Redactor(others)
        out = "".join(redactor.feed(chunk) for chunk in chunks_of(text, [size])) + redactor.close()
        assert out == text.replace("bob@example.com", "{EMAIL}")


def test_a_closed_stream_begins_anew() -> None:
    redactor = Redactor(find)
    assert redactor.feed("my PIN is") + redactor.close() == "my PIN is"
    assert redactor.feed(" 4821") + redactor.close() == " 4821"


def test_findings_of_the_whole_text_mask_nothing() -> None:
    redactor = Redactor(lambda text, before: [Finding(policy=Policy.TOPIC, type="x")])
    assert redactor.feed("a word " * 20) + redactor.close() == "a word " * 20


# -- sentences

PIECES = [
    *(
        "Your order",
        "is ready",
        "Dr. Smith",
        "e.g. this",
        "No. 12",
        "1.5 kg",
        "https://a.example/b.c?d=e.",
        "a@b.example",
    ),
    *(
        ". ",
        "! ",
        "? ",
        "... ",
        "\u2026 ",
        "\n",
        "\n\n",
        "1. ",
        "2) ",
        "- ",
        ": ",
        "\u3002",
        "\u4f60\u597d",
        ' "',
        '." ',
        " ",
        "\t",
    ),
]


def sentences_of(text: str, sizes: list[int]) -> list[str]:
    sentences = Sentences()
    fed = [one for chunk in chunks_of(text, sizes) for one in sentences.feed(chunk)]
    return [*fed, *sentences.close()]


@given(st.one_of(st.lists(st.sampled_from(PIECES), max_size=20).map("".join), st.text(max_size=80)), SIZES)
def test_sentences_are_the_text_however_it_comes(text: str, sizes: list[int]) -> None:
    found = sentences_of(text, sizes)
    assert "".join(found) == text
    assert all(found)
    assert found == sentences_of(text, [len(text) + 1])


@pytest.mark.parametrize(
    "text",
    [
        "I looked. |It is here! |Is it? |Yes.",
        "He said \u201cno.\u201d |Then he left. |",
        "It costs 1.5 euros. |Fine.",
        "Ask Dr. Smith or Mr. Jones. |Or Mrs. Lee.",
        "Bring fruit, e.g. apples, i.e. Fruit. |Thanks.",
        "See No. 12 and No. 13. |No. |I mean it.",
        "Open https://a.example/b.c?d=1. |Then mail a.b@c.example. |Done.",
        "1. Open the box.\n|2. Close it.\n|",
        "Steps: 1. Open. |2. Close. |3. Done.",
        "Choose 1. the box, 2. The bag. |Then go.",
        "Well... I think so. |Hm\u2026 Not sure. |Wait. . . what? |OK",
        "First line\n|second line\n\n|third",
        "J. K. Rowling wrote it. |She did.",
        "It arrives at 5 p.m. |We wait.",
        "It arrives at 5 p.m. on Monday.",
        "Acme Inc. is here. |Yes.",
        "\u4f60\u597d\u3002|\u518d\u89c1\uff01|\u597d",
        "**Done.** |Next (see above). |Last",
        "Am 5. Mai kommt es an. |Gut.",
        "Version 2.0.1. |Good.",
        "Really?! |Yes!! |OK",
        "  Leading. |Space",
        "and so do I. |Then",
    ],
)
def test_where_sentences_end(text: str) -> None:
    expected = text.split("|")
    assert sentences_of(text.replace("|", ""), [3]) == [one for one in expected if one]


def test_a_sentence_is_given_when_the_next_one_begins() -> None:
    sentences = Sentences()
    assert sentences.feed("It is here.") == []
    assert sentences.feed(" ") == []
    assert sentences.feed("A") == ["It is here. "]
    assert sentences.close() == ["A"]
    assert sentences.close() == []
