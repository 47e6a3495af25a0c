"""Which model a name stands for: its row, or the row that an alias of a former model leads to.

The rows are kept in the process and read again every two seconds, so that finding a model costs a call nothing and a
model that is switched off is off at the next step.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from datetime import date

from django.utils import timezone

from agents.errors import UnknownModel
from agents.models import LanguageModel, ModelAlias

CACHE_SECONDS = 2.0
# A retired model's alias may lead to a model that has been retired since.
LONGEST_CHAIN = 5


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """The model that answers, and what to say where it is not the one that was named; else the warning is empty."""

    model: LanguageModel
    warning: str = ""


class Directory:
    def __init__(self) -> None:
        self._models: dict[str, LanguageModel] = {}
        self._aliases: dict[str, ModelAlias] = {}
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def models(self) -> dict[str, LanguageModel]:
        """All models by key, switched off and retired ones too."""
        self._refresh()
        return self._models

    def resolve(self, name: str) -> Resolved:
        """Raises `UnknownModel` for a name that no enabled model answers to."""
        self._refresh()
        key, reason = name, ""
        for _ in range(LONGEST_CHAIN):
            model, alias = self._models.get(key), self._aliases.get(key)
            if model is not None and refusal_of(model) == "":
                return Resolved(
                    model=model, warning=f"{name} {reason}; {model.label} answers instead." if reason else ""
                )
            if alias is None:
                break
            key, reason = alias.model.key, reason or alias.reason
        raise UnknownModel(self._why_not(name, key))

    def _why_not(self, name: str, key: str) -> str:
        model = self._models.get(key)
        if model is None:
            return f"There is no model named {name!r}."
        if key != name:
            return f"{name} stands for {model.label}, which {refusal_of(model) or 'leads back to it'}."
        return f"{model.label} ({name}) {refusal_of(model) or 'leads back to itself'}."

    def _refresh(self) -> None:
        """One thread reads again while the others go on with what there is. Nobody waits for the lock: who waits here
        may hold the last connection of the pool, which the reader needs."""
        if not self._models:
            self._read()
        elif time.monotonic() - self._read_at > CACHE_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reading.release()

    def _read(self) -> None:
        aliases = {alias.alias: alias for alias in ModelAlias.objects.select_related("model")}
        self._models, self._aliases = {model.key: model for model in LanguageModel.objects.all()}, aliases
        self._read_at = time.monotonic()

    def forget(self) -> None:
        self._read_at = float("-inf")


directory = Directory()


def resolve(name: str) -> Resolved:
    """The model that answers under `name`. Raises `UnknownModel`, whose text says why none does."""
    return directory.resolve(name)


def refusal_of(model: LanguageModel) -> str:
    """Why a model takes no calls, as the end of a sentence; empty where it does."""
    if not model.enabled:
        return "is switched off"
    if is_retired(model):
        return f"was retired on {long_date(model.retires_on)}"
    return ""


def is_retired(model: LanguageModel) -> bool:
    """From the day of its retirement on a provider refuses the model."""
    return model.retires_on is not None and timezone.now().date() >= model.retires_on


def long_date(day: date | None) -> str:
    return f"{day.day} {day:%B %Y}" if day else ""
