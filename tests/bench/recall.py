"""What recall costs: `python -m tests.bench.recall [--memories 100000 --customers 10000] [--passages 20000]`.

A database of its own, with fsync. Memories are spread over the customers, some of whom have a hundred times as many as
others; vectors are of unit length in clusters, the texts of a few hundred words. The function that a turn calls is
timed as a turn calls it: over the socket, with its result read, the cache warm. For documents the vector index is
compared with the exact order (recall@10).
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray
from pgvector import Vector

from config.embedded_postgres import EmbeddedPostgres

ROOT = Path(__file__).resolve().parent.parent.parent
DIMENSIONS = 384
CLUSTERS = 200
BASES = 5000
QUERIES = 300
MODEL = "bench"
# The n-th word is about 1/n as frequent as the first (Zipf's law).
WORDS = [f"word{number}" for number in range(4000)]
QUESTION = "word3 word40 word400 word1500"

# Customer n of N has a share that falls with n: the first has a hundred times what the last has.
MEMORIES = """
INSERT INTO memory_memory (id, customer_id, strategy, topic, text, metadata, embedding, embedding_model, author,
  confidence, times, state, reason, is_pinned, created_at, updated_at, expires_at)
SELECT gen_random_uuid(),
  md5('c' || least(%(customers)s - 1, floor(%(customers)s * power(random(), 1.6))::int))::uuid,
  (ARRAY['episodes', 'facts', 'facts', 'episodes'])[1 + i %% 4], '',
  (SELECT string_agg(w, ' ') FROM (SELECT 'word' || floor(power(4000, random()))::int AS w
    FROM generate_series(1, 12 + (i %% 2))) AS chosen), '{}', b.embedding, 'bench', 'agent', 0.6, 1,
  'active', '', false, now() - random() * interval '300 days', now(), now() + interval '700 days'
FROM generate_series(%(first)s, %(last)s) AS i JOIN bases AS b ON b.id = i %% %(bases)s
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--memories", type=int, default=100_000)
    parser.add_argument("--customers", type=int, default=10_000)
    parser.add_argument("--passages", type=int, default=20_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tandem-bench-") as folder, database(Path(folder)) as url:
        dice = np.random.default_rng(7)
        with psycopg.connect(url, autocommit=True) as owner:
            centres = unit(dice.normal(size=(CLUSTERS, DIMENSIONS)))
            fill(owner, dice, centres, options.memories, options.customers)
            fill_passages(owner, dice, centres, options.passages)
        with psycopg.connect(url, autocommit=True, prepare_threshold=3) as app:
            app.execute("SET ROLE tandem_app")
            report_memories(app, dice, centres, options)
            report_passages(app, dice, centres, options.passages)


@contextmanager
def database(folder: Path) -> Iterator[str]:
    folder.chmod(0o711)
    server = EmbeddedPostgres(folder)
    url = server.acquire()
    env = {**os.environ, "DATABASE_URL": url, "STATE_DIR": str(folder), "SECRET_KEY": "bench"}
    try:
        subprocess.run(
            [sys.executable, "manage.py", "migrate", "-v0"],
            cwd=ROOT,
            env={**env, "DJANGO_SETTINGS_MODULE": "config.settings"},
            check=True,
        )
        yield url
    finally:
        server.release()


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return scaled


def near(dice: np.random.Generator, centres: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Vectors around the centres; the cosine to one's own centre is about 0.7, as of sentences on one subject."""
    chosen = centres[dice.integers(0, CLUSTERS, count)]
    return unit(chosen + unit(dice.normal(size=(count, DIMENSIONS))))


def text_of(vector: NDArray[np.float64]) -> str:
    return Vector(vector.astype(np.float32)).to_text()


def fill(
    owner: psycopg.Connection[Any],
    dice: np.random.Generator,
    centres: NDArray[np.float64],
    memories: int,
    customers: int,
) -> None:
    owner.execute(f"CREATE TABLE bases (id int PRIMARY KEY, embedding vector({DIMENSIONS}))")
    with owner.cursor() as cursor, cursor.copy("COPY bases FROM STDIN") as copy:
        for number, vector in enumerate(near(dice, centres, BASES)):
            copy.write_row((number, text_of(vector)))
    began = time.perf_counter()
    for first in range(0, memories, 100_000):
        given = {"first": first, "last": min(first + 100_000, memories) - 1, "customers": customers}
        owner.execute(MEMORIES, {**given, "bases": BASES})
    owner.execute("VACUUM ANALYZE memory_memory")
    (size,) = one(owner, "SELECT pg_size_pretty(pg_total_relation_size('memory_memory'))")
    say(f"{memories:,} memories of {customers:,} customers written in {time.perf_counter() - began:.0f} s: {size}")


def fill_passages(
    owner: psycopg.Connection[Any], dice: np.random.Generator, centres: NDArray[np.float64], count: int
) -> None:
    """In documents of 100 passages each."""
    words, weights = random.Random(7), [1 / (number + 1) for number in range(len(WORDS))]
    document, version = UUID(int=1), UUID(int=2)
    owner.execute(
        "INSERT INTO memory_document (id, title, source, location, created_at, problem) "
        "VALUES (%s, 'Bench', 'text', '', now(), '')",
        [document],
    )
    owner.execute(
        "INSERT INTO memory_documentversion (id, number, sha256, media_type, size, text, created_at, document_id) "
        "VALUES (%s, 1, '', 'text/plain', 1, 't', now(), %s)",
        [version, document],
    )
    columns = "id, position, heading, text, is_live, embedding, embedding_model, document_id, version_id"
    began = time.perf_counter()
    owner.execute("DROP INDEX passage_near")
    with owner.cursor() as cursor, cursor.copy(f"COPY memory_passage ({columns}) FROM STDIN") as copy:
        for number, vector in enumerate(near(dice, centres, count)):
            text = " ".join(words.choices(WORDS, weights, k=120))
            copy.write_row((UUID(int=100 + number), number, "", text, True, text_of(vector), MODEL, document, version))
    owner.execute(
        "CREATE INDEX passage_near ON memory_passage USING hnsw (embedding vector_cosine_ops) "
        "WITH (m = 16, ef_construction = 64)"
    )
    owner.execute("VACUUM ANALYZE memory_passage")
    say(f"{count:,} passages written and indexed in {time.perf_counter() - began:.0f} s")


def report_memories(
    app: psycopg.Connection[Any], dice: np.random.Generator, centres: NDArray[np.float64], options: argparse.Namespace
) -> None:
    counts: dict[str, int] = {}
    questions = near(dice, centres, QUERIES)
    sizes = {
        "the customers as they come": [int(options.customers * dice.random() ** 1.6) for _ in range(QUERIES)],
        "the customer who has most": [0] * QUERIES,
    }
    for name, chosen in sizes.items():
        customers = [one(app, "SELECT md5('c' || %s)::uuid", number)[0] for number in chosen]
        app.execute("SELECT set_config('tandem.everyone', 'on', false)")
        counts[name] = round(
            statistics.mean(
                one(app, "SELECT count(*) FROM memory_memory WHERE customer_id = %s", customer)[0]
                for customer in customers[:50]
            )
        )
        app.execute("SELECT set_config('tandem.everyone', '', false)")
        given = [(customer, text_of(vector)) for customer, vector in zip(customers, questions, strict=True)]

        def recall(place: int, given: list[tuple[Any, str]] = given) -> Any:
            customer, vector = given[place]
            return app.execute(
                "SELECT * FROM memory_recall(%s, NULL, %s, %s::vector, %s, 2, 8)",
                [customer, QUESTION, vector, MODEL],
            ).fetchall()

        timed(f"recall, {name} ({counts[name]:,} each)", recall)
    timed("whether there is anything", lambda place: one(app, "SELECT memory_holds(md5('c' || %s)::uuid)", place))


def report_passages(
    app: psycopg.Connection[Any], dice: np.random.Generator, centres: NDArray[np.float64], count: int
) -> None:
    questions = [text_of(vector) for vector in near(dice, centres, QUERIES)]

    def search(place: int) -> Any:
        asked = [QUESTION, questions[place], MODEL]
        return app.execute("SELECT * FROM memory_passages(%s, %s::vector, %s, 2, 3)", asked).fetchall()

    timed(f"search of {count:,} passages, by meaning and words", search)
    hits = 0
    for question in questions[:100]:
        nearest = "SELECT id FROM memory_passage WHERE embedding IS NOT NULL ORDER BY embedding <=> %s::vector LIMIT 10"
        found = []
        for scan in ("off", "on"):
            with app.transaction():
                app.execute(f"SET LOCAL enable_seqscan = {scan}")
                app.execute(f"SET LOCAL enable_indexscan = {'on' if scan == 'off' else 'off'}")
                app.execute("SET LOCAL hnsw.ef_search = 100")
                found.append({row[0] for row in app.execute(nearest, [question])})
        hits += len(found[0] & found[1])
    say(f"{'recall@10 of the vector index against the exact order':<60} {hits / 1000:.3f}")


def timed(name: str, call: Callable[[int], Any]) -> None:
    for place in range(20):
        call(place)
    taken = []
    for place in range(QUERIES):
        began = time.perf_counter()
        call(place)
        taken.append((time.perf_counter() - began) * 1000)
    p50, p95 = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    say(f"{name:<60} p50 {p50:7.2f} ms   p95 {p95:7.2f} ms")


def one(connection: psycopg.Connection[Any], sql: str, *given: Any) -> Any:
    row = connection.execute(sql, given).fetchone()
    assert row is not None
    return row


def say(line: str) -> None:
    print(line, flush=True)  # noqa: T201  the benchmark's output


if __name__ == "__main__":
    main()
