"""Targets with credentials, and the server that they are for."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.tools.credentials.server import CredentialServer
from tools.credentials import set_credential
from tools.models import Credential, Target

Kind = Credential.Kind
SECRET = "s3cret/Value+0f=backend"
AWS = {"access_key_id": "AKIDEXAMPLE", "region": "eu-central-1", "service": "execute-api"}
# By kind, the parts that are no secret; `{url}` is the server's.
PUBLIC: dict[str, dict[str, str]] = {
    Kind.BEARER: {},
    Kind.BASIC: {"username": "desk"},
    Kind.HEADER: {"name": "X-Api-Key"},
    Kind.QUERY: {"name": "api_key"},
    Kind.OAUTH: {"token_url": "{url}/token", "client_id": "desk", "scope": "orders refunds"},
    Kind.SIGV4: AWS,
}
KINDS = pytest.mark.parametrize("kind", [str(kind) for kind in Kind])


def give(target: Target, kind: str, secret: str = SECRET, user: User | None = None, **public: str) -> Credential:
    parts = {name: value.replace("{url}", target.base_url) for name, value in PUBLIC[kind].items()}
    return set_credential(target, kind=kind, public={**parts, **public}, secret=secret, user=user)


def oauth(target: Target, server: CredentialServer, **public: str) -> Credential:
    return give(target, Kind.OAUTH, server.client[1], **public)


def stored(target: Target) -> Target:
    """As another process reads it."""
    return Target.objects.select_related("credential").get(pk=target.pk)


def made(kind: str, **fields: Any) -> Target:
    return Target.objects.create(name=f"other-{kind}", kind=kind, **fields)
