"""The pages of the guardrails: who reads them, who changes them, and every state that they can be in."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from guardrails.draft_rows import Rows
from guardrails.models import Guardrail, Violation
from guardrails.reading import read_config
from guardrails.standard import standard_config
from guardrails.versions import (
    changes,
    config_of,
    draft_of,
    editable,
    make_guardrail,
    mark_of,
    newest_version,
    publish,
    review_mark,
    save_draft,
)
from tests.factories import client_of
from tests.guardrails.editor.test_draft_form import form_of

pytestmark = pytest.mark.django_db
URL = "/guardrails/"
READ = ("", "standard/", "standard/versions/", "standard/versions/1/", "standard/compare/?a=1&b=1")
WRITE = (
    "new/",
    "standard/default/",
    "standard/delete/",
    "standard/draft/",
    "standard/draft/import/",
    "standard/draft/publish/",
    "standard/draft/discard/",
    "standard/versions/1/roll-back/",
)
HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def standard() -> Guardrail:
    return Guardrail.objects.get(slug="standard")


def said(text: str) -> dict[str, Any]:
    return standard_config() | {"blockedInputMessaging": text}


def text_of(user: User, path: str, status: int = 200, **query: Any) -> str:
    answer = client_of(user).get(f"{URL}{path}", query)
    assert answer.status_code == status, answer.content[:400]
    return answer.content.decode()


def words_of(html: str) -> str:
    """What a reader sees of a page, with a plain hyphen for the sign of what is gone."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", html)).replace("\u2212", "-").split())


def form(guardrail: Guardrail, **changed: str) -> dict[str, str]:
    version = editable(guardrail)
    return form_of(Rows(version.config)) | {"seen": mark_of(version), "do": "save"} | changed


def post(user: User, path: str, data: dict[str, Any] | None = None, **headers: str) -> Any:
    return client_of(user).post(f"{URL}{path}", data or {}, headers=headers)


class TestAccess:
    @pytest.mark.parametrize("path", READ)
    def test_staff_reads(self, path: str, support: User, reviewer: User, analyst: User, stranger: User) -> None:
        for user in (support, reviewer, analyst):
            assert "<h1" in text_of(user, path)
        assert client_of(stranger).get(f"{URL}{path}").status_code == 403
        assert Client().get(f"{URL}{path}").status_code == 302

    @pytest.mark.parametrize("path", WRITE)
    def test_only_admins_change(self, path: str, reviewer: User, standard: Guardrail) -> None:
        save_draft(standard, config=said("A draft"))
        assert post(reviewer, path, form(standard)).status_code == 403
        assert client_of(reviewer).get(f"{URL}{path}").status_code in {403, 405}
        assert newest_version(standard).number == 1
        assert config_of(draft_of(standard)).blocked_input == "A draft"

    def test_a_reader_is_offered_no_changes(self, analyst: User, standard: Guardrail) -> None:
        save_draft(standard, config=said("A draft"))
        for path in READ:
            html = text_of(analyst, path)
            assert "/draft/" not in html
            assert "roll-back" not in html
            assert "delete" not in html

    @pytest.mark.parametrize("path", ["none/", "none/draft/", "standard/versions/7/", "standard/versions/99999999999/"])
    def test_what_is_not_there(self, path: str, admin: User) -> None:
        text_of(admin, path, status=404)

    @pytest.mark.parametrize("query", ["a=9", "a=x", "b=draft", "a=99999999999999"])
    def test_versions_that_are_not_there_are_not_compared(self, query: str, analyst: User) -> None:
        assert client_of(analyst).get(f"{URL}standard/compare/?{query}").status_code == 404

    def test_trying_is_posted(self, analyst: User) -> None:
        text_of(analyst, "standard/try/", status=405)


class TestList:
    def test_it_shows_what_holds_and_what_was_seen(self, analyst: User, standard: Guardrail) -> None:
        for action, triage in (("blocked", "open"), ("detected", "false_positive"), ("masked", "confirmed")):
            Violation.objects.create(
                guardrail_id=standard.pk,
                guardrail_name="Standard",
                stage="input",
                policy="pii",
                rule="pii:EMAIL",
                confidence=3,
                action=action,
                triage=triage,
                triaged_at=None if triage == "open" else standard.created_at,
            )
        make_guardrail(name="Next", config={})
        html = text_of(analyst, "")
        rows = [words_of(row) for row in re.findall(r"<tr data-row>.*?</tr>", html, re.DOTALL)]
        assert re.search(r"Standard Default .* Version 1 .* 3 2 1$", rows[0]), rows[0]
        assert re.search(r"Next .* Never published no agent 0 0 0$", rows[1]), rows[1]

    def test_a_guardrail_is_read_out(self, analyst: User) -> None:
        words = words_of(text_of(analyst, "standard/"))
        assert (
            "Violence Messages: blocked from high confidence up. Replies: blocked from medium confidence up." in words
        )
        assert "Card number Masked in messages and replies." in words
        assert "Replies below 0.30 are noted." in words

    def test_what_needs_the_judge_is_said(self, analyst: User) -> None:
        config = standard_config()
        config["contentPolicyConfig"]["filtersConfig"][0]["inputStrength"] = "HIGH"
        made = make_guardrail(name="Strict", config=config)
        assert "HIGH for Hate needs the judge" in words_of(text_of(analyst, f"{made.slug}/"))


class TestNew:
    def test_one_like_the_standard(self, admin: User) -> None:
        answer = post(admin, "new/", {"name": "Shop", "description": "Ours", "begin": "standard"})
        assert answer.headers["Location"] == f"{URL}shop/draft/"
        made = Guardrail.objects.get(slug="shop")
        assert config_of(draft_of(made)) == read_config(standard_config())
        assert newest_version(made) is None

    def test_an_empty_one_and_a_copy(self, admin: User) -> None:
        post(admin, "new/", {"name": "Empty", "begin": "empty"})
        made = Guardrail.objects.get(slug="empty")
        assert config_of(draft_of(made)) == read_config({})
        post(admin, "new/", {"name": "Copy", "begin": "copy", "like": str(made.pk)})
        assert config_of(draft_of(Guardrail.objects.get(slug="copy"))) == read_config({})

    def test_one_of_bedrock_has_its_name_and_says_what_was_left_out(self, admin: User) -> None:
        document = {
            "name": "customer-support",
            "tags": [],
            "contentPolicy": {"filters": [{"type": "HATE", "inputStrength": "HIGH", "outputStrength": "HIGH"}]},
        }
        client = client_of(admin)
        answer = client.post(f"{URL}new/", {"begin": "import", "text": json.dumps(document)}, follow=True)
        assert [str(message) for message in answer.context["messages"]][1].endswith("tags.")
        made = Guardrail.objects.get(slug="customer-support")
        assert [rule.type for rule in config_of(draft_of(made)).filters] == ["HATE"]

    def test_a_file(self, admin: User) -> None:
        file = SimpleUploadedFile("g.json", json.dumps({"name": "from-file"}).encode())
        post(admin, "new/", {"begin": "import", "file": file})
        assert Guardrail.objects.filter(slug="from-file").exists()

    @pytest.mark.parametrize(
        ("data", "words"),
        [
            ({"begin": "standard"}, "Give it a name."),
            ({"name": "A", "begin": "copy"}, "Choose which one to copy."),
            ({"name": "A", "begin": "import"}, "Nothing was given."),
            ({"name": "A", "begin": "import", "text": "{"}, "This is neither JSON nor the command"),
            ({"name": "A", "begin": "import", "text": '{"x": 1}'}, "x: There is no such setting."),
            ({"name": "A" * 81, "begin": "standard"}, "at most 80 characters"),
            ({"name": "A", "begin": "import", "file": SimpleUploadedFile("g", b"\xff\xfe")}, "no text in UTF-8"),
        ],
        ids=["no name", "no copy", "nothing", "no JSON", "no setting", "a long name", "no text"],
    )
    def test_what_is_wrong_is_said_beside_it(self, data: dict[str, Any], words: str, admin: User) -> None:
        answer = post(admin, "new/", data)
        assert answer.status_code == 422
        assert words in words_of(answer.content.decode())
        assert Guardrail.objects.count() == 1

    def test_an_import_takes_the_place_of_the_draft(self, admin: User, standard: Guardrail) -> None:
        seen = mark_of(editable(standard))
        data = {"text": json.dumps({"blockedInputMessaging": "Imported"}), "seen": seen}
        assert post(admin, "standard/draft/import/", data).status_code == 302
        assert config_of(draft_of(standard)).blocked_input == "Imported"
        assert post(admin, "standard/draft/import/", data).status_code == 409


class TestEditor:
    def test_what_is_shown_and_posted_again_changes_nothing(self, admin: User, standard: Guardrail) -> None:
        fields = dict(fields_of(text_of(admin, "standard/draft/")))
        assert post(admin, "standard/draft/", fields | {"do": "save"}).status_code == 302
        assert changes(read_config(standard_config()), config_of(draft_of(standard))) == []

    def test_a_change_is_saved_and_reviewed(self, admin: User, standard: Guardrail) -> None:
        sent = form(standard, **{"content.HATE.output": "NONE", "do": "review"})
        answer = post(admin, "standard/draft/", sent)
        assert answer.headers["Location"] == f"{URL}standard/draft/publish/"
        words = words_of(text_of(admin, "standard/draft/publish/"))
        assert "- Blocked in messages and replies, from medium confidence up." in words
        assert "+ Messages: blocked from medium confidence up. Replies: noted from medium confidence up." in words

    def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(self, admin: User, standard: Guardrail) -> None:
        sent = form(standard, **{"topics-0-name": "Tax", "topics-0-definition": "x" * 201, "topics-0-input": "BLOCK"})
        answer = post(admin, "standard/draft/", sent | {"topics-0-output": "OFF", "topics-0-examples": HOSTILE})
        html = answer.content.decode()
        assert answer.status_code == 422
        assert draft_of(standard) is None
        assert 'href="#f-topics-0-definition"' in html
        assert 'id="f-topics-0-definition-error"' in html
        assert "x" * 201 in html
        assert HOSTILE not in html
        assert unescape(HOSTILE) in unescape(html)
        fields = dict(fields_of(html))
        assert fields["topics-0-output"] == "OFF"
        assert fields["topics-0-examples"] == HOSTILE

    def test_rows_are_added_and_taken_away_without_saving(self, admin: User, standard: Guardrail) -> None:
        added = post(admin, "standard/draft/", form(standard, do="add-topics", **{"messages.input": "Kept"}))
        fields = dict(fields_of(added.content.decode()))
        assert fields["topics-0-input"] == "BLOCK"
        assert fields["messages.input"] == "Kept"
        fields |= {"topics-0-name": "Tax", "topics-0-definition": "Advice", "do": "add-regexes"}
        fields = dict(fields_of(post(admin, "standard/draft/", fields).content.decode()))
        assert (fields["topics-0-name"], fields["regexes-0-input"]) == ("Tax", "ANONYMIZE")
        gone = post(admin, "standard/draft/", fields | {"do": "remove-topics-0"})
        assert "topics-0-name" not in dict(fields_of(gone.content.decode()))
        for name in ("words", "claims"):
            assert f"{name}-0-" in post(admin, "standard/draft/", fields | {"do": f"add-{name}"}).content.decode()
        assert draft_of(standard) is None

    def test_a_stale_edit_is_refused_and_told(self, admin: User, standard: Guardrail) -> None:
        mine = form(standard, **{"messages.input": "Mine"})
        save_draft(standard, config=said("Theirs"))
        answer = post(admin, "standard/draft/", mine)
        words = words_of(answer.content.decode())
        assert answer.status_code == 409
        assert "- Theirs + Mine" in words
        assert config_of(draft_of(standard)).blocked_input == "Theirs"
        again = dict(fields_of(answer.content.decode())) | {"do": "save"}
        assert post(admin, "standard/draft/", again).status_code == 302
        assert config_of(draft_of(standard)).blocked_input == "Mine"


class TestTry:
    def test_what_stands_in_the_editor_is_tried_and_not_saved(self, admin: User, standard: Guardrail) -> None:
        sent = form(standard, **{"words-0-texts": "marzipan", "words-0-input": "BLOCK", "words-0-output": "OFF"})
        sent |= {"try_text": f"No marzipan {HOSTILE}", "try_whose": "message"}
        answer = post(admin, "standard/try/", sent, **{"HX-Request": "true"})
        html = answer.content.decode()
        assert "<html" not in html
        assert HOSTILE not in html
        assert draft_of(standard) is None
        whole = post(admin, "standard/try/", sent).content.decode()
        assert "<html" in whole
        assert dict(fields_of(whole))["words-0-texts"] == "marzipan"

    def test_a_form_with_mistakes_cannot_be_tried_and_says_why(self, admin: User, standard: Guardrail) -> None:
        sent = form(standard, **{"messages.input": "", "try_text": "Hello"})
        words = words_of(post(admin, "standard/try/", sent, **{"HX-Request": "true"}).content.decode())
        assert "blockedInputMessaging: This may not be empty." in words

    @pytest.mark.parametrize(("text", "words"), [("", "Write a text"), ("x" * 20_001, "longer than 20,000")])
    def test_what_cannot_be_tried(self, text: str, words: str, analyst: User) -> None:
        answer = post(analyst, "standard/try/", {"try_text": text}, **{"HX-Request": "true"})
        assert words in words_of(answer.content.decode())

    @pytest.mark.parametrize("whose", ["message", "reply", "result", "nobody's"])
    def test_a_reader_tries_what_is_in_force(self, whose: str, analyst: User) -> None:
        sent = {"try_text": "Hello there", "try_whose": whose, "seen": "x", "messages.input": ""}
        assert "ms" in words_of(post(analyst, "standard/try/", sent, **{"HX-Request": "true"}).content.decode())
        assert "<html" in post(analyst, "standard/try/", sent).content.decode()


class TestVersions:
    def test_a_draft_is_reviewed_and_published(self, admin: User, standard: Guardrail) -> None:
        assert "Nothing to publish" in text_of(admin, "standard/draft/publish/")
        save_draft(standard, config=said("Two"))
        data = {"mark": review_mark(standard), "note": "Kinder"}
        save_draft(standard, config=said("Three"))
        assert post(admin, "standard/draft/publish/", data).status_code == 409
        data["mark"] = review_mark(standard)
        assert post(admin, "standard/draft/publish/", data | {"note": "x" * 201}).status_code == 422
        assert post(admin, "standard/draft/publish/", data).headers["Location"] == f"{URL}standard/"
        assert (newest_version(standard).number, newest_version(standard).note) == (2, "Kinder")
        assert post(admin, "standard/draft/publish/", data).status_code == 409

    def test_a_draft_is_discarded_as_it_was_seen(self, admin: User, standard: Guardrail) -> None:
        save_draft(standard, config=said("Two"))
        mark = review_mark(standard)
        save_draft(standard, config=said("Three"))
        post(admin, "standard/draft/discard/", {"mark": mark})
        assert draft_of(standard)
        post(admin, "standard/draft/discard/", {"mark": review_mark(standard)})
        assert draft_of(standard) is None

    def test_versions_are_read_compared_and_come_back(self, admin: User, standard: Guardrail) -> None:
        save_draft(standard, config=said("Two"))
        publish(standard, user=admin, note="Second")
        save_draft(standard, config=said("A draft"))
        assert "Second" in text_of(admin, "standard/versions/")
        assert "- I cannot help" in words_of(text_of(admin, "standard/versions/2/"))
        assert "- Two + A draft" in words_of(text_of(admin, "standard/compare/", a="2", b="draft"))
        assert "They do the same" in text_of(admin, "standard/compare/")
        assert "in force already" in text_of(admin, "standard/versions/2/roll-back/")
        assert post(admin, "standard/versions/1/roll-back/", {"seen": "1"}).status_code == 409
        assert post(admin, "standard/versions/1/roll-back/", {"seen": "2"}).status_code == 302
        assert newest_version(standard).number == 3

    def test_one_is_made_the_default_and_the_other_deleted(self, admin: User, standard: Guardrail) -> None:
        made = make_guardrail(name="Strict", config=said("Strictly"))
        post(admin, "strict/default/")
        assert Guardrail.objects.get(is_default=True) == standard
        publish(made, user=admin)
        post(admin, "strict/default/")
        assert Guardrail.objects.get(is_default=True) == made
        assert "Strict stays." in words_of(text_of(admin, "strict/delete/"))
        assert post(admin, "strict/delete/").status_code == 409
        assert "deleted, and cannot be brought back" in words_of(text_of(admin, "standard/delete/"))
        assert post(admin, "standard/delete/").headers["Location"] == URL
        assert not Guardrail.objects.filter(slug="standard").exists()


def fields_of(html: str) -> list[tuple[str, str]]:
    """What a browser would post of the page's fields."""
    from bs4 import BeautifulSoup  # noqa: PLC0415  the tests that read no form need none

    soup = BeautifulSoup(html, "html.parser")
    found = []
    for field in soup.select("#draft input[name], #draft textarea[name], #draft select[name]"):
        if field.name == "select":
            chosen = field.select_one("option[selected]") or field.select_one("option")
            found.append((str(field["name"]), str(chosen["value"])))
        elif field.name == "textarea":
            found.append((str(field["name"]), field.text.removeprefix("\n")))
        elif field.get("type") not in {"checkbox", "radio"} or field.has_attr("checked"):
            found.append((str(field["name"]), str(field.get("value", "on"))))
    return found
