"""Compiled rules, cut by tool: a decision about a tool looks only at the statements whose scope touches it.

Cedar's time for a decision grows with the policies of the set; cut by tool, it does not grow with the gateway's.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cedarpy

from tools.policy.schema import CedarType, ToolShape, cedar_schema, context_type, groups_of
from tools.policy.statements import Rule, Statement


@dataclass(frozen=True, kw_only=True)
class Slice:
    """What a decision about one tool needs. `everything` has the shadow rules too; None where none touches the tool."""

    groups: tuple[str, ...]
    context: CedarType
    schema: cedarpy.Schema
    enforced: cedarpy.PolicySet
    everything: cedarpy.PolicySet | None
    may_permit: bool


class Compiled:
    """Rules that were parsed and that fit the tools. Shared by threads: slices are made when first asked for, and two
    threads that make the same one make equal ones."""

    def __init__(self, rules: tuple[Rule, ...], shapes: Mapping[str, ToolShape], statements: list[Statement]) -> None:
        self.rules = rules
        self.shapes = shapes
        self.statements = {statement.id: statement for statement in statements}
        # By caller, their tags and tool: what `listing` found.
        self.cells: dict[tuple[str, tuple[tuple[str, str], ...], str], Any] = {}
        self._slices: dict[str, Slice] = {}
        # Tools that the same statements touch share one set.
        self._sets: dict[tuple[str, ...], cedarpy.PolicySet] = {}
        self._named: dict[str | None, list[Statement]] = defaultdict(list)
        for statement in statements:
            for name in (None,) if statement.actions is None else statement.actions:
                self._named[name].append(statement)

    def slice_of(self, key: str) -> Slice:
        """Raises `KeyError` for a tool that is not among the shapes."""
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = self._cut(self.shapes[key])
        return found

    def touching(self, key: str) -> list[Statement]:
        """The statements whose scope holds the tool, in a steady order."""
        shape = self.shapes[key]
        named = {
            statement.id: statement
            for name in (None, shape.key, *groups_of(shape))
            for statement in self._named.get(name, ())
            if statement.touches(shape)
        }
        return [named[name] for name in sorted(named)]

    def _cut(self, shape: ToolShape) -> Slice:
        touching = self.touching(shape.key)
        enforced = [statement for statement in touching if statement.mode == "enforce"]
        return Slice(
            groups=groups_of(shape),
            context=context_type(shape),
            schema=cedarpy.Schema.from_json_str(json.dumps(cedar_schema([shape]))),
            enforced=self._set_of(enforced),
            everything=self._set_of(touching) if len(touching) > len(enforced) else None,
            may_permit=any(statement.effect == "permit" for statement in enforced),
        )

    def _set_of(self, statements: list[Statement]) -> cedarpy.PolicySet:
        ids = tuple(statement.id for statement in statements)
        found = self._sets.get(ids)
        if found is None:
            found = self._sets[ids] = policy_set(statements)
        return found


def policy_set(statements: list[Statement]) -> cedarpy.PolicySet:
    """Under their own ids, whatever an `@id` in the text says."""
    policies = ",".join(f'"{statement.id}":{statement.body}' for statement in statements)
    return cedarpy.PolicySet.from_json_str(f'{{"staticPolicies":{{{policies}}},"templates":{{}},"templateLinks":[]}}')
