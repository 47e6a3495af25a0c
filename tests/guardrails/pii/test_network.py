from __future__ import annotations

import pytest

from tests.guardrails.pii.looking import found, values


@pytest.mark.parametrize(
    "written",
    [
        "a@b.co",
        "first.last+tag@sub.example.co.uk",
        "o'neil@example.ie",
        "user_name@example-host.com",
        "1234@numbers.net",
        "m\u00fcller@ex\u00e4mple.de",
        "x@y.museum",
        "a" * 60 + "@example.com",
    ],
)
def test_emails(written: str) -> None:
    for text in (written, f"Write to {written}.", f"<{written}>", f"'{written}',", f"mail:{written}", f"_{written}_"):
        assert values(text, "EMAIL") == [written]


@pytest.mark.parametrize("text", ["@john", "me@home", "3@5", "a@b.c", "john@", "@example.com", "a.@b.com", "x @ y.com"])
def test_no_emails(text: str) -> None:
    assert values(text, "EMAIL") == []


def test_an_email_in_a_text_without_spaces() -> None:
    assert values("\u8bf7\u8054\u7cfbjohn@example.com\u3002\u8c22\u8c22", "EMAIL") == ["john@example.com"]


@pytest.mark.parametrize(
    "written",
    [
        "https://www.example.com/",
        "http://example.com",
        "www.example.com",
        "example.com",
        "my.shop.co.uk/path?x=1",
        "http://xn--80ak6aa92e.com/",
        "https://localhost:8000/a",
        "ftp://ftp.example.org/file.txt",
        "https://en.example.org/wiki/A_(b)",
        "https://user:pw@host.example/x#y",
        "HTTPS://EXAMPLE.COM/A",
    ],
)
def test_urls(written: str) -> None:
    for text in (written, f"See {written}.", f"({written})", f"[x]({written})", f'"{written}"'):
        assert values(text, "URL") == [written]


@pytest.mark.parametrize(
    "text",
    [
        "I sent it.it was late",
        "the price is fine...how",
        "notes.md and report.pdf and main.py",
        "Node.js 18.2",
        "e.g. this",
        "www.",
        "https://",
        "gracias.de nada",
        "1.5 kg",
    ],
)
def test_no_urls(text: str) -> None:
    assert values(text, "URL") == []


def test_the_host_of_an_email_is_no_url() -> None:
    assert found("john@example.com", "URL") == []
    assert found("mailto:john@example.com and example.com", "URL", "EMAIL") == [
        ("EMAIL", "john@example.com"),
        ("URL", "example.com"),
    ]


def test_a_url_holds_what_is_in_it() -> None:
    link = "https://a.example/?mail=john@example.com&card=4111111111111111&ip=10.0.0.1"
    assert found(link) == [("URL", link)]
    assert ("CREDIT_DEBIT_CARD_NUMBER", "4111111111111111") in found(link, "CREDIT_DEBIT_CARD_NUMBER", "EMAIL")


@pytest.mark.parametrize(
    "written",
    [
        "192.168.0.1",
        "8.8.8.8",
        "684D:1111:222:3333:4444:5555:6:77",
        "2001:0db8:85a3:0000:0000:8a2e:0370:7334",
        "fe80::1",
        "fe80::1%eth0",
        "::ffff:192.0.2.128",
    ],
)
def test_ip_addresses(written: str) -> None:
    assert values(written, "IP_ADDRESS") == [written]
    assert values(f"from {written}.", "IP_ADDRESS") == [written]


@pytest.mark.parametrize(
    "text",
    [
        "256.1.1.1",
        "1.2.3",
        "1.2.3.4.5",
        "version 1.2.3.4",
        "v10.0.19045.1",
        "12:30:45",
        "std::vector",
        "a::b",
        "::",
        "192.168.01.1a",
    ],
)
def test_no_ip_addresses(text: str) -> None:
    assert values(text, "IP_ADDRESS") == []


def test_mac_addresses() -> None:
    for written in ("00:1A:2B:3C:4D:5E", "00-1a-2b-3c-4d-5e", "001A.2B3C.4D5E"):
        assert values(f"the card {written} is up", "MAC_ADDRESS") == [written]
    for text in ("00:1A:2B:3C:4D", "00:1A-2B:3C:4D:5E", "00:1G:2B:3C:4D:5E", "00:1A:2B:3C:4D:5E:6F"):
        assert values(text, "MAC_ADDRESS") == []
