from django.db import migrations

# What was written down stays as it was. An empty table may be emptied: Django's flush truncates all of them.
KEEP = """
CREATE FUNCTION observability_keep_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'TRUNCATE' AND NOT EXISTS (SELECT FROM observability_auditentry) THEN
    RETURN NULL;
  END IF;
  RAISE EXCEPTION 'observability_auditentry: what was written down stays (%)', lower(TG_OP)
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER observability_auditentry_keep BEFORE UPDATE OR DELETE ON observability_auditentry
  FOR EACH ROW EXECUTE FUNCTION observability_keep_audit();
CREATE TRIGGER observability_auditentry_keep_all BEFORE TRUNCATE ON observability_auditentry
  FOR EACH STATEMENT EXECUTE FUNCTION observability_keep_audit();
"""
DROP_KEEP = """
DROP TRIGGER observability_auditentry_keep_all ON observability_auditentry;
DROP TRIGGER observability_auditentry_keep ON observability_auditentry;
DROP FUNCTION observability_keep_audit();
"""


class Migration(migrations.Migration):
    dependencies = [("observability", "0010_unit_prices")]

    operations = [migrations.RunSQL(KEEP, DROP_KEEP)]
