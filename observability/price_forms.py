"""The forms of the prices' pages."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils import timezone

from observability.models import Price, UnitPrice
from observability.price_import import MOST_BYTES
from observability.prices import BEGINS_TODAY

AS_INPUT = "Empty: as input."


def usd_field(label: str, *, required: bool = True, help_text: str = "") -> forms.DecimalField:
    return forms.DecimalField(
        min_value=0, max_digits=16, decimal_places=8, label=label, required=required, help_text=help_text
    )


def day_field() -> forms.DateField:
    return forms.DateField(
        label="From",
        help_text="Today at the earliest; it begins at midnight UTC.",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class ModelPriceForm(forms.Form):
    """What a model's tokens cost from a day on, US dollars a million."""

    model = forms.CharField(
        max_length=120,
        help_text="By its key, as agents and charges name it.",
        widget=forms.TextInput(attrs={"list": "priced-models", "autocomplete": "off", "spellcheck": "false"}),
    )
    valid_from = day_field()
    above_input_tokens = forms.IntegerField(
        min_value=0, max_value=2_000_000_000, initial=0, label="Prompts above", help_text="Tokens. 0: every prompt."
    )
    input_usd = usd_field("Input")
    output_usd = usd_field("Output")
    cache_read_usd = usd_field("Cache read", required=False, help_text=AS_INPUT)
    cache_write_usd = usd_field("Cache write", required=False, help_text=AS_INPUT)
    cache_write_1h_usd = usd_field("Cache write, kept an hour", required=False, help_text="Empty: as cache write.")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_from"].initial = timezone.now().date

    def price(self) -> Price:
        values = dict(self.cleaned_data)
        for name in ("cache_read_usd", "cache_write_usd"):
            if values[name] is None:
                values[name] = values["input_usd"]
        values["cache_write_1h_usd"] = values["cache_write_1h_usd"] or Decimal(0)
        return Price(**values)


class UnitPriceForm(forms.Form):
    """What units of something cost from a day on."""

    kind = forms.ChoiceField(choices=UnitPrice.Kind.choices)
    subject = forms.CharField(
        max_length=120,
        required=False,
        label="Only of",
        help_text="A tool's name. Empty: every one of the kind that has no price of its own.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    valid_from = day_field()
    usd = usd_field("US dollars")
    per = forms.IntegerField(
        min_value=1, max_value=1_000_000_000, initial=1, label="For so many", help_text="1,000: for a thousand."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_from"].initial = timezone.now().date

    def price(self) -> UnitPrice:
        return UnitPrice(**self.cleaned_data)


class ImportForm(forms.Form):
    """A file of prices, or its text. After the preview it comes back as text, under the name that the file had."""

    file = forms.FileField(
        required=False,
        help_text="CSV or JSON in UTF-8, as the export writes it.",
        widget=forms.FileInput(attrs={"accept": ".csv,.json,text/csv,application/json"}),
    )
    text = forms.CharField(
        required=False,
        max_length=MOST_BYTES,
        label="Or its text",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 8, "spellcheck": "false"}),
    )
    file_name = forms.CharField(required=False, max_length=200, widget=forms.HiddenInput)

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        upload = data.get("file")
        if upload and upload.size > MOST_BYTES:
            self.add_error("file", "A file of prices has at most one megabyte.")
        elif upload:
            try:
                data["text"], data["file_name"] = upload.read().decode("utf-8-sig"), upload.name
            except UnicodeDecodeError:
                self.add_error("file", "The file is not in UTF-8.")
        elif not data.get("text", "").strip() and not self.errors:
            self.add_error("file", "Choose a file, or give its text.")
        return data

    def name(self) -> str:
        """What was pasted is JSON if it begins so."""
        given = str(self.cleaned_data.get("file_name") or "")
        is_json = str(self.cleaned_data.get("text", "")).lstrip().startswith(("[", "{"))
        return given or ("pasted.json" if is_json else "pasted.csv")


class AdoptForm(forms.Form):
    """From which day on a shipped list counts."""

    valid_from = day_field()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_from"].initial = timezone.now().date

    def clean_valid_from(self) -> date:
        day: date = self.cleaned_data["valid_from"]
        if day < timezone.now().date():
            raise forms.ValidationError(BEGINS_TODAY)
        return day
