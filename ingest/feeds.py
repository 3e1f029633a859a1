"""A feed's bytes to drafts: RSS, Atom and RDF as feedparser reads them, and JSON Feed.

feedparser gets a byte stream only: given a string, or even bytes, it opens what looks like a
local path or a URL. This module fetches nothing.
"""

from __future__ import annotations

import io
from datetime import datetime, timedelta
from email.utils import parseaddr
from typing import Any
from xml.sax import SAXException

import feedparser

from ingest.batches import Refused
from ingest.dates import read_struct_time
from ingest.drafting import RawItem, make_draft
from ingest.json_feeds import looks_like_json, parse_json_feed
from ingest.markup import read_either, read_html
from ingest.parsed_feeds import (
    MAX_TAGS,
    ParsedFeed,
    choose_newest,
    gather_feed,
    note_length,
    refuse_feed,
)
from ingest.text import ReadText, one_line, read_plain
from schemas.articles import ArticleDraft

HARMLESS = (feedparser.NonXMLContentType, feedparser.CharacterEncodingOverride)
"""Faults of the HTTP header only, which feedparser mends."""
PARSER_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    SAXException,
    TypeError,
    ValueError,
)
"""What feedparser is known to raise on bytes that are no feed."""


def parse_feed(
    body: bytes, *, url: str, now: datetime, content_type: str | None = None
) -> ParsedFeed:
    """Turn any bytes into drafts and reasons; never raises.

    url: where the bytes came from, for relative links. content_type: the HTTP header, which
    may name the encoding.
    """
    if looks_like_json(body):
        return parse_json_feed(body, now=now)
    try:
        parsed = _run_feedparser(body, url, content_type)
    except PARSER_FAULTS as error:
        return refuse_feed(f"feedparser cannot read it ({type(error).__name__})")
    if not parsed.entries and not parsed.get("version"):
        return refuse_feed(_describe_no_feed(body))
    outcomes = [
        _read_entry(entry, number, parsed.feed, now)
        for number, entry in choose_newest(parsed.entries, _date)
    ]
    title = _read_detail(parsed.feed.get("title_detail") or {}).text
    return gather_feed(outcomes, _notes(parsed), title=one_line(title), ttl=_ttl(parsed.feed))


def _run_feedparser(body: bytes, url: str, content_type: str | None) -> Any:
    headers = {"content-location": url, "content-type": content_type or "application/xml"}
    # Sanitising and resolving would cost half of the time, for HTML of which only text is kept.
    return feedparser.parse(
        io.BytesIO(body),
        response_headers=headers,
        sanitize_html=False,
        resolve_relative_uris=False,
    )


def _describe_no_feed(body: bytes) -> str:
    start = body[:1000].lower()
    if not body.strip():
        return "the body is empty"
    if b"<html" in start or b"<!doctype html" in start:
        return "this is an HTML page, not a feed"
    return "this is no RSS, Atom, RDF or JSON Feed"


def _notes(parsed: Any) -> list[str]:
    notes = note_length(len(parsed.entries))
    if parsed.bozo and not isinstance(parsed.bozo_exception, HARMLESS):
        notes.append(f"the feed is not well formed ({type(parsed.bozo_exception).__name__})")
    return notes


def _read_entry(entry: Any, number: int, feed: Any, now: datetime) -> ArticleDraft | Refused:
    link = _link(entry)
    raw = RawItem(
        where=f"entry {number}",
        body=_read_body(entry, link or _text(feed, "link")),
        external_id=_text(entry, "id"),
        title=_read_detail(entry.get("title_detail") or {}).text,
        url=link,
        published_at=_date(entry),
        author=_author(entry),
        language=_text(feed, "language"),
        metadata={"feed_title": one_line(_text(feed, "title")), "tags": _tags(entry)},
    )
    return make_draft(raw, now)


def _read_body(entry: Any, base_url: str) -> ReadText:
    """Read the entry's fullest body: feeds put it into the content or into the summary."""
    details = [*(entry.get("content") or ()), entry.get("summary_detail") or {}]
    fullest = max(details, key=lambda detail: len(_text(detail, "value")))
    return _read_detail(fullest, base_url)


def _read_detail(detail: Any, base_url: str | None = None) -> ReadText:
    """Read a text by its declared type, HTML without any markup being plain."""
    value = _text(detail, "value")
    if "html" in _text(detail, "type"):
        return read_html(value, base_url) if "<" in value or "&" in value else read_plain(value)
    return read_either(value, base_url)


def _author(entry: Any) -> str:
    """Give the name without the address of RSS, "desk@paper.example (Ada Quay)"."""
    author = _text(entry, "author")
    return (parseaddr(author)[0] if "@" in author else "") or author


def _link(entry: Any) -> str | None:
    """Find the entry's page: its link, before FeedBurner replaced it, else an id that is one."""
    for candidate in (_text(entry, name) for name in ("feedburner_origlink", "link", "id")):
        if candidate.lower().startswith(("http://", "https://")):
            return candidate
    return None


def _date(entry: Any) -> datetime | None:
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        # `in` first: feedparser answers `get("updated")` with `published` and a warning.
        if name in entry and (date := read_struct_time(entry[name])):
            return date
    return None


def _tags(entry: Any) -> list[str]:
    terms = (tag.get("term") for tag in entry.get("tags") or ())
    return [one_line(term) for term in terms if isinstance(term, str)][:MAX_TAGS]


def _ttl(feed: Any) -> timedelta | None:
    """Read RSS's `ttl`, whole minutes."""
    minutes = _text(feed, "ttl").strip()
    is_number = minutes.isascii() and minutes.isdigit() and len(minutes) < 7
    return timedelta(minutes=int(minutes)) or None if is_number else None


def _text(holder: Any, name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
