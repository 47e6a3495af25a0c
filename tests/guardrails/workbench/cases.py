"""Small sets, a guardrail with words of its own, and messages of a conversation, for the tests of the workbench."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from guardrails.backtest import Said
from guardrails.findings import Direction
from guardrails.labelled import import_lines
from guardrails.models import Guardrail, GuardrailVersion, LabelledSet
from guardrails.reading import as_json, read_config
from observability.ids import uuid7

CARD = "Pay it with 4111 1111 1111 1111, please."
CARD_SPANS = [{"start": 12, "end": 31, "entity": "CREDIT_CARD"}]


def file_of(*lines: Any) -> io.BytesIO:
    return io.BytesIO("\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines).encode())


def make_set(measures: str, *lines: Any, name: str = "") -> LabelledSet:
    made = LabelledSet.objects.create(name=name or f"{measures} {uuid7().hex}", measures=measures)
    import_lines(made, file_of(*lines))
    return made


def words_config(*words: str, action: str = "BLOCK", grounding: float | None = None, pii: Iterable[str] = ()) -> Any:
    config: dict[str, Any] = {
        "wordPolicyConfig": {
            "wordsConfig": [{"text": word, "inputAction": action, "outputAction": action} for word in words]
        },
        "sensitiveInformationPolicyConfig": {
            "piiEntitiesConfig": [{"type": entity, "action": "ANONYMIZE"} for entity in pii]
        },
    }
    if grounding is not None:
        config["contextualGroundingPolicyConfig"] = {"filtersConfig": [{"type": "GROUNDING", "threshold": grounding}]}
    return as_json(read_config(config))


def make_version(config: Any, *, number: int | None = 1, guardrail: Guardrail | None = None) -> GuardrailVersion:
    guardrail = guardrail or Guardrail.objects.create(slug=f"g-{uuid7().hex}", name="Words")
    return GuardrailVersion.objects.create(
        guardrail=guardrail, number=number, config=config, published_at=timezone.now() if number else None
    )


class Conversations:
    """Stands in the place of the app above: it knows what was said."""

    def __init__(self) -> None:
        self.said: list[Said] = []

    def add(self, text: str, direction: Direction = Direction.INPUT, *, days_ago: float = 0) -> Said:
        at = timezone.now() - timedelta(days=days_ago)
        self.said.append(Said(session_id=uuid7(), message_id=uuid7(), direction=direction, text=text, at=at))
        return self.said[-1]

    def since(self, since: datetime) -> Iterator[Said]:
        return (said for said in self.said if said.at >= since)

    def of(self, ids: Iterable[UUID]) -> Mapping[UUID, Said]:
        wanted = set(ids)
        return {said.message_id: said for said in self.said if said.message_id in wanted}
