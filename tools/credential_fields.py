"""What each kind of credential is made of, and what is refused before it is stored.

A value that ends up in a header, an address or an environment must not be able to begin another one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from tools.models import Credential, Target
from tools.net.addresses import Reach
from tools.net.urls import check_url

Kind = Credential.Kind
CLIENT_AUTH = ("basic", "body")
VALUE_CHARACTERS = 500
SECRET_CHARACTERS = 8000
# A shorter one could not be removed from an error text without removing much else.
SECRET_MINIMUM = 4

TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)  # RFC 9110, section 5.6.2
VISIBLE = re.compile(r"[\x21-\x7e]+", re.ASCII)
VISIBLE_AND_SPACES = re.compile(r"[\x21-\x7e]([\x20-\x7e]*[\x21-\x7e])?", re.ASCII)
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)
AWS_NAME = re.compile(r"[a-z0-9-]+", re.ASCII)

# Those that say how a message is sent (RFC 9110, RFC 9112), and those that the desk sets itself.
RESERVED_HEADERS = frozenset(
    {
        *("host", "connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect", "via"),
        *("content-length", "content-type", "content-encoding", "accept", "accept-encoding", "user-agent"),
        *("idempotency-key", "mcp-session-id", "mcp-protocol-version", "last-event-id"),
    }
)
RESERVED_PREFIXES = ("proxy-", "sec-")
# What decides which program runs, or what code it loads.
RESERVED_VARIABLES = frozenset({"PATH", "HOME", "LANG", "SHELL", "IFS", "ENV", "BASH_ENV", "NODE_OPTIONS", "PERL5OPT"})
RESERVED_VARIABLE_PREFIXES = ("LD_", "DYLD_", "PYTHON", "LC_", "GIT_")


@dataclass(frozen=True, kw_only=True)
class Field:
    """A part of a credential that is no secret. `choices` where only those are taken; the first is the default."""

    name: str
    label: str
    required: bool = True
    choices: tuple[str, ...] = ()


HEADER_NAME = Field(name="name", label="Header")
VARIABLE_NAME = Field(name="name", label="Environment variable")
FIELDS: dict[str, tuple[Field, ...]] = {
    Kind.BEARER: (),
    Kind.BASIC: (Field(name="username", label="Name"),),
    Kind.HEADER: (HEADER_NAME,),
    Kind.QUERY: (Field(name="name", label="Parameter"),),
    Kind.OAUTH: (
        Field(name="token_url", label="Token URL"),
        Field(name="client_id", label="Client id"),
        Field(name="scope", label="Scope", required=False),
        Field(name="audience", label="Audience", required=False),
        Field(name="client_auth", label="Client id and secret go", required=False, choices=CLIENT_AUTH),
    ),
    Kind.SIGV4: (
        Field(name="access_key_id", label="Access key id"),
        Field(name="region", label="Region"),
        Field(name="service", label="Service"),
    ),
}
SECRET_LABELS: dict[str, str] = {
    Kind.BEARER: "Token",
    Kind.BASIC: "Password",
    Kind.HEADER: "Key",
    Kind.QUERY: "Key",
    Kind.OAUTH: "Client secret",
    Kind.SIGV4: "Secret access key",
}
OVER_HTTP = tuple(Kind)
KINDS: dict[str, tuple[Credential.Kind, ...]] = {
    Target.Kind.HTTP: OVER_HTTP,
    Target.Kind.OPENAPI: OVER_HTTP,
    Target.Kind.MCP: OVER_HTTP,
    Target.Kind.MCP_STDIO: (Kind.BEARER, Kind.HEADER),
    Target.Kind.AWS_LAMBDA: (Kind.SIGV4,),
    Target.Kind.BUILTIN: (),
}


def kinds_for(target: Target) -> tuple[Credential.Kind, ...]:
    """The kinds of credential that a target can be given."""
    return KINDS[target.kind]


def fields_of(kind: str, target: Target) -> tuple[Field, ...]:
    """The parts that are no secret. A program on this machine is given its secret in an environment variable."""
    return (VARIABLE_NAME,) if target.kind == Target.Kind.MCP_STDIO else FIELDS[kind]


def check_kind(kind: str, target: Target) -> None:
    """Raises `ValueError` with a text for the form, as do the others here."""
    if kind not in kinds_for(target):
        known = dict(Kind.choices).get(kind, kind)
        raise ValueError(f"A target of the kind {target.get_kind_display()} takes no credential of the kind {known!r}.")
    if target.kind in Target.WITH_URL and kind != Kind.SIGV4 and not target.is_internal:
        check_https(target.base_url, "The target's address")


def check_public(kind: str, public: Mapping[str, object], target: Target) -> dict[str, str]:
    """The parts that are no secret, cleaned; optional ones that were left empty are left out."""
    fields = {field.name: field for field in fields_of(kind, target)}
    unknown = sorted(public.keys() - fields.keys())
    if unknown:
        raise ValueError(f"A credential of this kind has no part {unknown[0]!r}.")
    cleaned = {}
    for name, field in fields.items():
        value = str(public.get(name) or "").strip()
        if not value and field.required:
            raise ValueError(f"{field.label}: it is missing.")
        if value:
            cleaned[name] = check_value(field, value)
    check_parts(kind, cleaned, target)
    return cleaned


def check_value(field: Field, value: str) -> str:
    if len(value) > VALUE_CHARACTERS:
        raise ValueError(f"{field.label}: it is longer than {VALUE_CHARACTERS} characters.")
    if not value.isprintable():
        raise ValueError(f"{field.label}: it holds a line break or another control character.")
    if field.choices and value not in field.choices:
        raise ValueError(f"{field.label}: write one of {', '.join(field.choices)}.")
    return value


def check_parts(kind: str, public: Mapping[str, str], target: Target) -> None:
    if target.kind == Target.Kind.MCP_STDIO:
        check_variable(public["name"])
    elif kind == Kind.BASIC and ":" in public["username"]:
        raise ValueError("Name: it must not contain a colon.")  # RFC 7617, section 2
    elif kind == Kind.HEADER:
        check_header(public["name"])
    elif kind == Kind.OAUTH:
        check_token_url(public["token_url"], target)
    elif kind == Kind.SIGV4:
        check_aws(public)


def check_header(name: str) -> None:
    if not TOKEN.fullmatch(name):
        raise ValueError("Header: a name has letters, digits and - only.")
    if name.lower() in RESERVED_HEADERS or name.lower().startswith(RESERVED_PREFIXES):
        raise ValueError(f"Header: {name} is set by the desk itself.")


def check_variable(name: str) -> None:
    if not VARIABLE.fullmatch(name):
        raise ValueError("Environment variable: a name has letters, digits and _ only.")
    if name.upper() in RESERVED_VARIABLES or name.upper().startswith(RESERVED_VARIABLE_PREFIXES):
        raise ValueError(f"Environment variable: {name} decides how the program runs, so it holds no credential.")


def check_token_url(url: str, target: Target) -> None:
    if not target.is_internal:
        check_https(url, "Token URL")
    try:
        check_url(url, Reach.INTERNAL if target.is_internal else Reach.PUBLIC)
    except ValueError as error:
        raise ValueError(f"Token URL: {error}") from error
    if "#" in url:
        raise ValueError("Token URL: it must have no part after #.")  # RFC 6749, section 3.2


def check_https(url: str, what: str) -> None:
    if not url.lower().startswith("https://"):
        raise ValueError(f"{what} must begin with https://, or others on the way can read what is sent.")


def check_aws(public: Mapping[str, str]) -> None:
    if not VISIBLE.fullmatch(public["access_key_id"]) or "/" in public["access_key_id"]:
        raise ValueError("Access key id: it has letters and digits only.")
    for name, label in (("region", "Region"), ("service", "Service")):
        if not AWS_NAME.fullmatch(public[name]):
            raise ValueError(f"{label}: it has small letters, digits and - only.")


def check_secret(kind: str, secret: str) -> None:
    """The texts say nothing of what the secret is."""
    label = SECRET_LABELS[kind]
    if not secret:
        raise ValueError(f"{label}: it is missing.")
    if not SECRET_MINIMUM <= len(secret) <= SECRET_CHARACTERS:
        raise ValueError(f"{label}: it has at least {SECRET_MINIMUM} and at most {SECRET_CHARACTERS} characters.")
    if not secret.isprintable():
        raise ValueError(f"{label}: it holds a line break or another control character.")
    if kind in {Kind.BEARER, Kind.SIGV4} and not VISIBLE.fullmatch(secret):
        raise ValueError(f"{label}: it holds a space, or a character beyond ASCII.")
    if kind in {Kind.HEADER, Kind.OAUTH} and not VISIBLE_AND_SPACES.fullmatch(secret):
        raise ValueError(f"{label}: it begins or ends with a space, or holds a character beyond ASCII.")
