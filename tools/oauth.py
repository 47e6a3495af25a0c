"""Access tokens by OAuth's client credentials grant (RFC 6749, section 4.4), kept in this process until they expire."""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode
from uuid import UUID

import urllib3
from urllib3.exceptions import HTTPError

from tools.errors import TargetUnreachable, ToolRefused
from tools.net.addresses import AddressRefused, Reach
from tools.net.pools import pool

FETCH_SECONDS = 10.0
CONNECT_SECONDS = 3.0
MAX_ANSWER_BYTES = 65_536
TOKEN_CHARACTERS = 16_384
# Where the server does not say how long a token is good, which RFC 6749, section 5.1, allows.
USUAL_SECONDS = 300.0
# Before a token expires it is no longer used: a request takes its time, and clocks differ.
MARGIN_SECONDS = 30.0
TOKEN = re.compile(r"[\x21-\x7e]+", re.ASCII)
# RFC 6749, section 5.2. Any other text of the server could hold what was sent to it.
ERRORS = frozenset(
    {
        *("invalid_request", "invalid_client", "invalid_grant"),
        *("unauthorized_client", "unsupported_grant_type", "invalid_scope"),
    }
)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """With what a target's token is asked for. `version` changes whenever the credential is set anew."""

    target_id: UUID
    version: bytes = field(repr=False)
    reach: Reach
    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    client_auth: str = "basic"


@dataclass(frozen=True, kw_only=True)
class Token:
    value: str = field(repr=False)
    version: bytes = field(repr=False)
    good_until: float  # time.monotonic()


class Tokens:
    """One for a process, used by all threads."""

    def __init__(self) -> None:
        self._kept: dict[UUID, Token] = {}
        self._fetching: dict[UUID, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, grant: Grant, *, deadline: float) -> str:
        """A token that is good for a while. Of several threads one asks for it, and the others wait.

        `deadline` is an instant of `time.monotonic()`. Raises `TargetUnreachable` (no token came in time) and
        `ToolRefused` (the server gives none).
        """
        token = self._good(grant)
        if token is None:
            with self._lock:
                fetching = self._fetching.setdefault(grant.target_id, threading.Lock())
            if not fetching.acquire(timeout=max(deadline - time.monotonic(), 0)):
                raise TargetUnreachable("no token came in time")
            try:
                token = self._good(grant) or fetch_token(grant, deadline=deadline)
                self._kept[grant.target_id] = token
            finally:
                fetching.release()
        return token.value

    def drop(self, target_id: UUID, value: str) -> None:
        """This token was refused. A newer one, which another thread has fetched meanwhile, stays."""
        with self._lock:
            token = self._kept.get(target_id)
            if token is not None and token.value == value:
                del self._kept[target_id]

    def forget(self, target_id: UUID) -> None:
        with self._lock:
            self._kept.pop(target_id, None)

    def kept(self, target_id: UUID) -> str:
        """The token of a target, good or not; empty where there is none."""
        token = self._kept.get(target_id)
        return token.value if token else ""

    def _good(self, grant: Grant) -> Token | None:
        token = self._kept.get(grant.target_id)
        if token is None or token.version != grant.version or time.monotonic() >= token.good_until:
            return None
        return token


tokens = Tokens()


def fetch_token(grant: Grant, *, deadline: float) -> Token:
    """Raises `TargetUnreachable` and `ToolRefused`."""
    asked_at = time.monotonic()
    seconds = min(deadline - asked_at, FETCH_SECONDS)
    if seconds <= 0:
        raise TargetUnreachable("no time is left to ask for a token")
    body, headers = request_of(grant)
    try:
        response = pool(grant.reach).request(
            "POST",
            grant.token_url,
            body=body,
            headers=headers,
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            redirect=False,
            preload_content=False,
        )
        try:
            answer = response.read(MAX_ANSWER_BYTES + 1)
        finally:
            response.close()
    except AddressRefused as error:
        raise ToolRefused("credential_refused", f"The token's server cannot be asked. {error}") from error
    except HTTPError as error:
        raise TargetUnreachable(f"no token: {type(error).__name__}") from None  # its text has the whole request
    return token_in(grant, response.status, answer, asked_at)


def request_of(grant: Grant) -> tuple[str, dict[str, str]]:
    """Body and headers."""
    fields = {"grant_type": "client_credentials", "scope": grant.scope, "audience": grant.audience}
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/x-www-form-urlencoded",
        "User-Agent": "Tandem",
    }
    if grant.client_auth == "body":
        fields |= {"client_id": grant.client_id, "client_secret": grant.client_secret}
    else:  # RFC 6749, section 2.3.1: both are encoded as in a form first
        both = f"{quote_plus(grant.client_id)}:{quote_plus(grant.client_secret)}"
        headers["Authorization"] = f"Basic {base64.b64encode(both.encode()).decode()}"
    return urlencode({name: value for name, value in fields.items() if value}), headers


def token_in(grant: Grant, status: int, body: bytes, asked_at: float) -> Token:
    answer = object_in(body)
    if status >= 500 or status in {408, 429}:
        raise TargetUnreachable(f"no token: its server answered {status}")
    if status != 200:
        said = answer.get("error")
        reason = said if isinstance(said, str) and said in ERRORS else f"status {status}"
        raise ToolRefused("credential_refused", f"The backend's sign-in refused the desk's credential ({reason}).")
    value, kind = answer.get("access_token"), answer.get("token_type", "Bearer")
    if not isinstance(value, str) or len(value) > TOKEN_CHARACTERS or not TOKEN.fullmatch(value):
        raise ToolRefused("credential_refused", "The backend's sign-in gave no token that can be used.")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ToolRefused("credential_refused", "The backend's sign-in gave a token of an unknown type.")
    lifetime = seconds_in(answer.get("expires_in"))
    margin = min(MARGIN_SECONDS, lifetime / 2)
    return Token(value=value, version=grant.version, good_until=asked_at + lifetime - margin)


def object_in(body: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(body) if len(body) <= MAX_ANSWER_BYTES else {}
    except (ValueError, RecursionError):
        answer = {}
    return answer if isinstance(answer, dict) else {}


def seconds_in(value: object) -> float:
    """Some servers write the number as a text."""
    try:
        seconds = float(value) if isinstance(value, int | float | str) else USUAL_SECONDS
    except (ValueError, OverflowError):
        return USUAL_SECONDS
    return min(seconds, 86_400.0) if seconds >= 0 else USUAL_SECONDS
