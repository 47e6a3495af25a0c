"""How the endpoint refuses a request before the protocol has a say: an HTTP status, and a JSON-RPC error as its body.

Clients of the SDK show their user the message of such a body; of any other they say only that something failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from starlette.responses import Response

# JSON-RPC 2.0 leaves -32000 to -32099 to servers; -32600 is an invalid request.
SERVER_ERROR = -32000
INVALID_REQUEST = -32600


class Refusal(Exception):
    """Raised while a request is looked at, and sent as the answer."""

    def __init__(
        self, status: int, message: str, *, code: int = SERVER_ERROR, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = dict(headers or {})

    def response(self) -> Response:
        body: dict[str, Any] = {"jsonrpc": "2.0", "id": None, "error": {"code": self.code, "message": str(self)}}
        headers = {**self.headers, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(orjson.dumps(body), status_code=self.status, headers=headers, media_type="application/json")


def not_known(message: str, *, was_given: bool) -> Refusal:
    """RFC 6750, section 3: the error is named only where a key was given."""
    challenge = 'Bearer realm="Tandem"' + (', error="invalid_token"' if was_given else "")
    return Refusal(401, message, headers={"WWW-Authenticate": challenge})
