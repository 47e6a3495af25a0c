from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User

from observability.ids import uuid7
from observability.models import AuditEntry, Price, Span, Trace
from tests.factories import client_of, make_trace
from tests.observability.views.test_trace import HTMX, make_span, names_of, url_of

pytestmark = pytest.mark.django_db


def test_as_a_tree_with_what_is_below(support: User) -> None:
    trace = make_trace(spans=0, duration_ms=1000)
    above = make_span(trace, kind=Span.Kind.TOOL, name="get_order", cost_usd=Decimal("0.01"), duration_ms=100)
    below = {"parent_id": above.pk, "input_tokens": 1_200, "cost_usd": Decimal("0.02"), "duration_ms": 300}
    make_span(trace, after_ms=200, name="in", **below)
    text = client_of(support).get(url_of(trace, "?view=tree")).content.decode()
    row = re.search(rf'id="row-{above.pk}".*?</a>', text, re.DOTALL)
    assert row
    cells = re.findall(r'<span class="num[^"]*">([^<]*)</span>', row[0])
    assert cells == ["100 ms", "500 ms", "1,200", "$0.0300"]


@pytest.mark.parametrize("kind", ["approval", "wait", "delivery"])
def test_waits_and_deliveries(support: User, kind: str) -> None:
    trace = make_trace(spans=0, duration_ms=7_200_000)
    attributes = {"summary": "Approved by Rita", "decidedBy": ["Rita"], "verdict": "approved", "approval": str(uuid7())}
    span = make_span(trace, kind=kind, name="refund", duration_ms=7_100_000, attributes=attributes)
    for rest in ("", "?view=tree", "?view=log", f"?span={span.pk}"):
        text = client_of(support).get(url_of(trace, rest)).content.decode()
        assert "Approved by Rita" in text
        assert kind.capitalize() in text
    assert attributes["approval"] in text


def test_a_memory_that_was_written(support: User) -> None:
    trace = make_trace(spans=0)
    make_span(trace, kind=Span.Kind.MEMORY, name="remember", attributes={"memories": []})
    assert "Remembering" in names_of(client_of(support).get(url_of(trace)).content.decode())


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ({"decision": "allow", "rules": ["refund-limit"], "version": 4}, "allowed by refund-limit"),
        ({"decision": "deny", "rules": ["no-gifts"]}, "denied by no-gifts"),
        ({"decision": "approval", "rules": []}, "wants a person&#x27;s yes"),
        ({"decision": "", "would": "deny", "rules": ["a", "b"]}, "only watching: denied by a, b"),
    ],
    ids=["allow", "deny", "approval", "watching"],
)
def test_a_decision_stands_below_its_call(support: User, policy: dict[str, Any], said: str) -> None:
    trace = make_trace(spans=0)
    policy = {**policy, "facts": {"amount": "42.00"}, "verified": True, "tainted": ["order_id"]}
    span = make_span(trace, kind=Span.Kind.TOOL, name="process_refund", attributes={"policy": policy})
    client = client_of(support)
    for rest in ("", "?view=tree", "?view=log"):
        assert said in client.get(url_of(trace, rest)).content.decode()
    panel = client.get(url_of(trace, f"?span={span.pk}")).content.decode()
    for part in ("42.00", "order_id", "verified", *policy["rules"]):
        assert part in panel


def test_what_was_kept_for_an_hour_is_priced_by_itself(support: User) -> None:
    price = Price.objects.filter(model="claude-sonnet-5-5").get()
    Price.objects.filter(pk=price.pk).update(cache_write_usd=Decimal("2.5"), cache_write_1h_usd=Decimal(4))
    trace = make_trace(spans=0)
    attributes = {"cacheWrite1hTokens": 1_000_000}
    span = make_span(trace, charge="9", price=price, cache_write_tokens=3_000_000, attributes=attributes)
    text = client_of(support).get(url_of(trace, f"?span={span.pk}")).content.decode()
    assert re.search(r"<td>Cache write</td><td[^>]*>2.0M</td><td[^>]*>\$2.50</td><td[^>]*>\$5.00", text)
    assert re.search(r"<td>Cache write, for an hour</td><td[^>]*>1.0M</td><td[^>]*>\$4.00</td><td[^>]*>\$4.00", text)


class TestLongTexts:
    @pytest.mark.parametrize(("length", "is_folded"), [(5_000, False), (20_000, True)])
    def test_nothing_is_cut(self, reviewer: User, length: int, is_folded: bool) -> None:
        trace = make_trace(spans=0)
        text = "x" * length + "-end"
        attributes = {"toolInputs": {"note": text}, "toolOutput": text}
        span = make_span(trace, kind=Span.Kind.TOOL, name="get_order", attributes=attributes)
        page = client_of(reviewer).get(url_of(trace, f"?span={span.pk}")).content.decode()
        assert page.count("-end") >= 2
        assert (f"<summary>{len(text) + 11:,} characters</summary>" in page) is is_folded

    def test_what_is_too_long_for_a_page_is_in_the_file(self, reviewer: User) -> None:
        trace = make_trace(spans=0)
        text = "y" * 300_000
        span = make_span(trace, kind=Span.Kind.TOOL, name="get_order", attributes={"toolOutput": text})
        client = client_of(reviewer)
        page = client.get(url_of(trace, f"?span={span.pk}")).content.decode()
        assert "300k characters, too many for a page." in page
        assert len(page) < 100_000
        whole = client.get(url_of(trace, f"spans/{span.pk}/?format=json"))
        assert whole.json()["attributes"]["toolOutput"] == text
        assert "no-store" in whole["Cache-Control"]

    def test_what_a_check_saw_is_whole(self, reviewer: User) -> None:
        trace = make_trace(spans=0)
        statement = {"kind": "amount", "said": "s" * 900, "verdict": "unsupported", "evidence": "e" * 900}
        attributes = {
            "findings": [{"rule": "claim", "excerpt": "f" * 900, "why": "w" * 900}],
            "statements": [statement],
        }
        span = make_span(trace, kind=Span.Kind.GUARDRAIL, name="output", attributes=attributes)
        page = client_of(reviewer).get(url_of(trace, f"?span={span.pk}")).content.decode()
        panel = page[: page.index("Everything that was recorded")]
        for letter in "sefw":
            assert letter * 900 in panel


class TestWhole:
    def test_everything_as_json(self, reviewer: User) -> None:
        trace = make_trace(spans=0, cost_usd=Decimal("0.00300000"))
        price = Price.objects.filter(model="claude-sonnet-5-5").get()
        attributes = {"output": [{"type": "text", "text": "a"}]}
        span = make_span(trace, charge="0.00300000", price=price, attributes=attributes)
        told = client_of(reviewer).get(url_of(trace, "?format=json")).json()
        assert told["id"] == str(trace.pk)
        assert told["cost_usd"] == "0.00300000"
        assert told["spans"][0]["id"] == str(span.pk)
        assert told["spans"][0]["attributes"] == attributes
        assert told["spans"][0]["charge"]["usd"] == "0.00300000"

    def test_the_span_of_another_trace(self, reviewer: User) -> None:
        trace, other = make_trace(), make_trace()
        url = url_of(trace, f"spans/{other.spans.first().pk}/?format=json")
        assert client_of(reviewer).get(url).status_code == 404


class TestHidden:
    card, mail = "4111 1111 1111 1111", "eve@example.net"

    def make(self) -> tuple[Trace, Span]:
        trace = make_trace(
            spans=0,
            input_text=f"Card {self.card}",
            output_text=f"To {self.mail}",
            status=Trace.Status.ERROR,
            error=f"No mail to {self.mail}",
        )
        attributes = {
            "toolInputs": {"to": self.mail, "card": [self.card]},
            "toolOutput": {"sent": {"to": self.mail}},
            "output": [{"type": "text", "text": self.card}, {"type": "thinking", "thinking": self.mail}],
            "question": self.mail,
            "memories": [{"id": str(uuid7()), "text": self.mail}],
            "findings": [{"rule": "pii:EMAIL", "excerpt": self.mail, "action": "masked"}],
            "summary": f"Sent to {self.mail}",
            "state": self.mail,
            "policy": {"decision": "allow", "rules": [self.mail], "facts": {"to": self.mail}},
        }
        error = f"Refused: {self.mail}"
        return trace, make_span(trace, kind=Span.Kind.TOOL, name="send", error=error, attributes=attributes)

    def sees(self, text: str) -> bool:
        return self.card in text or self.mail in text

    @pytest.mark.parametrize("kind", Span.Kind.values)
    def test_no_page_shows_it_to_who_need_not_see_it(self, support: User, analyst: User, kind: str) -> None:
        trace, span = self.make()
        Span.objects.filter(pk=span.pk).update(kind=kind)
        rests = ("", "?view=tree", "?view=log", f"?span={span.pk}", "?format=json", f"spans/{span.pk}/?format=json")
        for user in (support, analyst):
            for rest in rests:
                assert not self.sees(client_of(user).get(url_of(trace, rest)).content.decode()), rest
            fragments = [
                (url_of(trace, f"spans/{span.pk}/"), HTMX),
                (url_of(trace), {**HTMX, "HX-Target": "peek"}),
            ]
            for url, headers in fragments:
                assert not self.sees(client_of(user).get(url, headers=headers).content.decode()), url
        assert not AuditEntry.objects.exists()

    def test_reviewers_and_admins_read_it(self, reviewer: User, admin: User) -> None:
        trace, span = self.make()
        for user in (reviewer, admin):
            text = client_of(user).get(url_of(trace, f"?span={span.pk}")).content.decode()
            assert self.mail in text
            assert "Show what is hidden" not in text

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "panel"])
    def test_shown_once_with_a_reason_that_is_kept(self, support: User, headers: dict[str, str]) -> None:
        trace, span = self.make()
        client = client_of(support)
        url = url_of(trace, f"?span={span.pk}")
        assert "Show what is hidden" in client.get(url).content.decode()
        response = client.post(url, {"reason": "Ada asks where it went"}, headers=headers)
        text = response.content.decode()
        assert self.mail in text
        assert "Shown to you once" in text
        assert "no-store" in response["Cache-Control"]
        entry = AuditEntry.objects.get()
        assert (entry.actor_id, entry.action, entry.subject_id) == (support.pk, "span.reveal", str(span.pk))
        assert entry.reason == "Ada asks where it went"
        assert not self.sees(str(vars(entry)))
        assert not self.sees(client.get(url).content.decode())

    def test_of_the_turn_only_the_turn(self, support: User) -> None:
        trace, _ = self.make()
        text = client_of(support).post(url_of(trace), {"reason": "Why"}).content.decode()
        assert f"Card {self.card}" in text
        assert AuditEntry.objects.get().action == "trace.reveal"
        assert f"Refused: {self.mail}" not in text

    def test_without_a_reason_nothing_is_shown(self, support: User) -> None:
        trace, span = self.make()
        response = client_of(support).post(url_of(trace, f"?span={span.pk}"), {"reason": " "})
        assert response.status_code == 422
        assert not self.sees(response.content.decode())
        assert "Nothing was shown." in response.content.decode()
        assert not AuditEntry.objects.exists()

    def test_who_may_not(self, analyst: User, stranger: User, support: User) -> None:
        trace, span = self.make()
        url = url_of(trace, f"?span={span.pk}")
        for user in (analyst, stranger):
            assert client_of(user).post(url, {"reason": "Why"}).status_code == 403
        assert client_of(support).post(url_of(trace, f"?span={uuid7()}"), {"reason": "Why"}).status_code == 404
        assert "Show what is hidden" not in client_of(analyst).get(url).content.decode()
        assert not AuditEntry.objects.exists()
