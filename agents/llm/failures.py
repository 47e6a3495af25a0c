"""What went wrong with a model call, in one vocabulary for all providers (see `ModelFailed`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime

from agents.errors import ModelFailed
from observability.prices import Tokens

# How much was billed for these is not known, whatever had come of the answer: the provider may have gone on writing.
MAY_HAVE_COST = frozenset({"cut", "timeout", "connection"})
LONGEST_MESSAGE = 500
KINDS_BY_STATUS = {
    408: "timeout",
    409: "server",
    424: "server",  # Bedrock: the model itself failed
    425: "server",
    429: "throttled",
    503: "overloaded",
    504: "timeout",
    529: "overloaded",
}


class BrokenOff(ModelFailed):
    """The answer had begun: what was read and written so far is billed, however the call ended.

    `tokens` are the provider's own count where it told one, else an estimate.
    """

    def __init__(self, failure: ModelFailed, tokens: Tokens) -> None:
        super().__init__(
            failure.kind,
            str(failure),
            retryable=failure.retryable,
            status=failure.status,
            request_id=failure.request_id,
            retry_after=failure.retry_after,
        )
        self.tokens = tokens


@contextmanager
def counted_so_far(tokens: Callable[[], Tokens | None]) -> Iterator[None]:
    """A call that fails in the block raises `BrokenOff` with these tokens; where they are None, nothing had begun."""
    try:
        yield
    except ModelFailed as error:
        found = tokens()
        if found is None:
            raise
        raise BrokenOff(error, found) from error


def billed_tokens(error: ModelFailed) -> Tokens:
    """What a failed call is charged for."""
    return error.tokens if isinstance(error, BrokenOff) else Tokens()


def model_failed(
    kind: str,
    message: str,
    *,
    status: int | None = None,
    request_id: str | None = None,
    retry_after: float | None = None,
    secret: str = "",
) -> ModelFailed:
    """The error, to be raised. `secret` is a key that some servers repeat when they refuse it."""
    if secret:
        message = message.replace(secret, "[key]")
    return ModelFailed(
        kind,
        message[:LONGEST_MESSAGE],
        retryable=kind != "rejected",
        status=status,
        request_id=request_id,
        retry_after=retry_after,
    )


def kind_of_status(status: int) -> str:
    return KINDS_BY_STATUS.get(status) or ("server" if status >= 500 else "rejected")


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Seconds, from either form of the header (RFC 9110, section 10.2.3); how long to heed is the caller's choice."""
    value = headers.get("retry-after", "").strip()
    if value.replace(".", "", 1).isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time()) if value else None
    except ValueError:
        return None
