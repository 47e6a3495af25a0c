"""What people fill in about a guardrail, beside its rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.files.base import File

from guardrails.bedrock import Imported, from_text
from guardrails.config import ConfigRefused
from guardrails.models import Guardrail
from guardrails.reading import read_config
from guardrails.standard import standard_config

LARGEST_FILE = 2_000_000
MOST_PROBLEMS = 20
PASTED = {"rows": 12, "spellcheck": "false", "class": "is-code", "placeholder": '{"contentPolicyConfig": {…}}'}


class ImportForm(forms.Form):
    """A guardrail as Bedrock has it, pasted or uploaded; `imported` is what was read of it."""

    text = forms.CharField(
        required=False,
        label="JSON or command",
        strip=True,
        widget=forms.Textarea(attrs=PASTED),
        help_text="What create-guardrail is sent, what get-guardrail answers, or the whole command.",
    )
    file = forms.FileField(required=False, label="Or a file")
    imported = Imported()

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        if self.wants_import(data) and not self.errors:
            self.read(data)
        return data

    def wants_import(self, data: dict[str, Any]) -> bool:
        return True

    def read(self, data: dict[str, Any]) -> None:
        name = "file" if data.get("file") else "text"
        try:
            self.imported = from_text(text_of(data["file"]) if data.get("file") else data.get("text", ""))
            read_config(self.imported.config)
        except ConfigRefused as refused:
            problems = [
                f"{problem.path}: {problem.message}" if problem.path else problem.message
                for problem in refused.problems
            ]
            more = len(problems) - MOST_PROBLEMS
            self.add_error(name, problems[:MOST_PROBLEMS] + ([f"And {more} more."] if more > 0 else []))
        except forms.ValidationError as error:
            self.add_error(name, error)


class GuardrailForm(ImportForm):
    """A new guardrail, and what its first draft says."""

    STANDARD, EMPTY, COPY, IMPORT = "standard", "empty", "copy", "import"
    name = forms.CharField(max_length=80, required=False, label="Name", help_text="An imported one may bring its own.")
    description = forms.CharField(max_length=200, required=False, label="Description")
    begin = forms.ChoiceField(
        label="Begin with",
        initial=STANDARD,
        choices=[
            (STANDARD, "The standard rules"),
            (EMPTY, "Nothing: every rule is off"),
            (COPY, "A copy of another guardrail"),
            (IMPORT, "A guardrail of Bedrock"),
        ],
        widget=forms.RadioSelect,
    )
    like = forms.ModelChoiceField(Guardrail.objects.none(), required=False, label="Copy of", empty_label="Choose one")
    field_order = ("name", "description", "begin", "like", "text", "file")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["like"].queryset = Guardrail.objects.all()  # type: ignore[attr-defined]  # a choice of models

    def wants_import(self, data: dict[str, Any]) -> bool:
        return data.get("begin") == self.IMPORT

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        data["name"] = data.get("name") or self.imported.name[:80]
        data["description"] = data.get("description") or self.imported.description[:200]
        if not data["name"]:
            self.add_error("name", "Give it a name.")
        if data.get("begin") == self.COPY and not data.get("like"):
            self.add_error("like", "Choose which one to copy.")
        return data

    def config(self) -> dict[str, Any]:
        """Of a form that is good, but for a copy's."""
        begin = self.cleaned_data["begin"]
        if begin == self.IMPORT:
            return self.imported.config
        return standard_config() if begin == self.STANDARD else {}


class PublishForm(forms.Form):
    note = forms.CharField(
        max_length=200,
        required=False,
        label="Note",
        widget=forms.TextInput(attrs={"placeholder": "What changes, and why"}),
    )
    mark = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)


def text_of(file: File[bytes]) -> str:
    """Raises ValidationError for what is no text, or too much of it."""
    if (file.size or 0) > LARGEST_FILE:
        raise forms.ValidationError("The file is larger than 2 MB.")
    try:
        return bytes(file.read()).decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise forms.ValidationError("The file is no text in UTF-8.") from None
