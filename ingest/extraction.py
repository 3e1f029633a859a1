"""Finding the article in a page, in the helper process and with a time limit."""

from __future__ import annotations

from email.message import Message
from typing import Any

from ingest.helper import Helper
from ingest.mail import META_CHARSET, decode_bytes
from ingest.markup import read_html
from ingest.page_verdicts import judge_page
from ingest.pages import Extracted
from schemas.articles import Link


class Extractor:
    """Asks the helper for a page's article."""

    def __init__(self, helper: Helper, *, limit_s: float) -> None:
        """limit_s: for one page."""
        self._helper = helper
        self._limit_s = limit_s

    def extract(self, body: bytes, url: str, content_type: str | None) -> Extracted | None:
        """Find the article in a page's bytes; None when it took too long or broke the helper."""
        answer = self._helper.ask(
            "page", body, limit_s=self._limit_s, url=url, content_type=content_type
        )
        if answer is None:
            return None
        links = tuple(Link(url=each[0], text=each[1]) for each in answer["links"])
        return Extracted(answer["text"], links, answer["verdict"])


def answer_page(body: bytes, *, url: str, content_type: str | None) -> dict[str, Any]:
    """Find the article in a page's bytes; runs in the helper."""
    markup = decode_page(body, content_type)
    found = read_html(markup, url)
    links = [(link.url, link.text) for link in found.links]
    return {"text": found.text, "links": links, "verdict": judge_page(markup, found.text, url)}


def decode_page(body: bytes, content_type: str | None) -> str:
    """Decode by byte-order mark, HTTP header or the page's own word, in this order."""
    if body.startswith(b"\xef\xbb\xbf"):
        return body[3:].decode("utf-8", "replace")
    if body.startswith((b"\xff\xfe", b"\xfe\xff")):
        return body.decode("utf-16", "replace")
    message = Message()
    message["Content-Type"] = content_type or ""
    stated = META_CHARSET.search(body, 0, 2048)
    named = message.get_content_charset() or (stated[1].decode("ascii") if stated else None)
    return decode_bytes(body, named)
