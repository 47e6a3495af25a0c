"""Policies are tried: on a call that is made up, on recorded ones, and on everybody."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from tests.factories import make_agent, make_session
from tests.tools.policies_cases import (
    GET,
    READS,
    REFUND,
    decided,
    publish_rules,
    refunds_up_to,
    said,
    shop_tools,
    text_of,
)
from tools.models import Tool
from tools.policies import save_rule

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]
HTMX = {"HX-Request": "true"}


class TestTry:
    query = f"try/?tool={REFUND}&do=try&caller=support&channel=chat&verified=on&email=ada@example.com&a.order_id=1"

    @pytest.fixture(autouse=True)
    def _agent(self, shop: dict[str, Tool]) -> None:
        make_agent("support", tools=["get_order", "process_refund"])

    def test_in_force_and_in_the_draft(self, analyst: User) -> None:
        publish_rules(refunds=refunds_up_to("50"))
        save_rule(name="refunds", written=refunds_up_to("100"), replaces="refunds")
        text = said(text_of(analyst, f"{self.query}&a.amount=80.00"))
        assert re.search(r"In force, version 1 Denied .*? No rule: denied by default", text)
        assert re.search(r"In the draft Allowed .*? refunds", text)
        fragment = text_of(analyst, f"{self.query}&f.amount=20", **HTMX)
        assert "<html" not in fragment
        assert "Allowed" in fragment

    def test_what_the_gateway_refuses_first(self, analyst: User) -> None:
        publish_rules(refunds=refunds_up_to("50"))
        text = said(text_of(analyst, self.query.replace("&verified=on", "")))
        assert "only for a verified customer" in text
        text = said(text_of(analyst, self.query.replace("&a.order_id=1", "")))
        assert "before it asks the policies" in text

    def test_bad_input(self, analyst: User) -> None:
        publish_rules(refunds=refunds_up_to("50"))
        assert "Give a number" in text_of(analyst, f"{self.query}&f.amount=much")
        assert "no such caller" in text_of(analyst, self.query.replace("caller=support", "caller=x"))

    def test_a_tool_is_chosen_first(self, analyst: User) -> None:
        assert "?tool=shop___get_order" in text_of(analyst, "try/")
        assert 'name="a.order_id"' in text_of(analyst, f"try/?tool={GET}")
        assert 'name="a.customer"' not in text_of(analyst, f"try/?tool={REFUND}")


class TestBacktest:
    def test_flips_with_their_money(self, analyst: User) -> None:
        publish_rules(refunds=refunds_up_to("50"))
        assert "No draft to test" in text_of(analyst, "backtest/?days=7")
        session = make_session(agent=make_agent("support"))
        decided(session, amount="80")
        decided(session, amount="1200.5")
        save_rule(name="refunds", written=refunds_up_to("2000"), replaces="refunds")
        text = said(text_of(analyst, "backtest/?days=7"))
        assert "2 calls EUR 1,280.50" in text
        assert f"/inbox/{session.pk}/" in text_of(analyst, "backtest/?days=7")
        assert "2 recorded calls" in text

    def test_nothing_otherwise(self, analyst: User) -> None:
        publish_rules(refunds=refunds_up_to("50"))
        save_rule(name="reads", written=READS)
        assert "No call of the tools" in text_of(analyst, "backtest/?days=7")

    @pytest.mark.parametrize("days", ["0", "91", "x", ""])
    def test_no_such_days(self, analyst: User, days: str) -> None:
        save_rule(name="reads", written=READS)
        assert 'role="alert"' in text_of(analyst, f"backtest/?days={days}")


class TestMatrix:
    def test_who_may_call_what(self, analyst: User) -> None:
        publish_rules(reads=READS)
        assert "Nobody who could call" in text_of(analyst, "matrix/")
        make_agent("support", tools=["get_order"])
        text = said(text_of(analyst, "matrix/"))
        assert re.search(r"get_order shop Under conditions process_refund shop Not given", text)
        save_rule(name="all", written="permit (principal, action, resource);")
        assert "get_order shop Always" in said(text_of(analyst, "matrix/?of=draft"))
