"""A model whose answers a test plans; an answer may be a function of the request, so that something happens first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from memory.recall import FENCES
from tests.flows.conftest import forget_caches
from tests.messages_api import Answer, Body, running_messages_api

GIVEN = re.compile(rf"<(?:{'|'.join(FENCES)})>")
Planned = Answer | Callable[[Body], Answer]


class PlannedModel:
    """Gives the answers in order, the last one again and again, and keeps what it was asked."""

    def __init__(self) -> None:
        self.answers: list[Planned] = []
        self.asked: list[Body] = []

    def __call__(self, body: Body) -> Answer:
        self.asked.append(body)
        planned = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return planned if isinstance(planned, Answer) else planned(body)

    def texts(self) -> list[str]:
        """What the customer said, as the newest request gave it."""
        return [text for text in self.given() if not GIVEN.match(text)]

    def given(self) -> list[str]:
        """The same, with what the desk put beside it: memories, passages of documents."""
        return [
            block["text"]
            for message in self.asked[-1]["messages"]
            if message["role"] == "user"
            for block in message["content"]
            if block["type"] == "text"
        ]


@contextmanager
def planned_model(settings: Any) -> Iterator[PlannedModel]:
    model = PlannedModel()
    with running_messages_api(model) as url:
        settings.ANTHROPIC_BASE_URL = url
        forget_caches()
        yield model
        forget_caches()


def first(action: Callable[[], object], answer: Answer) -> Callable[[Body], Answer]:
    """Something that happens while the model answers: in the server's thread, on a connection of its own."""

    def act(_: Body) -> Answer:
        try:
            action()
        finally:
            connection.close()
        return answer

    return act
