"""The forms in which a document comes in: a file, pasted text, or an address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from agents.document_sources import addresses_are_read, fetch_page
from memory.documents.addresses import Unreachable, read_page
from memory.documents.limits import MOST_BYTES, MOST_CHARACTERS, Unreadable, check_size
from memory.documents.reading import ReadDocument, read_document
from memory.models import Document
from tools.net.addresses import AddressRefused, Reach
from tools.net.urls import check_url

TITLE = forms.TextInput(attrs={"autocomplete": "off"})
BY_FILE, BY_TEXT, BY_URL = "file", "text", "url"
WAYS = {BY_FILE: "File", BY_TEXT: "Text", BY_URL: "Address"}
SOURCES = {BY_FILE: Document.Source.UPLOAD, BY_TEXT: Document.Source.TEXT, BY_URL: Document.Source.URL}
ACCEPT = ".md,.markdown,.txt,.html,.htm,.pdf,text/markdown,text/plain,text/html,application/pdf"


class DocumentForm(forms.Form):
    """What every way has in common: after `is_valid`, `read` is the document, `location` where it came from."""

    read: ReadDocument
    location = ""

    title = forms.CharField(
        max_length=200,
        required=False,
        widget=TITLE,
        help_text="Staff and the agent see it. Left empty, the document's own title is taken.",
    )

    def __init__(self, *args: Any, is_new: bool = True, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_new:
            del self.fields["title"]


class FileForm(DocumentForm):
    file = forms.FileField(
        widget=forms.ClearableFileInput(attrs={"accept": ACCEPT}),
        allow_empty_file=True,
        help_text=f"Markdown, HTML, PDF or plain text, at most {MOST_BYTES // 1_000_000} MB.",
    )
    field_order = ("file", "title")

    def clean_file(self) -> UploadedFile[bytes]:
        file: UploadedFile[bytes] = self.cleaned_data["file"]
        try:
            check_size(file.size or 0)
            self.read = read_document(file.read(), name=file.name or "")
        except Unreadable as error:
            raise ValidationError(str(error)) from error
        self.location = (file.name or "")[:1000]
        return file


class TextForm(DocumentForm):
    text = forms.CharField(
        max_length=MOST_CHARACTERS,
        widget=forms.Textarea(attrs={"rows": 18, "spellcheck": "true"}),
        help_text="Markdown or plain text. A passage is found by what it says and by the headings above it.",
    )
    field_order = ("title", "text")

    def clean_text(self) -> str:
        text = str(self.cleaned_data["text"])
        try:
            self.read = read_document(text.encode(errors="replace"))
        except Unreadable as error:
            raise ValidationError(str(error)) from error
        return text


class AddressForm(DocumentForm):
    url = forms.CharField(
        max_length=1000,
        label="Address",
        widget=forms.URLInput(attrs={"autocomplete": "off", "placeholder": "https://"}),
        help_text=f"A public page or PDF. It is read now, {addresses_are_read()}, and whenever you ask for it.",
    )
    field_order = ("url", "title")

    def clean_url(self) -> str:
        try:
            url = check_url(str(self.cleaned_data["url"]), Reach.PUBLIC).url
            if Document.objects.filter(source=Document.Source.URL, location=url).exists():
                raise ValidationError("There is a document of this address already.")
            self.read = read_page(url, fetch_page)
        except (AddressRefused, Unreachable, Unreadable) as error:
            raise ValidationError(str(error)) from error
        self.location = url
        return url


FORMS: dict[str, type[FileForm | TextForm | AddressForm]] = {BY_FILE: FileForm, BY_TEXT: TextForm, BY_URL: AddressForm}


class QuestionForm(forms.Form):
    q = forms.CharField(
        max_length=2000,
        label="A customer's question",
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "class": "wide"}),
    )
