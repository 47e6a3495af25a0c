"""Limits over many turns: taken from before anything is spent, in the database, so that nobody slips through together.

A model call sets aside the most that it can cost; what it did cost takes that place in the turn's next write. Whatever
is set aside and never settled counts as spent: the provider may have billed it. A message is counted in the statement
that stores it. The rule itself is the database function `agents_take_usage`, which every process asks.
"""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Collection
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection

from agents.errors import LimitReached, ModelFailed
from agents.limit_words import refusal_for_staff
from agents.llm.failures import MAY_HAVE_COST
from agents.models import Limit
from observability.batch import Part, encode
from observability.prices import Tokens, cost_of_tokens

CACHE_SECONDS = 2.0
KEPT_DAYS = 60
# A token has three to four bytes of English and of most other languages in UTF-8; JSON and code come closest to this.
FEWEST_BYTES_A_TOKEN = 2.5
# What a provider adds to a request of its own accord: its instructions for calling tools, the frame of each message.
ADDED_TOKENS = 500

CALL_MEASURES = frozenset({Limit.Measure.TOKENS, Limit.Measure.USD})
MESSAGE_MEASURES = frozenset({Limit.Measure.MESSAGES})


# -- which limits there are


class LimitList:
    """The limits that are switched on, read again every two seconds: without one there is no statement more."""

    def __init__(self) -> None:
        self._limits: list[Limit] = []
        self._read_at = float("-inf")
        self._reading = threading.Lock()

    def limits(self) -> list[Limit]:
        """One thread reads them again while the others go on with what there is; nobody waits for the lock."""
        if self._read_at == float("-inf"):
            self._read()
        elif time.monotonic() - self._read_at > CACHE_SECONDS and self._reading.acquire(blocking=False):
            try:
                self._read()
            finally:
                self._reading.release()
        return self._limits

    def _read(self) -> None:
        self._limits = list(Limit.objects.filter(enabled=True))
        self._read_at = time.monotonic()

    def forget(self) -> None:
        self._read_at = float("-inf")


limit_list = LimitList()


def applicable(*, agent_id: UUID, measures: Collection[str]) -> list[Limit]:
    """The limits of these measures under which a turn or a message of this agent falls."""
    return [
        limit
        for limit in limit_list.limits()
        if limit.measure in measures and (limit.agent_id is None or limit.agent_id == agent_id)
    ]


# -- a model call


class Reserved:
    """What one turn has set aside for its model call under way; nothing where no limit applies.

    Until `came_to` has said what the call really cost, it counts as spent in full.
    """

    def __init__(self, limits: int = 0) -> None:
        self._limits = limits
        self._cost: dict[str, object] | None = None

    @property
    def is_empty(self) -> bool:
        return not self._limits

    @property
    def cost(self) -> dict[str, object] | None:
        return self._cost

    def came_to(self, *, tokens: int, usd: Decimal) -> None:
        """What the provider billed, also where it is more than was set aside; nothing for a call that it refused."""
        self._cost = {"tokens": tokens, "usd": usd}

    def failed(self, error: ModelFailed, *, tokens: Tokens, usd: Decimal) -> None:
        """The call gave no reply; `tokens` and `usd` are what it is charged for all the same.

        Where the provider may have gone on writing when nobody listened any more, it counts as spent in full.
        """
        if error.kind not in MAY_HAVE_COST:
            self.came_to(tokens=tokens.total, usd=usd)

    def settle_parts(self, *, fence: str) -> list[Part]:
        """For the turn's next write: the cost takes the place of what was set aside. `fence` bears the turn's id."""
        if self.is_empty:
            return []
        cost = self._cost or {"tokens": None, "usd": None}
        return [Part(sql=settle_sql(fence), params=(cost["tokens"], cost["usd"]))]


def settle_sql(fence: str) -> str:
    # A part is run to its end only where it writes: this one inserts, of what the function returns, no row at all.
    return (
        "INSERT INTO agents_reservation (turn_id, limit_id, subject, begins_at, amount) "  # noqa: S608  a fence's name
        f"SELECT {fence}.id, {fence}.id, '', now(), 0 FROM {fence} "
        f"CROSS JOIN LATERAL agents_settle_usage(ARRAY[{fence}.id], %s::numeric, %s::numeric) AS settled "
        "WHERE settled < 0"
    )


def reserve(
    *,
    turn_id: UUID,
    agent_id: UUID,
    customer_id: UUID,
    session_id: UUID,
    tokens: int,
    usd: Decimal,
    former: Reserved | None = None,
) -> Reserved:
    """Set aside the most that one model call can cost, under every limit that applies or under none; one statement.

    What the turn had set aside before is spent: by what `former` came to, else in full, as a worker may have died in
    the middle of a call that was billed. Raises `LimitReached`, which names the limit and the end of its period.
    """
    if not applicable(agent_id=agent_id, measures=CALL_MEASURES):
        return Reserved()
    request = {
        "turn_id": turn_id,
        "agent_id": agent_id,
        "customer_id": customer_id,
        "session_id": session_id,
        "amounts": {Limit.Measure.TOKENS: tokens, Limit.Measure.USD: usd},
        "former": former.cost if former else None,
    }
    answer = take_usage(request)
    if "refused" in answer:
        raise LimitReached(refusal_for_staff(answer["refused"]))
    return Reserved(answer["taken"])


def take_usage(request: dict[str, Any]) -> dict[str, Any]:
    """`{"taken": limits}` or `{"refused": {…}}`, as the function in the database describes it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_take_usage(%s::jsonb)::text", [encode(request)])
        answer: dict[str, Any] = json.loads(cursor.fetchone()[0])
    return answer


def worst_case(model_key: str, request_bytes: int, max_output_tokens: int) -> tuple[int, Decimal]:
    """The most tokens and US dollars that one call can come to; 0 dollars where the model has no price.

    `request_bytes` is the length of the request's text in UTF-8: for English that of its characters, and where a
    character is a token of its own, as in Japanese, three to one.
    """
    given = math.ceil(request_bytes / FEWEST_BYTES_A_TOKEN) + ADDED_TOKENS
    dearest = max(
        cost_of_tokens(model_key, Tokens(input=given, output=max_output_tokens)).usd,
        cost_of_tokens(model_key, Tokens(cache_write=given, output=max_output_tokens)).usd,
    )
    return given + max_output_tokens, dearest


# -- what is left over

SETTLE_ABANDONED = """
SELECT agents_settle_usage(array_agg(DISTINCT r.turn_id), NULL, NULL) FROM agents_reservation AS r
WHERE NOT EXISTS (SELECT FROM agents_turn AS t WHERE t.id = r.turn_id AND t.status = 'running')
"""
FORGET_OLD = """
DELETE FROM agents_usage AS u
WHERE NOT EXISTS (SELECT FROM agents_limit AS l WHERE l.id = u.limit_id
    AND coalesce(agents_period_ends(l.period, u.begins_at) >= now() - make_interval(days => %s), TRUE))
  AND u.reserved = 0
"""


def settle_abandoned() -> int:
    """Count as spent what turns have set aside that run no more: their worker died, or lost the turn to another.

    A turn that was claimed again closes its own at its next model call. Returns how many reservations there were.
    """
    with connection.cursor() as cursor:
        cursor.execute(SETTLE_ABANDONED)
        return int(cursor.fetchone()[0] or 0)


def forget_old_usage() -> int:
    """Delete the usage of periods that ended `KEPT_DAYS` ago, and of limits that are no more; how many rows."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET_OLD, [KEPT_DAYS])
        return int(cursor.rowcount)
