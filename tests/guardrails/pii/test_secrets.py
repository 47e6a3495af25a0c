from __future__ import annotations

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.findings import Policy
from guardrails.pii import find_secrets
from guardrails.pii import secrets as forms
from tests.guardrails.pii.looking import values

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow+IB/AAK=\nabc=\n-----END RSA PRIVATE KEY-----"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1g"
AWS_SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"


def secrets(text: str) -> list[tuple[str, str]]:
    return [(one.type, one.text_of(text)) for one in find_secrets(text)]


@pytest.mark.parametrize(
    ("name", "before", "secret"),
    [
        ("AWS_ACCESS_KEY", "", "AKIAIOSFODNN7EXAMPLE"),
        ("AWS_SECRET_KEY", "aws_secret_access_key = ", AWS_SECRET),
        ("AWS_SECRET_KEY", "the secret is ", AWS_SECRET),
        ("PRIVATE_KEY", "", PEM),
        ("PRIVATE_KEY", "", PEM.partition("\n-----END")[0]),
        ("JWT", "", JWT),
        ("BEARER_TOKEN", "Authorization: Bearer ", "mF_9.B5f-4.1JqM"),
        ("BASIC_CREDENTIALS", "Authorization: Basic ", b64encode(b"user:pass-word").decode()),
        ("API_KEY", "", "sk-ant-api03-abcDEF123456_7890"),
        ("API_KEY", "", "sk_live_" + "4eC39HqLyjWDarjt"),
        ("API_KEY", "", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
        ("API_KEY", "", "xoxb-" + "17653672481-abcdef"),
        ("API_KEY", "", "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
        ("API_KEY", "", "glpat-abcdefghij0123456789"),
        ("API_KEY", "api_key: ", "9f8e7d6c5b4a39281706"),
        ("PASSWORD_IN_URL", "postgres://tandem:", "s3cret!"),
    ],
)
def test_secrets(name: str, before: str, secret: str) -> None:
    after = "@db.example/x" if name == "PASSWORD_IN_URL" else ""
    text = f"It says {before}{secret}{after} there" if "-----" not in secret else f"It says {secret}"
    assert secrets(text) == [(name, secret)]
    assert all(one.policy is Policy.SECRET and one.why for one in find_secrets(text))


@pytest.mark.parametrize(
    "text",
    [
        "AKIA is a prefix",
        "AKIAIOSFODNN7EXAMPL",
        "a" * 40,
        f"x {AWS_SECRET}",
        "-----BEGIN PUBLIC KEY-----\nabc\n-----END PUBLIC KEY-----",
        "eyJ is how they begin",
        "the bearer of this letter-of-credit",
        "basic functionality",
        "ask-me-anything",
        "the api key is missing",
        "https://example.com:8080/a@b",
        "task-2024-01-15-list",
        "SKU SK12, account AC-99",
    ],
)
def test_no_secrets(text: str) -> None:
    assert secrets(text) == []


def test_keys_of_aws_are_entities_too() -> None:
    text = f"AKIAIOSFODNN7EXAMPLE {AWS_SECRET}"
    assert values(text, "AWS_ACCESS_KEY") == ["AKIAIOSFODNN7EXAMPLE"]
    assert values(text, "AWS_SECRET_KEY") == [AWS_SECRET]


FORMS = (
    *(forms.AWS_ACCESS_FORM, forms.AWS_SECRET_FORM, forms.API_KEY, forms.NAMED_KEY, forms.JWT, forms.PEM),
    *(forms.BEARER, forms.IN_URL),
)


@given(st.sampled_from(FORMS).flatmap(lambda form: st.from_regex(form, fullmatch=True)))
def test_no_form_is_passed_over_for_being_short(text: str) -> None:
    assert not text.isascii() or forms.MAY_HOLD.search(text)
