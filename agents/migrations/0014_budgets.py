from importlib import import_module

import django.core.validators
import django.db.models.deletion
import django.utils.timezone
from django.db import migrations, models

FORMER = import_module("agents.migrations.0006_reserve_usage")

# Before this, a limit always refuses and no channel has one. What is deferred is checked here, so that the tables can
# be changed in the same transaction.
FORGET_BUDGETS = """
SET CONSTRAINTS ALL IMMEDIATE;
DELETE FROM agents_budgetstep;
DELETE FROM agents_usage WHERE limit_id IN (SELECT id FROM agents_limit WHERE scope = 'channel');
DELETE FROM agents_reservation WHERE limit_id IN (SELECT id FROM agents_limit WHERE scope = 'channel');
DELETE FROM agents_limit WHERE scope = 'channel';
UPDATE agents_limit SET enabled = FALSE WHERE NOT refuses;
"""

# A step is reached by what is spent, not by what is set aside: most of that comes back, and nobody is told of money that
# was never spent. It cannot be missed either: money is only spent here, and each change of `spent` looks for steps.
#
# Crossings are entered in the order of their key by everybody, so nobody waits in a circle. Two settlements cannot
# enter the same one: both hold the usage's row.
SETTLE = """
CREATE OR REPLACE FUNCTION agents_settle_usage(turns uuid[], cost_tokens numeric, cost_usd numeric)
RETURNS integer LANGUAGE plpgsql AS $$
-- Moves what these turns have set aside to what is spent: at its cost, or in full where the cost is not known (NULL).
-- Enters the steps of budgets that are reached by it. Returns how many reservations there were.
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
  INSERT INTO agents_budgetcrossing (limit_id, subject, begins_at, percent, action, amount, spent, at)
  SELECT u.limit_id, u.subject, u.begins_at, s.percent, s.action, l.amount, u.spent, clock_timestamp()
  FROM (SELECT DISTINCT c.limit_id, c.subject, c.begins_at FROM unnest(closed) AS c) AS c
  JOIN agents_budgetstep AS s ON s.limit_id = c.limit_id
  JOIN agents_limit AS l ON l.id = c.limit_id
  JOIN agents_usage AS u ON (u.limit_id, u.subject, u.begins_at) = (c.limit_id, c.subject, c.begins_at)
  WHERE l.enabled AND u.spent > 0 AND u.spent * 100 >= l.amount * s.percent
  ORDER BY u.limit_id, u.subject, u.begins_at, s.percent, s.action
  ON CONFLICT DO NOTHING;
  RETURN cardinality(closed);
END $$;
"""

TAKE = """
CREATE OR REPLACE FUNCTION agents_take_usage(request jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
-- Takes amounts out of every limit that they fall under, or out of none.
-- request: {"agent_id", "customer_id", "session_id", "amounts": {measure: amount}, "turn_id"?, "former"?,
-- "is_new_turn"?, "may_switch"?}
-- With a turn the amounts are set aside for it, and what it had set aside before is spent: as "former" says {"tokens",
-- "usd"}, else in full. Without a turn the amounts are spent at once.
-- Returns {"taken": how many limits, "steps"}, or {"refused": {the limit, "spent", "reserved", "ends_at", and where a
-- step refuses it "action", "percent"}, "steps"}. "steps" are those of budgets that hold (but not those that only
-- tell), the highest first, or null. Where one asks for a cheaper model of a turn that may switch, nothing is taken and
-- {"steps"} alone returned: it asks again, with the other model.
DECLARE
  of_turn uuid := request ->> 'turn_id';
  at timestamptz := clock_timestamp();
  former_tokens numeric := request -> 'former' ->> 'tokens';
  former_usd numeric := request -> 'former' ->> 'usd';
  is_new_turn boolean := coalesce((request ->> 'is_new_turn')::boolean, FALSE);
  may_switch boolean := coalesce((request ->> 'may_switch')::boolean, FALSE);
  wanted agents_use[];
  one record;
  reached jsonb;
  refused jsonb;
  taken integer;
BEGIN
  SELECT array_agg((x.id, x.subject, x.begins_at, x.amount)::agents_use) INTO wanted
  FROM (
    SELECT l.id, agents_period_begins(l.period, at) AS begins_at,
      (request -> 'amounts' ->> l.measure)::numeric AS amount,
      CASE l.scope WHEN 'all' THEN ''
        WHEN 'channel' THEN (SELECT s.channel FROM agents_session AS s WHERE s.id = (request ->> 'session_id')::uuid)
        ELSE request ->> (l.scope || '_id') END AS subject
    FROM agents_limit AS l
    WHERE l.enabled AND request -> 'amounts' ? l.measure
      AND (l.agent_id IS NULL OR l.agent_id = (request ->> 'agent_id')::uuid)
  ) AS x
  -- A conversation that was deleted meanwhile is in no channel.
  WHERE x.subject IS NOT NULL;

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
    SELECT jsonb_agg(jsonb_build_object(
      'action', s.action, 'percent', s.percent, 'model', s.model,
      'scope', l.scope, 'agent', a.name, 'measure', l.measure, 'period', l.period, 'amount', l.amount::text,
      'spent', u.spent::text, 'reserved', u.reserved::text, 'ends_at', agents_period_ends(l.period, w.begins_at)
    ) ORDER BY s.percent DESC, l.id, s.action) INTO reached
    FROM unnest(wanted) AS w
    JOIN agents_budgetstep AS s ON s.limit_id = w.limit_id
    JOIN agents_limit AS l ON l.id = w.limit_id
    JOIN agents_usage AS u ON (u.limit_id, u.subject, u.begins_at) = (w.limit_id, w.subject, w.begins_at)
    LEFT JOIN agents_agent AS a ON a.id = l.agent_id
    WHERE l.enabled AND s.action <> 'notify' AND u.spent * 100 >= l.amount * s.percent;
    IF may_switch AND reached @> '[{"action": "cheaper"}]' THEN
      RETURN jsonb_build_object('steps', reached);
    END IF;
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
  WHERE l.enabled AND l.refuses AND u.spent + u.reserved + w.amount > l.amount
  ORDER BY agents_period_ends(l.period, w.begins_at) DESC NULLS FIRST, l.id LIMIT 1;
  IF refused IS NULL AND reached IS NOT NULL THEN
    SELECT step INTO refused FROM jsonb_array_elements(reached) AS step
    WHERE step ->> 'action' = 'stop' OR (is_new_turn AND step ->> 'action' = 'people')
    ORDER BY step ->> 'action' = 'stop' DESC, (step ->> 'ends_at')::timestamptz DESC NULLS FIRST LIMIT 1;
  END IF;
  IF refused IS NOT NULL THEN
    -- A budget that refuses comes to its end below its amount, so no step says so. It has come there where no money that
    -- others have set aside, and may give back, is in the way.
    INSERT INTO agents_budgetcrossing (limit_id, subject, begins_at, percent, action, amount, spent, at)
    SELECT u.limit_id, u.subject, u.begins_at, 100, 'refused', l.amount, u.spent, clock_timestamp()
    FROM unnest(wanted) AS w
    JOIN agents_usage AS u ON (u.limit_id, u.subject, u.begins_at) = (w.limit_id, w.subject, w.begins_at)
    JOIN agents_limit AS l ON l.id = w.limit_id
    WHERE l.enabled AND l.refuses AND u.spent + w.amount > l.amount
      AND EXISTS (SELECT FROM agents_budgetstep AS s WHERE s.limit_id = l.id)
    ORDER BY u.limit_id, u.subject, u.begins_at
    ON CONFLICT DO NOTHING;
    RETURN jsonb_build_object('refused', refused, 'steps', reached);
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
  RETURN jsonb_build_object('taken', taken, 'steps', reached);
END $$;
"""


def former(function: str) -> str:
    return function.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")


ACTIONS = [
    ("notify", "Tell people"),
    ("cheaper", "Use a cheaper model"),
    ("drafts", "Drafts only"),
    ("people", "Hand to people"),
    ("stop", "Stop"),
]


class Migration(migrations.Migration):
    dependencies = [("agents", "0013_name_agents_in_traces")]

    operations = [
        migrations.AlterField(
            model_name="limit",
            name="scope",
            field=models.CharField(
                choices=[
                    ("all", "Everything together"),
                    ("agent", "Each agent"),
                    ("channel", "Each channel"),
                    ("customer", "Each customer"),
                    ("session", "Each conversation"),
                ],
                max_length=10,
            ),
        ),
        migrations.AlterField(
            model_name="limit",
            name="period",
            field=models.CharField(
                choices=[
                    ("minute", "a minute"),
                    ("hour", "an hour"),
                    ("day", "a day"),
                    ("week", "a week"),
                    ("month", "a month"),
                    ("ever", "in all"),
                ],
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="limit",
            name="refuses",
            field=models.BooleanField(db_default=True, default=True),
        ),
        migrations.AddConstraint(
            model_name="limit",
            constraint=models.CheckConstraint(
                condition=models.Q(("refuses", True), ("measure", "usd"), _connector="OR"),
                name="limit_refuses_unless_budget",
            ),
        ),
        migrations.CreateModel(
            name="BudgetStep",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "percent",
                    models.PositiveSmallIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(500),
                        ]
                    ),
                ),
                ("action", models.CharField(choices=ACTIONS, max_length=10)),
                ("model", models.CharField(blank=True, max_length=120)),
                (
                    "limit",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="steps",
                        to="agents.limit",
                    ),
                ),
            ],
            options={"ordering": ["percent", "id"]},
        ),
        migrations.AddConstraint(
            model_name="budgetstep",
            constraint=models.UniqueConstraint(fields=("limit", "percent", "action"), name="budgetstep_once"),
        ),
        migrations.AddConstraint(
            model_name="budgetstep",
            constraint=models.CheckConstraint(condition=models.Q(("percent__gte", 1)), name="budgetstep_has_share"),
        ),
        migrations.CreateModel(
            name="BudgetCrossing",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "limit_id",
                        "subject",
                        "begins_at",
                        "percent",
                        "action",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("subject", models.CharField(blank=True, max_length=36)),
                ("begins_at", models.DateTimeField()),
                ("percent", models.PositiveSmallIntegerField()),
                ("action", models.CharField(choices=[*ACTIONS, ("refused", "Refused a call")], max_length=10)),
                ("amount", models.DecimalField(decimal_places=8, max_digits=18)),
                ("spent", models.DecimalField(decimal_places=8, max_digits=18)),
                ("at", models.DateTimeField(default=django.utils.timezone.now)),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "limit",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="crossings",
                        to="agents.limit",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="budgetcrossing",
            index=models.Index(
                condition=models.Q(("told_at__isnull", True)), fields=["at"], name="budgetcrossing_untold"
            ),
        ),
        migrations.AddIndex(
            model_name="budgetcrossing",
            index=models.Index(fields=["limit", "-at"], name="budgetcrossing_history"),
        ),
        migrations.RunSQL(migrations.RunSQL.noop, FORGET_BUDGETS),
        migrations.RunSQL(SETTLE, former(FORMER.SETTLE)),
        migrations.RunSQL(TAKE, former(FORMER.TAKE)),
    ]
