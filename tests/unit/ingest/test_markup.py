"""HTML to text: golden pairs, and markup that tries to break the reader."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.markup import MAX_HTML_CHARS, has_markup, read_all_html, read_either, read_html
from ingest.text import MAX_LINKS
from tests.unit.ingest.golden import expected, inputs


@pytest.mark.parametrize("path", inputs("markup", "*.html"), ids=lambda path: path.stem)
def test_markup_gives_the_text_of_its_golden_pair(path: Path) -> None:
    read = read_html(path.read_text(encoding="utf-8"), "https://harbour.example/news/")
    found = {
        "text": read.text,
        "links": [link.model_dump() for link in read.links],
        "note": read.note,
    }
    assert found == expected(path)


EITHER = [
    ("3 < 5 and 7 > 6", False, "comparisons"),
    ("a <- b", False, "an arrow"),
    ("see <https://a.example/x>", False, "an address in angle brackets"),
    ("<p>text</p>", True, "a paragraph"),
    ("one<br/>two", True, "a line break"),
    ("<unknown>x</unknown>", False, "no HTML element"),
]


@pytest.mark.parametrize(("text", "is_html", "reason"), EITHER)
def test_markup_is_told_from_text(text: str, is_html: bool, reason: str) -> None:
    assert has_markup(text) is is_html, reason
    assert (read_either(text).text == text) is not is_html, reason


def test_whole_mail_keeps_what_a_page_would_lose() -> None:
    items = "".join(
        f"<tr><td><a href='https://a.example/{n}'>Item {n}</a></td></tr>" for n in range(9)
    )
    page = f"<html><body><table>{items}</table></body></html>"
    assert read_all_html(page).text.split() == [w for n in range(9) for w in ("Item", str(n))]


def test_deep_nesting_is_read_without_recursion() -> None:
    assert "end" in read_all_html("<div>" * 200 + "end" + "</div>" * 200).text
    assert isinstance(read_all_html("<div>" * 50_000 + "end").text, str)


def test_oversized_markup_is_cut_with_a_note() -> None:
    read = read_html("<p>a</p>" * (MAX_HTML_CHARS // 8 + 1))
    assert read.note == "the HTML was cut at 3,000,000 characters"


def test_links_are_bounded_and_each_given_once() -> None:
    markup = "".join(f"<a href='https://a.example/{n}'>x</a>" * 2 for n in range(MAX_LINKS + 50))
    links = read_html(markup).links
    assert len(links) == MAX_LINKS
    assert len({link.url for link in links}) == MAX_LINKS


def test_encoding_declared_in_the_text_is_not_believed() -> None:
    declared = (
        '<?xml version="1.0" encoding="iso-8859-1"?><html><body><p>Köln ist groß</p></body></html>'
    )
    assert read_all_html(declared).text == "Köln ist groß"


@pytest.mark.parametrize(
    ("head", "declared"),
    [
        ('<link rel="canonical" href="/x">', "https://a.example/x"),
        ('<LINK REL="Canonical" HREF="https://a.example/x">', "https://a.example/x"),
        ('<meta property="og:url" content="https://a.example/y">', "https://a.example/y"),
        (
            '<meta property="og:url" content="/y"><link rel=canonical href="/x">',
            "https://a.example/x",
        ),
        ('<link rel="canonical" href="javascript:x">', None),
        ('<link rel="stylesheet" href="/x.css">', None),
    ],
)
def test_whole_page_declares_its_address(head: str, declared: str | None) -> None:
    page = f"<html><head>{head}</head><body><p>Some text.</p></body></html>"
    assert read_html(page, "https://a.example/z").declared_url == declared


def test_fragment_declares_no_address() -> None:
    assert read_html('<p>Text</p><link rel="canonical" href="/x">').declared_url is None
