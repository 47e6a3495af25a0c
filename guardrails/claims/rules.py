"""What bears a claim out: which tools, called with success, or which states that a result tells."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from guardrails.config import ClaimRule
from guardrails.evidence import Deed

BEGUN_STATES = frozenset({"confirmed", "reserved", "sent", "waiting"})
WAITING_STATES = frozenset({"reserved", "sent", "waiting"})
_OF_ORDER = ("order_id", "amount")
# Tools whose effect is not told and whose name says that they only look.
_LOOKING = (
    "get_*",
    "list_*",
    "find_*",
    "search_*",
    "lookup*",
    "look_up*",
    "check_*",
    "read_*",
    "fetch_*",
    "calculate*",
)

# Names as shops and benchmarks have them; a guardrail's own rules stand in their place, claim by claim.
DEFAULT_RULES: tuple[ClaimRule, ...] = (
    ClaimRule(
        claim="refund",
        needs_any=("*refund*", "*reimburs*", "*cancel*", "*return*", "*credit*", "*exchange*", "*modify*", "*reverse*"),
        states=("refund*", "partially refunded", "returned", "reimbursed"),
        same=_OF_ORDER,
    ),
    ClaimRule(
        claim="cancellation",
        needs_any=("*cancel*", "*void*"),
        states=("cancel*", "voided"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="return",
        needs_any=("*return*", "*refund*", "*rma*"),
        states=("return*", "*return requested*"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="exchange",
        needs_any=("*exchange*", "*swap*", "*modify*", "*replace*", "*change*", "*update*"),
        states=("*exchange*", "*modif*", "swap*"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="replacement",
        needs_any=(
            "*replace*",
            "*exchange*",
            "*reship*",
            "*resend*",
            "*reorder*",
            "create_order*",
            "place_order*",
            "*modify*",
        ),
        states=("*replace*", "*exchange*", "reship*"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="change",
        needs_any=(
            "*modify*",
            "*update*",
            "*change*",
            "*edit*",
            "set_*",
            "*_set_*",
            "*address*",
            "*payment*",
            "*exchange*",
            "*switch*",
            "*upgrade*",
            "*remove*",
            "*adjust*",
            "*amend*",
        ),
        states=("*modif*", "*updated*", "*changed*", "*exchange*"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="address",
        needs_any=("*address*", "*redirect*", "*reroute*", "*update*", "*modify*", "*change*"),
        states=("*redirect*", "*address changed*"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="shipment",
        needs_any=("ship*", "*_ship*", "*dispatch*", "*fulfil*", "*reship*", "*resend*", "*replace*"),
        states=(
            "*shipped*",
            "*transit*",
            "*delivery*",
            "delivered",
            "dispatched",
            "on its way",
            "fulfilled",
            "return*",
            "exchange*",
            "received",
            "completed",
        ),
        same=("order_id",),
    ),
    ClaimRule(
        claim="delivery",
        needs_any=("*deliver*",),
        states=("delivered", "return*", "exchange*", "received", "completed", "fulfilled", "refunded"),
        same=("order_id",),
    ),
    ClaimRule(
        claim="escalation",
        needs_any=(
            "*escalat*",
            "*transfer*",
            "*hand*over*",
            "*handoff*",
            "*human*",
            "*ticket*",
            "*agent*",
            "*assign*",
            "*forward*",
            "*notify*",
            "*callback*",
            "*case*",
        ),
    ),
    ClaimRule(
        claim="credit",
        needs_any=(
            "*credit*",
            "*voucher*",
            "*coupon*",
            "*discount*",
            "*gift*",
            "*compensat*",
            "*goodwill*",
            "*certificate*",
        ),
    ),
    ClaimRule(claim="email", needs_any=("*mail*", "*notify*", "*send*", "*message*", "*sms*", "*confirm*")),
    ClaimRule(
        claim="ticket",
        needs_any=(
            "*ticket*",
            "*case*",
            "*complaint*",
            "*claim*",
            "*escalat*",
            "*human*",
            "*report*",
            "*incident*",
            "*dispute*",
        ),
    ),
    ClaimRule(claim="label", needs_any=("*label*", "*return*"), same=("order_id",)),
    ClaimRule(
        claim="subscription", needs_any=("*subscri*", "*plan*", "*member*", "*newsletter*"), states=("*subscri*",)
    ),
    ClaimRule(claim="account", needs_any=("*account*", "*user*", "*profile*", "*password*", "*customer*")),
    # A person has to agree first: any call that waits bears it out.
    ClaimRule(claim="approval", needs_any=("*",)),
)
# States of an order that bear out what is still to come: "it will be shipped tomorrow".
BEFORE_IT = {
    "shipment": (
        "processing*",
        "pending*",
        "confirmed",
        "prepar*",
        "packed",
        "paid",
        "open",
        "created",
        "*modif*",
        "exchange*",
    ),
    "delivery": (
        "processing*",
        "pending*",
        "confirmed",
        "prepar*",
        "packed",
        "paid",
        "open",
        "created",
        "*shipped*",
        "*transit*",
        "*delivery*",
        "dispatched",
        "on its way",
        "*modif*",
        "exchange*",
    ),
    "refund": ("cancel*",),
    "replacement": ("*modif*",),
}
# What the ledger cannot deny: a missing entry proves nothing here.
DENIED = frozenset({"refund", "cancellation", "return", "exchange", "shipment", "delivery"})


def rules_by_claim(rules: Sequence[ClaimRule]) -> dict[str, ClaimRule]:
    """A guardrail's own in place of ours."""
    return {rule.claim: rule for rule in (*DEFAULT_RULES, *rules)}


def is_of(rule: ClaimRule, deed: Deed) -> bool:
    """Whether a call of this tool could bear the claim out; one that only reads never does."""
    name = deed.tool.lower()
    if deed.effect == "read" or (not deed.effect and matches(_LOOKING, name)):
        return False
    return matches(rule.needs_any, name)


@lru_cache(maxsize=4096)
def matches(patterns: tuple[str, ...], name: str) -> bool:
    """Shell patterns, without regard to case."""
    return any(fnmatchcase(name, pattern.lower()) for pattern in patterns)
