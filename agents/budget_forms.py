"""The form of a budget: the limit in dollars, the rows of its steps, and the sentence that says what it will do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from agents.budget_changes import RECOMMENDED_STEPS
from agents.budget_words import budget_words, steps_words
from agents.limit_forms import AMOUNT, BEGINS, plain
from agents.model_list import model_choices, usable_lines
from agents.models import BudgetStep, Limit
from agents.models.limits import MOST_PERCENT

if TYPE_CHECKING:
    FormOfLimit = forms.ModelForm[Limit]
else:  # Django's class takes no parameter while the program runs
    FormOfLimit = forms.ModelForm

# As many rows as are worth having; a step is a row with a share.
ROWS = 6
FULL = 100
PERCENT = forms.NumberInput(attrs={"min": "1", "max": MOST_PERCENT, "inputmode": "numeric", "autocomplete": "off"})
REFUSES = (
    "A model call that could exceed it is not made: the customer gets the hand-over text, and a person the "
    "conversation."
)
NEVER_REFUSES = "It refuses nothing: more than this may be spent."


class BudgetForm(FormOfLimit):
    class Meta:
        model = Limit
        fields = ("amount", "period", "scope", "agent", "refuses")
        labels = {
            "amount": "US dollars",
            "period": "In",
            "scope": "For",
            "agent": "Of one agent",
            "refuses": "Refuse what could exceed it",
        }
        help_texts = {
            "agent": "Only its turns count then.",
            "refuses": "Without it, only the steps act, and more may be spent.",
        }
        widgets = {"amount": AMOUNT}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.measure = Limit.Measure.USD
        for name in ("period", "scope"):
            field = self.fields[name]
            field.choices = [choice for choice in field.choices if choice[0]]  # type: ignore[attr-defined]
        self.fields["agent"].empty_label = "Every agent"  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        same = {name: values.get(name) for name in ("scope", "period")}
        found = Limit.objects.filter(agent=values.get("agent"), measure=Limit.Measure.USD, **same).first()
        if all(same.values()) and found is not None:
            raise ValidationError("There is such a budget already. Change it instead.")
        return values


class AmountForm(FormOfLimit):
    """What may be changed of a budget that is there: what was used was used by its subjects in its periods."""

    class Meta:
        model = Limit
        fields = ("amount", "refuses")
        labels = {name: BudgetForm.Meta.labels[name] for name in fields}
        help_texts = {"refuses": BudgetForm.Meta.help_texts["refuses"]}
        widgets = {"amount": AMOUNT}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["amount"] = plain(self.instance.amount)


class StepForm(forms.Form):
    percent = forms.IntegerField(min_value=1, max_value=MOST_PERCENT, required=False, widget=PERCENT, label="From")
    action = forms.ChoiceField(choices=BudgetStep.Action.choices, required=False, label="Action")
    model = forms.ChoiceField(required=False, label="Cheaper model")

    def __init__(self, *args: Any, models: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["model"].choices = [("", "The agent's fall-back model"), *models]  # type: ignore[attr-defined]

    def step(self) -> BudgetStep | None:
        values = self.cleaned_data
        if values.get("percent") is None or not values.get("action"):
            return None
        is_cheaper = values["action"] == BudgetStep.Action.CHEAPER
        model = values["model"] if is_cheaper else ""
        return BudgetStep(percent=values["percent"], action=values["action"], model=model)


class BudgetEditor:
    """A budget's form with its rows; `limit` is the one that is changed, or None for a new one."""

    def __init__(self, data: Mapping[str, Any] | None, *, limit: Limit | None = None) -> None:
        now: list[BudgetStep] = list(limit.steps.all()) if limit else recommended()
        models = model_choices(usable_lines(), next((step.model for step in now if step.model), ""))
        rows = max(ROWS, len(now))
        first = [{"percent": step.percent, "action": step.action, "model": step.model} for step in now]
        first += [{}] * (rows - len(first))
        self.limit = limit
        self.form: BudgetForm | AmountForm
        if limit is None:
            self.form = BudgetForm(data, initial={"amount": "50", "period": "day", "scope": "all", "refuses": True})
        else:
            self.form = AmountForm(data, instance=limit)
        self.rows = [
            StepForm(data, prefix=f"step{number}", initial=initial, models=models)
            for number, initial in enumerate(first)
        ]
        self.problem = ""

    def is_valid(self) -> bool:
        """Of all rows, also where the first is wrong, so that all that is wrong is shown at once."""
        if not all([self.form.is_valid(), *(row.is_valid() for row in self.rows)]):
            return False
        self.problem = problem_of(self.form.cleaned_data["refuses"], self.steps())
        return not self.problem

    def steps(self) -> list[BudgetStep]:
        return [step for row in self.rows if (step := row.step()) is not None]

    def made(self) -> Limit:
        return self.form.save(commit=False)

    def sentence(self) -> str:
        """What it will do; "" where that cannot be said yet."""
        return sentence_of(self.made(), self.steps()) if self.is_valid() else ""


def recommended() -> list[BudgetStep]:
    return [BudgetStep(percent=percent, action=action) for percent, action in RECOMMENDED_STEPS]


def problem_of(refuses: bool, steps: Sequence[BudgetStep]) -> str:  # noqa: FBT001  a value of the form
    """Why steps and budget do not go together; "" where they do."""
    if not refuses and not steps:
        return "It would do nothing: give it a step, or let it refuse what could exceed it."
    doubled = [step for step in steps if [same(other, step) for other in steps].count(True) > 1]
    if doubled:
        return f"{doubled[0].get_action_display()} stands twice at {doubled[0].percent} %."
    beyond = next((step for step in steps if step.percent > FULL), None)
    if refuses and beyond:
        return f"A budget that refuses what could exceed it never comes to {beyond.percent} %."
    return ""


def same(one: BudgetStep, other: BudgetStep) -> bool:
    return (one.percent, one.action) == (other.percent, other.action)


def sentence_of(limit: Limit, steps: Sequence[BudgetStep]) -> str:
    refuses = REFUSES if limit.refuses else NEVER_REFUSES
    most = "At most" if limit.refuses else "A budget of"
    parts = [f"{most} {budget_words(limit)}.", BEGINS[Limit.Period(limit.period)], steps_words(limit.amount, steps)]
    return " ".join(part for part in [*parts, refuses] if part)
