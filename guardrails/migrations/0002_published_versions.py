from django.db import migrations

# A published version is what traces, violations and measurements refer to: it stays as it was. Who published it may
# leave, and a guardrail may be deleted with all its versions while no agent names it.
KEEP_PUBLISHED = """
CREATE FUNCTION guardrails_keep_published() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.published_by_id IS NULL AND to_jsonb(NEW) - 'published_by_id' = to_jsonb(OLD) - 'published_by_id' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'guardrails_guardrailversion: a published version never changes'
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER guardrails_version_keep_published BEFORE UPDATE ON guardrails_guardrailversion
  FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION guardrails_keep_published();
"""
DROP_KEEP_PUBLISHED = """
DROP TRIGGER guardrails_version_keep_published ON guardrails_guardrailversion;
DROP FUNCTION guardrails_keep_published();
"""


class Migration(migrations.Migration):
    dependencies = [("guardrails", "0001_initial")]

    operations = [migrations.RunSQL(KEEP_PUBLISHED, DROP_KEEP_PUBLISHED)]
