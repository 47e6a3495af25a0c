"""Questions that people keep: queries over the traces, and views of a list."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from observability.ids import uuid7


class SavedQuery(models.Model):
    """A query in the language of `observability/query/`, under a name. Shipped ones are everybody's and stay."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=120, unique=True)
    description = models.CharField(max_length=300, blank=True)
    text = models.TextField(max_length=10_000)
    # How far back it looks where it says nothing itself.
    range_hours = models.PositiveIntegerField(default=24)
    is_shipped = models.BooleanField(default=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(default=timezone.now)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["-is_shipped", "name"]

    def __str__(self) -> str:
        return self.name


class SavedView(models.Model):
    """What a list shows, as its address says it, under a name; one's own, or everybody's."""

    class Page(models.TextChoices):
        TRACES = "traces"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    page = models.CharField(max_length=20, choices=Page.choices, default=Page.TRACES)
    name = models.CharField(max_length=60)
    # Empty: everybody's.
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    # A URL's query part without its question mark.
    query = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["page", "owner", "name"], name="savedview_once", nulls_distinct=False)
        ]

    def __str__(self) -> str:
        return self.name
