from datetime import date
from decimal import Decimal

from django.db import migrations

# US dollars per million tokens: input, output. Cache reads cost 0.1 and cache writes (5 minutes) 1.25 times the input.
PRICES = {
    "claude-opus-5-5": ("4", "20"),
    "claude-opus-5": ("5", "25"),
    "claude-sonnet-5-5": ("2", "10"),
    "claude-sonnet-5": ("2", "10"),
    "claude-haiku-5-5": ("0.10", "0.50"),
    "claude-haiku-4-5": ("1", "5"),
    # The scripted model costs nothing; it is priced like Claude Sonnet 5.5 so that the pages show what a real one would.
    "scripted-1": ("2", "10"),
}


def add_prices(apps, schema_editor):
    price = apps.get_model("observability", "Price")
    for model, (given, made) in PRICES.items():
        price.objects.get_or_create(
            model=model,
            valid_from=date(2026, 1, 1),
            defaults={
                "input_usd": Decimal(given),
                "output_usd": Decimal(made),
                "cache_read_usd": Decimal(given) * Decimal("0.1"),
                "cache_write_usd": Decimal(given) * Decimal("1.25"),
            },
        )


class Migration(migrations.Migration):
    dependencies = [("observability", "0001_initial")]

    operations = [migrations.RunPython(add_prices, migrations.RunPython.noop)]
