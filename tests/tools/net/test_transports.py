from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import httpx2
import pytest

from tests.tools.net import hostile
from tests.tools.net.site import Names, Site, page, redirect, silent_port
from tests.tools.net.test_connections import METADATA
from tools.net.addresses import AddressRefused, Reach
from tools.net.connections import Resolver, system_resolver
from tools.net.transports import JudgedBackend, async_transport


def get(
    *urls: str,
    reach: Reach = Reach.INTERNAL,
    resolver: Resolver = system_resolver,
    tls: ssl.SSLContext | None = None,
    **options: Any,
) -> list[httpx2.Response]:
    async def ask() -> list[httpx2.Response]:
        transport = async_transport(reach, resolver=resolver, tls=tls)
        async with httpx2.AsyncClient(transport=transport, timeout=30, **options) as client:
            return [await client.get(url) for url in urls]

    return asyncio.run(ask())


def test_it_works_and_keeps_its_connection(site: Site) -> None:
    site.pages["/"] = page()
    names = Names(shop_example=[["127.0.0.2", "127.0.0.1"]])  # nothing listens on the first
    answers = get(*[f"http://shop.example:{site.port}/"] * 3, resolver=names)
    assert [answer.text for answer in answers] == ["hello"] * 3
    assert site.asked == [("/", f"shop.example:{site.port}")] * 3
    assert (len(set(site.callers)), names.asked) == (1, ["shop.example"])


def test_the_system_resolves_names(site: Site) -> None:
    assert get(f"http://localhost:{site.port}/")[0].status_code == 404


@pytest.mark.parametrize("address", hostile.NEVER)
def test_a_name_that_stands_for_a_refused_address(address: str) -> None:
    with pytest.raises(AddressRefused):
        get("http://shop.example/", resolver=Names(shop_example=[[address]]))


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["::1"], [METADATA], ["10.0.0.1"]]
)
def test_a_public_name_must_not_stand_for_an_own_address(site: Site, addresses: list[str]) -> None:
    with pytest.raises(AddressRefused, match=r"shop\.example stands for"):
        get(f"http://shop.example:{site.port}/", reach=Reach.PUBLIC, resolver=Names(shop_example=[addresses]))
    assert site.callers == []


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::1]", "[::ffff:127.0.0.1]", "u:p@8.8.8.8"],
)
def test_an_url_is_judged_before_anything_is_asked(site: Site, host: str) -> None:
    with pytest.raises(AddressRefused):
        get(f"http://{host}:{site.port}/", reach=Reach.PUBLIC)
    assert site.callers == []


def test_a_name_that_changes_is_judged_with_each_new_connection(site: Site) -> None:
    site.pages["/"] = page(length=False)  # each answer ends its connection
    names = Names(shop_example=[["127.0.0.1"], [METADATA]])
    with pytest.raises(AddressRefused, match=METADATA):
        get(*[f"http://shop.example:{site.port}/"] * 2, resolver=names)
    assert (len(site.asked), len(names.asked)) == (1, 2)


def test_a_redirect_is_not_followed(site: Site) -> None:
    site.pages["/"] = redirect("/there")
    assert get(f"{site.url}/")[0].status_code == 302
    assert [path for path, _ in site.asked] == ["/"]


@pytest.mark.parametrize("location", [f"http://{METADATA}/", "http://0xa9fea9fe/", "http://evil.example/", "file:///x"])
def test_where_a_client_follows_each_hop_is_judged(site: Site, location: str) -> None:
    site.pages["/"] = redirect(location)
    with pytest.raises((AddressRefused, httpx2.UnsupportedProtocol)):
        get(f"{site.url}/", resolver=Names(evil_example=[[METADATA]]), follow_redirects=True)


def test_no_proxy_of_the_environment_is_used(site: Site, other: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, other.url)
    get(f"{site.url}/")
    assert (len(site.asked), len(other.asked)) == (1, 0)


def test_failures_are_those_of_httpx() -> None:
    with pytest.raises(httpx2.ConnectError):
        get(f"http://127.0.0.1:{silent_port()}/")
    with pytest.raises(httpx2.ConnectError, match="has no address"):
        get("http://shop.example/", resolver=Names(shop_example=[[]]))


def test_a_slow_resolver_holds_neither_the_loop_nor_the_call() -> None:
    released, was_released = threading.Event(), Future[bool]()

    def slow(host: str, port: int) -> Sequence[str]:
        was_released.set_result(released.wait(60))
        return ["127.0.0.1"]

    async def ask() -> None:
        transport = async_transport(Reach.INTERNAL, resolver=slow)
        async with httpx2.AsyncClient(transport=transport, timeout=0.5) as client:
            with pytest.raises(httpx2.ConnectTimeout):
                await client.get("http://shop.example/")

    asyncio.run(ask())
    released.set()
    assert was_released.result(60)  # on the loop it would have waited in vain


def test_tls_is_for_the_name(trusting: tuple[Site, ssl.SSLContext]) -> None:
    site, tls = trusting
    site.pages["/"] = page()
    names = Names(shop_example=[["127.0.0.1"]], shop_test=[["127.0.0.1"]])
    assert get(f"https://shop.example:{site.port}/", resolver=names, tls=tls)[0].text == "hello"
    with pytest.raises(httpx2.ConnectError, match=r"shop\.test"):
        get(f"https://shop.test:{site.port}/", resolver=names, tls=tls)
    with pytest.raises(httpx2.ConnectError, match="self-signed"):
        get(f"https://shop.example:{site.port}/", resolver=names)


def test_a_socket_in_the_file_system_is_refused() -> None:
    backend = JudgedBackend(Reach.INTERNAL, system_resolver)
    with pytest.raises(AddressRefused):
        asyncio.run(backend.connect_unix_socket("/run/docker.sock"))
