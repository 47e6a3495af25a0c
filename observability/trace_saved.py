"""Views of the list of traces under a name: those that are shipped, everybody's, and one's own."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from observability import audit
from observability.access import has_role
from observability.models import SavedView
from observability.trace_filter import Wanted
from observability.traces import SLOW_MS, BadQuery

NAME_LENGTH = 60
MOST_OF_ONE = 50
# Name, and the address that says it.
SHIPPED = [
    ("All", {}),
    ("Errors", {"q": "status:error"}),
    (f"Slower than {SLOW_MS // 1000} s", {"q": f"duration:>{SLOW_MS // 1000}s"}),
    ("Blocked by a guardrail", {"q": "guardrail:blocked"}),
    ("Escalated", {"q": "outcome:escalated"}),
    ("Most expensive today", {"sort": "cost"}),
]


class NotSaved(Exception):
    """Its message says why, and what to do."""


def shipped() -> list[tuple[str, Wanted]]:
    return [(name, Wanted.read(params)) for name, params in SHIPPED]


def views_for(user: User) -> list[SavedView]:
    """Everybody's first, then their own."""
    found = SavedView.objects.filter(Q(owner=None) | Q(owner=user), page=SavedView.Page.TRACES)
    return sorted(found, key=lambda view: (view.owner_id is not None, view.name.lower()))


def save(user: User, *, name: str, wanted: Wanted, for_everybody: bool) -> SavedView:
    """Raises `NotSaved`."""
    name = " ".join(name.replace("\0", "").split())
    if not name or len(name) > NAME_LENGTH:
        raise NotSaved(f"A view has a name of at most {NAME_LENGTH} characters. Nothing was saved.")
    if wanted.error:
        raise NotSaved("The words are not understood, so the view would show nothing. Nothing was saved.")
    if for_everybody and not has_role(user):
        raise NotSaved("Views for everybody are saved by admins. Nothing was saved.")
    if SavedView.objects.filter(owner=user).count() >= MOST_OF_ONE:
        raise NotSaved(f"There are {MOST_OF_ONE} views already. Delete one first.")
    owner = None if for_everybody else user
    query = wanted.query().removeprefix("?")
    try:
        with transaction.atomic():
            view = SavedView.objects.create(page=SavedView.Page.TRACES, name=name, owner=owner, query=query)
            if for_everybody:
                audit.record(user, "view.save", kind="view", id=view.pk, name=name, after={"query": query})
    except IntegrityError as error:
        raise NotSaved(f"There is a view {name!r} already. Choose another name, or delete that one first.") from error
    return view


def delete(user: User, view: SavedView) -> None:
    """Raises `NotSaved` where it is not theirs."""
    if view.owner_id != user.pk and not (view.owner_id is None and has_role(user)):
        raise NotSaved("Views for everybody are deleted by admins. Nothing was deleted.")
    with transaction.atomic():
        if view.owner_id is None:
            audit.record(user, "view.delete", kind="view", id=view.pk, name=view.name, before={"query": view.query})
        view.delete()


def find(user: User, view_id: str) -> SavedView:
    """One that they see. Raises `BadQuery`."""
    found = next((view for view in views_for(user) if str(view.pk) == view_id), None)
    if found is None:
        raise BadQuery("There is no such view.")
    return found
