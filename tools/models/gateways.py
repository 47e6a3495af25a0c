"""The doors for agents that are not ours: MCP endpoints and the keys to them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils import timezone

from observability.ids import uuid7


class Gateway(models.Model):
    """One MCP endpoint, `/mcp/<slug>/`, and the tools that are offered there to whom policies allow them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.SlugField(max_length=60, unique=True)
    label = models.CharField(max_length=120)
    instructions = models.TextField(blank=True, max_length=4000)
    tools = models.JSONField(default=list)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.label


class GatewayKey(models.Model):
    """A bearer key. Only its SHA-256 is kept; what it may do is `scopes` and, beyond that, what policies allow."""

    class Scope(models.TextChoices):
        READ = "read", "Read"
        WRITE = "write", "Write"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    gateway = models.ForeignKey(Gateway, on_delete=models.CASCADE, related_name="keys")
    name = models.SlugField(max_length=60)
    sha256 = models.CharField(max_length=64, unique=True)
    hint = models.CharField(max_length=12)  # its first characters, to tell keys apart
    scopes = models.JSONField(default=list)
    # The one customer whose data its calls may touch; without it, none that is bound to a customer.
    customer_id = models.UUIDField(null=True, blank=True)
    customer_email = models.EmailField(blank=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", db_index=False)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["gateway", "name"], name="gatewaykey_name_once_per_gateway"),
            models.CheckConstraint(
                condition=models.Q(customer_id__isnull=True, customer_email="")
                | (models.Q(customer_id__isnull=False) & ~models.Q(customer_email="")),
                name="gatewaykey_customer_is_whole",
            ),
        ]

    def __str__(self) -> str:
        return self.name
