"""One memory forgotten, with all that it took the place of: emptied, and its words taken out of the traces.

A turn that was given it and is still at work may write it into its trace afterwards; that goes with the trace.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from agents.customer_memories import chain_of
from agents.deletion import ids
from agents.erasure import LOCK_TRACES
from agents.models import Customer
from memory import writing
from memory.models import Memory
from memory.reach import bound_to
from observability.models import Span

# What of a memory its trace says, its text and what a model said it is about, and what stands there instead.
INSTEAD = {"text": "(forgotten)", "topic": ""}
AT_ONCE = 500


@dataclass(frozen=True, kw_only=True)
class Gone:
    """What is to be found no longer: the ids of memories, and their texts."""

    ids: Collection[str]
    texts: Collection[str]

    def are_told_by(self, step: dict[str, Any]) -> bool:
        """Recall names the memory; an extraction says its text, and its id is that of what it replaces."""
        return str(step.get("text")).strip() in self.texts or ("action" not in step and step.get("id") in self.ids)


def forget_with_history(memory: Memory) -> None:
    """All or nothing; its history says the same, so it goes with it. Raises `Memory.DoesNotExist`.

    The traces are locked before the customer's memories, as an erasure does.
    """
    with bound_to(memory.customer_id):
        traces = lock_traces(memory)
        forgotten = chain_of(memory)
        texts = {one.text.strip() for one in forgotten} - {""}
        blank_in_traces(traces, Gone(ids={str(one.pk) for one in forgotten}, texts=texts))
        for one in forgotten:
            writing.forget(one)


def lock_traces(memory: Memory) -> list[Any]:
    """Of the customer's conversations, also of those that are deleted already: a trace is kept for longer."""
    sessions = ids("SELECT id FROM agents_session WHERE customer_id = %s", memory.customer_id)
    addresses = Customer.objects.filter(pk=memory.customer_id).values_list("email", flat=True)
    named = [form for address in addresses for form in {address, address.lower()}]
    return ids(LOCK_TRACES, sessions=sessions, addresses=named)


def blank_in_traces(traces: Collection[Any], gone: Gone) -> None:
    spans = Span.objects.filter(trace_id__in=traces, kind=Span.Kind.MEMORY).only("attributes")
    for span in spans.iterator(chunk_size=AT_ONCE):
        attributes = without(span.attributes, gone)
        if attributes != span.attributes:
            Span.objects.filter(pk=span.pk).update(attributes=attributes)


def without(value: Any, gone: Gone) -> Any:
    """The same JSON; where it tells one of them, it says so instead."""
    if isinstance(value, list):
        return [without(each, gone) for each in value]
    if not isinstance(value, dict):
        return value
    instead = INSTEAD if gone.are_told_by(value) else {}
    return {name: instead.get(name, without(each, gone)) for name, each in value.items()}
