from decimal import Decimal

from django.db import migrations
from django.db.models import F


def set_prices_of_an_hour(apps, schema_editor):
    """What is written to the prompt cache for an hour. Anthropic asks 2 times the input for it, where 5 minutes are
    1.25 times; that ratio tells its models' rows from those that have no cache price of their own."""
    unset = apps.get_model("observability", "Price").objects.filter(cache_write_1h_usd=0)
    unset.filter(input_usd__gt=0, cache_write_usd=F("input_usd") * Decimal("1.25")).update(
        cache_write_1h_usd=F("input_usd") * 2
    )
    unset.update(cache_write_1h_usd=F("cache_write_usd"))


class Migration(migrations.Migration):
    dependencies = [("observability", "0009_first_queries")]

    operations = [migrations.RunPython(set_prices_of_an_hour, migrations.RunPython.noop)]
