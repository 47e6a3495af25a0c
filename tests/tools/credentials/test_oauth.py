from __future__ import annotations

import threading
from urllib.parse import parse_qs

import pytest

from tests.tools.credentials.cast import SECRET, Kind, give, oauth, stored
from tests.tools.credentials.server import CredentialServer, send
from tools.credentials import headers_for, renew
from tools.errors import TargetUnreachable, ToolRefused
from tools.models import Target
from tools.oauth import tokens


class TestOAuth:
    @pytest.mark.parametrize("client_auth", ["", "basic", "body"], ids=["default", "basic", "body"])
    def test_the_token_is_asked_for_once(self, target: Target, server: CredentialServer, client_auth: str) -> None:
        oauth(target, server, client_auth=client_auth, audience="https://shop.example")
        assert [send(stored(target))[0] for _ in range(3)] == [200, 200, 200]
        assert [asked.header("Authorization") for asked in server.asked] == ["Bearer token-1"] * 3
        (grant,) = server.grants
        form = parse_qs(grant.body.decode())
        assert form["grant_type"] == ["client_credentials"]
        assert form["scope"] == ["orders refunds"]
        assert form["audience"] == ["https://shop.example"]
        assert ("client_secret" in form) == (client_auth == "body")

    @pytest.mark.parametrize("expires_in", [0, "0"], ids=["number", "text"])
    def test_an_expired_token_is_asked_for_anew(
        self, target: Target, server: CredentialServer, expires_in: object
    ) -> None:
        server.expires_in = expires_in
        oauth(target, server)
        send(target)
        send(target)
        assert [asked.header("Authorization") for asked in server.asked] == ["Bearer token-1", "Bearer token-2"]

    @pytest.mark.parametrize("expires_in", [None, "soon", -5, float("nan"), 1e300], ids=str)
    def test_a_server_may_say_nothing_of_use_about_its_end(
        self, target: Target, server: CredentialServer, expires_in: object
    ) -> None:
        server.expires_in = expires_in
        oauth(target, server)
        assert [send(target)[0], send(target)[0], len(server.grants)] == [200, 200, 1]

    def test_after_a_401_a_new_token_is_tried_once(self, target: Target, server: CredentialServer) -> None:
        oauth(target, server)
        send(target)
        server.refused = {"token-1"}
        assert send(target)[0] == 200
        server.refused = {"token-2", "token-3"}
        assert send(target)[0] == 401
        assert len(server.grants) == 3

    def test_a_newer_token_of_another_thread_stays(self, target: Target, server: CredentialServer) -> None:
        oauth(target, server)
        _, old = send(target)
        assert renew(target, old)
        send(target)
        assert renew(target, old)
        assert send(target)[1].headers == {"Authorization": "Bearer token-2"}

    def test_other_kinds_have_nothing_to_renew(self, target: Target, server: CredentialServer) -> None:
        server.refused = {SECRET}
        give(target, Kind.BEARER)
        assert send(target)[0] == 401
        assert len(server.asked) == 1

    def test_of_many_threads_one_asks(self, target: Target, server: CredentialServer) -> None:
        server.slow = threading.Event()
        oauth(target, server)
        target = stored(target)
        given: list[dict[str, str]] = []

        def ask() -> None:
            url = f"{target.base_url}/orders"
            given.append(headers_for(target, method="GET", url=url, body=None).headers)

        threads = [threading.Thread(target=ask) for _ in range(8)]
        for thread in threads:
            thread.start()
        server.slow.set()
        for thread in threads:
            thread.join()
        assert given == [{"Authorization": "Bearer token-1"}] * 8
        assert len(server.grants) == 1

    def test_nobody_waits_longer_than_the_call_may_take(self, target: Target, server: CredentialServer) -> None:
        server.slow = threading.Event()
        oauth(target, server)
        with pytest.raises(TargetUnreachable, match="no time is left"):
            headers_for(target, method="GET", url=target.base_url, body=None, deadline=0)
        asking = threading.Thread(target=send, args=[stored(target)])
        asking.start()
        assert server.is_asked.wait(60)
        with pytest.raises(TargetUnreachable, match="no token came in time"):
            headers_for(target, method="GET", url=target.base_url, body=None, deadline=0)
        server.slow.set()
        asking.join()
        assert len(server.grants) == 1

    def test_a_credential_that_is_set_anew_does_without_the_old_token(
        self, target: Target, server: CredentialServer
    ) -> None:
        oauth(target, server)
        send(target)
        oauth(target, server, scope="orders")
        send(target)
        assert [asked.header("Authorization") for asked in server.asked] == ["Bearer token-1", "Bearer token-2"]

    def test_a_change_by_another_process_is_noticed(self, target: Target, server: CredentialServer) -> None:
        oauth(target, server)
        send(target)
        kept = tokens._kept[target.pk]
        oauth(target, server)
        tokens._kept[target.pk] = kept  # as in a process that was not told
        send(stored(target))
        assert server.asked[-1].header("Authorization") == "Bearer token-2"

    @pytest.mark.parametrize(
        ("status", "answer", "error"),
        [
            (500, {}, TargetUnreachable),
            (429, {}, TargetUnreachable),
            (302, {}, ToolRefused),
            (400, {"error": "invalid_scope"}, ToolRefused),
            (200, {"access_token": ""}, ToolRefused),
            (200, {"access_token": "a\r\nX-Other: b"}, ToolRefused),
            (200, {"access_token": 5}, ToolRefused),
            (200, {"access_token": "abc", "token_type": "mac"}, ToolRefused),
            (200, {"access_token": "a" * 70_000}, ToolRefused),
        ],
        ids=["broken", "busy", "redirect", "refused", "empty", "two-lines", "number", "type", "huge"],
    )
    def test_a_server_that_gives_no_token(
        self, target: Target, server: CredentialServer, status: int, answer: dict[str, object], error: type[Exception]
    ) -> None:
        oauth(target, server)
        server.token_status, server.token_answer = status, answer
        with pytest.raises(error):
            send(target)
        assert server.asked == []
        server.token_status, server.token_answer = 200, None
        assert send(target)[0] == 200

    def test_a_wrong_secret_is_told_without_it(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.OAUTH, "not the right one", client_auth="body")
        with pytest.raises(ToolRefused, match=r"\(invalid_client\)") as caught:
            send(target)
        assert "not" not in str(caught.value)

    def test_a_server_that_is_not_there(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.OAUTH, token_url="http://127.0.0.1:9/token")
        with pytest.raises(TargetUnreachable):
            send(target)

    def test_an_address_out_of_reach_is_not_asked(self, target: Target, server: CredentialServer) -> None:
        oauth(target, server)
        Target.objects.update(is_internal=False)
        with pytest.raises(ToolRefused, match="cannot be asked"):
            send(stored(target))
        assert server.grants == []
