from django.db import migrations, models

# What the writers of a conversation do not know, or would each have to remember. In the row itself it costs no second
# write; only a new conversation looks for the customer's one before.
KEEP = """
CREATE FUNCTION agents_keep_handing_over() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.handed_over_at = clock_timestamp();
  RETURN NEW;
END $$;
CREATE TRIGGER agents_session_handed_over BEFORE UPDATE ON agents_session FOR EACH ROW
  WHEN (NEW.controller IN ('human', 'paused') AND NEW.handed_over_at IS NULL)
  EXECUTE FUNCTION agents_keep_handing_over();

CREATE FUNCTION agents_keep_coming_back() RETURNS trigger LANGUAGE plpgsql AS $$
-- The customer writes again where they were answered last.
BEGIN
  IF OLD.solved_at IS NOT NULL THEN
    NEW.solved_at = NULL;
    IF NEW.last_message_at - OLD.solved_at <= interval '7 days' THEN
      NEW.came_back_at = NEW.last_message_at;
      NEW.quiet_since = NULL;
    END IF;
  ELSIF OLD.preview_author <> 'customer' AND (OLD.came_back_at IS NULL
      OR NEW.last_message_at - OLD.last_message_at > OLD.came_back_at - OLD.quiet_since) THEN
    NEW.came_back_at = NEW.last_message_at;
    NEW.quiet_since = OLD.last_message_at;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER agents_session_came_back BEFORE UPDATE OF last_message_at ON agents_session FOR EACH ROW
  WHEN (NEW.preview_author = 'customer' AND OLD.preview_author <> '' AND NEW.last_message_at > OLD.last_message_at
    AND (OLD.preview_author <> 'customer' OR OLD.solved_at IS NOT NULL))
  EXECUTE FUNCTION agents_keep_coming_back();

CREATE FUNCTION agents_keep_beginning_again() RETURNS trigger LANGUAGE plpgsql AS $$
-- A new conversation brings the customer's last one with this agent back: one that was solved, or that was quiet.
BEGIN
  UPDATE agents_session AS s SET came_back_at = NEW.opened_at,
    quiet_since = CASE WHEN s.solved_at IS NULL THEN s.last_message_at END
  WHERE s.id = (SELECT b.id FROM agents_session AS b
      WHERE b.customer_id = NEW.customer_id AND b.agent_id = NEW.agent_id AND b.id <> NEW.id
        AND b.opened_at < NEW.opened_at
      ORDER BY b.opened_at DESC, b.id DESC LIMIT 1)
    AND CASE WHEN s.solved_at IS NOT NULL
      THEN (s.came_back_at IS NULL OR s.came_back_at < s.solved_at)
        AND s.solved_at <= NEW.opened_at AND NEW.opened_at - s.solved_at <= interval '7 days'
      ELSE s.controller = 'agent' AND s.preview_author = 'agent' AND s.last_message_at < NEW.opened_at
        AND (s.came_back_at IS NULL OR NEW.opened_at - s.last_message_at > s.came_back_at - s.quiet_since) END;
  RETURN NULL;
END $$;
CREATE TRIGGER agents_session_begun_again AFTER INSERT ON agents_session FOR EACH ROW
  EXECUTE FUNCTION agents_keep_beginning_again();
"""
DROP_KEEP = """
DROP TRIGGER agents_session_begun_again ON agents_session;
DROP TRIGGER agents_session_came_back ON agents_session;
DROP TRIGGER agents_session_handed_over ON agents_session;
DROP FUNCTION agents_keep_beginning_again();
DROP FUNCTION agents_keep_coming_back();
DROP FUNCTION agents_keep_handing_over();
"""
# Of the time before: whoever closed a conversation was not asked, and is taken to have seen it solved. Who came back
# was not kept. What is deferred is checked here, so that the table can be indexed in the same transaction.
FILL = """
UPDATE agents_session AS s SET solved_at = s.closed_at, handed_over_at = coalesce(
  (SELECT min(e.opened_at) FROM agents_escalation AS e WHERE e.session_id = s.id),
  CASE WHEN s.controller IN ('human', 'paused') THEN s.last_message_at END)
WHERE s.closed_at IS NOT NULL OR s.controller IN ('human', 'paused')
  OR EXISTS (SELECT FROM agents_escalation AS e WHERE e.session_id = s.id);
SET CONSTRAINTS ALL IMMEDIATE;
"""


def moment() -> models.DateTimeField:
    return models.DateTimeField(blank=True, null=True)


class Migration(migrations.Migration):
    dependencies = [("agents", "0014_budgets")]

    operations = [
        migrations.AddField("session", "solved_at", moment()),
        migrations.AddField("session", "handed_over_at", moment()),
        migrations.AddField("session", "came_back_at", moment()),
        migrations.AddField("session", "quiet_since", moment()),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(KEEP, DROP_KEEP),
        migrations.AddIndex(
            "session", models.Index(fields=["opened_at"], include=["agent", "channel"], name="session_begun")
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                fields=["solved_at"],
                include=["agent", "channel", "handed_over_at"],
                name="session_solved",
                condition=models.Q(("solved_at__isnull", False)),
            ),
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                fields=["handed_over_at"],
                include=["agent", "channel"],
                name="session_handed_over",
                condition=models.Q(("handed_over_at__isnull", False)),
            ),
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                fields=["came_back_at"], name="session_came_back", condition=models.Q(("came_back_at__isnull", False))
            ),
        ),
        migrations.AddIndex(
            "session",
            models.Index(
                fields=["last_message_at"],
                include=["agent", "channel", "came_back_at"],
                name="session_answered",
                condition=models.Q(
                    ("controller", "agent"),
                    ("handed_over_at__isnull", True),
                    ("preview_author", "agent"),
                    ("solved_at__isnull", True),
                    ("waiting_since__isnull", True),
                ),
            ),
        ),
    ]
