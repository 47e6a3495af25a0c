from __future__ import annotations

import random
import time
from html.parser import HTMLParser
from urllib.parse import urlsplit

import pytest
from django.utils.safestring import SafeString

from guardrails.markup import LONGEST_MARKUP, SCHEMES, TAGS, render_markdown

ALLOWED = {"a": {"href", "title", "target", "rel"}, "ol": {"start"}}
# From the OWASP filter evasion cheat sheet, CommonMark's corner cases, and reports on Markdown renderers.
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<style>@import 'http://evil.example/x.css'</style>",
    "<!--<img src=\"--><img src=x onerror=alert(1)//\">",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<noscript><p title=\"</noscript><img src=x onerror=alert(1)>\">",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java&#115;cript:alert(1))",
    "[x](javascript&colon;alert(1))",
    "[x](\x01javascript:alert(1))",
    "[x](java\tscript:alert(1))",
    "[x](vbscript:msgbox(1))",
    "[x](data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==)",
    "[x](file:///etc/passwd)",
    "[x](//evil.example/x)",
    "[x](/accounts/logout/)",
    "[x](\\\\evil.example\\x)",
    "[x](https://a.example/\"onmouseover=\"alert(1))",
    "[x](https://a.example 'onclick=alert(1)')",
    "[x](<javascript:alert(1)>)",
    "[x][1]\n\n[1]: javascript:alert(1)",
    "[1]: data:text/html,x 'title'\n\n[1]",
    "![x](javascript:alert(1))",
    "![x](https://evil.example/pixel.png)",
    "[![x](https://evil.example/p.png)](javascript:alert(1))",
    "<javascript:alert(1)>",
    "<https://a.example/'onclick='alert(1)>",
    "<a@b.example\" onclick=alert(1)>",
    "```<script>\nalert(1)\n```",
    "```html\"onload=\"x\n</code></pre><script>alert(1)</script>\n```",
    "`</code><script>alert(1)</script>`",
    "# <img src=x onerror=alert(1)>",
    "> <script>alert(1)</script>",
    "- <svg onload=alert(1)>\n  - <b onclick=x>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3C;script&#x3E;alert(1)",
    "\u202e<script>\u2028alert(1)",
    "{{ 7|add:7 }} {% csrf_token %}",
    "<x hx-get='/' hx-trigger=load sse-connect='/live/changes/'>",
]  # fmt: skip


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_harmless(html: str) -> None:
    reader = Reader()
    reader.feed(html)
    for tag, attributes in reader.found:
        assert tag in TAGS
        assert set(attributes) <= ALLOWED.get(tag, set())
        if "href" in attributes:
            assert urlsplit(attributes["href"] or "").scheme in SCHEMES
            assert attributes["rel"] == "noopener nofollow"
            assert attributes["target"] == "_blank"


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_can_only_be_read(text):
    html = render_markdown(text)

    assert isinstance(html, SafeString)
    check_harmless(html)


def test_any_mixture_of_hostile_text_can_only_be_read():
    chance = random.Random(20261122)
    glue = ["", " ", "\n", "\n\n", "**", "`", "[", "](", ")", "<", ">", '"', "> ", "- ", "&", "\\", "\x00", "\t"]
    for _ in range(1500):
        parts = [part for _ in range(chance.randint(2, 5)) for part in (chance.choice(HOSTILE), chance.choice(glue))]
        text = "".join(parts)
        cut = chance.randint(0, len(text))
        check_harmless(render_markdown(text[cut:] + text[:cut]))


def test_what_people_write_is_laid_out():
    html = render_markdown(
        "**Refunded** EUR 42.00\nin *5* days\n\n- `RF-1`\n- see [terms](https://shop.example/?a=1&b=2)"
    )

    assert html == (
        "<p><strong>Refunded</strong> EUR 42.00<br>\nin <em>5</em> days</p>\n<ul>\n<li><code>RF-1</code></li>\n"
        '<li>see <a href="https://shop.example/?a=1&amp;b=2" target="_blank" rel="noopener nofollow">terms</a></li>\n'
        "</ul>\n"
    )


def test_a_heading_stands_below_those_of_the_page():
    assert render_markdown("# One\n\nTwo\n===\n") == "<h4>One</h4>\n<h4>Two</h4>\n"


@pytest.mark.parametrize(
    "text", ["[1042]: delivered", "<b>1042</b>", "<!-- 1042 -->", "![1042](x)", "[1042](javascript:x)"]
)
def test_no_words_are_lost(text):
    assert "1042" in render_markdown(text)


def test_a_text_too_long_for_markup_is_shown_as_it_stands():
    html = render_markdown("<script>" + "[" * LONGEST_MARKUP)

    assert html.startswith("<p>&lt;script&gt;[[")


@pytest.mark.parametrize("unit", ["[", "![", "*a ", "<", "`a``", "[a](b", "**a *b ", "> ", "&", "\\["])
def test_the_longest_hostile_text_takes_no_second(unit):
    def seconds() -> float:
        begun = time.thread_time()
        render_markdown((unit * LONGEST_MARKUP)[:LONGEST_MARKUP])
        return time.thread_time() - begun

    # The quickest tells how long the text takes: in another the garbage of all tests before may be collected.
    assert min(seconds() for _ in range(3)) < 1
