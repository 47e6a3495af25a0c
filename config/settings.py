"""Django settings; every value that an installation may want to change comes from the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from celery.schedules import crontab
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from config.env import env_amount, env_bool, env_int, env_list, env_path, env_secret, env_str

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = env_path("STATE_DIR", BASE_DIR / ".state")

# -- the installation ---------------------------------------------------------------------------------------------
DEBUG = env_bool("DEBUG", default=False)
DEMO = env_bool("DEMO", default=False)
SECRET_KEY = env_secret("SECRET_KEY", STATE_DIR / "secret_key")
# The vault (`observability/vault.py`): keys that seal what is secret in the database, the newest first.
VAULT_KEYS = env_str("VAULT_KEYS")
VAULT_FILE = STATE_DIR / "vault_keys"  # made when the first secret is sealed, unless VAULT_KEYS is set
PUBLIC_URL = env_str("PUBLIC_URL", "http://127.0.0.1:8000").rstrip("/")
LOCAL = urlsplit(PUBLIC_URL).scheme != "https"
ALLOWED_HOSTS = env_list("ALLOWED_HOSTS", f"{urlsplit(PUBLIC_URL).hostname or ''},127.0.0.1,localhost,[::1]")
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]

INSTALLED_APPS = [
    "config",
    "observability",
    "guardrails",
    "memory",
    "tools",
    "agents",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django_htmx",
    "template_partials",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "config.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
WEB_THREADS = env_int("WEB_THREADS", 16)
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "agents.shell.shell",
            ],
            "builtins": ["template_partials.templatetags.partials", "agents.templatetags.tandem"],
        },
    }
]


# -- the database -------------------------------------------------------------------------------------------------
DATABASE_URL = env_str("DATABASE_URL")
DATABASE_POOL_SIZE = env_int("DATABASE_POOL_SIZE", 16)


def database_from_url(url: str) -> dict[str, Any]:
    """Django's form of a `postgresql://` URL; a socket folder may stand in `?host=`.

    Without a URL (type checks, `makemigrations`) there is no database at all, rather than one to wait for.
    """
    if not url:
        return {"ENGINE": "django.db.backends.dummy"}
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "config.postgresql",
        "NAME": unquote(str(parts.pop("dbname", "") or "tandem")),
        "USER": parts.pop("user", "") or "",
        "PASSWORD": parts.pop("password", "") or "",
        "HOST": parts.pop("host", "") or "",
        "PORT": str(parts.pop("port", "") or ""),
        # One pool a process: under ASGI and in worker threads a connection is taken for a statement and given back.
        "OPTIONS": {
            **parts,
            "assume_role": "tandem_app",
            "server_side_binding": True,
            "prepare_threshold": 3,
            "pool": {"min_size": 1, "max_size": DATABASE_POOL_SIZE, "timeout": 30},
        },
    }


DATABASES = {"default": database_from_url(DATABASE_URL)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# allauth counts sign-in attempts in the cache, so it must be one for all processes.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}

# -- work in the background ---------------------------------------------------------------------------------------
CELERY_BROKER_URL = env_str("CELERY_BROKER_URL", "pgmq://localhost/")
if CELERY_BROKER_URL.startswith("pgmq:"):
    CELERY_BROKER_TRANSPORT = "config.broker:Transport"
    # kombu's pgmq wants libpq's key=value form: it loses `?host=/socket` of a URL. The visibility timeout is not
    # renewed, so it must exceed the longest turn; a second delivery before that is stopped by the turn's lease.
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "conn_string": make_conninfo(DATABASE_URL, application_name="tandem-queue") if DATABASE_URL else "",
        "init_extension": False,
        "use_notify": True,
        "notify_throttle_interval_ms": 0,
        "wait_time_seconds": 0,
        "polling_interval": 1.0,
        "visibility_timeout": 600,
        "pool_size": 4,
    }
CELERY_TASK_DEFAULT_QUEUE = "tandem"
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_STORE_EAGER_RESULT = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_ENABLE_REMOTE_CONTROL = False
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_WORKER_REDIRECT_STDOUTS = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE = {
    "sweep-turns": {"task": "agents.tasks.sweep_turns", "schedule": float(env_int("SWEEP_SECONDS", 5))},
    "forget-usage": {"task": "agents.tasks.forget_usage", "schedule": 3600.0},
    "settle-outside-calls": {"task": "agents.tasks.settle_outside_calls", "schedule": 60.0},
    "sync-targets": {"task": "agents.tasks.sync_targets", "schedule": 60.0},
    "read-conversations": {"task": "agents.tasks.read_conversations", "schedule": 5.0},
    "embed-anew": {"task": "agents.tasks.embed_anew", "schedule": 15.0},
    "run-measurements": {"task": "agents.tasks.run_measurements", "schedule": 5.0},
    "read-sources": {"task": "agents.tasks.read_sources", "schedule": 3600.0},
    "keep-to-retention": {"task": "agents.retention.keep_to_retention", "schedule": crontab(hour=2, minute=30)},
    "sweep-notices": {"task": "agents.notify.sweep_notices", "schedule": 15.0},
    "tell-approvals": {"task": "agents.notify.tell_approvals", "schedule": 60.0},
    "watch-budgets": {"task": "agents.tasks.watch_budgets", "schedule": 15.0},
    "forget-crossings": {"task": "agents.tasks.forget_crossings", "schedule": 3600.0},
    "stop-runaways": {"task": "agents.tasks.stop_runaways", "schedule": 15.0},
    "run-alerts": {"task": "observability.tasks.run_alerts", "schedule": 15.0},
    "send-deliveries": {"task": "observability.tasks.send_deliveries", "schedule": 5.0},
    "forget-notices": {"task": "observability.tasks.forget_notices", "schedule": 3600.0},
    "roll-up": {"task": "observability.tasks.roll_up", "schedule": 300.0},
    "find-anomalies": {"task": "observability.tasks.find_anomalies", "schedule": crontab(minute=20)},
    "export-spans": {"task": "observability.tasks.export_spans", "schedule": 5.0},
    "note-worker": {"task": "observability.tasks.note_worker", "schedule": 15.0},
}
WORKER_CONCURRENCY = env_int("WORKER_CONCURRENCY", 32)

# -- turns --------------------------------------------------------------------------------------------------------
TURN_LEASE_SECONDS = env_int("TURN_LEASE_SECONDS", 30)
TURN_MAX_ATTEMPTS = env_int("TURN_MAX_ATTEMPTS", 5)
NUDGE_AFTER_SECONDS = env_int("NUDGE_AFTER_SECONDS", 5)
# How long a call waits for somebody's approval before it is refused.
APPROVAL_SECONDS = env_int("APPROVAL_SECONDS", 24 * 3600)

# -- overview -----------------------------------------------------------------------------------------------------
# After so long without a word the customer of an agent that answered alone is taken to be content.
ASSUMED_RESOLVED_HOURS = env_int("ASSUMED_RESOLVED_HOURS", 24)
# What a conversation may take within ten minutes before it is stopped as a runaway; 0 for no limit.
RUNAWAY_USD = env_amount("RUNAWAY_USD", "5")
RUNAWAY_CALLS = env_int("RUNAWAY_CALLS", 120)
RUNAWAY_TOKENS = env_int("RUNAWAY_TOKENS", 2_000_000)
RUNAWAY_TURNS = env_int("RUNAWAY_TURNS", 30)

# -- memory -------------------------------------------------------------------------------------------------------
# How long a conversation must have been quiet before it is read for what to remember.
REMEMBER_AFTER_SECONDS = env_int("REMEMBER_AFTER_SECONDS", 20)
# Source documents that are read from a folder of this machine.
DOCUMENTS_FOLDER = env_str("DOCUMENTS_FOLDER")

# -- language models ----------------------------------------------------------------------------------------------
ANTHROPIC_API_KEY = env_str("ANTHROPIC_API_KEY")
# Without a key the same SDK talks to the scripted model that `make run` starts on this machine.
SCRIPTED_MODEL_URL = env_str("SCRIPTED_MODEL_URL", "http://127.0.0.1:8020")
ANTHROPIC_BASE_URL = env_str(
    "ANTHROPIC_BASE_URL", "https://api.anthropic.com" if ANTHROPIC_API_KEY else SCRIPTED_MODEL_URL
)
LLM_CALL_SECONDS = env_int("LLM_CALL_SECONDS", 60)

# -- embeddings ---------------------------------------------------------------------------------------------------
# Nothing: the model on this machine; "lexical"; or "openai:<model>", "voyage:<model>", "bedrock:<model>".
EMBEDDINGS = env_str("EMBEDDINGS")
EMBEDDINGS_URL = env_str("EMBEDDINGS_URL")
EMBEDDINGS_API_KEY = env_str("EMBEDDINGS_API_KEY")
EMBEDDINGS_SECONDS = env_int("EMBEDDINGS_SECONDS", 20)

# -- the demo shop ------------------------------------------------------------------------------------------------
DEMO_SHOP_URL = env_str("DEMO_SHOP_URL", "http://127.0.0.1:8010")

# -- people and sign-in -------------------------------------------------------------------------------------------
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "agents:home"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
ACCOUNT_ADAPTER = "agents.sign_in.InvitationOnly"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none" if DEMO else "mandatory"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_REAUTHENTICATION_REQUIRED = True
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_LOGOUT_ON_PASSWORD_CHANGE = True
MFA_ADAPTER = "agents.second_factors.SealedSecrets"
USERSESSIONS_TRACK_ACTIVITY = False
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if env_str("EMAIL_HOST")
    else ("django.core.mail.backends.console.EmailBackend")
)
EMAIL_HOST = env_str("EMAIL_HOST", "localhost")
EMAIL_PORT = env_int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env_str("EMAIL_HOST_USER")
EMAIL_HOST_PASSWORD = env_str("EMAIL_HOST_PASSWORD")
EMAIL_USE_TLS = env_bool("EMAIL_USE_TLS", default=False)
DEFAULT_FROM_EMAIL = env_str("DEFAULT_FROM_EMAIL", "Tandem <tandem@localhost>")

# -- telemetry ----------------------------------------------------------------------------------------------------
# /metrics is there for who has this token; without it there is no such page.
METRICS_TOKEN = env_str("METRICS_TOKEN")
# The standard variables of OpenTelemetry, as far as they are heeded (`observability/otlp.py`).
OTEL_EXPORTER_OTLP_ENDPOINT = env_str("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_EXPORTER_OTLP_HEADERS = env_str("OTEL_EXPORTER_OTLP_HEADERS")
OTEL_EXPORTER_OTLP_TIMEOUT = env_int("OTEL_EXPORTER_OTLP_TIMEOUT", 10_000)  # milliseconds
OTEL_TRACES_EXPORTER = env_str("OTEL_TRACES_EXPORTER", "otlp")
OTEL_METRICS_EXPORTER = env_str("OTEL_METRICS_EXPORTER", "otlp")
OTEL_SERVICE_NAME = env_str("OTEL_SERVICE_NAME")
OTEL_RESOURCE_ATTRIBUTES = env_str("OTEL_RESOURCE_ATTRIBUTES")
OTEL_SEMCONV_STABILITY_OPT_IN = env_str("OTEL_SEMCONV_STABILITY_OPT_IN")
OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = env_bool(
    "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", default=False
)

# -- the browser's side -------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = not LOCAL
SECURE_HSTS_SECONDS = 0 if LOCAL else 31_536_000
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env_bool("BEHIND_PROXY", default=False) else None
SESSION_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
STATIC_URL = "static/"
STATIC_ROOT = STATE_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "config.static_files.ModuleStorage"},
}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

# -- the rest -----------------------------------------------------------------------------------------------------
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False
LOG_LEVEL = env_str("LOG_LEVEL", "INFO")
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)-7s %(name)s: %(message)s", "datefmt": "%H:%M:%S"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {
        name: {"level": LOG_LEVEL, "handlers": ["console"], "propagate": False}
        for name in ("agents", "config", "guardrails", "memory", "observability", "tools")
    }
    | {
        # Its errors hold parts of what servers answered.
        "mcp": {"level": "CRITICAL", "handlers": [], "propagate": False},
        "uvicorn": {"level": "WARNING", "handlers": ["console"], "propagate": False},
        # A line for each request would drown the rest: pages with live parts ask often.
        "uvicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
    },
}
