"""Guardrails and their versions, what they saw, and the sets that they are measured on. Agents, sessions, turns and
messages are plain ids here."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from observability.ids import uuid7

EXCERPT_LENGTH = 400


class Guardrail(models.Model):
    """What may be said and seen; agents name it, and its newest version holds for those that name no version."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=80)
    description = models.CharField(max_length=200, blank=True)
    # Holds for every agent that names none.
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(
                fields=["is_default"], condition=models.Q(is_default=True), name="guardrail_one_default"
            )
        ]

    def __str__(self) -> str:
        return self.name


class GuardrailVersion(models.Model):
    """The draft (no number), or a numbered version, which a trigger in the database keeps as it is."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    guardrail = models.ForeignKey(Guardrail, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(null=True)
    # The JSON of Bedrock's CreateGuardrail, with our sections: see guardrails/config.py.
    config = models.JSONField(default=dict)
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    published_at = models.DateTimeField(null=True)
    published_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["guardrail", "number"], name="guardrailversion_number_once"),
            models.UniqueConstraint(
                fields=["guardrail"], condition=models.Q(number__isnull=True), name="guardrailversion_one_draft"
            ),
            models.CheckConstraint(
                condition=models.Q(number__isnull=True, published_at__isnull=True)
                | models.Q(number__gte=1, published_at__isnull=False),
                name="guardrailversion_published_has_number",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.guardrail_id} {self.label}"

    @property
    def label(self) -> str:
        """As Bedrock says it: `DRAFT` or `1`."""
        return "DRAFT" if self.number is None else str(self.number)


class Violation(models.Model):
    """One thing that one rule saw in one text, and what was done about it.

    Secrets and card numbers are masked before it is written. `excerpt` is the passage, with the match at `match_start`
    to `match_end`; who may see it whole is decided where it is shown.
    """

    class Stage(models.TextChoices):
        INPUT = "input", "Customer's message"
        TOOL_CALL = "tool_call", "Tool input"
        TOOL_RESULT = "tool_result", "Tool result"
        OUTPUT = "output", "Reply"

    class Action(models.TextChoices):
        BLOCKED = "blocked"
        MASKED = "masked"
        REPAIRED = "repaired"  # the agent said it again, and better
        HANDED_OVER = "handed_over", "Handed over"
        DETECTED = "detected"  # a rule in shadow, or one that only notes

    class Triage(models.TextChoices):
        OPEN = "open"
        CONFIRMED = "confirmed"
        FALSE_POSITIVE = "false_positive", "False positive"
        FIXED = "fixed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now)
    guardrail_id = models.UUIDField()
    guardrail_name = models.CharField(max_length=80)
    guardrail_number = models.PositiveIntegerField(null=True)  # None: the draft
    agent_id = models.UUIDField(null=True)
    agent_name = models.CharField(max_length=80, blank=True)
    session_id = models.UUIDField(null=True)
    turn_id = models.UUIDField(null=True)
    # The message, or the tool call, that it was seen in.
    message_id = models.UUIDField(null=True)
    call_id = models.UUIDField(null=True)
    stage = models.CharField(max_length=12, choices=Stage.choices)
    policy = models.CharField(max_length=12)
    # As `Finding.rule`: `pii:EMAIL`.
    rule = models.CharField(max_length=140)
    confidence = models.PositiveSmallIntegerField()
    tier = models.CharField(max_length=6, default="local")
    action = models.CharField(max_length=12, choices=Action.choices)
    excerpt = models.CharField(max_length=EXCERPT_LENGTH, blank=True)
    match_start = models.IntegerField(default=-1)
    match_end = models.IntegerField(default=-1)
    why = models.CharField(max_length=300, blank=True)
    score = models.FloatField(null=True)
    triage = models.CharField(max_length=14, choices=Triage.choices, default=Triage.OPEN)
    triaged_at = models.DateTimeField(null=True)
    triaged_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    triage_note = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(triage="open", triaged_at__isnull=True)
                | (~models.Q(triage="open") & models.Q(triaged_at__isnull=False)),
                name="violation_triaged_has_time",
            ),
            models.CheckConstraint(
                condition=models.Q(match_start__gte=-1, match_end__gte=models.F("match_start")),
                name="violation_match_is_a_span",
            ),
        ]
        indexes = [
            # The list, newest first, and its keyset paging; the trend.
            models.Index(fields=["-at", "-id"], name="violation_newest"),
            # The list of one rule, and its figures.
            models.Index(fields=["rule", "-at", "-id"], name="violation_of_rule"),
            # An agent's list.
            models.Index(fields=["agent_id", "-at", "-id"], name="violation_of_agent"),
            # The marks in a conversation; deleting one.
            models.Index(fields=["session_id", "at"], name="violation_of_session"),
            # What nobody has looked at yet: the default view.
            models.Index(fields=["-at", "-id"], name="violation_open", condition=models.Q(triage="open")),
        ]

    def __str__(self) -> str:
        return f"{self.rule} {self.action}"


class LabelledSet(models.Model):
    """Texts of which people know what a filter should say."""

    class Measures(models.TextChoices):
        CONTENT = "content", "Content filters"
        PROMPT_ATTACK = "prompt_attack", "Prompt attacks"
        PII = "pii", "Personal data"
        GROUNDING = "grounding", "Grounding"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    measures = models.CharField(max_length=14, choices=Measures.choices)
    description = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class LabelledCase(models.Model):
    """`label`: whether the filter should act (for grounding: whether the answer is not borne out). `spans` of personal
    data: [{"start", "end", "entity"}]. `source` is what an answer was to rest on."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    labelled_set = models.ForeignKey(LabelledSet, on_delete=models.CASCADE, related_name="cases")
    text = models.TextField(max_length=20_000)
    source = models.TextField(blank=True, max_length=60_000)
    label = models.BooleanField(null=True)
    spans = models.JSONField(default=list)
    # Where it came from, if from a violation that somebody judged.
    violation_id = models.UUIDField(null=True)

    class Meta:
        constraints = [
            # One violation becomes one case of a set, however often the button is pressed.
            models.UniqueConstraint(fields=["labelled_set", "violation_id"], name="labelledcase_once_per_violation")
        ]

    def __str__(self) -> str:
        return self.text[:40]


class Measurement(models.Model):
    """One run of the workbench: a version over a labelled set, or a draft over what was said in the last days.

    A job of the worker, with progress; `result` is what the page shows, written at the end.
    """

    class Kind(models.TextChoices):
        SET = "set", "Labelled set"
        BACKTEST = "backtest", "Back-test"

    class Status(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    labelled_set = models.ForeignKey(LabelledSet, null=True, on_delete=models.CASCADE, related_name="measurements")
    guardrail = models.ForeignKey(Guardrail, on_delete=models.CASCADE, related_name="measurements")
    number = models.PositiveIntegerField(null=True)
    # As it was measured: a draft changes.
    config = models.JSONField()
    days = models.PositiveIntegerField(null=True)
    status = models.CharField(max_length=8, choices=Status.choices, default=Status.QUEUED)
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    error = models.CharField(max_length=300, blank=True)
    requested_at = models.DateTimeField(default=timezone.now)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    # A worker's hold on it, renewed with its progress: one that dies leaves it to the next.
    claimed_until = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind="set", labelled_set__isnull=False, days__isnull=True)
                | models.Q(kind="backtest", labelled_set__isnull=True, days__isnull=False),
                name="measurement_of_set_or_days",
            )
        ]
        indexes = [
            # The workbench's page, newest first.
            models.Index(fields=["-requested_at"], name="measurement_newest"),
            # The worker: what is still to be done.
            models.Index(
                fields=["requested_at"],
                name="measurement_open",
                condition=models.Q(status__in=["queued", "running"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.status}"
