"""Words and phrases that an admin names, and the managed list of profanity: whole words, however they are written."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guardrails.content.lexicon import PROFANITY
from guardrails.findings import Finding, Policy
from guardrails.normal import normal

WORD = re.compile(r"[^\W_]+(?:['*][^\W_]+)*")


class Words:
    """Phrases by their first word, so ten thousand of them cost a look-up a word of the text."""

    def __init__(self, words: Sequence[str], *, is_profanity: bool = False) -> None:
        self._phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
        for word in words:
            self._add(word, word)
        for word in PROFANITY if is_profanity else ():
            self._add(word, "PROFANITY")
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: -len(phrase[0]))

    def _add(self, written: str, name: str) -> None:
        tokens = tuple(WORD.findall(normal(written).text))
        if tokens:
            self._phrases.setdefault(tokens[0], []).append((tokens, name))

    def find(self, text: str) -> list[Finding]:
        if not self._phrases:
            return []
        read = normal(text)
        tokens = [(match[0], match.start(), match.end()) for match in WORD.finditer(read.text)]
        found, place = [], 0
        while place < len(tokens):
            matched = self._at(tokens, place)
            if matched is None:
                place += 1
                continue
            length, name = matched
            start, end = read.span(tokens[place][1], tokens[place + length - 1][2])
            found.append(Finding(policy=Policy.WORD, type=name, start=start, end=end, why="It is on the list."))
            place += length
        return found

    def _at(self, tokens: list[tuple[str, int, int]], place: int) -> tuple[int, str] | None:
        """The longest phrase that begins there: how many words it has, and what it is called."""
        for phrase, name in self._phrases.get(tokens[place][0], ()):
            if tuple(token for token, _, _ in tokens[place : place + len(phrase)]) == phrase:
                return len(phrase), name
        return None
