from django.db import migrations
from pgmq.install import get_embedded_install_sql
from pgvector.django import VectorExtension

ROLES = ("support", "reviewer", "analyst", "admin")

# A published version is what turns, traces and tests refer to: it stays as it was.
KEEP_PUBLISHED = """
CREATE FUNCTION agents_keep_published_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'published_by_id' = to_jsonb(OLD) - 'published_by_id' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'agents_agentversion: a published version never changes' USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER agents_agentversion_keep_published BEFORE UPDATE OR DELETE ON agents_agentversion
  FOR EACH ROW WHEN (OLD.state = 'published') EXECUTE FUNCTION agents_keep_published_version();
"""
DROP_KEEP_PUBLISHED = """
DROP TRIGGER agents_agentversion_keep_published ON agents_agentversion;
DROP FUNCTION agents_keep_published_version();
"""


def install_broker(apps, schema_editor):
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('pgmq.meta')")
        if cursor.fetchone()[0] is None:
            cursor.execute(get_embedded_install_sql())


def add_roles(apps, schema_editor):
    group = apps.get_model("auth", "Group")
    for name in ROLES:
        group.objects.get_or_create(name=name)


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_initial"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        VectorExtension(),
        migrations.RunPython(install_broker, migrations.RunPython.noop),
        migrations.RunPython(add_roles, migrations.RunPython.noop),
        migrations.RunSQL(KEEP_PUBLISHED, DROP_KEEP_PUBLISHED),
    ]
