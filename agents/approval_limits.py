"""The forms of two kinds of limit: what one person may approve, and how much money moves in a period over all
conversations."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import QuerySet

from agents.approval_words import currency_of, money_words
from agents.sessions import label_of
from observability.access import Role
from observability.audit import record_changes
from tools.catalog import catalog
from tools.models import ApproverLimit, MoneyLimit

if TYPE_CHECKING:
    FormOfLimit = forms.ModelForm[MoneyLimit]
    UserField = forms.ModelChoiceField[User]
else:  # Django's classes take no parameter while the program runs
    FormOfLimit = forms.ModelForm
    UserField = forms.ModelChoiceField

MONEY = forms.NumberInput(attrs={"min": "0", "step": "any", "inputmode": "decimal", "autocomplete": "off"})
COUNT = forms.NumberInput(attrs={"min": "0", "step": "1", "inputmode": "numeric", "autocomplete": "off"})
# A year: what is older is no limit that anybody remembers.
MOST_HOURS = 8760


def approvers() -> QuerySet[User]:
    """Who may approve anything."""
    roles = [Role.SUPPORT, Role.REVIEWER, Role.ADMIN]
    return User.objects.filter(groups__name__in=roles, is_active=True).distinct().order_by("first_name", "email")


class PersonField(UserField):
    def label_from_instance(self, user: User) -> str:
        return label_of(user)


class ApproverForm(forms.Form):
    """Sets one person's limit, or takes it away where no amount is given."""

    user = PersonField(queryset=User.objects.none(), label="Person", empty_label="Choose a person")
    max_amount = forms.DecimalField(
        label="At most",
        required=False,
        min_value=0,
        max_digits=16,
        decimal_places=8,
        widget=MONEY,
        help_text="In one call, in the currency of the backend. Empty: whatever the role allows.",
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["user"].queryset = approvers()  # type: ignore[attr-defined]  # a field of ours

    @transaction.atomic
    def save_by(self, admin: User) -> tuple[User, Decimal | None]:
        user, amount = self.cleaned_data["user"], self.cleaned_data["max_amount"]
        standing = ApproverLimit.objects.filter(pk=user.pk).first()
        before = {"max_amount": standing.max_amount} if standing else {}
        if amount is None:
            ApproverLimit.objects.filter(pk=user.pk).delete()
        else:
            ApproverLimit.objects.update_or_create(user=user, defaults={"max_amount": amount})
        after = {} if amount is None else {"max_amount": amount}
        name = user.get_username()
        record_changes(
            admin, "approver_limit.set", kind="approver limit", id=user.pk, name=name, before=before, after=after
        )
        return user, amount


class MoneyLimitForm(FormOfLimit):
    class Meta:
        model = MoneyLimit
        fields = ("tool_key", "scope", "hours", "max_count", "max_amount")
        labels = {
            "tool_key": "Tool",
            "scope": "For",
            "hours": "Hours",
            "max_count": "At most so often",
            "max_amount": "At most so much",
        }
        help_texts = {
            "hours": "Counted back from now: 24 is a day, 720 are thirty days.",
            "max_count": "Calls. 0 lets nothing through.",
            "max_amount": "In all, in the currency of the backend.",
        }
        widgets = {"hours": COUNT, "max_count": COUNT, "max_amount": MONEY}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keys = {tool.key for tool in catalog.every() if tool.amount is not None} | {self.instance.tool_key} - {""}
        choices = [("", "Every tool that moves money"), *((key, key) for key in sorted(keys))]
        self.fields["tool_key"] = forms.ChoiceField(choices=choices, required=False, label="Tool")
        scope = self.fields["scope"]
        scope.choices = [choice for choice in scope.choices if choice[0]]  # type: ignore[attr-defined]

    def clean_hours(self) -> int:
        hours: int = self.cleaned_data["hours"]
        if not 1 <= hours <= MOST_HOURS:
            raise ValidationError(f"From 1 to {MOST_HOURS:,} hours.")
        return hours

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        if "max_count" in values and "max_amount" in values and values["max_count"] is values["max_amount"] is None:
            raise ValidationError("Say how often, how much, or both.")
        same = MoneyLimit.objects.filter(**{name: values.get(name) for name in ("tool_key", "scope", "hours")})
        if same.exclude(pk=self.instance.pk).exists():
            raise ValidationError("There is such a limit already. Change that one instead.")
        return values

    def clean_max_amount(self) -> Decimal | None:
        amount: Decimal | None = self.cleaned_data["max_amount"]
        if amount is not None and amount < 0:
            raise ValidationError("Ensure this value is greater than or equal to 0.")
        return amount


# -- changed


FACTS = ("tool_key", "scope", "hours", "max_count", "max_amount", "enabled")


@transaction.atomic
def save_money_limit(limit: MoneyLimit, admin: User) -> MoneyLimit:
    """A new one, or one that was changed or switched."""
    before = MoneyLimit.objects.filter(pk=limit.pk).values(*FACTS).first()
    limit.save()
    after = MoneyLimit.objects.values(*FACTS).get(pk=limit.pk)
    action = "money_limit.change" if before else "money_limit.add"
    name = limit_words(limit)
    record_changes(admin, action, kind="money limit", id=limit.pk, name=name, before=before or {}, after=after)
    return limit


# -- in words


def limit_words(limit: MoneyLimit) -> str:
    """ "5 times and 1,000.00 EUR in 24 hours for each customer"."""
    amount: Decimal | None = limit.max_amount
    currency = currency_of(catalog.find(limit.tool_key)) if limit.tool_key else ""
    most = [
        *([f"{limit.max_count} time{'' if limit.max_count == 1 else 's'}"] if limit.max_count is not None else []),
        *([money_words(amount, currency)] if amount is not None else []),
    ]
    period = "1 hour" if limit.hours == 1 else f"{limit.hours:,} hours"
    if limit.hours > 24 and limit.hours % 24 == 0:
        period = f"{limit.hours // 24} days"
    return f"{' and '.join(most)} in {period} for {limit.get_scope_display()}"


def tool_words(limit: MoneyLimit) -> str:
    return limit.tool_key.rpartition("___")[2] if limit.tool_key else "Every tool that moves money"
