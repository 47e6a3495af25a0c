"""The text of a query to a tree, and what is said of a text that is none."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from lark import Lark, Token, Tree, UnexpectedInput, UnexpectedToken
from lark.exceptions import UnexpectedEOF

from observability.query.errors import QueryError

MOST_CHARACTERS = 10_000
GRAMMAR = Path(__file__).with_name("grammar.lark")
# CloudWatch's other commands.
UNSUPPORTED = frozenset(
    {"pattern", "diff", "join", "subquery", "unnest", "anomaly", "source", "filterindex", "lookup", "datasource"}
)
COMMANDS_EXPECTED = {"FIELDS", "FILTER", "STATS"}
SPELLINGS = {
    "==": "Equality is written with one = sign.",
    "&&": "Both conditions at once is written `and`.",
    "||": "Either condition is written `or`.",
    "<>": "Inequality is written `!=`.",
    "!": "A condition is reversed by `not`.",
}
WORDS = {
    "NAME": "a name", "SUBJECT": "a field", "STRING": "a text in quotes", "NUMBER": "a number",
    "REGEX": "a pattern between slashes", "AS": "`as` and a name", "LSQB": "a list such as [1, 2]",
    "RPAR": "a closing `)`", "RSQB": "a closing `]`", "LIKE": "`like` or `in`", "COMMA": "a comma",
    "VBAR": "`|` and the next command",
}  # fmt: skip


@cache
def parser() -> Lark:
    grammar = GRAMMAR.read_text(encoding="utf-8")
    return Lark(grammar, parser="lalr", lexer="contextual", propagate_positions=True, maybe_placeholders=True)


def read(text: str) -> Tree[Token]:
    """Raises `QueryError`."""
    check_characters(text)
    try:
        return parser().parse(text)
    except UnexpectedInput as error:
        raise explain(text, error) from None
    except RecursionError:
        raise QueryError("The query is nested too deeply.", 0, len(text)) from None


def check_characters(text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise QueryError(f"A query has {MOST_CHARACTERS:,} characters at most.", MOST_CHARACTERS, len(text))
    wrong = re.search("[\0\ud800-\udfff]", text)
    if wrong:
        raise QueryError("This character cannot be searched for.", wrong.start(), wrong.end())
    if not re.sub(r"#[^\n]*", "", text).strip():
        raise QueryError("The query is empty. It begins with a command such as `fields`.", 0, len(text))


def explain(text: str, error: UnexpectedInput) -> QueryError:
    """In plain words, at the place where reading stopped."""
    place: Any = error.pos_in_stream
    is_end = isinstance(error, UnexpectedEOF) or (isinstance(error, UnexpectedToken) and error.token.type == "$END")
    start = len(text.rstrip()) if is_end else min(place or 0, len(text))
    found = "" if is_end else word_at(text, start)
    end = max(start + len(found), start)
    expected = expected_by(error)
    special = unclosed(text, start) or misspelt(text, start) or unknown_command(found, expected)
    if special:
        return QueryError(special, start, end)
    before = word_before(text, start)
    after = f" after `{before}`" if before else ""
    instead = f", not `{found}`" if found else ""
    return QueryError(f"Expected {in_words(expected)}{after}{instead}.", start, end)


def word_at(text: str, start: int) -> str:
    found = re.compile(r"@?\w[\w.]*|\S").match(text, start)
    return found.group() if found else ""


def word_before(text: str, start: int) -> str:
    found = re.search(r"""(@?\w[\w.]*(\(\))?|"[^"\n]{0,40}"|'[^'\n]{0,40}'|\S)\s*$""", text[:start])
    return found.group(1) if found else ""


def expected_by(error: Any) -> set[str]:
    """The names of the terminals that could have stood there."""
    for name in ("accepts", "expected", "allowed"):
        found = getattr(error, name, None)
        if found:
            return {str(each) for each in found}
    return set()


def in_words(expected: set[str]) -> str:
    if expected >= COMMANDS_EXPECTED:
        return "a command such as `fields`, `filter` or `stats`"
    if expected >= {"NAME", "NUMBER"}:
        return "a field or a function"
    if "NAME" in expected:
        return "a name"
    if {"REGEX", "STRING"} <= expected:
        field = "a field, " if "SUBJECT" in expected else ""
        return f"{field}a text in quotes or a pattern between slashes"
    if "COMPARISON" in expected:
        closing = next((WORDS[each] for each in ("RPAR", "RSQB") if each in expected), WORDS["VBAR"])
        return f"an operator such as `=`, a comma or {closing}" if "COMMA" in expected else f"an operator or {closing}"
    known = [words for terminal, words in WORDS.items() if terminal in expected]
    return " or ".join(known[:3]) or "the query to go on"


def unclosed(text: str, start: int) -> str:
    match text[start : start + 1]:
        case '"' | "'":
            return "This text has no closing quote."
        case "`":
            return "This name has no closing back-tick."
        case "/":
            return "This pattern has no closing slash."
    return ""


def misspelt(text: str, start: int) -> str:
    """Signs of other languages; reading stops within them or behind them."""
    around = text[max(0, start - 1) : start + 2]
    return next((said for sign, said in SPELLINGS.items() if sign in around), "")


def unknown_command(found: str, expected: set[str]) -> str:
    if not expected >= COMMANDS_EXPECTED or not found[:1].isalpha():
        return ""
    if found.lower() in UNSUPPORTED:
        return f"The command `{found}` is not supported."
    return f"There is no command `{found}`; there are fields, filter, stats, sort, limit, dedup, parse and display."
