"""Which addresses may be reached.

The ranges are those of IANA's registries of special-purpose addresses (RFC 6890 and its updates), written out: what
`ipaddress.is_global` says changes with Python's version, and it lets 192.0.0.192 and NAT64 pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network


class Reach(StrEnum):
    """How far a request may go. INTERNAL only where an admin said so of this very target."""

    PUBLIC = "public"
    INTERNAL = "internal"  # public ones, loopback, and private networks (RFC 1918, RFC 4193)


class AddressRefused(ValueError):
    """The address may not be reached, and nothing was sent. The text is fit for the form of whoever named it."""


@dataclass(frozen=True)
class Special:
    network: IPv4Network | IPv6Network
    what: str
    own: bool = False  # within the reach of a target that is marked internal


def special(network: str, what: str, *, own: bool = False) -> Special:
    return Special(ip_network(network), what, own)


METADATA = "an address where a cloud gives machines their credentials"
LINK_LOCAL = "a link-local address, where clouds give machines their credentials"

SPECIAL_4 = (
    special("0.0.0.0/8", "an address of no machine"),
    special("10.0.0.0/8", "a private address", own=True),
    special("100.100.100.200/32", METADATA),  # Alibaba
    special("100.64.0.0/10", "an address between a provider and its customers"),
    special("127.0.0.0/8", "this machine", own=True),
    special("168.63.129.16/32", METADATA),  # Azure's WireServer: a public address, answered by the machine's host
    special("169.254.0.0/16", LINK_LOCAL),
    special("172.16.0.0/12", "a private address", own=True),
    special("192.0.0.192/32", METADATA),  # Oracle
    special("192.0.0.0/24", "an address kept for protocols"),
    special("192.0.2.0/24", "an address for documentation"),
    special("192.88.99.0/24", "a relay of 6to4"),
    special("192.168.0.0/16", "a private address", own=True),
    special("198.18.0.0/15", "an address for measurements"),
    special("198.51.100.0/24", "an address for documentation"),
    special("203.0.113.0/24", "an address for documentation"),
    special("224.0.0.0/4", "a multicast address"),
    special("255.255.255.255/32", "the broadcast address"),
    special("240.0.0.0/4", "a reserved address"),
)

# Forms that carry an IPv4 address are refused whatever they carry: it can be written as what it is.
CARRIER = "an IPv4 address in the form of IPv6"
SPECIAL_6 = (
    special("::/128", "an address of no machine"),
    special("::1/128", "this machine", own=True),
    special("::ffff:0:0/96", CARRIER),
    special("::/96", CARRIER),
    special("64:ff9b::/96", f"{CARRIER} (NAT64)"),
    special("64:ff9b:1::/48", f"{CARRIER} (NAT64)"),
    special("100::/64", "an address whose traffic is thrown away"),
    special("2001::/32", f"{CARRIER} (Teredo)"),
    special("2001::/23", "an address kept for protocols"),
    special("2001:db8::/32", "an address for documentation"),
    special("2002::/16", f"{CARRIER} (6to4)"),
    special("3fff::/20", "an address for documentation"),
    special("fd00:ec2::/32", METADATA),  # AWS: 254 the metadata, 23 the credentials of pods
    special("fd20:ce::254/128", METADATA),  # Google
    special("fd00:c1::a9fe:a9fe/128", METADATA),  # Oracle
    special("fd00:42::42/128", METADATA),  # Scaleway
    special("fc00::/7", "a private address", own=True),
    special("fe80::/10", LINK_LOCAL),
    special("fec0::/10", "a site-local address"),
    special("ff00::/8", "a multicast address"),
)
GLOBAL_6 = IPv6Network("2000::/3")  # the only part of IPv6 from which public addresses are given out
NOT_GIVEN_OUT = Special(IPv6Network("::/0"), "a reserved address")
TUNNEL = Special(IPv6Network("::/0"), f"{CARRIER} (ISATAP)")


def check_address(address: str, reach: Reach) -> None:
    """Raises `AddressRefused` unless this IPv4 or IPv6 address, as `getaddrinfo` writes it, is within reach."""
    try:
        found = special_of(ip_address(address))
    except ValueError as error:
        raise AddressRefused(f"{address!r} is not an address.") from error
    if found is None or (found.own and reach is Reach.INTERNAL):
        return
    remedy = " It can be reached only by a target that is marked internal." if found.own else ""
    raise AddressRefused(f"{address} is {found.what}.{remedy}")


def special_of(address: IPv4Address | IPv6Address) -> Special | None:
    """What is special about the address; nothing about a public one. The first entry of a table that fits, counts."""
    if isinstance(address, IPv4Address):
        return next((entry for entry in SPECIAL_4 if address in entry.network), None)
    for entry in SPECIAL_6:
        if address in entry.network:
            return entry
    if address not in GLOBAL_6:
        return NOT_GIVEN_OUT
    # RFC 5214, section 6.1: the interface is ::0:5efe:a.b.c.d, with or without the bit for "universal".
    return TUNNEL if (int(address) >> 32) & 0xFDFFFFFF == 0x00005EFE else None
