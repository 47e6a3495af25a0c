"""An approval in plain words: what is asked, what a yes leads to, and what the button says."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tools.catalog import catalog
from tools.models import Approval, Tool

# What is given to somebody, and what giving it is called: of `process_refund` the first word says only that it is done.
EMPTY_VERBS = {"process", "create", "make", "issue", "execute", "submit", "do", "post", "send"}
GIVEN = {"refund": "refunds", "payment": "pays", "payout": "pays out", "credit": "credits", "transfer": "transfers"}
UNDONE = "It cannot be undone."
CENT = Decimal("0.01")


@dataclass(frozen=True, kw_only=True)
class Words:
    """The request as a `sentence`; what a button says after its verb (`named`: " refund of 142.00 EUR", ": cancel order
    1044"); what a yes does (`does`)."""

    sentence: str
    named: str
    does: str
    money: str
    risk: str
    effect: str
    target: str


def words_of(approval: Approval, customer: str, *, amount: Decimal | None = None) -> Words:
    """`amount` takes the place of the approval's own, for arguments that somebody is changing. No query but the
    catalog's; a tool that is gone is called by its key."""
    tool = catalog.find(approval.tool_key)
    money = money_words(approval.amount if amount is None else amount, currency_of(tool))
    phrase = Phrase(approval, tool, money)
    to = f" {phrase.preposition} {customer}" if customer else ""
    return Words(
        sentence=phrase.sentence(to),
        named=phrase.named(),
        does=phrase.does(),
        money=money,
        risk=tool.get_risk_display() if tool else "",
        effect=tool.effect if tool else approval.call.effect,
        target=tool.target.name if tool else approval.tool_key.partition("___")[0],
    )


class Phrase:
    """The words of a tool's name put in order: verb, what it is done to, and how much money it moves."""

    def __init__(self, approval: Approval, tool: Tool | None, money: str) -> None:
        named = approval.tool_key.rpartition("___")[2].casefold().split("_")
        self.money = money
        self.is_given = len(named) > 1 and named[0] in EMPTY_VERBS and named[-1] in GIVEN
        self.words = named[1:] if self.is_given else named
        self.subject = subject_words(tool, approval.arguments)
        self.preposition = "to" if self.words[-1] in GIVEN else "for"

    @property
    def names_subject(self) -> bool:
        """Whether the tool's own name says what it is done to, as `cancel_order` does."""
        return bool(self.subject) and self.words[-1] == self.subject.split()[0] and len(self.words) > 1

    def head(self) -> str:
        if self.names_subject:
            return f"{' '.join(self.words[:-1])} {self.subject}"
        money = f" {self.money}" if self.money and self.is_given else ""
        return f"{' '.join(self.words)}{money}{f' of {self.subject}' if self.subject else ''}"

    def sentence(self, to: str) -> str:
        aside = f", {self.money}" if self.money and self.money not in self.head() else ""
        return capital(f"{self.head()}{to}{aside}")

    def named(self) -> str:
        """What is approved, as a noun where the name is one."""
        if self.is_given:
            return f" {' '.join(self.words)}{f' of {self.money}' if self.money else ''}"
        return f": {self.head()}{f', {self.money}' if self.money else ''}"

    def does(self) -> str:
        """After "Approving": "refunds 142.00 EUR", "cancels order 1044 and moves 59.00 EUR"."""
        if self.is_given:
            return f"{GIVEN[self.words[-1]]} {self.money}".strip()
        verb, *rest = self.head().split()
        moved = f" and moves {self.money}" if self.money else ""
        return " ".join([third_person(verb), *rest]) + moved


def consequence(words: Words, *, missing: int) -> str:
    """What happens when this person says yes; `missing` are the yeses that are still wanted, this one included."""
    after = {
        Tool.Effect.MONEY: UNDONE,
        Tool.Effect.IRREVERSIBLE: UNDONE,
        Tool.Effect.WRITE: f"It is written to {words.target}.",
    }.get(Tool.Effect(words.effect) if words.effect in Tool.Effect.values else Tool.Effect.READ, "")
    if missing > 1:
        more = "one more person has" if missing == 2 else f"{missing - 1} more people have"
        return f"Nothing happens before {more} approved it too. Then it {words.does}. {after}".strip()
    return f"Approving {words.does} now. {after}".strip()


def currency_of(tool: Tool | None) -> str:
    return str((tool.amount or {}).get("currency", "")) if tool else ""


def money_words(amount: Decimal | None, currency: str) -> str:
    """ "1,142.00 EUR"; finer than a cent only where the amount is."""
    if amount is None:
        return ""
    shown = amount.quantize(CENT) if amount == amount.quantize(CENT) else amount.normalize()
    return f"{shown:,f} {currency}".strip()


def subject_words(tool: Tool | None, arguments: dict[str, Any]) -> str:
    """ "order 1044" of `{"order_id": "1044"}`, where the tool says which argument names it."""
    name = tool.subject_argument if tool else next((name for name in arguments if name.endswith("_id")), "")
    value = arguments.get(name) if name else None
    return f"{label_of(name).casefold()} {str(value)[:60]}" if value not in (None, "") else ""


def label_of(name: str) -> str:
    """An argument's name for people: "Order" of `order_id`, "Reason" of `reason`."""
    words = name.removesuffix("_id").removesuffix("Id").replace("_", " ").strip()
    return capital(words or name)


def third_person(verb: str) -> str:
    return f"{verb}es" if verb.endswith(("s", "x", "ch", "sh", "o")) else f"{verb}s"


def capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"
