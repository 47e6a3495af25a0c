"""The span of time that a query looks at, as the address says it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

RANGES = {
    "15m": ("15 min", timedelta(minutes=15)),
    "1h": ("1 h", timedelta(hours=1)),
    "24h": ("24 h", timedelta(hours=24)),
    "7d": ("7 d", timedelta(days=7)),
    "30d": ("30 d", timedelta(days=30)),
}
DEFAULT_RANGE = "24h"
# A longer one is asked in parts: it would read more than a page may.
LONGEST = timedelta(days=400)
LONGEST_TEXT = 10_000


class BadRange(ValueError):
    """Its message says what is wrong with the span."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A query's text with its span: one of `RANGES`, or from one instant to another."""

    text: str = ""
    range: str = DEFAULT_RANGE
    since: datetime | None = None
    until: datetime | None = None

    @classmethod
    def read(cls, params: Mapping[str, str]) -> Asked:
        """From a query string or a form. Raises `BadRange`."""
        text = params.get("q", "").replace("\r\n", "\n").replace("\0", "")
        since, until = params.get("from", ""), params.get("to", "")
        if not since and not until:
            key = params.get("range") or DEFAULT_RANGE
            if key not in RANGES:
                raise BadRange(f"There is no range {key!r}.")
            return cls(text=text, range=key)
        begins = read_instant(since, "from")
        ends = read_instant(until, "to") if until else None
        if ends is not None and not begins < ends:
            raise BadRange("The span ends before it begins.")
        if ends is not None and ends - begins > LONGEST:
            raise BadRange(f"A span has at most {LONGEST.days} days.")
        return cls(text=text, range="", since=begins, until=ends)

    @classmethod
    def of_hours(cls, text: str, hours: int) -> Asked:
        """In the shortest of `RANGES` that holds so many hours."""
        fitting = [key for key, (_, length) in RANGES.items() if length >= timedelta(hours=hours)]
        return cls(text=text, range=fitting[0] if fitting else "30d")

    def span(self, now: datetime) -> tuple[datetime, datetime]:
        if self.since is not None:
            return max(self.since, now - LONGEST), self.until or now
        return now - RANGES[self.range][1], now

    @property
    def hours(self) -> int:
        """As a saved query keeps it."""
        return int((RANGES[self.range][1] if self.range else timedelta(hours=24)).total_seconds() // 3600) or 1

    def params(self, **changed: str) -> dict[str, str]:
        now = {
            "q": self.text,
            "range": self.range if self.range != DEFAULT_RANGE else "",
            "from": written(self.since),
            "to": written(self.until),
        }
        return {name: value for name, value in {**now, **changed}.items() if value}

    def query(self, **changed: str) -> str:
        """A URL's query part, with its question mark."""
        return f"?{urlencode(self.params(**changed))}"


def read_instant(text: str, name: str) -> datetime:
    """In UTC where it names no other zone, as the field of a form gives it. Raises `BadRange`."""
    try:
        instant = datetime.fromisoformat(text.strip().replace(" ", "T"))
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise BadRange(f"“{name}” is no time such as 2026-11-23T14:00.") from error


def written(instant: datetime | None) -> str:
    return f"{instant:%Y-%m-%dT%H:%M}" if instant else ""
