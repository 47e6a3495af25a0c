from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from observability.ids import uuid7
from tests.factories import client_of
from tools.models import Target, TargetHealth

pytestmark = pytest.mark.django_db


@pytest.fixture
def target(db: None) -> Target:
    target = Target.objects.create(name="shop", kind=Target.Kind.HTTP, base_url="http://shop.example")
    now = timezone.now()
    TargetHealth.objects.create(
        target=target, state="open", failures=5, opened_at=now, retry_at=now + timedelta(minutes=5)
    )
    return target


def url_of(target: Target) -> str:
    return f"/targets/{target.pk}/try/"


def retry_at() -> object:
    return TargetHealth.objects.get().retry_at


def test_it_works(admin: User, target: Target) -> None:
    client = client_of(admin)
    response = client.post(url_of(target), follow=True)
    assert response.redirect_chain == [("/targets/shop/", 302)]
    assert "The next call tries Shop." in response.content.decode()
    health = TargetHealth.objects.get()
    assert health.retry_at is not None
    assert health.retry_at <= timezone.now()
    assert (health.state, health.failures) == ("open", 5)  # nothing was tried yet
    assert "Shop is not waiting to be tried." in client.post(url_of(target), follow=True).content.decode()


def test_signed_out(client: Client, target: Target) -> None:
    before = retry_at()
    assert client.post(url_of(target)).headers["Location"].startswith("/accounts/login/")
    assert retry_at() == before


@pytest.mark.parametrize("role", ["support", "reviewer", "analyst", "stranger"])
def test_not_for_others(role: str, target: Target, request: pytest.FixtureRequest) -> None:
    before = retry_at()
    assert client_of(request.getfixturevalue(role)).post(url_of(target)).status_code == 403
    assert retry_at() == before


def test_a_target_that_does_not_exist(admin: User) -> None:
    assert client_of(admin).post(f"/targets/{uuid7()}/try/").status_code == 404


def test_its_address_alone_leads_to_the_target_and_tries_nothing(admin: User, target: Target) -> None:
    """As somebody comes who had to sign in first."""
    before = retry_at()
    assert client_of(admin).get(url_of(target)).headers["Location"] == "/targets/shop/"
    assert retry_at() == before
    assert client_of(admin).get(f"/targets/{uuid7()}/try/").status_code == 404


@pytest.mark.parametrize("role", ["support", "reviewer", "analyst", "stranger"])
def test_nor_is_its_address_for_others(role: str, target: Target, request: pytest.FixtureRequest) -> None:
    assert client_of(request.getfixturevalue(role)).get(url_of(target)).status_code == 403


def test_wrong_method(admin: User, target: Target) -> None:
    assert client_of(admin).put(url_of(target)).status_code == 405
