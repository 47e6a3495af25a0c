from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.tools.credentials.server import CredentialServer, running_credential_server
from tools.models import Target
from tools.oauth import tokens


@pytest.fixture
def server() -> Iterator[CredentialServer]:
    with running_credential_server() as server:
        yield server


@pytest.fixture
def target(db: None, server: CredentialServer) -> Iterator[Target]:
    target = Target.objects.create(name="shop", kind=Target.Kind.HTTP, base_url=server.url, is_internal=True)
    yield target
    tokens.forget(target.pk)
