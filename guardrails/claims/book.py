"""Holds each claim of a reply against the ledger of what was done, and against the states that results tell."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from guardrails.claims.facts import Fact, amounts_of, facts_in, orders_of
from guardrails.claims.frames import Tense
from guardrails.claims.moods import is_not_wholly
from guardrails.claims.rules import (
    BEFORE_IT,
    BEGUN_STATES,
    DENIED,
    WAITING_STATES,
    is_of,
    matches,
    rules_by_claim,
)
from guardrails.claims.wording import Said, claims_in
from guardrails.config import ClaimRule
from guardrails.evidence import Deed, Evidence, Statement, Verdict
from guardrails.values.forms import Value, id_key, values_in

UNMENTIONED = "claim:unmentioned"
_NOTED = 0.3  # the score of what is only to be noted
_HAPPENED = {"failed": "failed", "refused": "was refused", "unknown": "has an unknown outcome"}
_TOLD_BY_CUSTOMER = frozenset({"delivery", "shipment", "return"})
# That the shop sends it of itself: "the customer receives an e-mail on how to return it".
_COMES = {
    "email": re.compile(r"\b(?:receiv|sent|send|get|inform|notif|confirm)\w{0,6}\b[^.]{0,60}\be-?mail", re.IGNORECASE),
    "label": re.compile(r"\b(?:receiv|sent|send|get|provid|includ|enclos)\w{0,6}\b[^.]{0,60}\blabel", re.IGNORECASE),
}
_WORDS_OF = {
    "delivery": ("deliver", "arriv", "receiv", "got "),
    "shipment": ("ship", "sent"),
    "return": ("return", "sent"),
}


@dataclass(frozen=True, slots=True)
class _Named:
    """The orders and the amounts that a claim's words name."""

    orders: tuple[str, ...]
    amounts: tuple[Decimal, ...]
    ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    verdict: Verdict
    evidence: str = ""
    why: str = ""


class Book:
    """The deeds and states of a turn's evidence; made once, then `check` may be called sentence by sentence."""

    def __init__(self, evidence: Evidence, rules: Sequence[ClaimRule] = ()) -> None:
        self._rules = rules_by_claim(rules)
        self._deeds = tuple(evidence.deeds)
        self._facts = facts_in(evidence)
        texts = [(source.kind, source.value) for source in evidence.sources if isinstance(source.value, str)]
        self._customer = " ".join([evidence.query, *(text for kind, text in texts if kind == "customer")]).lower()
        self._said = [text for kind, text in texts if kind == "said"]
        self._general = [text.lower() for kind, text in texts if kind in {"instructions", "document"}]
        done = [deed for deed in self._deeds if deed.state == "confirmed" and deed.effect != "read"]
        self._telling = {deed.tool: self._claims_of(deed) for deed in done}
        self._known_orders = {order for deed in self._deeds for order in orders_of(deed)}
        self._known_orders |= {fact.order for fact in self._facts if fact.order}

    def check(self, text: str, before: str = "") -> list[Statement]:
        """One statement for each claim of the text. `before` is the reply up to there."""
        claims = claims_in(text)
        if not claims:
            return []
        values = values_in(text)
        last = self._orders_in(values_in(before))[-1:] if before else []
        statements = []
        for at, said in enumerate(claims):
            named = self._named(claims, at, values, last)
            found = self._judge(said, named)
            if found is not None:
                words = text[said.start : said.end]
                statements.append(
                    Statement(
                        kind=f"claim:{said.claim}",
                        said=words,
                        start=said.start,
                        end=said.end,
                        verdict=found.verdict,
                        evidence=found.evidence,
                        why=found.why,
                    )
                )
        return statements

    def unmentioned(self, text: str) -> list[Statement]:
        """What was done and neither this reply nor an earlier one tells; to be noted, no more."""
        if not self._telling:
            return []
        told = {said.claim for words in (text, *self._said) for said in claims_in(words)}
        return [
            Statement(
                kind=UNMENTIONED,
                said="",
                start=-1,
                end=-1,
                verdict=Verdict.UNSUPPORTED,
                evidence=tool,
                why=f"{tool} was confirmed, and the reply does not say so.",
                score=_NOTED,
            )
            for tool, claims in self._telling.items()
            if claims and not claims & told
        ]

    def _claims_of(self, deed: Deed) -> set[str]:
        """What would tell of it."""
        return {claim for claim, rule in self._rules.items() if claim != "approval" and is_of(rule, deed)}

    # -- one claim

    def _judge(self, said: Said, named: _Named) -> _Found | None:
        rule = self._rules.get(said.claim)
        if rule is None:
            return None
        if said.tense is Tense.NOT:
            return self._denied(said, rule, named)
        if said.claim == "approval":
            return self._waiting(named)
        deeds = [deed for deed in self._deeds if is_of(rule, deed)]
        good = [deed for deed in deeds if deed.state in self._states_for(said)]
        missing = [order for order in named.orders or ("",) if not self._is_done(order, good, rule, named)]
        amounts = frozenset() if named.orders[1:] or "amount" not in rule.same else frozenset(named.amounts)
        told = [self._told(said, rule, order, amounts) for order in missing] if missing else []
        if all(told):
            deed_or_fact = told[0].place if told and told[0] else self._place(good, rule, named)
            return _Found(Verdict.SUPPORTED, deed_or_fact)
        if other := self._other_words(said):
            return _Found(Verdict.SUPPORTED, other)
        order = next(order for order, fact in zip(missing, told, strict=True) if not fact)
        return self._refuted(said, rule, order, deeds, named)

    def _states_for(self, said: Said) -> frozenset[str]:
        """A call that is begun bears out what is under way or promised, not what is said to be done."""
        return BEGUN_STATES if said.tense in {Tense.BEGUN, Tense.FUTURE} else frozenset({"confirmed"})

    def _is_done(self, order: str, deeds: Iterable[Deed], rule: ClaimRule, named: _Named) -> bool:
        of_order = [deed for deed in deeds if _is_of_order(deed, order, rule) and _has_ids(deed, rule, named)]
        return bool(of_order) and ((not named.orders[1:] and _agree(of_order, rule, named)) or bool(named.orders[1:]))

    def _place(self, deeds: Sequence[Deed], rule: ClaimRule, named: _Named) -> str:
        fitting = [deed for deed in deeds if any(_is_of_order(deed, order, rule) for order in named.orders or ("",))]
        return f"{(fitting or list(deeds))[-1].tool}, {(fitting or list(deeds))[-1].state}"

    def _told(self, said: Said, rule: ClaimRule, order: str, amounts: frozenset[Decimal]) -> Fact | None:
        """A result's state that bears it out; one of another order, or of another amount, does not."""
        patterns = rule.states
        if said.tense in {Tense.FUTURE, Tense.BEGUN}:
            patterns = (*patterns, *BEFORE_IT.get(said.claim, ()))
        for fact in self._facts:
            is_same = not order or not fact.order or fact.order == order
            is_amount = not amounts or not fact.amounts or bool(amounts & fact.amounts)
            if is_same and is_amount and matches(patterns, fact.state):
                return fact
        return None

    def _other_words(self, said: Said) -> str:
        """What the customer tells of a parcel; what a document says of e-mails to come."""
        if said.claim in _TOLD_BY_CUSTOMER and not self._facts:
            return "the customer" if any(word in self._customer for word in _WORDS_OF[said.claim]) else ""
        if said.claim in {"email", "label"} and said.tense is Tense.FUTURE:
            return "a document" if any(_COMES[said.claim].search(text) for text in self._general) else ""
        return ""

    def _waiting(self, named: _Named) -> _Found:
        waiting = [deed for deed in self._deeds if deed.state in WAITING_STATES and deed.effect != "read"]
        fitting = [deed for deed in waiting if _is_named(orders_of(deed), named.orders)]
        if fitting:
            return _Found(Verdict.SUPPORTED, f"{fitting[-1].tool}, {fitting[-1].state}")
        return _Found(Verdict.UNSUPPORTED, why="Nothing waits for anybody's approval.")

    def _denied(self, said: Said, rule: ClaimRule, named: _Named) -> _Found | None:
        """ "No refund was made" is untrue where one was; otherwise it is nobody's claim."""
        if said.claim not in DENIED or is_not_wholly(said.sentence.text):
            return None
        for deed in self._deeds:
            is_same = bool(named.orders) and bool(set(orders_of(deed)) & set(named.orders))
            alone = not named.orders and len(self._known_orders) == 1
            if deed.state == "confirmed" and is_of(_narrow(rule), deed) and (is_same or alone):
                return _Found(Verdict.CONTRADICTED, deed.tool, f"{deed.tool} was confirmed{_of_orders(deed)}.")
        for fact in self._facts:
            if fact.order and fact.order in named.orders and matches(_narrow(rule).states, fact.state):
                why = f"{fact.place} says that order {fact.order} is {fact.state}."
                return _Found(Verdict.CONTRADICTED, fact.place, why)
        return None

    # -- why not

    def _refuted(self, said: Said, rule: ClaimRule, order: str, deeds: Sequence[Deed], named: _Named) -> _Found:
        what = f"that {said.claim}" + (f" of order {order}" if order else "")
        good = [deed for deed in deeds if deed.state in self._states_for(said)]
        here = [deed for deed in deeds if _is_of_order(deed, order, rule)]
        amounts = sorted({amount for deed in good if deed in here for amount in amounts_of(deed)})
        if amounts:
            why = f"{here[-1].tool} was confirmed for {_listed(amounts)}, not for {_listed(named.amounts)}."
            return _Found(Verdict.CONTRADICTED, here[-1].tool, why)
        for deed in reversed(here):
            if deed.state in _HAPPENED:
                verdict = Verdict.UNSUPPORTED if deed.state == "unknown" else Verdict.CONTRADICTED
                return _Found(verdict, deed.tool, f"{deed.tool} {_HAPPENED[deed.state]}; do not say {what} happened.")
            if deed.state in WAITING_STATES:
                return _Found(
                    Verdict.UNSUPPORTED, deed.tool, f"{deed.tool} is not confirmed yet; say no more than that."
                )
        if good:
            why = f"{good[-1].tool} was confirmed{_of_orders(good[-1])}, not for order {order}."
            return _Found(Verdict.CONTRADICTED, good[-1].tool, why)
        fact = next((fact for fact in self._facts if order and fact.order == order), None)
        if fact and rule.states:
            why = f"{fact.place} says that order {order} is {fact.state}; nothing bears out {what}."
            return _Found(Verdict.CONTRADICTED, fact.place, why)
        return _Found(
            Verdict.UNSUPPORTED, why=f"No confirmed call and no result bears out {what}: do it first, or leave it out."
        )

    # -- what the words name

    def _named(self, claims: Sequence[Said], at: int, values: Sequence[Value], last: list[str]) -> _Named:
        """Orders and amounts between the neighbouring claims: of what somebody does they stand after, else before."""
        said = claims[at]
        before_it, after_it = _stretch(claims, at)
        inside = [value for value in values if before_it <= value.start < after_it]
        early = [value for value in inside if value.start < said.end]
        late = [value for value in inside if value.start >= said.end]
        first, second = (late, early) if said.is_active else (early, late)
        orders = self._orders_in(first) or self._orders_in(second)
        if not orders:
            orders = self._orders_in([value for value in values if value.start < said.start])[-1:] or last
        amounts = [value.keys[0] for value in inside if value.kind == "money"]
        ids = [str(value.keys[0]) for value in inside if value.kind in {"id", "email"}]
        return _Named(
            tuple(dict.fromkeys(orders)),
            tuple(amount for amount in amounts if isinstance(amount, Decimal)),
            tuple(ids),
        )

    def _orders_in(self, values: Sequence[Value]) -> list[str]:
        keys = [(value.kind, id_key(value.said)) for value in values]
        return [key for kind, key in keys if kind == "order" or key in self._known_orders]


def _stretch(claims: Sequence[Said], at: int) -> tuple[int, int]:
    """From the claim before to the claim after it, inside its sentence."""
    said = claims[at]
    earlier = [other.end for other in claims[:at] if other.sentence is said.sentence]
    later = [other.start for other in claims[at + 1 :] if other.sentence is said.sentence]
    return max([said.sentence.start, *earlier]), min([said.sentence.end, *later])


def _is_of_order(deed: Deed, order: str, rule: ClaimRule) -> bool:
    return "order_id" not in rule.same or _is_named(orders_of(deed), (order,) if order else ())


def _is_named(orders: Sequence[str], named: Sequence[str]) -> bool:
    return not orders or not named or bool(set(orders) & set(named))


def _agree(deeds: Sequence[Deed], rule: ClaimRule, named: _Named) -> bool:
    """Whether an amount that is named is what was moved, by one call or by all together."""
    moved = [amount for deed in deeds for amount in amounts_of(deed)]
    if "amount" not in rule.same or not named.amounts or not moved:
        return True
    return bool({*moved, sum(moved, Decimal(0))} & set(named.amounts))


def _has_ids(deed: Deed, rule: ClaimRule, named: _Named) -> bool:
    """Of the other arguments that must agree, where the sentence names ids."""
    values = [
        str(deed.arguments[key]) for key in rule.same if key not in {"order_id", "amount"} and key in deed.arguments
    ]
    return not values or not named.ids or any(name in id_key(value) for name in named.ids for value in values)


def _narrow(rule: ClaimRule) -> ClaimRule:
    """Of a denial only the claim's own word counts: a cancelled order may well not be refunded."""
    stem = {"cancellation": "cancel", "shipment": "ship", "delivery": "deliver"}.get(rule.claim, rule.claim)
    return ClaimRule(claim=rule.claim, needs_any=(f"*{stem}*",), states=(f"{stem}*",))


def _of_orders(deed: Deed) -> str:
    orders = orders_of(deed)
    return f" for order {', '.join(orders)}" if orders else ""


def _listed(amounts: Sequence[Decimal]) -> str:
    return ", ".join(f"{amount:.2f}" for amount in amounts)
