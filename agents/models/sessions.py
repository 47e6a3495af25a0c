"""Customers, their conversations, and what was said."""

from __future__ import annotations

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone

from agents.models.agents import Agent, AgentVersion
from observability.ids import uuid7


class Channel(models.TextChoices):
    CHAT = "chat"
    SHELL = "shell"


class Customer(models.Model):
    """Somebody who is answered; never a user of the desk."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="customer_email_once")]
        indexes = [
            # The inbox's search: words of a name, and the beginning of an address.
            GinIndex(SearchVector("name", config="simple"), name="customer_words"),
            models.Index(OpClass(Lower("email"), name="text_pattern_ops"), name="customer_address"),
        ]

    def __str__(self) -> str:
        return self.name or self.email


class Session(models.Model):
    """A conversation. `controller` says who speaks; it is checked again in the statement that publishes a reply."""

    class Controller(models.TextChoices):
        AGENT = "agent"
        HUMAN = "human"
        PAUSED = "paused"
        CLOSED = "closed"

    class Identity(models.TextChoices):
        """How sure we are that the customer is who they say: only `verified` binds a tool call to them."""

        CLAIMED = "claimed"
        VERIFIED = "verified"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="sessions")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="sessions")
    channel = models.CharField(max_length=10, choices=Channel.choices)
    identity = models.CharField(max_length=10, choices=Identity.choices, default=Identity.CLAIMED)
    controller = models.CharField(max_length=10, choices=Controller.choices, default=Controller.AGENT)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="assigned_sessions",
        db_index=False,
    )
    # The number of the newest event; taking the next one locks the row, so events commit in the order of their numbers.
    event_seq = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField(default=timezone.now)
    last_message_at = models.DateTimeField(default=timezone.now)
    # Since when the customer waits for an answer; empty once answered.
    waiting_since = models.DateTimeField(null=True, blank=True)
    preview = models.CharField(max_length=160, blank=True)
    preview_author = models.CharField(max_length=10, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    # When it was said that the matter is solved: by the person who closed it, or by the customer, who takes it back by
    # writing again.
    solved_at = models.DateTimeField(null=True, blank=True)
    # The other three are kept by triggers of migration 0015, whoever writes. When a person first had the word.
    handed_over_at = models.DateTimeField(null=True, blank=True)
    # When the customer came back after the longest silence that followed an answer, here or in a new conversation, and
    # since when it had been quiet; without the latter it had been said to be solved, at most seven days before.
    came_back_at = models.DateTimeField(null=True, blank=True)
    quiet_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(controller="closed", closed_at__isnull=False)
                | (~models.Q(controller="closed") & models.Q(closed_at__isnull=True)),
                name="session_closed_has_time",
            )
        ]
        indexes = [
            # The inbox's views: by who speaks, those who wait (longest first), one's own, all open ones.
            models.Index(fields=["controller", "-last_message_at", "-id"], name="session_inbox"),
            models.Index(
                fields=["waiting_since", "id"],
                name="session_waiting",
                condition=models.Q(controller__in=["human", "paused"], waiting_since__isnull=False),
            ),
            models.Index(
                fields=["assignee", "-last_message_at", "-id"],
                name="session_mine",
                condition=models.Q(closed_at__isnull=True, assignee__isnull=False),
            ),
            models.Index(
                fields=["-last_message_at", "-id"], name="session_open", condition=models.Q(closed_at__isnull=True)
            ),
            # The nightly deletion: those closed longest ago.
            models.Index(
                fields=["closed_at", "id"], name="session_closed", condition=models.Q(closed_at__isnull=False)
            ),
            # The overview (agents/resolution.py): what began, was said to be solved, was handed over, came back.
            models.Index(fields=["opened_at"], include=["agent", "channel"], name="session_begun"),
            models.Index(
                fields=["solved_at"],
                include=["agent", "channel", "handed_over_at"],
                name="session_solved",
                condition=models.Q(solved_at__isnull=False),
            ),
            models.Index(
                fields=["handed_over_at"],
                include=["agent", "channel"],
                name="session_handed_over",
                condition=models.Q(handed_over_at__isnull=False),
            ),
            models.Index(
                fields=["came_back_at"], name="session_came_back", condition=models.Q(came_back_at__isnull=False)
            ),
            # And what the agent answered last, alone, before it became quiet.
            models.Index(
                fields=["last_message_at"],
                include=["agent", "channel", "came_back_at"],
                name="session_answered",
                condition=models.Q(
                    controller="agent",
                    preview_author="agent",
                    waiting_since__isnull=True,
                    handed_over_at__isnull=True,
                    solved_at__isnull=True,
                ),
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_closed(self) -> bool:
        return self.controller == self.Controller.CLOSED


class Message(models.Model):
    """Something said, or a step of the agent, kept in the content-block form of Anthropic's Messages API.

    `text` is what a reader sees; `content` is what the model said or is given, verbatim.
    """

    class Author(models.TextChoices):
        CUSTOMER = "customer"
        AGENT = "agent"
        PERSON = "person"
        SYSTEM = "system"

    class Visibility(models.TextChoices):
        PUBLIC = "public"
        NOTE = "note"
        STEP = "step"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    session = models.ForeignKey(Session, on_delete=models.CASCADE, related_name="messages", db_index=False)
    # The event's number in the session: the order of the conversation.
    seq = models.BigIntegerField()
    # The turn that answers it (customer) or that said it (agent).
    # Without a constraint, as for `TurnEvent`.
    turn = models.ForeignKey(
        "Turn", null=True, on_delete=models.CASCADE, related_name="messages", db_index=False, db_constraint=False
    )
    author = models.CharField(max_length=10, choices=Author.choices)
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PUBLIC)
    channel = models.CharField(max_length=10, choices=Channel.choices)
    external_id = models.CharField(max_length=200, null=True)  # noqa: DJ001  the unique constraint skips NULL only
    text = models.TextField(blank=True)
    content = models.JSONField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # Without a constraint: its turn's version has one, and the check would lock and log the version's row each time.
    agent_version = models.ForeignKey(
        AgentVersion, null=True, on_delete=models.PROTECT, related_name="+", db_index=False, db_constraint=False
    )
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            # Also the index that reads a conversation in order.
            models.UniqueConstraint(fields=["session", "seq"], name="message_seq_once"),
            models.UniqueConstraint(
                fields=["channel", "external_id"],
                condition=models.Q(external_id__isnull=False),
                name="message_external_id_once",
            ),
            models.CheckConstraint(
                condition=~models.Q(author="person") | models.Q(visibility__in=["public", "note"]),
                name="message_steps_are_the_agents",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.author}: {self.text[:40]}"
