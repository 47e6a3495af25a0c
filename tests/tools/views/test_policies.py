"""The pages of the policies: who reads them, who changes them, and every state that they can be in."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from observability.access import Role
from tests.factories import client_of, make_session, make_user
from tests.tools.policies_cases import (
    READS,
    URL,
    decided,
    post,
    publish_rules,
    refunds_up_to,
    reread,
    said,
    set_mode,
    shop_tools,
    text_of,
)
from tools.authorize import book
from tools.catalog import catalog
from tools.models import PolicyRule, PolicyVersion, Tool
from tools.policies import in_force, review_mark, save_rule, stored_draft
from tools.policy_modes import Mode, mode, request_mode, setting

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]
READ_PAGES = ("", "draft/", "versions/", "try/", "backtest/", "matrix/")


class TestAccess:
    @pytest.mark.parametrize("path", READ_PAGES)
    def test_staff_reads(self, path: str, support: User, reviewer: User, analyst: User, stranger: User) -> None:
        publish_rules(reads=READS)
        for user in (support, reviewer, analyst):
            text_of(user, path)
        assert client_of(stranger).get(f"{URL}{path}").status_code == 403
        assert Client().get(f"{URL}{path}").status_code == 302

    @pytest.mark.parametrize("path", READ_PAGES)
    def test_a_desk_without_policies_or_tools(self, path: str, analyst: User, shop: dict[str, Tool]) -> None:
        Tool.objects.all().delete()
        catalog.forget()
        book.forget()
        assert "<h1" in text_of(analyst, path)

    @pytest.mark.parametrize(
        "path",
        [
            "mode/",
            "mode/confirm/",
            "mode/withdraw/",
            "draft/",
            "draft/discard/",
            "draft/new/",
            "draft/check/",
            "draft/rules/reads/",
            "draft/rules/reads/delete/",
            "versions/1/roll-back/",
        ],
    )
    def test_only_admins_change(self, path: str, reviewer: User) -> None:
        publish_rules(reads=READS)
        save_rule(name="more", written=READS)
        assert client_of(reviewer).post(f"{URL}{path}", {"mode": "off", "name": "none"}).status_code == 403
        assert (mode(), setting().requested, in_force().number) == ("enforce", "", 1)
        assert PolicyRule.objects.filter(version__number=None).count() == 2

    def test_readers_are_offered_no_changes(self, analyst: User, admin: User) -> None:
        publish_rules(reads=READS)
        save_rule(name="more", written=READS)
        for path in ("", "draft/", "versions/"):
            text = text_of(analyst, path)
            assert "New rule" not in text
            assert 'method="post" action="/policies' not in text
        assert "New rule" in text_of(admin)
        assert client_of(analyst).get(f"{URL}draft/rules/reads/").status_code == 403

    def test_wrong_methods_and_addresses(self, admin: User) -> None:
        assert client_of(admin).get(f"{URL}mode/").status_code == 405
        assert client_of(admin).post(f"{URL}try/").status_code == 405
        for path in ("versions/9/", "versions/99999999999/", "draft/rules/none/", "matrix/?of=nothing"):
            assert client_of(admin).get(f"{URL}{path}").status_code == 404


class TestRules:
    def test_none_yet(self, admin: User, support: User) -> None:
        assert "Write the first rule" in text_of(admin)
        assert "Without any, every call is denied" in text_of(support)

    def test_each_is_read_out_with_what_it_did(self, analyst: User) -> None:
        publish_rules(reads=READS, refunds=refunds_up_to("100", approver="reviewer"))
        session = make_session()
        decided(session, "get_order", decision="allow", rules=["reads"])
        decided(session)
        text = said(text_of(analyst))
        assert "Allows get order under conditions." in text
        assert "process refund for a verified customer when the amount is at most 100; above that a reviewer" in text
        assert re.search(r"reads .*? get_order Decides 1 –", text)  # noqa: RUF001  the dash of an absent value
        assert re.search(r"Default deny .*? every tool Decides 1 –", text)  # noqa: RUF001  as above

    def test_the_bar_says_how_the_draft_differs(self, admin: User) -> None:
        publish_rules(reads=READS)
        assert "Draft differs" not in text_of(admin)
        save_rule(name="reads", written=f"// now\n{READS}", replaces="reads")
        save_rule(name="more", written=READS, mode="shadow")
        text = said(text_of(admin))
        assert "Draft differs from version 1 (2 changes)" in text
        assert "Changed in the draft" in text
        assert "Only in the draft" in text

    def test_a_version_that_does_not_fit_the_tools_is_loud(self, admin: User, shop: dict[str, Tool]) -> None:
        publish_rules(reads=READS)
        shop["get_order"].delete()
        reread()
        text = said(text_of(admin))
        assert "Version 1 does not fit the tools any more. Every call is denied" in text
        assert "shop___get_order" in text
        assert "does not fit" in said(text_of(admin, "matrix/"))
        save_rule(name="other", written="forbid (principal, action, resource);")
        assert "cannot be published" in text_of(admin, "draft/")

    def test_a_rule_of_many_takes_no_more_queries(self, support: User, django_assert_max_num_queries: Any) -> None:
        publish_rules(**{f"rule_{number}": READS for number in range(12)})
        client = client_of(support)
        client.get(URL)
        with django_assert_max_num_queries(20):
            client.get(URL)


class TestMode:
    def test_up_at_once(self, admin: User) -> None:
        set_mode(Mode.SHADOW)
        assert "made whatever the decision is" in text_of(admin)
        post(admin, "mode/", mode="enforce")
        assert mode() == "enforce"

    def test_down_is_asked_of_a_second_admin(self, admin: User) -> None:
        post(admin, "mode/", mode="shadow")
        assert mode() == "enforce"
        mine = said(text_of(admin))
        assert "You asked to switch the policies to shadow" in mine
        assert "Withdraw" in mine
        assert "Confirm" not in mine
        post(admin, "mode/confirm/", mode="shadow")
        assert mode() == "enforce"
        other = make_user(Role.ADMIN)
        theirs = said(text_of(other))
        assert "Admin asked to switch the policies to shadow" in theirs
        assert "Confirm: switch to shadow" in theirs
        post(other, "mode/confirm/", mode="shadow")
        assert mode() == "shadow"

    def test_a_reader_sees_the_request_and_no_buttons(self, admin: User, analyst: User) -> None:
        request_mode(Mode.OFF, user=admin)
        text = said(text_of(analyst))
        assert "asked to switch the policies off" in text
        assert "Confirm:" not in text

    def test_it_is_withdrawn(self, admin: User) -> None:
        request_mode(Mode.OFF, user=admin)
        post(admin, "mode/withdraw/")
        assert setting().requested == ""

    def test_no_such_mode(self, admin: User) -> None:
        post(admin, "mode/", mode="sometimes")
        assert mode() == "enforce"


class TestPublish:
    def test_it_is_reviewed_and_published(self, admin: User) -> None:
        publish_rules(reads=READS)
        save_rule(name="refunds", written=refunds_up_to("100"))
        text = text_of(admin, "draft/")
        assert "Publish version 2" in text
        assert "process_refund" in text
        mark = re.search(r'name="mark" value="([0-9a-f]+)"', text)
        assert mark
        post(admin, "draft/", mark=mark[1], note="Refunds")
        assert (in_force().number, in_force().note, in_force().published_by) == (2, "Refunds", admin)
        assert "Nothing to publish" in text_of(admin, "draft/")

    def test_a_second_one_is_told(self, admin: User) -> None:
        save_rule(name="reads", written=READS)
        mark = review_mark(stored_draft())
        post(admin, "draft/", mark=mark)
        text = post(make_user(Role.ADMIN), "draft/", 409, mark=mark)
        assert "Nothing was published." in text
        assert "version 1 is in force" in text
        assert PolicyVersion.objects.count() == 1

    def test_a_draft_that_does_not_fit_is_refused(self, admin: User, shop: dict[str, Tool]) -> None:
        save_rule(name="reads", written=READS)
        shop["get_order"].delete()
        reread()
        text = post(admin, "draft/", 422, mark=review_mark(stored_draft()))
        assert "The draft does not fit the tools." in text
        assert in_force() is None

    def test_it_is_discarded(self, admin: User) -> None:
        save_rule(name="reads", written=READS)
        post(admin, "draft/discard/", mark="another")
        assert stored_draft() is not None
        post(admin, "draft/discard/", mark=review_mark(stored_draft()))
        assert stored_draft() is None


class TestVersions:
    def test_one_whole_with_what_it_changed(self, analyst: User) -> None:
        publish_rules(reads=READS)
        publish_rules(refunds=refunds_up_to("100"))
        assert "In force" in text_of(analyst, "versions/")
        text = said(text_of(analyst, "versions/2/"))
        assert "What it changed" in text
        assert "refunds Added" in text

    def test_roll_back(self, admin: User) -> None:
        publish_rules(reads=READS)
        publish_rules(refunds=refunds_up_to("100"))
        assert "become version 3" in text_of(admin, "versions/1/roll-back/")
        assert "Version 2 was published meanwhile" in post(admin, "versions/1/roll-back/", 409, live="1")
        post(admin, "versions/1/roll-back/", live="2")
        assert (in_force().number, in_force().note) == (3, "Back to version 1")
        assert "in force already" in text_of(admin, "versions/1/roll-back/")

    def test_rules_that_do_not_fit_cannot_be_rolled_back_to(self, admin: User, shop: dict[str, Tool]) -> None:
        publish_rules(reads=READS)
        save_rule(name="reads", written="forbid (principal, action, resource);", replaces="reads")
        post(admin, "draft/", mark=review_mark(stored_draft()))
        shop["get_order"].delete()
        reread()
        assert "does not fit" in post(admin, "versions/1/roll-back/", 422, live="2")
