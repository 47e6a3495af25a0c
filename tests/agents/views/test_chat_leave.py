from __future__ import annotations

import pytest

from tests.factories import customer_client, make_agent

pytestmark = pytest.mark.django_db


def test_forgets_who_wrote():
    make_agent("support")
    client = customer_client()

    assert client.post("/chat/support/leave/").headers["Location"] == "/chat/support/"
    assert "Who are you?" in client.get("/chat/support/").text


def test_other_methods_are_refused():
    assert customer_client().get("/chat/support/leave/").status_code == 405
