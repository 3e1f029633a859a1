"""JSON Feed 1.0 and 1.1 to drafts (https://www.jsonfeed.org/version/1.1/).

Forgiving as the other parsers are: a member of the wrong type counts as missing. Fetches nothing.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from ingest.batches import Refused
from ingest.dates import read_date
from ingest.drafting import RawItem, make_draft
from ingest.markup import read_html
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


def looks_like_json(body: bytes) -> bool:
    """Tell whether bytes may be a JSON Feed rather than XML."""
    return body[:200].removeprefix(b"\xef\xbb\xbf").lstrip()[:1] == b"{"


def parse_json_feed(body: bytes, *, now: datetime) -> ParsedFeed:
    """Turn bytes that begin like a JSON object into drafts and reasons; never raises."""
    try:
        feed = json.loads(body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        return refuse_feed(f"it begins like JSON but is none ({type(error).__name__})")
    items = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(items, list):
        return refuse_feed("this is JSON, but no JSON Feed: it has no list of items")
    if not _text(feed, "version").startswith(("https://jsonfeed.org/", "http://jsonfeed.org/")):
        return refuse_feed("this is JSON, but no JSON Feed: it names no version of it")
    outcomes = [_read_item(item, number, feed, now) for number, item in choose_newest(items, _date)]
    return gather_feed(outcomes, note_length(len(items)), title=one_line(_text(feed, "title")))


def _read_item(
    item: Any, number: int, feed: dict[str, Any], now: datetime
) -> ArticleDraft | Refused:
    if not isinstance(item, dict):
        return Refused(f"entry {number}", "it is no object")
    link = _text(item, "url") or _text(item, "external_url") or None
    raw = RawItem(
        where=f"entry {number}",
        body=_read_body(item, link or _text(feed, "home_page_url")),
        external_id=_id(item),
        title=_text(item, "title"),
        url=link,
        published_at=_date(item),
        author=_author(item) or _author(feed),
        language=_text(item, "language") or _text(feed, "language"),
        metadata={"feed_title": one_line(_text(feed, "title")), "tags": _tags(item)},
    )
    return make_draft(raw, now)


def _read_body(item: dict[str, Any], base_url: str) -> ReadText:
    if markup := _text(item, "content_html"):
        return read_html(markup, base_url)
    return read_plain(_text(item, "content_text") or _text(item, "summary"))


def _date(item: Any) -> datetime | None:
    if not isinstance(item, dict):
        return None
    return read_date(item.get("date_published")) or read_date(item.get("date_modified"))


def _id(item: dict[str, Any]) -> str:
    """Read the id; numbers are told in the standard to be taken as text."""
    found = item.get("id")
    return str(found) if isinstance(found, (str, int, float)) else ""


def _author(holder: dict[str, Any]) -> str:
    authors = holder.get("authors")
    candidates = [*(authors if isinstance(authors, list) else []), holder.get("author")]
    names = [_text(each, "name") for each in candidates if isinstance(each, dict)]
    return ", ".join(dict.fromkeys(filter(None, names)))


def _tags(item: dict[str, Any]) -> list[str]:
    tags = item.get("tags")
    return (
        [one_line(tag) for tag in tags if isinstance(tag, str)][:MAX_TAGS]
        if isinstance(tags, list)
        else []
    )


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    return value if isinstance(value, str) else ""
