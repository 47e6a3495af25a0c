from __future__ import annotations

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core import signing
from django.http import HttpResponse
from django.test import RequestFactory

from agents.channels.chat import identity as chat_identity
from agents.channels.chat.identity import (
    COOKIE,
    LINK_SALT,
    MOST_SESSIONS,
    ChatIdentity,
    forget_identity,
    identity_link,
    new_form_token,
    new_identity,
    read_form_token,
    read_identity,
    read_link,
    remember_identity,
)
from agents.models import Session
from observability.ids import uuid7

CLAIMED, VERIFIED = Session.Identity.CLAIMED, Session.Identity.VERIFIED


def cookie_of(identity: ChatIdentity) -> HttpResponse:
    response = HttpResponse()
    remember_identity(response, identity)
    return response


def read_back(value: str) -> ChatIdentity | None:
    request = RequestFactory().get("/chat/support/")
    request.COOKIES[COOKIE] = value
    return read_identity(request)


def token_in(link: str) -> str:
    return parse_qs(urlsplit(link).query)["identity"][0]


# -- the cookie


def test_the_cookie_says_what_was_put_in_and_is_out_of_reach_of_scripts():
    identity = new_identity(email="Ada@Example.com", name="Ada", level=CLAIMED).with_session(uuid7())
    morsel = cookie_of(identity).cookies[COOKIE]

    assert read_back(morsel.value) == identity
    assert identity.email == "ada@example.com"
    assert morsel["httponly"] is True
    assert morsel["samesite"] == "Lax"
    assert morsel["path"] == "/chat/"
    assert "ada@example.com" not in morsel.value.lower()


def test_the_cookie_goes_over_https_alone_where_the_desk_does(settings):
    settings.SESSION_COOKIE_SECURE = True

    assert cookie_of(new_identity(email="ada@example.com", name="", level=CLAIMED)).cookies[COOKIE]["secure"] is True


def test_a_cookie_full_of_conversations_fits_a_browser():
    identity = new_identity(email=f"{'a' * 240}@example.com", name="A" * 80, level=CLAIMED)
    first = uuid7()
    for session_id in [first, *(uuid7() for _ in range(MOST_SESSIONS))]:
        identity = identity.with_session(session_id)

    assert len(identity.sessions) == MOST_SESSIONS
    assert first not in identity.sessions
    assert len(cookie_of(identity).cookies[COOKIE].OutputString()) < 4096


@pytest.mark.parametrize("value", ["", "x", "e30:1abc:forged", "..:", "é"])
def test_a_cookie_that_we_did_not_write_is_nobody(value):
    assert read_back(value) is None


def test_a_cookie_signed_for_another_purpose_is_nobody():
    said = {"email": "ada@example.com", "name": "", "level": "verified", "key": "k", "expires_at": 9e9, "sessions": []}

    assert read_back(signing.dumps(said)) is None
    assert read_back(signing.dumps(said, salt=LINK_SALT)) is None


def test_a_changed_cookie_is_nobody():
    value = cookie_of(new_identity(email="ada@example.com", name="", level=CLAIMED)).cookies[COOKIE].value

    assert read_back("A" + value[1:]) is None
    assert read_back(value[:-1]) is None


def test_a_cookie_ends(monkeypatch):
    monkeypatch.setitem(chat_identity.LIFETIMES, VERIFIED, timedelta(0))

    identity = new_identity(email="ada@example.com", name="", level=VERIFIED)

    assert identity.is_expired
    assert read_back(cookie_of(identity).cookies[COOKIE].value) is None


def test_leaving_takes_the_cookie_away():
    response = HttpResponse()
    forget_identity(response)

    assert response.cookies[COOKIE]["max-age"] == 0
    assert response.cookies[COOKIE]["path"] == "/chat/"


# -- the link


def test_a_link_verifies(settings):
    settings.PUBLIC_URL = "https://desk.example"
    link = identity_link("support", "Ada@example.com", name="Ada")
    linked = read_link(token_in(link))

    assert link.startswith("https://desk.example/chat/support/?identity=")
    assert linked is not None
    assert (linked.email, linked.name, linked.level) == ("ada@example.com", "Ada", VERIFIED)


def test_a_link_ends():
    assert read_link(token_in(identity_link("support", "ada@example.com", lifetime=timedelta(0)))) is None


def test_a_cookie_is_no_link_and_a_changed_link_is_none():
    cookie = cookie_of(new_identity(email="ada@example.com", name="", level=CLAIMED)).cookies[COOKIE].value
    token = token_in(identity_link("support", "ada@example.com"))

    assert read_link(cookie) is None
    assert read_link(token[1:]) is None
    assert read_link("") is None


# -- a form's token


def test_a_form_is_taken_only_from_whom_it_was_shown_to():
    ada = new_identity(email="ada@example.com", name="", level=VERIFIED)
    other = new_identity(email="ada@example.com", name="", level=CLAIMED)
    token = new_form_token(ada)

    assert read_form_token(ada, token) is not None
    assert read_form_token(other, token) is None
    assert read_form_token(ada, f"{uuid7().hex}.{token.partition('.')[2]}") is None
    assert read_form_token(ada, "nonsense") is None
