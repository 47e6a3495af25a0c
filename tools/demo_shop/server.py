"""How the shop is served: uvicorn on a socket of our own, with a protocol that can drop a connection."""

from __future__ import annotations

import asyncio
import socket
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from tools.demo_shop.app import make_app
from tools.demo_shop.faults import CLOSE_CONNECTION
from tools.demo_shop.store import Store

# A request that is being slow on purpose must not hold up the end of the process.
GRACEFUL_SHUTDOWN_SECONDS = 3


class ClosableProtocol(HttpToolsProtocol):
    """Gives each request the means to close its connection without an answer, for which ASGI has no message."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        super().connection_made(transport)
        # uvicorn copies this into the `state` of every request of the connection.
        self.app_state = {**self.app_state, CLOSE_CONNECTION: transport.close}


def listen(host: str, port: int) -> socket.socket:
    """A listening TCP socket; port 0 takes a free one. Raises `OSError`, for example when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio switches Nagle's algorithm off only where the protocol number is given; answers would wait 40 ms else.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener


def base_url(listener: socket.socket) -> str:
    host, port = cast("tuple[Any, ...]", listener.getsockname())[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def make_server(store: Store) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            make_app(store),
            http=ClosableProtocol,
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            server_header=False,
            timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
        )
    )
