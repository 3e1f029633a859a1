"""Plain text made safe to store and to search: Unicode form, control characters, paragraphs, caps.

Paragraphs are parted by one blank line. HTML is another module's business (`ingest/markup.py`).
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from schemas.articles import Link

MAX_TEXT_CHARS = 200_000
"""About 35,000 words: a short book."""
MAX_LINKS = 200

_UNSTORABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""Control characters and lone surrogates: Postgres takes no NUL, UTF-8 no surrogate."""
_PADDING = re.compile("[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2060\ufeff]")
"""Characters without width or meaning of their own, with which mails pad their previews."""
_BLANKS = re.compile("[^\\S\n]+")
_BLANK_LINES = re.compile("\n{3,}")
_URL = re.compile(r"https?://[^\s<>\"'\[\]{}|\\^`]*[\w/=&#~-]")


@dataclass(frozen=True)
class ReadText:
    """What was read out of a piece of HTML or plain text."""

    text: str = ""
    links: tuple[Link, ...] = ()
    note: str | None = None
    """Says what was cut, if anything."""
    declared_url: str | None = None
    """The address that a whole page says is its own."""


def read_plain(text: str) -> ReadText:
    """Read plain text and the addresses that stand in it."""
    text, note = clean_text(text)
    urls = dict.fromkeys(_URL.findall(text)) if "://" in text else {}
    return ReadText(text, tuple(Link(url=url) for url in list(urls)[:MAX_LINKS]), note)


def one_line(text: str) -> str:
    """Make a plain title or name one storable line."""
    return " ".join(clean_text(text)[0].split())


def cut_line(line: str, chars: int) -> str:
    """Cut a line that is longer at a word, or, in a script without blanks, at a letter."""
    if len(line) <= chars:
        return line
    return (line[:chars].rpartition(" ")[0] or line[:chars]) + "…"


def clean_text(text: str) -> tuple[str, str | None]:
    """Make text storable: NFC, nothing unstorable, tidy blanks and line ends, a cap.

    Gives the text and a note if it was cut. NFC here means that a span found in the stored text
    later is a span of that very text.
    """
    note = None
    if len(text) > MAX_TEXT_CHARS:
        text, note = text[:MAX_TEXT_CHARS], f"the text was cut at {MAX_TEXT_CHARS:,} characters"
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    # Most texts need no mending, and `isprintable` says so ten times faster than the patterns.
    if "  " in text or not text.replace("\n", " ").isprintable():
        text = _PADDING.sub("", drop_unstorable(text))
        text = _BLANKS.sub(" ", text)
    # After the padding is out: a letter and its accent may have stood apart.
    text = unicodedata.normalize("NFC", text)
    text = "\n".join([line.strip() for line in text.split("\n")]).strip()
    return (_BLANK_LINES.sub("\n\n", text) if "\n\n\n" in text else text), note


def drop_unstorable(text: str) -> str:
    """Put a space in the place of every character that cannot be stored."""
    return _UNSTORABLE.sub(" ", text)


def drop_padding(text: str) -> str:
    """Leave out the characters without width with which mails pad their previews."""
    return text if text.isascii() else _PADDING.sub("", text)
