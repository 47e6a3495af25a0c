from __future__ import annotations

import gzip
import ssl
import time
import tracemalloc
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler

import pytest

from tests.tools.net import hostile
from tests.tools.net.conftest import Connections
from tests.tools.net.site import Names, Page, Site, drip, page, redirect, silent_port
from tests.tools.net.test_connections import METADATA
from tools.net.addresses import AddressRefused, Reach
from tools.net.fetch import Fetched, FetchFailed, fetch

Make = Callable[..., Connections]
OK = b"HTTP/1.1 200 OK\r\n"


def get(url: str, through: Connections, *, reach: Reach = Reach.INTERNAL, max_bytes: int = 100_000) -> Fetched:
    return fetch(url, reach=reach, max_bytes=max_bytes, deadline_seconds=60, connections=through)


def test_it_works(site: Site, connections: Make) -> None:
    site.pages["/a?b=1"] = page(b"\x00\xffdata", Content_Type="application/yaml; charset=utf-8")
    found = get(f"{site.url}/a?b=1#c", connections())
    assert found == Fetched(
        url=f"{site.url}/a?b=1", status=200, content_type="application/yaml; charset=utf-8", body=b"\x00\xffdata"
    )


def test_a_refusal_of_the_site_is_an_answer(site: Site, connections: Make) -> None:
    found = get(f"{site.url}/x", connections())
    assert (found.status, found.content_type, found.body) == (404, "text/plain", b"not here")


@pytest.mark.parametrize("url", [*hostile.NAMES, *hostile.USERINFO], ids=lambda url: ascii(url)[:80])
def test_hostile_urls_are_refused(url: str, connections: Make) -> None:
    with pytest.raises(AddressRefused):
        get(url, connections(Names()), reach=Reach.PUBLIC)


# -- redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("location", ["/there", "there", "?x", "//127.0.0.1:{port}/there", "{url}/there#part"])
def test_redirects_within_the_site_are_followed(site: Site, connections: Make, status: int, location: str) -> None:
    site.pages["/"] = redirect(location.format(port=site.port, url=site.url), status)
    site.pages["/there"] = site.pages["/?x"] = page(b"found")
    found = get(f"{site.url}/", connections())
    assert (found.body, found.status) == (b"found", 200)
    assert found.url in {f"{site.url}/there", f"{site.url}/?x"}
    assert site.cookies == ["", ""]  # the redirect set one


@pytest.mark.parametrize("hops", [5, 6])
def test_redirects_end(site: Site, connections: Make, hops: int) -> None:
    for hop in range(hops):
        site.pages[f"/{hop}"] = redirect(f"/{hop + 1}")
    site.pages[f"/{hops}"] = page(b"found")
    if hops == 5:
        assert get(f"{site.url}/0", connections()).body == b"found"
    else:
        with pytest.raises(FetchFailed, match="more than 5"):
            get(f"{site.url}/0", connections())
    assert len(site.asked) == 6


def test_a_circle_of_redirects_ends(site: Site, connections: Make) -> None:
    site.pages["/"] = redirect("/")
    with pytest.raises(FetchFailed, match="more than 5"):
        get(f"{site.url}/", connections())


@pytest.mark.parametrize(
    "location",
    [
        *(f"http://{address}/latest/meta-data/" for address in ("169.254.169.254", "[fd00:ec2::254]", "2852039166")),
        *(f"http://{address}/" for address in ("10.0.0.1", "localhost", "[::1]", "127.0.0.2", "127.1", "0x7f.1", "0")),
        *("http://metadata.google.internal/", "//169.254.169.254/", "///169.254.169.254/x", "http:///x", "http://"),
        *("http://user@8.8.8.8/", "http://8.8.8.8:6379/", "http://8.8.8.8\\@127.0.0.1/", "\\\\169.254.169.254\\x"),
        *("file:///etc/passwd", "gopher://8.8.8.8/_x", "ftp://8.8.8.8/", "data:,x", "javascript:x", "http://[::1"),
        *("http://evil.example/", "http://mixed.example/", "http://8.8.8.8 /", "http://[fe80::1%25eth0]/"),
        *("http:/x", "http:x", "//", "there\tx", "/x\\y", "//evil.example/", "//user@8.8.8.8/", "//127.0.0.1:1/"),
    ],
)
def test_a_redirect_to_a_refused_address(site: Site, connections: Make, location: str) -> None:
    site.pages["/"] = redirect(location)
    names = Names(evil_example=[["127.0.0.1"]], mixed_example=[["93.184.216.34", METADATA]])
    with pytest.raises(AddressRefused):
        get(f"{site.url}/", connections(names))
    assert len(site.asked) == 1


def test_what_was_said_of_one_place_is_not_said_of_where_it_points(site: Site, other: Site, connections: Make) -> None:
    site.pages["/"] = redirect(f"{other.url}/secret")  # the same machine, another service
    with pytest.raises(AddressRefused, match="marked internal"):
        get(f"{site.url}/", connections())
    assert other.asked == []


def test_a_redirect_through_a_name_that_changes(site: Site, connections: Make) -> None:
    site.pages["/"] = page(b"moved", status=302, length=False, Location="/there")
    names = Names(shop_example=[["127.0.0.1"], [METADATA]])
    with pytest.raises(AddressRefused, match=METADATA):
        get(f"http://shop.example:{site.port}/", connections(names))
    assert [path for path, _ in site.asked] == ["/"]


def test_a_redirect_from_https_to_http(trusting: tuple[Site, ssl.SSLContext], connections: Make) -> None:
    site, tls = trusting
    names = Names(shop_example=[["127.0.0.1"]])
    site.pages["/"] = redirect(f"http://shop.example:{site.port}/there")
    site.pages["/safe"] = redirect("/there")
    with pytest.raises(AddressRefused, match="from https to http"):
        get(f"https://shop.example:{site.port}/", connections(names, tls))
    assert get(f"https://shop.example:{site.port}/safe", connections(names, tls)).status == 404


def test_a_redirect_to_nowhere_is_an_answer(site: Site, connections: Make) -> None:
    site.pages["/"] = page(b"hm", status=302)
    assert get(f"{site.url}/", connections()).status == 302


# -- limits


@pytest.mark.parametrize("length", [True, False], ids=["announced", "unannounced"])
def test_size(site: Site, connections: Make, length: bool) -> None:
    site.pages["/"] = page(b"x" * 1000, length=length)
    assert len(get(f"{site.url}/", connections(), max_bytes=1000).body) == 1000
    with pytest.raises(FetchFailed, match="more than 999 bytes"):
        get(f"{site.url}/", connections(), max_bytes=999)


def deflated(body: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(body) + packer.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", deflated), ("GZIP", gzip.compress)],
)
def test_what_is_packed_is_unpacked_within_the_limit(
    site: Site, connections: Make, encoding: str, pack: Callable[[bytes], bytes]
) -> None:
    site.pages["/"] = page(pack(b"x" * 50_000), Content_Encoding=encoding)
    assert get(f"{site.url}/", connections(), max_bytes=50_000).body == b"x" * 50_000
    site.pages["/"] = page(pack(b"\0" * 50_000_000), Content_Encoding=encoding)
    tracemalloc.start()
    try:
        with pytest.raises(FetchFailed, match="more than 100000 bytes"):
            get(f"{site.url}/", connections())
        assert tracemalloc.get_traced_memory()[1] < 5_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "x"])
def test_other_packings_are_refused(site: Site, connections: Make, encoding: str) -> None:
    site.pages["/"] = page(b"x", Content_Encoding=encoding)
    with pytest.raises(FetchFailed, match="packed"):
        get(f"{site.url}/", connections())


def test_what_is_badly_packed(site: Site, connections: Make) -> None:
    site.pages["/"] = page(b"not gzip at all", Content_Encoding="gzip")
    with pytest.raises(FetchFailed, match="DecodeError"):
        get(f"{site.url}/", connections())


EMPTY_MEMBER = gzip.compress(b"")


@pytest.mark.parametrize(
    "slow",
    [
        pytest.param(drip(b"", b"H"), id="status"),
        pytest.param(drip(OK + b"X: ", b"a"), id="header"),
        pytest.param(drip(OK + b"Content-Length: 9999\r\n\r\n", b"a"), id="body"),
        pytest.param(drip(OK + b"\r\n", b"a"), id="endless body"),
        pytest.param(drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"), id="chunks"),
        pytest.param(drip(OK + b"Transfer-Encoding: chunked\r\n\r\n1;", b"a"), id="chunk extension"),
        pytest.param(drip(OK + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"X: a\r\n"), id="trailers"),
        pytest.param(drip(OK + b"Content-Encoding: gzip\r\n\r\n", EMPTY_MEMBER), id="empty packets"),
        pytest.param(drip(OK + b"Content-Encoding: gzip\r\n\r\n", EMPTY_MEMBER * 500, pause=0), id="a flood of them"),
        pytest.param(drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue"),
        pytest.param(lambda _: time.sleep(1), id="silence"),
    ],
)
def test_time(site: Site, connections: Make, slow: Page) -> None:
    site.pages["/"] = slow
    with pytest.raises(FetchFailed, match="too long"):
        fetch(f"{site.url}/", reach=Reach.INTERNAL, max_bytes=10_000, deadline_seconds=0.3, connections=connections())


def test_time_is_for_all_redirects_together(site: Site, connections: Make) -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(0.15)
        redirect("/")(handler)

    site.pages["/"] = answer
    with pytest.raises(FetchFailed, match="too long"):
        fetch(f"{site.url}/", reach=Reach.INTERNAL, max_bytes=9, deadline_seconds=0.3, connections=connections())
    assert len(site.asked) <= 3


@pytest.mark.parametrize("answer", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 200 + b"\r\n"])
def test_what_is_no_answer(site: Site, connections: Make, answer: bytes) -> None:
    def say(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True
        handler.wfile.write(answer)

    site.pages["/"] = say
    with pytest.raises(FetchFailed, match="did not answer"):
        get(f"{site.url}/", connections())


def test_nobody_there(connections: Make) -> None:
    port = silent_port()
    with pytest.raises(FetchFailed, match=f"http://127.0.0.1:{port} did not answer"):
        get(f"http://127.0.0.1:{port}/", connections())


def test_no_time_is_left(site: Site, connections: Make) -> None:
    with pytest.raises(FetchFailed, match="too long"):
        fetch(f"{site.url}/", reach=Reach.INTERNAL, max_bytes=9, deadline_seconds=0, connections=connections())
    assert site.asked == []
