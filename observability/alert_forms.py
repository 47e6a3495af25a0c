"""The form of an alert, and the sentence that says what it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils import timezone

from observability.insight_range import LONGEST_TEXT, Asked
from observability.models import Alert
from observability.query import QueryError, compile_query

WINDOWS = ((5, "5 minutes"), (15, "15 minutes"), (60, "1 hour"), (360, "6 hours"), (1440, "24 hours"))
EVERY = ((1, "every minute"), (5, "every 5 minutes"), (15, "every 15 minutes"), (60, "every hour"))
AGAIN = (("", "never"), (60, "1 hour"), (240, "4 hours"), (1440, "24 hours"))


def number(value: Any) -> int:
    return int(value)


def number_or_none(value: Any) -> int | None:
    return int(value) if value else None


class AlertForm(forms.ModelForm):  # type: ignore[type-arg]  # no subscript at run time
    window_minutes = forms.TypedChoiceField(choices=WINDOWS, coerce=number, initial=60)
    every_minutes = forms.TypedChoiceField(choices=EVERY, coerce=number, initial=5)
    renotify_minutes = forms.TypedChoiceField(choices=AGAIN, coerce=number_or_none, empty_value=None, required=False)
    text = forms.CharField(max_length=LONGEST_TEXT, widget=forms.Textarea)
    warn = forms.FloatField(required=False)
    critical = forms.FloatField(required=False)

    class Meta:
        model = Alert
        fields = (
            "name",
            "text",
            "column",
            "window_minutes",
            "every_minutes",
            "side",
            "warn",
            "critical",
            "no_data",
            "renotify_minutes",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What was chosen elsewhere, by a file say, stays among the choices.
        for name, choices in (("window_minutes", WINDOWS), ("every_minutes", EVERY), ("renotify_minutes", AGAIN)):
            kept = getattr(self.instance, name)
            if kept and kept not in dict(choices):
                self.fields[name].choices = [*choices, (kept, f"{kept} minutes")]  # type: ignore[attr-defined]

    def clean_text(self) -> str:
        text: str = self.cleaned_data["text"].replace("\r\n", "\n").replace("\0", "").strip()
        now = timezone.now()
        start, end = Asked(range="1h").span(now)
        try:
            compiled = compile_query(text, start=start, end=end, now=now)
        except QueryError as error:
            line, column = error.place(text)
            raise forms.ValidationError(f"Line {line}, column {column}: {error}") from error
        self.columns = compiled.columns
        return text

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        warn, critical = said.get("warn"), said.get("critical")
        if warn is None and critical is None and not {"warn", "critical"} & set(self.errors):
            self.add_error("warn", "Give a threshold: for a warning, for what is critical, or both.")
        if warn is not None and critical is not None and said.get("side"):
            is_wrong = warn > critical if said["side"] == Alert.Side.ABOVE else warn < critical
            if is_wrong:
                self.add_error("critical", "What is critical lies further out than the warning.")
        if "text" in said:
            self._check_column(said)
        return said

    def _check_column(self, said: dict[str, Any]) -> None:
        wanted = said.get("column", "").strip()
        said["column"] = wanted
        names = [column.name for column in self.columns]
        if wanted and wanted not in names:
            self.add_error("column", f"The answer has {', '.join(names)}.")
        if not wanted and not any(column.type == "number" for column in self.columns):
            self.add_error("text", "The answer has no number to look at: end it with stats, or name a column.")


def preview(said: dict[str, Any]) -> str:
    """ "Every 5 minutes: tells when count() of the last 60 minutes is above 5 (warning) or above 10 (critical)."."""
    side = said.get("side") or Alert.Side.ABOVE
    limits = [
        f"{side} {value:g} ({word})"
        for word, value in (("warning", said.get("warn")), ("critical", said.get("critical")))
        if value is not None
    ]
    if not limits:
        return "Without a threshold it tells nothing."
    return (
        f"Every {minutes(said.get('every_minutes') or 5)}: tells when {said.get('column') or 'the last number'} "
        f"of the last {minutes(said.get('window_minutes') or 60)} is {' or '.join(limits)}."
    )


def minutes(count: int) -> str:
    return "minute" if count == 1 else f"{count} minutes"


def preview_of(said: Mapping[str, str]) -> str:
    """The same of a form that is still being filled in: what cannot be read yet is not there."""
    read = {name: read_number(said.get(name, "")) for name in ("warn", "critical", "every_minutes", "window_minutes")}
    counts = {name: int(read[name] or 0) for name in ("every_minutes", "window_minutes")}
    side = said.get("side", "")
    return preview(
        {
            **read,
            **counts,
            "side": side if side in Alert.Side.values else "",
            "column": " ".join(said.get("column", "").split())[:200],
        }
    )


def read_number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
