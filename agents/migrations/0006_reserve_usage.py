import django.db.models.deletion
from django.db import migrations, models

PERIODS = """
-- Periods begin at their UTC boundaries; "ever" began with the epoch and has no end.
CREATE FUNCTION agents_period_begins(period text, at timestamptz) RETURNS timestamptz STABLE LANGUAGE sql AS $$
  SELECT CASE period WHEN 'ever' THEN to_timestamp(0) ELSE date_trunc(period, at, 'UTC') END
$$;
CREATE FUNCTION agents_period_ends(period text, begins_at timestamptz) RETURNS timestamptz STABLE LANGUAGE sql AS $$
  SELECT CASE WHEN period <> 'ever'
    THEN (begins_at AT TIME ZONE 'UTC' + ('1 ' || period)::interval) AT TIME ZONE 'UTC' END
$$;
CREATE TYPE agents_use AS (limit_id uuid, subject text, begins_at timestamptz, amount numeric);
"""
DROP_PERIODS = """
DROP TYPE agents_use;
DROP FUNCTION agents_period_ends(text, timestamptz);
DROP FUNCTION agents_period_begins(text, timestamptz);
"""

# Usage rows are locked in the order (limit, subject, begin) by everything that changes more than one of them, so nobody
# waits for somebody who waits for them. Each statement of a function sees what was committed before it began, so what
# is read after the locks is what is.
SETTLE = """
CREATE FUNCTION agents_settle_usage(turns uuid[], cost_tokens numeric, cost_usd numeric)
RETURNS integer LANGUAGE plpgsql AS $$
-- Moves what these turns have set aside to what is spent: at its cost, or in full where the cost is not known (NULL).
-- Returns how many reservations there were.
DECLARE
  closed agents_use[];
BEGIN
  WITH gone AS (
    DELETE FROM agents_reservation WHERE turn_id = ANY (turns) RETURNING limit_id, subject, begins_at, amount
  )
  SELECT array_agg((g.limit_id, g.subject, g.begins_at, g.amount)::agents_use) INTO closed FROM gone AS g;
  IF closed IS NULL THEN
    RETURN 0;
  END IF;
  PERFORM FROM agents_usage AS u
  WHERE (u.limit_id, u.subject, u.begins_at) IN (SELECT c.limit_id, c.subject, c.begins_at FROM unnest(closed) AS c)
  ORDER BY u.limit_id, u.subject, u.begins_at FOR NO KEY UPDATE;
  UPDATE agents_usage AS u SET reserved = u.reserved - c.amount, spent = u.spent + c.cost
  FROM (
    SELECT c.limit_id, c.subject, c.begins_at, sum(c.amount) AS amount,
      sum(coalesce(CASE l.measure WHEN 'usd' THEN cost_usd ELSE cost_tokens END, c.amount)) AS cost
    FROM unnest(closed) AS c JOIN agents_limit AS l ON l.id = c.limit_id
    GROUP BY c.limit_id, c.subject, c.begins_at
  ) AS c
  WHERE (u.limit_id, u.subject, u.begins_at) = (c.limit_id, c.subject, c.begins_at);
  RETURN cardinality(closed);
END $$;
"""
DROP_SETTLE = "DROP FUNCTION agents_settle_usage(uuid[], numeric, numeric);"

TAKE = """
CREATE FUNCTION agents_take_usage(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
-- Takes amounts out of every limit that they fall under, or out of none.
-- request: {"agent_id", "customer_id", "session_id", "amounts": {measure: amount}, "turn_id"?, "former"?}
-- With a turn the amounts are set aside for it, and what it had set aside before is spent: as "former" says {"tokens",
-- "usd"}, else in full. Without a turn the amounts are spent at once.
-- Returns {"taken": how many limits}, or {"refused": {the limit, "spent", "reserved", "ends_at"}}.
DECLARE
  of_turn uuid := request ->> 'turn_id';
  at timestamptz := clock_timestamp();
  former_tokens numeric := request -> 'former' ->> 'tokens';
  former_usd numeric := request -> 'former' ->> 'usd';
  wanted agents_use[];
  one record;
  refused jsonb;
  taken integer;
BEGIN
  SELECT array_agg((
    l.id,
    CASE l.scope WHEN 'all' THEN '' ELSE request ->> (l.scope || '_id') END,
    agents_period_begins(l.period, at),
    request -> 'amounts' ->> l.measure
  )::agents_use) INTO wanted
  FROM agents_limit AS l
  WHERE l.enabled AND request -> 'amounts' ? l.measure
    AND (l.agent_id IS NULL OR l.agent_id = (request ->> 'agent_id')::uuid);

  FOR one IN
    SELECT w.limit_id, w.subject, w.begins_at, TRUE AS may_be_missing FROM unnest(wanted) AS w
    UNION ALL
    SELECT r.limit_id, r.subject, r.begins_at, FALSE FROM agents_reservation AS r WHERE r.turn_id = of_turn
    ORDER BY limit_id, subject, begins_at
  LOOP
    PERFORM FROM agents_usage AS u
    WHERE (u.limit_id, u.subject, u.begins_at) = (one.limit_id, one.subject, one.begins_at) FOR NO KEY UPDATE;
    IF NOT FOUND AND one.may_be_missing THEN
      -- The limit's row is held, so that it is not deleted meanwhile; where it is gone it limits nothing.
      INSERT INTO agents_usage (limit_id, subject, begins_at, spent, reserved)
      SELECT l.id, one.subject, one.begins_at, 0, 0 FROM agents_limit AS l WHERE l.id = one.limit_id FOR KEY SHARE
      ON CONFLICT DO NOTHING;
      PERFORM FROM agents_usage AS u
      WHERE (u.limit_id, u.subject, u.begins_at) = (one.limit_id, one.subject, one.begins_at) FOR NO KEY UPDATE;
    END IF;
  END LOOP;

  IF of_turn IS NOT NULL THEN
    PERFORM agents_settle_usage(ARRAY[of_turn], former_tokens, former_usd);
  END IF;

  -- A limit that was changed while this waited holds as it is now. The one that lasts longest is named.
  SELECT jsonb_build_object(
    'scope', l.scope, 'agent', a.name, 'measure', l.measure, 'period', l.period, 'amount', l.amount::text,
    'spent', u.spent::text, 'reserved', u.reserved::text, 'ends_at', agents_period_ends(l.period, w.begins_at)
  ) INTO refused
  FROM unnest(wanted) AS w
  JOIN agents_usage AS u ON (u.limit_id, u.subject, u.begins_at) = (w.limit_id, w.subject, w.begins_at)
  JOIN agents_limit AS l ON l.id = w.limit_id
  LEFT JOIN agents_agent AS a ON a.id = l.agent_id
  WHERE l.enabled AND u.spent + u.reserved + w.amount > l.amount
  ORDER BY agents_period_ends(l.period, w.begins_at) DESC NULLS FIRST, l.id LIMIT 1;
  IF refused IS NOT NULL THEN
    RETURN jsonb_build_object('refused', refused);
  END IF;

  UPDATE agents_usage AS u SET
    spent = u.spent + CASE WHEN of_turn IS NULL THEN w.amount ELSE 0 END,
    reserved = u.reserved + CASE WHEN of_turn IS NULL THEN 0 ELSE w.amount END
  FROM unnest(wanted) AS w
  WHERE (u.limit_id, u.subject, u.begins_at) = (w.limit_id, w.subject, w.begins_at);
  GET DIAGNOSTICS taken = ROW_COUNT;
  IF of_turn IS NOT NULL THEN
    INSERT INTO agents_reservation (turn_id, limit_id, subject, begins_at, amount)
    SELECT of_turn, w.limit_id, w.subject, w.begins_at, w.amount FROM unnest(wanted) AS w
    WHERE EXISTS (SELECT FROM agents_usage AS u
      WHERE (u.limit_id, u.subject, u.begins_at) = (w.limit_id, w.subject, w.begins_at));
  END IF;
  RETURN jsonb_build_object('taken', taken);
END $$;
"""
DROP_TAKE = "DROP FUNCTION agents_take_usage(jsonb);"

# A row that many turns change needs room beside it for its next version.
LEAVE_ROOM = "ALTER TABLE agents_usage SET (fillfactor = 50)"
FILL_UP = "ALTER TABLE agents_usage RESET (fillfactor)"


class Migration(migrations.Migration):
    dependencies = [("agents", "0005_first_models")]

    operations = [
        migrations.AlterField(
            model_name="usage",
            name="limit",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="usages",
                to="agents.limit",
            ),
        ),
        migrations.AddIndex(
            model_name="usage",
            index=models.Index(fields=["limit", "begins_at"], name="usage_of_period"),
        ),
        migrations.RunSQL(LEAVE_ROOM, FILL_UP),
        migrations.RunSQL(PERIODS, DROP_PERIODS),
        migrations.RunSQL(SETTLE, DROP_SETTLE),
        migrations.RunSQL(TAKE, DROP_TAKE),
    ]
