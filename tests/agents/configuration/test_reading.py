"""What a file may not be, told with its line, all of it at once."""

from __future__ import annotations

import pytest

from agents.configuration.form import ADDRESSES, AGENT, RULE_FORM
from agents.configuration.reading import Refused, read_tree
from agents.models import Agent
from agents.versions import FIELDS
from tests.agents.configuration.conftest import Apply, refused
from tools.models import Target
from tools.policy.forms import FormRule


def why(text: str) -> str:
    with pytest.raises(Refused) as error:
        read_tree(text, "desk.yaml")
    return str(error.value)


def test_every_value_knows_its_line() -> None:
    tree = read_tree(
        "a: 1\nb:\n  - x\n  - {c: |\n      one\n\n}\n".replace("{c: |\n      one\n\n}", "c: |\n      one"), "f"
    )
    assert tree.lines == {"a": 1, "b": 2}
    inner = tree.value["b"].value[1].value["c"]
    assert (inner.value, inner.line, inner.begins) == ("one\n", 4, 5)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: [1, }", "desk.yaml, line 1: not YAML: "),
        ("a: 1\nb: 2\na: 3", "desk.yaml, line 3: the key 'a' appears twice."),
        ("a: 1\nb: !!python/object:os.system x", "desk.yaml, line 2: the tag "),
        ("a: *b", "desk.yaml, line 1: the alias 'b' names nothing before it."),
        ("a: &x {b: 1}\nc:\n  <<: *x", "desk.yaml, line 3: '<<' cannot be a key here."),
        ("", "desk.yaml, line 1: The file is empty."),
        ("a: 1\n---\nb: 2", "desk.yaml, line 1: The file holds more than one YAML document."),
        ('a: "\\0"', "desk.yaml, line 1: a text holds a NUL character"),
        ("[" * 100 + "]" * 100, "desk.yaml, line 1: nested more than 60 deep."),
    ],
    ids=["broken", "twice", "tag", "alias", "merge", "empty", "documents", "nul", "deep"],
)
def test_a_file_that_is_none_is_refused(text: str, expected: str) -> None:
    assert why(text).startswith(expected)


def test_aliases_cost_what_they_stand_for() -> None:
    bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 10)}]\n" for level in range(1, 8)
    )
    assert "with its aliases the file has over 200,000 values" in why(bomb)


def test_words_are_those_of_yaml_12() -> None:
    tree = read_tree("a: no\nb: 1_000\nc: 12:30\nd: 0o17\ne: ~\nf: 1e3\n", "f")
    assert tree.plain() == {"a": "no", "b": "1_000", "c": "12:30", "d": 15, "e": None, "f": 1000.0}


@pytest.mark.django_db
def test_all_that_is_wrong_is_told_at_once_with_line_and_key(apply: Apply) -> None:
    found = refused(
        apply,
        """\
        agnets: {}
        agents:
          clerk:
            instructions: Answer.
            modle: claude-sonnet-5-5
            max_usd: plenty
            merge_waiting: no
            tools: [a, a]
        targets:
          shop:
            http: http://127.0.0.1:8010
            mcp: http://127.0.0.1:8011
            tools:
              refund:
                effect: mony
                retries: "2"
        policies:
          mode: enforced
          rules:
            one: {form: {effect: permit, conditions: [{name: x}]}}
        limits:
          usage: {scope: all}
          monye: []
        """,
    )
    assert found == [
        "desk.yaml, line 1: there is no key 'agnets' here; did you mean 'agents'?",
        "desk.yaml, line 5, agents.clerk: there is no key 'modle' here; did you mean 'model'?",
        "desk.yaml, line 6, agents.clerk.max_usd: a number is expected.",
        "desk.yaml, line 7, agents.clerk.merge_waiting: true or false is expected.",
        "desk.yaml, line 8, agents.clerk.tools: 'a' is there twice.",
        "desk.yaml, line 12, targets.shop.mcp: a target is one thing: it is http already.",
        "desk.yaml, line 15, targets.shop.tools.refund.effect: "
        "'mony' is none of read, write, money, irreversible; did you mean 'money'?",
        "desk.yaml, line 16, targets.shop.tools.refund.retries: a whole number is expected.",
        "desk.yaml, line 18, policies.mode: 'enforced' is none of off, shadow, enforce; did you mean 'enforce'?",
        "desk.yaml, line 20, policies.rules.one.form.conditions: `operator` is missing.",
        "desk.yaml, line 22, limits.usage: a list is expected, not this.",
        "desk.yaml, line 23, limits: there is no key 'monye' here; did you mean 'money'?",
    ]
    assert not Agent.objects.exists()


def test_the_form_has_all_that_there_is() -> None:
    assert {*FIELDS} <= AGENT.keys()
    assert RULE_FORM.keys() == FormRule.__dataclass_fields__.keys()
    assert {*ADDRESSES} == {*Target.Kind.values}
