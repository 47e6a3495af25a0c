"""A rule is written, with the form or by hand."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import User

from tests.factories import client_of
from tests.tools.policies_cases import (
    GET,
    READS,
    REFUND,
    URL,
    post,
    publish_rules,
    said,
    shop_tools,
    text_of,
)
from tools.models import PolicyRule
from tools.policies import in_force, rule_mark, save_rule, stored_draft
from tools.policy.forms import FormRule

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]
HTMX = {"HX-Request": "true"}
FORM = {
    "as": "form",
    "do": "save",
    "name": "refunds",
    "mode": "enforce",
    "effect": "permit",
    "scope": REFUND,
    "verified_customer": "on",
    "operand": "fact:amount",
    "operator": "at_most",
    "value": "100",
    "approver": "reviewer",
    "approvals": "1",
}
BROKEN = READS.replace("verified", "verifed")


class TestForm:
    def test_it_writes_a_rule_into_the_draft(self, admin: User) -> None:
        assert "Anyone may use any tool." in text_of(admin, "draft/new/")
        post(admin, "draft/new/", **FORM)
        rule = PolicyRule.objects.get(name="refunds")
        assert rule.version.number is None
        assert 'decimal("100.00")' in rule.text
        text = text_of(admin, "draft/rules/refunds/")
        assert re.search(r'<option value="fact:amount" selected', text)
        assert 'name="value" value="100"' in text
        assert "above that a reviewer must approve" in said(text)

    def test_the_preview_reads_it_out(self, admin: User) -> None:
        response = client_of(admin).get(f"{URL}draft/preview/", {**FORM, "name": ""}, headers=HTMX)
        text = said(response.content.decode())
        assert "at most 100; above that a reviewer must approve" in text
        assert "@approval(" in text
        assert "<html" not in response.content.decode()

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"name": "Not this"}, "Small letters, digits and hyphens"),
            ({"value": "a lot"}, "of at most four decimals"),
            ({"operand": "argument:colour"}, "no argument"),
            ({"effect": "approval", "approver": ""}, "Say who approves"),
            ({"scope": "shop___nothing"}, "There is no tool or target"),
            ({"operator": "sometimes"}, "cannot be compared"),
        ],
        ids=["name", "value", "operand", "approver", "tool", "operator"],
    )
    def test_bad_input_loses_nothing(self, admin: User, values: dict[str, str], message: str) -> None:
        text = post(admin, "draft/new/", 422, **{**FORM, "reason": "", **values})
        assert message in text
        assert f'value="{values.get("value", "100")}"' in text
        assert not PolicyRule.objects.exists()

    def test_another_tool_offers_its_own_conditions(self, admin: User) -> None:
        text = post(admin, "draft/new/", 200, **{**FORM, "do": "look", "scope": GET})
        assert "argument:order_id" in text
        assert "fact:amount (not in these tools)" in text
        assert post(admin, "draft/new/", 200, **{**FORM, "do": "more"}).count('name="operand"') == 3

    def test_it_goes_on_as_text(self, admin: User) -> None:
        text = post(admin, "draft/new/", 200, **{**FORM, "do": "as-text"})
        assert '<textarea class="is-code" name="text"' in text
        assert "lessThanOrEqual" in text
        assert 'name="name" value="refunds"' in text

    def test_a_rule_written_by_hand_is_opened_as_text(self, admin: User) -> None:
        publish_rules(reads=READS)
        assert "textarea" in text_of(admin, "draft/rules/reads/")
        assert "written by hand" in text_of(admin, "draft/rules/reads/?as=form")


class TestRole:
    """No caller has a role: a rule that asks for one never matches, and a forbid that does forbids nothing."""

    def test_it_is_not_offered(self, admin: User) -> None:
        text = text_of(admin, "draft/new/")
        assert "Role of the caller" not in text
        assert re.findall(r'<[^>]* name="role"[^>]*>', text) == ['<input type="hidden" name="role" id="id_role">']
        text = post(admin, "draft/new/", 422, **{**FORM, "role": "support"})
        assert "No caller has a role" in text
        assert 'name="role" value="support"' in text
        assert not PolicyRule.objects.exists()

    def test_of_a_rule_that_asks_for_one_already_it_is_shown_until_it_is_empty(self, admin: User) -> None:
        save_rule(name="refunds", written=FormRule(effect="forbid", scope=REFUND, role="support"))
        text = text_of(admin, "draft/rules/refunds/")
        assert 'name="role" value="support"' in text
        assert "No caller has a role" in text
        values = {"as": "form", "do": "save", "name": "refunds", "mode": "enforce", "effect": "forbid", "scope": REFUND}
        assert "No caller has a role" in post(admin, "draft/rules/refunds/", 422, **values, role="support")
        assert "role" in PolicyRule.objects.get().text
        post(admin, "draft/rules/refunds/", **values, role="")
        assert "role" not in PolicyRule.objects.get().text


class TestText:
    values = {"as": "text", "do": "save", "name": "reads", "mode": "shadow"}

    def test_it_is_saved(self, admin: User) -> None:
        post(admin, "draft/new/", **self.values, text=READS.replace("when", "\r\nwhen"))
        rule = PolicyRule.objects.get()
        assert (rule.mode, rule.form) == ("shadow", None)
        assert "\r" not in rule.text

    def test_errors_stand_at_their_line_and_nothing_is_lost(self, admin: User) -> None:
        broken = f"// what they may see\n{BROKEN}"
        text = post(admin, "draft/new/", 422, **self.values, text=broken)
        assert "// what they may see" in text
        assert '<li class="is-wrong">2</li>' in text
        assert re.search(r"Line 2, column \d+\.", text)
        assert "<mark>verifed</mark>" in text
        assert "verified" in said(text)
        assert not PolicyRule.objects.exists()

    def test_it_is_checked_while_it_is_written(self, admin: User) -> None:
        text = post(admin, "draft/check/", 200, text=BROKEN)
        assert 'hx-swap-oob="true"' in text
        assert "<mark>verifed</mark>" in text
        assert "It fits the tools" in post(admin, "draft/check/", 200, text=READS)
        assert "It fits" not in post(admin, "draft/check/", 200, text=" ")

    def test_what_somebody_else_saved_meanwhile_is_shown_and_can_be_replaced(self, admin: User) -> None:
        seen = rule_mark(save_rule(name="reads", written=READS))
        save_rule(name="reads", written=f"// theirs\n{READS}", replaces="reads")
        mine = {**self.values, "seen": seen, "text": f"// mine\n{READS}"}
        text = post(admin, "draft/rules/reads/", 409, **mine)
        assert "theirs" in text
        assert "// mine" in text
        again = re.search(r'name="seen" value="([0-9a-f]+)"', text)
        assert again
        post(admin, "draft/rules/reads/", **{**mine, "seen": again[1]})
        assert PolicyRule.objects.get().text.startswith("// mine")

    def test_what_was_written_for_a_deleted_rule_is_not_lost(self, admin: User) -> None:
        text = post(admin, "draft/rules/reads/", 409, **self.values, seen="0123", text=f"// mine\n{READS}")
        assert "// mine" in text
        assert "deleted" in text
        assert 'action="/policies/draft/new/"' in text

    def test_it_is_deleted_in_the_draft(self, admin: User) -> None:
        publish_rules(reads=READS)
        seen = rule_mark(PolicyRule.objects.get())
        post(admin, "draft/rules/reads/delete/", seen=seen)
        assert list(stored_draft().rules.all()) == []
        assert in_force().rules.count() == 1
