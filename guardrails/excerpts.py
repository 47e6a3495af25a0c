"""The words around a match, as far as the one who looks may read them."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser, User

from guardrails.config import PII_TYPES
from guardrails.findings import Policy
from guardrails.models import Violation
from guardrails.pii import find_pii, mask
from observability.access import Role, has_role

BEFORE, AFTER = 28, 160
# Whoever judges whether a rule was right.
JUDGES = (Role.REVIEWER,)


@dataclass(frozen=True, kw_only=True)
class Excerpt:
    """`match` is empty where the whole text is meant. `is_hidden`: there is more to read than is shown."""

    before: str
    match: str = ""
    after: str = ""
    is_hidden: bool = False

    @property
    def text(self) -> str:
        return f"{self.before}{self.match}{self.after}"

    @property
    def short(self) -> Excerpt:
        """For a row of a list: the match stands near its beginning."""
        before = self.before if not self.match or len(self.before) <= BEFORE else f"…{self.before[-BEFORE:].lstrip()}"
        return Excerpt(before=before[:AFTER], match=self.match, after=self.after[:AFTER], is_hidden=self.is_hidden)


def may_reveal(user: User | AnonymousUser) -> bool:
    return has_role(user, *JUDGES)


def excerpt_for(user: User | AnonymousUser, violation: Violation, *, revealed: bool = False) -> Excerpt:
    """Personal data is shown as {TYPE}, to everybody, until somebody who may reveal it has done so; what any other
    policy saw is shown as it was kept."""
    text, start, end = violation.excerpt, violation.match_start, violation.match_end
    plain = Excerpt(before=text) if start < 0 else Excerpt(before=text[:start], match=text[start:end], after=text[end:])
    if violation.policy != Policy.PII or (revealed and may_reveal(user)):
        return plain
    kind = violation.rule.partition(":")[2]
    shown = Excerpt(
        before=without_pii(plain.before), match=f"{{{kind}}}" if plain.match else "", after=without_pii(plain.after)
    )
    return Excerpt(before=shown.before, match=shown.match, after=shown.after, is_hidden=shown.text != plain.text)


def without_pii(text: str) -> str:
    return mask(text, find_pii(text, PII_TYPES)) if text.strip() else text
