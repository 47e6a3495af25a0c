from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import pytest

from tests.tools.net import hostile
from tests.tools.net.site import Names, Site, silent_port
from tools.net.addresses import AddressRefused, Reach
from tools.net.connections import check_endpoint, connect, system_resolver

METADATA = "169.254.169.254"
PUBLIC, INTERNAL = "93.184.216.34", "127.0.0.1"


def test_it_connects_to_an_address(site: Site) -> None:
    with connect("127.0.0.1", site.port, reach=Reach.INTERNAL, seconds=30) as connection:
        assert connection.getpeername() == ("127.0.0.1", site.port)


def test_it_connects_to_what_a_name_stands_for(site: Site) -> None:
    names = Names(shop_example=[["127.0.0.1"]])
    with connect("Shop.Example", site.port, reach=Reach.INTERNAL, seconds=30, resolver=names) as connection:
        assert connection.getpeername() == ("127.0.0.1", site.port)
    assert names.asked == ["shop.example"]


def test_the_system_resolves_names(site: Site) -> None:
    assert "127.0.0.1" in system_resolver("localhost", 80)
    with connect("localhost", site.port, reach=Reach.INTERNAL, seconds=30) as connection:
        assert connection.getpeername()[1] == site.port


def test_each_read_has_what_the_ones_before_have_left_of_the_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ours = connect("127.0.0.1", listener.getsockname()[1], reach=Reach.INTERNAL, seconds=30)
        theirs, _ = listener.accept()
        with ours, theirs:
            ours.settimeout(60)
            left = [ours.gettimeout()]
            for _ in range(2):
                theirs.sendall(b"x")
                assert ours.recv_into(bytearray(9)) == 1
                left.append(ours.gettimeout())
            assert left[0] == 60 > left[1] > left[2] > 0
            ours.settimeout(60)
            assert ours.gettimeout() == 60


@pytest.mark.parametrize("address", hostile.ADDRESSES)
def test_a_public_name_must_not_stand_for_a_special_address(address: str) -> None:
    names = Names(shop_example=[[address]])
    with pytest.raises(AddressRefused, match=r"shop\.example stands for"):
        connect("shop.example", 443, reach=Reach.PUBLIC, seconds=30, resolver=names)


@pytest.mark.parametrize("address", hostile.NEVER)
def test_an_internal_name_must_not_stand_for_some_addresses(address: str) -> None:
    with pytest.raises(AddressRefused):
        connect("shop", 443, reach=Reach.INTERNAL, seconds=30, resolver=Names(shop=[[address]]))


@pytest.mark.parametrize("address", hostile.ADDRESSES)
def test_a_special_address_is_refused_without_a_question(address: str) -> None:
    names = Names()
    with pytest.raises(AddressRefused):
        connect(address, 443, reach=Reach.PUBLIC, seconds=30, resolver=names)
    assert names.asked == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1", METADATA], [METADATA, "127.0.0.1"], ["127.0.0.1"] * 9 + [METADATA], ["127.0.0.1", "?"]]
)
def test_one_bad_address_refuses_the_name(site: Site, addresses: list[str]) -> None:
    names = Names(shop_example=[addresses])
    with pytest.raises(AddressRefused):
        connect("shop.example", site.port, reach=Reach.INTERNAL, seconds=30, resolver=names)
    assert site.callers == []


@pytest.mark.parametrize("mixed", [[PUBLIC, INTERNAL], [INTERNAL, PUBLIC], [PUBLIC, "::1"], [PUBLIC, METADATA]])
def test_a_public_name_must_not_stand_for_an_own_address_besides(mixed: list[str]) -> None:
    with pytest.raises(AddressRefused):
        connect("shop.example", 443, reach=Reach.PUBLIC, seconds=30, resolver=Names(shop_example=[mixed]))


def test_a_name_that_changes_what_it_stands_for_is_asked_once(site: Site) -> None:
    names = Names(shop_example=[["127.0.0.1"], [METADATA]])
    with connect("shop.example", site.port, reach=Reach.INTERNAL, seconds=30, resolver=names) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"
    assert names.asked == ["shop.example"]
    with pytest.raises(AddressRefused, match=METADATA):
        connect("shop.example", site.port, reach=Reach.INTERNAL, seconds=30, resolver=names)


def test_the_next_address_is_tried(site: Site) -> None:
    names = Names(shop_example=[["127.0.0.2", "::1", "127.0.0.1"]])  # nothing listens on the first two
    with connect("shop.example", site.port, reach=Reach.INTERNAL, seconds=30, resolver=names) as connection:
        assert connection.getpeername()[0] == "127.0.0.1"


def test_where_nothing_listens_the_system_says_so() -> None:
    with pytest.raises(ConnectionRefusedError):
        connect("127.0.0.1", silent_port(), reach=Reach.INTERNAL, seconds=30)


@pytest.mark.parametrize("port", [0, 22, 25, 81, 1023, 3306, 6379, 65536, -1])
def test_the_port_is_judged_without_a_question(port: int) -> None:
    names = Names()
    with pytest.raises(AddressRefused):
        connect("shop.example", port, reach=Reach.PUBLIC, seconds=30, resolver=names)
    assert names.asked == []


@pytest.mark.parametrize("host", ["", "localhost", "redis", "127.1", "2130706433", "::1%lo", "a b.com", "x.local", "."])
def test_the_host_is_judged_without_a_question(host: str) -> None:
    names = Names()
    with pytest.raises(AddressRefused):
        connect(host, 443, reach=Reach.PUBLIC, seconds=30, resolver=names)
    assert names.asked == []


def test_a_name_without_an_address() -> None:
    with pytest.raises(OSError, match="has no address"):
        connect("shop.example", 443, reach=Reach.PUBLIC, seconds=30, resolver=Names(shop_example=[[]]))


def test_a_name_that_cannot_be_resolved() -> None:
    def unknown(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(socket.gaierror):
        connect("shop.example", 443, reach=Reach.PUBLIC, seconds=30, resolver=unknown)


def test_a_slow_resolver_does_not_outlast_the_time() -> None:
    released = threading.Event()

    def slow(host: str, port: int) -> Sequence[str]:
        released.wait(60)
        return ["127.0.0.1"]

    with pytest.raises(TimeoutError, match="was not resolved"):
        connect("shop.example", 443, reach=Reach.INTERNAL, seconds=0.05, resolver=slow)
    released.set()


def test_an_endpoint_is_judged_with_what_its_name_stands_for() -> None:
    good, bad = Names(shop_example=[[PUBLIC]]), Names(shop_example=[[PUBLIC, METADATA]])
    assert check_endpoint("https://shop.example/x", reach=Reach.PUBLIC, resolver=good).url == "https://shop.example/x"
    with pytest.raises(AddressRefused, match=METADATA):
        check_endpoint("https://shop.example/x", reach=Reach.PUBLIC, resolver=bad)
    with pytest.raises(AddressRefused, match="must begin with"):
        check_endpoint("ftp://shop.example/x", reach=Reach.PUBLIC, resolver=good)
    assert check_endpoint("http://127.0.0.1:9001/", reach=Reach.INTERNAL).port == 9001
