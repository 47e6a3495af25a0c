"""Wait until a server answers."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable
from urllib.parse import urlsplit

ASK_SECONDS = 2.0
PAUSE_SECONDS = 0.05


class NotHealthy(Exception):
    """It has not answered in time, or it has died too often on the way."""


def wait_until_healthy(url: str, *, name: str, deaths: Callable[[], int], seconds: float) -> None:
    """Ask `url`/healthz until it answers; `deaths` is how often the process has died, which also keeps it alive."""
    deadline = time.monotonic() + seconds
    while not answers(url):
        if deaths() >= 3:
            raise NotHealthy(f"{name} ends as soon as it is started; its last lines, above, say why")
        if time.monotonic() > deadline:
            raise NotHealthy(f"{name} has not answered at {url}/healthz for {seconds:.0f} s")
        time.sleep(PAUSE_SECONDS)


def answers(url: str) -> bool:
    """Any answer but a failure counts: behind https it redirects, for another host name it refuses."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=ASK_SECONDS)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
