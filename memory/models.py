"""What is remembered, and the documents that answers rest on. Customers, agents and sessions are plain ids here."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.utils import timezone
from pgvector.django import HnswIndex, VectorField

from memory.embeddings.base import DIMENSIONS
from observability.ids import uuid7

TEXT_LENGTH = 2000
LIFETIME = timedelta(days=730)


def default_expiry() -> object:
    return timezone.now() + LIFETIME


class Strategy(models.TextChoices):
    """What kind of thing is remembered, and by which way it is extracted."""

    EPISODES = "episodes"
    FACTS = "facts"
    PREFERENCES = "preferences"
    SUMMARY = "summary"


class Memory(models.Model):
    """One thing known of one customer.

    Row-level security shows it only where the connection is bound to its customer (`memory/reach.py`), so a filter that
    somebody forgets returns nothing. `topic` is what it is about, such as `email_frequency`: of one topic one memory is
    active. A forgotten one is empty: it says only that there was one.
    """

    class Author(models.TextChoices):
        AGENT = "agent"
        PERSON = "person"
        IMPORT = "import"

    class State(models.TextChoices):
        PROPOSED = "proposed"
        ACTIVE = "active"
        SUPERSEDED = "superseded"
        FORGOTTEN = "forgotten"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    customer_id = models.UUIDField()
    agent_id = models.UUIDField(null=True)
    strategy = models.CharField(max_length=12, choices=Strategy.choices)
    topic = models.CharField(max_length=80, blank=True)
    text = models.TextField(max_length=TEXT_LENGTH, blank=True)
    metadata = models.JSONField(default=dict)
    embedding = VectorField(dimensions=DIMENSIONS, null=True)
    embedding_model = models.CharField(max_length=80, blank=True)
    # Where it was said.
    session_id = models.UUIDField(null=True)
    message_id = models.UUIDField(null=True)
    author = models.CharField(max_length=10, choices=Author.choices)
    author_user_id = models.BigIntegerField(null=True)
    # 0 to 1: what a person wrote is 1.
    confidence = models.FloatField(default=0.6)
    # How often it was said.
    times = models.PositiveIntegerField(default=1)
    state = models.CharField(max_length=12, choices=State.choices, default=State.ACTIVE)
    # Why a person has to look (proposed), or why it holds no longer (superseded).
    reason = models.CharField(max_length=200, blank=True)
    superseded_by = models.ForeignKey(
        "self", null=True, on_delete=models.SET_NULL, related_name="supersedes", db_index=False
    )
    is_pinned = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, default=default_expiry)
    words = models.GeneratedField(
        expression=SearchVector("text", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["customer_id", "strategy", "topic"],
                condition=models.Q(state="active") & ~models.Q(topic=""),
                name="memory_one_active_of_a_topic",
            ),
            models.CheckConstraint(
                condition=models.Q(confidence__gte=0.0, confidence__lte=1.0), name="memory_confidence_is_a_share"
            ),
            models.CheckConstraint(
                condition=(models.Q(state="forgotten", text="", embedding__isnull=True))
                | (~models.Q(state="forgotten") & ~models.Q(text="")),
                name="memory_forgotten_is_empty",
            ),
            models.CheckConstraint(
                condition=models.Q(embedding__isnull=True) | ~models.Q(embedding_model=""),
                name="memory_embedding_names_its_model",
            ),
        ]
        indexes = [
            # Recall: exact, among the customer's own. Beside a vector index the planner would take that and lose rows.
            models.Index(fields=["customer_id"], name="memory_of_customer", condition=models.Q(state="active")),
            # The customer's page, with what holds no longer.
            models.Index(fields=["customer_id", "-created_at"], name="memory_history"),
            # The nightly deletion.
            models.Index(
                fields=["expires_at"],
                name="memory_expiring",
                condition=models.Q(expires_at__isnull=False, is_pinned=False),
            ),
            # The nightly deletion, where a shorter time is set than rows were given.
            models.Index(fields=["updated_at"], name="memory_last_said", condition=models.Q(is_pinned=False)),
            # What superseded a memory that is deleted.
            models.Index(
                fields=["superseded_by"],
                name="memory_superseded_by",
                condition=models.Q(superseded_by__isnull=False),
            ),
            # What waits for a person.
            models.Index(fields=["created_at"], name="memory_held", condition=models.Q(state="proposed")),
            # What a session gave: its page, and the erasure.
            models.Index(fields=["session_id"], name="memory_of_session", condition=models.Q(session_id__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.strategy}: {self.text[:40]}"


class SessionSummary(models.Model):
    """What was said before the window of a conversation, in short; under row-level security as memories are."""

    session_id = models.UUIDField(primary_key=True)
    customer_id = models.UUIDField()
    # Messages up to this number are in it.
    upto_seq = models.BigIntegerField()
    text = models.TextField()
    # Who wrote it: a model's name, or "extractive".
    model = models.CharField(max_length=120)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        # The erasure of a customer.
        indexes = [models.Index(fields=["customer_id"], name="summary_of_customer")]

    def __str__(self) -> str:
        return f"{self.session_id} up to {self.upto_seq}"


class Reading(models.Model):
    """How far a conversation was read for things to remember; `due_at` where there is more."""

    session_id = models.UUIDField(primary_key=True)
    customer_id = models.UUIDField()
    seq = models.BigIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)

    class Meta:
        # The sweeper's question: what is due.
        indexes = [models.Index(fields=["due_at"], name="reading_due", condition=models.Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self.session_id} up to {self.seq}"


class Document(models.Model):
    """A source document: a policy, an FAQ. What is searched are the passages of its live version."""

    class Source(models.TextChoices):
        UPLOAD = "upload"
        FOLDER = "folder"
        URL = "url"
        TEXT = "text"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    title = models.CharField(max_length=200)
    source = models.CharField(max_length=10, choices=Source.choices)
    # The URL, the path below the folder, or the file's name.
    location = models.CharField(max_length=1000, blank=True)
    live_version = models.ForeignKey(
        "DocumentVersion", null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now)
    archived_at = models.DateTimeField(null=True)
    # Of a folder or an address: when it was last looked at, and why that did not do, if it did not.
    read_at = models.DateTimeField(null=True)
    problem = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            # A folder or an address is read again into the document that it made.
            models.UniqueConstraint(
                fields=["source", "location"],
                condition=models.Q(source__in=["folder", "url"]),
                name="document_location_once",
            )
        ]
        ordering = ["title", "id"]

    def __str__(self) -> str:
        return self.title


class DocumentVersion(models.Model):
    """What a document said from a day on. It never changes; the text is Markdown, whatever it came as."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    media_type = models.CharField(max_length=100)
    size = models.PositiveIntegerField(help_text="Bytes of what came in.")
    text = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["document", "number"], name="documentversion_number_once")]
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.document_id} v{self.number}"


class Passage(models.Model):
    """A part of a version, at most about 200 words under one heading. Only the live version's have an embedding."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="passages")
    version = models.ForeignKey(DocumentVersion, on_delete=models.CASCADE, related_name="passages", db_index=False)
    position = models.PositiveIntegerField()
    heading = models.CharField(max_length=300, blank=True)
    text = models.TextField()
    is_live = models.BooleanField(default=False)
    embedding = VectorField(dimensions=DIMENSIONS, null=True)
    embedding_model = models.CharField(max_length=80, blank=True)
    words = models.GeneratedField(
        expression=SearchVector("heading", "text", config="english"), output_field=SearchVectorField(), db_persist=True
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["version", "position"], name="passage_position_once"),
            models.CheckConstraint(
                condition=models.Q(embedding__isnull=True) | models.Q(is_live=True) & ~models.Q(embedding_model=""),
                name="passage_embedded_is_live",
            ),
        ]
        indexes = [
            # Recall by meaning: the one unfiltered table.
            HnswIndex(
                fields=["embedding"],
                name="passage_near",
                m=16,
                ef_construction=64,
                opclasses=["vector_cosine_ops"],
            ),
            # Recall by words.
            GinIndex(fields=["words"], name="passage_words", condition=models.Q(is_live=True)),
        ]
        ordering = ["position"]

    def __str__(self) -> str:
        return f"{self.heading}: {self.text[:40]}"


class DocumentUse(models.Model):
    """That a turn was given passages of a document."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="uses", db_index=False)
    turn_id = models.UUIDField()
    session_id = models.UUIDField()
    passages = ArrayField(models.UUIDField())
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["turn_id", "document"], name="documentuse_once_a_turn")]
        indexes = [
            # "Used in N answers", and their list.
            models.Index(fields=["document", "-at"], name="documentuse_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.document_id} in {self.turn_id}"


class EmbeddingJob(models.Model):
    """Everything embedded anew after the model was changed; one runs at a time."""

    class State(models.TextChoices):
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        STOPPED = "stopped"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    model = models.CharField(max_length=80)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    total = models.PositiveIntegerField(default=0)
    done = models.PositiveIntegerField(default=0)
    error = models.CharField(max_length=300, blank=True)
    started_at = models.DateTimeField(default=timezone.now)
    # When it last got on: a job that has not for a while has lost its worker.
    moved_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["state"], condition=models.Q(state="running"), name="embeddingjob_one_running"
            )
        ]

    def __str__(self) -> str:
        return f"{self.model}: {self.done} of {self.total}"


class Retention(models.Model):
    """For how many days what is kept; empty means for ever. One row."""

    conversations = models.PositiveIntegerField(null=True, default=30, help_text="After a conversation was closed.")
    memories = models.PositiveIntegerField(null=True, default=730, help_text="After it was last said.")
    traces = models.PositiveIntegerField(null=True, default=90)
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="retention_is_one")]

    def __str__(self) -> str:
        return f"conversations {self.conversations}, memories {self.memories}, traces {self.traces}"


class RetentionRun(models.Model):
    """One night's deletion: what was deleted, in numbers."""

    started_at = models.DateTimeField(default=timezone.now)
    finished_at = models.DateTimeField(null=True)
    counts = models.JSONField(default=dict)

    def __str__(self) -> str:
        return f"{self.started_at:%Y-%m-%d %H:%M}"


class Erasure(models.Model):
    """The receipt of a customer's erasure: when, by whom, how many rows of what. Nothing in it names the customer."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=timezone.now)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    counts = models.JSONField()
    seconds = models.FloatField()

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return str(self.id)
