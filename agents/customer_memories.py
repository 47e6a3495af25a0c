"""What is remembered of one customer, as people read it: what holds, what waits, what held once, and the source."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Count, Q
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from agents.access import check_staff
from agents.conversation import THREAD_SIZE
from agents.models import Agent, Customer, Message, Session
from agents.sessions import label_of
from memory.consolidate import REJECTED, WRONG
from memory.models import Memory, Strategy
from memory.reach import bound_to

# So many that hold or wait are shown, the newest; and so many of those that held once.
MOST_SHOWN = 200
MOST_PAST = 200
# Beside a conversation: what the agent would most likely be given.
MOST_BESIDE = 6
# In the order in which a person looks for them.
GROUPS = {
    Strategy.PREFERENCES: ("Preferences", "How they want to be served"),
    Strategy.FACTS: ("Facts", "What they said of themselves"),
    Strategy.EPISODES: ("Episodes", "What was asked, done, and how it ended"),
    Strategy.SUMMARY: ("Summary", "A short profile"),
}
TURNED_DOWN = {WRONG: "Marked wrong", REJECTED: "Rejected"}
LOW, HIGH = 0.5, 0.8


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where it was said: the address of the message, "" where there is none any more, and what to call it."""

    href: str = ""
    words: str = ""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A memory with its names put in: who wrote it, where it is from, and what it took the place of, newest first."""

    memory: Memory
    author: str
    source: Source
    turned_down: str = ""
    history: list[Shown] = field(default_factory=list)
    replaces: Memory | None = None

    @property
    def is_expired(self) -> bool:
        """Nothing recalls it any more, though it is not deleted yet."""
        expires_at = self.memory.expires_at
        return expires_at is not None and expires_at <= timezone.now() and not self.memory.is_pinned

    @property
    def percent(self) -> int:
        return round(self.memory.confidence * 100)

    @property
    def surety(self) -> str:
        """The confidence in a word."""
        return "unsure" if self.memory.confidence < LOW else "sure" if self.memory.confidence >= HIGH else "likely"


@dataclass(frozen=True, kw_only=True)
class Group:
    key: str
    name: str
    text: str
    memories: list[Shown]


@dataclass(frozen=True, kw_only=True)
class Known:
    """`past` holds no longer and nothing took its place; `forgotten` are empty. `active` is how many are recalled.

    `is_cut`: there are more than these.
    """

    groups: list[Group]
    held: list[Shown]
    past: list[Shown]
    forgotten: list[Memory]
    active: int
    is_cut: bool

    @property
    def is_empty(self) -> bool:
        return not (self.groups or self.held or self.past or self.forgotten)


@dataclass(frozen=True, kw_only=True)
class Remembered:
    """What stands beside a conversation: the first few that hold, and how many there are."""

    customer_id: UUID
    memories: list[Memory]
    active: int
    held: int

    @property
    def more(self) -> int:
        return self.active - len(self.memories)


# -- fetch and authorise


def get_customer_for(user: User, customer_id: UUID) -> Customer:
    """Raises `Http404`."""
    check_staff(user)
    found = Customer.objects.filter(pk=customer_id).first()
    if found is None:
        raise Http404("There is no such customer.")
    return found


def get_memory_for(user: User, customer: Customer, memory_id: UUID) -> Memory:
    """The customer's own, whatever the address says. Raises `Http404`."""
    check_staff(user)
    with bound_to(customer.pk):
        found = Memory.objects.filter(pk=memory_id, customer_id=customer.pk).first()
    if found is None:
        raise Http404("Nothing of that kind is remembered of this customer.")
    return found


# -- read


def holds() -> Q:
    """What is recalled: it is active, and its time is not over; a pinned one has no end."""
    return Q(state=Memory.State.ACTIVE) & (
        Q(is_pinned=True) | Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    )


def read_known(customer_id: UUID) -> Known:
    """Six queries beside those that bind, however many there are."""
    with bound_to(customer_id):
        mine = Memory.objects.filter(customer_id=customer_id).defer("embedding")
        now = [Memory.State.ACTIVE, Memory.State.PROPOSED]
        counts = mine.aggregate(
            active=Count("pk", filter=holds()), now=Count("pk", filter=Q(state__in=now)), all=Count("pk")
        )
        present = list(mine.filter(state__in=now).order_by("-created_at")[:MOST_SHOWN])
        before = list(mine.exclude(state__in=now).order_by("-created_at")[:MOST_PAST])
    past = [memory for memory in before if memory.state == Memory.State.SUPERSEDED]
    shown = {one.memory.pk: one for one in show([*present, *past])}
    roots = {memory.pk for memory in past if memory.superseded_by_id not in shown}
    return Known(
        groups=groups_of([shown[memory.pk] for memory in present if memory.state == Memory.State.ACTIVE]),
        held=[shown[memory.pk] for memory in present if memory.state == Memory.State.PROPOSED],
        past=[shown[memory.pk] for memory in past if memory.pk in roots],
        forgotten=[memory for memory in before if memory.state == Memory.State.FORGOTTEN],
        active=counts["active"],
        is_cut=counts["now"] > MOST_SHOWN or counts["all"] - counts["now"] > MOST_PAST,
    )


def read_one(memory: Memory) -> Shown:
    """As its page shows it, without its history."""
    return show([memory])[0]


def remembered_of(customer_id: UUID) -> Remembered:
    with bound_to(customer_id):
        mine = Memory.objects.filter(customer_id=customer_id)
        counts = mine.aggregate(
            active=Count("pk", filter=holds()), held=Count("pk", filter=Q(state=Memory.State.PROPOSED))
        )
        first = list(mine.filter(holds()).defer("embedding").order_by("-is_pinned", "-updated_at")[:MOST_BESIDE])
    return Remembered(customer_id=customer_id, memories=first, active=counts["active"], held=counts["held"])


def chain_of(memory: Memory) -> list[Memory]:
    """The memory and all that it took the place of, directly or not: what is forgotten together."""
    with bound_to(memory.customer_id):
        found, newest = [memory], [memory.pk]
        while newest:
            older = list(Memory.objects.filter(superseded_by__in=newest, customer_id=memory.customer_id))
            seen = {one.pk for one in found}
            older = [one for one in older if one.pk not in seen]
            found, newest = [*found, *older], [one.pk for one in older]
    return found


def groups_of(active: Sequence[Shown]) -> list[Group]:
    """Each strategy that has any; pinned ones first, then the latest said."""
    of: dict[str, list[Shown]] = defaultdict(list)
    for one in active:
        of[one.memory.strategy].append(one)
    for ones in of.values():
        ones.sort(key=lambda one: (one.memory.is_pinned, one.memory.updated_at), reverse=True)
    return [Group(key=key, name=name, text=text, memories=of[key]) for key, (name, text) in GROUPS.items() if of[key]]


def show(memories: Sequence[Memory]) -> list[Shown]:
    """Three queries: the people, the agents, the messages. Each is given those among them whose place it took."""
    names, sources = Names.of(memories), sources_of(memories)
    older: dict[UUID | None, list[Memory]] = defaultdict(list)
    for memory in memories:
        older[memory.superseded_by_id].append(memory)
    active = {(one.strategy, one.topic): one for one in memories if one.state == Memory.State.ACTIVE and one.topic}

    def shown(memory: Memory, history: list[Shown]) -> Shown:
        is_held = memory.state == Memory.State.PROPOSED
        return Shown(
            memory=memory,
            author=names.author_of(memory),
            source=sources[memory.pk],
            turned_down=names.turned_down(memory),
            history=history,
            replaces=active.get((memory.strategy, memory.topic)) if is_held else None,
        )

    return [shown(memory, [shown(one, []) for one in flat(memory.pk, older)]) for memory in memories]


def flat(root: UUID, older: Mapping[UUID | None, list[Memory]]) -> list[Memory]:
    """All that came before, newest first, in one list."""
    found: list[Memory] = []
    waiting = list(older.get(root, []))
    while waiting:
        memory = waiting.pop()
        found.append(memory)
        waiting.extend(older.get(memory.pk, []))
    return sorted(found, key=lambda memory: (memory.created_at, memory.pk), reverse=True)


# -- names


@dataclass(frozen=True, kw_only=True)
class Names:
    people: Mapping[int, str]
    agents: Mapping[UUID, str]

    @classmethod
    def of(cls, memories: Iterable[Memory]) -> Names:
        rows = list(memories)
        people = {row.author_user_id for row in rows} | {row.metadata.get("turnedDownBy") for row in rows}
        agents = {row.agent_id for row in rows}
        users = User.objects.filter(pk__in=[pk for pk in people if isinstance(pk, int)])
        return cls(
            people={user.pk: label_of(user) for user in users},
            agents=dict(Agent.objects.filter(pk__in=[pk for pk in agents if pk]).values_list("pk", "name")),
        )

    def author_of(self, memory: Memory) -> str:
        person = self.people.get(memory.author_user_id or 0, "A former colleague")
        agent = self.agents.get(memory.agent_id, "") if memory.agent_id else ""
        match memory.author:
            case Memory.Author.PERSON:
                return person
            case Memory.Author.IMPORT:
                return "Import"
        written = agent or "An agent"
        return f"{written}, accepted by {person}" if memory.author_user_id else written

    def turned_down(self, memory: Memory) -> str:
        """By whom, where it was a person's word against it."""
        words = TURNED_DOWN.get(memory.reason, "") if memory.state == Memory.State.SUPERSEDED else ""
        by = memory.metadata.get("turnedDownBy")
        return f"{words} by {self.people.get(by, 'a former colleague')}" if words and isinstance(by, int) else words


def sources_of(memories: Sequence[Memory]) -> dict[UUID, Source]:
    """Two queries: their messages, and the conversations of those that name no message."""
    messages = {
        message.pk: message
        for message in Message.objects.filter(pk__in=[one.message_id for one in memories if one.message_id])
        .select_related("session")
        .only("seq", "session__event_seq", "session__channel")
    }
    without = {one.session_id for one in memories if one.session_id and one.message_id not in messages}
    sessions = set(Session.objects.filter(pk__in=without).values_list("pk", flat=True)) if without else set()
    return {
        one.pk: source_of(one, messages.get(one.message_id) if one.message_id else None, sessions) for one in memories
    }


def source_of(memory: Memory, message: Message | None, sessions: set[UUID]) -> Source:
    if message is not None and message.session_id == memory.session_id:
        return Source(href=address_of(message), words="The message")
    if memory.session_id in sessions:
        return Source(href=reverse("agents:conversation", args=[memory.session_id]), words="The conversation")
    if memory.session_id:
        return Source(words="The conversation is deleted")
    return Source()


def address_of(message: Message) -> str:
    """The message in its conversation; one further back than a page shows, on the page that ends with it."""
    address = reverse("agents:conversation", args=[message.session_id])
    is_near = message.session.event_seq - message.seq < THREAD_SIZE
    return f"{address}{'' if is_near else f'?before={message.seq + 1}'}#m-{message.seq}"
