"""HTML as Markdown: what a reader of the page sees of its content, and nothing else.

Read in a process of its own (`apart.py`), so neither how long it takes nor what it needs can do harm.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bs4 import BeautifulSoup, Tag
from bs4.element import NavigableString, PageElement, PreformattedString

from memory.documents.limits import Unreadable

DEEPEST = 500
DROPPED = frozenset(
    {
        *("script", "style", "noscript", "template", "head", "title", "iframe", "object", "embed", "svg", "canvas"),
        *("math", "audio", "video", "map", "nav", "menu", "dialog", "form", "button", "select", "input", "textarea"),
    }
)
DROPPED_ROLES = frozenset({"navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menu"})
DROPPED_CLASSES = frozenset({"hidden", "d-none", "visually-hidden", "sr-only", "invisible"})
# The ways in which text is on a page and yet not seen.
HIDING = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)|opacity:0(?:\.0+)?(?:;|!|$)"
    r"|font-size:0(?:\.0+)?(?:px|pt|em|rem|%)?(?:;|!|$)|(?:text-indent|left|top|margin-left):-\d{3,})"
)
PAGE_PARTS = frozenset({"header", "footer", "aside"})
CONTENT = frozenset({"main", "article", "section"})
HEADINGS = {f"h{level}": level for level in range(1, 7)}
BLOCKS = frozenset(
    {
        *("address", "article", "aside", "blockquote", "body", "caption", "center", "dd", "details", "div", "dl", "dt"),
        *("fieldset", "figcaption", "figure", "footer", "header", "hgroup", "hr", "html", "legend", "main", "p"),
        *("section", "summary", "table", "tbody", "thead", "tfoot", "tr", "ul", "ol", "li", "pre", *HEADINGS),
    }
)
CELLS = frozenset({"td", "th", "caption"})
SPACES = re.compile(r"\s+")


def read_web_page(markup: str) -> tuple[str, str]:
    """The page's text as Markdown, and its title. Raises `Unreadable`."""
    soup = BeautifulSoup(markup, "html.parser")
    title = SPACES.sub(" ", soup.title.get_text()).strip() if soup.title else ""
    main = soup.find("main") or soup.find(None, {"role": "main"})
    text = Writer().write(main) if isinstance(main, Tag) and is_shown(main, set()) else ""
    text = text or Writer().write(soup)
    if not text.strip():
        raise Unreadable("The page shows no text of its own. Pages that a script fills cannot be read.")
    return text, title


def is_shown(tag: Tag, above: set[str]) -> bool:
    """`above` are the names of the elements around it: a header of the page is navigation, one of an article not."""
    if tag.name in DROPPED or tag.has_attr("hidden") or str(tag.get("aria-hidden", "")).lower() == "true":
        return False
    if tag.name in PAGE_PARTS and not above & CONTENT:
        return tag.name == "header" and tag.find("h1") is not None and tag.find("nav") is None
    if str(tag.get("role", "")).lower() in DROPPED_ROLES or DROPPED_CLASSES & set(tag.get_attribute_list("class")):
        return False
    return not HIDING.search(re.sub(r"\s+", "", str(tag.get("style", ""))).lower())


def walk(root: Tag) -> Iterator[tuple[str, PageElement]]:
    """("open", tag), ("text", string) and ("close", tag), without recursion: pages can be nested as deep as they like.

    Raises `Unreadable` where they do.
    """
    open_tags: list[tuple[Tag, Iterator[PageElement]]] = [(root, iter(root.contents))]
    while open_tags:
        tag, rest = open_tags[-1]
        child = next(rest, None)
        if child is None:
            open_tags.pop()
            if open_tags:
                yield "close", tag
        elif isinstance(child, Tag):
            if is_shown(child, {around.name for around, _ in open_tags}):
                if len(open_tags) > DEEPEST:
                    raise Unreadable(f"Its elements are nested more than {DEEPEST} deep.")
                open_tags.append((child, iter(child.contents)))
                yield "open", child
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            yield "text", child


class Writer:
    """Markdown, block by block."""

    def __init__(self) -> None:
        self.blocks: list[str] = []
        self.inline: list[str] = []
        self.lists: list[int | None] = []  # for each list around: the number of its next item, None without numbers
        self.mark = ""  # what stands before the next line: of a heading, an item, a quotation
        self.rows: list[list[str]] | None = None
        self.tables = 0
        self.in_cell = False
        self.preformatted = 0

    def write(self, root: Tag) -> str:
        for event, element in walk(root):
            if event == "text":
                self.inline.append(str(element))
            elif isinstance(element, Tag):
                (self.opened if event == "open" else self.closed)(element)
        self.end_block()
        return "\n".join(self.blocks).strip("\n")

    def opened(self, tag: Tag) -> None:
        name = tag.name
        if name == "br":
            self.inline.append("\n" if self.preformatted or self.rows is None else " ")
        elif name == "table":
            self.end_block()
            self.tables += 1
            self.rows = [] if self.rows is None else self.rows
        elif self.rows is not None:
            self.opened_in_table(name, self.rows)
        elif name in BLOCKS:
            self.end_block()
            self.begin(tag)

    def begin(self, tag: Tag) -> None:
        name = tag.name
        if name in HEADINGS:
            self.mark = "#" * HEADINGS[name] + " "
        elif name in ("ul", "ol"):
            self.lists.append(1 if name == "ol" else None)
        elif name == "li":
            self.mark = self.next_item()
        elif name == "pre":
            self.preformatted += 1

    def next_item(self) -> str:
        indent = "  " * max(0, len(self.lists) - 1)
        number = self.lists[-1] if self.lists else None
        if number is None:
            return f"{indent}- "
        self.lists[-1] = number + 1
        return f"{indent}{number}. "

    def opened_in_table(self, name: str, rows: list[list[str]]) -> None:
        """The ends of rows and cells may be left out: the next one's beginning ends them."""
        if name == "tr":
            self.end_cell()
            rows.append([])
        elif name in CELLS:
            self.end_cell()
            self.in_cell = name != "caption"
        elif name in BLOCKS:
            self.inline.append(" ")

    def closed(self, tag: Tag) -> None:
        name = tag.name
        if name == "table":
            self.end_cell()
            self.tables -= 1
            if not self.tables:
                self.end_table()
        elif self.rows is not None:
            if name == "tr" or name in CELLS:
                self.end_cell()
        elif name in BLOCKS:
            self.end_block(is_code=name == "pre")
            if name in ("ul", "ol") and self.lists:
                self.lists.pop()
                if not self.lists:
                    self.blocks.append("")

    def end_block(self, *, is_code: bool = False) -> None:
        """What was gathered becomes a paragraph, an item, a heading; code keeps its lines."""
        gathered, self.inline = "".join(self.inline), []
        if is_code:
            self.preformatted = max(0, self.preformatted - 1)
            if gathered.strip():
                self.blocks += ["", "```", gathered.strip("\n").replace("```", "'''"), "```", ""]
            return
        lines = [SPACES.sub(" ", line).strip() for line in gathered.split("\n")] if "\n" in gathered else [gathered]
        text = SPACES.sub(" ", " ".join(line for line in lines if line)).strip()
        if not text:
            return
        mark, self.mark = self.mark, ""
        if mark or not self.lists:
            is_item = bool(self.lists) and not mark.startswith("#")
            self.blocks += [f"{mark}{escaped(text) if not mark else text}", *([] if is_item else [""])]
        else:
            self.blocks.append("  " * len(self.lists) + text)

    def end_cell(self) -> None:
        gathered, self.inline = SPACES.sub(" ", "".join(self.inline)).strip(), []
        was_in_cell, self.in_cell = self.in_cell, False
        if self.rows and (gathered or was_in_cell):
            self.rows[-1].append(gathered.replace("|", "/"))
        elif gathered:
            self.blocks += [gathered, ""]

    def end_table(self) -> None:
        rows = [row for row in self.rows or [] if any(row)]
        self.rows = None
        width = max((len(row) for row in rows), default=0)
        if width == 1:  # a table for the layout's sake
            self.blocks += [line for row in rows for line in (row[0], "")]
            return
        lines = ["| " + " | ".join([*row, *[""] * (width - len(row))]) + " |" for row in rows]
        if lines:
            self.blocks += ["", lines[0], "|" + " --- |" * width, *lines[1:], ""]


def escaped(text: str) -> str:
    """A paragraph must not become a heading or a fence by how it begins."""
    return f"\\{text}" if text.startswith(("#", "```", "~~~", "|")) else text
