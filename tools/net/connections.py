"""Connections to addresses that were judged.

A name is resolved once; all that it stands for is judged, and one of those very addresses is connected to. Judging a
name first and giving it to a client that resolves it again would let it stand for something else the second time.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from tools.net.addresses import AddressRefused, Reach, check_address
from tools.net.urls import CheckedUrl, check_host, check_port, check_url

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Resolver = Callable[[str, int], Sequence[str]]
"""(name, port) → its addresses as text, in order of preference. Raises `OSError`."""

ADDRESSES_TRIED = 4
ENDPOINT_SECONDS = 3.0


def system_resolver(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class TimedSocket(socket.socket):
    """A socket whose timeout counts for everything that is received until it is set again. The usual one starts anew
    with each `recv`, so that a peer who sends a byte now and then holds a thread for as long as it likes: urllib3 sets
    it once when it has sent a request, and reads headers and body under it."""

    _due: float | None = None  # time.monotonic()

    def settimeout(self, value: float | None) -> None:
        self._due = None if value is None else time.monotonic() + value
        super().settimeout(value)

    def recv_into(self, buffer: WriteableBuffer, nbytes: int | None = None, flags: int = 0) -> int:
        if self._due is not None:
            left = self._due - time.monotonic()
            if left <= 0:
                raise TimeoutError("the answer came too slowly")
            super().settimeout(left)
        return super().recv_into(buffer, memoryview(buffer).nbytes if nbytes is None else nbytes, flags)


class TimedTlsSocket(TimedSocket, ssl.SSLSocket):
    """The same under TLS. `ssl` makes these out of the ones above."""


def tls_context() -> ssl.SSLContext:
    """The system's authorities, names checked, TLS 1.2 or newer. SSL_CERT_FILE and SSL_CERT_DIR are OpenSSL's own."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.sslsocket_class = TimedTlsSocket
    return context


def connect(
    host: str, port: int, *, reach: Reach, seconds: float, resolver: Resolver = system_resolver
) -> socket.socket:
    """A connection to the host, made within that many seconds, with as many left as its timeout.

    Raises `AddressRefused` (nothing was sent), `TimeoutError`, or another `OSError` where no address answers.
    """
    due = time.monotonic() + seconds
    pending = start_resolving(host, port, reach=reach, resolver=resolver)
    addresses = check_addresses(host, resolved(pending, host, seconds), reach)
    failure: OSError = TimeoutError(f"no connection to {host} within {seconds:.1f} s")
    for number, address in enumerate(addresses):
        left = due - time.monotonic()
        if left <= 0:
            break
        try:
            return connect_to(address, port, due=due, seconds=left / (len(addresses) - number))
        except OSError as error:
            failure = error
    raise failure


def connect_to(address: str, port: int, *, due: float, seconds: float) -> socket.socket:
    """A connection to this very address; one that does not answer must leave time for the next."""
    connection = TimedSocket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.settimeout(seconds)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.connect((address, port))
        connection.settimeout(max(due - time.monotonic(), 0.001))  # zero would mean not to wait at all
    except BaseException:
        connection.close()
        raise
    return connection


def start_resolving(host: str, port: int, *, reach: Reach, resolver: Resolver) -> Future[Sequence[str]]:
    """What will be the addresses of the host. The host and the port are judged at once: raises `AddressRefused`.

    In a thread of its own, because `getaddrinfo` knows no deadline and whoever owns a name decides how slow it is.
    """
    check_port(port, reach)
    name = check_host(host, reach)
    future: Future[Sequence[str]] = Future()
    future.set_running_or_notify_cancel()
    if ":" in name or name.replace(".", "").isdigit():
        future.set_result([name])
        return future

    def resolve() -> None:
        try:
            future.set_result(resolver(name, port))
        except (OSError, UnicodeError) as error:
            future.set_exception(error if isinstance(error, OSError) else OSError(str(error)))

    threading.Thread(target=resolve, name=f"resolve-{name}"[:40], daemon=True).start()
    return future


def resolved(pending: Future[Sequence[str]], host: str, seconds: float) -> Sequence[str]:
    try:
        return pending.result(timeout=seconds)
    except TimeoutError as error:
        raise TimeoutError(f"{host} was not resolved within {seconds:.1f} s") from error


def check_addresses(host: str, addresses: Sequence[str], reach: Reach) -> Sequence[str]:
    """The first few of the addresses, if every one of them may be reached: a name that stands for a public and a
    private address is no accident."""
    if not addresses:
        raise OSError(f"{host} has no address")
    for address in addresses:
        try:
            check_address(address, reach)
        except AddressRefused as refusal:
            raise refusal if address == host else AddressRefused(f"{host} stands for {refusal}") from refusal
    return addresses[:ADDRESSES_TRIED]


def check_endpoint(url: str, *, reach: Reach, resolver: Resolver = system_resolver) -> CheckedUrl:
    """An URL whose host stands, now, for addresses within reach.

    For clients that cannot be given our connections (boto3): they resolve the name again, so this does not hold off
    whoever owns the name, only what was entered by mistake or in the hope that nobody looks. Raises `AddressRefused`,
    and `OSError` where the name has no address.
    """
    checked = check_url(url, reach)
    pending = start_resolving(checked.host, checked.port, reach=reach, resolver=resolver)
    check_addresses(checked.host, resolved(pending, checked.host, ENDPOINT_SECONDS), reach)
    return checked
