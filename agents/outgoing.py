"""The safe client that notices leave by: `observability` may not import the one of the tools, so it is handed this."""

from __future__ import annotations

import re
from collections.abc import Mapping

import urllib3
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as TookTooLong

from observability.notice_channels import Answer, NotPosted
from tools.net.addresses import AddressRefused, Reach
from tools.net.pools import pool
from tools.net.urls import check_url

CONNECT_SECONDS = 5.0
# Of an answer that nobody asked for, enough to say what was wrong.
ANSWER_BYTES = 300
SECONDS = re.compile(r"[0-9]{1,6}")


class SafeClient:
    """Public addresses only, unless an admin has marked the channel internal: each name is resolved once, all that it
    stands for is judged, and one of those very addresses is connected to."""

    def check(self, url: str, *, is_internal: bool) -> None:
        """Raises `AddressRefused`, a `ValueError`. A name is not resolved here: it is judged whenever one connects."""
        check_url(url, reach_of(is_internal=is_internal))

    def post(self, url: str, *, body: bytes, headers: Mapping[str, str], is_internal: bool, seconds: float) -> Answer:
        """One request, no redirect followed. Raises `NotPosted`."""
        reach = reach_of(is_internal=is_internal)
        try:
            checked = check_url(url, reach)
        except AddressRefused as error:
            raise NotPosted(f"Nothing was sent. {error}") from error
        try:
            response = pool(reach).urlopen(
                "POST",
                checked.url,
                body=body,
                headers={"User-Agent": "Tandem", "Accept-Encoding": "identity", **headers},
                timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
                redirect=False,
                preload_content=False,
            )
        except AddressRefused as error:
            raise NotPosted(f"Nothing was sent. {error}") from error
        except TookTooLong as error:
            raise NotPosted(f"{checked.origin} did not answer within {seconds:.0f} s.") from error
        except HTTPError as error:
            raise NotPosted(f"{checked.origin} did not answer: {type(error).__name__}.") from error
        return answer_of(response)


def reach_of(*, is_internal: bool) -> Reach:
    return Reach.INTERNAL if is_internal else Reach.PUBLIC


def answer_of(response: urllib3.BaseHTTPResponse) -> Answer:
    """The status is what counts: a body that breaks off is not worth a second delivery."""
    try:
        text = response.read(ANSWER_BYTES, decode_content=False).decode(errors="replace")
    except HTTPError:
        text = ""
    finally:
        # Read to the end it may be used again; a longer answer ends its connection.
        response.close()
    asked = SECONDS.fullmatch(response.headers.get("Retry-After", ""))
    return Answer(status=response.status, text=text, retry_after=int(asked[0]) if asked else None)
