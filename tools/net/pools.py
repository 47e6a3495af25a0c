"""Kept connections for urllib3."""

from __future__ import annotations

import sys
from functools import cache
from socket import gaierror, socket
from ssl import SSLContext
from typing import ClassVar

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from tools.net.addresses import Reach
from tools.net.connections import Resolver, connect, system_resolver, tls_context

CONNECT_SECONDS = 5.0  # where a request gives no timeout


class Judged(HTTPConnection):
    """urllib3's connection, to a judged address. `Host` and the certificate asked for stay those of the name."""

    reach: ClassVar[Reach]
    resolver: ClassVar[Resolver]

    def _new_conn(self) -> socket:
        """As in urllib3, and `AddressRefused`, which passes through urllib3 as it is."""
        seconds = self.timeout if isinstance(self.timeout, int | float) else CONNECT_SECONDS
        host = self._dns_host.strip("[]")
        try:
            connection = connect(host, self.port, reach=self.reach, seconds=seconds, resolver=type(self).resolver)
        except gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, str(error)) from error
        except OSError as error:
            raise NewConnectionError(self, str(error)) from error
        sys.audit("http.client.connect", self, self.host, self.port)
        return connection


class JudgedTls(Judged, HTTPSConnection):
    """The same under TLS."""


@cache
def pool(reach: Reach) -> urllib3.PoolManager:
    """One for a process and a reach, shared by all threads.

    Neither repeats a request nor follows a redirect nor uses a proxy of the environment. Raises what urllib3 raises,
    and `AddressRefused`: nothing was sent. `Timeout(read=seconds)` is for the whole answer, headers and body.
    """
    return build_pool(reach)


def build_pool(
    reach: Reach, *, resolver: Resolver = system_resolver, tls: SSLContext | None = None
) -> urllib3.PoolManager:
    """A pool of one's own, to be cleared by whoever asked for it."""
    manager = urllib3.PoolManager(
        num_pools=64,
        maxsize=64,
        retries=False,
        headers={"User-Agent": "Tandem"},
        ssl_context=tls or tls_context(),
    )
    judge = {"reach": reach, "resolver": staticmethod(resolver)}
    manager.pool_classes_by_scheme = {
        "http": type("Pool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": type("Judged", (Judged,), judge)}),
        "https": type("Pool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": type("Judged", (JudgedTls,), judge)}),
    }
    return manager
