from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.tools.credentials.cast import AWS, KINDS, SECRET, Kind, give, made, stored
from tests.tools.credentials.server import Asked, CredentialServer, send
from tools.credentials import aws_keys, headers_for, set_credential, stdio_environment
from tools.errors import ToolRefused
from tools.models import Target


class TestOnARequest:
    def test_nothing_where_there_is_no_credential(self, target: Target, server: CredentialServer) -> None:
        assert send(target)[0] == 200
        assert server.asked[0].header("Authorization") == ""
        assert aws_keys(target) is None
        assert stdio_environment(target) == {}

    def test_bearer(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.BEARER)
        send(stored(target))
        assert server.asked[0].header("Authorization") == f"Bearer {SECRET}"

    def test_basic(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.BASIC, secret="pässword: with more")
        send(stored(target))
        scheme, _, both = server.asked[0].header("Authorization").partition(" ")
        assert (scheme, base64.b64decode(both).decode()) == ("Basic", "desk:pässword: with more")

    def test_header(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.HEADER, secret="Token of two words")
        send(stored(target))
        assert server.asked[0].header("X-Api-Key") == "Token of two words"

    def test_query(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.QUERY)
        send(stored(target))
        assert parse_qs(urlsplit(server.asked[0].path).query) == {"state": ["open"], "api_key": [SECRET]}

    @pytest.mark.parametrize("body", [None, b'{"amount": 5}'], ids=["get", "post"])
    def test_sigv4(self, target: Target, server: CredentialServer, body: bytes | None) -> None:
        give(target, Kind.SIGV4)
        send(stored(target), "/orders/a%20b?z=1&a=%2F", body)
        (asked,) = server.asked
        assert asked.header("Authorization").startswith("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/")
        assert asked.header("Authorization") == signature_of(asked, server, SECRET)
        assert asked.header("Authorization") != signature_of(asked, server, "another secret")

    def test_sigv4_covers_the_headers_that_it_is_given(self, target: Target) -> None:
        give(target, Kind.SIGV4)
        url = f"{target.base_url}/orders"
        signed = headers_for(target, method="POST", url=url, body=b"{}", headers={"Content-Type": "application/json"})
        assert "SignedHeaders=content-type;host;x-amz-date" in signed.headers["Authorization"]
        assert sorted(signed.headers) == ["Authorization", "X-Amz-Date"]

    def test_aws_keys(self, db: None) -> None:
        target = made(Target.Kind.AWS_LAMBDA, settings={"function": "f", "region": "eu-central-1"})
        give(target, Kind.SIGV4, service="lambda")
        keys = aws_keys(stored(target))
        assert keys is not None
        assert (keys.access_key_id, keys.secret_access_key, keys.region) == ("AKIDEXAMPLE", SECRET, "eu-central-1")
        assert SECRET not in repr(keys)

    @pytest.mark.parametrize("kind", ["bearer", "header"])
    def test_the_environment_of_a_program(self, db: None, kind: str) -> None:
        target = made(Target.Kind.MCP_STDIO, command=["shop-mcp"])
        set_credential(target, kind=kind, public={"name": "SHOP_TOKEN"}, secret=SECRET, user=None)
        assert stdio_environment(stored(target)) == {"SHOP_TOKEN": SECRET}

    @KINDS
    def test_it_costs_no_query_where_it_was_read_with_the_target(
        self, target: Target, server: CredentialServer, kind: str, django_assert_num_queries: Any
    ) -> None:
        give(target, kind, server.client[1] if kind == Kind.OAUTH else SECRET)
        target = stored(target)
        with django_assert_num_queries(0):
            send(target)

    @KINDS
    def test_it_does_not_go_to_another_host(self, target: Target, server: CredentialServer, kind: str) -> None:
        give(target, kind)
        for url in ("http://127.0.0.1:1/orders", server.url.replace("http:", "https:"), "http://[::1]/", "file:///"):
            with pytest.raises(ToolRefused):
                headers_for(target, method="GET", url=url, body=None)
        assert server.grants == []


def signature_of(asked: Asked, server: CredentialServer, secret: str) -> str:
    """Computed again from what arrived."""
    request = AWSRequest(method=asked.method, url=server.url + asked.path, data=asked.body)
    request.headers["Host"] = asked.header("Host")
    request.headers["X-Amz-Date"] = asked.header("X-Amz-Date")
    request.context["timestamp"] = asked.header("X-Amz-Date")
    assert datetime.strptime(asked.header("X-Amz-Date"), "%Y%m%dT%H%M%S%z").tzinfo is not None
    signer = SigV4Auth(Credentials(AWS["access_key_id"], secret), AWS["service"], AWS["region"])
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    headers = signer.signed_headers(signer.headers_to_sign(request))
    return f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={headers}, Signature={signature}"
