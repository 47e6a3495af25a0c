"""Addresses in a network: e-mail, web, IP and MAC."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from ipaddress import ip_address

from guardrails.findings import Confidence
from guardrails.pii.candidates import FORMED, WHOLE, Candidate
from guardrails.pii.passage import DIGIT, Passage

EMAIL, URL, IP, MAC = "EMAIL", "URL", "IP_ADDRESS", "MAC_ADDRESS"
TYPES = frozenset({EMAIL, URL, IP, MAC})
# Of what RFC 5322 allows, what occurs: the rest is as often the sign of a link, a table or of emphasis.
LOCAL = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+'&~#$^-")
LOCAL_LENGTH = 64  # RFC 5321, 4.5.3.1.1
DOMAIN = re.compile(
    r"(?:[A-Za-z0-9\u00c0-\u024f](?:[A-Za-z0-9\u00c0-\u024f-]{0,61}[A-Za-z0-9\u00c0-\u024f])?\.){1,8}"
    r"(?:[A-Za-z]{2,24}|xn--[a-z0-9-]{2,59})(?![A-Za-z0-9])"
)
WRAPPING = ".%&'+~#$^_-"
SCHEME = re.compile(r"(?:https?|ftps?|wss?|sftp|file)://|www\.", re.IGNORECASE)
REST = re.compile(r"[!#-;=?-~\u00a1-\u024f]{2,}")
CLOSING = {")": "(", "]": "[", "}": "{"}
# Bare names count under endings that are no words and no file's: "done.it" and "notes.md" are neither addresses.
BARE = re.compile(
    r"\.(?:com|org|net|COM|ORG|NET|edu|gov|mil|io|ai|com\.au|com\.br|com\.mx|co\.uk|org\.uk|ac\.uk|co\.jp|co\.nz|co\.za|"
    r"uk|fr|nl|eu|ca|ch|jp|cn|ru|nz|dk|fi|ie|pl|cz|kr|info|biz|dev|xyz|(?:de|es|it|se|il|au|at|be|in|us|me|to)(?=/))"
    r"(?![A-Za-z0-9@]|\.[A-Za-z0-9])"
)
PATH = re.compile(r"(?::[0-9]{2,5})?(?:[/?#][!#-;=?-~\u00a1-\u024f]*)?")
NAME_OF_HOST = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")
HOST_LENGTH = 90
IPV4 = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![0-9A-Za-z]|\.[0-9])")
IPV6 = re.compile(r"(?<![0-9A-Za-z:.])[0-9A-Fa-f:.]{3,45}(?:%[a-z0-9]{1,12})?(?![0-9A-Za-z:])")
VERSION = re.compile(
    r"\b(?:v|ver|version|firmware|release|build|update|section|chapter|ios|android|chrome|app)[ .:]{0,3}$"
)
MAC_FORM = re.compile(
    r"(?<![0-9A-Za-z:-])(?:[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}|"
    r"[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Za-z:-])"
)


def find_network(passage: Passage, types: Collection[str]) -> Iterator[Candidate]:
    text = passage.text
    if EMAIL in types and "@" in text:
        yield from find_emails(passage)
    if URL in types and ("." in text or "://" in text):
        yield from find_urls(passage)
    if IP in types and passage.has_digits:
        yield from find_ips(passage)
    if MAC in types and passage.has_digits:
        for match in MAC_FORM.finditer(text, passage.base):
            yield Candidate(MAC, match.start(), match.end(), FORMED + 5, "The form of a MAC address.")


def find_emails(passage: Passage) -> Iterator[Candidate]:
    text, at = passage.text, passage.text.find("@", passage.base)
    while at >= 0:
        start = start_of(text, at, max(passage.base, at - LOCAL_LENGTH), LOCAL)
        while start < at and text[start] in WRAPPING:
            start += 1
        domain = DOMAIN.match(text, at + 1)
        if domain and start < at and text[at - 1] != ".":
            yield Candidate(EMAIL, start, domain.end(), WHOLE - 5, "The form of an e-mail address.")
        at = text.find("@", at + 1)


def start_of(text: str, end: int, least: int, characters: frozenset[str]) -> int:
    start = end
    while start > least and (text[start - 1] in characters or "\u00c0" <= text[start - 1] <= "\u024f"):
        start -= 1
    return start


def find_urls(passage: Passage) -> Iterator[Candidate]:
    text = passage.text
    if "://" in text or "www." in passage.lower:
        done = passage.base
        for match in SCHEME.finditer(text, passage.base):
            if match.start() < done:  # in the link before
                continue
            rest = REST.match(text, match.end())
            if rest and not (match.start() and text[match.start() - 1].isalnum()):
                done = rest.end()
                end = trim(text, match.start(), rest.end())
                yield Candidate(URL, match.start(), end, WHOLE, "A scheme or www at the front.")
    for match in BARE.finditer(text, passage.base):
        start = start_of(text, match.start(), max(passage.base, match.start() - HOST_LENGTH), NAME_OF_HOST)
        if start and (text[start - 1] in "@/_" or text[start - 1].isalnum()):
            continue
        while start < match.start() and text[start] in ".-":
            start += 1
        if start < match.start() and ".." not in text[start : match.end()]:
            path = PATH.match(text, match.end())
            end = trim(text, start, path.end() if path else match.end())
            yield Candidate(URL, start, end, FORMED, "A name with the ending of a domain.", Confidence.MEDIUM)


def trim(text: str, start: int, end: int) -> int:
    """Without the signs of the sentence around it: a closing bracket belongs to it if it opens in it."""
    surplus = {close: text.count(close, start, end) - text.count(CLOSING[close], start, end) for close in CLOSING}
    while end > start:
        last = text[end - 1]
        if last in CLOSING:
            if surplus[last] <= 0:
                break
            surplus[last] -= 1
        elif last not in ".,;:!?'*_`|\\":
            break
        end -= 1
    return end


def find_ips(passage: Passage) -> Iterator[Candidate]:
    text = passage.text
    found = list(IPV4.finditer(text, passage.base)) if text.count(".", passage.base) >= 3 else []
    if text.count(":", passage.base) >= 2:
        found += [match for match in IPV6.finditer(text, passage.base) if match.group().count(":") >= 2]
    for match in found:
        written = match.group().rstrip(".")
        if is_address(written) and not VERSION.search(passage.near(match.start(), 12)):
            yield Candidate(IP, match.start(), match.start() + len(written), FORMED, "An address that is valid.")


def is_address(written: str) -> bool:
    """Without "::" and the like, which are signs of a programme."""
    if ":" in written and not DIGIT.search(written):
        return False
    try:
        ip_address(written)
    except ValueError:
        return False
    return True
