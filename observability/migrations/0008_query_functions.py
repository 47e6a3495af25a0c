from django.db import migrations

# What the query language (observability/query) reads, and what it calls. Every function gives NULL for what it cannot
# read, where a cast would end the query; the view reads with the rights of whoever asks.
FUNCTIONS = r"""
CREATE FUNCTION observability_number(value text) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN length(value) < 40 AND value ~ '^\s*[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?\s*$'
    THEN value::numeric END
$$;
CREATE FUNCTION observability_instant(value text) RETURNS timestamptz LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- ISO 8601, in UTC where it names no zone. Nothing is caught here: a parallel worker cannot.
DECLARE
  part text[] := regexp_match(value, '^([0-9]{4})-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])'
    '(?:[T ]((?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]{1,6})?)?)(Z|[-+](?:0[0-9]|1[0-4]):?[0-5][0-9])?)?$');
BEGIN
  IF part IS NULL OR part[1] = '0000'
    OR part[3]::int > extract(day from make_date(part[1]::int, part[2]::int, 1) + interval '1 month - 1 day') THEN
    RETURN NULL;
  END IF;
  RETURN (concat(part[1], '-', part[2], '-', part[3], ' ', coalesce(part[4], '00:00'), coalesce(part[5], 'Z')))::timestamptz;
END $$;
CREATE FUNCTION observability_truth(value text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE lower(value) WHEN 'true' THEN true WHEN 'false' THEN false ELSE observability_number(value) <> 0 END
$$;
CREATE FUNCTION observability_root(value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN value >= 0 THEN sqrt(value) END
$$;
CREATE FUNCTION observability_logarithm(value numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN value > 0 THEN ln(value) END
$$;
CREATE FUNCTION observability_power(base numeric, exponent numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
  -- With the doubles' range: a numeric's has 131,072 digits, and filling them takes its time.
  SELECT CASE WHEN base = 0 AND exponent < 0 OR base < 0 AND exponent <> trunc(exponent) THEN NULL
    ELSE (base::float8 ^ exponent::float8)::numeric END
$$;
CREATE FUNCTION observability_bounded(value text) RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- Texts can be doubled, and doubled again: this ends it before the server's memory does.
BEGIN
  IF length(value) > 1000000 THEN
    RAISE EXCEPTION 'a text of more than 1,000,000 characters' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  RETURN value;
END $$;
CREATE FUNCTION observability_replaced(value text, old text, new text) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
-- The same, before it is made.
BEGIN
  IF length(new) > greatest(length(old), 1) AND length(value)::bigint * length(new) > 10000000 THEN
    RAISE EXCEPTION 'a replacement of too much by too much' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  RETURN observability_bounded(replace(value, old, new));
END $$;
"""
DROP_FUNCTIONS = """
DROP FUNCTION observability_replaced(text, text, text);
DROP FUNCTION observability_bounded(text);
DROP FUNCTION observability_power(numeric, numeric);
DROP FUNCTION observability_logarithm(numeric);
DROP FUNCTION observability_root(numeric);
DROP FUNCTION observability_truth(text);
DROP FUNCTION observability_instant(text);
DROP FUNCTION observability_number(text);
"""
# All spans, and each turn as a whole. Both halves read one table each, and name no column for more than it is, so that
# PostgreSQL reads them as one and leaves out the half in which a wanted value cannot be. What only the trace has is
# joined by the query that asks for it.
VIEW = """
CREATE VIEW observability_event WITH (security_invoker = true) AS
SELECT s.id, s.trace_id, s.started_at AS at, s.kind::text AS kind, s.name::text AS name, s.status::text AS status,
  s.error, s.agent::text AS agent, s.action::text AS action, s.category::text AS category, s.duration_ms,
  s.input_tokens, s.output_tokens, s.cache_read_tokens, s.cache_write_tokens, s.cost_usd, s.attributes,
  concat_ws(' ', s.kind, s.name, s.status, nullif(s.error, ''), s.attributes::text) AS message
FROM observability_span AS s
UNION ALL
SELECT t.id, t.id, t.started_at, 'invocation', 'turn', t.status::text,
  t.error, t.agent_slug::text, '', '', t.duration_ms,
  t.input_tokens, t.output_tokens, t.cache_read_tokens, t.cache_write_tokens, t.cost_usd, NULL::jsonb,
  concat_ws(' ', 'invocation', t.agent_slug, t.status, nullif(t.outcome, ''), nullif(t.error, ''),
    nullif(t.input_text, ''), '->', nullif(t.output_text, ''))
FROM observability_trace AS t;
"""
DROP_VIEW = "DROP VIEW observability_event;"


class Migration(migrations.Migration):
    dependencies = [("observability", "0007_money_queries_notices")]

    operations = [
        migrations.RunSQL(FUNCTIONS, DROP_FUNCTIONS),
        migrations.RunSQL(VIEW, DROP_VIEW),
    ]
