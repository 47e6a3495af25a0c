from __future__ import annotations

import socket
import ssl
from collections.abc import Callable

import pytest
import urllib3
from urllib3.exceptions import NameResolutionError, NewConnectionError, ReadTimeoutError, SSLError

from tests.tools.net.conftest import Connections
from tests.tools.net.site import Names, Site, drip, page, redirect, silent_port
from tests.tools.net.test_connections import METADATA
from tools.net.addresses import AddressRefused, Reach
from tools.net.pools import pool

Make = Callable[..., Connections]
HEADERS = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n"


def test_a_connection_is_kept(site: Site, connections: Make) -> None:
    site.pages["/"] = page()
    pool = connections()(Reach.INTERNAL)
    assert [pool.request("GET", f"{site.url}/").data for _ in range(3)] == [b"hello"] * 3
    assert len(set(site.callers)) == 1


def test_the_name_stays_the_host(site: Site, connections: Make) -> None:
    names = Names(shop_example=[["127.0.0.1"]])
    connections(names)(Reach.INTERNAL).request("GET", f"http://shop.example:{site.port}/")
    assert site.asked == [("/", f"shop.example:{site.port}")]
    assert names.asked == ["shop.example"]


def test_a_name_that_changes_is_judged_with_each_new_connection(site: Site, connections: Make) -> None:
    site.pages["/"] = page(length=False)  # each answer ends its connection
    names = Names(shop_example=[["127.0.0.1"], [METADATA]])
    pool = connections(names)(Reach.INTERNAL)
    assert pool.request("GET", f"http://shop.example:{site.port}/").data == b"hello"
    with pytest.raises(AddressRefused, match=METADATA):
        pool.request("GET", f"http://shop.example:{site.port}/")
    assert (len(site.asked), len(names.asked)) == (1, 2)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "127.0.0.1.", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_a_public_pool_judges_what_nobody_judged_before(site: Site, connections: Make, host: str) -> None:
    with pytest.raises(AddressRefused):
        connections()(Reach.PUBLIC).request("GET", f"http://{host}:{site.port}/")
    assert site.callers == []


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_public_name_on_this_machine(site: Site, connections: Make, scheme: str) -> None:
    pool = connections(Names(shop_example=[["127.0.0.1"]]))(Reach.PUBLIC)
    with pytest.raises(AddressRefused, match="this machine"):
        pool.request("GET", f"{scheme}://shop.example:{site.port}/")
    assert site.callers == []


def test_what_an_internal_pool_keeps_is_not_for_a_public_one(site: Site, connections: Make) -> None:
    pools = connections()
    pools(Reach.INTERNAL).request("GET", f"{site.url}/")
    with pytest.raises(AddressRefused):
        pools(Reach.PUBLIC).request("GET", f"{site.url}/")
    assert len(site.asked) == 1


def test_a_redirect_is_not_followed(site: Site, connections: Make) -> None:
    site.pages["/"] = redirect("/there")
    assert connections()(Reach.INTERNAL).request("GET", f"{site.url}/").status == 302
    assert [path for path, _ in site.asked] == ["/"]


def test_no_proxy_of_the_environment_is_used(
    site: Site, other: Site, connections: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    connections()(Reach.INTERNAL).request("GET", f"{site.url}/")
    assert (len(site.asked), len(other.asked)) == (1, 0)


def test_failures_are_told_apart(connections: Make) -> None:
    pool = connections(Names(shop_example=[[]]))(Reach.INTERNAL)
    with pytest.raises(NewConnectionError):
        pool.request("GET", f"http://127.0.0.1:{silent_port()}/")
    with pytest.raises(NewConnectionError, match="has no address"):
        pool.request("GET", "http://shop.example/")


def test_a_name_that_is_unknown(connections: Make) -> None:
    def unknown(host: str, port: int) -> list[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(NameResolutionError):
        connections(unknown)(Reach.PUBLIC).request("GET", "http://shop.example/")


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        pytest.param(b"", b"H", id="status"),
        pytest.param(b"HTTP/1.1 200 OK\r\nX: ", b"a", id="header"),
        pytest.param(b"HTTP/1.1 200 OK\r\n", b"X: a\r\n", id="headers"),
        pytest.param(HEADERS + b"\r\n", b"a", id="body"),
    ],
)
def test_drops_do_not_win_time(site: Site, connections: Make, head: bytes, drop: bytes) -> None:
    site.pages["/"] = drip(head, drop)
    timeout = urllib3.Timeout(connect=30, read=0.3)
    with pytest.raises(urllib3.exceptions.HTTPError) as failure:
        connections()(Reach.INTERNAL).request("GET", f"{site.url}/", timeout=timeout)
    if drop == b"a":  # of the others the headers may have become too many before
        assert isinstance(failure.value, ReadTimeoutError)


def test_time_begins_anew_with_a_request(site: Site, connections: Make) -> None:
    site.pages["/"] = page()
    pool = connections()(Reach.INTERNAL)
    for seconds in (30.0, 60.0, 30.0):
        assert pool.request("GET", f"{site.url}/", timeout=urllib3.Timeout(connect=30, read=seconds)).status == 200
    assert len(set(site.callers)) == 1


def test_tls_is_for_the_name(trusting: tuple[Site, ssl.SSLContext], connections: Make) -> None:
    site, tls = trusting
    site.pages["/"] = page()
    names = Names(shop_example=[["127.0.0.1"]], shop_test=[["127.0.0.1"]])
    pool = connections(names, tls)(Reach.INTERNAL)
    assert [pool.request("GET", f"https://shop.example:{site.port}/").data for _ in range(2)] == [b"hello"] * 2
    assert len(set(site.callers)) == 1
    with pytest.raises(SSLError, match=r"shop\.test"):
        pool.request("GET", f"https://shop.test:{site.port}/")


def test_drops_do_not_win_time_under_tls(trusting: tuple[Site, ssl.SSLContext], connections: Make) -> None:
    site, tls = trusting
    site.pages["/"] = drip(HEADERS + b"\r\n", b"a")
    pool = connections(Names(shop_example=[["127.0.0.1"]]), tls)(Reach.INTERNAL)
    with pytest.raises(ReadTimeoutError):
        pool.request("GET", f"https://shop.example:{site.port}/", timeout=urllib3.Timeout(connect=30, read=0.3))


def test_a_certificate_that_nobody_vouches_for(trusting: tuple[Site, ssl.SSLContext], connections: Make) -> None:
    site, _ = trusting
    with pytest.raises(SSLError, match="self-signed"):
        connections(Names(shop_example=[["127.0.0.1"]]))(Reach.INTERNAL).request(
            "GET", f"https://shop.example:{site.port}/"
        )
    assert site.asked == []


def test_there_is_one_for_a_reach() -> None:
    assert pool(Reach.PUBLIC) is pool(Reach.PUBLIC)
    assert pool(Reach.PUBLIC) is not pool(Reach.INTERNAL)
