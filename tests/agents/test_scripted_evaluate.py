"""Customer messages in many wordings end sensibly.

The sample beside this file is the project's own. A larger set of the same form can be named in the environment variable
`CUSTOMER_MESSAGES` to be measured as well.
"""

import os
from datetime import date
from pathlib import Path

from agents.scripted.evaluate import SENSIBLE, evaluate, read_rows, table

SAMPLE = Path(__file__).parent / "messages_sample.jsonl"
TODAY = date(2026, 11, 22)
AIM = 0.95


def test_the_sample_covers_every_intent():
    rows = read_rows(SAMPLE)
    assert {row["intent"] for row in rows} == set(SENSIBLE)
    assert len({row["text"] for row in rows}) == len(rows) >= 120


def test_messages_end_sensibly():
    paths = [SAMPLE, *([Path(os.environ["CUSTOMER_MESSAGES"])] if os.environ.get("CUSTOMER_MESSAGES") else [])]
    for path in paths:
        results = evaluate(read_rows(path), TODAY)
        good = sum(not result.bad for result in results)
        assert good >= AIM * len(results), table(results)


def test_a_claim_that_the_books_do_not_show_is_counted_as_bad():
    (result,) = evaluate([{"text": "hello", "intent": "get_refund"}], TODAY)
    assert set(result.bad.values()) == {"small_talk"}
    assert "0/1" in table([result])
