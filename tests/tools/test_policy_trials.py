"""What the rules did, would have done and would do: figures, back-tests, made-up calls and who may call what."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents.models import Session
from tests.factories import make_agent, make_customer, make_session
from tests.tools.policies_cases import (
    GET,
    READS,
    REFUND,
    decided,
    publish_rules,
    refunds_up_to,
    reread,
    shop_tools,
)
from tools.authorize import book
from tools.models import Gateway, GatewayKey, Tool, ToolCall
from tools.policies import (
    delete_rule,
    draft,
    in_force,
    save_rule,
    stored_draft,
)
from tools.policy.authorize import Principal, Request
from tools.policy.forms import FormRule
from tools.policy.values import Customer
from tools.policy_figures import DEFAULT_DENY, figures_by_rule
from tools.policy_sources import every_caller
from tools.policy_trials import matrix_rows, replay, try_call

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]

READS_ALWAYS = f'permit (principal, action == AgentCore::Action::"{GET}", resource);'
ON_CHANNEL = READS_ALWAYS.replace(
    ";", ' when { principal.hasTag("channel") && principal.getTag("channel") == "chat" };'
)


class TestFigures:
    def test_hits_and_what_shadow_would_have_blocked(self) -> None:
        session = make_session()
        decided(session, decision="allow", rules=["reads"])
        decided(session, decision="allow", rules=["reads"], shadow={"outcome": "deny", "rules": ["stop"]})
        decided(session, decision="deny", rules=["forbids"], shadow={"outcome": "deny", "rules": ["stop"]})
        decided(session, decision="deny")
        decided(session, decision="", would="deny")
        decided(session, decision="", would="deny", rules=["forbids"])
        decided(session, decision="deny", errors=["unknown_tool: There is no tool."])
        old = decided(session, decision="allow", rules=["reads"])
        ToolCall.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=8))
        found = {name: (figures.hits, figures.would_block) for name, figures in figures_by_rule().items()}
        assert found == {"reads": (2, 0), "stop": (2, 1), "forbids": (2, 1), DEFAULT_DENY: (2, 1)}


def refund_session() -> Session:
    customer = make_customer("ada@example.com")
    return make_session(agent=make_agent("support", tools=["get_order", "process_refund"]), customer=customer)


class TestReplay:
    def test_flips_are_listed_with_their_money(self) -> None:
        publish_rules(reads=READS, refunds=refunds_up_to("50"))
        session = refund_session()
        for amount in ("40", "60.50", "99", "500"):
            decided(session, decision="allow", amount=amount, rules=["refunds"])
        decided(session, "get_order", decision="allow")
        decided(session, amount="70", verified=False)
        save_rule(name="refunds", written=refunds_up_to("100", approver="reviewer"), replaces="refunds")
        result = replay(draft(), 7)
        assert (result.compared, result.tools) == (5, [REFUND])
        found = [(group.was, group.becomes, group.calls, dict(group.money)) for group in result.groups]
        assert sorted(found) == [
            ("deny", "allow", 2, {"EUR": Decimal("159.50")}),
            ("deny", "approval", 1, {"EUR": Decimal(500)}),
        ]
        first = result.flipped[0].recorded
        assert first.url == f"/inbox/{session.pk}/"
        assert first.request.input["customer"] == "ada@example.com"

    def test_a_tainted_write_is_asked_about_under_both(self) -> None:
        publish_rules(refunds=refunds_up_to("50"))
        decided(refund_session(), decision="approval", amount="10", tainted=["order_id"])
        save_rule(
            name="refunds",
            written=FormRule(effect="approval", scope=REFUND, approver="reviewer"),
            replaces="refunds",
        )
        assert replay(draft(), 7).flipped == []
        save_rule(
            name="refunds", written=FormRule(effect="approval", scope=REFUND, approver="admin"), replaces="refunds"
        )
        assert len(replay(draft(), 7).flipped) == 1

    def test_calls_of_other_days_and_of_tools_that_are_gone_are_left_out(self, shop: dict[str, Tool]) -> None:
        publish_rules(reads=READS)
        session = refund_session()
        old = decided(session, amount="10")
        ToolCall.objects.filter(pk=old.pk).update(created_at=timezone.now() - timedelta(days=3))
        decided(session, "vanished")
        decided(None, amount="10")
        save_rule(name="refunds", written=refunds_up_to("100"))
        assert replay(draft(), 2).compared == 0
        assert replay(draft(), 4).compared == 1

    def test_what_is_in_force_and_does_not_fit_allows_nothing(self, shop: dict[str, Tool]) -> None:
        publish_rules(refunds=refunds_up_to("50"), reads=READS)
        session = refund_session()
        decided(session, "get_order", decision="allow")
        delete_rule("refunds")
        shop["process_refund"].delete()
        reread()
        [flip] = replay(draft(), 7).flipped
        assert (flip.was.outcome, flip.becomes.outcome) == ("deny", "allow")


class TestTry:
    def request(self, **more: Any) -> Request:
        values: dict[str, Any] = {"input": {"order_id": "1"}, "facts": {"amount": "80"}, **more}
        customer = Customer(verified=True, id="1", email="ada@example.com")
        return Request(principal=Principal(id="support"), tool=REFUND, customer=customer, channel="chat", **values)

    def test_draft_and_in_force_side_by_side(self) -> None:
        assert try_call(in_force(), self.request()).outcome == "deny"
        publish_rules(refunds=refunds_up_to("50"))
        save_rule(name="refunds", written=refunds_up_to("100"), replaces="refunds")
        answers = [try_call(version, self.request()) for version in (in_force(), stored_draft())]
        assert [answer.outcome for answer in answers] == ["deny", "allow"]
        assert answers[1].decision is not None
        assert answers[1].decision.rules == ("refunds",)

    def test_taint_asks_a_person(self) -> None:
        version = publish_rules(refunds=refunds_up_to("100"))
        answer = try_call(version, self.request(tainted=True))
        assert (answer.outcome, answer.by_taint) == ("approval", True)

    def test_rules_that_do_not_fit_deny(self, shop: dict[str, Tool]) -> None:
        version = publish_rules(reads=READS)
        shop["get_order"].delete()
        answer = try_call(version, self.request())
        assert (answer.outcome, answer.decision) == ("deny", None)
        assert "does not fit" in answer.problem or "do not fit" in answer.problem


def test_who_may_call_what(shop: dict[str, Tool]) -> None:
    make_agent("support", tools=["get_order", "process_refund"])
    make_agent("reader", name="Reader", tools=[GET])
    publish_rules(reads=f'permit (principal == AgentCore::OAuthUser::"support", action, resource);\n{READS}')
    callers = every_caller()
    assert [caller.label for caller in callers] == ["Reader", "Support agent"]
    compiled = book.live().compiled
    assert compiled is not None
    rows = {row.tool.name: row.cells for row in matrix_rows(compiled, callers, list(shop.values()))}
    assert rows == {"get_order": ["conditions", "always"], "process_refund": ["", "always"]}


def test_an_outside_caller_is_one_of_them(admin: User, shop: dict[str, Tool]) -> None:
    gateway = Gateway.objects.create(slug="partners", label="Partners", tools=[GET, REFUND])
    key = GatewayKey.objects.create(gateway=gateway, name="acme", sha256="0" * 64, scopes=["read"], owner=admin)
    GatewayKey.objects.create(
        gateway=gateway, name="old", sha256="1" * 64, scopes=["read"], owner=admin, revoked_at=timezone.now()
    )
    publish_rules(reads=f'permit (principal == AgentCore::OAuthUser::"key:acme", action, resource);\n{READS}')
    [caller] = every_caller()
    compiled = book.live().compiled
    assert compiled is not None
    rows = {row.tool.name: row.cells for row in matrix_rows(compiled, [caller], list(shop.values()))}
    assert rows == {"get_order": ["always"], "process_refund": [""]}
    call = decided(None, "get_order", decision="allow", verified=False)
    ToolCall.objects.filter(pk=call.pk).update(session_id=None, turn_id=None, key_id=key.pk)
    save_rule(name="reads", written=READS, replaces="reads")
    [flip] = replay(draft(), 7).flipped
    assert (flip.recorded.who, flip.was.outcome, flip.becomes.outcome) == ("Key acme", "allow", "deny")


@pytest.mark.parametrize(
    ("rules", "cell"),
    [
        ({"reads": ON_CHANNEL}, "conditions"),
        ({"reads": READS_ALWAYS, "never": ON_CHANNEL.replace("permit", "forbid")}, "conditions"),
        ({"reads": ON_CHANNEL.replace('== "chat"', '!= "chat"')}, "conditions"),
        ({"reads": ON_CHANNEL.replace('== "chat"', '!= "fax"')}, "always"),
        ({"reads": ON_CHANNEL.replace("chat", "fax")}, "never"),
    ],
    ids=["permitted-on-one", "forbidden-on-one", "on-the-others", "on-each", "on-none"],
)
def test_an_agent_bears_its_channel_in_it(rules: dict[str, str], cell: str, shop: dict[str, Tool]) -> None:
    make_agent("support", tools=["get_order"])
    publish_rules(**rules)
    live = book.live()
    assert live.compiled is not None
    [row] = matrix_rows(live.compiled, every_caller(), [shop["get_order"]])
    assert row.cells == [cell]
