"""Whether the policies decide: off, shadow or enforce. To stop enforcing takes two admins."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from observability.access import Role, has_role
from observability.audit import record
from tools.authorize import book
from tools.models import PolicySetting
from tools.policies import Changed, lock

Mode = PolicySetting.Mode
RANK = {Mode.OFF: 0, Mode.SHADOW: 1, Mode.ENFORCE: 2}
NOBODY_ASKS = {"requested": "", "requested_at": None, "requested_by": None}


class NotAllowed(Exception):
    """This person may not do that."""


def setting() -> PolicySetting:
    """As it is stored; without a row the policies are enforced."""
    found = PolicySetting.objects.select_related("requested_by", "changed_by").filter(pk=1).first()
    return found or PolicySetting(mode=Mode.ENFORCE)


def mode() -> str:
    return setting().mode


@transaction.atomic
def request_mode(wanted: str, *, user: User) -> PolicySetting:
    """Up, or from shadow to off, at once; down from enforce becomes a request that another admin confirms.

    Raises `NotAllowed`, and `Changed` where that is the mode already.
    """
    wanted = Mode(wanted)
    check_is_admin(user)
    now = lock()
    if now.mode == wanted:
        raise Changed(f"The policies are in mode {wanted.label.lower()} already.")
    if now.mode == Mode.ENFORCE:
        PolicySetting.objects.filter(pk=1).update(requested=wanted, requested_at=timezone.now(), requested_by=user)
        return setting()
    return switch(wanted, user=user)


def switch(wanted: str, *, user: User) -> PolicySetting:
    before = mode()
    PolicySetting.objects.filter(pk=1).update(mode=wanted, changed_at=timezone.now(), changed_by=user, **NOBODY_ASKS)
    return switched(before, wanted, user=user)


def switched(before: str, wanted: str, *, user: User) -> PolicySetting:
    transaction.on_commit(book.forget)
    told = ({"mode": str(before)}, {"mode": str(wanted)})
    record(user, "policy.mode", kind="policies", before=told[0], after=told[1])
    return setting()


@transaction.atomic
def confirm_mode(wanted: str, *, user: User) -> PolicySetting:
    """The second admin's yes to what another one has asked for. Raises `NotAllowed` for the one who asked, and
    `Changed` where that is not asked for any more."""
    check_is_admin(user)
    lock()
    if PolicySetting.objects.filter(pk=1, requested=wanted, requested_by=user).exists():
        raise NotAllowed("You asked for it yourself: another admin has to confirm it.")
    # A request of somebody who is no longer here is nobody's.
    asked = PolicySetting.objects.filter(
        pk=1, mode=Mode.ENFORCE, requested=wanted, requested_by__isnull=False, requested_by__is_active=True
    )
    if not wanted or asked.update(mode=wanted, changed_at=timezone.now(), changed_by=user, **NOBODY_ASKS) != 1:
        raise Changed("That is not asked for any more.")
    return switched(Mode.ENFORCE, wanted, user=user)


@transaction.atomic
def withdraw_mode(*, user: User) -> PolicySetting:
    """By the one who asked, or refused by another admin. Raises `NotAllowed`."""
    check_is_admin(user)
    lock()
    PolicySetting.objects.filter(pk=1).update(**NOBODY_ASKS)
    return setting()


def check_is_admin(user: User) -> None:
    if not (user.is_active and has_role(user, Role.ADMIN)):
        raise NotAllowed("Only an admin changes whether policies decide.")
