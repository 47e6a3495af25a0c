"""Who may see a page. Every view bears one of these decorators; a test walks the URLconf and fails on a bare one."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from inspect import iscoroutinefunction
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

View = TypeVar("View", bound=Callable[..., Any])
POLICY = "access_policy"


class Role(StrEnum):
    """The groups that a migration makes; an admin may do what each of the others may."""

    SUPPORT = "support"
    REVIEWER = "reviewer"
    ANALYST = "analyst"
    ADMIN = "admin"


def roles_of(user: User | AnonymousUser) -> frozenset[str]:
    """The user's roles, asked of the database once a request."""
    if not user.is_authenticated:
        return frozenset()
    known: frozenset[str] | None = getattr(user, "tandem_roles", None)
    if known is None:
        known = frozenset(user.groups.values_list("name", flat=True))
        if user.is_superuser:
            known |= {Role.ADMIN}
        user.tandem_roles = known  # type: ignore[attr-defined]  # a cache on the request's own instance
    return known


def has_role(user: User | AnonymousUser, *roles: Role) -> bool:
    return bool(roles_of(user) & {*roles, Role.ADMIN})


def public(view: View) -> View:
    """Anybody may call it; it finds out for itself who asks."""
    setattr(view, POLICY, "public")
    return view


def role_required(*roles: Role) -> Callable[[View], View]:
    """Signed in, with one of these roles (or admin); otherwise sign-in, or 403."""

    def decorate(view: View) -> View:
        if iscoroutinefunction(view):
            raise TypeError(f"{view!r} is async: check with `has_role` inside and mark it @public")

        @login_required
        @wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if not has_role(request.user, *roles):
                raise PermissionDenied(f"This page needs the role {' or '.join(roles)}.")
            return view(request, *args, **kwargs)

        setattr(checked, POLICY, f"role:{','.join(roles)}")
        return checked  # type: ignore[return-value]  # same call signature, wrapped

    return decorate


staff_required = role_required(Role.SUPPORT, Role.REVIEWER, Role.ANALYST)
