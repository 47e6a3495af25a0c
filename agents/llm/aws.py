"""What the two ways to Bedrock share: where it is, and what its errors mean."""

from __future__ import annotations

import os

from agents.llm.failures import kind_of_status

# Exceptions of bedrock-runtime, in lower case: an error is a `ThrottlingException`, one in a stream a
# `throttlingException`.
KINDS_BY_EXCEPTION = {
    "throttlingexception": "throttled",
    "toomanyrequestsexception": "throttled",
    "servicequotaexceededexception": "throttled",
    "serviceunavailableexception": "overloaded",
    "modelnotreadyexception": "overloaded",
    "modeltimeoutexception": "timeout",
    "internalserverexception": "server",
    "modelerrorexception": "server",
    "modelstreamerrorexception": "server",
    "validationexception": "rejected",
}


def region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def endpoint(base_url: str) -> str | None:
    """The address that is set, most particular first; None for the region's own."""
    return base_url or os.environ.get("AWS_ENDPOINT_URL_BEDROCK_RUNTIME") or os.environ.get("AWS_ENDPOINT_URL") or None


def kind_of(exception: str, status: int) -> str:
    """By the exception's name (the header adds an address to it), else by the status."""
    name = exception.partition(":")[0].lower()
    return KINDS_BY_EXCEPTION.get(name) or kind_of_status(status)
