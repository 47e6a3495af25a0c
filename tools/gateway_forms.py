"""The forms of the gateways' pages."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from tools.binding import Customer
from tools.catalog import catalog
from tools.gateways import can_be_offered, find_customer
from tools.models import Gateway, GatewayKey, Tool

if TYPE_CHECKING:
    FormOfGateway = forms.ModelForm[Gateway]
else:  # Django's class takes no parameter while the program runs
    FormOfGateway = forms.ModelForm

NO_END = "0"
LIFETIMES = [("30", "30 days"), ("90", "90 days"), ("365", "a year"), (NO_END, "no end")]
RESERVED = {"new"}  # an address of the pages


def tools_to_offer() -> list[Tool]:
    return [tool for tool in catalog.every() if can_be_offered(tool)]


class NewGatewayForm(FormOfGateway):
    class Meta:
        model = Gateway
        fields = ("label", "slug")
        labels = {"label": "Name", "slug": "In its address"}
        help_texts = {
            "slug": "Small letters, digits and hyphens. It cannot be changed later: clients keep the address."
        }
        widgets = {"slug": forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"})}

    def clean_slug(self) -> str:
        slug = str(self.cleaned_data["slug"]).lower()
        if slug in RESERVED:
            raise ValidationError("This word has another meaning here.")
        if Gateway.objects.filter(slug=slug).exists():
            raise ValidationError("There is a gateway at this address already.")
        return slug


class GatewayForm(FormOfGateway):
    tools = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    class Meta:
        model = Gateway
        fields = ("label", "instructions", "tools")
        labels = {"label": "Name", "instructions": "Instructions for the agent"}
        help_texts = {"instructions": "Clients give them to their model, with the tools."}
        widgets = {"instructions": forms.Textarea(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["tools"].choices = [(tool.key, tool.key) for tool in tools_to_offer()]  # type: ignore[attr-defined]

    def is_ticked(self, tool: Tool) -> bool:
        chosen = self["tools"].value() or []
        return tool.key in chosen or (not self.is_bound and catalog.name_of(tool) in chosen)


class KeyForm(forms.Form):
    name = forms.SlugField(
        max_length=60,
        label="Name",
        help_text="Who uses it, such as finance-desk. Policies know the key as key:finance-desk.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    scopes = forms.MultipleChoiceField(
        choices=GatewayKey.Scope.choices,
        label="It may",
        widget=forms.CheckboxSelectMultiple,
        help_text="Write covers everything that is no read: also money, and what cannot be undone.",
    )
    customer = forms.EmailField(
        required=False,
        label="Customer",
        help_text="The one customer whose data it reaches. Without one, tools that need a customer refuse it.",
    )
    days = forms.ChoiceField(choices=LIFETIMES, initial="90", label="Good for")

    def __init__(self, *args: Any, gateway: Gateway, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._gateway = gateway

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).lower()
        if self._gateway.keys.filter(name=name).exists():
            raise ValidationError("There is a key of this name already, perhaps a revoked one. Take another.")
        return name

    def clean_customer(self) -> Customer | None:
        email = str(self.cleaned_data["customer"]).lower()
        if not email:
            return None
        found = find_customer(email)
        if found is None:
            raise ValidationError("No customer with this address is known.")
        return found

    def expires_at(self) -> datetime | None:
        days = int(self.cleaned_data["days"])
        return timezone.now() + timedelta(days=days) if days else None
