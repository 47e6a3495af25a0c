"""What a change of rules would have changed: recorded calls, decided under both."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tools.policy.authorize import Decision, Request, decide
from tools.policy.slices import Compiled


@dataclass(frozen=True, kw_only=True)
class Flip:
    """A request, by its place among those given, whose outcome or whose approvers differ."""

    index: int
    before: Decision
    after: Decision


def flips(before: Compiled, after: Compiled, requests: Iterable[Request]) -> list[Flip]:
    found = []
    for index, request in enumerate(requests):
        old, new = decide(before, request), decide(after, request)
        if (old.outcome, old.approvers) != (new.outcome, new.approvers):
            found.append(Flip(index=index, before=old, after=new))
    return found
