"""Holds every value of a reply against what is known."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from guardrails.evidence import Evidence, Statement, Verdict
from guardrails.values.calendar import is_date_known, is_of_another_kind, is_span_known
from guardrails.values.derived import Derived
from guardrails.values.forms import Value, id_key, same_currency, values_in
from guardrails.values.index import Index, Known, host_of
from guardrails.values.sentences import Sentence, sentences_of

_MOST_NAMED = 3
_FARTHEST = 300  # characters around a value that its sentence may say of it
_MOST_SAID = 32
_MOST_VALUES = 400
_ROLE_WORDS = 40  # characters before a date that say what it is of
_NAMING = frozenset({"order", "id", "number", "return", "refund", "tracking", "ending"})
_WORDS = {
    "money": "amount",
    "percent": "percentage",
    "date": "date",
    "weekday": "day",
    "relative": "day",
    "duration": "span of time",
    "time": "time",
    "order": "order number",
    "ending": "ending",
    "email": "e-mail address",
    "phone": "telephone number",
    "link": "link",
    "count": "count",
    "number": "number",
    "tracking": "tracking number",
}
_ATTRIBUTED = re.compile(
    r"\byou(?:'ve| have|'d| had)? (?:just |also |already )?(?:mention|sa(?:id|y)|ask|wr[oi]te|told|tell|state|request|"
    r"want|expect|claim|describ|refer|quot|offer|suggest|propos|think|thought|would like|hop)|\byou'd like|\bas you\b|"
    r"\byour (?:question|message|claim|figure|e-?mail|wish|request|budget|suggest)|\baccording to you|"
    r"\bcan ?not\b|\b\w+n't\b|\b(?:unable|not|no|unfortunately|neither|nor)\b",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(r"\b(?:for example|e\.g\.|for instance|such as|say, )", re.IGNORECASE)
_CARRIES_ON = re.compile(
    r"\b(?:it|its|this order|that order|the order|the (?:order )?total|the amount|total)\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands: its sentence, the orders named there (or just before), and what was said before it."""

    sentence: Sentence
    orders: tuple[str, ...]
    said: list[Decimal] = field(default_factory=list)
    shares: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    verdict: Verdict
    evidence: str = ""
    why: str = ""


class Ledger:
    """The values of a turn's evidence; made once, then `check` is cheap and may be called sentence by sentence.

    `hosts` may be linked to, beside those of the sources.
    """

    def __init__(self, evidence: Evidence, *, hosts: Sequence[str] = ()) -> None:
        self.index = Index.of(evidence)
        self.today = evidence.today
        self._hosts = {host.lower().removeprefix("www.") for host in hosts}
        self._derived = Derived(self.index)
        self._judges: dict[str, Callable[[Value, _Place], _Found | None]] = {
            "money": self._money,
            "date": self._date,
            "weekday": self._date,
            "relative": self._date,
            "duration": self._duration,
            "ending": self._ending,
            "phone": self._phone,
            "link": self._link,
            "count": self._count,
        }

    def check(self, text: str, before: str = "") -> list[Statement]:
        """One statement for each value of the text, in order. `before` is the reply up to there: what it names and
        says counts as known."""
        values = values_in(text)
        if not values:
            return []
        said = self._said_in(before)
        last_order = self._last_order(before)
        statements = [_too_many(text, values[_MOST_VALUES:])] if len(values) > _MOST_VALUES else []
        for sentence, inside in _by_sentence(text, values[:_MOST_VALUES]):
            orders = [value for value in inside if self._is_order(value)]
            carried = (last_order,) if last_order and not orders and _carries_on(sentence) else ()
            shares = tuple(v.keys[0] for v in inside if v.kind == "percent" and isinstance(v.keys[0], Decimal))
            for value in inside:
                named = _orders_of(value, inside, orders) if orders else carried
                found = self._judge(value, _Place(_near(sentence, value), named, said[-_MOST_SAID:], shares))
                if found is None:
                    continue
                statements.append(_statement(value, found))
                if value.kind == "money" and statements[-1].is_borne_out:
                    said += [key for key in value.keys[:1] if isinstance(key, Decimal)]
            last_order = id_key(orders[-1].said) if orders else last_order
        return sorted(statements, key=lambda statement: statement.start)

    def _is_order(self, value: Value) -> bool:
        return value.kind in _NAMING and id_key(value.said) in self.index.orders

    def _judge(self, value: Value, place: _Place) -> _Found | None:
        return self._judges.get(value.kind, self._plain)(value, place)

    # -- one kind each

    def _plain(self, value: Value, place: _Place) -> _Found | None:
        """Ids, e-mail addresses, percentages, times, numbers: they occur, or they do not."""
        kind = value.kind if value.kind in {"email", "percent", "time", "number"} else "id"
        known = self.index.find(kind, value.keys)
        if known:
            return self._of_its_order(value, known, place)
        if kind in {"number", "percent"} and _EXAMPLE.search(place.sentence.text):
            return None
        close = self._close_ids(value) if kind == "id" else ""
        return _Found(Verdict.UNSUPPORTED, why=f"{_named(value)} is in no source.{close}")

    def _money(self, value: Value, place: _Place) -> _Found | None:
        amounts = [key for key in value.keys if isinstance(key, Decimal)]
        known = self.index.find("money", amounts)
        firm = [one for one in known if one.is_firm]
        agreeing = [one for one in firm if same_currency(one.unit, value.unit)]
        if agreeing:
            return self._of_its_order(value, agreeing, place)
        if firm:
            why = f"The amount is {firm[0].unit} {amounts[0]:.2f} ({firm[0].place}), not {value.said}."
            return _Found(Verdict.CONTRADICTED, firm[0].place, why)
        if known and (place.sentence.is_question or _ATTRIBUTED.search(place.sentence.text)):
            return _Found(Verdict.SUPPORTED, known[0].place)
        return self._unknown_money(value, amounts, place, known)

    def _unknown_money(
        self, value: Value, amounts: Sequence[Decimal], place: _Place, known: Sequence[Known]
    ) -> _Found | None:
        """Worked out, an example, the customer's figure, or made up."""
        for amount in amounts:
            if how := self._derived.explain(amount, place.sentence.text, place.said, place.shares):
                return _Found(Verdict.DERIVED, how)
        if not any(amounts) or _EXAMPLE.search(place.sentence.text):
            return None
        if known:
            why = f"The amount {value.said} is the customer's word alone: say that it is, or leave it out."
            return _Found(Verdict.UNSUPPORTED, known[0].place, why)
        return _Found(Verdict.UNSUPPORTED, why=f"The amount {value.said} is in no tool result{self._amounts(place)}.")

    def _date(self, value: Value, place: _Place) -> _Found | None:
        found = is_date_known(self.index, value, self.today, place.sentence)
        if found is None:
            return None
        known, how = found
        words = place.sentence.text[: value.start - place.sentence.start][-_ROLE_WORDS:]
        if other := is_of_another_kind(known, words) if value.kind == "date" else None:
            why = f"{_named(value)} is {other.key} in {other.place}, not what the sentence says."
            return _Found(Verdict.CONTRADICTED, other.place, why)
        if known:
            return self._of_its_order(value, known, place)
        if how:
            return _Found(Verdict.DERIVED, how)
        dates = ", ".join(str(day) for day in sorted(self.index.dates)[-_MOST_NAMED:])
        more = f"; known dates: {dates}" if dates else ""
        return _Found(Verdict.UNSUPPORTED, why=f"{_named(value)} is in no source{more}.")

    def _duration(self, value: Value, place: _Place) -> _Found | None:
        known, how = is_span_known(self.index, value, self.today, place.sentence)
        if known:
            return _Found(Verdict.SUPPORTED, known[0].place)
        if how:
            return _Found(Verdict.DERIVED, how)
        return _Found(Verdict.UNSUPPORTED, why=f"{_named(value)} is in no source.")

    def _ending(self, value: Value, _place: _Place) -> _Found | None:
        for (kind, key), known in self.index.known.items():
            if kind in {"id", "phone"} and str(key).endswith(value.said):
                return _Found(Verdict.SUPPORTED, known[0].place)
        return _Found(Verdict.UNSUPPORTED, why=f"No known number ends in {value.said}.")

    def _phone(self, value: Value, _place: _Place) -> _Found | None:
        digits = str(value.keys[0])
        for kind in ("phone", "id"):
            for (known_kind, key), known in self.index.known.items():
                if known_kind == kind and len(str(key)) > 6 and str(key).endswith(digits[-9:]):
                    return _Found(Verdict.SUPPORTED, known[0].place)
        return _Found(Verdict.UNSUPPORTED, why=f"{_named(value)} is in no source.")

    def _link(self, value: Value, _place: _Place) -> _Found | None:
        host = host_of(value.said)
        if any(host == allowed or host.endswith(f".{allowed}") for allowed in self._hosts):
            return _Found(Verdict.SUPPORTED, "the hosts that may be linked to")
        exact = self.index.find("link", value.keys)
        known = exact or [one for one in self.index.find("host", (host,)) if one.is_firm]
        if known:
            return _Found(Verdict.SUPPORTED, known[0].place)
        return _Found(Verdict.UNSUPPORTED, why=f"The link {value.said} leads to {host}, which no source names.")

    def _count(self, value: Value, _place: _Place) -> _Found | None:
        """Only more than there is of anything is certainly wrong."""
        count = value.keys[0]
        if not self.index.longest_list or not isinstance(count, int) or count <= self.index.longest_list:
            return None
        if self.index.find("number", (Decimal(count),)) or self.index.find("count", (count,)):
            return None
        return _Found(Verdict.UNSUPPORTED, why=f"No result holds {value.said}.")

    # -- what belongs to what

    def _of_its_order(self, value: Value, known: Sequence[Known], place: _Place) -> _Found:
        """What a result ties to another order than the sentence names is untrue, though the value exists."""
        tied = [one for one in known if one.owners]
        loose = [one for one in known if not one.owners and one.kind in {"result", "document", "instructions"}]
        named = set(place.orders)
        is_order = self._is_order(value)
        if named and tied and not loose and not is_order and not any(one.owners & named for one in tied):
            owner, order = min(tied[0].owners), min(named)
            why = f"{_named(value)} belongs to order {owner} ({tied[0].place}), not to order {order}."
            return _Found(Verdict.CONTRADICTED, tied[0].place, why)
        best = next((one for one in known if one.owners & named), known[0])
        return _Found(Verdict.SUPPORTED, best.place)

    def _last_order(self, before: str) -> str:
        named = [id_key(value.said) for value in values_in(before)] if before else []
        return next((name for name in reversed(named) if name in self.index.orders), "")

    def _said_in(self, before: str) -> list[Decimal]:
        amounts = [value.keys[0] for value in values_in(before) if value.kind == "money"] if before else []
        return [amount for amount in amounts if isinstance(amount, Decimal)]

    # -- for the agent that has to repair it

    def _amounts(self, place: _Place) -> str:
        named = set(place.orders)
        found = [
            (bool(named & one.owners), f"{one.unit} {key:.2f} ({one.place})".strip())
            for (kind, key), known in self.index.known.items()
            if kind == "money" and isinstance(key, Decimal) and key
            for one in known[:1]
            if one.kind == "result"
        ]
        nearest = [words for _, words in sorted(found, key=lambda each: not each[0])][:_MOST_NAMED]
        return f"; known amounts: {', '.join(nearest)}" if nearest else ""

    def _close_ids(self, value: Value) -> str:
        key = str(value.keys[0])
        close = [known for kind, known in self.index.known if kind == "id" and _differ_little(key, str(known))]
        return f" Is {close[0]} meant?" if close else ""


def _by_sentence(text: str, values: Sequence[Value]) -> Iterator[tuple[Sentence, list[Value]]]:
    left = list(values)
    for sentence in sentences_of(text):
        inside = []
        while left and left[0].start < sentence.end:
            inside.append(left.pop(0))
        if inside:
            yield sentence, inside
    if left:
        yield Sentence(text, 0), left


def _near(sentence: Sentence, value: Value) -> Sentence:
    """The sentence, or what of an endless one stands around the value."""
    if len(sentence.text) <= 2 * _FARTHEST:
        return sentence
    first = max(0, value.start - sentence.start - _FARTHEST)
    return Sentence(sentence.text[first : first + 2 * _FARTHEST], sentence.start + first, is_item=sentence.is_item)


def _orders_of(value: Value, inside: Sequence[Value], orders: Sequence[Value]) -> tuple[str, ...]:
    """The orders of the sentence; of several, the one that goes with this value where the two alternate."""
    if 1 < len(orders) < _MOST_SAID and value.kind == "money":
        pattern = [other in orders for other in inside if other in orders or other.kind == value.kind]
        if pattern == [True, False] * len(orders):
            orders = [order for order in orders if order.start < value.start][-1:]
        elif pattern == [False, True] * len(orders):
            orders = [order for order in orders if order.start > value.start][:1]
    return tuple(id_key(order.said) for order in orders)


def _carries_on(sentence: Sentence) -> bool:
    return sentence.is_item or bool(_CARRIES_ON.search(sentence.text))


def _differ_little(one: str, other: str) -> bool:
    return len(one) == len(other) and 0 < sum(a != b for a, b in zip(one, other, strict=True)) <= 2


def _named(value: Value) -> str:
    return f"The {_WORDS.get(value.kind, 'number')} {value.said}"


def _too_many(text: str, values: Sequence[Value]) -> Statement:
    """No reply holds so many: what is not looked at is not borne out."""
    start, end = values[0].start, values[-1].end
    why = f"More than {_MOST_VALUES} values stand in one reply: say less at a time."
    return Statement(
        kind="value:number", said=text[start:end], start=start, end=end, verdict=Verdict.UNSUPPORTED, why=why
    )


def _statement(value: Value, found: _Found) -> Statement:
    return Statement(
        kind=f"value:{value.kind}",
        said=value.said,
        start=value.start,
        end=value.end,
        verdict=found.verdict,
        evidence=found.evidence,
        why=found.why,
    )
