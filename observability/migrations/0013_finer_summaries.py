import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("observability", "0012_sums_by_day"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="charge",
            name="charge_by_time",
        ),
        migrations.RemoveIndex(
            model_name="span",
            name="span_by_time",
        ),
        migrations.RemoveIndex(
            model_name="trace",
            name="trace_by_end",
        ),
        migrations.AddIndex(
            model_name="charge",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["at"], name="charge_by_time", pages_per_range=16
            ),
        ),
        migrations.AddIndex(
            model_name="span",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["started_at"], name="span_by_time", pages_per_range=16
            ),
        ),
        migrations.AddIndex(
            model_name="trace",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["ended_at"], name="trace_by_end", pages_per_range=16
            ),
        ),
    ]
