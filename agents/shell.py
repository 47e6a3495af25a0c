"""What every page of the desk shows around its content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.db import connection
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import SimpleLazyObject

from agents.demo import SIGN_INS
from agents.inbox import COUNT_LIMIT
from agents.models import Stop
from agents.sessions import label_of
from agents.stops import STANDING_FOR_BANNER, Banner, may_stop, standing_for_banner
from observability.access import Role, has_role, roles_of


@dataclass(frozen=True, kw_only=True)
class NavItem:
    name: str
    url: str
    icon: str
    key: str
    #: As it is shown; empty for none.
    count: str = ""
    current: bool = False


@dataclass(frozen=True, kw_only=True)
class Command:
    label: str
    url: str
    keys: str = ""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """`counts` by the page that lists them, and the stops that stand for everybody or for one conversation."""

    counts: dict[str, int]
    stops: Banner


@dataclass(frozen=True, kw_only=True)
class Shell:
    user_name: str = ""
    role: str = ""
    scripted_model: bool = False
    demo_sign_ins: list[tuple[str, str, str]] = field(default_factory=list)
    nav: list[NavItem] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    stops: Banner = field(default_factory=lambda: Banner(lines=[]))
    #: Where the page asks for its stops again.
    stops_url: str = ""
    may_lift_session: bool = False


PAGES = (
    ("Home", "agents:home", "house", "g h"),
    ("Inbox", "agents:inbox", "inbox", "g i"),
    ("Queue", "agents:queue", "list-checks", "g q"),
    ("Live", "agents:live", "activity", "g v"),
    ("Agents", "agents:agents", "bot", "g a"),
    ("Tools", "tools:targets", "wrench", "g o"),
    ("Policies", "tools:policies", "lock", "g p"),
    ("Gateways", "tools:gateways", "key-round", "g w"),
    ("Models", "agents:models", "cpu", "g m"),
    ("Limits", "agents:limits", "shield-check", "g l"),
    ("Traces", "observability:traces", "waypoints", "g t"),
)
ADMIN_PAGES = {"tools:gateways"}


# The conditions are those of the inbox's "Needs a person" and of the queue's "Waiting", and of their partial indexes.
WAITING = f"""
SELECT
  (SELECT count(*) FROM (SELECT FROM agents_session
    WHERE controller IN ('human', 'paused') AND waiting_since IS NOT NULL LIMIT %(limit)s) AS conversation),
  (SELECT count(*) FROM (SELECT FROM agents_escalation WHERE status = 'open' LIMIT %(limit)s) AS escalation),
  (SELECT count(*) FROM (SELECT FROM tools_approval WHERE status = 'pending' AND expires_at > now()
    AND (snoozed_until IS NULL OR snoozed_until <= now()) LIMIT %(limit)s) AS approval),
  {STANDING_FOR_BANNER}
"""  # noqa: S608  no value in it


def shell(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `shell`, built when a template first asks for it."""
    return {"shell": SimpleLazyObject(lambda: build_shell(request))}


def build_shell(request: HttpRequest) -> Shell:
    user: User | AnonymousUser = getattr(request, "user", AnonymousUser())
    scripted = is_scripted()
    if not isinstance(user, User) or not roles_of(user):
        return Shell(scripted_model=scripted, demo_sign_ins=SIGN_INS if settings.DEMO else [])
    match = request.resolver_match
    session_id = match.kwargs.get("session_id") if match else None
    waiting = read_waiting(session_id)
    here = f"{match.app_name}:{match.url_name}" if match else ""
    nav = [
        NavItem(
            name=name,
            url=reverse(route),
            icon=icon,
            key=key,
            count=words_for(waiting.counts.get(name, 0)),
            current=here == route or (route != "agents:home" and request.path.startswith(reverse(route))),
        )
        for name, route, icon, key in PAGES
        if route not in ADMIN_PAGES or has_role(user)
    ]
    return Shell(
        user_name=label_of(user),
        role=next((role for role in reversed(Role) if role in roles_of(user)), ""),
        scripted_model=scripted,
        nav=nav,
        commands=[Command(label=f"Go to {item.name}", url=item.url, keys=item.key) for item in nav],
        stops=waiting.stops,
        stops_url=reverse("agents:stops", args=[session_id] if session_id else None),
        may_lift_session=may_stop(user, Stop.Scope.SESSION),
    )


def read_waiting(session_id: UUID | None = None) -> Waiting:
    """What waits for a person, up to one more than `COUNT_LIMIT`, and what is stopped; one query for all of it."""
    with connection.cursor() as cursor:
        cursor.execute(WAITING, {"limit": COUNT_LIMIT + 1, "session": str(session_id or "")})
        conversations, escalations, approvals, stops = cursor.fetchone()
    return Waiting(counts={"Inbox": conversations, "Queue": escalations + approvals}, stops=standing_for_banner(stops))


def words_for(count: int) -> str:
    return f"{COUNT_LIMIT}+" if count > COUNT_LIMIT else str(count or "")


def is_scripted() -> bool:
    """Whether answers come from the scripted model rather than from a language model."""
    return bool(settings.ANTHROPIC_BASE_URL == settings.SCRIPTED_MODEL_URL)
