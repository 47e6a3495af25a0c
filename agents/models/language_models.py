"""The language models that agents may use, and the names under which they were known before."""

from __future__ import annotations

from django.core.validators import MinValueValidator
from django.db import models
from django.utils import timezone

from observability.ids import uuid7

# The names of variables that may hold a server's key: no secret of Tandem's own, and not the key of another provider,
# is sent to an address that an admin chose.
KEY_VARIABLE = r"^[A-Z][A-Z0-9_]*_API_KEY$"
OWN_KEYS = ("ANTHROPIC_API_KEY",)


class LanguageModel(models.Model):
    """One model behind one provider. Its prices are rows of `Price` under the same key."""

    class Provider(models.TextChoices):
        ANTHROPIC = "anthropic", "Anthropic API"
        BEDROCK_CLAUDE = "bedrock_claude", "Claude on Bedrock"
        CONVERSE = "converse", "Bedrock Converse"
        OPENAI = "openai", "OpenAI-compatible server"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    key = models.CharField(max_length=120, unique=True, help_text="The name that agents and prices use.")
    label = models.CharField(max_length=120)
    provider = models.CharField(max_length=20, choices=Provider.choices)
    provider_model = models.CharField(max_length=200, help_text="The provider's own name of it.")
    base_url = models.URLField(blank=True, help_text="For an OpenAI-compatible server: its address, with /v1.")
    key_variable = models.CharField(
        max_length=80,
        blank=True,
        help_text="The environment variable that holds the server's API key, if it wants one.",
    )
    context_tokens = models.PositiveIntegerField(validators=[MinValueValidator(1000)])
    max_output_tokens = models.PositiveIntegerField(default=4096)
    calls_tools = models.BooleanField(default=True)
    streams_tools = models.BooleanField(default=True, help_text="Whether it can stream while tools are offered.")
    caches_prompts = models.BooleanField(default=False)
    retires_on = models.DateField(null=True, blank=True)
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        ordering = ["provider", "label"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(provider="openai") | ~models.Q(base_url=""), name="languagemodel_server_has_url"
            ),
            models.CheckConstraint(
                condition=models.Q(key_variable="")
                | (models.Q(key_variable__regex=KEY_VARIABLE) & ~models.Q(key_variable__in=OWN_KEYS)),
                name="languagemodel_key_is_the_servers",
            ),
        ]

    def __str__(self) -> str:
        return self.label


class ModelAlias(models.Model):
    """A name of a model that is no more (or never was): calls go to the model it stands for, with a warning."""

    alias = models.CharField(max_length=200, primary_key=True)
    model = models.ForeignKey(LanguageModel, on_delete=models.CASCADE, related_name="aliases")
    reason = models.CharField(max_length=200)

    def __str__(self) -> str:
        return self.alias
