"""With what requests to a target prove who sends them: set, described without the secret, put on a request.

A secret is opened when a request is made and not kept. Its seal holds for one target, one place and the parts that are
no secret: whoever changes where a credential is sent has to know it.
"""

from __future__ import annotations

import base64
import html
import json
import logging
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import import_module
from typing import Any, Protocol
from urllib.parse import quote, quote_plus

from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import transaction
from django.utils import timezone

from observability.audit import record
from observability.vault import SealBroken, id_of, is_newest, open_sealed, seal
from tools.credential_fields import (
    CLIENT_AUTH,
    SECRET_LABELS,
    SECRET_MINIMUM,
    check_kind,
    check_public,
    check_secret,
    fields_of,
)
from tools.errors import ToolRefused
from tools.models import Credential, Target
from tools.net.addresses import AddressRefused, Reach
from tools.net.urls import check_url
from tools.oauth import FETCH_SECONDS, Grant, tokens

logger = logging.getLogger(__name__)

Kind = Credential.Kind
HIDDEN = "[secret]"
# Of a secret in base64 within a longer text; a shorter part would be found where none is.
SHORTEST_PART = 6
SHORT = 8


@dataclass(frozen=True, kw_only=True)
class Authorised:
    """What an adapter adds to a request. Neither belongs into a log or a trace."""

    headers: dict[str, str] = field(default_factory=dict, repr=False)
    query: dict[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, kw_only=True)
class AwsKeys:
    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str


@dataclass(frozen=True, kw_only=True)
class Opened:
    kind: str
    public: dict[str, str]
    secret: str = field(repr=False)
    version: bytes = field(repr=False)


class Sign(Protocol):
    def __call__(
        self,
        public: Mapping[str, str],
        secret: str,
        *,
        method: str,
        url: str,
        body: bytes | None,
        headers: Mapping[str, str],
    ) -> dict[str, str]: ...


# -- set and described
@transaction.atomic
def set_credential(
    target: Target, *, kind: str, public: Mapping[str, object], secret: str, user: User | AnonymousUser | None
) -> Credential:
    """Replaces the target's credential, the secret always included. Raises `ValueError` with a text for the form."""
    check_kind(kind, target)
    cleaned = check_public(kind, public, target)
    check_secret(kind, secret)
    credential = Credential(
        target=target,
        kind=kind,
        public=cleaned,
        sealed=seal(secret, context_of(target, kind, cleaned)),
        changed_at=timezone.now(),
        changed_by=user if isinstance(user, User) else None,
    )
    Credential.objects.bulk_create(
        [credential],
        update_conflicts=True,
        unique_fields=["target"],
        update_fields=["kind", "public", "sealed", "changed_at", "changed_by"],
    )
    tokens.forget(target.pk)
    logger.info("The credential of %s was set by user %s", target, user.pk if user else None)
    record(user, "credential.set", kind="target", id=target.pk, name=target.name, after={"kind": kind})
    return credential


@transaction.atomic
def clear_credential(target: Target, user: User | AnonymousUser | None) -> None:
    Credential.objects.filter(target=target).delete()
    target._state.fields_cache.pop("credential", None)  # noqa: SLF001  the row that was read with it is gone
    tokens.forget(target.pk)
    logger.info("The credential of %s was removed by user %s", target, user.pk if user else None)
    record(user, "credential.remove", kind="target", id=target.pk, name=target.name)


def describe(credential: Credential) -> dict[str, Any]:
    """For pages: {"kind", "kind_label", "secret_label", "public": [(label, value)], "changed_at", "changed_by",
    "opens"}. `changed_by` is a name or empty; where it does not open, it has to be set again."""
    target = credential.target
    user = credential.changed_by
    labels = {field.name: field.label for field in fields_of(credential.kind, target)}
    return {
        "kind": credential.kind,
        "kind_label": credential.get_kind_display(),
        "secret_label": SECRET_LABELS[credential.kind],
        "public": [(labels.get(name, name), value) for name, value in credential.public.items()],
        "changed_at": credential.changed_at,
        "changed_by": (user.get_full_name() or user.email or user.get_username()) if user else "",
        "opens": not try_to_open(target, credential)[1],
    }


# -- put on a request
def headers_for(
    target: Target,
    *,
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str] | None = None,
    deadline: float | None = None,
) -> Authorised:
    """What proves to the target who sends this request; nothing where it has no credential.

    `url` and `body` are what is sent; `headers` are those that a signature shall cover beside Host. `deadline` is an
    instant of `time.monotonic()`. Raises `ToolRefused` (the credential cannot be used, or the URL is not of this
    target) and `TargetUnreachable` (OAuth: no token came).
    """
    opened = open_credential(target)
    if opened is None:
        return Authorised()
    check_place(target, url)
    if opened.kind == Kind.OAUTH:
        due = time.monotonic() + FETCH_SECONDS if deadline is None else deadline
        token = tokens.get(grant_of(target, opened), deadline=due)
        return Authorised(headers={"Authorization": f"Bearer {token}"})
    if opened.kind == Kind.SIGV4:
        # By name: who signs nothing never loads the library.
        sign: Sign = import_module("tools.sigv4").sign
        return Authorised(
            headers=sign(opened.public, opened.secret, method=method, url=url, body=body, headers=headers or {})
        )
    return as_it_is(opened)


def as_it_is(opened: Opened) -> Authorised:
    """The kinds that put the secret itself on a request."""
    match opened.kind:
        case Kind.QUERY:
            return Authorised(query={opened.public["name"]: opened.secret})
        case Kind.HEADER:
            return Authorised(headers={opened.public["name"]: opened.secret})
        case Kind.BASIC:
            return Authorised(headers={"Authorization": basic(opened)})
        case _:
            return Authorised(headers={"Authorization": f"Bearer {opened.secret}"})


def renew(target: Target, refused: Authorised) -> bool:
    """Whether a request that was answered 401 is worth sending once more, with new `headers_for`: its token is dropped.

    A 401 says that nothing was done, so this holds for writes too.
    """
    scheme, _, token = refused.headers.get("Authorization", "").partition(" ")
    credential = credential_of(target)
    if credential is None or credential.kind != Kind.OAUTH or scheme != "Bearer":
        return False
    tokens.drop(target.pk, token)
    return True


def aws_keys(target: Target) -> AwsKeys | None:
    """For a client of boto3; None where the target has no credential. Raises `ToolRefused`."""
    opened = open_credential(target)
    if opened is None or opened.kind != Kind.SIGV4:
        return None
    return AwsKeys(
        access_key_id=opened.public["access_key_id"], secret_access_key=opened.secret, region=opened.public["region"]
    )


def stdio_environment(target: Target) -> dict[str, str]:
    """What the environment of the target's program has to hold. Raises `ToolRefused`."""
    opened = open_credential(target)
    if opened is None or target.kind != Target.Kind.MCP_STDIO:
        return {}
    return {opened.public["name"]: opened.secret}


def basic(opened: Opened) -> str:
    """RFC 7617, with UTF-8."""
    both = f"{opened.public['username']}:{opened.secret}"
    return f"Basic {base64.b64encode(both.encode()).decode()}"


def grant_of(target: Target, opened: Opened) -> Grant:
    return Grant(
        target_id=target.pk,
        version=opened.version,
        reach=Reach.INTERNAL if target.is_internal else Reach.PUBLIC,
        token_url=opened.public["token_url"],
        client_id=opened.public["client_id"],
        client_secret=opened.secret,
        scope=opened.public.get("scope", ""),
        audience=opened.public.get("audience", ""),
        client_auth=opened.public.get("client_auth", CLIENT_AUTH[0]),
    )


# -- opened
def credential_of(target: Target) -> Credential | None:
    """No query where the target was read with `select_related("credential")`."""
    try:
        return target.credential
    except ObjectDoesNotExist:
        return None


def open_credential(target: Target) -> Opened | None:
    """Raises `ToolRefused`."""
    credential = credential_of(target)
    if credential is None:
        return None
    secret, problem = try_to_open(target, credential)
    if problem:
        logger.error("The credential of %s does not open: %s", target, problem)
        raise ToolRefused("credential_unusable", "The desk's own credential for this backend cannot be used.")
    return Opened(kind=credential.kind, public=credential.public, secret=secret, version=bytes(credential.sealed))


def try_to_open(target: Target, credential: Credential) -> tuple[str, str]:
    """The secret, and nothing; or nothing, and why it does not open."""
    try:
        context = context_of(target, credential.kind, credential.public)
        return open_sealed(credential.sealed, context).decode(), ""
    except (SealBroken, ImproperlyConfigured, AddressRefused) as error:
        return "", str(error)


def context_of(target: Target, kind: str, public: Mapping[str, str]) -> str:
    """What the seal holds for: the row, where the secret goes, and how."""
    bound = json.dumps([place_of(target), kind, dict(public)], sort_keys=True)
    return f"tools_credential:{target.pk}:{bound}"


def place_of(target: Target) -> object:
    if target.kind in Target.WITH_URL:
        return origin_of(target.base_url)
    return target.command if target.kind == Target.Kind.MCP_STDIO else target.settings.get("endpoint", "")


@lru_cache(maxsize=256)
def origin_of(url: str) -> str:
    """Raises `AddressRefused`."""
    return check_url(url, Reach.INTERNAL).origin


def check_place(target: Target, url: str) -> None:
    """Raises `ToolRefused` where the request goes to another host than the target's."""
    place = place_of(target)
    if isinstance(place, str) and place and url.startswith(f"{place}/"):
        return
    try:
        there = check_url(url, Reach.INTERNAL).origin
    except AddressRefused as error:
        raise ToolRefused("invalid_address", str(error)) from error
    if there != place:
        raise ToolRefused("credential_elsewhere", "The request goes to another host than the one of its credential.")


# -- kept out of texts
def scrub(text: str, target: Target, authorised: Authorised | None = None) -> str:
    """The text without the target's secret, its token, and what was put on the request, in the forms that they take on
    the way. To be called before a text is cut: of half a secret nothing is found."""
    forms = {form for secret in secrets_of(target, authorised) for form in forms_of(secret)}
    lower = text.lower()
    found = [form for form in forms if form.lower() in lower]
    if not found:  # whole answers come here, and a search for all forms at once takes a hundred times as long
        return text
    longest_first = sorted(found, key=len, reverse=True)
    return re.sub("|".join(map(pattern_of, longest_first)), HIDDEN, text, flags=re.IGNORECASE)


def pattern_of(form: str) -> str:
    """A short one counts as a word of its own only, or it would be found in the midst of others."""
    text = re.escape(form)
    return text if len(form) >= SHORT else rf"(?<![a-z0-9]){text}(?![a-z0-9])"


def secrets_of(target: Target, authorised: Authorised | None) -> Iterator[str]:
    credential = credential_of(target)
    if credential is not None:
        yield try_to_open(target, credential)[0]
    yield tokens.kept(target.pk)
    if authorised is not None:
        yield from authorised.query.values()
        for value in authorised.headers.values():
            yield value
            yield value.partition(" ")[2]  # without "Bearer", "Basic"


def forms_of(secret: str) -> Iterator[str]:
    """As it is, as in an address, in JSON, in HTML and in a Python literal; in base64, alone and within more."""
    if len(secret) < SECRET_MINIMUM:
        return
    yield from (secret, quote(secret), quote(secret, safe=""), quote_plus(secret))
    yield from (json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1])
    yield from (html.escape(secret), repr(secret)[1:-1])
    raw = secret.encode()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        yield encode(raw).decode().rstrip("=")
        for before in range(3):
            # Three bytes become four characters: those that hold bits of a neighbour differ with it.
            whole = encode(b"\0" * before + raw).decode().rstrip("=")
            first = (0, 2, 3)[before]
            last = len(whole) if (before + len(raw)) % 3 == 0 else len(whole) - 1
            if last - first >= SHORTEST_PART:
                yield whole[first:last]


# -- sealed anew
def reseal_credentials() -> tuple[int, list[str]]:
    """Seal with the newest key what is sealed with an older one. How many rows, and which do not open."""
    done, broken = 0, []
    for credential in Credential.objects.select_related("target").order_by("pk"):
        target = credential.target
        secret, problem = try_to_open(target, credential)
        if problem:
            broken.append(f"credential of {target}: {problem}")
        elif not is_newest(id_of(credential.sealed)):
            context = context_of(target, credential.kind, credential.public)
            again = seal(secret, context)
            # Only what was read: it may have been set anew meanwhile.
            rows = Credential.objects.filter(pk=credential.pk, sealed=credential.sealed)
            done += rows.update(sealed=again)
    return done, broken


def keys_of_credentials() -> set[bytes]:
    """The ids of the keys that are needed to open what is stored."""
    found = set()
    for sealed in Credential.objects.values_list("sealed", flat=True):
        with suppress(SealBroken):  # no key opens it
            found.add(id_of(sealed))
    return found
