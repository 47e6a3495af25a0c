"""The forms of the limits' pages, and the sentence that says what a limit will do."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from agents.limit_words import limit_words
from agents.models import Limit

if TYPE_CHECKING:
    FormOfLimit = forms.ModelForm[Limit]
else:  # Django's class takes no parameter while the program runs
    FormOfLimit = forms.ModelForm

AMOUNT = forms.NumberInput(attrs={"min": "0", "step": "any", "inputmode": "decimal", "autocomplete": "off"})
BEGINS = {
    Limit.Period.MINUTE: "It begins anew with every full minute.",
    Limit.Period.HOUR: "It begins anew with every full hour.",
    Limit.Period.DAY: "It begins anew at 00:00 UTC.",
    Limit.Period.WEEK: "It begins anew on Monday, 00:00 UTC.",
    Limit.Period.MONTH: "It begins anew on the first of the month, 00:00 UTC.",
    Limit.Period.EVER: "It never begins anew.",
}
REFUSES = {
    Limit.Measure.MESSAGES: (
        "A message that would exceed it is not taken: the customer is told so, and from when on it can be sent."
    ),
    Limit.Measure.TOKENS: (
        "A model call that could exceed it is not made: the customer gets the hand-over text, and a person the "
        "conversation."
    ),
}
REFUSES[Limit.Measure.USD] = REFUSES[Limit.Measure.TOKENS]


def check_amount(measure: str, amount: Decimal) -> Decimal:
    """Raises `ValidationError` for half a message or token."""
    if measure != Limit.Measure.USD and amount != amount.to_integral_value():
        raise ValidationError(f"{Limit.Measure(measure).label} are counted whole: give a whole number.")
    return amount


class LimitForm(FormOfLimit):
    class Meta:
        model = Limit
        fields = ("measure", "amount", "period", "scope", "agent")
        labels = {
            "measure": "What is limited",
            "amount": "At most",
            "period": "In",
            "scope": "For",
            "agent": "Only for one agent",
        }
        help_texts = {
            "amount": "US dollars to the cent or finer, messages and tokens whole. 0 lets nothing through.",
            "agent": "With one, only its turns and messages count.",
        }
        widgets = {"amount": AMOUNT}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("measure", "period", "scope"):
            field = self.fields[name]
            field.choices = [choice for choice in field.choices if choice[0]]  # type: ignore[attr-defined]
        self.fields["agent"].empty_label = "Every agent"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if values.get("amount") is not None and values.get("measure"):
            try:
                check_amount(values["measure"], values["amount"])
            except ValidationError as error:
                self.add_error("amount", error)
        same = {name: values.get(name) for name in ("scope", "measure", "period")}
        if all(same.values()) and Limit.objects.filter(agent=values.get("agent"), **same).exists():
            raise ValidationError("There is such a limit already. Change its amount instead.")
        return values

    def sentence(self) -> str:
        values = self.cleaned_data
        agent = values.get("agent")
        named = limit_words(
            scope=values["scope"],
            agent=agent.name if agent else "",
            measure=values["measure"],
            period=values["period"],
            amount=values["amount"],
        )
        return f"At most {named}. {BEGINS[values['period']]} {REFUSES[values['measure']]}"


class AmountForm(forms.Form):
    amount = forms.DecimalField(min_value=0, max_digits=18, decimal_places=8, widget=AMOUNT, label="At most")

    def __init__(self, *args: Any, limit: Limit, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._measure = limit.measure
        self.initial["amount"] = plain(limit.amount)
        self.fields["amount"].help_text = f"{limit.get_measure_display()} {limit.get_period_display()}."

    def clean_amount(self) -> Decimal:
        return check_amount(self._measure, self.cleaned_data["amount"])


def plain(amount: Decimal) -> str:
    """Without the zeros that the column adds: "50", "0.25"."""
    return f"{amount.normalize():f}"
