"""The calculator's form."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms

from observability.calculator import PRICES, QUANTITIES, STAFF, Inputs

# Label and unit of each input.
FIELDS = {
    "interactions": ("Interactions", "a day"),
    "input_tokens": ("Input tokens", "an interaction"),
    "cached_tokens": ("Read from the cache", "tokens"),
    "written_tokens": ("Written to the cache", "tokens"),
    "output_tokens": ("Output tokens", "an interaction"),
    "tool_calls": ("Tool calls", "an interaction"),
    "memory_writes": ("Memories written", "an interaction"),
    "memory_searches": ("Memory searches", "an interaction"),
    "guardrail_units": ("Guardrail text units", "of 1,000 characters"),
    "input_price": ("Input", "$ a million tokens"),
    "cached_price": ("Cache read", "$ a million tokens"),
    "written_price": ("Cache write", "$ a million tokens"),
    "output_price": ("Output", "$ a million tokens"),
    "tool_price": ("Tool call", "$"),
    "write_price": ("Memory written", "$"),
    "search_price": ("Memory search", "$"),
    "unit_price": ("Guardrail unit", "$"),
    "staff_low": ("A person costs at least", "$ a month"),
    "staff_high": ("A person costs at most", "$ a month"),
    "resolved_percent": ("Resolved by the agent", "% of interactions"),
}
GROUPS = (("One interaction", QUANTITIES), ("Prices", PRICES), ("A person", STAFF))
MOST = {"interactions": 10**8, "resolved_percent": 100, "staff_low": 10**6, "staff_high": 10**6}
MOST_PRICE, MOST_QUANTITY = 10**5, 10**7


class CalculatorForm(forms.Form):
    """Every input of the calculator; one that is left out has its usual value."""

    def __init__(self, data: Any, *, usual: Inputs) -> None:
        self.usual = usual
        # Never in the form 1E-8, which a field of a page would not take.
        given = {name: f"{getattr(usual, name):f}" for name in FIELDS}
        super().__init__({**given, **{name: data[name] for name in FIELDS if data.get(name, "").strip()}})
        for name, (label, unit) in FIELDS.items():
            most = MOST.get(name, MOST_PRICE if name in PRICES else MOST_QUANTITY)
            self.fields[name] = forms.DecimalField(
                min_value=0, max_value=most, max_digits=20, decimal_places=8, label=label
            )
            self.fields[name].help_text = unit
            self.fields[name].widget.attrs.update({"step": "any", "inputmode": "decimal"})

    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(title, [self[name] for name in names]) for title, names in GROUPS]

    def inputs(self) -> Inputs:
        """What was given; where it cannot be taken, the usual values."""
        if not self.is_valid():
            return self.usual
        return Inputs(**{name: Decimal(self.cleaned_data[name]) for name in FIELDS})
