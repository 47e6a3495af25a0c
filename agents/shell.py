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
from observability.notices import UNSEEN, unseen_params, words_of_unseen


@dataclass(frozen=True, kw_only=True)
class NavItem:
    name: str
    url: str
    icon: str
    key: str
    #: The heading that it stands under in the sheet of a phone.
    group: str
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
    """`counts` by the page that lists them, the stops that stand for everybody or for one conversation, and how many
    notices are new."""

    counts: dict[str, int]
    stops: Banner
    unseen: int = 0


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
    #: How many notices are new, as the bell shows it; empty for none.
    unseen: str = ""


DESK, KNOWLEDGE, SETUP, OVERSIGHT = "Desk", "Knowledge", "Setup", "Oversight"
# Pages of one group stand together. The first four are those of a phone's bar.
PAGES = (
    ("Home", "agents:home", "house", "g h", DESK),
    ("Inbox", "agents:inbox", "inbox", "g i", DESK),
    ("Queue", "agents:queue", "list-checks", "g q", DESK),
    ("Live", "agents:live", "activity", "g v", DESK),
    ("Overview", "agents:overview", "chart-column", "g y", DESK),
    ("Customers", "agents:customers", "users", "g c", KNOWLEDGE),
    ("Documents", "agents:documents", "book-open", "g d", KNOWLEDGE),
    ("Agents", "agents:agents", "bot", "g a", SETUP),
    ("Tools", "tools:targets", "wrench", "g o", SETUP),
    ("Policies", "tools:policies", "lock", "g p", SETUP),
    ("Guardrails", "guardrails:guardrails", "shield-check", "g u", SETUP),
    ("Gateways", "tools:gateways", "key-round", "g w", SETUP),
    ("Models", "agents:models", "cpu", "g m", SETUP),
    ("Traces", "observability:traces", "waypoints", "g t", OVERSIGHT),
    ("Insights", "observability:insights", "search", "g s", OVERSIGHT),
    ("Alerts", "observability:alerts", "bell", "g e", OVERSIGHT),
    ("Cost", "observability:cost", "coins", "g k", OVERSIGHT),
    ("Limits", "agents:limits", "sliders-horizontal", "g l", OVERSIGHT),
    ("Violations", "guardrails:violations", "shield-alert", "g x", OVERSIGHT),
    ("Workbench", "guardrails:workbench", "zap", "g b", OVERSIGHT),
    ("Notifications", "observability:notifications", "send", "g n", OVERSIGHT),
    ("Audit", "observability:audit", "history", "g j", OVERSIGHT),
    ("Retention", "agents:retention", "database", "g r", OVERSIGHT),
)
ADMIN_PAGES = {"tools:gateways", "agents:retention", "observability:notifications"}
ANALYST_PAGES = {"observability:insights", "observability:alerts", "observability:cost", "observability:audit"}


# The conditions are those of the inbox's "Needs a person" and of the queue's "Waiting", and of their partial indexes.
WAITING = f"""
SELECT
  (SELECT count(*) FROM (SELECT FROM agents_session
    WHERE controller IN ('human', 'paused') AND waiting_since IS NOT NULL LIMIT %(limit)s) AS conversation),
  (SELECT count(*) FROM (SELECT FROM agents_escalation WHERE status = 'open' LIMIT %(limit)s) AS escalation),
  (SELECT count(*) FROM (SELECT FROM tools_approval WHERE status = 'pending' AND expires_at > now()
    AND (snoozed_until IS NULL OR snoozed_until <= now()) LIMIT %(limit)s) AS approval),
  {STANDING_FOR_BANNER},
  {UNSEEN}
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
    waiting = read_waiting(session_id, user)
    here = f"{match.app_name}:{match.url_name}" if match else ""
    nav = [
        NavItem(
            name=name,
            url=reverse(route),
            icon=icon,
            key=key,
            group=group,
            count=words_for(waiting.counts.get(name, 0)),
            current=here == route or (route != "agents:home" and request.path.startswith(reverse(route))),
        )
        for name, route, icon, key, group in PAGES
        if may_open(user, route)
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
        unseen=words_of_unseen(waiting.unseen),
    )


def may_open(user: User, route: str) -> bool:
    if route in ADMIN_PAGES:
        return has_role(user)
    return route not in ANALYST_PAGES or has_role(user, Role.ANALYST)


def read_waiting(session_id: UUID | None = None, user: User | None = None) -> Waiting:
    """What waits for a person, up to one more than `COUNT_LIMIT`, what is stopped, and what this one has not seen; one
    query for all of it."""
    given = {"limit": COUNT_LIMIT + 1, "session": str(session_id or ""), **unseen_params(user)}
    with connection.cursor() as cursor:
        cursor.execute(WAITING, given)
        conversations, escalations, approvals, stops, unseen = cursor.fetchone()
    counts = {"Inbox": conversations, "Queue": escalations + approvals}
    return Waiting(counts=counts, stops=standing_for_banner(stops), unseen=unseen)


def words_for(count: int) -> str:
    return f"{COUNT_LIMIT}+" if count > COUNT_LIMIT else str(count or "")


def is_scripted() -> bool:
    """Whether answers come from the scripted model rather than from a language model."""
    return bool(settings.ANTHROPIC_BASE_URL == settings.SCRIPTED_MODEL_URL)
