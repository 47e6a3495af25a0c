"""Markdown as agents and people write it, as HTML that can do nothing but be read.

Two walls, each sufficient: the parser knows no HTML and no images, and the cleaner keeps a short list of tags and
attributes of whatever comes out of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import nh3
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from markdown_it.rules_core import StateCore
from markdown_it.token import Token

TAGS = {"a", "blockquote", "br", "code", "em", "h4", "hr", "li", "ol", "p", "pre", "strong", "ul"}
ATTRIBUTES = {"a": {"href"}, "ol": {"start"}}
SCHEMES = {"http", "https", "mailto"}
# A longer text is shown as it stands: markup of that size is no message, and its parsing takes a while.
LONGEST_MARKUP = 10_000
# Images and HTML are not for a message; link definitions would swallow their line.
LEFT_OUT = ["image", "html_block", "html_inline", "reference"]


def lower_headings(state: StateCore) -> None:
    """A heading of a message is not one of the page: whatever its level, it stands below them."""
    for token in headings_of(state.tokens):
        token.tag = "h4"


def headings_of(tokens: Sequence[Token]) -> list[Token]:
    return [token for token in tokens if token.type in {"heading_open", "heading_close"}]


def make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True}).disable(LEFT_OUT)
    parser.core.ruler.push("lower_headings", lower_headings)
    return parser


PARSER = make_parser()
CLEANING: dict[str, Any] = {
    "tags": TAGS,
    "attributes": ATTRIBUTES,
    "url_schemes": SCHEMES,
    "url_relative": "deny",
    "link_rel": "noopener nofollow",
    # A link leaves the conversation open.
    "set_tag_attribute_values": {"a": {"target": "_blank"}},
    "strip_comments": True,
}


def render_markdown(text: str) -> SafeString:
    """The HTML of a message: paragraphs, emphasis, lists, quotes, code, and links to http, https and mailto only."""
    if len(text) > LONGEST_MARKUP:
        return SafeString(linebreaks(text, autoescape=True))
    html = nh3.clean(PARSER.render(text), **CLEANING)
    return mark_safe(html)  # noqa: S308  cleaned in the line above
