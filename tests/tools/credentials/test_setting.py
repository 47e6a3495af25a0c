from __future__ import annotations

import logging
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

from observability.vault import SealBroken, add_key, id_of, is_newest, new_key, open_sealed
from tests.tools.credentials.cast import KINDS, SECRET, Kind, give, made, stored
from tests.tools.credentials.server import CredentialServer, send
from tools.credential_fields import fields_of, kinds_for
from tools.credentials import clear_credential, describe, headers_for, reseal_credentials, set_credential
from tools.errors import ToolRefused
from tools.models import Credential, Target


class TestSet:
    def test_it_is_described_without_the_secret(self, target: Target, admin: User) -> None:
        credential = give(target, Kind.BASIC, user=admin)
        assert describe(credential) == {
            "kind": "basic",
            "kind_label": "Name and password",
            "secret_label": "Password",
            "public": [("Name", "desk")],
            "changed_at": credential.changed_at,
            "changed_by": "Admin",
            "opens": True,
        }

    def test_a_new_one_takes_the_place_of_the_old(self, target: Target, server: CredentialServer, admin: User) -> None:
        give(target, Kind.BASIC)
        give(target, Kind.BEARER, user=admin)
        credential = Credential.objects.get()
        assert (credential.kind, credential.public, credential.changed_by) == ("bearer", {}, admin)
        send(target)  # the same object, without being read again
        assert server.asked[0].header("Authorization") == f"Bearer {SECRET}"

    def test_it_is_removed(self, target: Target, server: CredentialServer, admin: User) -> None:
        give(target, Kind.BEARER)
        clear_credential(target, admin)
        clear_credential(target, admin)
        send(target)
        assert server.asked[0].header("Authorization") == ""
        assert not Credential.objects.exists()

    def test_nobody_in_particular_may_have_set_it(self, target: Target) -> None:
        parts = {"kind": Kind.BEARER, "public": {}, "secret": SECRET}
        assert describe(set_credential(target, user=AnonymousUser(), **parts))["changed_by"] == ""

    @KINDS
    def test_every_part_that_is_needed_is_asked_for(self, target: Target, kind: str) -> None:
        for field in fields_of(kind, target):
            if field.required:
                with pytest.raises(ValueError, match=f"^{field.label}: it is missing"):
                    give(target, kind, **{field.name: " "})
        with pytest.raises(ValueError, match="it is missing"):
            give(target, kind, secret="")
        with pytest.raises(ValueError, match="no part 'colour'"):
            give(target, kind, colour="red")

    @KINDS
    @pytest.mark.parametrize("hostile", ["\r\n", "\n", "\0", "\x7f", "\u2028"], ids=["crlf", "lf", "nul", "del", "ls"])
    def test_nothing_holds_a_second_line(self, target: Target, kind: str, hostile: str) -> None:
        with pytest.raises(ValueError, match="control character") as caught:
            give(target, kind, secret=f"{SECRET}{hostile}X-Other: 1")
        assert SECRET not in str(caught.value)
        for field in fields_of(kind, target):
            with pytest.raises(ValueError, match=r"\w"):
                give(target, kind, **{field.name: f"a{hostile}X-Other: 1"})
        assert not Credential.objects.exists()

    @pytest.mark.parametrize(
        ("kind", "parts"),
        [
            ("header", {"name": "Host"}),
            ("header", {"name": "content-LENGTH"}),
            ("header", {"name": "Transfer-Encoding"}),
            ("header", {"name": "Proxy-Authorization"}),
            ("header", {"name": "Idempotency-Key"}),
            ("header", {"name": "X Key"}),
            ("header", {"name": "X-Key:"}),
            ("header", {"name": "Ключ"}),
            ("basic", {"username": "a:b"}),
            ("oauth", {"token_url": "file:///etc/passwd"}),
            ("oauth", {"token_url": "http://user:pass@127.0.0.1/token"}),
            ("oauth", {"token_url": "http://127.0.0.1/token#part"}),
            ("oauth", {"token_url": "http://169.254.169.254/token"}),
            ("oauth", {"client_auth": "query"}),
            ("sigv4", {"region": "eu/central"}),
            ("sigv4", {"service": "S3"}),
            ("sigv4", {"access_key_id": "AKID/x"}),
            ("carrier pigeon", {}),
        ],
        ids=lambda value: value if isinstance(value, str) else ",".join(value.values()) or "none",
    )
    def test_wrong_parts_are_refused(self, target: Target, kind: str, parts: dict[str, str]) -> None:
        whole = {"token_url": f"{target.base_url}/token", "client_id": "desk"} if kind == Kind.OAUTH else {}
        whole |= {"access_key_id": "AKID", "region": "eu-1", "service": "x"} if kind == Kind.SIGV4 else {}
        with pytest.raises(ValueError, match=r"\w"):
            set_credential(target, kind=kind, public={**whole, **parts}, secret=SECRET, user=None)

    @pytest.mark.parametrize(
        ("kind", "secret"),
        [
            ("bearer", "two words"),
            ("bearer", "schlüssel"),
            ("header", " leading"),
            ("header", "schlüssel"),
            ("sigv4", "two words"),
            ("oauth", "schlüssel"),
            ("basic", "abc"),
            ("basic", "x" * 8001),
        ],
        ids=["bearer-space", "bearer-wide", "header-space", "header-wide", "sigv4", "oauth", "short", "long"],
    )
    def test_secrets_that_cannot_be_sent_are_refused(self, target: Target, kind: str, secret: str) -> None:
        with pytest.raises(ValueError, match=r"^(Token|Key|Client secret|Secret access key|Password): ") as caught:
            give(target, kind, secret=secret)
        assert secret.strip() not in str(caught.value)

    def test_over_a_public_network_it_goes_encrypted_only(self, db: None) -> None:
        plain = made(Target.Kind.HTTP, base_url="http://shop.example.com")
        for kind in ("bearer", "basic", "header", "query", "oauth"):
            with pytest.raises(ValueError, match="https"):
                give(plain, kind)
        give(plain, Kind.SIGV4)  # which sends no secret
        secure = made(Target.Kind.OPENAPI, base_url="https://shop.example.com")
        give(secure, Kind.BEARER)
        with pytest.raises(ValueError, match="Token URL must begin with https"):
            give(secure, Kind.OAUTH, token_url="http://login.example.com/token")

    def test_each_kind_of_target_takes_its_own_kinds(self, db: None) -> None:
        program = made(Target.Kind.MCP_STDIO, command=["shop-mcp"])
        function = made(Target.Kind.AWS_LAMBDA)
        desk = made(Target.Kind.BUILTIN)
        assert kinds_for(program) == ("bearer", "header")
        assert kinds_for(function) == ("sigv4",)
        for target, kind in ((program, "basic"), (function, "bearer"), (desk, "header")):
            with pytest.raises(ValueError, match="takes no credential of the kind"):
                give(target, kind)

    @pytest.mark.parametrize("name", ["PATH", "LD_PRELOAD", "PYTHONPATH", "NODE_OPTIONS", "A=B", "1A", "", "Ä"])
    def test_no_variable_that_decides_what_runs(self, db: None, name: str) -> None:
        program = made(Target.Kind.MCP_STDIO, command=["shop-mcp"])
        with pytest.raises(ValueError, match=r"^Environment variable: "):
            set_credential(program, kind="bearer", public={"name": name}, secret=SECRET, user=None)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """All that our own code says."""
    for name in ("tools", "observability"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        caplog.set_level(logging.DEBUG, name)
    return caplog


class TestSeal:
    @KINDS
    def test_the_secret_is_nowhere(
        self, target: Target, server: CredentialServer, kind: str, log: pytest.LogCaptureFixture
    ) -> None:
        secret = server.client[1] if kind == Kind.OAUTH else SECRET
        credential = give(target, kind, secret)
        _, authorised = send(stored(target))
        with connection.cursor() as cursor:
            cursor.execute("SELECT row_to_json(c)::text, sealed FROM tools_credential AS c")
            row, sealed = cursor.fetchone()
        shown = [repr(credential), str(credential), repr(credential.__dict__), repr(authorised), str(authorised)]
        shown += [repr(describe(credential)), log.text, row, bytes(sealed).decode("latin-1")]
        assert "The credential of shop was set" in log.text
        for text in shown:
            assert secret not in text
            assert secret.encode().hex() not in text

    def test_errors_do_not_hold_it(self, target: Target, log: pytest.LogCaptureFixture) -> None:
        give(target, Kind.BEARER)
        Target.objects.update(base_url="http://127.0.0.1:1")
        moved = stored(target)
        with pytest.raises(ToolRefused) as caught:
            headers_for(moved, method="GET", url=moved.base_url, body=None)
        assert caught.value.code == "credential_unusable"
        assert "does not open" in log.text
        assert SECRET not in f"{caught.value!r} {caught.value.__context__!r} {log.text}"

    def test_a_copy_for_another_target_does_not_open(self, target: Target) -> None:
        credential = give(target, Kind.BEARER)
        other = made(Target.Kind.HTTP, base_url=target.base_url, is_internal=True)
        Credential.objects.create(target=other, kind="bearer", sealed=credential.sealed)
        self.assert_unusable(other)

    @pytest.mark.parametrize(
        "change",
        [{"kind": "header", "public": {"name": "X-Key"}}, {"public": {"name": "X-Log"}}, {"sealed": b"\x01" * 60}],
        ids=["kind", "public", "sealed"],
    )
    def test_a_changed_row_does_not_open(self, target: Target, change: dict[str, Any]) -> None:
        give(target, Kind.QUERY)
        Credential.objects.update(**change)
        self.assert_unusable(target)

    def test_a_secret_does_not_follow_to_another_place(self, target: Target, server: CredentialServer) -> None:
        """Who may change a target's address, or where tokens come from, must not learn the secret by it."""
        give(target, Kind.OAUTH)
        target = stored(target)
        Target.objects.update(base_url="https://elsewhere.example.com")
        self.assert_unusable(target)
        Target.objects.update(base_url=f"{server.url}/v2")  # the same host
        assert describe(stored(target).credential)["opens"]
        Credential.objects.update(public={"token_url": "https://elsewhere.example.com/token", "client_id": "desk"})
        self.assert_unusable(target)
        assert server.grants == []

    def assert_unusable(self, target: Target) -> None:
        target = stored(target)
        assert not describe(target.credential)["opens"]
        with pytest.raises(ToolRefused, match="cannot be used"):
            headers_for(target, method="GET", url=target.base_url, body=None)


@pytest.fixture
def _own_keys(settings: Any, tmp_path: Any) -> None:
    settings.VAULT_FILE = tmp_path / "vault_keys"


@pytest.mark.usefixtures("_own_keys")
class TestRotation:
    def test_all_is_sealed_with_the_newest_key(self, target: Target, server: CredentialServer) -> None:
        old = give(target, Kind.BEARER)
        add_key()
        assert reseal_credentials() == (1, [])
        assert reseal_credentials() == (0, [])
        new = Credential.objects.get()
        assert is_newest(id_of(new.sealed))
        assert new.changed_at == old.changed_at
        assert send(stored(target))[1].headers == {"Authorization": f"Bearer {SECRET}"}

    def test_one_that_is_set_meanwhile_stays(self, target: Target, server: CredentialServer) -> None:
        give(target, Kind.BEARER)
        add_key()
        is_set = False

        def set_before_the_update(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
            nonlocal is_set
            if sql.startswith("UPDATE") and not is_set:
                is_set = True
                give(target, Kind.BEARER, "set-meanwhile")
            return execute(sql, params, many, context)

        with connection.execute_wrapper(set_before_the_update):
            assert reseal_credentials() == (0, [])
        assert send(stored(target))[1].headers == {"Authorization": "Bearer set-meanwhile"}

    def test_the_command(self, target: Target) -> None:
        first = id_of(give(target, Kind.BEARER).sealed).hex()
        output = StringIO()
        call_command("rotate_vault_key", stdout=output)
        assert "A new key was made: " in output.getvalue()
        assert "Sealed with the newest key: 1 credentials." in output.getvalue()
        call_command("rotate_vault_key", "--forget", stdout=output)
        assert f"Dropped: {first}." in output.getvalue()
        call_command("rotate_vault_key", "--forget", stdout=output)
        assert "Dropped: no key." in output.getvalue()
        assert describe(stored(target).credential)["opens"]

    def test_the_command_names_what_does_not_open_and_keeps_its_key(self, target: Target) -> None:
        sealed = give(target, Kind.BEARER).sealed
        Target.objects.update(base_url="http://127.0.0.1:1")
        errors = StringIO()
        for options in ([], ["--forget"]):
            with pytest.raises(CommandError, match="has to be set again"):
                call_command("rotate_vault_key", *options, stdout=StringIO(), stderr=errors)
        assert "credential of shop" in errors.getvalue()
        Target.objects.update(base_url=target.base_url)
        assert Credential.objects.get().sealed == sealed
        assert describe(stored(target).credential)["opens"]

    def test_keys_of_the_environment_are_sealed_with_but_not_made(self, target: Target, settings: Any) -> None:
        older, newest = new_key(), new_key()
        settings.VAULT_KEYS = older
        give(target, Kind.BEARER)
        with pytest.raises(CommandError, match="set in VAULT_KEYS"):
            call_command("rotate_vault_key", stdout=StringIO())
        settings.VAULT_KEYS = f"{newest},{older}"
        call_command("rotate_vault_key", "--no-new-key", stdout=StringIO())
        with pytest.raises(CommandError, match=r"not needed there: [0-9a-f]{8}"):
            call_command("rotate_vault_key", "--forget", stdout=StringIO())
        settings.VAULT_KEYS = newest
        assert describe(stored(target).credential)["opens"]

    def test_a_lost_key_is_told(self, target: Target, settings: Any) -> None:
        sealed = give(target, Kind.BEARER).sealed
        settings.VAULT_FILE.unlink()
        with pytest.raises(SealBroken, match="there is no key"):
            open_sealed(sealed, "")
        assert not describe(stored(target).credential)["opens"]
