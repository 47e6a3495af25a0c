"""Agents, and their versions behind a live pointer."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils import timezone

from memory.models import Strategy
from observability.ids import uuid7


def every_strategy() -> list[str]:
    return list(Strategy.values)


class Agent(models.Model):
    """What a customer talks to; what it says and may do is in its live version."""

    class Status(models.TextChoices):
        ACTIVE = "active"
        PAUSED = "paused"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACTIVE)
    live_version = models.ForeignKey("AgentVersion", null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class AgentVersion(models.Model):
    """Everything that decides how an agent behaves. A trigger in the database keeps a published one unchanged."""

    class State(models.TextChoices):
        DRAFT = "draft"
        PUBLISHED = "published"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.CASCADE, related_name="versions")
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    number = models.PositiveIntegerField(null=True)
    instructions = models.TextField(help_text="Who the agent is, how it works, and the facts it may state.")
    model = models.CharField(max_length=120)
    max_output_tokens = models.PositiveIntegerField(
        default=1024, validators=[MinValueValidator(64), MaxValueValidator(32_000)]
    )
    tools = models.JSONField(default=list, blank=True, help_text="The names of the tools that it may call.")
    window_exchanges = models.PositiveIntegerField(
        default=10, validators=[MinValueValidator(1), MaxValueValidator(200)]
    )
    window_tokens = models.PositiveIntegerField(
        default=5000, validators=[MinValueValidator(200), MaxValueValidator(500_000)]
    )
    window_hours = models.PositiveIntegerField(default=24, validators=[MinValueValidator(1), MaxValueValidator(8760)])
    max_model_calls = models.PositiveIntegerField(default=8, validators=[MinValueValidator(1), MaxValueValidator(50)])
    max_tool_calls = models.PositiveIntegerField(default=12, validators=[MaxValueValidator(100)])
    max_seconds = models.PositiveIntegerField(default=120, validators=[MinValueValidator(5), MaxValueValidator(540)])
    max_tokens = models.PositiveIntegerField(
        default=200_000, validators=[MinValueValidator(1000)], help_text="Of all model calls of a turn together."
    )
    max_usd = models.DecimalField(
        max_digits=8, decimal_places=4, default=Decimal(1), validators=[MinValueValidator(Decimal("0.0001"))]
    )
    max_same_call = models.PositiveIntegerField(
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
        help_text="How often a turn may make the same call with the same arguments.",
    )
    fallback_model = models.CharField(
        max_length=120, blank=True, help_text="Answers where the model is overloaded or cannot be reached."
    )
    merge_waiting = models.BooleanField(
        default=False, help_text="Messages that come in while a turn runs are answered together."
    )
    memory_strategies = models.JSONField(
        default=every_strategy, blank=True, help_text="What is remembered of a customer after a conversation."
    )
    recall_memories = models.PositiveIntegerField(
        default=8, validators=[MaxValueValidator(50)], help_text="Memories of the customer in a turn; 0 for none."
    )
    recall_passages = models.PositiveIntegerField(
        default=3, validators=[MaxValueValidator(20)], help_text="Passages of documents in a turn; 0 for none."
    )
    recall_tokens = models.PositiveIntegerField(
        default=800, validators=[MinValueValidator(50), MaxValueValidator(20_000)], help_text="For both together."
    )
    recall_own_only = models.BooleanField(
        default=False, help_text="Only what this agent has learnt, or a person wrote; else what every agent has."
    )
    guardrail = models.CharField(
        max_length=80,
        blank=True,
        help_text="Checks every message, tool call and reply: its name, or `name:version`; empty for the default one.",
    )
    greeting = models.CharField(max_length=300, blank=True)
    handoff_text = models.CharField(
        max_length=300, default="I have passed this to a colleague, who will answer you here."
    )
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["agent", "number"], name="agentversion_number_once"),
            models.UniqueConstraint(
                fields=["agent"], condition=models.Q(state="draft"), name="agentversion_one_draft_per_agent"
            ),
            models.CheckConstraint(
                condition=models.Q(state="draft", number__isnull=True, published_at__isnull=True)
                | models.Q(state="published", number__isnull=False, published_at__isnull=False),
                name="agentversion_published_has_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.agent_id} {self.label}"

    @property
    def label(self) -> str:
        return "draft" if self.number is None else f"v{self.number}"
