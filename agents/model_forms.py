"""The forms of the models' pages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.utils import timezone

from agents.models import LanguageModel
from agents.models.language_models import KEY_VARIABLE, OWN_KEYS
from observability.models import Price

if TYPE_CHECKING:
    FormOfModel = forms.ModelForm[LanguageModel]
else:  # Django's class takes no parameter while the program runs
    FormOfModel = forms.ModelForm

KEY = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9._:/-]*\Z", "Letters, digits and . _ : / - only, beginning with a letter or digit."
)
NO_CACHE = "Empty: as input."
NO_ADDRESS = "An address begins with http:// or https:// and names a host."


class ModelForm(FormOfModel):
    """All columns of a model. The key is asked for once: agents, prices and records go by it."""

    key = forms.CharField(max_length=120, validators=[KEY], help_text="Agents and prices name it so; it stays.")
    # Django's field for addresses refuses a host of one word, which is what a container's neighbour is called.
    base_url = forms.CharField(
        max_length=200,
        required=False,
        label="Address",
        help_text="With /v1, such as http://vllm:8000/v1.",
        widget=forms.TextInput(attrs={"inputmode": "url", "autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = LanguageModel
        fields = (
            "label",
            "key",
            "provider",
            "provider_model",
            "key_variable",
            "context_tokens",
            "max_output_tokens",
            "calls_tools",
            "streams_tools",
            "caches_prompts",
            "retires_on",
            "enabled",
        )
        labels = {
            "label": "Name",
            "provider_model": "The provider's name of it",
            "key_variable": "Variable of its key",
            "context_tokens": "Context",
            "max_output_tokens": "Longest answer",
            "calls_tools": "Calls tools",
            "streams_tools": "Streams while tools are offered",
            "caches_prompts": "Caches prompts",
            "retires_on": "Retires on",
            "enabled": "Takes calls",
        }
        help_texts = {
            "label": "As people call it.",
            "provider_model": "What is sent in the request.",
            "key_variable": "The environment variable with the server's key, ending in _API_KEY. Empty: no key.",
            "context_tokens": "Tokens of a prompt and its answer together.",
            "max_output_tokens": "Tokens that one call can write.",
            "calls_tools": "Without it, an agent with tools cannot use this model.",
            "streams_tools": "Llama and Mistral on Bedrock cannot: their replies then come whole.",
            "caches_prompts": "The beginning of a prompt is billed as a cache read the next time.",
            "retires_on": "From this day on calls are refused. A former name of another model can take over.",
            "enabled": "Off: calls are refused, and agents fall back or hand over.",
        }
        widgets = {
            "provider_model": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "key_variable": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            "retires_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["base_url"].initial = self.instance.base_url
        self.fields["max_output_tokens"].validators.append(MinValueValidator(64))
        if kwargs.get("instance") is None:
            # What is added by hand is most often a server of one's own.
            self.fields["provider"].initial = LanguageModel.Provider.OPENAI
        else:
            self.fields["key"].disabled = True
            self.fields["key"].help_text = "It stays: agents, prices and records go by it."

    def clean_key(self) -> str:
        key = str(self.cleaned_data["key"])
        if LanguageModel.objects.filter(key=key).exclude(pk=self.instance.pk).exists():
            raise ValidationError(f"Another model has the key {key!r}.")
        return key

    def clean_base_url(self) -> str:
        url = str(self.cleaned_data["base_url"]).strip()
        if not url:
            return ""
        try:
            parts = urlsplit(url)
            is_address = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise ValidationError(NO_ADDRESS) from None
        if not is_address or re.search(r"\s", url):
            raise ValidationError(NO_ADDRESS)
        if parts.username or parts.password or parts.query or parts.fragment:
            raise ValidationError("Only the address itself: no name, password, query or fragment.")
        return url.rstrip("/")

    def clean_key_variable(self) -> str:
        name = str(self.cleaned_data["key_variable"]).strip()
        if name and (not re.fullmatch(KEY_VARIABLE, name) or name in OWN_KEYS):
            raise ValidationError("A name in capitals that ends in _API_KEY, and not the key of the Anthropic API.")
        return name

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        if data.get("provider") != LanguageModel.Provider.OPENAI:
            data["base_url"] = data["key_variable"] = ""
        elif "base_url" in data and not data["base_url"]:
            self.add_error("base_url", "Say where the server is.")
        if (data.get("max_output_tokens") or 0) > (data.get("context_tokens") or float("inf")):
            self.add_error("max_output_tokens", "It cannot be longer than the context.")
        self.instance.base_url = data.get("base_url", self.instance.base_url)
        return data


class AliasForm(forms.Form):
    alias = forms.CharField(
        max_length=200,
        label="Former name",
        validators=[KEY],
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    reason = forms.CharField(
        max_length=200,
        initial="was retired",
        label="Why",
        help_text="The rest of a sentence that begins with the name.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )


class PriceForm(forms.Form):
    """A dated price of one model, US dollars per million tokens."""

    valid_from = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    above_input_tokens = forms.IntegerField(
        min_value=0,
        max_value=2_000_000_000,
        initial=0,
        label="Prompts above",
        help_text="Tokens. 0: every prompt.",
    )
    input_usd = forms.DecimalField(min_value=0, max_digits=16, decimal_places=8, label="Input")
    output_usd = forms.DecimalField(min_value=0, max_digits=16, decimal_places=8, label="Output")
    cache_read_usd = forms.DecimalField(
        min_value=0, max_digits=16, decimal_places=8, required=False, label="Cache read", help_text=NO_CACHE
    )
    cache_write_usd = forms.DecimalField(
        min_value=0, max_digits=16, decimal_places=8, required=False, label="Cache write", help_text=NO_CACHE
    )
    cache_write_1h_usd = forms.DecimalField(
        min_value=0,
        max_digits=16,
        decimal_places=8,
        required=False,
        label="Cache write, 1 h",
        help_text="Where it has a price of its own.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["valid_from"].initial = timezone.now().date

    def price_of(self, model: LanguageModel) -> Price:
        values = dict(self.cleaned_data)
        for name in ("cache_read_usd", "cache_write_usd"):
            if values[name] is None:
                values[name] = values["input_usd"]
        if values["cache_write_1h_usd"] is None:
            values["cache_write_1h_usd"] = values["cache_write_usd"]
        return Price(model=model.key, **values)
