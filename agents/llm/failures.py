"""What went wrong with a model call, in one vocabulary for all providers (see `ModelFailed`)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from agents.errors import ModelFailed

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
