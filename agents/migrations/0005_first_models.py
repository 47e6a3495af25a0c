from datetime import date

from django.db import migrations

MILLION = 1_000_000
CLAUDE = {"provider": "anthropic", "context_tokens": MILLION, "max_output_tokens": 128_000, "caches_prompts": True}
OLDER_CLAUDE = {**CLAUDE, "context_tokens": 200_000, "max_output_tokens": 64_000}
BEDROCK_CLAUDE = {**CLAUDE, "provider": "bedrock_claude"}
# Bedrock refuses tools in streaming mode for Llama and Mistral; the whole reply is asked for instead.
CONVERSE = {"provider": "converse", "max_output_tokens": 8192, "streams_tools": False}
COHERE = {
    "provider": "openai",
    "base_url": "https://api.cohere.ai/compatibility/v1",
    "key_variable": "COHERE_API_KEY",
    "max_output_tokens": 4096,
}

# By key: the label, the provider's own name where it is another one, and the other columns. Context windows and
# longest outputs are those of the providers' model pages.
MODELS = {
    "claude-fable-5-2": ("Claude Fable 5.2", "", CLAUDE),
    "claude-fable-5-1": ("Claude Fable 5.1", "", CLAUDE),
    "claude-fable-5": ("Claude Fable 5", "", CLAUDE),
    # Mythos is given to chosen organisations only.
    "claude-mythos-5-2": ("Claude Mythos 5.2", "", {**CLAUDE, "enabled": False}),
    "claude-mythos-5-1": ("Claude Mythos 5.1", "", {**CLAUDE, "enabled": False}),
    "claude-mythos-5": ("Claude Mythos 5", "", {**CLAUDE, "enabled": False}),
    "claude-opus-5-5": ("Claude Opus 5.5", "", CLAUDE),
    "claude-opus-5": ("Claude Opus 5", "", CLAUDE),
    "claude-opus-4-8": ("Claude Opus 4.8", "", CLAUDE),
    "claude-opus-4-7": ("Claude Opus 4.7", "", CLAUDE),
    "claude-opus-4-6": ("Claude Opus 4.6", "", CLAUDE),
    "claude-opus-4-5": ("Claude Opus 4.5", "", OLDER_CLAUDE),
    "claude-sonnet-5-5": ("Claude Sonnet 5.5", "", CLAUDE),
    "claude-sonnet-5": ("Claude Sonnet 5", "", CLAUDE),
    "claude-sonnet-4-6": ("Claude Sonnet 4.6", "", {**CLAUDE, "max_output_tokens": 64_000}),
    "claude-sonnet-4-5": ("Claude Sonnet 4.5", "", {**OLDER_CLAUDE, "retires_on": date(2026, 11, 30)}),
    "claude-haiku-5-5": ("Claude Haiku 5.5", "", CLAUDE),
    "claude-haiku-4-5": ("Claude Haiku 4.5", "", OLDER_CLAUDE),
    "scripted-1": ("Scripted model", "", OLDER_CLAUDE),
    "bedrock/claude-sonnet-5-5": (
        "Claude Sonnet 5.5 on Bedrock",
        "global.anthropic.claude-sonnet-5-5",
        BEDROCK_CLAUDE,
    ),
    "bedrock/claude-haiku-5-5": (
        "Claude Haiku 5.5 on Bedrock",
        "global.anthropic.claude-haiku-5-5",
        BEDROCK_CLAUDE,
    ),
    "bedrock/llama-3-3-70b": (
        "Llama 3.3 70B",
        "us.meta.llama3-3-70b-instruct-v1:0",
        {**CONVERSE, "context_tokens": 128_000},
    ),
    "bedrock/llama-4-maverick": (
        "Llama 4 Maverick",
        "us.meta.llama4-maverick-17b-instruct-v1:0",
        {**CONVERSE, "context_tokens": MILLION},
    ),
    "bedrock/mistral-large-3": (
        "Mistral Large 3",
        "mistral.mistral-large-3-675b-instruct",
        {**CONVERSE, "context_tokens": 256_000},
    ),
    "bedrock/command-r-plus": (
        "Command R+ on Bedrock",
        "cohere.command-r-plus-v1:0",
        {
            **CONVERSE,
            "context_tokens": 128_000,
            "max_output_tokens": 4096,
            "streams_tools": True,
            "retires_on": date(2026, 8, 19),
        },
    ),
    "cohere/command-r-plus": ("Command R+ at Cohere", "command-r-plus-08-2024", {**COHERE, "context_tokens": 128_000}),
}

# By the model that answers: the former name, and why, as the rest of a sentence that begins with the name. A name that
# is also a key is followed only once its own model takes no more calls.
RETIRED_2025 = "was retired on 28 October 2025"
RETIRED_FEBRUARY = "was retired on 19 February 2026"
RETIRED_JUNE = "was retired on 15 June 2026"
RETIRED = "was retired"
SUCCEEDED = "has a successor"
OWN_NAME = "is only another name"
ALIASES = {
    "claude-sonnet-5-5": {
        "anthropic.claude-3-sonnet-20240229-v1:0": RETIRED,
        "anthropic.claude-3-5-sonnet-20240620-v1:0": RETIRED,
        "anthropic.claude-3-5-sonnet-20241022-v2:0": RETIRED,
        "anthropic.claude-3-7-sonnet-20250219-v1:0": RETIRED,
        "anthropic.claude-sonnet-4-20250514-v1:0": RETIRED,
        "us.anthropic.claude-3-5-sonnet-20240620-v1:0": RETIRED,
        "us.anthropic.claude-3-5-sonnet-20241022-v2:0": RETIRED,
        "us.anthropic.claude-3-7-sonnet-20250219-v1:0": RETIRED,
        "us.anthropic.claude-sonnet-4-20250514-v1:0": RETIRED,
        "claude-3-sonnet-20240229": "was retired on 21 July 2025",
        "claude-3-5-sonnet-20240620": RETIRED_2025,
        "claude-3-5-sonnet-20241022": RETIRED_2025,
        "claude-3-5-sonnet-latest": RETIRED_2025,
        "claude-3-7-sonnet-20250219": RETIRED_FEBRUARY,
        "claude-3-7-sonnet-latest": RETIRED_FEBRUARY,
        "claude-sonnet-4-20250514": RETIRED_JUNE,
        "claude-sonnet-4-0": RETIRED_JUNE,
        "claude-sonnet-4-5": "was retired on 30 November 2026",
    },
    "claude-sonnet-4-5": {"claude-sonnet-4-5-20250929": OWN_NAME},
    "claude-haiku-5-5": {
        "anthropic.claude-3-haiku-20240307-v1:0": RETIRED,
        "anthropic.claude-3-5-haiku-20241022-v1:0": RETIRED,
        "us.anthropic.claude-3-5-haiku-20241022-v1:0": RETIRED,
        "claude-3-5-haiku-20241022": RETIRED_FEBRUARY,
        "claude-3-5-haiku-latest": RETIRED_FEBRUARY,
    },
    "claude-haiku-4-5": {"claude-haiku-4-5-20251001": OWN_NAME},
    "claude-opus-5-5": {
        "claude-3-opus-20240229": "was retired on 5 January 2026",
        "claude-opus-4-20250514": RETIRED_JUNE,
        "claude-opus-4-0": RETIRED_JUNE,
    },
    "claude-opus-4-5": {"claude-opus-4-5-20251101": OWN_NAME},
    "bedrock/claude-sonnet-5-5": {
        "anthropic.claude-sonnet-5-5": OWN_NAME,
        "us.anthropic.claude-sonnet-5-5": OWN_NAME,
        "global.anthropic.claude-sonnet-5-5": OWN_NAME,
    },
    "bedrock/claude-haiku-5-5": {
        "anthropic.claude-haiku-5-5": OWN_NAME,
        "us.anthropic.claude-haiku-5-5": OWN_NAME,
        "global.anthropic.claude-haiku-5-5": OWN_NAME,
    },
    "bedrock/llama-3-3-70b": {
        "meta.llama3-3-70b-instruct-v1:0": OWN_NAME,
        "us.meta.llama3-3-70b-instruct-v1:0": OWN_NAME,
        "meta.llama3-1-70b-instruct-v1:0": SUCCEEDED,
        "us.meta.llama3-1-70b-instruct-v1:0": SUCCEEDED,
        "meta.llama3-1-8b-instruct-v1:0": SUCCEEDED,
        "meta.llama3-1-405b-instruct-v1:0": "was retired on 7 July 2026",
        "meta.llama3-70b-instruct-v1:0": SUCCEEDED,
    },
    "bedrock/llama-4-maverick": {
        "meta.llama4-maverick-17b-instruct-v1:0": OWN_NAME,
        "us.meta.llama4-maverick-17b-instruct-v1:0": OWN_NAME,
    },
    "bedrock/mistral-large-3": {
        "mistral.mistral-large-3-675b-instruct": OWN_NAME,
        "mistral.mistral-large-2402-v1:0": SUCCEEDED,
        "mistral.mistral-large-2407-v1:0": SUCCEEDED,
    },
    "cohere/command-r-plus": {
        "bedrock/command-r-plus": "left Bedrock on 19 August 2026",
        "cohere.command-r-plus-v1:0": "left Bedrock on 19 August 2026",
    },
}


def add_models(apps, schema_editor):
    model = apps.get_model("agents", "LanguageModel")
    alias = apps.get_model("agents", "ModelAlias")
    for key, (label, provider_model, columns) in MODELS.items():
        model.objects.get_or_create(
            key=key, defaults={"label": label, "provider_model": provider_model or key, **columns}
        )
    ids = dict(model.objects.values_list("key", "id"))
    for key, former in ALIASES.items():
        for name, reason in former.items():
            alias.objects.get_or_create(alias=name, defaults={"model_id": ids[key], "reason": reason})


def keep_what_versions_name(apps, schema_editor):
    """Until now every name went to the Anthropic API as it was; a version that has one keeps it."""
    model = apps.get_model("agents", "LanguageModel")
    alias = apps.get_model("agents", "ModelAlias")
    version = apps.get_model("agents", "AgentVersion")
    names = {
        name
        for pair in version.objects.values_list("model", "fallback_model").distinct()
        for name in pair
        if name.strip()
    }
    known = set(alias.objects.values_list("alias", flat=True)) | set(model.objects.values_list("key", flat=True))
    for name in sorted(names - known):
        # The longest answer that a version may ask for is 32,000 tokens: no less must be taken now.
        model.objects.create(
            key=name,
            label=name,
            provider_model=name,
            **{**OLDER_CLAUDE, "max_output_tokens": 32_000},
        )
    model.objects.filter(key__in=names, enabled=False).update(enabled=True)


class Migration(migrations.Migration):
    dependencies = [("agents", "0004_limits_stops_models")]

    operations = [
        migrations.RunPython(add_models, migrations.RunPython.noop),
        migrations.RunPython(keep_what_versions_name, migrations.RunPython.noop),
    ]
