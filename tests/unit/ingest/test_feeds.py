"""Feeds: golden pairs of every dialect, and what a feed may not do."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import parsed_feeds
from ingest.feeds import parse_feed
from ingest.parsed_feeds import MAX_ITEMS, SHARED_URL_NOTE
from tests.unit.ingest.golden import NOW, dump, expected, inputs

URL = "https://feeds.example/news.xml"


@pytest.mark.parametrize("path", inputs("feeds", "*.xml"), ids=lambda path: path.stem)
def test_feed_gives_the_articles_of_its_golden_pair(path: Path) -> None:
    feed = parse_feed(path.read_bytes(), url=f"https://feeds.example/{path.name}", now=NOW)
    found = {
        "drafts": [dump(draft) for draft in feed.drafts],
        "refused": [dump(refused) for refused in feed.refused],
        "notes": list(feed.notes),
    }
    assert found == expected(path)


def test_bytes_that_name_a_local_file_do_not_open_it(tmp_path: Path) -> None:
    secret = tmp_path / "secret.xml"
    secret.write_text(
        "<rss version='2.0'><channel><item><title>LOCAL</title></item></channel></rss>"
    )
    for body in (str(secret), secret.as_uri()):
        feed = parse_feed(body.encode(), url=URL, now=NOW)
        assert feed.is_unreadable
        assert not feed.drafts


def test_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("LOCAL SECRET")
    body = f"""<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY x SYSTEM "{secret.as_uri()}">]>
    <rss version="2.0"><channel><item><title>a &x; b</title></item></channel></rss>"""
    feed = parse_feed(body.encode(), url=URL, now=NOW)
    assert [draft.title for draft in feed.drafts if "SECRET" in draft.title] == []


def test_charset_of_the_http_header_is_believed() -> None:
    body = "<rss version='2.0'><channel><item><title>Köln</title></item></channel></rss>"
    feed = parse_feed(
        body.encode("iso-8859-1"), url=URL, now=NOW, content_type="text/xml; charset=iso-8859-1"
    )
    assert [draft.title for draft in feed.drafts] == ["Köln"]


def test_entries_that_share_an_id_are_known_by_what_they_say() -> None:
    items = "".join(
        f"<item><guid>{guid}</guid><title>Item {title}</title></item>"
        for guid, title in (("urn:a", 1), ("urn:a", 2), ("urn:b", 3), ("urn:b", 3))
    )
    body = f"<rss version='2.0'><channel>{items}</channel></rss>"
    drafts = parse_feed(body.encode(), url=URL, now=NOW).drafts
    known_by = [draft.external_id for draft in drafts]
    assert known_by == [drafts[0].content_key, drafts[1].content_key, "urn:b", "urn:b"]


def test_entries_that_share_a_link_in_any_of_its_forms_go_without_it() -> None:
    links = (
        "https://feeds.example/live",
        "http://www.feeds.example/live/amp",
        "https://other.example/1",
    )
    items = "".join(
        f"<item><title>Item {place}</title><link>{link}</link></item>"
        for place, link in enumerate(links)
    )
    body = f"<rss version='2.0'><channel>{items}</channel></rss>"
    drafts = parse_feed(body.encode(), url=URL, now=NOW).drafts
    assert [(draft.url, draft.address_key) for draft in drafts] == [
        (None, None),
        (None, None),
        ("https://other.example/1", "other.example/1"),
    ]
    assert [SHARED_URL_NOTE in draft.notes for draft in drafts] == [True, True, False]


def test_endless_feed_is_cut_with_a_note() -> None:
    items = "".join(f"<item><title>Item {n}</title></item>" for n in range(MAX_ITEMS + 20))
    body = f"<rss version='2.0'><channel>{items}</channel></rss>"
    feed = parse_feed(body.encode(), url=URL, now=NOW)
    assert len(feed.drafts) == MAX_ITEMS
    assert feed.drafts[0].title == "Item 0"
    assert feed.notes == ("the feed has 2,020 entries: the newest 2,000 were taken",)


def test_endless_feed_that_begins_with_the_oldest_gives_its_newest(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parsed_feeds, "MAX_ITEMS", 3)
    items = "".join(
        f"<item><title>Of day {day}</title><pubDate>{day:02} Oct 2026 10:00:00 GMT</pubDate></item>"
        for day in range(1, 9)
    )
    body = f"<rss version='2.0'><channel><item><title>Undated</title></item>{items}</channel></rss>"
    drafts = parse_feed(body.encode(), url=URL, now=NOW).drafts
    assert [draft.title for draft in drafts] == ["Of day 6", "Of day 7", "Of day 8"]


def test_feed_without_entries_is_a_note_and_not_a_fault() -> None:
    feed = parse_feed(b"<rss version='2.0'><channel></channel></rss>", url=URL, now=NOW)
    assert not feed.is_unreadable
    assert feed.notes == ("the feed has no entries",)


@pytest.mark.parametrize("body", [b"", b"  \n", b"hello", b"\x00\xff\xfe", b"{}"])
def test_bytes_that_are_no_feed_become_a_reason(body: bytes) -> None:
    feed = parse_feed(body, url=URL, now=NOW)
    assert feed.is_unreadable
    assert len(feed.refused) == 1
