"""Documents of every format and encoding, and those that are refused."""

from __future__ import annotations

import codecs

import pytest

from memory.documents import limits
from memory.documents.limits import Unreadable
from memory.documents.reading import read_document
from tests.memory.documents.files import encrypted, pdf

RETURNS = [(24, "Returns"), (11, "An item can be returned within 30 days"), (11, "of its delivery.")]


class TestText:
    @pytest.mark.parametrize(
        "content",
        [
            "Größe und Preis: 5 €.".encode(),
            codecs.BOM_UTF8 + "Größe und Preis: 5 €.".encode(),
            codecs.BOM_UTF16_LE + "Größe und Preis: 5 €.".encode("utf-16-le"),
            codecs.BOM_UTF16_BE + "Größe und Preis: 5 €.".encode("utf-16-be"),
            "Größe und Preis: 5 €.".encode("cp1252"),
        ],
        ids=["utf-8", "utf-8 with a mark", "utf-16 le", "utf-16 be", "cp1252"],
    )
    def test_every_encoding_gives_the_same_text(self, content: bytes) -> None:
        assert read_document(content).text == "Größe und Preis: 5 €."

    def test_a_header_names_another_encoding(self) -> None:
        content = "Возврат в течение 30 дней".encode("koi8-r")
        assert read_document(content, content_type="text/plain; charset=koi8-r").text == "Возврат в течение 30 дней"

    @pytest.mark.parametrize("charset", ["zlib", "punycode", "unicode_escape", "nonsense", "utf-16-nonsense"])
    def test_a_header_names_something_else(self, charset: str) -> None:
        assert read_document(b"caf\xe9", content_type=f"text/plain; charset={charset}").text == "café"

    def test_line_ends_and_what_nobody_sees_are_cleaned(self) -> None:
        hidden = "".join(chr(0xE0000 + ord(letter)) for letter in "obey")
        content = f"One\r\n\r\n\r\n\r\nTwo\u200b\u2060\u202e{hidden}\rThree\xa0four \U000e0101\x07".encode()
        assert read_document(content).text == "One\n\nTwo\nThree four"

    def test_emoji_and_scripts_that_need_joiners_keep_them(self) -> None:
        assert read_document("👩‍💻 می‌خواهم".encode()).text == "👩‍💻 می‌خواهم"

    def test_the_title_is_the_heading_or_the_name_or_the_first_line(self) -> None:
        assert read_document(b"# Our returns #\n\ntext", name="a.md").title == "Our returns"
        assert read_document(b"some text", name="C:\\docs\\return_policy-2.txt").title == "Return policy 2"
        assert read_document(b"some text\nmore").title == "some text"


class TestMarkdown:
    def test_it_stays_as_it_is(self) -> None:
        text = "# Returns\n\n- one\n- two\n\n| a | b |\n| --- | --- |\n| 1 | 2 |"
        read = read_document(text.encode())
        assert (read.text, read.media_type, read.title) == (text, "text/markdown", "Returns")

    def test_front_matter_gives_the_title(self) -> None:
        read = read_document(b'---\ntitle: "Return policy"\nowner: x\n---\n# Returns\n\ntext')
        assert (read.title, read.text) == ("Return policy", "# Returns\n\ntext")

    def test_comments_go_and_code_stays(self) -> None:
        text = "# A\n\nb <!-- obey\nme --> c <!-- x -->d\n\n```\n<!-- code -->\n```\n\ne <!-- never ended\nf"
        assert read_document(text.encode()).text == "# A\n\nb\n c d\n\n```\n<!-- code -->\n```\n\ne"


class TestHtml:
    def test_headings_lists_tables_and_code_become_markdown(self) -> None:
        page = b"""<?xml version="1.0"?><!-- x --><!DOCTYPE html><title>Returns &amp; refunds</title>
        <body><h1>Returns</h1><p>Within <b>30</b>\n days,<br>of delivery.</p><ul><li>Unused<ul><li>with box</li></ul>
        <li><p>Complete</p></ul><ol><li>Ask<li>Send</ol><h2>Where <em>to</em></h2>
        <table><caption>Countries</caption><tr><th>Country<th>Days<tr><td>DE<td><p>3</p><p>4</p></table>
        <pre>line 1\n  line 2</pre></body>"""
        read = read_document(page)
        assert read.title == "Returns & refunds"
        assert read.media_type == "text/html"
        assert read.text == (
            "# Returns\n\nWithin 30 days, of delivery.\n\n- Unused\n  - with box\n- Complete\n\n1. Ask\n2. Send\n\n"
            "## Where to\n\nCountries\n\n| Country | Days |\n| --- | --- |\n| DE | 3 4 |\n\n```\nline 1\n  line 2\n```"
        )

    @pytest.mark.parametrize(
        "hidden",
        [
            "<script>HIDDEN</script>",
            "<style>HIDDEN</style>",
            "<noscript>HIDDEN</noscript>",
            "<template>HIDDEN</template>",
            "<nav>HIDDEN</nav>",
            "<div role=navigation>HIDDEN</div>",
            "<footer>HIDDEN</footer>",
            "<aside>HIDDEN</aside>",
            "<header><nav>x</nav>HIDDEN</header>",
            "<!-- HIDDEN -->",
            "<![CDATA[HIDDEN]]>",
            "<p hidden>HIDDEN</p>",
            "<p hidden=''><b>HIDDEN</b></p>",
            "<p aria-hidden=TRUE>HIDDEN</p>",
            "<p style='color:red; Display : None'>HIDDEN</p>",
            "<p style='display:none!important'>HIDDEN</p>",
            "<p style='visibility:hidden'>HIDDEN</p>",
            "<p style='font-size:0'>HIDDEN</p>",
            "<p style='font-size: 0px'>HIDDEN</p>",
            "<p style='opacity:0;color:red'>HIDDEN</p>",
            "<p style='position:absolute;left:-9999px'>HIDDEN</p>",
            "<p class='big sr-only'>HIDDEN</p>",
            "<svg><text>HIDDEN</text></svg>",
            "<button>HIDDEN</button>",
            "<img alt=HIDDEN>",
            "<p title=HIDDEN>y</p>",
        ],
    )
    def test_what_nobody_reads_is_dropped(self, hidden: str) -> None:
        read = read_document(f"<!doctype html><body><p>Shown.</p>{hidden}<p>And this.</p></body>".encode())
        assert "HIDDEN" not in read.text
        assert read.text.startswith("Shown.")
        assert read.text.endswith("And this.")

    def test_what_is_merely_pale_or_small_is_kept(self) -> None:
        page = b"<p>a</p><p style='opacity:0.5'>b</p><p style='font-size:0.8em'>c</p><p style='left:-1px'>d</p>"
        assert read_document(page).text == "a\n\nb\n\nc\n\nd"

    def test_of_a_page_with_a_main_part_only_that_is_read(self) -> None:
        page = b"<html><body><div>Menu</div><main><header><h1>Returns</h1></header><p>30 days</p></main></body></html>"
        assert read_document(page).text == "# Returns\n\n30 days"

    def test_a_paragraph_does_not_become_a_heading(self) -> None:
        assert read_document(b"<p># Not a heading</p>").text == "\\# Not a heading"

    def test_its_own_encoding_is_heeded(self) -> None:
        page = '<html><head><meta charset="iso-8859-2"></head><p>Zwrot do 30 dni: żółć</p>'.encode("iso-8859-2")
        assert read_document(page).text == "Zwrot do 30 dni: żółć"

    def test_a_page_that_a_script_fills_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="script fills"):
            read_document(b"<!doctype html><body><div id=app></div><script>go()</script></body>")


class TestPdf:
    def test_larger_lines_are_headings_and_lines_are_joined(self) -> None:
        read = read_document(pdf(RETURNS, title="Return policy"))
        assert read.text == "# Returns\n\nAn item can be returned within 30 days of its delivery."
        assert (read.title, read.media_type) == ("Return policy", "application/pdf")

    def test_bullets_divided_words_and_paragraphs(self) -> None:
        lines = [
            (11, "The refund goes back to the original payment method, always and with-"),
            (11, "out exception."),
            (11, "A second paragraph, which is as long as the first one of this page is."),
            (11, "• first"),
            (11, "• second"),
        ]
        assert read_document(pdf(lines)).text == (
            "The refund goes back to the original payment method, always and without exception.\n\n"
            "A second paragraph, which is as long as the first one of this page is.\n\n- first\n\n- second"
        )

    def test_heads_and_page_numbers_are_dropped(self) -> None:
        pages = [
            [(9, "Shop terms"), (11, f"Rule number {'abcd'[place]} of the shop."), (9, f"Page {place + 1} of 4")]
            for place in range(4)
        ]
        text = read_document(pdf(*pages)).text
        assert "Page" not in text
        assert "Shop terms" not in text
        assert all(f"Rule number {letter} of the shop." in text for letter in "abcd")

    def test_a_compressed_one(self) -> None:
        assert "within 30 days" in read_document(pdf(RETURNS, compress=True)).text

    def test_what_it_is_its_content_says(self) -> None:
        assert read_document(pdf(RETURNS), name="returns.html", content_type="text/html").media_type == (
            "application/pdf"
        )

    def test_one_with_a_password_is_refused_and_one_with_an_empty_one_read(self) -> None:
        with pytest.raises(Unreadable, match="encrypted"):
            read_document(encrypted(pdf(RETURNS), "secret"))
        assert "within 30 days" in read_document(encrypted(pdf(RETURNS), "")).text

    def test_one_without_text_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="text recognition"):
            read_document(pdf([], []))

    @pytest.mark.parametrize("kept", [20, 200, 400])
    def test_one_that_is_cut_off_is_refused_or_read(self, kept: int) -> None:
        with pytest.raises(Unreadable):
            read_document(pdf(RETURNS)[:kept])

    def test_one_with_too_many_pages_is_refused(self) -> None:
        with pytest.raises(Unreadable, match="501 pages"):
            read_document(pdf(*[[(11, "text")]] * 501))


class TestRefused:
    @pytest.mark.parametrize(
        ("content", "problem"),
        [
            (b"", "empty"),
            (b" \n\t", "no words"),
            (b"---\n***", "no words"),
            (b"PK\x03\x04rest", "Office"),
            (b"\x89PNG\r\n", "picture"),
            (b"\xff\xd8\xff\xe0", "picture"),
            (b"{\\rtf1 text}", "RTF"),
            (b"\x1f\x8b\x08", "packed"),
            (b"text\x00text", "null bytes"),
            (b"caf\x81", "UTF-8"),
            (codecs.BOM_UTF16_LE + b"\x00\xd8a", "UTF-8"),
        ],
    )
    def test_with_a_reason(self, content: bytes, problem: str) -> None:
        with pytest.raises(Unreadable, match=problem):
            read_document(content)

    def test_what_is_too_large(self) -> None:
        with pytest.raises(Unreadable, match=r"10\.0 MB; at most 10 MB"):
            read_document(b"a" * (limits.MOST_BYTES + 1))
        with pytest.raises(Unreadable, match="2,000,000 characters"):
            read_document(b"ab " * 700_000)
