from datetime import date
from decimal import Decimal

from django.db import migrations

# US dollars per million tokens: input, output. Cache reads cost 0.1 and cache writes (5 minutes) 1.25 times the input.
# Bedrock's global inference profiles cost what the Anthropic API costs.
CLAUDE = {
    "claude-fable-5-1": ("10", "50"),
    "claude-fable-5": ("10", "50"),
    "claude-opus-4-8": ("5", "25"),
    "claude-opus-4-7": ("5", "25"),
    "claude-opus-4-6": ("5", "25"),
    "claude-opus-4-5": ("5", "25"),
    "claude-sonnet-4-6": ("3", "15"),
    "claude-sonnet-4-5": ("3", "15"),
    "bedrock/claude-sonnet-5-5": ("2", "10"),
    "bedrock/claude-haiku-5-5": ("0.10", "0.50"),
}
# A prompt above so many tokens is priced as a whole by this row.
LONG_PROMPTS = {
    "claude-haiku-5-5": (100_000, "0.50", "2.50"),
    "bedrock/claude-haiku-5-5": (100_000, "0.50", "2.50"),
}
# Without a prompt cache: what the API may count as cached some day is priced as input.
UNCACHED = {
    "bedrock/llama-3-3-70b": ("0.72", "0.72"),
    "bedrock/llama-4-maverick": ("0.24", "0.97"),
    "bedrock/mistral-large-3": ("0.50", "1.50"),
    "bedrock/command-r-plus": ("3", "15"),
    "cohere/command-r-plus": ("2.50", "10"),
}


def add_prices(apps, schema_editor):
    price = apps.get_model("observability", "Price")

    def add(model, above, given, made, *, read, write):
        given, made = Decimal(given), Decimal(made)
        price.objects.get_or_create(
            model=model,
            valid_from=date(2026, 1, 1),
            above_input_tokens=above,
            defaults={
                "input_usd": given,
                "output_usd": made,
                "cache_read_usd": given * Decimal(read),
                "cache_write_usd": given * Decimal(write),
            },
        )

    for model, (given, made) in CLAUDE.items():
        add(model, 0, given, made, read="0.1", write="1.25")
    for model, (above, given, made) in LONG_PROMPTS.items():
        add(model, above, given, made, read="0.1", write="1.25")
    for model, (given, made) in UNCACHED.items():
        add(model, 0, given, made, read="1", write="1")


class Migration(migrations.Migration):
    dependencies = [("observability", "0004_price_tiers")]

    operations = [migrations.RunPython(add_prices, migrations.RunPython.noop)]
