"""Where in a text a number, a key or an address may not be cut: tokens, and groups of digits and capitals that belong
together. Every candidate that can be longer than what `guardrails/stream.py` holds back lies within one such run."""

from __future__ import annotations

import re

from guardrails.pii.folding import fold_in_place

TOKEN = re.compile(r"[!-~\u00a1-\u036f]")
GAP = 3  # spaces that groups of one number may have between them
# The end of the token before, and the head of the one behind it: "card:4111" and "1111,". Two small letters are those
# of "ab 12 34 56 c"; the others those of an extension.
END = re.compile(r"(?:[A-Z0-9()+\-./*#x]+|(?<![!-~])(?:[a-z]{1,2}|ext|extension)[.:]?)\Z")
HEAD = re.compile(r"[A-Z0-9()+\-./*#x]+|(?:[a-z]{1,2}|ext|extension)(?![a-z0-9])")
DIGIT = re.compile(r"[0-9]")


def start_of_run(text: str, place: int) -> int:
    """The start of the run that `place` lies in; `place` itself where it lies in none."""
    folded = fold_in_place(text)
    while 0 < place < len(folded):
        start = start_of_token(folded, place) if TOKEN.match(folded, place) else place
        left = start
        while left and folded[left - 1] in " \t":
            left -= 1
        right = place
        while right < len(folded) and folded[right] in " \t":
            right += 1
        if start < place and start == left:
            return start
        head = start if start < place or right == place else right
        if not 0 < head - left <= GAP or not left or not is_one_number(folded, left, head):
            return start
        place = start_of_token(folded, left)
    return place


def start_of_token(folded: str, end: int) -> int:
    while end and TOKEN.match(folded, end - 1):
        end -= 1
    return end


def is_one_number(folded: str, left: int, right: int) -> bool:
    """Whether the tokens that end at `left` and begin at `right` may be groups of one number."""
    end = END.search(folded, start_of_token(folded, left), left)
    head = HEAD.match(folded, right)
    return bool(end and head and (DIGIT.search(end.group()) or DIGIT.search(head.group())))
