"""Where tools live, how well it is there, and with what a request proves who sends it."""

from __future__ import annotations

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone

from observability.ids import uuid7

# To policies a tool is `Target___tool`, in a group named as its target; all tools are in `CallTool` and `Mcp`.
CLASHES = RegexValidator(
    r"\A(?:Mcp|CallTool)\Z|___|_\Z",
    "Mcp, CallTool, and a name with ___ or with _ at its end mean something else to policies.",
    inverse_match=True,
)


class Target(models.Model):
    """Where tools live: a backend, or the desk itself."""

    class Kind(models.TextChoices):
        HTTP = "http", "HTTP"
        OPENAPI = "openapi", "OpenAPI"
        MCP = "mcp", "MCP over HTTP"
        MCP_STDIO = "mcp_stdio", "MCP over stdio"
        AWS_LAMBDA = "aws_lambda", "AWS Lambda"
        BUILTIN = "builtin", "The desk"

    # Those whose tools are read from the backend or from a document, and compared with what an admin has seen.
    LISTED = (Kind.OPENAPI, Kind.MCP, Kind.MCP_STDIO)
    WITH_URL = (Kind.HTTP, Kind.OPENAPI, Kind.MCP)

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.SlugField(max_length=60, unique=True, validators=[CLASHES])
    kind = models.CharField(max_length=12, choices=Kind.choices)
    base_url = models.CharField(max_length=500, blank=True)
    # MCP over stdio: the program and its arguments.
    command = models.JSONField(default=list, blank=True)
    # OpenAPI: {"document_url"}; AWS Lambda: {"function", "region", "endpoint"}.
    settings = models.JSONField(default=dict, blank=True)
    # Private and loopback addresses may be reached. Only an admin says so.
    is_internal = models.BooleanField(default=False)
    enabled = models.BooleanField(default=True)
    # What was listed last and differs from the tools that an admin has seen: until one has, nothing is called here.
    proposed = models.JSONField(null=True, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    listed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(kind__in=["http", "openapi", "mcp"]) & ~models.Q(base_url="")
                | models.Q(kind__in=["builtin", "mcp_stdio", "aws_lambda"], base_url=""),
                name="target_has_url_where_it_needs_one",
            ),
            models.CheckConstraint(
                condition=models.Q(held_at__isnull=True, proposed__isnull=True)
                | models.Q(held_at__isnull=False, proposed__isnull=False),
                name="target_held_has_proposal",
            ),
            models.CheckConstraint(
                condition=~models.Q(name__in=["Mcp", "CallTool"])
                & ~models.Q(name__contains="___")
                & ~models.Q(name__endswith="_"),
                name="target_name_clashes_with_no_policy",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_open(self) -> bool:
        """Whether its tools may be called."""
        return self.enabled and self.held_at is None


class Credential(models.Model):
    """With what requests to a target prove who sends them. The secret is sealed, and never shown."""

    class Kind(models.TextChoices):
        BEARER = "bearer", "Bearer token"
        BASIC = "basic", "Name and password"
        HEADER = "header", "API key in a header"
        QUERY = "query", "API key in the address"
        OAUTH = "oauth", "OAuth client credentials"
        SIGV4 = "sigv4", "AWS signature (SigV4)"

    target = models.OneToOneField(Target, primary_key=True, on_delete=models.CASCADE, related_name="credential")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    # What is no secret: {"username"}, {"name"} of the header or parameter, {"token_url", "client_id", "scope"},
    # {"access_key_id", "region", "service"}.
    public = models.JSONField(default=dict, blank=True)
    sealed = models.BinaryField()
    changed_at = models.DateTimeField(default=timezone.now)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", db_index=False
    )

    def __str__(self) -> str:
        return f"{self.target} {self.kind}"


class TargetHealth(models.Model):
    """The circuit breaker of a target: after failures in a row nothing is sent for a while, then one call tries."""

    class State(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"

    target = models.OneToOneField(Target, primary_key=True, on_delete=models.CASCADE, related_name="health")
    state = models.CharField(max_length=10, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveIntegerField(default=0)  # in a row
    opened_at = models.DateTimeField(null=True)
    # Until then nothing is sent; whoever moves it forward makes the one call that tries.
    retry_at = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=300, blank=True)
    changed_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(state="closed", retry_at__isnull=True)
                | models.Q(state="open", retry_at__isnull=False, opened_at__isnull=False),
                name="targethealth_open_has_times",
            )
        ]

    def __str__(self) -> str:
        return f"{self.target} {self.state}"
