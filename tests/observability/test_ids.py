from __future__ import annotations

import time

from observability.ids import uuid7


def test_ids_sort_by_the_order_in_which_they_were_made() -> None:
    ids = [uuid7() for _ in range(20_000)]
    assert ids == sorted(set(ids))


def test_an_id_is_version_7_of_now() -> None:
    before, made, after = time.time(), uuid7(), time.time()
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before - 5 < (made.int >> 80) / 1000 < after + 5
