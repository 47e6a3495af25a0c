"""What the rules did in the last days, from the ledger, and what each of them is about."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import connection
from django.utils import timezone

from tools.models import PolicyRule
from tools.policies import plain_rule
from tools.policy.check import read_rule
from tools.policy.schema import GROUPS, SEPARATOR, ToolShape
from tools.policy.sentences import APPROVERS
from tools.policy.statements import Statement
from tools.policy_sources import earliest_id

DAYS = 7
# Under this name the calls are counted that no rule allowed.
DEFAULT_DENY = ""
MANY = 3

# What decided is one of few combinations, however many calls there were: they are counted where they lie, and told
# apart here. Of 100,000 calls in the week and as many before it: 0.2 seconds.
FIGURES = """
SELECT decision, decided -> 'rules', decided -> 'shadow', decided ->> 'would', decided ? 'errors', count(*)
FROM tools_toolcall WHERE id >= %s AND created_at >= %s AND decided IS NOT NULL
GROUP BY 1, 2, 3, 4, 5
"""


@dataclass(frozen=True, kw_only=True)
class RuleFigures:
    """Calls of the last days that the rule determined; of those that went through all the same, how many it would have
    blocked."""

    hits: int = 0
    would_block: int = 0


def figures_by_rule(days: int = DAYS) -> dict[str, RuleFigures]:
    """By the rule's name, whichever version it stood in; what no rule allowed is under `DEFAULT_DENY`."""
    since = timezone.now() - timedelta(days=days)
    hits, would_block = Counter[str](), Counter[str]()
    with connection.cursor() as cursor:
        cursor.execute(FIGURES, [earliest_id(since), since])
        for decision, rules, shadow, would, failed, calls in cursor.fetchall():
            for name, blocks in counted(
                decision, loaded(rules) or [], loaded(shadow) or {}, would, failed=bool(failed)
            ):
                hits[name] += calls
                would_block[name] += calls if blocks else 0
    return {name: RuleFigures(hits=hits[name], would_block=would_block[name]) for name in hits}


def loaded(value: Any) -> Any:
    """A JSON column as a cursor gives it."""
    return json.loads(value) if isinstance(value, str) else value


def counted(
    decision: str, rules: list[str], shadow: dict[str, Any], would: str | None, *, failed: bool
) -> Iterator[tuple[str, bool]]:
    """Each rule that counts a call decided so, and whether it would have blocked what was made all the same: a rule in
    shadow, or any rule while all policies only watch."""
    for name in rules:
        yield name, would == "deny"
    for name in shadow.get("rules", []):
        yield name, shadow.get("outcome") == "deny" and decision != "deny"
    if "deny" in {decision, would} and not rules and not failed:
        yield DEFAULT_DENY, would == "deny"


# -- what a rule is about


def statements_of(rule: PolicyRule) -> list[Statement]:
    """Those that can be read; a rule that does not fit the tools any more can still be described."""
    return read_rule(plain_rule(rule))[0]


def tools_touched(statements: Iterable[Statement], shapes: Sequence[ToolShape]) -> list[str]:
    """The keys of the tools in the scope of any of them."""
    given = list(statements)
    return [shape.key for shape in shapes if any(statement.touches(shape) for statement in given)]


def summary(text: str, statements: Sequence[Statement]) -> str:
    """A hand-written rule in a line: its first line where that is a comment, else what its statements say."""
    first = text.strip().partition("\n")[0]
    if first.startswith("//"):
        return first.lstrip("/ ").strip()
    said = "; ".join(dict.fromkeys(words_of(statement) for statement in statements))
    return f"{said[:1].upper()}{said[1:]}." if said else first


def words_of(statement: Statement) -> str:
    tools = words_for_scope(statement)
    when = " under conditions" if statement.conditions else ""
    if statement.effect == "forbid":
        return f"forbids {tools}{when}"
    if statement.approvers is None:
        return f"allows {tools}{when}"
    one, several = APPROVERS[statement.approvers.role]
    number = statement.approvers.number
    return f"allows {tools}{when} once {f'{one} approves' if number == 1 else f'{number} {several} approve'}"


def words_for_scope(statement: Statement) -> str:
    actions = sorted(statement.actions or ())
    if statement.actions is None or not set(actions).isdisjoint(GROUPS):
        return "any tool"
    named = [words_for_action(action) for action in actions]
    if len(named) > MANY:
        return f"{', '.join(named[:MANY])} and {len(named) - MANY} more"
    return " and ".join([", ".join(named[:-1]), named[-1]]) if len(named) > 1 else named[0]


def words_for_action(action: str) -> str:
    target, separator, tool = action.partition(SEPARATOR)
    return tool.replace("_", " ") if separator else f"any tool of {target}"
