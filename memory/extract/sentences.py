"""A message as the sentences that its writer says of themselves: no questions, quotations or suppositions."""

from __future__ import annotations

import re
import unicodedata

# A longer message is a document or an attempt; what people want of us stands in its beginning.
LONGEST = 4000
MOST = 60
APOSTROPHES = str.maketrans({"\u2019": "'", "\u2018": "'", "\u201c": '"', "\u201d": '"', "\u00ab": '"', "\u00bb": '"'})
# A line of somebody else's, as e-mail programs quote it; and what stands between quotation marks.
QUOTED = re.compile(r'^\s*>.*$|"[^"]*"?', re.MULTILINE)
END = re.compile(r"(?<=[.!?])[\s)\]]+|\n+|;\s+")
ABBREVIATION = re.compile(r"\b(?:mr|mrs|ms|dr|st|no|nr|prof|approx|e\.g|i\.e)\.$", re.IGNORECASE)
# Their own wish, asked politely, is no question; that they ask what is so, is one.
POLITE = re.compile(
    r"(?:please[ ,]+|and |also |so |but |hi[ ,]+|hello[ ,]+)*(?:can|could|would|will) (?:you|we|i)(?: all)?(?: "
    r"please| kindly| maybe| "
    r"possibly)? (?!tell|say|explain|check|see|confirm|know|look|find|let me know|show|remind|believe|imagine)|"
    r"would it be possible "
    r"(?:to|for you to) (?!know|see)|would you mind ",
    re.IGNORECASE,
)
# Not meant, not so any more, or said of somebody else.
SUPPOSED = re.compile(
    r"^(?:what |and |but |so |or )*(?:if|unless|suppose|supposing|imagine|assuming|when i|say i|pretend|let's say)\b"
    r"|\b(?:used to|not true that|never said|didn't say|did not say|you said|you say|you wrote|you told|it says|"
    r"says? that|told me|(?:he|she|they|who|wife|husband|friend) thinks? |as if|for example|in theory|"
    r"hypothetically|just kidding|joking)\b",
    re.IGNORECASE,
)


def sentences_of(text: str) -> list[str]:
    """In plain characters and single spaces."""
    plain = unicodedata.normalize("NFKC", text[:LONGEST]).translate(APOSTROPHES)
    unquoted = QUOTED.sub(" … ", plain)
    parts: list[str] = []
    for part in END.split(unquoted):
        if parts and ABBREVIATION.search(parts[-1]):
            parts[-1] += f" {part}"
        else:
            parts.append(part)
    return [one for part in parts[:MOST] if (one := " ".join(part.split()))]


def statements_of(text: str) -> list[str]:
    """The sentences that say what is so, or what they want."""
    return [sentence for sentence in sentences_of(text) if is_statement(sentence)]


def is_statement(sentence: str) -> bool:
    if SUPPOSED.search(sentence):
        return False
    return not is_question(sentence)


QUESTION = re.compile(
    r"(?:and |but |so |or |hi[ ,]+|hello[ ,]+|please )*(?:do|does|did|am|are|is|was|were|have|has|had|should|shall|"
    r"may|might|what|why|who|whom|"
    r"where|when|which|how|whether|can|could|would|will)\b(?! not\b)",
    re.IGNORECASE,
)


def is_question(sentence: str) -> bool:
    if POLITE.match(sentence):
        return False
    return "?" in sentence or QUESTION.match(sentence) is not None
