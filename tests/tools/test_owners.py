"""What a backend gives away that is somebody else's is dropped before anybody reads it."""

from __future__ import annotations

from typing import Any

import pytest

from tools.errors import ToolFailed
from tools.owners import own_part

ADA = {"customer.email": "ada@example.com", "customer.id": "c1"}
BY_EMAIL = [{"path": "customer", "is": "customer.email"}]
OF_LIST = [{"path": "orders.*.customer", "is": "customer.email"}]
ROOT_LIST = [{"path": "*.owner.id", "is": "customer.id"}]


def test_what_is_the_customers_comes_through_whole() -> None:
    order = {"order_id": "1042", "customer": "Ada@Example.com ", "total": "42.00"}
    assert own_part(order, BY_EMAIL, ADA) == order


@pytest.mark.parametrize(
    "order",
    [
        {"customer": "ben@example.com"},
        {"customer": ""},
        {"customer": None},
        {"customer": ["ada@example.com"]},
        {"customer": {"email": "ada@example.com"}},
        {"customer": True},
        {"customers": "ada@example.com"},
        {},
        [],
        "ada@example.com",
        None,
    ],
    ids=str,
)
def test_what_is_not_plainly_the_customers_is_not_seen(order: Any) -> None:
    with pytest.raises(ToolFailed) as refused:
        own_part(order, BY_EMAIL, ADA)
    assert (refused.value.code, refused.value.status) == ("not_found", 404)


def test_nobody_owns_what_names_no_owner_when_there_is_no_customer() -> None:
    with pytest.raises(ToolFailed):
        own_part({"customer": ""}, BY_EMAIL, {})


def test_the_items_of_others_are_left_out_of_a_list() -> None:
    mine, theirs, nobodys = {"customer": "ada@example.com"}, {"customer": "ben@example.com"}, {"id": 3}
    assert own_part({"orders": [theirs, mine, nobodys], "page": 1}, OF_LIST, ADA) == {"orders": [mine], "page": 1}
    assert own_part([{"owner": {"id": "c1"}}, {"owner": {"id": "c2"}}, {"owner": 3}], ROOT_LIST, ADA) == [
        {"owner": {"id": "c1"}}
    ]


def test_an_empty_list_is_an_answer() -> None:
    assert own_part({"orders": []}, OF_LIST, ADA) == {"orders": []}


def test_every_rule_that_fits_is_kept() -> None:
    """A backend that puts a list beside an object of the customer's own gives neither away."""
    both = {"customer": "ada@example.com", "orders": [{"customer": "ben@example.com"}]}
    assert own_part(both, [*BY_EMAIL, *OF_LIST], ADA) == {"customer": "ada@example.com", "orders": []}
    foreign = {"customer": "ben@example.com", "orders": []}
    with pytest.raises(ToolFailed):
        own_part(foreign, [*BY_EMAIL, *OF_LIST], ADA)


def test_a_list_where_an_object_was_is_dropped() -> None:
    with pytest.raises(ToolFailed):
        own_part({"orders": {"customer": "ada@example.com"}}, OF_LIST, ADA)
