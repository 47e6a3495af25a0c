"""What the editor shows of a version, posted again as it is, is that version."""

from __future__ import annotations

import string
from typing import Any

import pytest
from hypothesis import given, settings

from guardrails.config import ConfigRefused
from guardrails.draft_posted import posted
from guardrails.draft_rows import Cell, Rows
from guardrails.reading import as_json, read_config
from guardrails.standard import standard_config
from guardrails.versions import changes
from tests.guardrails.editor.test_reading import configs


def form_of(rows: Rows) -> dict[str, str]:
    """What a browser would post of the page."""
    fields: dict[str, str] = {}

    def look(value: Any) -> None:
        if isinstance(value, Cell):
            if value.value is True:
                fields[value.name] = "on"
            elif value.value is not False:
                fields[value.name] = str(value.value).replace("\n", "\r\n")
        elif isinstance(value, dict):
            for inner in value.values():
                look(inner)
        elif isinstance(value, list):
            for inner in value:
                look(inner)

    look([rows.content, rows.topics, rows.words, rows.profanity, rows.entities, rows.regexes, rows.grounding])
    look([rows.claims, rows.claim_rules, rows.tools, rows.judge, rows.messages])
    return fields


# A form's lines and lists hold neither line ends, nor commas between parts, nor blanks at their ends.
PLAIN = string.ascii_letters + "äß…'\"<>&{}[]=;"


@settings(max_examples=40)
@given(configs(PLAIN))
def test_a_version_posted_as_it_is_shown_does_the_same(config):
    again = read_config(posted(form_of(Rows(as_json(config)))).data)
    assert [change.line.words for change in changes(config, again)] == []


def form(**changed: str) -> dict[str, str]:
    return form_of(Rows(standard_config())) | {name.replace("__", "-"): value for name, value in changed.items()}


def wrong_in(fields: dict[str, str]) -> dict[str, list[str]]:
    sent = posted(fields)
    with pytest.raises(ConfigRefused) as refused:
        read_config(sent.data)
    rows = Rows(sent.data, refused.value.problems, sent.groups)
    assert rows.other == []
    return {cell.name: cell.errors for cell in rows.wrong}


def test_the_standard_guardrail_posted_as_it_is_shown_is_itself():
    assert changes(read_config(standard_config()), read_config(posted(form()).data)) == []


def test_what_is_wrong_stands_at_its_field_and_nothing_is_lost():
    fields = form(
        **{
            "topics-0-name": "Tax",
            "topics-0-definition": "",
            "topics-0-examples": f"fine\n\n{'x' * 101}",
            "topics-0-input": "BLOCK",
            "topics-0-output": "NONE",
            "words-4-texts": "one\ntwo",
            "words-9-texts": "three\nTwo",
            "words-4-input": "BLOCK",
            "words-4-output": "OFF",
            "words-9-input": "NONE",
            "words-9-output": "OFF",
            "grounding.GROUNDING.threshold": "a third",
            "claims.hosts": "shop.example\nhttps://x.example/",
            "messages.input": "",
            "judge.seconds": "0",
            "regexes-0-name": "",
            "regexes-0-pattern": "VIP",
            "regexes-0-input": "OFF",
            "regexes-0-output": "BLOCK",
        }
    )
    assert wrong_in(fields) == {
        "topics-0-definition": ["This may not be empty."],
        "topics-0-examples": ["Line 2: 101 characters are too many: at most 100."],
        "words-1-texts": ["“Two”: 'Two' stands here twice."],
        "grounding.GROUNDING.threshold": ["'a third' is no number."],
        "claims.hosts": ["Line 2: A host's name such as shop.example, in small letters."],
        "messages.input": ["This may not be empty."],
        "judge.seconds": ["0.0 is not between 0.1 and 60."],
        "regexes-0-name": ["This may not be empty."],
    }
    rows = Rows(posted(fields).data, groups=posted(fields).groups)
    assert rows.grounding[0]["threshold"].value == "a third"
    assert rows.words[1]["texts"].value == "three\nTwo"


def test_rows_in_which_nothing_is_written_and_a_row_taken_away_are_left_out():
    fields = form(
        **{
            "topics-0-name": "Tax",
            "topics-0-definition": "Advice about taxes.",
            "topics-0-input": "BLOCK",
            "topics-0-output": "BLOCK",
            "topics-1-name": " ",
            "topics-1-input": "BLOCK",
            "topics-1-output": "BLOCK",
            "topics-7-name": "Rivals",
            "topics-7-definition": "Other shops.",
            "topics-7-input": "OFF",
            "topics-7-output": "BLOCK",
        }
    )
    assert [topic.name for topic in read_config(posted(fields).data).topics] == ["Tax", "Rivals"]
    assert [topic.name for topic in read_config(posted(fields, without="topics-0").data).topics] == ["Rivals"]


def test_a_comma_is_read_in_a_number():
    config = read_config(posted(form(**{"grounding.GROUNDING.threshold": "0,45"})).data)
    assert config.grounding[0].threshold == 0.45


def test_what_no_page_would_post_is_refused():
    fields = form(**{"content.HATE.input": "EXPLODE", "judge.fail": ""})
    assert wrong_in(fields) == {
        "content.HATE.input": ["'EXPLODE' is none of BLOCK, NONE."],
        "judge.fail": ["'' is none of OPEN, CLOSED."],
    }


def test_an_empty_post_is_refused_and_not_an_empty_guardrail():
    with pytest.raises(ConfigRefused):
        read_config(posted({}).data)
