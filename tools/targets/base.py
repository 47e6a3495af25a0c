"""What the gateway asks of a kind of target: make one request, and say plainly what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from tools.definitions import Definition
from tools.models import Target, Tool


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request to a target, with what the gateway has checked and filled in.

    `arguments` are whole: the model's (or a person's) and the bound ones. `values` are those and "customer.email",
    "customer.id", "customer.name", "session.id" and "idempotency_key". `key` is the idempotency key where the tool
    takes one. `deadline` is an instant of `time.monotonic()`.
    """

    tool: Tool  # with tool.target
    arguments: Mapping[str, Any]
    values: Mapping[str, Any]
    key: str | None
    deadline: float


class Adapter(Protocol):
    """One per kind of target and process, used by all threads; connections are kept between calls."""

    def send(self, call: Call) -> Any:
        """The JSON object or list that the backend answered.

        Raises `ToolRefused` (no request can be made of it), `ToolFailed` (the backend said no), `TargetUnreachable`
        (nothing reached it), `OutcomeUnclear` or `Unreadable` (no answer, or none that can be used).
        """

    def send_look_up(self, call: Call) -> Any:
        """What an earlier write did, by the tool's look-up. `ToolFailed` with status 404: nothing was done."""

    def close(self) -> None:
        """Give up connections and end children; the next call makes new ones."""


@runtime_checkable
class Lister(Protocol):
    """A kind of target whose tools can be read from the backend or from a document."""

    def list_definitions(self, target: Target) -> list[Definition]:
        """Raises as `Adapter.send` does, and `DefinitionsRefused`, `DocumentRefused`, `FetchFailed` or `AddressRefused`
        where no tools can be had of it."""
