"""Passages: nothing lost, in order, never too long, never in the middle of a sentence that would fit."""

from __future__ import annotations

import random
import re

import pytest

from memory.documents import passages
from memory.documents.limits import Unreadable
from memory.documents.passages import MOST_CHARACTERS, MOST_WORDS, fits, sentences, split

WORDS = (
    "a",
    "return",
    "parcel",
    "within",
    "days",
    "of",
    "the",
    "delivery",
    "is",
    "free,",
    "opened;",
    "§ 4.2",
    "3.5 kg",
)


def bare(text: str) -> str:
    return "".join(text.split())


def sentence(chance: random.Random, longest: int = 30) -> str:
    words = [chance.choice(WORDS) for _ in range(chance.randint(1, longest))]
    return " ".join(words).capitalize() + chance.choice([".", "!", "?", "…"])


def paragraph(chance: random.Random) -> str:
    return chance.choice([" ", "\n"]).join(sentence(chance) for _ in range(chance.randint(1, 25)))


def items(chance: random.Random) -> str:
    mark = chance.choice(["- ", "* ", "1. ", "12) "])
    lines = []
    for _ in range(chance.randint(1, 40)):
        lines.append(chance.choice(["", "", "  "]) + mark + sentence(chance, 12))
        if chance.random() < 0.2:
            lines.append("   " + sentence(chance, 8))
    return "\n".join(lines)


def code(chance: random.Random) -> str:
    return "```\n" + "\n".join(f"# {sentence(chance, 6)}" for _ in range(chance.randint(1, 30))) + "\n```"


def document(chance: random.Random) -> tuple[str, list[str]]:
    """A text, and its headings in their order."""
    blocks, headings = [], []
    for number in range(chance.randint(1, 25)):
        if chance.random() < 0.4:
            headings.append(f"Heading{number} of")
            blocks.append("#" * chance.randint(1, 4) + " " + headings[-1])
        else:
            blocks.append(chance.choice([paragraph, paragraph, items, code])(chance))
    return "\n\n".join(blocks), headings


@pytest.mark.parametrize("seed", range(120))
def test_nothing_is_lost_and_the_order_is_kept(seed: int) -> None:
    text, headings = document(random.Random(seed))
    parts = split(text)

    assert split(text) == parts
    assert all(fits(part.text) and part.text.strip() for part in parts)
    below = [line for line in text.split("\n") if not re.match(r"#+ Heading\d+ of", line)]
    said = [part.text for part in parts if not re.match(r"Heading\d+ of$", part.text)]
    assert bare("".join(said)) == bare("".join(below))
    places = [f"{part.heading} {part.text}" for part in parts]
    first_seen = [next(at for at, place in enumerate(places) if heading in place) for heading in headings]
    assert first_seen == sorted(first_seen)


@pytest.mark.parametrize("seed", range(40))
def test_a_passage_ends_where_a_sentence_does(seed: int) -> None:
    chance = random.Random(seed)
    text = " ".join(sentence(chance, 60) for _ in range(60))
    parts = split(text)
    assert len(parts) > 1
    assert all(part.text.endswith((".", "!", "?", "…")) for part in parts)
    assert [said for part in parts for said in sentences(part.text)] == list(sentences(text))


def test_they_are_as_long_as_they_may_be() -> None:
    parts = split(" ".join("This is one of many sentences of nine words." for _ in range(200)))
    assert all(MOST_WORDS - 9 <= len(part.text.split()) <= MOST_WORDS for part in parts[:-1])


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    words = [f"word{number}" for number in range(450)]
    parts = split(" ".join(words) + ".")
    assert [len(part.text.split()) for part in parts] == [200, 200, 50]
    assert " ".join(part.text for part in parts) == " ".join(words) + "."


def test_what_has_no_spaces_is_cut_too() -> None:
    text = "退货" * 2000
    parts = split(text)
    assert "".join(part.text for part in parts) == text
    assert all(len(part.text) <= MOST_CHARACTERS for part in parts)


def test_chinese_sentences_are_sentences() -> None:
    assert list(sentences("三十天内可以退货。退款五天。好!")) == ["三十天内可以退货。", "退款五天。", "好!"]


@pytest.mark.parametrize("text", ["See e.g. Annex 3.", "Mr. Smith, Dr. No.", "It costs approx. 3 EUR."])
def test_an_abbreviation_ends_no_sentence(text: str) -> None:
    assert list(sentences(text)) == [text]


def test_a_quotation_ends_with_its_sign() -> None:
    assert list(sentences('She said "no." (It was so.) Fine.')) == ['She said "no."', "(It was so.)", "Fine."]


def test_the_path_of_headings() -> None:
    text = "intro\n\n# Returns\n\n## Deadline ##\n\na\n\n### Exceptions\n\nb\n\nCosts\n-----\n\nc\n\nShipping\n===\n\nd"
    assert [(part.heading, part.text) for part in split(text)] == [
        ("", "intro"),
        ("Returns / Deadline", "a"),
        ("Returns / Deadline / Exceptions", "b"),
        ("Returns / Costs", "c"),
        ("Shipping", "d"),
    ]


def test_a_heading_with_nothing_below_is_its_own_text() -> None:
    parts = split("# A\n\n## No returns of underwear\n\n## B\n\ntext\n\n# We are closed on Sundays")
    assert [(part.heading, part.text) for part in parts] == [
        ("A", "No returns of underwear"),
        ("A / B", "text"),
        ("", "We are closed on Sundays"),
    ]


def test_a_path_that_is_too_long_keeps_its_end() -> None:
    [part] = split(f"# {'a' * 200}\n\n## {'b' * 200}\n\n### The end\n\ntext")
    assert len(part.heading) == 300
    assert part.heading.startswith("…")
    assert part.heading.endswith("/ The end")


def test_what_looks_like_a_heading_in_code_is_code() -> None:
    [part] = split("```\n# not a heading\n\n- not an item\n```")
    assert (part.heading, part.text) == ("", "```\n# not a heading\n\n- not an item\n```")


def test_a_short_list_stays_whole_with_what_leads_to_it() -> None:
    filling = " ".join("These are five more words." for _ in range(35))
    listed = "\n".join(f"- item number {number} of it" for number in range(10))
    parts = split(f"{filling}\n\nYou cannot return:\n\n{listed}")
    assert parts[1].text == f"You cannot return:\n\n{listed}"


def test_a_long_list_is_cut_between_items() -> None:
    listed = "\n".join(f"- item {number}\n  - below {number} there are six words" for number in range(60))
    parts = split(listed)
    assert len(parts) > 1
    assert all(part.text.startswith("- item ") for part in parts)
    assert "\n".join(part.text for part in parts) == listed


def test_a_long_table_repeats_its_head() -> None:
    rows = [f"| Country {number} | {number} days | free |" for number in range(80)]
    parts = split("\n".join(["| Country | Time | Price |", "| --- | --- | --- |", *rows]))
    assert len(parts) > 1
    assert all(part.text.startswith("| Country | Time | Price |\n| --- | --- | --- |\n| Country ") for part in parts)
    assert [line for part in parts for line in part.text.split("\n")[2:]] == rows


def test_what_is_embedded_names_its_heading() -> None:
    [part] = split("# Returns\n\nIt takes 30 days.")
    assert part.as_embedded == "Returns\nIt takes 30 days."


def test_too_many_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passages, "MOST_PASSAGES", 10)
    with pytest.raises(Unreadable, match="more than 10 passages"):
        split("\n\n".join(f"# {number}\n\ntext" for number in range(11)))


def test_wrapped_lines_are_joined_and_short_ones_stay() -> None:
    wrapped = "An item can be returned within 30 days, if it is complete and\nunused. This is so for all."
    [part] = split(f"{wrapped}\n\nThe Shop\n1 Main Street\nTown")
    assert part.text == wrapped.replace("\n", " ") + "\n\nThe Shop\n1 Main Street\nTown"
