"""The lists of conversations that people work from: views, search, counts, and paging by key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import User
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import JSONObject, Lower

from agents.models import Customer, Escalation, Message, Session
from agents.sessions import label_of

PAGE_SIZE = 50
# Beyond this a count says "999+": nobody acts on the difference, and counting it would read the whole index.
COUNT_LIMIT = 999
# How many of the newest conversations a search for words reads, and how many of a customer's it finds.
SEARCHED = 5000
FOUND = 500
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
CLOSED = Session.Controller.CLOSED
PEOPLE = (Session.Controller.HUMAN, Session.Controller.PAUSED)


@dataclass(frozen=True, kw_only=True)
class View:
    """One list; `order` is the column that sorts it, with a minus newest first."""

    key: str
    name: str
    order: str = "-last_message_at"
    is_counted: bool = False
    empty_title: str
    empty_text: str

    @property
    def column(self) -> str:
        return self.order.removeprefix("-")

    @property
    def is_newest_first(self) -> bool:
        return self.order.startswith("-")


VIEWS = {
    view.key: view
    for view in (
        View(
            key="waiting",
            name="Needs a person",
            order="waiting_since",
            is_counted=True,
            empty_title="Nobody waits for a person",
            empty_text="A conversation appears here when an agent hands it over, or a customer writes to a person.",
        ),
        View(
            key="mine",
            name="Mine",
            is_counted=True,
            empty_title="Nothing is assigned to you",
            empty_text="Take a conversation over, answer it, or claim its escalation in the queue, and it stays here.",
        ),
        View(
            key="agent",
            name="With an agent",
            is_counted=True,
            empty_title="No agent is in a conversation",
            empty_text="Every new conversation starts with an agent and appears here while it answers.",
        ),
        View(
            key="open",
            name="All open",
            empty_title="No conversation is open",
            empty_text="A conversation appears here with the first message of a customer.",
        ),
        View(
            key="closed",
            name="Closed",
            empty_title="No conversation is closed yet",
            empty_text="What was said stays here to be read, with every step of the agent.",
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Filters:
    """What a list is asked for. `agent` is a slug; `q` a customer, words of the last message, "E-12" or an id."""

    view: View
    agent: str = ""
    q: str = ""

    def query(self, **more: object) -> str:
        """The query string that asks for the same list, with its question mark."""
        values = {"view": self.view.key, "agent": self.agent, "q": self.q, **more}
        return "?" + urlencode({name: value for name, value in values.items() if value})


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """The place of a row in its list: the sorting column, and the id where two rows share an instant."""

    at: datetime
    id: UUID

    def __str__(self) -> str:
        return f"{(self.at - EPOCH) // timedelta(microseconds=1)}.{self.id.hex}"


def read_cursor(text: str) -> Cursor:
    """The cursor of a link. Raises `ValueError` for anything that is none."""
    microseconds, _, hexadecimal = text.partition(".")
    try:
        return Cursor(at=EPOCH + timedelta(microseconds=int(microseconds)), id=UUID(hex=hexadecimal))
    except OverflowError as error:
        raise ValueError(f"{text!r} is no cursor") from error


@dataclass(frozen=True, kw_only=True)
class Row:
    """A conversation as a list shows it. `has_left`: it is shown still, but belongs to the list no more."""

    session: Session
    prefix: str
    speaker: str
    escalation: dict[str, Any] | None
    is_mine: bool
    has_left: bool = False

    @property
    def waits_for_person(self) -> bool:
        return self.session.waiting_since is not None and self.session.controller in PEOPLE

    @property
    def waits_for_agent(self) -> bool:
        return self.session.waiting_since is not None and self.session.controller == Session.Controller.AGENT

    @property
    def version(self) -> str:
        """Id and number of the newest event, so that a reader can tell whether it has this row already."""
        return f"{self.session.pk}.{self.session.event_seq}"


@dataclass(frozen=True, kw_only=True)
class Page:
    rows: list[Row] = field(default_factory=list)
    next: Cursor | None = None


def sessions_in(filters: Filters, *, user: User) -> QuerySet[Session]:
    """The conversations of a list, in no order yet."""
    sessions = Session.objects.filter(condition_of(filters.view, user))
    if filters.agent:
        sessions = sessions.filter(agent__slug=filters.agent)
    return matching(sessions, filters.q) if filters.q else sessions


def condition_of(view: View, user: User) -> Q:
    """Each condition is an index of `Session`."""
    match view.key:
        case "waiting":
            return Q(controller__in=PEOPLE, waiting_since__isnull=False)
        case "mine":
            return Q(assignee=user, closed_at__isnull=True)
        case "agent":
            return Q(controller=Session.Controller.AGENT)
        case "closed":
            return Q(controller=CLOSED)
        case _:
            return Q(closed_at__isnull=True)


def matching(sessions: QuerySet[Session], q: str) -> QuerySet[Session]:
    """Those of an escalation's number or an id, or of a customer or with words that `q` begins.

    Words are looked for in the last message of the newest `SEARCHED` conversations, so that a search costs the same
    whatever has piled up; a customer is found however long ago they wrote.
    """
    escalation = re.fullmatch(r"[eE]-(\d{1,15})", q)
    if escalation:
        return sessions.filter(escalations__number=int(escalation[1]))
    try:
        return sessions.filter(pk=UUID(q))
    except ValueError:
        newest = sessions.order_by("-last_message_at", "-id")
        of_customer = newest.filter(customer__in=customers_matching(q)).values_list("pk", flat=True)[:FOUND]
        recent = newest.values_list("pk", "preview")[:SEARCHED]
        wanted = q.casefold()
        with_words = [pk for pk, preview in recent if wanted in preview.casefold()]
        # The ids are named: asked for as one, PostgreSQL reads every conversation to find the few.
        return sessions.filter(pk__in=[*of_customer, *with_words[:FOUND]])


def customers_matching(q: str) -> list[UUID]:
    """Customers with each word of `q` at the beginning of a word of their name, or whose address begins with it."""
    customers = Customer.objects.order_by("pk")
    address = customers.annotate(address=Lower("email")).filter(address__startswith=q.lower())
    found = set(address.values_list("pk", flat=True)[:FOUND])
    words = re.findall(r"\w+", q)
    if words:
        query = SearchQuery(" & ".join(f"{word}:*" for word in words), config="simple", search_type="raw")
        named = customers.annotate(words=SearchVector("name", config="simple")).filter(words=query)
        found.update(named.values_list("pk", flat=True)[:FOUND])
    return list(found)


def page_of(filters: Filters, *, user: User, after: Cursor | None = None, size: int = PAGE_SIZE) -> Page:
    """One page in the list's order, beginning behind `after`; one query however long the list is."""
    view = filters.view
    sessions = with_what_rows_show(sessions_in(filters, user=user))
    if after is not None:
        far, tie = ("lt", "lt") if view.is_newest_first else ("gt", "gt")
        # The first condition alone is what the index can begin at; the second breaks ties.
        sessions = sessions.filter(
            Q(**{f"{view.column}__{far}e": after.at})
            & (Q(**{f"{view.column}__{far}": after.at}) | Q(**{f"id__{tie}": after.id}))
        )
    found = list(sessions.order_by(view.order, "-id" if view.is_newest_first else "id")[: size + 1])
    last = found[size - 1] if len(found) > size else None
    return Page(
        rows=[row_of(session, user=user) for session in found[:size]],
        next=Cursor(at=getattr(last, view.column), id=last.pk) if last else None,
    )


def rows_by_id(ids: Iterable[UUID], filters: Filters, *, user: User) -> list[Row]:
    """These conversations as they are now, those too that the list would no longer show."""
    asked = list(ids)
    belongs = Exists(sessions_in(filters, user=user).filter(pk=OuterRef("pk")))
    sessions = with_what_rows_show(Session.objects.filter(pk__in=asked)).annotate(belongs=belongs)
    found = {session.pk: row_of(session, user=user, has_left=not session.belongs) for session in sessions}
    return [found[pk] for pk in asked if pk in found]


def count_new(filters: Filters, *, user: User, since: datetime, shown: Sequence[UUID]) -> int:
    """Conversations that came to the list after `since` and are not on the reader's screen; at most `PAGE_SIZE`."""
    came = sessions_in(filters, user=user).filter(**{f"{filters.view.column}__gt": since}).exclude(pk__in=shown)
    return came[:PAGE_SIZE].count()


def count_views(filters: Filters, *, user: User) -> dict[str, int]:
    """How many conversations the counted views hold, up to one more than `COUNT_LIMIT`; by agent, not by search."""
    return {
        view.key: sessions_in(Filters(view=view, agent=filters.agent), user=user)[: COUNT_LIMIT + 1].count()
        for view in VIEWS.values()
        if view.is_counted
    }


def with_what_rows_show(sessions: QuerySet[Session]) -> QuerySet[Session]:
    escalation = Escalation.objects.filter(session=OuterRef("pk"), status__in=Escalation.UNRESOLVED)
    return sessions.select_related("customer", "agent__live_version", "assignee").annotate(
        open_escalation=Subquery(
            escalation.values(json=JSONObject(id="id", number="number", reason="reason", status="status"))[:1]
        )
    )


def row_of(session: Session, *, user: User, has_left: bool = False) -> Row:
    escalation = getattr(session, "open_escalation", None)
    if escalation:
        escalation = {**escalation, "reason": Escalation.Reason(escalation["reason"]).label}
    return Row(
        session=session,
        prefix=prefix_of(session, user),
        speaker=speaker_of(session, user),
        escalation=escalation,
        is_mine=session.assignee_id == user.pk,
        has_left=has_left,
    )


def prefix_of(session: Session, user: User) -> str:
    """Who said the last line, before it; nothing for the customer, whose row it is."""
    match session.preview_author:
        case Message.Author.AGENT:
            return "Agent:"
        case Message.Author.PERSON if session.assignee_id == user.pk:
            return "You:"
        case Message.Author.PERSON:
            return f"{label_of(session.assignee)}:" if session.assignee else "Person:"
    return ""


def speaker_of(session: Session, user: User) -> str:
    """Who answers this conversation, in words."""
    if session.controller == Session.Controller.AGENT:
        version = session.agent.live_version
        return f"{session.agent.name} {version.label}" if version else session.agent.name
    if session.is_closed:
        return "Closed"
    if session.assignee is None:
        return "Nobody yet"
    return "You" if session.assignee_id == user.pk else label_of(session.assignee)
