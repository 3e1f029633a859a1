"""HTML to text and links; plain text made safe to store.

Paragraphs are parted by one blank line. Whole pages go through trafilatura, which leaves
navigation and footers out; fragments, such as a feed entry's body, are all article and are
walked directly. Pure: bytes of the network and files are other modules' business.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urljoin

from lxml import etree, html  # type: ignore[import-untyped]

from schemas.articles import Link

MAX_HTML_CHARS = 3_000_000
"""trafilatura needs up to 4 s for 3 MB of table; more is cut."""
MAX_TEXT_CHARS = 200_000
"""About 35,000 words: a short book."""
MAX_LINKS = 200
MAX_LINK_TEXT_CHARS = 300
LEAST_SHARE = 0.4
"""If trafilatura keeps less of a mail or page than this, it mistook the article for clutter."""

_SKIPPED = "script style noscript template head title svg math iframe object select button"
_SKIPPED_TAGS = frozenset(_SKIPPED.split())
_BLOCKS = """
    address article aside blockquote body caption center dd details div dl dt fieldset figcaption
    figure footer form h1 h2 h3 h4 h5 h6 header hr html li main nav ol p pre section summary table
    tbody tfoot thead tr ul
"""
_BLOCK_TAGS = frozenset(_BLOCKS.split())
_CELL_TAGS = frozenset({"td", "th"})
_MARKUP = re.compile(
    r"<(?:!doctype|html|body|head|p|br|div|span|a|b|i|em|strong|img|ul|ol|li|table|h[1-6]"
    r"|blockquote|font|center|section|article)\b[^>]*>",
    re.IGNORECASE,
)
_WHOLE_PAGE = re.compile(r"<(?:!doctype\s+html|html|body)\b", re.IGNORECASE)
_HIDDEN_STYLE = re.compile(r"display\s*:\s*none", re.IGNORECASE)
_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_PADDING = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060\ufeff]")
_PLAIN_URL = re.compile(r"https?://[^\s<>\"'\[\]{}|\\^`]*[\w/=&#~-]")
_BLANKS = re.compile("[^\\S\n]+")
_BLANK_LINES = re.compile("\n{3,}")


@dataclass(frozen=True)
class ReadText:
    """What was read out of a piece of HTML or plain text."""

    text: str = ""
    links: tuple[Link, ...] = ()
    note: str | None = None
    """Says what was cut, if anything."""


def has_markup(text: str) -> bool:
    """Tell whether a text that may be either is HTML."""
    return "<" in text and _MARKUP.search(text) is not None


def read_html(markup: str, base_url: str | None = None) -> ReadText:
    """Read the article's text and links out of a page or a fragment; never raises."""
    note = None
    if len(markup) > MAX_HTML_CHARS:
        markup, note = markup[:MAX_HTML_CHARS], f"the HTML was cut at {MAX_HTML_CHARS:,} characters"
    tree = _parse(markup)
    if tree is None:
        return ReadText("", note=note)
    text = "\n\n".join(_paragraphs(tree))
    if _WHOLE_PAGE.search(markup[:2_000]):
        main = _main_text(markup)
        text = main if len(main) >= LEAST_SHARE * len(text) else text
    text, cut = clean_text(text)
    return ReadText(text, tuple(_links(tree, base_url)), note or cut)


def read_plain(text: str) -> ReadText:
    """Read plain text: line ends unified, paragraphs parted by one blank line."""
    text = text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
    text, note = clean_text(text)
    urls = dict.fromkeys(_PLAIN_URL.findall(text)) if "://" in text else {}
    return ReadText(text, tuple(Link(url=url) for url in list(urls)[:MAX_LINKS]), note)


def read_either(text: str, base_url: str | None = None) -> ReadText:
    """Read a text that nobody has declared to be HTML or plain."""
    return read_html(text, base_url) if has_markup(text) else read_plain(text)


def one_line(text: str) -> str:
    """Make a plain title or name one storable line."""
    return " ".join(clean_text(text)[0].split())


def clean_text(text: str) -> tuple[str, str | None]:
    """Make text storable: NFC, no control characters or lone surrogates, tidy blanks, a cap.

    NFC here means that a span found in the stored text later is a span of that very text.
    """
    note = None
    if len(text) > MAX_TEXT_CHARS:
        text, note = text[:MAX_TEXT_CHARS], f"the text was cut at {MAX_TEXT_CHARS:,} characters"
    text = unicodedata.normalize("NFC", text)
    # Most texts need no mending, and `isprintable` says so ten times faster than the patterns.
    if "  " in text or not text.replace("\n", " ").isprintable():
        text = _PADDING.sub("", text)
        text = _BLANKS.sub(" ", _UNSTORABLE.sub(" ", text))
    text = "\n".join([line.strip() for line in text.split("\n")]).strip()
    return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text), note


def _parse(markup: str) -> html.HtmlElement | None:
    """Parse leniently. The bytes are ours, so an encoding that the page declares is ignored."""
    parser = html.HTMLParser(encoding="utf-8", remove_comments=True, remove_pis=True)
    data = _UNSTORABLE.sub(" ", markup).encode("utf-8")
    try:
        return html.document_fromstring(data, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, AssertionError):
        return None


def _main_text(markup: str) -> str:
    """Let trafilatura find a page's article; its lines are paragraphs."""
    # It takes 0.5 s to import, and only whole pages need it.
    import trafilatura  # noqa: PLC0415

    text = trafilatura.extract(
        _UNSTORABLE.sub(" ", markup), favor_recall=True, include_comments=False
    )
    return (text or "").replace("\n", "\n\n")


def _paragraphs(tree: html.HtmlElement) -> Iterator[str]:
    """Walk the tree without recursion and give each block's text."""
    piece: list[str] = []
    skipped: html.HtmlElement | None = None
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if skipped is not None:
            if event == "end" and element is skipped:
                skipped = None
                piece.append(element.tail or "")
            continue
        if event == "start" and _is_hidden(element):
            skipped = element
            continue
        if element.tag in _BLOCK_TAGS:
            yield from _flush(piece)
        elif element.tag == "br":
            piece.append("\n" if event == "start" else "")
        elif element.tag in _CELL_TAGS:
            piece.append(" ")
        piece.append((element.text if event == "start" else element.tail) or "")
    yield from _flush(piece)


def _flush(piece: list[str]) -> Iterator[str]:
    # Line ends of the source are mere spaces in HTML; those of <br> were added by us.
    lines = (" ".join(line.split()) for line in _joined(piece).split("\n"))
    paragraph = "\n".join(line for line in lines if line)
    piece.clear()
    if paragraph:
        yield paragraph


def _joined(piece: list[str]) -> str:
    return "".join(part if part == "\n" else part.replace("\n", " ") for part in piece)


def _is_hidden(element: html.HtmlElement) -> bool:
    if element.tag in _SKIPPED_TAGS:
        return True
    style = element.get("style")
    return style is not None and _HIDDEN_STYLE.search(style) is not None


def _links(tree: html.HtmlElement, base_url: str | None) -> Iterator[Link]:
    """Give the http(s) links of a tree, absolute, each address once."""
    seen: set[str] = set()
    for anchor in tree.iter("a"):
        url = _absolute(anchor.get("href"), base_url)
        if url is None or url in seen:
            continue
        seen.add(url)
        text = "".join(anchor.itertext())[:MAX_LINK_TEXT_CHARS]
        yield Link(url=url, text=one_line(text))
        if len(seen) == MAX_LINKS:
            return


def _absolute(href: str | None, base_url: str | None) -> str | None:
    if not href:
        return None
    try:
        url = urljoin(base_url or "", href.strip())
    except ValueError:
        return None
    url = one_line(url)
    return url if url.lower().startswith(("http://", "https://")) else None
