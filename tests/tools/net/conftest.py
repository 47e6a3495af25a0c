from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import urllib3

from tests.tools.net.site import Site, certificate, running_site
from tools.net.addresses import Reach
from tools.net.connections import Resolver, system_resolver, tls_context
from tools.net.pools import build_pool

Connections = Callable[[Reach], urllib3.PoolManager]


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def other() -> Iterator[Site]:
    with running_site() as site:
        yield site


@pytest.fixture
def trusting(tmp_path: Path) -> Iterator[tuple[Site, ssl.SSLContext]]:
    """A site with a certificate for shop.example, and a client's context that trusts it."""
    server, trusted = certificate(tmp_path, "shop.example")
    client = tls_context()
    client.load_verify_locations(trusted)
    with running_site(server) as site:
        yield site, client


@pytest.fixture(scope="session")
def usual_tls() -> ssl.SSLContext:
    return tls_context()  # for all tests: to read the system's authorities takes longer than most of them


@pytest.fixture
def connections(usual_tls: ssl.SSLContext) -> Iterator[Callable[..., Connections]]:
    """Makes the pools of a test, and closes what they kept."""
    with ExitStack() as cleanup:

        def make(resolver: Resolver = system_resolver, tls: ssl.SSLContext | None = None) -> Connections:
            pools = {reach: build_pool(reach, resolver=resolver, tls=tls or usual_tls) for reach in Reach}
            for made in pools.values():
                cleanup.callback(made.clear)
            return pools.__getitem__

        yield make
