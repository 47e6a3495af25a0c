"""The forms by which a target is connected, changed, and given its credential."""

from __future__ import annotations

import re
import shlex
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from tools.connecting import NotConnected, check_address, command_of, document_url
from tools.credential_fields import SECRET_CHARACTERS, SECRET_LABELS, fields_of
from tools.models import Credential, Target

Kind = Target.Kind
# What an admin connects; the desk itself is there from the beginning.
KINDS = (Kind.OPENAPI, Kind.MCP, Kind.HTTP, Kind.AWS_LAMBDA, Kind.MCP_STDIO)
NAME = re.compile(r"[a-z][a-z0-9-]{0,59}")
RESERVED_NAMES = frozenset({"new"})
MAX_DOCUMENT_BYTES = 10_000_000
PLAIN = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
URL = {**PLAIN, "inputmode": "url"}
INTERNAL_HELP = (
    "Lets this target reach private and loopback addresses, on any port, and plain http:// with a credential. Whoever "
    "controls its document or its answers then has a way into your network. Only for a backend that you run yourselves."
)


class PlaceForm(forms.Form):
    """Where a target is, by its kind; what is wrong with it stands at the field at fault."""

    base_url = forms.CharField(max_length=500, label="Address", widget=forms.TextInput(attrs=URL))
    command = forms.CharField(
        max_length=2000,
        label="Program",
        help_text="One line, as in a shell, without one: the program and its arguments. It runs on this machine as the "
        "desk's own user, with an empty environment but for PATH, LANG and its credential.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    document_url = forms.CharField(
        max_length=500, required=False, label="Address of the document", widget=forms.TextInput(attrs=URL)
    )
    upload = forms.FileField(required=False, label="Or a file", help_text="JSON or YAML, at most 10 MB.")
    document = forms.CharField(
        required=False,
        strip=False,
        label="Or its text",
        widget=forms.Textarea(attrs={**PLAIN, "class": "is-code", "rows": 6}),
    )
    function = forms.CharField(
        max_length=170,
        label="Function",
        help_text="Its name or ARN. It is called as AgentCore's gateway calls it: the arguments are the event, the "
        "client context names the tool.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    region = forms.CharField(max_length=30, required=False, label="Region", widget=forms.TextInput(attrs=PLAIN))
    endpoint = forms.CharField(
        max_length=500,
        required=False,
        label="Endpoint",
        help_text="Empty: that of AWS in the region.",
        widget=forms.TextInput(attrs=URL),
    )
    is_internal = forms.BooleanField(required=False, label="Internal address", help_text=INTERNAL_HELP)

    def __init__(self, *args: Any, kind: str, target: Target | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.target = target
        for name in set(PLACE_FIELDS) - set(FIELDS_OF[kind]):
            del self.fields[name]
        if kind == Kind.OPENAPI:
            self.fields["base_url"].required = False
            self.fields["base_url"].help_text = "Where calls go. Empty: the first address that the document names."
        elif kind == Kind.MCP:
            self.fields["base_url"].help_text = "The endpoint for streamable HTTP, such as https://mcp.example.com/mcp."
        elif kind == Kind.HTTP:
            self.fields["base_url"].help_text = "What comes before each tool's path, such as https://api.example.com."

    def clean(self) -> dict[str, Any]:
        values = super().clean() or self.cleaned_data
        internal = bool(values.get("is_internal"))
        for name in ("base_url", "document_url", "endpoint"):
            if values.get(name):
                self.judge_address(name, values[name], is_internal=internal)
        if values.get("command"):
            try:
                values["command"] = command_of(values["command"])
            except NotConnected as error:
                self.add_error("command", str(error))
        if self.kind == Kind.OPENAPI:
            self.check_documents(values)
        if self.kind == Kind.AWS_LAMBDA:
            self.check_function(values)
        return values

    def judge_address(self, name: str, url: str, *, is_internal: bool) -> None:
        is_whole = name == "document_url" or (name == "base_url" and self.kind == Kind.MCP)
        try:
            self.cleaned_data[name] = check_address(url, is_internal=is_internal, is_whole=is_whole)
        except NotConnected as error:
            self.add_error(name, str(error))

    def check_documents(self, values: dict[str, Any]) -> None:
        given = [name for name in ("document_url", "upload", "document") if values.get(name)]
        kept = self.target is not None and not given
        if len(given) > 1:
            self.add_error(given[1], "Give one of the three: the address, a file or the text.")
        elif not given and not kept and not self.errors.get("document_url"):
            self.add_error("document_url", "Say where the document is: its address, a file or its text.")

    def clean_upload(self) -> str:
        """Its text."""
        upload = self.cleaned_data.get("upload")
        if not isinstance(upload, UploadedFile):
            return ""
        if (upload.size or 0) > MAX_DOCUMENT_BYTES:
            raise ValidationError("The file is larger than 10 MB.")
        try:
            return str(upload.read().decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise ValidationError("The file is not UTF-8.") from error

    def check_function(self, values: dict[str, Any]) -> None:
        if values.get("function") and not re.fullmatch(r"[A-Za-z0-9_:./$-]+", values["function"]):
            self.add_error("function", "A name or an ARN has letters, digits and - _ : / $ only.")
        if values.get("region") and not re.fullmatch(r"[a-z0-9-]+", values["region"]):
            self.add_error("region", "Small letters, digits and - only.")
        if not values.get("region") and not values.get("endpoint") and "endpoint" not in self.errors:
            self.add_error("region", "Give the region, or an endpoint.")

    def columns(self) -> dict[str, Any]:
        """From cleaned values: the columns of the target that say where it is."""
        values = self.cleaned_data
        found: dict[str, Any] = {"is_internal": values.get("is_internal", False)}
        if self.kind in Target.WITH_URL:
            found["base_url"] = values.get("base_url", "")
        if self.kind == Kind.MCP_STDIO:
            found |= {"command": values["command"], "is_internal": False}
        if self.kind == Kind.AWS_LAMBDA:
            found["settings"] = {name: values[name] for name in ("function", "region", "endpoint") if values.get(name)}
        if self.kind == Kind.OPENAPI:
            text = values.get("document") or values.get("upload")
            if values.get("document_url"):
                found["settings"] = {"document_url": values["document_url"]}
            elif text:
                found["settings"] = {"document": text}
        return found


FIELDS_OF: dict[str, tuple[str, ...]] = {
    Kind.HTTP: ("base_url", "is_internal"),
    Kind.OPENAPI: ("document_url", "upload", "document", "base_url", "is_internal"),
    Kind.MCP: ("base_url", "is_internal"),
    Kind.MCP_STDIO: ("command",),
    Kind.AWS_LAMBDA: ("function", "region", "endpoint", "is_internal"),
}
PLACE_FIELDS = tuple(dict.fromkeys(name for names in FIELDS_OF.values() for name in names))


class NewTargetForm(PlaceForm):
    name = forms.CharField(
        max_length=60,
        help_text="Small letters, digits and hyphens, such as order-desk. It is part of its tools' names to policies, "
        "so it stays.",
        widget=forms.TextInput(attrs=PLAIN),
    )
    field_order = ("name",)

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).strip()
        if not NAME.fullmatch(name):
            raise ValidationError("Small letters, digits and hyphens, beginning with a letter.")
        if name in RESERVED_NAMES or Target.objects.filter(name=name).exists():
            raise ValidationError(f"There is a target named {name!r} already.")
        return name

    def target_of(self) -> Target:
        """Not stored."""
        return Target(name=self.cleaned_data["name"], kind=self.kind, **self.columns())


def initial_of(target: Target) -> dict[str, Any]:
    """What the form of a target that is there begins with."""
    settings = target.settings
    return {
        "base_url": target.base_url,
        "command": shlex.join(map(str, target.command)),
        "document_url": document_url(target),
        "is_internal": target.is_internal,
        **{name: settings.get(name, "") for name in ("function", "region", "endpoint")},
    }


# -- the credential


class CredentialForm(forms.Form):
    """The parts of one kind of credential; the secret is written anew each time."""

    def __init__(self, *args: Any, kind: str, target: Target, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = []
        for part in fields_of(kind, target):
            self.names.append(part.name)
            choices = [(choice, choice) for choice in part.choices]
            self.fields[part.name] = (
                forms.ChoiceField(label=part.label, choices=choices, required=part.required)
                if choices
                else forms.CharField(
                    label=part.label, required=part.required, max_length=500, widget=forms.TextInput(attrs=PLAIN)
                )
            )
        self.fields["secret"] = forms.CharField(
            label=SECRET_LABELS[kind],
            max_length=SECRET_CHARACTERS,
            strip=False,
            help_text="Stored encrypted, and never shown again.",
            # Never put back into a page, not even into the form that it came with.
            widget=forms.PasswordInput(attrs={**PLAIN, "autocomplete": "new-password"}, render_value=False),
        )

    def public(self) -> dict[str, str]:
        return {name: self.cleaned_data.get(name, "") for name in self.names}


# What a document's security schemes come to.
KIND_OF_SCHEME: dict[str, str] = {
    "bearer": Credential.Kind.BEARER,
    "basic": Credential.Kind.BASIC,
    "api_key_header": Credential.Kind.HEADER,
    "api_key_query": Credential.Kind.QUERY,
    "oauth2_client_credentials": Credential.Kind.OAUTH,
}


def proposed_credential(target: Target) -> tuple[str, dict[str, str]]:
    """The kind that the target's document asks for, with what it says of it; the kind is empty where it asks for none
    that there is here."""
    for scheme in target.settings.get("asks", ()):
        kind = KIND_OF_SCHEME.get(str(scheme.get("kind")))
        if kind:
            values = {"name": str(scheme.get("parameter", "")), "token_url": str(scheme.get("token_url", ""))}
            return kind, {name: value for name, value in values.items() if value}
    return "", {}
