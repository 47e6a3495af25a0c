from __future__ import annotations

import pytest

from tests.tools.net import hostile
from tools.net.addresses import AddressRefused, Reach
from tools.net.urls import check_host, check_url


def short(value: object) -> str:
    return ascii(value)[:80]


@pytest.mark.parametrize("url", hostile.URLS, ids=short)
def test_hostile_urls_are_refused(url: str) -> None:
    with pytest.raises(AddressRefused, match=r"\.$"):
        check_url(url, Reach.PUBLIC)


def bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


@pytest.mark.parametrize("address", hostile.ADDRESSES)
def test_urls_of_special_addresses_are_refused(address: str) -> None:
    for form in ("http://{}", "https://{}/", "http://{}:8080/latest/meta-data/?x=1#y"):
        with pytest.raises(AddressRefused):
            check_url(form.format(bracketed(address)), Reach.PUBLIC)


FORMS = (*hostile.SCHEMES, *hostile.SPELLINGS, *hostile.SPELLINGS_6, *hostile.USERINFO, *hostile.CHARACTERS)


@pytest.mark.parametrize("url", FORMS, ids=short)
def test_odd_forms_are_refused_to_internal_targets_too(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(url, Reach.INTERNAL)


@pytest.mark.parametrize("address", hostile.NEVER)
def test_urls_of_some_addresses_are_refused_even_to_internal_targets(address: str) -> None:
    with pytest.raises(AddressRefused):
        check_url(f"http://{bracketed(address)}/", Reach.INTERNAL)


@pytest.mark.parametrize("name", ["metadata", "metadata.google.internal", "METADATA.GOOGLE.INTERNAL", "instance-data"])
def test_metadata_names_are_refused_to_internal_targets_too(name: str) -> None:
    with pytest.raises(AddressRefused, match="credentials"):
        check_url(f"http://{name}/", Reach.INTERNAL)


@pytest.mark.parametrize("address", hostile.PUBLIC)
def test_urls_of_public_addresses_are_allowed(address: str) -> None:
    checked = check_url(f"https://{bracketed(address)}:8443/v1?a=1", Reach.PUBLIC)
    assert (checked.host, checked.port) == (address, 8443)


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://example.com", "http://example.com/"),
        ("HTTPS://Example.COM/Path", "https://example.com/Path"),
        ("http://example.com:80/", "http://example.com/"),
        ("https://example.com:443/", "https://example.com/"),
        ("http://example.com:443/", "http://example.com:443/"),
        ("https://example.com:8443/a/b", "https://example.com:8443/a/b"),
        ("https://example.com:65535/", "https://example.com:65535/"),
        ("https://example.com?a=1", "https://example.com/?a=1"),
        ("https://example.com#part", "https://example.com/"),
        ("https://example.com/a#part/@x", "https://example.com/a"),
        ("https://example.com/a?b=c@d&e=http://127.0.0.1/", "https://example.com/a?b=c@d&e=http://127.0.0.1/"),
        ("https://example.com/@user/x", "https://example.com/@user/x"),
        ("https://example.com/a%20b%0d%0ac", "https://example.com/a%20b%0d%0ac"),
        ("https://example.com/b\u00fccher/{id}?q=[1]", "https://example.com/b%C3%BCcher/%7Bid%7D?q=%5B1%5D"),
        ("https://b\u00fccher.example/", "https://xn--bcher-kva.example/"),
        ("https://B\u00dcCHER.example/", "https://xn--bcher-kva.example/"),
        ("https://xn--bcher-kva.example/", "https://xn--bcher-kva.example/"),
        ("https://\u4f8b\u3048.jp/", "https://xn--r8jz45g.jp/"),
        ("https://api_v2.my-shop.example/", "https://api_v2.my-shop.example/"),
        ("https://3com.com/", "https://3com.com/"),
        ("https://0xdeadbeef.example.com/", "https://0xdeadbeef.example.com/"),
        ("https://1.2.3.4.nip.example/", "https://1.2.3.4.nip.example/"),
        ("https://local.example.com/", "https://local.example.com/"),
        ("https://notlocal/", None),
        ("https://8.8.8.8/dns-query", "https://8.8.8.8/dns-query"),
        ("http://[2606:4700:4700:0:0::1111]:8080/", "http://[2606:4700:4700::1111]:8080/"),
    ],
    ids=short,
)
def test_what_is_asked_for_is_written_in_one_plain_form(url: str, plain: str | None) -> None:
    if plain is None:
        with pytest.raises(AddressRefused, match="private network"):
            check_url(url, Reach.PUBLIC)
    else:
        checked = check_url(url, Reach.PUBLIC)
        assert checked.url == plain
        assert check_url(checked.url, Reach.PUBLIC) == checked


@pytest.mark.parametrize(
    ("url", "plain"),
    [
        ("http://localhost:8000/x", "http://localhost:8000/x"),
        ("http://shop", "http://shop/"),
        ("http://my_service:5432/", "http://my_service:5432/"),
        ("http://wiki.corp:22/", "http://wiki.corp:22/"),
        ("http://127.0.0.1:9200/", "http://127.0.0.1:9200/"),
        ("https://10.1.2.3/", "https://10.1.2.3/"),
        ("http://[::1]:1/", "http://[::1]:1/"),
        ("https://example.com/", "https://example.com/"),
    ],
)
def test_internal_targets_may_have_private_names_and_any_port(url: str, plain: str) -> None:
    assert check_url(url, Reach.INTERNAL).url == plain


def test_an_ipv6_host_carries_no_brackets() -> None:
    checked = check_url("http://[2606:4700:4700::1111]/", Reach.PUBLIC)
    assert (checked.host, checked.origin) == ("2606:4700:4700::1111", "http://[2606:4700:4700::1111]")
    assert check_host(checked.host, Reach.PUBLIC) == checked.host
