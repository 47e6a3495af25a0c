"""The forms of the channels: one for each kind."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from observability.models import NotificationChannel
from observability.notice_channels import NotPosted, client, save_channel

if TYPE_CHECKING:
    FormOfChannel = forms.ModelForm[NotificationChannel]
else:  # Django's class takes no parameter while the program runs
    FormOfChannel = forms.ModelForm

Kind = NotificationChannel.Kind
MOST_ADDRESSES = 100
URL_LENGTH = 2000
URL_HELP = {
    Kind.WEBHOOK: "Each notice is posted here as JSON, signed with a key that is shown once.",
    Kind.SLACK: "An incoming webhook of Slack, or of what takes the same: Mattermost, Rocket.Chat, Discord (/slack).",
}


class ChannelForm(FormOfChannel):
    """`save_with_key` returns the key of a new webhook, which is shown once."""

    url = forms.CharField(
        max_length=URL_LENGTH,
        label="Address",
        widget=forms.URLInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "https://"}),
    )

    class Meta:
        model = NotificationChannel
        fields = ("name", "addresses", "is_internal", "enabled")
        labels = {
            "name": "Name",
            "addresses": "Addresses",
            "is_internal": "It is in the house's own network",
            "enabled": "On",
        }
        help_texts = {
            "addresses": "One a line. Empty: the people whose role has to do with the event, as they are then.",
            "is_internal": "Then private addresses may be reached, too. Those of a cloud's own services never are.",
            "enabled": "Off, it sends nothing; what waits for it is given up.",
        }
        widgets = {"addresses": forms.Textarea(attrs={"rows": 4, "spellcheck": "false"})}

    def __init__(self, *args: Any, kind: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.kind = kind
        if kind == Kind.EMAIL:
            del self.fields["url"], self.fields["is_internal"]
            self.order_fields(["name", "addresses", "enabled"])
            return
        del self.fields["addresses"]
        self.fields["url"].help_text = URL_HELP[Kind(kind)]
        if self.instance.sealed_url:
            self.fields["url"].required = False
            kept = f"Leave it empty to keep the one at {self.instance.host}, which is not shown again."
            self.fields["url"].help_text += f" {kept}"
        self.order_fields(["name", "url", "is_internal", "enabled"])

    def clean_addresses(self) -> str:
        found = list(dict.fromkeys(self.cleaned_data["addresses"].replace(",", " ").split()))
        if len(found) > MOST_ADDRESSES:
            raise ValidationError(f"These are {len(found)} addresses; {MOST_ADDRESSES} are possible.")
        for one in found:
            try:
                validate_email(one)
            except ValidationError:
                raise ValidationError(f"{one!r} is no address.") from None
        return "\n".join(found)

    def clean(self) -> dict[str, Any]:
        """The address is judged together with the mark, which says how far it may lead."""
        cleaned = super().clean() or self.cleaned_data
        url = cleaned.get("url", "")
        if url:
            try:
                client().check(url, is_internal=cleaned.get("is_internal", False))
            except (ValueError, NotPosted) as error:
                self.add_error("url", str(error))
        elif self.has_lost_its_network(cleaned):
            self.add_error("url", "Enter the address again: what was internal is judged anew.")
        return cleaned

    def has_lost_its_network(self, cleaned: dict[str, Any]) -> bool:
        """The mark was taken away from an address that is kept."""
        return "url" in self.fields and bool(self.initial.get("is_internal")) and not cleaned.get("is_internal")

    def save_with_key(self) -> str:
        return save_channel(self.instance, url=self.cleaned_data.get("url", ""))


def words_of(channel: NotificationChannel) -> dict[str, Any]:
    """What the record says of a channel: nothing secret."""
    kept = {name: getattr(channel, name) for name in ("kind", "name", "host", "is_internal", "enabled")}
    return {**kept, "addresses": channel.addresses.split()}
