"""One mail's bytes to drafts: one, or one for each item of a newsletter.

Tolerant of broken headers, wrong charsets and odd nesting. Knows no mailbox formats (see
`ingest/mailboxes.py`) and fetches nothing; attachments are passed over.
"""

from __future__ import annotations

import re
from datetime import datetime
from email.errors import HeaderParseError, MessageError
from email.header import decode_header
from email.message import Message
from email.utils import parseaddr
from typing import Any, Literal

from ingest.batches import Refused
from ingest.dates import read_date
from ingest.drafting import RawItem, make_draft
from ingest.mail_items import MailSource, clean_links, is_answer, is_bulk, split_mail
from ingest.mail_limits import (
    MAX_TEXT_BYTES,
    MailTooComplexError,
    list_text_parts,
    name_defects,
    parse_mail,
)
from ingest.markup import read_all_html
from ingest.text import MAX_LINKS, ReadText, one_line, read_plain
from schemas.articles import ArticleDraft

MAX_MAIL_BYTES = 20_000_000
IDENTIFYING_HEADERS = ("From", "To", "Subject", "Date", "Message-ID", "Received", "MIME-Version")
PARSER_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    MessageError,
    RecursionError,
    TypeError,
    ValueError,
)
"""What the standard library's mail parser is known to raise on broken mails."""

WIDER_CHARSETS = {
    "iso-8859-1": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
}
"""Charsets that mails name when they mean the wider one, as browsers read them."""
UNFIT_CHARSETS = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape"})
"""Codecs of Python that are no charsets of mails."""
META_CHARSET = re.compile(rb"<meta[^>]{1,200}charset\s*=\s*[\"']?([\w-]{1,40})", re.IGNORECASE)
HTML_SHARE = 0.8
"""An HTML part with less than this share of the plain part's text is a mere "view online"."""


def read_mail(
    raw: bytes, where: str, now: datetime, *, split_newsletters: bool = True
) -> list[ArticleDraft | Refused]:
    """Turn any bytes into drafts or a reason, at least one of them; never raises."""
    if len(raw) > MAX_MAIL_BYTES:
        return [Refused(where, f"the mail is larger than {MAX_MAIL_BYTES:,} bytes")]
    if not raw.strip():
        return [Refused(where, "the mail is empty")]
    try:
        message = parse_mail(raw)
        if not any(name in message for name in IDENTIFYING_HEADERS):
            return [Refused(where, "it has none of the headers of a mail")]
        mail, source = _read_message(message, where)
        items = split_mail(mail, source) if split_newsletters else [mail]
        return [make_draft(item, now) for item in items]
    except MailTooComplexError as error:
        return [Refused(where, str(error))]
    except PARSER_FAULTS as error:
        return [Refused(where, f"the mail cannot be read ({type(error).__name__})")]


def _read_message(message: Message, where: str) -> tuple[RawItem, MailSource]:
    subject = read_header(message, "Subject")
    sender = read_header(message, "From")
    name, address = parseaddr(sender)
    parts, cut = _text_parts(message)
    has_html = any(kind == "text/html" for kind, _ in parts)
    body, text, kind = _fullest_body(parts)
    source = MailSource(text, kind, is_bulk(message), is_answer(message))
    date = read_header(message, "Date")
    published_at = read_date(date)
    mail = RawItem(
        where=where,
        body=body,
        external_id=read_header(message, "Message-ID").strip("<> "),
        title=subject,
        published_at=published_at,
        author=name or address,
        language=read_header(message, "Content-Language"),
        metadata={
            "subject": subject,
            "from": sender,
            "content_length": len(body.text),
            "link_count": len(body.links),
            "has_html": has_html,
        },
        notes=(
            *((f"the date {date[:40]!r} cannot be read",) if date and not published_at else ()),
            *((f"only {MAX_TEXT_BYTES:,} bytes of the mail's text were read",) if cut else ()),
            *name_defects(message),
        ),
    )
    return mail, source


def read_header(message: Message, name: str) -> str:
    """Decode a header to one line, encoded words and raw 8-bit bytes alike; "" when absent."""
    value: Any = message.get(name)
    if value is None:
        return ""
    # With raw 8-bit bytes in it the value is a Header, of which only its bytes are of use.
    text = value if isinstance(value, str) else _join_words(decode_header(value))
    try:
        return one_line(_join_words(decode_header(text)))
    except (HeaderParseError, ValueError):
        return one_line(text)


def _join_words(words: list[tuple[Any, str | None]]) -> str:
    """Join encoded and plain words, which the parser strips of the space between them."""
    text = ""
    was_encoded = False
    for word, charset in words:
        is_encoded = charset is not None
        if isinstance(word, str):
            piece = word
        else:  # `decode_header` itself turns a plain word that stands beside encoded ones to bytes
            piece = decode_bytes(word, charset) if is_encoded else word.decode("raw_unicode_escape")
        text += " " + piece if text and is_encoded != was_encoded else piece
        was_encoded = is_encoded
    return text


def decode_bytes(data: bytes, charset: str | None) -> str:
    """Decode by the charset named, else as UTF-8, else as windows-1252; never raises."""
    named = (charset or "").strip(" \t\"'").lower()
    for candidate in (WIDER_CHARSETS.get(named, named), "utf-8"):
        if candidate and candidate not in UNFIT_CHARSETS:
            try:
                return data.decode(candidate)
            except (LookupError, ValueError):
                continue
    return data.decode("cp1252", "replace")


def _text_parts(message: Message) -> tuple[list[tuple[str, str]], bool]:
    """Give (content type, text) of the inline text parts in order, and whether any was cut."""
    parts: list[tuple[str, str]] = []
    left = MAX_TEXT_BYTES
    for part in list_text_parts(message):
        data = part.get_payload(decode=True)
        if not isinstance(data, bytes):
            continue
        charset = part.get_content_charset() or _stated_in_html(data)
        parts.append((part.get_content_type(), decode_bytes(data[:left], charset)))
        if len(data) > left:
            return parts, True
        left -= len(data)
    return parts, False


def _stated_in_html(data: bytes) -> str | None:
    found = META_CHARSET.search(data, 0, 1024)
    return found[1].decode("ascii") if found else None


def _fullest_body(
    parts: list[tuple[str, str]],
) -> tuple[ReadText, str, Literal["html", "plain"]]:
    """Read the HTML parts and the plain ones; the HTML wins unless it says clearly less.

    Gives what was read, and the source text that it was read from with its kind.
    """
    pages = [text for kind, text in parts if kind == "text/html"]
    plains = [text for kind, text in parts if kind == "text/plain"]
    from_html = _join([read_all_html(text) for text in pages])
    from_plain = _join([read_plain(text) for text in plains])
    if pages and len(from_html.text) >= HTML_SHARE * len(from_plain.text):
        return from_html, "\n".join(pages), "html"
    return from_plain, "\n\n".join(plains), "plain"


def _join(bodies: list[ReadText]) -> ReadText:
    links = {link.url: link for body in bodies for link in body.links}
    joined = ReadText(
        text="\n\n".join(body.text for body in bodies if body.text),
        links=tuple(links.values())[:MAX_LINKS],
        note=next((body.note for body in bodies if body.note), None),
    )
    return clean_links(joined)
