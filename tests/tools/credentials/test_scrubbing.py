from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest

from tests.tools.credentials.cast import SECRET, Kind, give, oauth, stored
from tests.tools.credentials.server import CredentialServer, send
from tools.credentials import HIDDEN, scrub
from tools.models import Target

HARD = 'p<w>d & "quoted" ä+/%'
FORMS: dict[str, Callable[[str], str]] = {
    "as it is": lambda secret: secret,
    "in capitals": lambda secret: secret.upper(),
    "in an address": lambda secret: quote(secret, safe=""),
    "in an address, small digits": lambda secret: quote(secret, safe="").lower(),
    "in a path": quote,
    "in a form": quote_plus,
    "in JSON": lambda secret: json.dumps(secret)[1:-1],
    "in HTML": html.escape,
    "in base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "in base64 of addresses": lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
}


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("secret", [SECRET, HARD], ids=["plain", "hard"])
def test_every_form_is_hidden(target: Target, name: str, secret: str) -> None:
    give(target, Kind.BASIC, secret=secret)
    form = FORMS[name](secret)
    shown = scrub(f"The backend said {form}, twice: {form}.", stored(target))
    assert form not in shown
    assert shown.count(HIDDEN) == 2
    assert shown.startswith("The backend said ")


@pytest.mark.parametrize("before", ["", "a", "ab", "abc", "desk:"])
@pytest.mark.parametrize("after", ["", "x", "xy", "xyz"])
def test_within_more_in_base64_no_part_is_left_that_tells_it(target: Target, before: str, after: str) -> None:
    give(target, Kind.BASIC)
    encoded = base64.b64encode(f"{before}{SECRET}{after}".encode()).decode()
    shown = scrub(f"Authorization: {encoded}", stored(target))
    left = shown.removeprefix("Authorization: ").split(HIDDEN)
    assert len(left) == 2
    # At each end one character of base64 may have bits of the secret and of its neighbour.
    assert len(left[0].rstrip("=")) <= (len(before) * 8 + 5) // 6 + 1
    assert len(left[1].rstrip("=")) <= (len(after) * 8 + 5) // 6 + 1


def test_a_token_and_what_was_sent_are_hidden(target: Target, server: CredentialServer) -> None:
    server.token_answer = {"access_token": "a-token-of-the-server", "expires_in": 60}
    oauth(target, server)
    _, authorised = send(target)
    text = "Bearer a-token-of-the-server is out of date"
    assert scrub(text, stored(target)) == f"Bearer {HIDDEN} is out of date"
    give(target, Kind.BEARER)
    assert scrub(text, stored(target)) == text
    assert scrub(text, stored(target), authorised) == f"{HIDDEN} is out of date"


def test_other_texts_stay_as_they_are(target: Target) -> None:
    text = 'The latest order is 1042: {"total": "12.50"}'
    assert scrub(text, target) == text
    give(target, Kind.BASIC, secret="test", username="desk")
    assert scrub(text, stored(target)) == text
    assert scrub("password=test&user=desk", stored(target)) == f"password={HIDDEN}&user=desk"


def test_where_the_seal_is_broken_nothing_was_sent(target: Target) -> None:
    give(target, Kind.BEARER)
    Target.objects.update(base_url="http://127.0.0.1:1")
    assert scrub("nothing to hide", stored(target)) == "nothing to hide"
