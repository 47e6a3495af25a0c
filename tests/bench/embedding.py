"""What a message costs to embed with the local model: alone, as a query is, and 32 in one call, as a job does it.

`python -m tests.bench.embedding` prints one line of JSON: milliseconds and milliseconds of CPU a text, in one thread,
the seconds that the first text waits for the model, and the megabytes that it takes. By words, for comparison.
"""

from __future__ import annotations

import itertools
import json
import os
import statistics
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import django
import psutil

CALLS = 200
BATCH = 32
# Of 20 words, which is what customers write.
TEXTS = [
    f"{opening} {number} {rest}"
    for number, (opening, rest) in enumerate(
        itertools.product(
            (
                "Hello, my order",
                "Good morning, the parcel",
                "I am writing because the jacket of order",
                "Please, order",
            ),
            (
                "arrived damaged yesterday and I would like to have my money back as soon as you can.",
                "was delivered to a neighbour who has moved away, so could you send another one to me?",
                "is too small, may I exchange it for the next size or do I have to return it first?",
                "has not moved for a week according to the tracking page; do you know where it is now?",
            ),
        ),
        start=1042,
    )
]


def main() -> None:
    django.setup()
    print(json.dumps(measure()))  # noqa: T201  its only output


def measure() -> dict[str, Any]:
    """`name`, `load_seconds`, `memory_mb`, and for `single`, `batch` and `lexical` a pair: milliseconds, CPU of them.

    Django must be set up. With `name` "lexical-384" the weights are missing, and all three are by words.
    """
    embedder = import_module("memory.embeddings").embedder()
    lexical = import_module("memory.embeddings.lexical").LexicalEmbedder()
    before, began = memory_mb(), time.perf_counter()
    embedder.embed(TEXTS)
    loaded = time.perf_counter() - began
    return {
        "name": embedder.name,
        "load_seconds": loaded,
        "memory_mb": memory_mb() - before,
        "single": timed(embedder.embed, size=1),
        "batch": timed(embedder.embed, size=BATCH),
        "lexical": timed(lexical.embed, size=1),
    }


def rows(measured: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Lines of the bench's table."""
    (single, single_cpu), (batch, batch_cpu) = measured["single"], measured["batch"]
    words, _ = measured["lexical"]
    return [
        (f"a message embedded ({measured['name']})", f"{single:.1f} ms", f"{single_cpu:.1f} ms of CPU; aim: 6 ms"),
        (f"  of {BATCH} in one call, each", f"{batch:.1f} ms", f"{batch_cpu:.1f} ms of CPU"),
        ("  by words alone", f"{words:.2f} ms", ""),
        ("  loading the model", f"{measured['load_seconds']:.1f} s", f"{measured['memory_mb']:.0f} MB"),
    ]


def timed(embed: Callable[[Sequence[str]], Any], *, size: int) -> tuple[float, float]:
    """The middle of the calls in milliseconds a text, and the mean of the CPU."""
    texts = itertools.cycle(TEXTS)
    taken, cpu = [], time.process_time()
    for _ in range(max(5, CALLS // size)):
        batch = list(itertools.islice(texts, size))
        began = time.perf_counter()
        embed(batch)
        taken.append((time.perf_counter() - began) / size)
    spent = (time.process_time() - cpu) / len(taken) / size
    return statistics.median(taken) * 1000, spent * 1000


def memory_mb() -> float:
    return float(psutil.Process().memory_info().rss / 2**20)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
