"""What can go wrong in a turn; each class is handled differently by somebody."""

from __future__ import annotations


class TandemError(Exception):
    """The base of the errors below."""


class LeaseLost(TandemError):
    """This worker no longer holds the turn: it stops at once and writes nothing more."""


class ModelFailed(TandemError):
    """A model call gave no usable reply. `retryable` says whether the same call may be made again.

    `kind` is one of `overloaded`, `throttled`, `timeout`, `connection`, `cut`, `server`, `rejected`.
    """

    def __init__(
        self,
        kind: str,
        message: str,
        *,
        retryable: bool,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after


class UnknownModel(TandemError):
    """There is no such model, or it is switched off or retired; the message says which."""


class LimitReached(TandemError):
    """A limit of the agent's version stops the turn; the message names the limit and its value."""


class Stopped(TandemError):
    """A kill switch stands for this turn: it takes no further step, and a person gets the conversation."""

    def __init__(self, scope: str, reason: str) -> None:
        super().__init__(reason)
        self.scope = scope


class Rejected(TandemError):
    """An inbound message that is not taken; `code` for programs, the message for people."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
