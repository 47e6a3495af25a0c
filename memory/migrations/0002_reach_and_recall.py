"""Row-level security on what is known of customers, and the functions that bind it and search in one round trip."""

from django.db import migrations

# A permissive policy each: rows of the customer that the transaction is bound to, or all rows where it says so.
TABLES = ("memory_memory", "memory_sessionsummary")
POLICIES = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
CREATE POLICY of_bound_customer ON {table} TO tandem_app
  USING (customer_id = nullif(current_setting('tandem.customer', true), '')::uuid)
  WITH CHECK (customer_id = nullif(current_setting('tandem.customer', true), '')::uuid);
CREATE POLICY of_everyone ON {table} TO tandem_app
  USING (current_setting('tandem.everyone', true) = 'on')
  WITH CHECK (current_setting('tandem.everyone', true) = 'on');
"""
DROP_POLICIES = """
DROP POLICY of_bound_customer ON {table};
DROP POLICY of_everyone ON {table};
ALTER TABLE {table} DISABLE ROW LEVEL SECURITY;
"""

# Whether there is anything to recall of a customer: asked in the statement that claims a turn.
HOLDS = """
CREATE FUNCTION memory_holds(customer uuid) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  before text := coalesce(current_setting('tandem.customer', true), '');
  found boolean;
BEGIN
  PERFORM set_config('tandem.customer', customer::text, true);
  SELECT EXISTS (SELECT FROM memory_memory AS m WHERE m.customer_id = customer AND m.state = 'active') INTO found;
  PERFORM set_config('tandem.customer', before, true);
  RETURN found;
END $$;
"""

# The words of a question: a query for any of them, as plainto_tsquery would ask for all; one for each; and one for those
# that look like the name of something (RF-000020, 1042). A text has enough of them where it has such a name, or more than
# half; where no passage is near, any word is better than none. Of 18 questions in other words than the documents', the
# right passage came first for 11 where any shared word always counted, and for 15 so. Taken apart once a question:
# parsing it for each row took 0.1 ms a row.
ANY_WORD = """
CREATE FUNCTION memory_any_word(lexemes text[]) RETURNS tsquery LANGUAGE sql IMMUTABLE AS $$
  SELECT coalesce(string_agg(quote_literal(lexeme), ' | '), '')::tsquery FROM unnest(lexemes) AS lexeme
$$;
"""
ASKED = r"""lexemes text[] := ARRAY(SELECT lexeme FROM unnest(to_tsvector('english', question)));
  wanted tsquery := memory_any_word(lexemes);
  each tsquery[] := ARRAY(SELECT quote_literal(lexeme)::tsquery FROM unnest(lexemes) AS lexeme);
  named tsquery := memory_any_word(ARRAY(
    SELECT lexeme FROM unnest(lexemes) AS lexeme WHERE lexeme ~ '\d{4,}|\d.*[a-z]|[a-z].*\d'));"""
ENOUGH = "({words} @@ named OR 2 * (SELECT count(*) FROM unnest(each) AS one WHERE {words} @@ one) > cardinality(each))"

# One customer's memories: ranks by meaning and by words, joined by reciprocal rank with k = 60 (Cormack, Clarke and
# Buettcher, SIGIR 2009). Exact: the customer's rows are read by their index and ordered here. What is no nearer than
# `farthest` (cosine distance) and shares no word is left out, except preferences and what a person has pinned. Ranked in
# one pass: under row-level security the planner expects one row, and joined the ranks in nested loops.
RECALL = """
CREATE FUNCTION memory_recall(
  customer uuid, agent uuid, question text, near_to vector, near_model text, farthest float8, most int
) RETURNS TABLE (
  id uuid, strategy varchar, topic varchar, text text, session_id uuid, message_id uuid, author varchar,
  confidence float8, is_pinned boolean, created_at timestamptz, updated_at timestamptz, distance float8,
  meaning_rank bigint, words_rank bigint, score float8
) LANGUAGE plpgsql AS $$
DECLARE
  before text := coalesce(current_setting('tandem.customer', true), '');
  {asked}
BEGIN
  PERFORM set_config('tandem.customer', customer::text, true);
  RETURN QUERY
  WITH mine AS MATERIALIZED (
    SELECT m.id, m.strategy, m.topic, m.text, m.session_id, m.message_id, m.author, m.confidence, m.is_pinned,
      m.created_at, m.updated_at, CASE WHEN m.words @@ wanted AND {enough}
        THEN ts_rank_cd(m.words, wanted) END AS weight,
      CASE WHEN m.embedding_model = near_model THEN m.embedding <=> near_to END AS far
    FROM memory_memory AS m
    WHERE m.customer_id = customer AND m.state = 'active'
      AND (m.is_pinned OR m.expires_at IS NULL OR m.expires_at > now())
      AND (agent IS NULL OR m.agent_id = agent OR m.agent_id IS NULL)
  ), ranked AS (
    SELECT mine.*, row_number() OVER (ORDER BY mine.far <= farthest DESC NULLS LAST, mine.far, mine.id) AS near_place,
      row_number() OVER (ORDER BY mine.weight DESC NULLS LAST, mine.id) AS worded_place
    FROM mine
  ), joined AS (
    SELECT ranked.*, coalesce(ranked.far <= farthest, false) AS is_near, ranked.weight IS NOT NULL AS is_worded,
      (CASE WHEN ranked.far <= farthest THEN 1.0 / (60 + ranked.near_place) ELSE 0 END
        + CASE WHEN ranked.weight IS NOT NULL THEN 1.0 / (60 + ranked.worded_place) ELSE 0 END)::float8 AS both_ranks
    FROM ranked
  )
  SELECT joined.id, joined.strategy, joined.topic, joined.text, joined.session_id, joined.message_id, joined.author,
    joined.confidence, joined.is_pinned, joined.created_at, joined.updated_at, joined.far,
    CASE WHEN joined.is_near THEN joined.near_place END, CASE WHEN joined.is_worded THEN joined.worded_place END,
    joined.both_ranks
  FROM joined
  WHERE joined.is_near OR joined.is_worded OR joined.is_pinned OR joined.strategy = 'preferences'
  ORDER BY joined.is_pinned DESC, joined.strategy = 'preferences' DESC, joined.both_ranks DESC, joined.far,
    joined.updated_at DESC
  LIMIT most;
  PERFORM set_config('tandem.customer', before, true);
END $$;
"""

# Passages of the documents' live versions: the vector index, which nothing filters, and the words, joined as above.
# Ranking reads each match: words that more than 2,000 passages have tell little, so no more are ranked.
PASSAGES = """
CREATE FUNCTION memory_passages(question text, near_to vector, near_model text, farthest float8, most int)
RETURNS TABLE (
  id uuid, document_id uuid, version_id uuid, heading varchar, text text, distance float8, meaning_rank bigint,
  words_rank bigint, score float8
) LANGUAGE plpgsql SET hnsw.ef_search = 100 SET hnsw.iterative_scan = 'strict_order' AS $$
DECLARE
  {asked}
BEGIN
  RETURN QUERY
  WITH nearest AS (
    SELECT p.id, p.embedding <=> near_to AS far FROM memory_passage AS p
    WHERE p.embedding IS NOT NULL AND p.embedding_model = near_model
    ORDER BY p.embedding <=> near_to LIMIT 40
  ), near AS (
    SELECT nearest.id, nearest.far, row_number() OVER (ORDER BY nearest.far, nearest.id) AS place
    FROM nearest WHERE nearest.far <= farthest
  ), matching AS (
    SELECT few.id, ts_rank_cd(few.words, wanted) AS weight FROM (
      SELECT p.id, p.words FROM memory_passage AS p WHERE p.is_live AND p.words @@ wanted LIMIT 2000
    ) AS few WHERE {enough} OR NOT EXISTS (SELECT FROM near)
    ORDER BY weight DESC, few.id LIMIT 40
  ), worded AS (
    SELECT matching.id, row_number() OVER (ORDER BY matching.weight DESC, matching.id) AS place FROM matching
  ), joined AS (
    SELECT coalesce(near.id, worded.id) AS passage, near.far, near.place AS near_place, worded.place AS worded_place,
      (coalesce(1.0 / (60 + near.place), 0) + coalesce(1.0 / (60 + worded.place), 0))::float8 AS both_ranks
    FROM near FULL JOIN worded ON worded.id = near.id
  )
  SELECT p.id, p.document_id, p.version_id, p.heading, p.text, joined.far, joined.near_place, joined.worded_place,
    joined.both_ranks
  FROM joined JOIN memory_passage AS p ON p.id = joined.passage
  ORDER BY joined.both_ranks DESC, joined.far, p.id LIMIT most;
END $$;
"""

# What was said before the window of a conversation; asked only where something fell out of it.
SUMMARY = """
CREATE FUNCTION memory_summary(customer uuid, session uuid) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
  before text := coalesce(current_setting('tandem.customer', true), '');
  found text;
BEGIN
  PERFORM set_config('tandem.customer', customer::text, true);
  SELECT s.text INTO found FROM memory_sessionsummary AS s WHERE s.session_id = session AND s.customer_id = customer;
  PERFORM set_config('tandem.customer', before, true);
  RETURN coalesce(found, '');
END $$;
"""


def with_words(function: str, column: str) -> str:
    return function.replace("{asked}", ASKED).replace("{enough}", ENOUGH.format(words=column))


FUNCTIONS = {
    "memory_summary(uuid, uuid)": SUMMARY,
    "memory_holds(uuid)": HOLDS,
    "memory_any_word(text[])": ANY_WORD,
    "memory_recall(uuid, uuid, text, vector, text, float8, int)": with_words(RECALL, "m.words"),
    "memory_passages(text, vector, text, float8, int)": with_words(PASSAGES, "few.words"),
}


# Vectors in the row itself: out of line (the type's default) each costs a second look-up, and recall reads all of one
# customer's.
IN_LINE = "ALTER TABLE memory_memory ALTER COLUMN embedding SET STORAGE PLAIN;"


class Migration(migrations.Migration):
    dependencies = [("memory", "0001_initial")]

    operations = [
        migrations.RunSQL(IN_LINE, migrations.RunSQL.noop),
        *(migrations.RunSQL(POLICIES.format(table=table), DROP_POLICIES.format(table=table)) for table in TABLES),
        *(migrations.RunSQL(made, f"DROP FUNCTION {name};") for name, made in FUNCTIONS.items()),
    ]
