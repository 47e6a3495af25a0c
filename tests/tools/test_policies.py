"""Drafts, versions, modes and trials of the policies, on the real database."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import connection

from observability.access import Role
from tests.factories import make_user
from tests.tools.policies_cases import (
    GET,
    READS,
    REFUND,
    publish_rules,
    refunds_up_to,
    reread,
    set_mode,
    shop_tools,
)
from tools.authorize import book
from tools.models import PolicyRule, PolicyVersion, Tool
from tools.policies import (
    Changed,
    NothingToPublish,
    changes,
    check_draft,
    check_tools_change,
    delete_rule,
    discard,
    draft,
    in_force,
    present_shapes,
    problems_of,
    publish,
    review_mark,
    roll_back,
    rule_mark,
    save_rule,
    stored_draft,
)
from tools.policy.forms import FormRefused, FormRule
from tools.policy.statements import RulesRefused
from tools.policy_form_json import form_from_json
from tools.policy_modes import Mode, NotAllowed, confirm_mode, mode, request_mode, setting, withdraw_mode

__all__ = ["shop_tools"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("shop")]


def names(version: PolicyVersion | None) -> list[str]:
    return [rule.name for rule in version.rules.all()] if version else []


class TestDraft:
    def test_it_begins_as_a_copy_of_the_newest_version(self) -> None:
        publish_rules(reads=READS, refunds=refunds_up_to("100"))
        assert stored_draft() is None
        begun = draft()
        assert begun.number is None
        assert names(begun) == ["reads", "refunds"]
        assert changes(begun, in_force()) == []
        assert draft() == begun

    def test_a_form_is_stored_with_the_text_that_it_writes(self) -> None:
        form = refunds_up_to("100", approver="reviewer")
        rule = save_rule(name="refunds", written=form)
        assert "lessThanOrEqual" in rule.text
        assert form_from_json(PolicyRule.objects.get(name="refunds").form) == form

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("permit (principal, action, resource", "Unexpected end"),
            ('permit (principal, action == AgentCore::Action::"shop___nothing", resource);', "shop___nothing"),
            (READS.replace("verified", "verifed"), "verifed"),
        ],
        ids=["no-cedar", "no-such-tool", "misspelt"],
    )
    def test_a_rule_that_does_not_fit_is_not_stored(self, text: str, said: str) -> None:
        with pytest.raises(RulesRefused) as refused:
            save_rule(name="wrong", written=text)
        assert said in str(refused.value)
        assert not PolicyRule.objects.exists()

    def test_a_form_that_says_nothing_sensible_is_not_stored(self) -> None:
        with pytest.raises(FormRefused):
            save_rule(name="wrong", written=FormRule(effect="approval", scope=REFUND))
        assert stored_draft() is None

    def test_a_name_is_taken_once_and_has_a_form(self) -> None:
        save_rule(name="reads", written=READS)
        for name in ("reads", "Reads", "1st", ""):
            with pytest.raises(ValidationError):
                save_rule(name=name, written=READS)

    def test_a_rule_is_renamed_in_its_place(self) -> None:
        publish_rules(one=READS, two=refunds_up_to("5"))
        save_rule(name="zero", written=READS, replaces="one", mode=PolicyRule.Mode.SHADOW)
        assert names(stored_draft()) == ["zero", "two"]
        assert [(each.name, each.kind) for each in changes(stored_draft(), in_force())] == [
            ("zero", "added"),
            ("one", "removed"),
        ]

    def test_what_somebody_else_changed_or_deleted_meanwhile_is_kept(self) -> None:
        seen = rule_mark(save_rule(name="reads", written=READS))
        save_rule(name="reads", written=f"// theirs\n{READS}", replaces="reads", seen=seen)
        with pytest.raises(Changed, match="changed"):
            save_rule(name="reads", written=f"// mine\n{READS}", replaces="reads", seen=seen)
        with pytest.raises(Changed):
            delete_rule("reads", seen=seen)
        assert PolicyRule.objects.get().text.startswith("// theirs")
        delete_rule("reads")
        with pytest.raises(Changed, match="deleted"):
            save_rule(name="reads", written=READS, replaces="reads", seen=seen)

    def test_it_is_discarded_unless_it_was_changed_since_it_was_looked_at(self) -> None:
        save_rule(name="reads", written=READS)
        mark = review_mark(stored_draft())
        save_rule(name="more", written=READS)
        with pytest.raises(Changed):
            discard(mark=mark)
        discard(mark=review_mark(stored_draft()))
        assert stored_draft() is None


class TestPublish:
    def test_it_is_the_next_number_and_in_force(self, admin: User) -> None:
        publish_rules(reads=READS)
        save_rule(name="refunds", written=refunds_up_to("100"))
        version = publish(user=admin, note="  With refunds ", mark=review_mark(stored_draft()))
        reread()
        assert (version.number, version.note, version.published_by) == (2, "With refunds", admin)
        assert (in_force(), book.live().number) == (version, 2)
        assert names(PolicyVersion.objects.get(number=1)) == ["reads"]

    def test_nothing_new_is_not_published(self) -> None:
        publish_rules(reads=READS)
        for _ in range(2):
            with pytest.raises(NothingToPublish):
                publish(user=None)
            draft()

    def test_only_what_was_reviewed_is_published(self) -> None:
        publish_rules(reads=READS)
        save_rule(name="refunds", written=refunds_up_to("100"))
        mark = review_mark(stored_draft())
        save_rule(name="refunds", written=refunds_up_to("9000"), replaces="refunds")
        with pytest.raises(Changed, match="version 1 is in force"):
            publish(user=None, mark=mark)

    def test_a_draft_that_the_tools_have_left_is_refused(self, shop: dict[str, Tool]) -> None:
        save_rule(name="refunds", written=refunds_up_to("100"))
        shop["process_refund"].amount = None
        shop["process_refund"].save(update_fields=["amount"])
        assert [problem.rule for problem in check_draft()] == ["refunds"]
        with pytest.raises(RulesRefused):
            publish(user=None)
        assert in_force() is None

    def test_a_change_of_the_tools_is_checked_against_what_is_in_force(self, shop: dict[str, Tool]) -> None:
        publish_rules(reads=READS)
        assert check_tools_change(present_shapes()) == []
        left = [shape for shape in present_shapes() if shape.key != GET]
        assert [problem.rule for problem in check_tools_change(left)] == ["reads"]
        assert problems_of(in_force()) == []

    def test_old_rules_become_a_new_version_and_the_draft_stays(self, admin: User) -> None:
        publish_rules(reads=READS)
        publish_rules(refunds=refunds_up_to("100"))
        save_rule(name="third", written=READS)
        version = roll_back(1, user=admin, seen=2)
        assert (version.number, names(version), version.note) == (3, ["reads"], "Back to version 1")
        assert names(stored_draft()) == ["reads", "refunds", "third"]
        with pytest.raises(Changed, match="Version 3"):
            roll_back(2, user=admin, seen=2)
        with pytest.raises(NothingToPublish):
            roll_back(1, user=admin)

    def test_old_rules_that_the_tools_have_left_are_refused(self, admin: User, shop: dict[str, Tool]) -> None:
        publish_rules(refunds=refunds_up_to("100"))
        save_rule(name="refunds", written=READS, replaces="refunds")
        publish(user=admin)
        shop["process_refund"].delete()
        with pytest.raises(RulesRefused):
            roll_back(1, user=admin)
        assert in_force() == PolicyVersion.objects.get(number=2)


def at_once(*doings: Callable[[], Any]) -> list[Any]:
    """What each returned or raised, all begun together on connections of their own."""
    gate, outcomes = threading.Barrier(len(doings)), list[Any]()

    def run(doing: Callable[[], Any]) -> None:
        try:
            gate.wait()
            outcomes.append(doing())
        except (Changed, NothingToPublish, NotAllowed) as error:
            outcomes.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(doing,)) for doing in doings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


@pytest.mark.django_db(transaction=True)
class TestAtOnce:
    def test_of_two_who_publish_one_is_told(self) -> None:
        save_rule(name="reads", written=READS)
        mark = review_mark(stored_draft())
        outcomes = at_once(*(lambda: publish(user=None, mark=mark) for _ in range(4)))
        assert [each.number for each in outcomes if isinstance(each, PolicyVersion)] == [1]
        assert len([each for each in outcomes if isinstance(each, Changed)]) == 3

    def test_there_is_one_draft(self) -> None:
        outcomes = at_once(*(draft for _ in range(4)))
        assert len({each.pk for each in outcomes}) == 1

    def test_a_request_is_confirmed_once(self) -> None:
        set_mode(Mode.ENFORCE)
        asks, *others = (make_user(Role.ADMIN) for _ in range(4))
        request_mode(Mode.SHADOW, user=asks)
        outcomes = at_once(*(lambda user=user: confirm_mode(Mode.SHADOW, user=user) for user in others))
        assert len([each for each in outcomes if isinstance(each, Changed)]) == 2
        assert mode() == Mode.SHADOW


class TestMode:
    def test_up_takes_effect_at_once(self, admin: User) -> None:
        set_mode(Mode.OFF)
        assert request_mode(Mode.SHADOW, user=admin).mode == Mode.SHADOW
        assert request_mode(Mode.ENFORCE, user=admin).changed_by == admin
        reread()
        assert book.live().mode == Mode.ENFORCE
        with pytest.raises(Changed):
            request_mode(Mode.ENFORCE, user=admin)

    @pytest.mark.parametrize("wanted", [Mode.SHADOW, Mode.OFF])
    def test_down_from_enforce_takes_another_admin(self, admin: User, wanted: Mode) -> None:
        set_mode(Mode.ENFORCE)
        assert request_mode(wanted, user=admin).mode == Mode.ENFORCE
        with pytest.raises(NotAllowed):
            confirm_mode(wanted, user=admin)
        with pytest.raises(NotAllowed):
            confirm_mode(wanted, user=make_user(Role.REVIEWER))
        other = make_user(Role.ADMIN)
        with pytest.raises(Changed):
            confirm_mode(Mode.OFF if wanted == Mode.SHADOW else Mode.SHADOW, user=other)
        assert mode() == Mode.ENFORCE
        now = confirm_mode(wanted, user=other)
        assert (now.mode, now.changed_by, now.requested, now.requested_by) == (wanted, other, "", None)

    def test_a_request_is_withdrawn(self, admin: User) -> None:
        set_mode(Mode.ENFORCE)
        request_mode(Mode.OFF, user=admin)
        assert withdraw_mode(user=admin).requested == ""
        with pytest.raises(Changed):
            confirm_mode(Mode.OFF, user=make_user(Role.ADMIN))
        with pytest.raises(Changed):
            confirm_mode("", user=make_user(Role.ADMIN))

    def test_nobody_confirms_for_somebody_who_left(self, admin: User) -> None:
        set_mode(Mode.ENFORCE)
        request_mode(Mode.OFF, user=admin)
        User.objects.filter(pk=admin.pk).update(is_active=False)
        with pytest.raises(Changed):
            confirm_mode(Mode.OFF, user=make_user(Role.ADMIN))
        User.objects.filter(pk=admin.pk).delete()
        with pytest.raises(Changed):
            confirm_mode(Mode.OFF, user=make_user(Role.ADMIN))
        assert setting().mode == Mode.ENFORCE

    def test_only_admins(self, reviewer: User) -> None:
        with pytest.raises(NotAllowed):
            request_mode(Mode.OFF, user=reviewer)
        with pytest.raises(NotAllowed):
            withdraw_mode(user=reviewer)
