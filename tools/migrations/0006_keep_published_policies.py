from django.db import migrations

# A published version is what decisions, approvals and back-tests refer to: it stays as it was. Its rules come before
# its number, in one transaction; who published it may leave.
KEEP_PUBLISHED = """
CREATE FUNCTION tools_keep_published_rules() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  published integer;
BEGIN
  -- Locked, so that it is not published between this look and the commit.
  IF TG_OP <> 'INSERT' THEN
    SELECT v.number INTO published FROM tools_policyversion AS v WHERE v.id = OLD.version_id FOR SHARE;
  END IF;
  IF published IS NULL AND TG_OP <> 'DELETE' THEN
    SELECT v.number INTO published FROM tools_policyversion AS v WHERE v.id = NEW.version_id FOR SHARE;
  END IF;
  IF published IS NOT NULL THEN
    RAISE EXCEPTION 'tools_policyrule: the rules of a published version never change'
      USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  IF TG_OP = 'DELETE' THEN
    RETURN OLD;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER tools_policyrule_keep_published BEFORE INSERT OR UPDATE OR DELETE ON tools_policyrule
  FOR EACH ROW EXECUTE FUNCTION tools_keep_published_rules();

CREATE FUNCTION tools_keep_published_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.published_by_id IS NULL
    AND to_jsonb(NEW) - 'published_by_id' = to_jsonb(OLD) - 'published_by_id' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'tools_policyversion: a published version never changes'
    USING ERRCODE = 'integrity_constraint_violation';
END $$;
CREATE TRIGGER tools_policyversion_keep_published BEFORE UPDATE OR DELETE ON tools_policyversion
  FOR EACH ROW WHEN (OLD.number IS NOT NULL) EXECUTE FUNCTION tools_keep_published_version();
"""
DROP_KEEP_PUBLISHED = """
DROP TRIGGER tools_policyversion_keep_published ON tools_policyversion;
DROP FUNCTION tools_keep_published_version();
DROP TRIGGER tools_policyrule_keep_published ON tools_policyrule;
DROP FUNCTION tools_keep_published_rules();
"""


class Migration(migrations.Migration):
    dependencies = [("tools", "0005_target_names")]

    operations = [migrations.RunSQL(KEEP_PUBLISHED, DROP_KEEP_PUBLISHED)]
