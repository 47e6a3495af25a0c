from __future__ import annotations

import json
import time
from importlib import import_module
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from django.apps import apps
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from agents.second_factors import keys_of_second_factors, opened, reseal_second_factors
from observability.vault import SealBroken, add_key, bytes_of_text, id_of, is_newest, is_sealed_text
from tests.factories import make_user

PASSWORD = "correct horse battery staple"
SEED = "5eed" * 20
OLD_CODES = ["first-old-code", "second-old-code"]  # too long to stand by chance in the base64 of what is sealed


@pytest.fixture
def person(db: None, settings: Any) -> User:
    settings.MFA_TOTP_TOLERANCE = 1  # the half minute of a code may end between making and sending it
    cache.clear()  # sign-in limits and used codes are kept there
    user = make_user(None)
    user.set_password(PASSWORD)
    user.save()
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


@pytest.fixture
def _own_keys(settings: Any, tmp_path: Path) -> None:
    settings.VAULT_FILE = tmp_path / "vault_keys"


def sign_in(person: User) -> tuple[Client, str]:
    """A browser, and where it is sent."""
    client = Client()
    response = client.post("/accounts/login/", {"login": person.email, "password": PASSWORD})
    assert response.status_code == 302
    return client, response["Location"]


def code_of(secret: str) -> str:
    return str(format_hotp_value(hotp_value(secret, int(time.time()) // 30)))


def switch_on(person: User) -> str:
    """On the page, as people do it; the secret that their app was shown."""
    client, _ = sign_in(person)
    page = "/accounts/2fa/totp/activate/"
    client.post(f"/accounts/reauthenticate/?next={page}", {"password": PASSWORD})
    client.get(page)
    secret = client.session["mfa.totp.secret"]
    response = client.post(page, {"code": code_of(secret)})
    assert response.status_code == 302
    assert "mfa.totp.secret" not in client.session
    return str(secret)


def in_clear(person: User) -> tuple[str, Authenticator, Authenticator]:
    """As it was stored before there was a vault."""
    secret = generate_totp_secret()
    app = Authenticator.objects.create(user=person, type="totp", data={"secret": secret})
    codes = Authenticator.objects.create(user=person, type="recovery_codes", data={"seed": SEED, "used_mask": 5})
    return secret, app, codes


def assert_signs_in(person: User, code: str) -> None:
    client, location = sign_in(person)
    assert location.startswith("/accounts/2fa/authenticate/")
    response = client.post("/accounts/2fa/authenticate/", {"code": code})
    assert response.status_code == 302
    assert client.session["_auth_user_id"] == str(person.pk)


def test_what_is_switched_on_is_sealed_and_signs_in(person: User) -> None:
    secret = switch_on(person)
    stored = {row.type: row.data for row in Authenticator.objects.filter(user=person)}
    assert is_sealed_text(stored["totp"]["secret"])
    assert is_sealed_text(stored["recovery_codes"]["seed"])
    assert secret not in json.dumps(stored)
    cache.clear()  # the code was used when it was switched on
    assert_signs_in(person, code_of(secret))


def test_a_recovery_code_signs_in_once(person: User) -> None:
    switch_on(person)
    row = Authenticator.objects.get(user=person, type="recovery_codes")
    code = RecoveryCodes(row).get_unused_codes()[0]
    assert_signs_in(person, code)
    row.refresh_from_db()
    assert code not in RecoveryCodes(row).get_unused_codes()
    assert is_sealed_text(row.data["seed"])


def test_a_wrong_code_does_not(person: User) -> None:
    secret = switch_on(person)
    client, _ = sign_in(person)
    step = int(time.time()) // 30
    good = {str(format_hotp_value(hotp_value(secret, step + near))) for near in range(-3, 4)}
    wrong = next(code for code in (f"{number:06}" for number in range(8)) if code not in good)
    assert client.post("/accounts/2fa/authenticate/", {"code": wrong}).status_code == 200
    assert "_auth_user_id" not in client.session


def test_one_in_clear_signs_in_until_it_is_sealed(person: User) -> None:
    secret, *_ = in_clear(person)
    assert_signs_in(person, code_of(secret))


def test_the_migration_seals_what_is_there_and_opens_it_again(person: User) -> None:
    secret, app, codes = in_clear(person)
    other = make_user(None)
    old = Authenticator.objects.create(user=other, type="recovery_codes", data={"migrated_codes": OLD_CODES})
    before = {row.pk: row.data for row in (app, codes, old)}
    migration = import_module("observability.migrations.0006_seal_second_factors")
    migration.seal_secrets(apps, None)
    sealed = dict(Authenticator.objects.values_list("pk", "data"))
    for plain in (secret, SEED, *OLD_CODES):
        assert plain not in json.dumps(sealed)
    assert sealed[codes.pk]["used_mask"] == 5
    migration.seal_secrets(apps, None)
    assert dict(Authenticator.objects.values_list("pk", "data")) == sealed
    assert TOTP(Authenticator.objects.get(pk=app.pk)).validate_code(code_of(secret))
    assert RecoveryCodes(Authenticator.objects.get(pk=old.pk)).get_unused_codes() == OLD_CODES
    migration.open_secrets(apps, None)
    assert dict(Authenticator.objects.values_list("pk", "data")) == before


@pytest.mark.usefixtures("_own_keys")
def test_the_migration_makes_no_key_for_nothing(db: None, settings: Any) -> None:
    import_module("observability.migrations.0006_seal_second_factors").seal_secrets(apps, None)
    assert not settings.VAULT_FILE.exists()


@pytest.mark.usefixtures("_own_keys")
def test_a_new_key_seals_all_anew(person: User) -> None:
    secret, app, _ = in_clear(person)
    Authenticator.objects.create(user=person, type="webauthn", data={"credential": {"id": "public"}})
    assert reseal_second_factors() == (2, [])
    (old,) = keys_of_second_factors()
    add_key()
    assert reseal_second_factors() == (2, [])
    assert reseal_second_factors() == (0, [])
    app.refresh_from_db()
    assert is_newest(id_of(bytes_of_text(app.data["secret"])))
    assert old not in keys_of_second_factors()
    assert opened(app.data["secret"]) == secret


@pytest.mark.usefixtures("_own_keys")
def test_with_the_key_lost_nobody_is_let_in_and_the_command_names_them(person: User, settings: Any) -> None:
    secret = switch_on(person)
    settings.VAULT_FILE.unlink()
    add_key()
    client, _ = sign_in(person)
    with pytest.raises(SealBroken, match="not in the key ring") as caught:
        client.post("/accounts/2fa/authenticate/", {"code": code_of(secret)})
    assert secret not in str(caught.value)
    assert "_auth_user_id" not in client.session
    errors = StringIO()
    with pytest.raises(CommandError):
        call_command("rotate_vault_key", "--no-new-key", stdout=StringIO(), stderr=errors)
    assert errors.getvalue().count("second factor ") == 2
