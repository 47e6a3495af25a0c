"""Documents behind addresses that change, fail, and come back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from memory.documents.addresses import Outcome, Page, Unreachable, add_address, read_again, read_due
from memory.documents.limits import Unreadable
from memory.documents.store import AlreadyThere, archive
from memory.models import Document, DocumentVersion

pytestmark = pytest.mark.django_db
URL = "https://example.org/returns.html"


@dataclass
class Site:
    """What answers at each address; none where there is nothing."""

    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def says(self, text: str, url: str = URL, status: int = 200) -> None:
        self.pages[url] = Page(status=status, content_type="text/html; charset=utf-8", body=text.encode())

    def __call__(self, url: str) -> Page:
        self.asked.append(url)
        if url not in self.pages:
            raise Unreachable("It did not answer.")
        return self.pages[url]


@pytest.fixture(autouse=True)
def by_words(settings: Any) -> None:
    settings.EMBEDDINGS = "lexical"


@pytest.fixture
def site() -> Site:
    site = Site()
    site.says("<h1>Returns</h1><p>30 days</p>")
    return site


@pytest.fixture
def document(site: Site) -> Document:
    return add_address(URL, site)


def not_read_for(document: Document, **time: float) -> None:
    Document.objects.filter(pk=document.pk).update(read_at=timezone.now() - timedelta(**time))


def test_it_is_read(document: Document) -> None:
    assert document.live_version is not None
    assert (document.title, document.location, document.live_version.text) == ("Returns", URL, "# Returns\n\n30 days")


def test_what_cannot_be_read_is_not_stored(site: Site) -> None:
    for url, status, text in (("https://a/", 404, "<p>gone"), ("https://b/", 200, ""), ("https://c/", 301, "<p>x")):
        site.says(text, url, status)
        with pytest.raises((Unreachable, Unreadable)):
            add_address(url, site)
    with pytest.raises(Unreachable):
        add_address("https://nowhere/", site)
    assert not Document.objects.exists()


def test_one_address_is_one_document(document: Document, site: Site) -> None:
    with pytest.raises(AlreadyThere):
        add_address(URL, site)


def test_unchanged_content_makes_no_version(document: Document, site: Site) -> None:
    site.says("<h1>Returns</h1><script>stamp(17)</script><p>30 days</p>")
    assert read_again(document, site) is Outcome.SAME
    assert DocumentVersion.objects.count() == 1


def test_changed_content_does(document: Document, site: Site) -> None:
    site.says("<h1>Returns</h1><p>60 days</p>")
    assert read_again(document, site) is Outcome.CHANGED
    assert document.live_version is not None
    assert document.live_version.text == "# Returns\n\n60 days"


def test_a_failing_address_keeps_what_it_said_and_says_so(document: Document, site: Site) -> None:
    read_before = document.read_at
    site.says("<p>Internal error", status=500)
    assert read_again(document, site) is Outcome.FAILED
    assert document.problem == "The address answers with status 500."
    site.pages.clear()
    assert read_again(document, site) is Outcome.FAILED
    stored = Document.objects.get()
    assert stored.problem == "It did not answer."
    assert stored.live_version is not None
    assert stored.live_version.text == "# Returns\n\n30 days"
    assert stored.live_version.passages.filter(is_live=True).count() == 1
    assert stored.read_at > read_before
    site.says("<h1>Returns</h1><p>30 days</p>")
    assert read_again(document, site) is Outcome.SAME
    assert Document.objects.get().problem == ""


def test_once_a_day(document: Document, site: Site) -> None:
    site.asked.clear()
    not_read_for(document, hours=23)
    assert read_due(site) == {Outcome.CHANGED: 0, Outcome.SAME: 0, Outcome.FAILED: 0}
    not_read_for(document, hours=25)
    site.says("<p>60 days")
    assert read_due(site)[Outcome.CHANGED] == 1
    assert read_due(site)[Outcome.SAME] == 0, "it was read just now"
    assert site.asked == [URL]


def test_one_that_fails_is_tried_again_tomorrow_and_does_not_stop_the_others(document: Document, site: Site) -> None:
    site.says("<p>other", "https://example.org/other")
    other = add_address("https://example.org/other", site)
    not_read_for(document, hours=26)
    not_read_for(other, hours=25)
    del site.pages[URL]
    assert read_due(site) == {Outcome.CHANGED: 0, Outcome.SAME: 1, Outcome.FAILED: 1}
    assert read_due(site) == {Outcome.CHANGED: 0, Outcome.SAME: 0, Outcome.FAILED: 0}


def test_an_archived_one_is_left_alone(document: Document, site: Site) -> None:
    archive(document)
    not_read_for(document, hours=25)
    site.asked.clear()
    read_due(site)
    assert site.asked == []
    site.says("<p>60 days")
    assert read_again(document, site) is Outcome.SAME
    assert DocumentVersion.objects.count() == 1
