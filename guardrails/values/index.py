"""What is known: every value of the sources, by kind and key, with where it stands and what it belongs to.

A tool's result is read leaf by leaf: an amount has the currency that stands beside it, and belongs to the order in
whose record it stands. Texts (documents, instructions, what was said) are read as replies are.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from guardrails.evidence import Deed, Evidence, Source
from guardrails.values.forms import Value, id_key, read_amounts, values_in

Key = tuple[str, Hashable]
BEGUN = frozenset({"confirmed", "reserved", "sent", "waiting"})
_DEEPEST = 40
_PROSE = 60  # characters; what is shorter is a name or a state


@dataclass(frozen=True, slots=True)
class Known:
    """`owners` are the orders that it belongs to, none where it belongs to none or nobody can tell; `key` is its name
    in a result: "delivered_on"."""

    kind: str
    place: str
    unit: str = ""
    owners: frozenset[str] = frozenset()
    key: str = ""

    @property
    def is_firm(self) -> bool:
        """Whether the shop says it, rather than the customer."""
        return self.kind != "customer"


@dataclass(frozen=True, slots=True)
class Priced:
    """An amount of a result with its neighbours: `names` are the ids in its record and around it, `group` its list."""

    amount: Decimal
    key: str
    names: frozenset[str]
    owners: frozenset[str]
    group: int
    quantity: int = 1


@dataclass(slots=True)
class _Around:
    """What stands around a leaf: the source, the names and the orders of its record, its currency, its list."""

    source: Source
    key: str = ""
    unit: str = ""
    names: frozenset[str] = frozenset()
    owners: frozenset[str] = frozenset()
    group: int = 0
    quantity: int = 1
    depth: int = 0


@dataclass
class Index:
    """Made once of the evidence of a turn, and asked for each sentence."""

    known: dict[Key, list[Known]] = field(default_factory=lambda: defaultdict(list))
    priced: list[Priced] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    dates: dict[date, list[Known]] = field(default_factory=lambda: defaultdict(list))
    longest_list: int = 0
    _groups: int = 0

    @classmethod
    def of(cls, evidence: Evidence) -> Index:
        index = cls()
        for source in evidence.sources:
            index.add(source)
        if evidence.query:
            index.add(Source(kind="customer", place="the customer", value=evidence.query))
        for deed in evidence.deeds:
            if deed.state == "confirmed" and deed.result is not None and not is_repeated(deed, evidence.sources):
                index.add(Source(kind="result", place=deed.tool, value=deed.result))
            if deed.effect != "read" and deed.state in BEGUN:
                index.add(Source(kind="result", place=deed.tool, value=deed.arguments))
        return index

    def add(self, source: Source) -> None:
        value = value_of(source)
        if isinstance(value, str) and source.kind != "result":
            self._add_text(value, _Around(source), is_prose=True)
        else:
            self._walk(value, _Around(source))

    def find(self, kind: str, keys: Sequence[Hashable]) -> list[Known]:
        return [known for key in keys for known in self.known.get((kind, key), ())]

    # -- results

    def _walk(self, value: Any, around: _Around) -> None:
        if around.depth > _DEEPEST:
            return
        if isinstance(value, Mapping):
            self._walk_record(value, around)
        elif isinstance(value, list | tuple):
            self._groups += 1
            group, dicts = self._groups, sum(isinstance(inner, Mapping) for inner in value)
            self.longest_list = max(self.longest_list, dicts)
            for inner in value:
                self._walk(inner, _inside(around, group=group))
        elif isinstance(value, str):
            self._add_leaf(value, around)
        elif isinstance(value, int | float | Decimal) and not isinstance(value, bool):
            self._add_number(Decimal(str(value)), around)
            self.known["id", str(value)].append(_known(around))

    def _walk_record(self, record: Mapping[str, Any], around: _Around) -> None:
        names = [id_key(str(value)) for key, value in record.items() if _is_name(key, value)]
        orders = frozenset(id_key(str(record[key])) for key in record if _is_order_key(key, around.key, record[key]))
        self.orders |= orders
        unit = record.get("currency")
        quantity = record.get("quantity")
        inner = _inside(
            around,
            names=around.names | frozenset(names),
            owners=orders or around.owners,
            unit=unit.upper() if isinstance(unit, str) else around.unit,
            quantity=quantity if isinstance(quantity, int) else 1,
            group=around.group,
        )
        for key, value in record.items():
            if _DIGIT.search(key):
                self.known["id", id_key(key)].append(_known(inner))
            inner.key = key
            self._walk(value, inner)

    def _add_leaf(self, text: str, around: _Around) -> None:
        if _is_order_key(around.key, "", text):
            self.orders.add(id_key(text))
        if _PLAIN_NUMBER.fullmatch(text):
            self.known["id", text].append(_known(around))
            for number in read_amounts(text):
                self._add_number(number, around)
        elif _HAS_VALUE.search(text):
            self._add_text(text, around, is_prose=len(text) > _PROSE)

    def _add_number(self, number: Decimal, around: _Around) -> None:
        known, key = _known(around), around.key.lower()
        amount = abs(number / 100 if _CENTS.search(key) else number)
        self.known["number", amount].append(known)
        span = _SPAN_KEY.search(key)
        if span and number == int(number):
            lasting = Known(known.kind, known.place, span[1], known.owners)
            self.known["duration", (int(number), int(number))].append(lasting)
            return
        if "percent" in key:
            self.known["percent", amount].append(known)
        if _NO_MONEY.search(key) and not _MONEY.search(key):
            return
        self.known["money", amount].append(known)
        if _MONEY.search(key) or amount != int(amount):
            self.priced.append(Priced(amount, key, around.names, around.owners, around.group, around.quantity))

    # -- texts

    def _add_text(self, text: str, around: _Around, *, is_prose: bool) -> None:
        known = _known(around)
        for value in values_in(text):
            if value.kind != "weekday" or is_prose:
                self._add_value(value, known)
        for token in _tokens_in(text):
            self.known["id", token].append(known)
        for at in _TIME_OF_DAY.finditer(text):
            self.known["time", int(at[1]) * 60 + int(at[2])].append(known)

    def _add_value(self, value: Value, known: Known) -> None:
        found = Known(known.kind, known.place, value.unit or known.unit, known.owners, known.key)
        for key in value.keys:
            if isinstance(key, date):
                self._add_date(key, found)
            self.known[value.kind, key].append(found)
            if value.kind == "money":
                self.known["number", key].append(found)
            elif value.kind == "duration" and isinstance(key, tuple):
                low, high = key
                if low != high:
                    self.known["least", low].append(found)
                    self.known["most", high].append(found)
            elif value.kind == "link":
                self.known["host", host_of(str(key))].append(found)
            elif value.kind == "email":
                self.known["host", str(key).partition("@")[2]].append(found)

    def _add_date(self, day: date, known: Known) -> None:
        self.dates[day].append(known)
        self.known["dated", ("md", day.month, day.day)].append(known)
        self.known["date", ("my", day.year, day.month)].append(known)


def value_of(source: Source) -> Any:
    """A result that is given as the text of its JSON is read."""
    value = source.value
    if source.kind == "result" and isinstance(value, str) and value[:1] in {"{", "["}:
        with suppress(ValueError):
            return json.loads(value)
    return value


def host_of(link: str) -> str:
    """In lower case, without the "www." and the port."""
    try:
        host = urlsplit(link if "://" in link else f"https://{link}").hostname or ""
    except ValueError:
        return ""
    return host.removeprefix("www.")


@lru_cache(maxsize=512)
def _tokens_in(text: str) -> tuple[str, ...]:
    """Every word with a digit in it, as ids are compared, with its parts: "RF-000001" is also "000001"."""
    found = []
    for word in _DIGIT_WORD.findall(text):
        token = id_key(word.strip("-_"))
        found.append(token)
        if "-" in token or "_" in token:
            found += [part for part in re.split("[-_]", token) if len(part) > 3 and part.isdigit()]
    return tuple(dict.fromkeys(found))


def _known(around: _Around) -> Known:
    return Known(around.source.kind, around.source.place, around.unit, around.owners, around.key)


def _inside(around: _Around, *, group: int, **changed: Any) -> _Around:
    return _Around(
        source=around.source,
        key=around.key,
        unit=changed.get("unit", around.unit),
        names=changed.get("names", around.names),
        owners=changed.get("owners", around.owners),
        group=group,
        quantity=changed.get("quantity", 1),
        depth=around.depth + 1,
    )


def _is_name(key: str, value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and _NAME_KEY.search(key) is not None


def _is_order_key(key: str, parent: str, value: Any) -> bool:
    """Whether this is an order's own number: `order_id`, or `id` in what stands under `order`."""
    role = _role_of(key)
    if not role or not isinstance(value, str | int) or isinstance(value, bool):
        return False
    if role == "order":
        return _DIGIT.search(str(value)) is not None
    return parent.lower().rstrip("s") == "order" and value != ""


@lru_cache(maxsize=4096)
def _role_of(key: str) -> str:
    plain = key.lower().replace("_", "").replace("-", "")
    if plain in {"orderid", "ordernumber", "orderno", "order"}:
        return "order"
    return "id" if plain in {"id", "number"} else ""


def is_repeated(deed: Deed, sources: Sequence[Source]) -> bool:
    """Whether a call's result is among the sources already."""
    return any(source.place == deed.tool and source.value == deed.result for source in sources)


_TIME_OF_DAY = re.compile(r"\dT(\d\d):(\d\d)")
_DIGIT = re.compile(r"\d")
_PLAIN_NUMBER = re.compile(r"[-+]?\d{1,12}(?:[.,]\d{1,4})?")
_HAS_VALUE = re.compile(r"[\d@]|://|www\.")
_DIGIT_WORD = re.compile(r"(?<![\w#-])#?[A-Za-z_-]*+\d[\w-]*")
_NAME_KEY = re.compile(r"(?:_id|^id|sku|Id|number|^name)$")
_SPAN_KEY = re.compile(r"(?:^|_)(hour|day|week|month|year)s?$")
_CENTS = re.compile(r"_(?:cents|minor)$")
_MONEY = re.compile(
    r"price|amount|total|cost|fee|balance|refund|paid|pay|credit|value|discount|due|charge|tax|shipping|sum|difference|"
    r"money|worth|limit|deposit|result"
)
_NO_MONEY = re.compile(
    r"days?\b|days_|_days|weeks?|months?|years?|hours?|quantity|count|number|percent|rating|stars|_id$|^id$|sku|zip|"
    r"postal|phone|position|page|version|window|stock|age|size|weight|height|width|length|status|year|tracking|code|method"
)
