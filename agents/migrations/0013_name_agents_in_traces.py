from django.db import migrations

# What a query asks by is a column of its own since then; a trace that still runs ends by itself.
FILL_TRACES = """
UPDATE observability_trace AS t SET agent_slug = coalesce(a.slug, ''),
  ended_at = CASE WHEN t.duration_ms IS NOT NULL THEN t.started_at + t.duration_ms * interval '1 millisecond' END
FROM observability_trace AS same LEFT JOIN agents_agent AS a ON a.id = same.agent_id
WHERE same.id = t.id;
"""
FILL_SPANS = """
UPDATE observability_span AS s SET agent = t.agent_slug,
  action = left(coalesce(s.attributes ->> 'guardrailAction', ''), 20),
  category = left(coalesce(s.attributes ->> 'violationCategory', ''), 80)
FROM observability_trace AS t WHERE t.id = s.trace_id;
"""


class Migration(migrations.Migration):
    dependencies = [("agents", "0012_guardrail"), ("observability", "0007_money_queries_notices")]

    operations = [
        migrations.RunSQL(FILL_TRACES, migrations.RunSQL.noop),
        migrations.RunSQL(FILL_SPANS, migrations.RunSQL.noop),
    ]
