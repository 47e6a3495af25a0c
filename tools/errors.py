"""What can go wrong in a tool call, by how it is handled."""

from __future__ import annotations


class ToolRefused(Exception):
    """Nothing was sent; the model is told why. `code` is for programs and stays stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ToolFailed(Exception):
    """The backend answered that it did not do it; the model is told. `status` is its HTTP status."""

    def __init__(self, code: str, message: str, *, status: int) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class TargetUnavailable(Exception):
    """Nothing was sent: the target failed so often in a row that it is left alone for a while; the model is told."""


class TargetUnreachable(Exception):
    """Nothing reached the backend: safe to try again."""


class OutcomeUnclear(Exception):
    """The request may have been carried out, the answer did not come: a write must be looked up."""


class Unreadable(OutcomeUnclear):
    """An answer came that cannot be used; the target itself is there."""
