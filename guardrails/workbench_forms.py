"""The forms of the workbench's pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError

from guardrails.labelled import MOST_BYTES, MOST_LINES
from guardrails.models import Guardrail, GuardrailVersion, LabelledSet
from guardrails.workbench import MOST_DAYS

if TYPE_CHECKING:
    FormOfSet = forms.ModelForm[LabelledSet]
else:  # Django's class takes no parameter while the program runs
    FormOfSet = forms.ModelForm

LIMITS = f"At most {MOST_LINES:,} lines and {MOST_BYTES // 1_000_000} MB. Nothing is kept of a file with a wrong line."


def check_size(file: Any) -> Any:
    if file is not None and (file.size or 0) > MOST_BYTES:
        raise ValidationError(f"The file is larger than {MOST_BYTES // 1_000_000} MB.")
    return file


class NewSetForm(FormOfSet):
    file = forms.FileField(
        required=False,
        label="Lines of JSON",
        help_text=LIMITS,
        widget=forms.FileInput(attrs={"accept": ".jsonl,.json,.txt,.ndjson"}),
    )

    measures = forms.ChoiceField(choices=[("", "Choose a filter"), *LabelledSet.Measures.choices], label="It measures")

    class Meta:
        model = LabelledSet
        fields = ("name", "measures", "description")
        help_texts = {
            "name": "What the texts are and where they are from: Spring's complaints.",
            "description": "Licence, who labelled them, what to keep in mind.",
        }
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "off"})}

    def clean_file(self) -> Any:
        return check_size(self.cleaned_data["file"])


class MoreLinesForm(forms.Form):
    file = forms.FileField(
        label="Lines of JSON",
        help_text=f"{LIMITS} Cases that are in the set already are passed over.",
        widget=forms.FileInput(attrs={"accept": ".jsonl,.json,.txt,.ndjson"}),
    )

    def clean_file(self) -> Any:
        return check_size(self.cleaned_data["file"])


class MeasureForm(forms.Form):
    """`version` is the id of a draft or a version."""

    version = forms.ChoiceField(label="Version", widget=forms.Select(attrs={"class": "control"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["version"].choices = version_choices()  # type: ignore[attr-defined]  # of a ChoiceField

    def chosen(self) -> GuardrailVersion:
        """Raises `GuardrailVersion.DoesNotExist` for one that was deleted meanwhile."""
        return GuardrailVersion.objects.select_related("guardrail").get(pk=self.cleaned_data["version"])


def version_choices() -> list[tuple[str, str]]:
    """By guardrail, the default one first: its draft, then its versions, the newest first."""
    rows = GuardrailVersion.objects.select_related("guardrail").defer("config")
    grouped: dict[Guardrail, list[tuple[str, str]]] = {}
    for row in rows.order_by("-guardrail__is_default", "guardrail__name", "-number"):
        group = grouped.setdefault(row.guardrail, [])
        if row.number is None:
            group.insert(0, (str(row.pk), "draft"))
        else:
            is_newest = all(label == "draft" for _, label in group)
            group.append((str(row.pk), f"version {row.number}{', in force' if is_newest else ''}"))
    return [(pk, f"{guardrail.name}, {words}") for guardrail, group in grouped.items() for pk, words in group]


class BacktestForm(forms.Form):
    draft = forms.ModelChoiceField(
        queryset=GuardrailVersion.objects.none(),
        label="Draft of",
        empty_label=None,
        widget=forms.Select(attrs={"class": "control"}),
    )
    days = forms.IntegerField(
        min_value=1,
        max_value=MOST_DAYS,
        initial=7,
        label="Days",
        widget=forms.NumberInput(attrs={"class": "control"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["draft"]
        field.queryset = drafts()  # type: ignore[attr-defined]  # of a ModelChoiceField
        field.label_from_instance = lambda version: version.guardrail.name  # type: ignore[attr-defined]  # the same


def drafts() -> Any:
    rows = GuardrailVersion.objects.filter(number__isnull=True).select_related("guardrail")
    return rows.order_by("-guardrail__is_default", "guardrail__name")
