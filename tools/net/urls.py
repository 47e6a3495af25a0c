"""Which URLs may be reached, judged as they are written. What a name stands for is judged when it is connected to.

Programs read an unusual URL in different ways, and an attack lives in the difference. So a short plain form is
accepted, and everything else is refused instead of repaired; what is requested is put together anew from the parts.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from urllib.parse import quote

import idna

from tools.net.addresses import AddressRefused, Reach, check_address

URL_CHARACTERS = 8192
DEFAULT_PORTS = {"http": 80, "https": 443}

# Below 1024 only the web's own two: 22, 25, 53, 389 and the like are other protocols. From 1024 on APIs live on any
# port, so what is refused there are services that would take the text of a request for commands, or that give away
# much to whoever reaches them: the bad ports of the Fetch standard (https://fetch.spec.whatwg.org/#port-blocking),
# databases, caches, queues, remote desktops, and what controls machines and clusters.
FETCH_BAD_PORTS = frozenset(
    {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, *range(6665, 6670), 6679, 6697, 10080}
)
SERVICE_PORTS = frozenset(
    {
        *(1433, 1434, 1521, 2483, 2484, 3050, 3306, 5432, 5433, 5984, 6432, 7474, 7687, 8086, 9042, 9160),  # databases
        *(27017, 27018, 27019, 28015, 28017, 33060, 50000),
        *(6379, 6380, 11211, 26379, 9200, 9300),  # caches, search
        *(1883, 4222, 5671, 5672, 8883, 9092, 15672, 61613, 61616),  # queues
        *(1025, 2525),  # mail
        *(3389, *range(5900, 5911), 5985, 5986, *range(6001, 6011)),  # desktops, remote shells
        *(2181, 2375, 2376, 2377, 2379, 2380, 4369, 6443, 8200, 8300, 8301, 8500, 8600, 10250, 10255, 10256),  # control
        *(1080, 3128, 1099, 1389, 1636, 3260, 3268, 3269, 9000, 10050, 10051),  # proxies, RMI, directories, FastCGI
    }
)
REFUSED_PORTS = FETCH_BAD_PORTS | SERVICE_PORTS

# Names that can only mean a machine of one's own network: RFC 6761, RFC 6762 appendix G, RFC 8375, ICANN's `internal`.
OWN_SUFFIXES = (
    *("localhost", "local", "localdomain", "internal", "intranet", "private", "corp", "home", "lan"),
    *("home.arpa", "svc", "onion", "invalid"),
)
# Names under which a cloud's metadata service is found; mostly they resolve to link-local addresses anyway.
METADATA_NAMES = frozenset(
    {
        *(
            "metadata",
            "metadata.google.internal",
            "metadata.goog",
            "metadata.azure.internal",
            "metadata.tencentyun.com",
        ),
        *("instance-data", "instance-data.ec2.internal", "rancher-metadata", "metadata.packet.net"),
        *("metadata.tencentyun.com", "metadata.platformequinix.com", "metadata.oraclecloud.com"),
    }
)

PLAIN = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.IGNORECASE | re.DOTALL)
HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:]*)(:(?P<port>0|[1-9][0-9]{0,4}))?", re.ASCII)
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*|0o[0-7]*", re.ASCII)
OTHER_DOTS = "\u3002\uff0e\uff61"  # what IDNA takes for a dot besides it (RFC 3490, section 3.1)
KEPT = "%/?:@!$&'()*+,;=~"  # of a path and a query (RFC 3986, section 3.3); other characters are percent-encoded


@dataclass(frozen=True, kw_only=True)
class CheckedUrl:
    """An URL that may be asked for. `host` is an ASCII name in lower case or an address (IPv6 without brackets);
    `path_and_query` is ASCII and begins with a slash. The fragment is gone: it is never sent."""

    scheme: str
    host: str
    port: int
    path_and_query: str

    @property
    def origin(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}"

    @property
    def url(self) -> str:
        return self.origin + self.path_and_query


def check_url(url: str, reach: Reach) -> CheckedUrl:
    """The parts of an http or https URL. Raises `AddressRefused`; a name is not resolved here."""
    check_characters(url)
    parts = PLAIN.fullmatch(url)
    if parts is None or parts["scheme"].lower() not in DEFAULT_PORTS:
        raise AddressRefused("The address must begin with http:// or https://.")
    scheme, authority, rest = parts["scheme"].lower(), parts["authority"], parts["rest"]
    if "@" in authority or ("@" in rest and not rest.startswith("/")):
        raise AddressRefused("The address must not contain a user name or a password before the host.")
    found = HOST_AND_PORT.fullmatch(authority)
    if found is None:
        raise AddressRefused("The host or the port of the address cannot be read.")
    bracketed = found["host"].startswith("[")
    if not bracketed and not found["host"]:
        raise AddressRefused("The address names no host.")
    host = check_ipv6(found["host"][1:-1], reach) if bracketed else check_host(found["host"], reach)
    port = int(found["port"]) if found["port"] else DEFAULT_PORTS[scheme]
    check_port(port, reach)
    return CheckedUrl(scheme=scheme, host=host, port=port, path_and_query=path_and_query_of(rest))


def check_characters(url: str) -> None:
    if len(url) > URL_CHARACTERS:
        raise AddressRefused(f"The address is longer than {URL_CHARACTERS} characters.")
    if "\\" in url:
        raise AddressRefused("The address must not contain a backslash.")
    if " " in url or not url.isprintable():
        raise AddressRefused("The address must not contain spaces, line breaks or invisible characters.")


def path_and_query_of(rest: str) -> str:
    wanted = rest.partition("#")[0]
    # Percent-encoded line breaks stay encoded: no program on the way to the other side reads them as line breaks.
    return quote(wanted if wanted.startswith("/") else f"/{wanted}", safe=KEPT)


def check_port(port: int, reach: Reach) -> None:
    if not 0 < port < 65536:
        raise AddressRefused(f"{port} is not a port.")
    if reach is Reach.INTERNAL or port in DEFAULT_PORTS.values() or (port >= 1024 and port not in REFUSED_PORTS):
        return
    raise AddressRefused(f"Port {port} belongs to another service; only a target that is marked internal can use it.")


def check_host(host: str, reach: Reach) -> str:
    """The name in ASCII, or the address. IPv6 comes without brackets. Raises `AddressRefused`."""
    if ":" in host:
        return check_ipv6(host, reach)
    name = to_ascii(host)
    labels = name.split(".")
    if NUMBER.fullmatch(labels[-1]):  # as inet_aton and browsers would: it is a number, so it must be a plain address
        return check_ipv4(name, reach)
    if len(name) > 253 or not all(LABEL.fullmatch(label) for label in labels):
        raise AddressRefused(f"{host!r} is not the name of a host.")
    if name in METADATA_NAMES:
        raise AddressRefused(f"{name} is a name under which a cloud gives machines their credentials.")
    if reach is Reach.PUBLIC and (len(labels) == 1 or name.endswith(tuple(f".{suffix}" for suffix in OWN_SUFFIXES))):
        remedy = "It can be reached only by a target that is marked internal."
        raise AddressRefused(f"{name} is a name of a private network. {remedy}")
    return name


def to_ascii(host: str) -> str:
    """The name in lower case, letters beyond ASCII as IDNA 2008 has them. Look-alikes of digits, letters and dots are
    not mapped to what they look like, but refused."""
    if host.isascii():
        return host.lower()
    if unicodedata.normalize("NFKC", host) != host or any(dot in host for dot in OTHER_DOTS):
        raise AddressRefused(f"{host!r} is written with characters that only look like others.")
    try:
        return idna.encode(host.lower()).decode("ascii")
    except idna.IDNAError as error:
        raise AddressRefused(f"{host!r} is not the name of a host.") from error


def check_ipv4(host: str, reach: Reach) -> str:
    try:
        address = str(IPv4Address(host))  # four decimal numbers without leading zeros, and nothing else
    except ValueError as error:
        raise AddressRefused(f"{host!r} is not an address in its usual form, like 192.0.2.1.") from error
    check_address(address, reach)
    return address


def check_ipv6(host: str, reach: Reach) -> str:
    try:
        found = IPv6Address(host)
    except ValueError as error:
        raise AddressRefused(f"{host!r} is not an IPv6 address.") from error
    if found.scope_id is not None:
        raise AddressRefused(f"{host!r} names a network interface, which an address must not.")
    check_address(str(found), reach)
    return str(found)
