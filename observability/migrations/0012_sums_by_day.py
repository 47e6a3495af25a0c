from decimal import Decimal

import django.contrib.postgres.fields
from django.db import migrations, models

# Days that are summed by the hour already. A duration is packed as in observability/figure_buckets.py.
DAY = "date_trunc('day', hour, 'UTC')"
DONE = "hour < (SELECT date_trunc('day', until, 'UTC') FROM observability_rolledup)"


def fill(name, groups, sums, *, is_timed):
    totals = ", ".join(f"sum({column})" for column in sums.split(", "))
    if not is_timed:
        return (
            f"INSERT INTO observability_{name}day (day, {groups}, {sums}) "  # noqa: S608
            f"SELECT {DAY}, {groups}, {totals} FROM observability_{name}hour WHERE {DONE} GROUP BY {DAY}, {groups}"
        )
    named = ", ".join(f"sum({column}) AS {column}" for column in sums.split(", "))
    return f"""
INSERT INTO observability_{name}day (day, {groups}, {sums}, durations)
SELECT day, {groups}, {sums}, coalesce(durations, ARRAY[]::bigint[])
FROM (SELECT {DAY} AS day, {groups}, {named} FROM observability_{name}hour WHERE {DONE} GROUP BY day, {groups}) AS s
LEFT JOIN (
  SELECT day, {groups}, array_agg(bucket * 1000000000000 + times ORDER BY bucket) AS durations FROM (
    SELECT {DAY} AS day, {groups}, d / 1000000000000 AS bucket, sum(d % 1000000000000)::bigint AS times
    FROM observability_{name}hour, unnest(durations) AS d WHERE {DONE} GROUP BY day, {groups}, bucket
  ) AS b GROUP BY day, {groups}
) AS p USING (day, {groups})
"""  # noqa: S608


FILL = [
    fill("spending", "agent_id, agent_version, channel, kind, subject, basis", "charges, usd", is_timed=False),
    fill(
        "turn",
        "agent_id, agent_version, model, channel, outcome",
        "turns, errors, model_calls, tool_calls, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, "
        "cost_usd, duration_ms",
        is_timed=True,
    ),
    fill(
        "step",
        "agent, kind, name, action",
        "calls, errors, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens, duration_ms",
        is_timed=True,
    ),
]


class Migration(migrations.Migration):
    dependencies = [
        ("observability", "0011_audit_trigger"),
    ]

    operations = [
        migrations.CreateModel(
            name="SpendingDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agent_id", models.UUIDField(null=True)),
                ("agent_version", models.PositiveIntegerField(default=0)),
                ("channel", models.CharField(blank=True, max_length=20)),
                ("kind", models.CharField(max_length=10)),
                ("subject", models.CharField(max_length=120)),
                ("basis", models.CharField(max_length=10)),
                ("charges", models.BigIntegerField(default=0)),
                ("usd", models.DecimalField(decimal_places=8, default=Decimal(0), max_digits=16)),
                ("day", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "agent_id", "agent_version", "channel", "kind", "subject", "basis"),
                        name="spendingday_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StepDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agent", models.CharField(blank=True, max_length=60)),
                ("kind", models.CharField(max_length=10)),
                ("name", models.CharField(max_length=120)),
                ("action", models.CharField(blank=True, max_length=20)),
                ("calls", models.BigIntegerField(default=0)),
                ("errors", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("duration_ms", models.BigIntegerField(default=0)),
                (
                    "durations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("day", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("day", "agent", "kind", "name", "action"), name="stepday_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="TurnDay",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agent_id", models.UUIDField()),
                ("agent_version", models.PositiveIntegerField()),
                ("model", models.CharField(max_length=120)),
                ("channel", models.CharField(max_length=20)),
                ("outcome", models.CharField(blank=True, max_length=20)),
                ("turns", models.BigIntegerField(default=0)),
                ("errors", models.BigIntegerField(default=0)),
                ("model_calls", models.BigIntegerField(default=0)),
                ("tool_calls", models.BigIntegerField(default=0)),
                ("input_tokens", models.BigIntegerField(default=0)),
                ("output_tokens", models.BigIntegerField(default=0)),
                ("cache_read_tokens", models.BigIntegerField(default=0)),
                ("cache_write_tokens", models.BigIntegerField(default=0)),
                ("cost_usd", models.DecimalField(decimal_places=8, default=Decimal(0), max_digits=16)),
                ("duration_ms", models.BigIntegerField(default=0)),
                (
                    "durations",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.BigIntegerField(), default=list, size=None
                    ),
                ),
                ("day", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("day", "agent_id", "agent_version", "model", "channel", "outcome"), name="turnday_once"
                    )
                ],
            },
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]
