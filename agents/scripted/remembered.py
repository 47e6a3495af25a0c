"""What stands beside the conversation changes what is said: how the customer wants to be served, and the documents."""

import re
from collections.abc import Sequence
from dataclasses import replace

from agents.scripted.conversation import Block, Conversation, Say
from agents.scripted.intents import Reading
from agents.scripted.words import base_of, is_common, read_words

_PREFERENCE = re.compile(r"\[preferences[^\]]*\]\s*(?P<text>.*)", re.IGNORECASE)
_FEW_MAILS = re.compile(r"\b(?:few|fewer|no|not many|as few)\b[^.]*\be-?mails?\b", re.IGNORECASE)
_PASSAGE = re.compile(r"\[(?P<place>[^\]]*)\]\s*(?P<text>.*)", re.DOTALL)
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_DONE = ("refunded", "cancelled")
FEW_MAILS = "You prefer few e-mails, so I leave it at this message."
_MOST_SENTENCES = 2
_SHARED = 2


def minded(conversation: Conversation, blocks: Sequence[Block]) -> list[Block]:
    """The reply as somebody gives it who knows the customer. Where something was done for one who wants few e-mails,
    it says that none is sent; once in a conversation is enough."""
    told = any(FEW_MAILS in turn.said for turn in conversation.turns)
    if told or not any(_FEW_MAILS.search(text) for text in _preferences(conversation)):
        return list(blocks)
    return [
        replace(block, text=f"{block.text} {FEW_MAILS}") if isinstance(block, Say) and block.kind in _DONE else block
        for block in blocks
    ]


def from_documents(conversation: Conversation, reading: Reading) -> str | None:
    """The beginning of the best passage that is about the question, with the document's name."""
    asked = {base_of(token) for token in reading.words.tokens if len(token) > 3 and not is_common(token)}
    for line in conversation.passages:
        found = _PASSAGE.match(line)
        if found is None:
            continue
        shared = asked & {base_of(token) for token in read_words(f"{found['place']} {found['text']}").tokens}
        if shared and len(shared) >= min(_SHARED, len(asked)):
            sentences = _SENTENCE.split(found["text"].strip())[:_MOST_SENTENCES]
            return f"{' '.join(sentences)} (From {found['place'].split(',')[0]}.)"
    return None


def _preferences(conversation: Conversation) -> list[str]:
    found = (_PREFERENCE.match(line) for line in conversation.remembered)
    return [match["text"] for match in found if match]
